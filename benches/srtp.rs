//! What SRTP costs per packet, beside the bare cipher on the same bytes.

#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a bench may print and fail"
)]

mod measure;

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use bytes::BytesMut;
use drywire_crypto::{CtrAlgorithm, HashAlgorithm, Provider};
use drywire_rtp::{HeaderFields, SequenceNumber, Ssrc};
use drywire_srtp::{Inbound, Outbound, Profile};
use measure::{Report, Row, Unit};

const PACKETS: u16 = 1_000;
const HEADER: usize = 12;
const PACKET: Unit = Unit::Nanoseconds("packet");

fn main() {
    let provider = drywire_crypto_aws_lc::provider();
    let mut report = Report::new("srtp");
    for (name, profile) in [("GCM", Profile::AeadAes128Gcm), ("CM-SHA1-80", Profile::Aes128CmSha1_80)] {
        for payload in [1200, 160] {
            protect(&mut report, &*provider, name, profile, payload);
            unprotect(&mut report, &*provider, name, profile, payload);
        }
    }
    rtcp(&mut report, &*provider);
    report.finish();
}

fn keys(profile: Profile) -> (Vec<u8>, Vec<u8>) {
    (vec![7; profile.key_len()], vec![9; profile.salt_len()])
}

/// An RTP packet with `payload` bytes.
fn packet(sequence_number: u16, payload: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER + payload + 32);
    let fields = HeaderFields {
        sequence_number: SequenceNumber(sequence_number),
        ssrc: Ssrc(0x1234_5678),
        ..HeaderFields::default()
    };
    fields.write(&mut out, &[]).expect("a header without extensions");
    out.resize(HEADER + payload, 0x5a);
    out
}

fn protect(report: &mut Report, provider: &dyn Provider, name: &str, profile: Profile, payload: usize) {
    let (key, salt) = keys(profile);
    let mut outbound = Outbound::new(provider, profile, &key, &salt).expect("keys of the right length");
    let mut sequence_number = 0_u16;
    let mut out = packet(0, payload);
    let row = Row::new(format!("{name} protect {payload} B"), PACKET).drywire(move |watch| {
        watch.time(|| {
            for _ in 0..PACKETS {
                sequence_number = sequence_number.wrapping_add(1);
                out.truncate(HEADER + payload);
                out[2..4].copy_from_slice(&sequence_number.to_be_bytes());
                outbound.protect_rtp(&mut out, 0).expect("a new sequence number");
            }
        });
        u32::from(PACKETS)
    });
    let row = match profile {
        Profile::AeadAes128Gcm => {
            let key = gcm(&key);
            let mut buffer = packet(0, payload);
            row.limit(move |watch| {
                watch.time(|| {
                    for number in 0..PACKETS {
                        let (header, payload) = buffer.split_at_mut(HEADER);
                        let tag = key.seal_in_place_separate_tag(nonce(number), Aad::from(header), payload);
                        std::hint::black_box(tag.expect("it seals").as_ref());
                    }
                });
                u32::from(PACKETS)
            })
        }
        _ => {
            let mut buffer = packet(0, payload);
            let limit = Counter::new(provider);
            row.limit(move |watch| {
                watch.time(|| {
                    for number in 0..PACKETS {
                        limit.encrypt(number, &mut buffer);
                        std::hint::black_box(limit.tag(&buffer));
                    }
                });
                u32::from(PACKETS)
            })
        }
    };
    finish(report, row, payload, profile);
}

fn unprotect(report: &mut Report, provider: &dyn Provider, name: &str, profile: Profile, payload: usize) {
    let (key, salt) = keys(profile);
    let mut outbound = Outbound::new(provider, profile, &key, &salt).expect("keys of the right length");
    let mut inbound = Inbound::new(provider, profile, &key, &salt).expect("keys of the right length");
    let mut sequence_number = 0_u16;
    let mut scratch = BytesMut::with_capacity(HEADER + payload + 32);
    let row = Row::new(format!("{name} unprotect {payload} B, with a copy"), PACKET).drywire(move |watch| {
        let packets: Vec<_> = (0..PACKETS)
            .map(|_| {
                sequence_number = sequence_number.wrapping_add(1);
                let mut packet = packet(sequence_number, payload);
                outbound.protect_rtp(&mut packet, 0).expect("a new sequence number");
                packet
            })
            .collect();
        watch.time(|| {
            for packet in &packets {
                scratch.clear();
                scratch.extend_from_slice(packet);
                inbound.unprotect_rtp(&mut scratch).expect("an authentic packet");
            }
        });
        u32::from(PACKETS)
    });
    let row = match profile {
        Profile::AeadAes128Gcm => {
            let key = gcm(&key);
            let mut scratch = Vec::with_capacity(HEADER + payload + 32);
            row.limit(move |watch| {
                let packets: Vec<_> = (0..PACKETS)
                    .map(|number| {
                        let mut packet = packet(0, payload);
                        let (header, body) = packet.split_at_mut(HEADER);
                        let tag = key.seal_in_place_separate_tag(nonce(number), Aad::from(header), body);
                        packet.extend_from_slice(tag.expect("it seals").as_ref());
                        packet
                    })
                    .collect();
                watch.time(|| {
                    for (number, packet) in (0..PACKETS).zip(&packets) {
                        scratch.clear();
                        scratch.extend_from_slice(packet);
                        let (header, body) = scratch.split_at_mut(HEADER);
                        key.open_in_place(nonce(number), Aad::from(header), body).expect("it opens");
                    }
                });
                u32::from(PACKETS)
            })
        }
        _ => {
            let plain = packet(0, payload);
            let mut scratch = Vec::with_capacity(HEADER + payload + 32);
            let limit = Counter::new(provider);
            row.limit(move |watch| {
                watch.time(|| {
                    for number in 0..PACKETS {
                        scratch.clear();
                        scratch.extend_from_slice(&plain);
                        std::hint::black_box(limit.tag(&scratch));
                        limit.encrypt(number, &mut scratch);
                    }
                });
                u32::from(PACKETS)
            })
        }
    };
    finish(report, row, payload, profile);
}

