//! What is off unless asked for: application protocols, limits of records, the key log.

use std::sync::Mutex;

use super::*;
use crate::record::{Keys12, RecordNumber};
use crate::{Alert, CloseReason, KeyLog, RecordError, prf, schedule};

fn names(names: &[&str]) -> Vec<Vec<u8>> {
    names.iter().map(|name| name.as_bytes().to_vec()).collect()
}

#[test]
fn application_protocols() {
    let both: &[&str] = &["webrtc", "c-webrtc"];
    type Row<'a> = (&'a [&'a str], &'a [&'a str], Result<Option<&'a str>, ()>);
    let table: [Row<'_>; 7] = [
        (both, both, Ok(Some("webrtc"))),
        // The server's order counts (RFC 7301, section 3.2).
        (both, &["c-webrtc", "webrtc"], Ok(Some("c-webrtc"))),
        (&["c-webrtc"], both, Ok(Some("c-webrtc"))),
        (both, &[], Ok(None)),
        (&[], both, Ok(None)),
        (&[], &[], Ok(None)),
        (&["webrtc"], &["c-webrtc"], Err(())),
    ];
    for version in [Version::Dtls12, Version::Dtls13] {
        for (ours, theirs, expected) in table {
            let (mut client, mut server) = (only(config(0), version), config(1));
            (client.alpn, server.alpn) = (names(ours), names(theirs));
            let mut pair = Pair::new(client, server, 1, Link::default());
            match expected {
                Ok(name) => {
                    pair.connect();
                    pair.check();
                    for end in &pair.ends {
                        let alpn = &end.info().unwrap().alpn;
                        assert_eq!(alpn.as_deref(), name.map(str::as_bytes), "{version} {ours:?} {theirs:?}");
                    }
                }
                Err(()) => {
                    pair.run_until(|_| false);
                    let alert = Alert::NO_APPLICATION_PROTOCOL;
                    let incompatible = CloseReason::Incompatible(alert);
                    assert_eq!(pair.events[SERVER], [Event::Closed { reason: incompatible }]);
                    let reason = CloseReason::PeerAlert(alert);
                    assert_eq!(pair.events[CLIENT], [Event::Closed { reason }]);
                }
            }
        }
    }
}

#[test]
fn names_that_cannot_be_written_are_not_offered() {
    let (mut client, mut server) = (config(0), config(1));
    client.alpn = vec![vec![], vec![b'x'; 256], b"webrtc".to_vec()];
    server.alpn = client.alpn.clone();
    let mut pair = Pair::new(client, server, 1, Link::default());
    pair.connect();
    assert_eq!(pair.ends[CLIENT].info().unwrap().alpn.as_deref(), Some(&b"webrtc"[..]));
}

#[test]
fn records_keep_the_limit_of_their_receiver() {
    for version in [Version::Dtls12, Version::Dtls13] {
        for (ours, theirs) in
            [(Some(64), None), (Some(64), Some(100)), (Some(512), Some(64)), (None, Some(64))]
        {
            let (mut client, mut server) = (only(config(0), version), config(1));
            (client.record_size_limit, server.record_size_limit) = (ours, theirs);
            let mut pair = Pair::new(client, server, 1, Link::default());
            pair.connect();
            // A server's wish is heard only when the client has one (RFC 8449, section 4).
            let content_type = usize::from(version == Version::Dtls13);
            let longest = [
                ours.map_or(1 << 14, |_| theirs.map_or(1 << 14, |limit| usize::from(limit) - content_type)),
                ours.map_or(1 << 14, |limit| usize::from(limit) - content_type),
            ];
            for end in [CLIENT, SERVER] {
                assert_eq!(pair.ends[end].max_plaintext_len(), longest[end], "{version} {ours:?} {theirs:?}");
                let full = pair.write(end, &vec![7; longest[end]]);
                pair.carry(end, &full);
                pair.settle();
                assert_eq!(pair.data(1 - end), [vec![7; longest[end]]]);
                let mut out = vec![1];
                let result = pair.ends[end].write(&vec![7; longest[end] + 1], &mut out);
                assert_eq!((result, &out[..]), (Err(RecordError::TooLong), &[1][..]));
            }
        }
    }
}

#[test]
fn handshakes_of_short_records_survive_a_bad_link() {
    for seed in 0..20 {
        for version in [Version::Dtls12, Version::Dtls13] {
            let (mut client, mut server) = (only(config(0), version), config(1));
            (client.record_size_limit, server.record_size_limit) = (Some(64), Some(64));
            (client.handshake_timeout, server.handshake_timeout) = (None, None);
            let mut pair = Pair::new(client, server, seed, Link { loss: 20, duplicate: 20, jitter: 60 });
            pair.connect();
            pair.check_short();
        }
    }
}

#[test]
fn records_beyond_our_limit_are_discarded() {
    for version in [Version::Dtls12, Version::Dtls13] {
        let mut client = only(config(0), version);
        client.record_size_limit = Some(100);
        let mut pair = Pair::new(client, config(1), 1, Link::default());
        pair.connect();
        // The server does not care.
        let unlimited = crate::agreed::RecordLimits { write: 1 << 14, read: 1 << 14 };
        pair.ends[SERVER].handshake.records.set_limits(version, unlimited);
        let discarded = pair.ends[CLIENT].stats().records_discarded;
        for len in [101, 1000] {
            let record = pair.write(SERVER, &vec![1; len]);
            pair.carry(SERVER, &record);
        }
        let record = pair.write(SERVER, b"short");
        pair.carry(SERVER, &record);
        pair.settle();
        assert_eq!(pair.data(CLIENT), [b"short".to_vec()]);
        assert_eq!(pair.ends[CLIENT].stats().records_discarded, discarded + 2);
    }
}

type Line = (&'static str, [u8; 32], Vec<u8>);

/// Everything that was written to it.
#[derive(Debug, Default)]
struct Log(Mutex<Vec<Line>>);

impl KeyLog for Log {
    fn log(&self, label: &'static str, client_random: &[u8; 32], secret: &[u8]) {
        self.0.lock().unwrap().push((label, *client_random, secret.to_vec()));
    }
}

impl Log {
    fn secret(&self, label: &str) -> Vec<u8> {
        self.0.lock().unwrap().iter().find(|line| line.0 == label).unwrap().2.clone()
    }
}

#[test]
fn the_key_log_decrypts_the_records() {
    for version in [Version::Dtls12, Version::Dtls13] {
        for suite in suites(version) {
            let logs = [Arc::new(Log::default()), Arc::new(Log::default())];
            let (mut client, mut server) = (only(config(0), version), config(1));
            client.cipher_suites = vec![suite];
            client.key_log = Some(logs[CLIENT].clone());
            server.key_log = Some(logs[SERVER].clone());
            let mut pair = Pair::new(client, server, 1, Link::default());
            let mut server_random = [0; 32];
            pair.step();
            let mut out = Vec::new();
            pair.ends[SERVER].poll_transmit(pair.now, &mut out).unwrap();
            // Record header, message header, version, random.
            server_random.copy_from_slice(&out[13 + 12 + 2..][..32]);
            pair.carry(SERVER, &out);
            pair.connect();
            pair.check();
            let client_random = logs[CLIENT].0.lock().unwrap()[0].1;
            assert_eq!(*logs[CLIENT].0.lock().unwrap(), *logs[SERVER].0.lock().unwrap());
            let labels: Vec<_> = logs[CLIENT].0.lock().unwrap().iter().map(|line| line.0).collect();

            let mut record = pair.write(CLIENT, b"secret");
            let provider = provider();
            match version {
                Version::Dtls12 => {
                    assert_eq!(labels, ["CLIENT_RANDOM"]);
                    let (aead, master) = (suite.aead(), logs[CLIENT].secret("CLIENT_RANDOM"));
                    let (key_len, iv_len) = (aead.key_len(), Keys12::fixed_iv_len(aead));
                    let mut block = vec![0; 2 * (key_len + iv_len)];
                    let seed: [&[u8]; 4] = [&server_random, &client_random, &[], &[]];
                    prf::prf(&*provider, suite.hash(), &master, b"key expansion", seed, &mut block);
                    let (key, iv) = (&block[..key_len], &block[2 * key_len..][..iv_len]);
                    let keys = Keys12::new(&*provider, aead, key, iv).unwrap();
                    let sequence = u64::from_be_bytes(record[3..11].try_into().unwrap()) & 0xFFFF_FFFF_FFFF;
                    let number = RecordNumber { epoch: 1, sequence };
                    let content = crate::record::ContentType::ApplicationData;
                    let (skip, len) = keys.open(content, number, &[], &mut record[13..]).unwrap();
                    assert_eq!(&record[13 + skip..][..len], b"secret");
                }
                Version::Dtls13 => {
                    let expected = [
                        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
                        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
                        "CLIENT_TRAFFIC_SECRET_0",
                        "SERVER_TRAFFIC_SECRET_0",
                        "EXPORTER_SECRET",
                    ];
                    assert_eq!(labels, expected);
                    let logged = logs[CLIENT].secret("CLIENT_TRAFFIC_SECRET_0");
                    let secret = drywire_crypto::Secret::new(&[&logged]).unwrap();
                    let keys = schedule::record_keys(&*provider, suite, &secret).unwrap();
                    let (header, header_len, _) = crate::record::UnifiedHeader::parse(&record, 0).unwrap();
                    let opened = keys.open(header, header_len, &mut record, 3, |_| true).ok().unwrap();
                    assert_eq!(&record[header_len..][..opened.len], b"secret");
                }
            }
        }
    }
}

#[test]
fn a_server_may_send_before_the_client_has_finished() {
    let ready = |pair: &Pair| pair.ends[SERVER].may_send_early();
    let mut pair = Pair::new(config(0), config(1), 1, Link::default());
    assert!(!ready(&pair));
    let mut not_asked = Pair::new(config(0), config(1), 1, Link::default());
    not_asked.run_until(Pair::both_connected);
    pair.ends.iter_mut().for_each(Connection::allow_early_records);
    assert!(pair.run_until(ready) && !pair.both_connected());
    let mut out = Vec::new();
    pair.ends[SERVER].write(b"early", &mut out).unwrap();
    pair.carry(SERVER, &out);
    pair.connect();
    assert_eq!(pair.data(CLIENT), [b"early"]);
    assert!(!ready(&pair), "it is connected, nothing is early any more");
    pair.check();
}

#[test]
fn nobody_else_may_send_early() {
    // Who has not asked, who does not know the peer, DTLS 1.2, the client.
    for (version, known, allowed) in [
        (Version::Dtls13, true, false),
        (Version::Dtls13, false, true),
        (Version::Dtls12, true, true),
        (Version::Dtls13, true, true),
    ] {
        let mut pair = Pair::strangers(only(config(0), version), config(1), 1, Link::default());
        if known {
            pair.introduce();
        }
        if allowed {
            pair.ends.iter_mut().for_each(Connection::allow_early_records);
        }
        for _ in 0..100 {
            pair.drain();
            let server = known && allowed && version == Version::Dtls13;
            for (end, may) in [(CLIENT, false), (SERVER, server)] {
                let end = &mut pair.ends[end];
                assert!(may || !end.may_send_early());
                let can = end.is_connected() || end.may_send_early();
                assert_eq!(end.write(b"early", &mut Vec::new()).is_ok(), can);
            }
            if !pair.step() {
                break;
            }
        }
    }
}

#[test]
fn what_is_sent_early_to_the_wrong_client_is_all_that_it_gets() {
    let mut pair = Pair::strangers(config(0), config(1), 1, Link::default());
    pair.announce(CLIENT, 1);
    // The server expects another certificate.
    pair.announce(SERVER, 1);
    pair.ends[SERVER].allow_early_records();
    pair.run_until(|pair| pair.ends[SERVER].state() == crate::State::Failed);
    assert!(!pair.ends[SERVER].may_send_early());
    assert!(pair.ends[SERVER].write(b"late", &mut Vec::new()).is_err());
}
