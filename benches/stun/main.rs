//! What an ICE check costs, read and verified, and built: beside the bare checksums of the same bytes with prepared keys, and
//! beside `is`, which is str0m's, and rtc-stun.

#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench may print and fail")]

#[path = "../measure/mod.rs"]
mod measure;
mod rivals;

use std::hint::black_box;

use drywire_crypto::{HashAlgorithm, Provider};
use drywire_stun::attributes::{IceControlling, Priority, UseCandidate, Username};
use drywire_stun::{Class, IntegrityAlgorithm, IntegrityKey, Message, MessageBuilder, Method, TransactionId};
use measure::{Measured, Report, Row, Stopwatch, Unit};

const MESSAGES: u32 = 2_000;
const MESSAGE: Unit = Unit::Nanoseconds("message");

pub(crate) const USERNAME: &str = "evtj:h6vY";
pub(crate) const PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";
pub(crate) const PRIORITY: u32 = 0x6e00_01ff;
pub(crate) const TIE_BREAKER: u64 = 0x932f_f9b1_5126_3b36;
pub(crate) const ID: [u8; 12] = [7; 12];

fn main() {
    let provider = drywire_crypto_aws_lc::provider();
    let mut report = Report::new("stun");
    verify(&mut report, &*provider);
    build(&mut report, &*provider);
    respond(&mut report, &*provider);
    report.finish();
}

/// A Binding request as ICE sends it.
fn check(key: &IntegrityKey, out: &mut Vec<u8>) {
    let id = TransactionId::new(ID);
    let mut request = MessageBuilder::new(out, Class::Request, Method::BINDING, id);
    request.attribute(&Username(USERNAME)).attribute(&Priority(PRIORITY));
    request.attribute(&IceControlling(TIE_BREAKER)).attribute(&UseCandidate);
    request.integrity(key, IntegrityAlgorithm::Sha1).fingerprint();
    request.finish().expect("it is short");
}

/// Runs `work` so many times on the clock.
pub(crate) fn repeat<'a>(mut work: impl FnMut() + 'a) -> impl FnMut(&mut Stopwatch) -> u32 + 'a {
    move |watch| {
        watch.time(|| (0..MESSAGES).for_each(|_| work()));
        MESSAGES
    }
}

/// The checksums of a message that has both, with a prepared key: what nothing can be faster than that verifies it.
fn checksums(provider: &dyn Provider, message: &[u8]) -> impl FnMut() + use<> {
    let key = provider.hmac_key(HashAlgorithm::Sha1, PASSWORD.as_bytes());
    let message = message.to_vec();
    let (protected, whole) = (message.len() - 32, message.len() - 8);
    move || {
        let message = black_box(&message);
        black_box(key.sign(&[message.get(..protected).unwrap_or_default()]));
        black_box(crc32fast::hash(message.get(..whole).unwrap_or_default()));
    }
}

/// The same for one that is built: FINGERPRINT covers MESSAGE-INTEGRITY (RFC 8489, section 14.7), so that the second
/// checksum waits for the first.
fn checksums_in_turn(provider: &dyn Provider, message: &[u8]) -> impl FnMut() + use<> {
    let key = provider.hmac_key(HashAlgorithm::Sha1, PASSWORD.as_bytes());
    let mut message = message.to_vec();
    let (protected, whole) = (message.len() - 32, message.len() - 8);
    move || {
        let message = black_box(&mut message);
        let code = key.sign(&[message.get(..protected).unwrap_or_default()]);
        message.get_mut(protected + 4..whole).expect("its place").copy_from_slice(code.as_bytes());
        black_box(crc32fast::hash(message.get(..whole).unwrap_or_default()));
    }
}

fn verify(report: &mut Report, provider: &dyn Provider) {
    let key = IntegrityKey::short_term(provider, PASSWORD);
    let mut request = Vec::new();
    check(&key, &mut request);
    let ours = request.clone();
    let row = Row::new("a check, read and verified", MESSAGE).drywire(repeat(move || {
        let message = Message::parse(black_box(&ours)).expect("a message");
        assert_eq!(message.check_fingerprint(), Some(true));
        assert_eq!(message.username(), Some(USERNAME));
        assert_eq!(message.priority(), Some(PRIORITY));
        assert!(message.has_use_candidate());
        assert!(message.check_integrity(&key).is_ok());
    }));
    let row = row.limit(repeat(checksums(provider, &request)));
    let row = rivals::verify(row, &request);
    finish(report, &row.measure(), 2.0, 2.0);
}

fn build(report: &mut Report, provider: &dyn Provider) {
    let key = IntegrityKey::short_term(provider, PASSWORD);
    let mut out = Vec::with_capacity(200);
    check(&key, &mut out);
    let limit = repeat(checksums_in_turn(provider, &out));
    let row = Row::new("a check, built", MESSAGE).drywire(repeat(move || {
        out.clear();
        check(&key, black_box(&mut out));
    }));
    let row = rivals::build(row.limit(limit));
    finish(report, &row.measure(), 2.0, 1.7);
}

fn respond(report: &mut Report, provider: &dyn Provider) {
    let key = IntegrityKey::short_term(provider, PASSWORD);
    let mut request = Vec::new();
    check(&key, &mut request);
    let source = "192.0.2.1:32853".parse().expect("an address");
    let mut out = Vec::with_capacity(200);
    // To read the request is not part of it: the others are given the id, too.
    let id = Message::parse(&request).expect("a message").transaction_id();
    let mut answer = move || {
        out.clear();
        let mut response = MessageBuilder::new(&mut out, Class::Success, Method::BINDING, black_box(id));
        response.attribute(&drywire_stun::attributes::XorMappedAddress(source));
        response.integrity(&key, IntegrityAlgorithm::Sha1).fingerprint();
        response.finish().expect("it is short");
        out.len()
    };
    let len = answer();
    let limit = repeat(checksums_in_turn(provider, &vec![1; len]));
    let row = Row::new("a response, built", MESSAGE).drywire(repeat(move || {
        black_box(answer());
    }));
    let row = rivals::respond(row.limit(limit), source);
    finish(report, &row.measure(), 2.0, 1.7);
}

/// Adds the row, and what it is to reach: `is` and rtc-stun take so many times as long, and the checksums alone no less
/// than four fifths.
fn finish(report: &mut Report, row: &Measured, is: f64, rtc: f64) {
    report.add(row);
    let ours = row.ours().map_or(f64::NAN, |entry| entry.best);
    for entry in row.rivals() {
        // The goal is about str0m's configuration; the other one shows what the cipher backend makes of it.
        if entry.name == "is, sha1" {
            continue;
        }
        let times = if entry.name.starts_with("is") { is } else { rtc };
        let ratio = entry.best / ours;
        report.goal(
            format!("{}: at least {times}x {}", row.name, entry.name),
            ratio >= times,
            format!("{ratio:.2}x"),
        );
    }
    if let Some(limit) = row.limit() {
        let ratio = ours / limit.best;
        report.goal(
            format!("{}: at most 1.25x the checksums", row.name),
            ratio <= 1.25,
            format!("{ratio:.2}x"),
        );
    }
    let allocations = row.ours().map_or(f64::NAN, |entry| entry.allocations);
    report.require_goal(format!("{}: no allocation", row.name), allocations == 0.0, format!("{allocations}"));
}
