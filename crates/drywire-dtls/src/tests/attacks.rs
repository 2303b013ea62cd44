//! The attacks of the threat model, by their numbers.

use drywire_crypto::{Fingerprint, HashAlgorithm};

use super::*;
use crate::message::FragmentHeader;
use crate::record::{ContentType, PlaintextHeader, RecordNumber};
use crate::{CloseReason, State};

/// A record that anybody can write.
fn plaintext(content: ContentType, epoch: u64, body: &[u8]) -> Vec<u8> {
    let number = RecordNumber { epoch, sequence: 77 };
    let mut record = PlaintextHeader::bytes(content, number, body.len()).to_vec();
    record.extend_from_slice(body);
    record
}

#[test]
fn c04_records_before_their_keys_are_bounded() {
    for version in [Version::Dtls12, Version::Dtls13] {
        let mut pair = Pair::new(only(config(0), version), config(1), 1, Link::default());
        for at in 0..2000_u64 {
            for end in [CLIENT, SERVER] {
                let record = match version {
                    Version::Dtls12 => plaintext(ContentType::ApplicationData, 1, &[1; 1200]),
                    Version::Dtls13 => {
                        let mut record = vec![0x2E, 0, 0, 0x04, 0x00];
                        record.resize(5 + 1024, 7);
                        record
                    }
                };
                pair.ends[end].handle_input(pair.now, BytesMut::from(&record[..]));
                let dropped = pair.ends[end].stats().records_dropped;
                assert!(dropped + 64 > at, "kept more than there is room for");
            }
        }
        pair.connect();
        pair.check();
    }
}

