//! What SRTP costs per packet, beside the bare cipher on the same bytes, and beside rtc-srtp.

#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a bench may print and fail"
)]

mod limit;
#[path = "../measure/mod.rs"]
mod measure;
mod rivals;

use bytes::BytesMut;
use drywire_crypto::{HashAlgorithm, Provider};
use drywire_rtp::{HeaderFields, SequenceNumber, Ssrc};
use drywire_srtp::{Inbound, Outbound, Profile};
use limit::Limit;
use measure::{Measured, Report, Row, Unit};

const PACKETS: u16 = 1_000;
pub(crate) const HEADER: usize = 12;
const PACKET: Unit = Unit::Nanoseconds("packet");

/// To how many receivers a packet is sent, each with keys of its own.
const RECEIVERS: u8 = 100;

fn main() {
    let provider = drywire_crypto_aws_lc::provider();
    let mut report = Report::new("srtp");
    for (name, profile) in [("GCM", Profile::AeadAes128Gcm), ("CM-SHA1-80", Profile::Aes128CmSha1_80)] {
        for payload in [1200, 160] {
            let bench = Bench { provider: &*provider, name, profile, payload };
            bench.protect(&mut report);
            bench.protect_copy(&mut report);
            bench.unprotect(&mut report);
        }
        let bench = Bench { provider: &*provider, name, profile, payload: 1200 };
        bench.fan_out(&mut report);
    }
    rtcp(&mut report, &*provider);
    hmac(&mut report, &*provider);
    report.finish();
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

/// One profile and one size.
#[derive(Clone, Copy)]
struct Bench<'a> {
    provider: &'a dyn Provider,
    name: &'a str,
    profile: Profile,
    payload: usize,
}

impl<'a> Bench<'a> {
    fn keys(&self, seed: u8) -> (Vec<u8>, Vec<u8>) {
        (vec![seed; self.profile.key_len()], vec![seed; self.profile.salt_len()])
    }

    fn outbound(&self, seed: u8) -> Outbound {
        let (key, salt) = self.keys(seed);
        Outbound::new(self.provider, self.profile, &key, &salt).expect("keys of the right length")
    }

    fn inbound(&self, seed: u8) -> Inbound {
        let (key, salt) = self.keys(seed);
        Inbound::new(self.provider, self.profile, &key, &salt).expect("keys of the right length")
    }

