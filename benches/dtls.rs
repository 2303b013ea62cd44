//! What DTLS costs: handshakes beside the bare public-key operations, records beside the bare cipher, and beside dimpl,
//! the DTLS of str0m.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench may print and fail"
)]

mod measure;

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use bytes::BytesMut;
use dimpl::{Dtls, DtlsCertificate, Output};
use drywire_crypto::{CertificateOptions, CertifiedKey, NamedGroup, SignatureScheme};
use drywire_dtls::{Config, Connection, Event, Role, Version};
use measure::{Report, Row, Unit};

const RECORDS: u16 = 1_000;
const LEN: usize = 1_200;
const HANDSHAKES: u32 = 8;

fn main() {
    let mut report = Report::new("dtls");
    for version in [Version::Dtls12, Version::Dtls13] {
        records(&mut report, version);
    }
    for version in [Version::Dtls12, Version::Dtls13] {
        handshakes(&mut report, version, &[NamedGroup::Secp256r1], "P-256");
    }
    handshakes(&mut report, Version::Dtls13, &[NamedGroup::X25519], "X25519");
    handshakes(&mut report, Version::Dtls13, &[NamedGroup::X25519MlKem768], "X25519MLKEM768");
    report.finish();
}

fn certificate() -> Arc<CertifiedKey> {
    let provider = drywire_crypto_aws_lc::provider();
    let options = CertificateOptions::new(Duration::from_secs(1_750_000_000));
    Arc::new(CertifiedKey::self_signed(&*provider, &options).expect("a certificate"))
}

fn config(version: Version, groups: &[NamedGroup]) -> Arc<Config> {
    let mut config = Config::new(drywire_crypto_aws_lc::provider(), certificate());
    (config.min_version, config.max_version) = (version, version);
    config.groups = groups.to_vec();
    Arc::new(config)
}

/// A pair of ours after its handshake.
fn pair(config: &Arc<Config>, now: Instant) -> [Connection; 2] {
    let fingerprint = config.certificates[0].fingerprint(&*config.provider);
    let mut ends = [Role::Client, Role::Server].map(|role| {
        let mut end = Connection::new(config.clone(), role, now, [7; 32]);
        end.set_remote_fingerprints(now, vec![fingerprint]);
        end
    });
    let mut out = Vec::with_capacity(2_048);
    for turn in 0..20 {
        let from = turn % 2;
        while ends[from].poll_transmit(now, &mut out).is_some() {
            ends[1 - from].handle_input(now, BytesMut::from(&out[..]));
            out.clear();
        }
    }
    for end in &mut ends {
        assert!(matches!(end.poll_event(), Some(Event::Connected)));
    }
    ends
}

/// What dimpl's connections are made of. Made once: building the configuration tests the whole library.
type Theirs = (Arc<dimpl::Config>, DtlsCertificate);

/// A pair of dimpl's after its handshake.
fn their_pair(version: Version, (config, certificate): &Theirs, now: Instant) -> [Dtls; 2] {
    let mut ends = [true, false].map(|active| {
        let certificate = certificate.clone();
        let mut end = match version {
            Version::Dtls12 => Dtls::new_12(config.clone(), certificate, now),
            Version::Dtls13 => Dtls::new_13(config.clone(), certificate, now),
        };
        end.set_active(active);
        end.handle_timeout(now).expect("time may pass");
        end
    });
    shake(&mut ends);
    ends
}

fn theirs() -> Theirs {
    let config =
        dimpl::Config::builder().mtu(1200).use_server_cookie(false).build().expect("a configuration");
    let certificate = dimpl::certificate::generate_self_signed_certificate().expect("a certificate");
    (Arc::new(config), certificate)
}

fn shake(ends: &mut [Dtls; 2]) {
    let mut buffer = vec![0; 4096];
    let mut connected = 0;
    for turn in 0..20 {
        let from = turn % 2;
        loop {
            match ends[from].poll_output(&mut buffer) {
                Output::Packet(packet) => {
                    let packet = packet.to_vec();
                    ends[1 - from].handle_packet(&packet).expect("a packet of its own kind");
                }
                Output::Connected => connected += 1,
                Output::Timeout(_) => break,
                _ => {}
            }
        }
    }
    assert_eq!(connected, 2, "dimpl did not connect");
}