#[test]
fn c08_what_is_not_protected_changes_nothing() {
    for version in [Version::Dtls12, Version::Dtls13] {
        let mut pair = Pair::new(only(config(0), version), config(1), 1, Link::default());
        for _ in 0..60 {
            for end in [CLIENT, SERVER] {
                let mut datagrams = vec![
                    plaintext(ContentType::ChangeCipherSpec, 0, &[1]),
                    plaintext(ContentType::ApplicationData, 0, b"data"),
                    plaintext(ContentType::Ack, 0, &[0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
                    plaintext(ContentType::Handshake, 0, &[1, 2, 3]),
                    plaintext(ContentType::Handshake, 0, &[]),
                    plaintext(ContentType::ApplicationData, 1, &[5; 40]),
                    plaintext(ContentType::Alert, 1, &[2, 40]),
                    plaintext(ContentType::Alert, 9, &[2, 40]),
                    vec![0x2F; 40],
                    vec![0x2E; 40],
                    vec![0x3F; 40],
                    vec![20],
                    vec![],
                ];
                // A client that has said nothing but hello may be refused in the clear; nobody else.
                let connection = &pair.ends[end];
                if connection.machine.name() != "client hello sent" {
                    datagrams.push(plaintext(ContentType::Alert, 0, &[2, 40]));
                    datagrams.push(plaintext(ContentType::Alert, 0, &[1, 0]));
                }
                // A message in the clear where a protected one is due.
                if connection.machine.expected_epoch() > 0 {
                    let header = FragmentHeader {
                        kind: 20,
                        length: 3,
                        message_seq: connection.reassembler.next(),
                        offset: 0,
                    };
                    let mut body = header.bytes(3).to_vec();
                    body.extend_from_slice(b"abc");
                    datagrams.push(plaintext(ContentType::Handshake, 0, &body));
                }
                let before = pair.ends[end].machine.name();
                for datagram in datagrams {
                    pair.ends[end].handle_input(pair.now, BytesMut::from(&datagram[..]));
                }
                assert_eq!(pair.ends[end].machine.name(), before);
            }
            pair.step();
        }
        assert!(pair.both_connected());
        pair.check();
        assert!(pair.data(CLIENT).iter().all(|data| data != b"data"));
    }
}

#[test]
fn c10_the_wrong_fingerprint_never_connects() {
    let wrong = [
        vec![certificate(2).fingerprint(&*provider())],
        vec![],
        vec![Fingerprint::of(&*provider(), HashAlgorithm::Sha512, certificate(2).certificate())],
    ];
    let mut seed = 0;
    for version in [Version::Dtls12, Version::Dtls13] {
        for deceived in [CLIENT, SERVER] {
            for fingerprints in &wrong {
                for late in [false, true] {
                    for loss in [0, 30] {
                        seed += 1;
                        let link = Link { loss, ..Link::default() };
                        let mut pair = Pair::strangers(only(config(0), version), config(1), seed, link);
                        pair.announce(1 - deceived, deceived);
                        if late {
                            pair.settle();
                        }
                        let now = pair.now;
                        pair.ends[deceived].set_remote_fingerprints(now, fingerprints.clone());
                        // The other end may be connected, and speaks: nothing of it arrives.
                        for _ in 0..400 {
                            if pair.ends[1 - deceived].is_connected() {
                                let record = pair.write(1 - deceived, b"secret");
                                pair.carry(1 - deceived, &record);
                            }
                            if !pair.step() {
                                break;
                            }
                            let end = &mut pair.ends[deceived];
                            assert!(!end.is_connected());
                            assert!(end.info().is_none() && end.srtp_keying_material().is_none());
                            assert!(end.export_keying_material("x", None, &mut [0; 8]).is_err());
                            assert!(end.write(b"x", &mut Vec::new()).is_err());
                        }
                        pair.settle();
                        assert_eq!(pair.ends[deceived].state(), State::Failed);
                        assert!(pair.data(deceived).is_empty());
                        assert!(!pair.events[deceived].contains(&Event::Connected));
                    }
                }
            }
        }
    }
}

/// Attack C11: the strongest hash function decides, and one fingerprint of it is enough (RFC 8122, section 5).
#[test]
fn c11_several_fingerprints() {
    use HashAlgorithm::{Sha1, Sha256, Sha384, Sha512};
    // Each is of the right certificate (1) or of another (2).
    let table: [(&[(HashAlgorithm, usize)], bool); 11] = [
        (&[(Sha256, 1)], true),
        (&[(Sha384, 1)], true),
        (&[(Sha512, 1)], true),
        (&[(Sha256, 2), (Sha256, 1)], true),
        (&[(Sha256, 2), (Sha384, 1)], true),
        (&[(Sha512, 2), (Sha512, 1), (Sha256, 2)], true),
        (&[(Sha512, 2), (Sha256, 1)], false),
        (&[(Sha256, 1), (Sha384, 2)], false),
        (&[(Sha1, 1)], false),
        (&[(Sha1, 1), (Sha256, 2)], false),
        (&[], false),
    ];
    for version in [Version::Dtls12, Version::Dtls13] {
        for (list, connects) in table {
            let mut pair = Pair::strangers(only(config(0), version), config(1), 1, Link::default());
            let of = |&(hash, at): &(HashAlgorithm, usize)| {
                Fingerprint::of(&*provider(), hash, certificate(at).certificate())
            };
            pair.ends[CLIENT].set_remote_fingerprints(pair.now, list.iter().map(of).collect());
            pair.announce(SERVER, 0);
            if connects {
                pair.connect();
                pair.check();
            } else {
                pair.settle();
                let reason = CloseReason::FingerprintMismatch;
                assert_eq!(pair.events[CLIENT], [Event::Closed { reason }]);
                // In DTLS 1.2 the client says so before it has keys, when anybody could have said it.
                let reason = match version {
                    Version::Dtls12 => CloseReason::Timeout,
                    Version::Dtls13 => CloseReason::PeerAlert(crate::Alert::BAD_CERTIFICATE),
                };
                assert_eq!(pair.events[SERVER], [Event::Closed { reason }], "{version} {list:?}");
            }
        }
    }
}

/// Attack C10: the handshake is complete, data has come, and only then it turns out who the peer is.
#[test]
fn c10_what_was_held_of_the_wrong_peer_is_never_delivered() {
    for version in [Version::Dtls12, Version::Dtls13] {
        for deceived in [CLIENT, SERVER] {
            for wrong in [false, true] {
                let mut pair = Pair::strangers(only(config(0), version), config(1), 1, Link::default());
                pair.announce(1 - deceived, deceived);
                pair.settle();
                assert_eq!(pair.events[deceived], [Event::Held]);
                for _ in 0..1000 {
                    let record = pair.write(1 - deceived, &[7; 1000]);
                    pair.carry(1 - deceived, &record);
                }
                pair.settle();
                // What is held is bounded.
                assert!(pair.ends[deceived].stats().records_dropped >= 1000 - 64);
                assert_eq!(pair.events[deceived], [Event::Held]);
                assert!(pair.ends[deceived].export_keying_material("x", None, &mut [0; 8]).is_err());
                assert!(pair.ends[deceived].srtp_keying_material().is_none());
                pair.announce(deceived, if wrong { 2 } else { 1 - deceived });
                pair.settle();
                if wrong {
                    let reason = CloseReason::FingerprintMismatch;
                    assert_eq!(pair.events[deceived][1..], [Event::Closed { reason }]);
                    let reason = CloseReason::PeerAlert(crate::Alert::BAD_CERTIFICATE);
                    assert_eq!(pair.events[1 - deceived].last(), Some(&Event::Closed { reason }));
                } else {
                    assert_eq!(pair.events[deceived][1], Event::Connected);
                    assert!(pair.data(deceived).len() >= 32);
                    pair.check();
                }
            }
        }
    }
}

#[test]
fn c12_a_downgrade_is_noticed() {
    // Somebody strips our offer of DTLS 1.3: seen as a server that speaks both and answers 1.2.
    let mut server = config(1);
    server.max_version = Version::Dtls13;
    let mut pair = Pair::new(only(config(0), Version::Dtls12), server, 1, Link::default());
    pair.step();
    assert_eq!(pair.ends[CLIENT].machine.name(), "client hello sent");
    // The client did offer it.
    let mut offered = config(0);
    offered.handshake_timeout = None;
    pair.ends[CLIENT].handshake.config = Arc::new(offered);
    pair.run_until(|pair| pair.ends[CLIENT].state() == State::Failed);
    let reason = CloseReason::Misbehaved(crate::Alert::ILLEGAL_PARAMETER);
    assert_eq!(pair.events[CLIENT], [Event::Closed { reason }]);
}

#[test]
fn c17_repeated_flights_are_answered_sparingly() {
    for version in [Version::Dtls12, Version::Dtls13] {
        let (mut client, mut server) = (config(0), config(1));
        (client.handshake_timeout, server.handshake_timeout) = (None, None);
        let mut pair = Pair::new(only(client, version), server, 1, Link::default());
        let mut hello = Vec::new();
        let mut datagrams = Vec::new();
        while pair.ends[CLIENT].poll_transmit(pair.now, &mut hello).is_some() {
            datagrams.push(std::mem::take(&mut hello));
        }
        let mut bytes = 0;
        for _ in 0..10_000 {
            for datagram in &datagrams {
                pair.ends[SERVER].handle_input(pair.now, BytesMut::from(&datagram[..]));
            }
            let mut out = Vec::new();
            while let Some(len) = pair.ends[SERVER].poll_transmit(pair.now, &mut out) {
                bytes += len;
            }
            pair.now += Duration::from_millis(1);
        }
        // Ten seconds, one flight in half a second at most.
        assert!(bytes < 21 * 4000, "{bytes}");
    }
}

#[test]
fn c17_replays_after_the_handshake_are_not_answered() {
    for version in [Version::Dtls12, Version::Dtls13] {
        let mut pair = Pair::new(only(config(0), version), config(1), 1, Link::default());
        let mut recorded = Vec::new();
        for _ in 0..100 {
            for end in [CLIENT, SERVER] {
                let mut out = Vec::new();
                while pair.ends[end].poll_transmit(pair.now, &mut out).is_some() {
                    recorded.push((1 - end, out.clone()));
                    pair.carry(end, &out);
                    out.clear();
                }
            }
            if !pair.step() {
                break;
            }
        }
        assert!(pair.both_connected());
        pair.settle();
        let before = pair.sent;
        for _ in 0..1000 {
            pair.now += Duration::from_millis(100);
            for (to, datagram) in &recorded {
                pair.ends[*to].handle_input(pair.now, BytesMut::from(&datagram[..]));
            }
            pair.drain();
        }
        assert_eq!(pair.sent, before);
        pair.check();
    }
}

/// Attack C17: acknowledgements of the peer, of all kinds, ten thousand times.
#[test]
fn c17_a_flood_of_acknowledgements_brings_out_nothing() {
    let mut server = config(1);
    (server.mtu, server.handshake_timeout) = (300, None);
    let mut pair = Pair::new(only(config(0), Version::Dtls13), server, 1, Link::default());
    pair.step();
    let mut out = Vec::new();
    let mut flight = 0;
    let mut first = Vec::new();
    while let Some(len) = pair.ends[SERVER].poll_transmit(pair.now, &mut out) {
        flight += len;
        first.push(std::mem::take(&mut out));
    }
    // The client has the ServerHello only, and with it the keys to say anything.
    for datagram in &first[..5] {
        pair.ends[CLIENT].handle_input(pair.now, BytesMut::from(&datagram[..]));
    }
    let records = &mut pair.ends[CLIENT].handshake.records;
    assert_eq!(records.write_epoch(), 2);
    let mut bytes = 0;
    for at in 0..10_000_u64 {
        let mut content = vec![0, 32];
        for number in [at % 40, at] {
            content.extend_from_slice(&(at % 4).to_be_bytes());
            content.extend_from_slice(&number.to_be_bytes());
        }
        let content = if at % 7 == 0 { vec![0, 0] } else { content };
        let epoch = if at % 11 == 0 { 0 } else { 2 };
        let records = &mut pair.ends[CLIENT].handshake.records;
        records.write(epoch, ContentType::Ack, &[&content], &mut out).unwrap();
        pair.ends[SERVER].handle_input(pair.now, BytesMut::from(&out[..]));
        out.clear();
        while let Some(len) = pair.ends[SERVER].poll_transmit(pair.now, &mut out) {
            bytes += len;
            out.clear();
        }
        pair.now += Duration::from_millis(1);
    }
    // Ten seconds: the first acknowledgement of each fragment may bring out the rest; everything else is for the timer.
    assert!(bytes < 20 * flight, "{bytes} {flight}");
}

/// Attack C20: a certificate of 64 KiB, one that is nested a thousand times, and a key that takes for ever.
#[test]
fn c20_certificate_bombs_are_refused() {
    let mut pair = Pair::new(config(0), config(1), 1, Link::default());
    // 0x30 0x84 and a length of four bytes, a thousand times: a sequence in a sequence in a sequence.
    let mut nested = Vec::new();
    for depth in (0..1000_u32).rev() {
        nested.extend_from_slice(&[0x30, 0x84]);
        nested.extend_from_slice(&(depth * 6).to_be_bytes());
    }
    let good = certificate(1).certificate().to_vec();
    let long = [&good[..], &vec![0; 64 * 1024 - good.len()]].concat();
    // 16,384 bits: made up, but nobody can tell before trying.
    let huge_key = include_bytes!("data/rsa_16384.der").to_vec();
    let handshake = &mut pair.ends[CLIENT].handshake;
    handshake.fingerprints = None;
    for bomb in [vec![0x30; 60_000], nested, long] {
        assert!(handshake.take_certificate(&bomb).is_err());
    }
    let taken = handshake.take_certificate(&huge_key);
    for scheme in [0x0804, 0x0401] {
        let signed = crate::message::DigitallySigned { scheme, signature: &[1; 2048] };
        assert!(taken.is_err() || handshake.verify(Version::Dtls12, &signed, b"content").is_err());
    }
}

#[test]
fn c21_nothing_public_shows_keys() {
    let mut pair = Pair::new(config(0), config(1), 1, Link::default());
    pair.connect();
    let client = &pair.ends[CLIENT];
    let keys = client.srtp_keying_material().unwrap();
    let shown = format!("{client:?} {keys:?} {:?} {:?} {:?}", client.stats(), client.state(), client.info());
    for secret in [&keys.local_key, &keys.remote_key, &keys.local_salt, &keys.remote_salt] {
        let list = format!("{:?}", &secret[..]);
        assert!(!shown.contains(list.trim_matches(['[', ']'])));
    }
    assert!(format!("{keys:?}").len() < 80);
    let mut config = config(0);
    let cookies = crate::Cookies::new(&*provider(), pair.now).unwrap();
    config.cookies = Some(cookies.clone());
    let shown = format!("{config:?} {cookies:?} {:?} {:?}", pair.events, certificate(0));
    let pkcs8 = certificate(0).key().to_pkcs8().unwrap();
    for window in pkcs8.windows(4) {
        assert!(!shown.contains(format!("{window:?}").trim_matches(['[', ']'])));
    }
    assert_eq!(format!("{cookies:?}"), "Cookies { period: 60s, .. }");
    assert_eq!(format!("{client:?}"), "Connection { role: Client, state: Connected, .. }");
}

/// A message that anybody could write, in one record.
fn message(message_seq: u16, kind: crate::message::HandshakeType, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap();
    let header = FragmentHeader { kind: kind.code(), length, message_seq, offset: 0 };
    let mut bytes = header.bytes(body.len()).to_vec();
    bytes.extend_from_slice(body);
    plaintext(ContentType::Handshake, 0, &bytes)
}

/// A ClientHello with these extensions, which a server answers or not.
fn offer(suites: &[u8], compression_methods: &[u8], version: u16, extensions: &[u8]) -> Option<CloseReason> {
    use crate::message::{ClientHello, Codes, Extensions, HandshakeType};
    let hello = ClientHello {
        legacy_version: version,
        random: [3; 32],
        session_id: &[],
        cookie: &[],
        cipher_suites: Codes::parse(suites).unwrap(),
        compression_methods,
        extensions: Extensions::new(extensions).unwrap(),
    };
    let mut body = Vec::new();
    hello.write(&mut drywire_core::Writer::new(&mut body));
    let mut server = Connection::new(Arc::new(config(1)), Role::Server, start(), [1; 32]);
    let datagram = message(0, HandshakeType::ClientHello, &body);
    server.handle_input(start(), BytesMut::from(&datagram[..]));
    match server.poll_event() {
        Some(Event::Closed { reason }) => Some(reason),
        None => None,
        event => panic!("{event:?}"),
    }
}

#[test]
fn c12_weak_offers_are_refused() {
    let handshake_failure = Some(CloseReason::Incompatible(crate::Alert::HANDSHAKE_FAILURE));
    let protocol_version = Some(CloseReason::Incompatible(crate::Alert::PROTOCOL_VERSION));
    let illegal = Some(CloseReason::Misbehaved(crate::Alert::ILLEGAL_PARAMETER));
    // supported_groups: X25519 and P-256; signature_algorithms: ECDSA P-256; extended_master_secret.
    let groups = [0, 10, 0, 6, 0, 4, 0, 29, 0, 23];
    let schemes = [0, 13, 0, 4, 0, 2, 4, 3];
    let extended = [0, 23, 0, 0];
    let all = [&groups[..], &schemes, &extended].concat();
    let good = [0xC0, 0x2B];
    assert_eq!(offer(&good, &[0], 0xFEFD, &all), None);
    assert_eq!(offer(&good, &[0, 1], 0xFEFD, &all), None);
    // Without the extended master secret, without schemes, with SHA-1 only, with unknown groups only.
    assert_eq!(offer(&good, &[0], 0xFEFD, &[&groups[..], &schemes].concat()), handshake_failure);
    assert_eq!(offer(&good, &[0], 0xFEFD, &[&groups[..], &extended].concat()), handshake_failure);
    let sha1 = [&groups[..], &extended, &[0, 13, 0, 4, 0, 2, 2, 3]].concat();
    assert_eq!(offer(&good, &[0], 0xFEFD, &sha1), handshake_failure);
    let unknown = [&[0, 10, 0, 4, 0, 2, 0, 1][..], &schemes, &extended].concat();
    assert_eq!(offer(&good, &[0], 0xFEFD, &unknown), handshake_failure);
    // NULL, CBC, RSA key exchange, ECDHE_RSA without such a certificate, CCM.
    for suite in [[0, 2], [0, 0x2F], [0xC0, 9], [0, 0x9C], [0xC0, 0x2F], [0xC0, 0xAC]] {
        assert_eq!(offer(&suite, &[0], 0xFEFD, &all), handshake_failure);
    }
    // Compression only; a renegotiation; DTLS 1.0.
    assert_eq!(offer(&good, &[1], 0xFEFD, &all), illegal);
    let renegotiation = [&all[..], &[0xFF, 1, 0, 3, 2, 7, 7]].concat();
    assert_eq!(offer(&good, &[0], 0xFEFD, &renegotiation), illegal);
    assert_eq!(offer(&good, &[0], 0xFEFF, &all), protocol_version);
    let dtls10 = [&all[..], &[0, 43, 0, 3, 2, 0xFE, 0xFF]].concat();
    assert_eq!(offer(&good, &[0], 0xFEFD, &dtls10), protocol_version);
}

/// What a client does with these answers of a server, one after another.
fn answers(random: [u8; 32], lists: &[&[u8]]) -> Option<CloseReason> {
    use crate::message::{Extensions, HandshakeType, ServerHello};
    let mut client = Connection::new(Arc::new(config(0)), Role::Client, start(), [1; 32]);
    let mut out = Vec::new();
    while client.poll_transmit(start(), &mut out).is_some() {}
    for (at, extensions) in lists.iter().enumerate() {
        let hello = ServerHello {
            legacy_version: 0xFEFD,
            random,
            session_id: &[],
            cipher_suite: 0x1301,
            extensions: Extensions::new(extensions).unwrap(),
        };
        let mut body = Vec::new();
        hello.write(&mut drywire_core::Writer::new(&mut body));
        let datagram = message(u16::try_from(at).unwrap(), HandshakeType::ServerHello, &body);
        client.handle_input(start(), BytesMut::from(&datagram[..]));
        while client.poll_transmit(start(), &mut out).is_some() {}
    }
    match client.poll_event() {
        Some(Event::Closed { reason }) => Some(reason),
        None => None,
        event => panic!("{event:?}"),
    }
}

#[test]
fn c14_tricks_with_hello_retry_requests() {
    let retry = crate::message::ServerHello::retry_random();
    let misbehaved = |alert| Some(CloseReason::Misbehaved(alert));
    let version = [0, 43, 0, 2, 0xFE, 0xFC];
    let p256 = [&version[..], &[0, 51, 0, 2, 0, 23]].concat();
    let cookie = [&version[..], &[0, 44, 0, 3, 0, 1, 9]].concat();
    assert_eq!(answers(retry, &[&p256]), None);
    assert_eq!(answers(retry, &[&cookie]), None);
    // It asks for nothing; for a group that we have sent a share of; for one that we do not know.
    assert_eq!(answers(retry, &[&version]), misbehaved(crate::Alert::ILLEGAL_PARAMETER));
    for group in [[0x11, 0xEC], [0, 29], [0, 24], [0, 1]] {
        let same = [&version[..], &[0, 51, 0, 2], &group].concat();
        assert_eq!(answers(retry, &[&same]), misbehaved(crate::Alert::ILLEGAL_PARAMETER));
    }
    // A second one; an empty cookie; an extension that has no place there; no version.
    assert_eq!(answers(retry, &[&p256, &cookie]), misbehaved(crate::Alert::UNEXPECTED_MESSAGE));
    let empty = [&version[..], &[0, 44, 0, 2, 0, 0]].concat();
    assert_eq!(answers(retry, &[&empty]), misbehaved(crate::Alert::DECODE_ERROR));
    let more = [&p256[..], &[0, 10, 0, 4, 0, 2, 0, 23]].concat();
    assert_eq!(answers(retry, &[&more]), misbehaved(crate::Alert::UNSUPPORTED_EXTENSION));
    assert_eq!(answers(retry, &[&p256[6..]]), misbehaved(crate::Alert::ILLEGAL_PARAMETER));
    // A ServerHello without a share; with a share of a group that was not offered; with a share that is no point.
    assert_eq!(answers([7; 32], &[&version]), misbehaved(crate::Alert::MISSING_EXTENSION));
    let other = [&version[..], &[0, 51, 0, 5, 0, 23, 0, 1, 4]].concat();
    assert_eq!(answers([7; 32], &[&other]), misbehaved(crate::Alert::ILLEGAL_PARAMETER));
    let mut zero = [&version[..], &[0, 51, 0, 36, 0, 29, 0, 32]].concat();
    zero.resize(zero.len() + 32, 0);
    assert_eq!(answers([7; 32], &[&zero]), misbehaved(crate::Alert::ILLEGAL_PARAMETER), "all-zero secret");
    // DTLS 1.2 after a HelloRetryRequest.
    assert_eq!(answers(retry, &[&p256, &[]]), misbehaved(crate::Alert::ILLEGAL_PARAMETER));
}