    /// In place; the rivals make a copy, which is all that they can do.
    fn protect(self, report: &mut Report) {
        let payload = self.payload;
        let mut outbound = self.outbound(7);
        let mut sequence_number = 0_u16;
        let mut out = packet(0, payload);
        let name = format!("{} protect {payload} B in place", self.name);
        let row = Row::new(name, PACKET).drywire(move |watch| {
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
        let limit = Limit::new(self.provider, self.profile, 7);
        let mut buffer = packet(0, payload);
        let mut row = row.limit(move |watch| {
            watch.time(|| {
                for number in 0..PACKETS {
                    buffer.truncate(HEADER + payload);
                    buffer[2..4].copy_from_slice(&number.to_be_bytes());
                    let tag = limit.seal(&mut buffer);
                    buffer.extend_from_slice(&tag);
                }
            });
            u32::from(PACKETS)
        });
        let (key, salt) = self.keys(7);
        for backend in rivals::BACKENDS {
            let mut context = rivals::context(backend, self.profile, &key, &salt);
            let mut sequence_number = 0_u16;
            let mut plain = packet(0, payload);
            row = row.rival(backend, move |watch| {
                watch.time(|| {
                    for _ in 0..PACKETS {
                        sequence_number = sequence_number.wrapping_add(1);
                        plain[2..4].copy_from_slice(&sequence_number.to_be_bytes());
                        std::hint::black_box(context.encrypt_rtp(&plain).expect("it encrypts"));
                    }
                });
                u32::from(PACKETS)
            });
        }
        let rival = match (self.profile, payload) {
            (Profile::Aes128CmSha1_80, 1200) => 0.8,
            _ => 1.0,
        };
        self.finish(report, row, rival);
    }

    /// From a packet that stays.
    fn protect_copy(self, report: &mut Report) {
        let payload = self.payload;
        let mut outbound = self.outbound(7);
        let mut plain = packet(0, payload);
        let mut sequence_number = 0_u16;
        let mut next = move || {
            sequence_number = sequence_number.wrapping_add(1);
            plain[2..4].copy_from_slice(&sequence_number.to_be_bytes());
            plain.clone()
        };
        let packets = move || (0..PACKETS).map(|_| next()).collect::<Vec<_>>();
        let (mut ours, mut out) = (packets.clone(), Vec::with_capacity(HEADER + payload + 32));
        let name = format!("{} protect {payload} B into a copy", self.name);
        let row = Row::new(name, PACKET).drywire(move |watch| {
            let packets = ours();
            watch.time(|| {
                for packet in &packets {
                    out.clear();
                    outbound.protect_rtp_into(packet, &mut out).expect("a new sequence number");
                }
            });
            u32::from(PACKETS)
        });
        let limit = Limit::new(self.provider, self.profile, 7);
        let (mut theirs, mut out) = (packets.clone(), Vec::with_capacity(HEADER + payload + 32));
        let mut row = row.limit(move |watch| {
            let packets = theirs();
            watch.time(|| {
                for packet in &packets {
                    out.clear();
                    out.extend_from_slice(packet);
                    let tag = limit.seal(&mut out);
                    out.extend_from_slice(&tag);
                }
            });
            u32::from(PACKETS)
        });
        let (key, salt) = self.keys(7);
        for backend in rivals::BACKENDS {
            let mut context = rivals::context(backend, self.profile, &key, &salt);
            let mut theirs = packets.clone();
            row = row.rival(backend, move |watch| {
                let packets = theirs();
                watch.time(|| {
                    for packet in &packets {
                        std::hint::black_box(context.encrypt_rtp(packet).expect("it encrypts"));
                    }
                });
                u32::from(PACKETS)
            });
        }
        self.finish(report, row, 1.0);
    }

    /// Out of a packet that was received: all copy it first.
    fn unprotect(self, report: &mut Report) {
        let payload = self.payload;
        let (key, salt) = self.keys(7);
        let protected = move || {
            let mut outbound = self.outbound(7);
            let mut sequence_number = 0_u16;
            move || -> Vec<Vec<u8>> {
                (0..PACKETS)
                    .map(|_| {
                        sequence_number = sequence_number.wrapping_add(1);
                        let mut packet = packet(sequence_number, payload);
                        outbound.protect_rtp(&mut packet, 0).expect("a new sequence number");
                        packet
                    })
                    .collect()
            }
        };
        let mut inbound = self.inbound(7);
        let mut packets = protected();
        let mut scratch = BytesMut::with_capacity(HEADER + payload + 32);
        let name = format!("{} unprotect {payload} B in a copy", self.name);
        let row = Row::new(name, PACKET).drywire(move |watch| {
            let packets = packets();
            watch.time(|| {
                for packet in &packets {
                    scratch.clear();
                    scratch.extend_from_slice(packet);
                    inbound.unprotect_rtp(&mut scratch).expect("an authentic packet");
                }
            });
            u32::from(PACKETS)
        });
        let limit = Limit::new(self.provider, self.profile, 7);
        let mut scratch = Vec::with_capacity(HEADER + payload + 32);
        let mut row = row.limit(move |watch| {
            let packets: Vec<_> = (0..PACKETS)
                .map(|number| {
                    let mut packet = packet(number, payload);
                    let tag = limit.seal(&mut packet);
                    packet.extend_from_slice(&tag);
                    packet
                })
                .collect();
            watch.time(|| {
                for packet in &packets {
                    scratch.clear();
                    scratch.extend_from_slice(packet);
                    limit.open(&mut scratch);
                }
            });
            u32::from(PACKETS)
        });
        for backend in rivals::BACKENDS {
            let mut context = rivals::context(backend, self.profile, &key, &salt);
            let mut packets = protected();
            row = row.rival(backend, move |watch| {
                let packets = packets();
                watch.time(|| {
                    for packet in &packets {
                        std::hint::black_box(context.decrypt_rtp(packet).expect("an authentic packet"));
                    }
                });
                u32::from(PACKETS)
            });
        }
        self.finish(report, row, 1.0);
    }

    /// One packet to many receivers, as a forwarding server does.
    fn fan_out(self, report: &mut Report) {
        let payload = self.payload;
        let mut plain = packet(0, payload);
        let mut sequence_number = 0_u16;
        let next = move || {
            sequence_number = sequence_number.wrapping_add(1);
            plain[2..4].copy_from_slice(&sequence_number.to_be_bytes());
            plain.clone()
        };
        let rounds = PACKETS / u16::from(RECEIVERS);
        let mut outbounds: Vec<_> = (0..RECEIVERS).map(|seed| self.outbound(seed)).collect();
        let (mut ours, mut out) = (next.clone(), Vec::with_capacity(HEADER + payload + 32));
        let name = format!("{} protect {payload} B for {RECEIVERS} receivers", self.name);
        let row = Row::new(name, PACKET).drywire(move |watch| {
            for _ in 0..rounds {
                let packet = ours();
                watch.time(|| {
                    for outbound in &mut outbounds {
                        out.clear();
                        outbound.protect_rtp_into(&packet, &mut out).expect("a new sequence number");
                    }
                });
            }
            u32::from(PACKETS)
        });
        let limits: Vec<_> =
            (0..RECEIVERS).map(|seed| Limit::new(self.provider, self.profile, seed)).collect();
        let (mut theirs, mut out) = (next.clone(), Vec::with_capacity(HEADER + payload + 32));
        let mut row = row.limit(move |watch| {
            for _ in 0..rounds {
                let packet = theirs();
                watch.time(|| {
                    for limit in &limits {
                        out.clear();
                        out.extend_from_slice(&packet);
                        let tag = limit.seal(&mut out);
                        out.extend_from_slice(&tag);
                    }
                });
            }
            u32::from(PACKETS)
        });
        for backend in rivals::BACKENDS {
            let mut contexts: Vec<_> = (0..RECEIVERS)
                .map(|seed| {
                    let (key, salt) = self.keys(seed);
                    rivals::context(backend, self.profile, &key, &salt)
                })
                .collect();
            let mut theirs = next.clone();
            row = row.rival(backend, move |watch| {
                for _ in 0..rounds {
                    let packet = theirs();
                    watch.time(|| {
                        for context in &mut contexts {
                            std::hint::black_box(context.encrypt_rtp(&packet).expect("it encrypts"));
                        }
                    });
                }
                u32::from(PACKETS)
            });
        }
        let row = row.measure();
        report.add(&row);
        require(report, &row, 1.15, 1.0);
    }

    /// Measures a row, and demands no allocation, little more time than the limit and less than the rivals.
    fn finish(self, report: &mut Report, row: Row<'_>, rival: f64) {
        let row = row.measure();
        report.add(&row);
        // Goals of the project.
        let goal = match (self.profile, self.payload) {
            (Profile::AeadAes128Gcm, 1200..) => 1.10,
            (Profile::AeadAes128Gcm, _) => 1.25,
            (_, 1200..) => 1.05,
            _ => 1.15,
        };
        require(report, &row, goal, rival);
    }
}

/// Demands the goals of a row, with room for the noise of a shared machine.
fn require(report: &mut Report, row: &Measured, goal: f64, rival: f64) {
    let (Some(ours), Some(limit)) = (row.ours(), row.limit()) else { return };
    report.require(ours.allocations == 0.0, format!("{}: no allocation per packet", row.name));
    let ratio = ours.best / limit.best;
    println!("    goal: at most {goal:.2}x of the limit; {}", if ratio <= goal { "met" } else { "not met" });
    report.require(
        ratio <= goal * 1.25,
        format!("{}: at most {goal:.2}x of the limit, is {ratio:.2}x", row.name),
    );
    let best = row.rivals().map(|entry| entry.best).fold(f64::INFINITY, f64::min);
    let ratio = ours.best / best;
    println!(
        "    goal: at most {rival:.2}x of the best rival; {}",
        if ratio <= rival { "met" } else { "not met" }
    );
    report.require(
        ratio <= rival * 1.25,
        format!("{}: at most {rival:.2}x of the best rival, is {ratio:.2}x", row.name),
    );
}

/// A receiver report once a second is nothing; a fan-out of feedback is not.
fn rtcp(report: &mut Report, provider: &dyn Provider) {
    let bench = Bench { provider, name: "GCM", profile: Profile::AeadAes128Gcm, payload: 0 };
    let (mut outbound, mut inbound) = (bench.outbound(7), bench.inbound(7));
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

/// The primitive that dominates the counter mode, with prepared keys: the one that the backend takes, and the one that it
/// does not.
fn hmac(report: &mut Report, provider: &dyn Provider) {
    for len in [80, 172, 1212] {
        let data = vec![0x5a; len];
        let key = provider.hmac_key(HashAlgorithm::Sha1, &[9; 20]);
        let aws = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &[9; 20]);
        let row = Row::new(format!("HMAC-SHA1 of {len} B"), Unit::Nanoseconds("tag"))
            .drywire(|watch| {
                watch.time(|| {
                    for _ in 0..PACKETS {
                        std::hint::black_box(key.sign(&[std::hint::black_box(&data)]));
                    }
                });
                u32::from(PACKETS)
            })
            .rival("aws-lc-rs", |watch| {
                watch.time(|| {
                    for _ in 0..PACKETS {
                        std::hint::black_box(aws_lc_rs::hmac::sign(&aws, std::hint::black_box(&data)));
                    }
                });
                u32::from(PACKETS)
            })
            .measure();
        report.add(&row);
    }
}