fn records(report: &mut Report, version: Version) {
    let now = drywire_sim::origin();
    let plain = [0x5a; LEN];
    let [mut client, mut server] = pair(&config(version, &[NamedGroup::X25519, NamedGroup::Secp256r1]), now);
    let mut theirs = their_pair(version, &theirs(), now);
    let mut out = Vec::with_capacity(2_048);
    let mut received = BytesMut::with_capacity(1 << 16);
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &[7; 16]).expect("16 bytes"));
    let (mut sealed, mut opened) = (Vec::with_capacity(2_048), Vec::with_capacity(2_048));
    let mut buffer = vec![0; 4096];
    let row =
        Row::new(format!("{version} record of {LEN} B, sealed and opened"), Unit::Nanoseconds("record"))
            .drywire(|watch| {
                watch.time(|| {
                    for _ in 0..RECORDS {
                        out.clear();
                        let record = client.begin_record(&mut out).expect("connected");
                        out.extend_from_slice(&plain);
                        client.finish_record(&mut out, record).expect("it seals");
                        received.reserve(2_048);
                        received.extend_from_slice(&out);
                        server.handle_input(now, received.split());
                        let Some(Event::ApplicationData(data)) = server.poll_event() else {
                            panic!("no data")
                        };
                        assert_eq!(data.len(), LEN);
                    }
                });
                u32::from(RECORDS)
            })
            .rival("dimpl 0.9", |watch| {
                watch.time(|| {
                    for _ in 0..RECORDS {
                        theirs[0].send_application_data(&plain).expect("connected");
                        loop {
                            match theirs[0].poll_output(&mut buffer) {
                                Output::Packet(packet) => {
                                    let packet = packet.to_vec();
                                    theirs[1].handle_packet(&packet).expect("a record");
                                }
                                Output::Timeout(_) => break,
                                _ => {}
                            }
                        }
                        let mut len = 0;
                        loop {
                            match theirs[1].poll_output(&mut buffer) {
                                Output::ApplicationData(data) => len += data.len(),
                                Output::Timeout(_) => break,
                                _ => {}
                            }
                        }
                        assert_eq!(len, LEN);
                    }
                });
                u32::from(RECORDS)
            })
            .limit(|watch| {
                watch.time(|| {
                    for number in 0..RECORDS {
                        let nonce = || {
                            let mut nonce = [0; 12];
                            nonce[..2].copy_from_slice(&number.to_be_bytes());
                            Nonce::assume_unique_for_key(nonce)
                        };
                        sealed.clear();
                        sealed.extend_from_slice(&plain);
                        let tag = key.seal_in_place_separate_tag(nonce(), Aad::from([0; 13]), &mut sealed);
                        sealed.extend_from_slice(tag.expect("it seals").as_ref());
                        opened.clear();
                        opened.extend_from_slice(&sealed);
                        key.open_in_place(nonce(), Aad::from([0; 13]), &mut opened).expect("it opens");
                    }
                });
                u32::from(RECORDS)
            })
            .measure();
    report.add(&row);
    let (Some(ours), Some(limit)) = (row.ours(), row.limit()) else { return };
    println!("    goal: at most 1.25x of the limit; is {:.2}x", ours.best / limit.best);
    // What is received is allocated in blocks of many records.
    report.require(ours.allocations <= 0.1, format!("{}: no allocation per record", row.name));
}

fn handshakes(report: &mut Report, version: Version, groups: &[NamedGroup], name: &str) {
    let now = drywire_sim::origin();
    let config = config(version, groups);
    let provider = config.provider.clone();
    let group = groups[0];
    let theirs = theirs();
    let key = config.certificates[0].key().clone();
    let public = drywire_crypto::PublicKey::from_certificate(config.certificates[0].certificate())
        .expect("our own key");
    let row = Row::new(format!("{version} handshake of both sides, {name}"), Unit::Nanoseconds("handshake"))
        .drywire(|watch| {
            watch.time(|| {
                for _ in 0..HANDSHAKES {
                    pair(&config, now);
                }
            });
            HANDSHAKES
        })
        .rival("dimpl 0.9, its own group", |watch| {
            watch.time(|| {
                for _ in 0..HANDSHAKES {
                    their_pair(version, &theirs, now);
                }
            });
            HANDSHAKES
        })
        .limit(|watch| {
            watch.time(|| {
                for _ in 0..HANDSHAKES {
                    let pending = provider.start_key_exchange(group).expect("a share");
                    let mut answer = Vec::new();
                    provider.answer_key_exchange(group, pending.share(), &mut answer).expect("an answer");
                    pending.complete(group, &answer).expect("a secret");
                    for _ in [0, 1] {
                        let scheme = SignatureScheme::EcdsaP256Sha256;
                        let mut signature = Vec::with_capacity(72);
                        key.sign(scheme, &[9; 130], &mut signature).expect("a signature");
                        provider.verify(scheme, &public, &[9; 130], &signature).expect("a valid signature");
                    }
                }
            });
            HANDSHAKES
        })
        .measure();
    report.add(&row);
    let (Some(ours), Some(limit)) = (row.ours(), row.limit()) else { return };
    println!("    goal: at most 1.10x of the public-key operations; is {:.2}x", ours.best / limit.best);
}
