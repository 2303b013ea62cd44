//! `is`, with the HMAC of AWS-LC as str0m has it, and with the one of its own; rtc-stun with both of its backends.

use std::hint::black_box;
use std::net::SocketAddr;

use aws_lc_rs::hmac;
use is::stun::{StunMessage, TransId};
use is::{DefaultSha1HmacProvider, Sha1HmacProvider as _};
use rtc_crypto::RTCCryptoProvider;
use rtc_crypto::providers::{AwsLcRsProvider, RingProvider};
use rtc_stun::attributes::{
    ATTR_ICE_CONTROLLING, ATTR_MESSAGE_INTEGRITY, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME,
};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Message, Setter as _, TransactionId};
use rtc_stun::textattrs::Username;
use rtc_stun::xoraddr::XorMappedAddress;

use crate::measure::Row;
use crate::{ID, PASSWORD, PRIORITY, TIE_BREAKER, USERNAME, repeat};

type Hmac = fn(&[u8], &[&[u8]]) -> [u8; 20];

fn aws_lc(key: &[u8], parts: &[&[u8]]) -> [u8; 20] {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    let mut context = hmac::Context::with_key(&key);
    parts.iter().for_each(|part| context.update(part));
    context.sign().as_ref().try_into().expect("20 bytes")
}

fn own(key: &[u8], parts: &[&[u8]]) -> [u8; 20] {
    DefaultSha1HmacProvider.sha1_hmac(key, parts)
}

const IS: [(&str, Hmac); 2] = [("is, aws-lc-rs", aws_lc), ("is, sha1", own)];

fn rtc(name: &str) -> &'static dyn rtc_crypto::RTCCrypto {
    // They live as long as the bench.
    if name.ends_with("ring") {
        Box::leak(Box::new(RingProvider::new())).crypto()
    } else {
        Box::leak(Box::new(AwsLcRsProvider::new())).crypto()
    }
}

const RTC: [&str; 2] = ["rtc-stun, ring", "rtc-stun, aws-lc-rs"];

/// Reads and verifies a check.
pub(crate) fn verify<'a>(mut row: Row<'a>, request: &[u8]) -> Row<'a> {
    for (name, hmac) in IS {
        let request = request.to_vec();
        row = row.rival(
            name,
            repeat(move || {
                let message = StunMessage::parse(black_box(&request)).expect("a message");
                assert_eq!(message.split_username(), USERNAME.split_once(':'));
                assert_eq!(message.prio(), Some(PRIORITY));
                assert!(message.use_candidate());
                assert!(message.verify(PASSWORD.as_bytes(), hmac));
            }),
        );
    }
    for name in RTC {
        let (request, crypto) = (request.to_vec(), rtc(name));
        let mut message = Message::new();
        row = row.rival(
            name,
            repeat(move || {
                message.unmarshal_binary(black_box(&request)).expect("a message");
                FINGERPRINT.check(&message).expect("a fingerprint");
                assert_eq!(message.get(ATTR_USERNAME).expect("a name"), USERNAME.as_bytes());
                assert_eq!(message.get(ATTR_PRIORITY).expect("a priority"), PRIORITY.to_be_bytes());
                assert!(message.contains(ATTR_USE_CANDIDATE));
                MessageIntegrity::check(&mut message, PASSWORD.as_bytes(), crypto).expect("authentic");
            }),
        );
    }
    row
}

/// Builds a check.
pub(crate) fn build(mut row: Row<'_>) -> Row<'_> {
    for (name, hmac) in IS {
        let mut out = [0; 200];
        let id = TransId::new();
        row = row.rival(
            name,
            repeat(move || {
                let message = StunMessage::binding_request(USERNAME, id, true, TIE_BREAKER, PRIORITY, true);
                let key = Some(PASSWORD.as_bytes());
                black_box(message.to_bytes(key, black_box(&mut out), hmac).expect("it fits"));
            }),
        );
    }
    for name in RTC {
        let integrity =
            MessageIntegrity::new_short_term_integrity_with_provider(PASSWORD.to_owned(), rtc(name));
        let mut message = Message::new();
        row = row.rival(
            name,
            repeat(move || {
                message.reset();
                message.write_header();
                message.set_type(BINDING_REQUEST);
                TransactionId(ID).add_to(&mut message).expect("an id");
                Username::new(rtc_stun::attributes::ATTR_USERNAME, USERNAME.to_owned())
                    .add_to(&mut message)
                    .expect("a name");
                message.add(ATTR_PRIORITY, &PRIORITY.to_be_bytes());
                message.add(ATTR_ICE_CONTROLLING, &TIE_BREAKER.to_be_bytes());
                message.add(ATTR_USE_CANDIDATE, &[]);
                integrity.add_to(&mut message).expect("a key");
                FINGERPRINT.add_to(&mut message).expect("a message");
                assert!(message.contains(ATTR_MESSAGE_INTEGRITY));
            }),
        );
    }
    row
}

/// Builds the response to a check.
pub(crate) fn respond(mut row: Row<'_>, source: SocketAddr) -> Row<'_> {
    for (name, hmac) in IS {
        let mut out = [0; 200];
        let id = TransId::new();
        row = row.rival(
            name,
            repeat(move || {
                let message = StunMessage::binding_reply(id, source);
                let key = Some(PASSWORD.as_bytes());
                black_box(message.to_bytes(key, black_box(&mut out), hmac).expect("it fits"));
            }),
        );
    }
    for name in RTC {
        let integrity =
            MessageIntegrity::new_short_term_integrity_with_provider(PASSWORD.to_owned(), rtc(name));
        let mut message = Message::new();
        row = row.rival(
            name,
            repeat(move || {
                message.reset();
                message.write_header();
                message.set_type(BINDING_SUCCESS);
                TransactionId(ID).add_to(&mut message).expect("an id");
                XorMappedAddress { ip: source.ip(), port: source.port() }
                    .add_to(&mut message)
                    .expect("an address");
                integrity.add_to(&mut message).expect("a key");
                FINGERPRINT.add_to(&mut message).expect("a message");
            }),
        );
    }
    row
}