/// A receiver report once a second is nothing; a fan-out of feedback is not.
fn rtcp(report: &mut Report, provider: &dyn Provider) {
    let profile = Profile::AeadAes128Gcm;
    let (key, salt) = keys(profile);
    let mut outbound = Outbound::new(provider, profile, &key, &salt).expect("keys of the right length");
    let mut inbound = Inbound::new(provider, profile, &key, &salt).expect("keys of the right length");
    // An empty receiver report, padded to the size of one with two blocks by a second one.
    let plain = [0x80, 201, 0, 1, 1, 2, 3, 4].repeat(7);
    let mut out = Vec::with_capacity(128);
    let mut scratch = BytesMut::with_capacity(128);
    let row = Row::new("GCM RTCP 56 B, protect and unprotect", PACKET).drywire(move |watch| {
        watch.time(|| {
            for _ in 0..PACKETS {
                out.clear();
                out.extend_from_slice(&plain);
                outbound.protect_rtcp(&mut out, 0).expect("indices are left");
                scratch.clear();
                scratch.extend_from_slice(&out);
                inbound.unprotect_rtcp(&mut scratch).expect("an authentic packet");
            }
        });
        u32::from(PACKETS)
    });
    let row = row.measure();
    report.add(&row);
    let allocations = row.ours().map_or(f64::NAN, |entry| entry.allocations);
    report.require(allocations == 0.0, "no allocation per RTCP packet");
}

/// Measures a row, and demands no allocation and little more time than the limit.
fn finish(report: &mut Report, row: Row<'_>, payload: usize, profile: Profile) {
    let row = row.measure();
    report.add(&row);
    let (Some(ours), Some(limit)) = (row.ours(), row.limit()) else { return };
    report.require(ours.allocations == 0.0, format!("{}: no allocation per packet", row.name));
    // Goals of the project; with room for the noise of a shared machine.
    let goal = match (profile, payload) {
        (Profile::AeadAes128Gcm, 1200..) => 1.10,
        (Profile::AeadAes128Gcm, _) => 1.25,
        (_, 1200..) => 1.05,
        _ => 1.15,
    };
    let ratio = ours.best / limit.best;
    println!("    goal: at most {goal:.2}x of the limit; {}", if ratio <= goal { "met" } else { "not met" });
    report.require(
        ratio <= goal * 1.25,
        format!("{}: at most {goal:.2}x of the limit, is {ratio:.2}x", row.name),
    );
}

fn gcm(key: &[u8]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_128_GCM, key).expect("16 bytes"))
}

fn nonce(number: u16) -> Nonce {
    let mut nonce = [0; 12];
    nonce[..2].copy_from_slice(&number.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

/// The bare operations of AES_CM_128_HMAC_SHA1_80, with prepared keys.
struct Counter {
    cipher: Box<dyn drywire_crypto::CtrKey>,
    hmac: Box<dyn drywire_crypto::HmacKey>,
}

impl Counter {
    fn new(provider: &dyn Provider) -> Self {
        Self {
            cipher: provider.ctr_key(CtrAlgorithm::Aes128, &[7; 16]).expect("16 bytes"),
            hmac: provider.hmac_key(HashAlgorithm::Sha1, &[9; 20]),
        }
    }

    fn encrypt(&self, number: u16, packet: &mut [u8]) {
        let mut counter = [0; 16];
        counter[..2].copy_from_slice(&number.to_be_bytes());
        self.cipher.apply_keystream(&counter, &mut packet[HEADER..]);
    }

    fn tag(&self, packet: &[u8]) -> drywire_crypto::Digest {
        self.hmac.sign(&[packet, &[0; 4]])
    }
}
