//! Connection identifiers (RFC 9146; RFC 9147, section 9).

use super::*;
use crate::message::{HandshakeType, NewConnectionId, RequestConnectionId};
use crate::record::MAX_IDS;
use crate::{Alert, CloseReason, State};

fn with(mut config: Config, len: Option<u8>) -> Config {
    config.connection_id = len;
    config.handshake_timeout = None;
    config
}

fn local(pair: &Pair, end: usize) -> Vec<Vec<u8>> {
    pair.ends[end].local_connection_ids().map(<[u8]>::to_vec).collect()
}

fn remote(pair: &Pair, end: usize) -> Option<Vec<u8>> {
    pair.ends[end].remote_connection_id().map(<[u8]>::to_vec)
}

#[test]
fn each_side_gets_what_it_wants() {
    let lengths = [None, Some(0), Some(1), Some(8), Some(32), Some(255)];
    let mut seed = 0;
    for version in [Version::Dtls12, Version::Dtls13] {
        for ours in lengths {
            for theirs in lengths {
                seed += 1;
                let (client, server) = (with(only(config(0), version), ours), with(config(1), theirs));
                let link = if seed % 2 == 0 {
                    Link { loss: 20, duplicate: 20, jitter: 60 }
                } else {
                    Link::default()
                };
                let mut pair = Pair::new(client, server, seed, link);
                pair.connect();
                pair.check();
                let agreed = ours.is_some() && theirs.is_some();
                for (end, len) in [(CLIENT, ours), (SERVER, theirs)] {
                    let len = usize::from(len.unwrap_or_default()).min(32);
                    let expected = usize::from(agreed && len > 0);
                    assert_eq!(local(&pair, end).len(), expected);
                    assert_eq!(local(&pair, end).first().cloned(), remote(&pair, 1 - end));
                    if expected == 1 {
                        assert_eq!(local(&pair, end)[0].len(), len);
                        let record = pair.write(1 - end, b"data");
                        let at = if version == Version::Dtls12 { 11 } else { 1 };
                        assert_eq!(record[at..at + len], local(&pair, end)[0]);
                        assert_eq!(record[0] == 25, version == Version::Dtls12);
                    }
                }
            }
        }
    }
}

#[test]
fn a_record_without_the_right_identifier_is_not_read() {
    for version in [Version::Dtls12, Version::Dtls13] {
        let (client, server) = (with(only(config(0), version), Some(4)), with(config(1), Some(4)));
        let mut pair = Pair::new(client, server, 1, Link::default());
        pair.connect();
        let before = pair.ends[SERVER].stats().clone();
        let saved = remote(&pair, CLIENT).unwrap();
        for wrong in [b"wron".to_vec(), Vec::new(), b"longer".to_vec()] {
            pair.ends[CLIENT].handshake.records.ids.agree(&wrong);
            let record = pair.write(CLIENT, b"astray");
            pair.carry(CLIENT, &record);
        }
        pair.ends[CLIENT].handshake.records.ids.agree(&saved);
        let record = pair.write(CLIENT, b"right");
        for at in 0..record.len() {
            let mut changed = record.clone();
            changed[at] ^= 4;
            pair.carry(CLIENT, &changed);
        }
        pair.carry(CLIENT, &record);
        pair.settle();
        assert_eq!(pair.data(SERVER), [b"right".to_vec()]);
        assert!(pair.ends[SERVER].stats().records_discarded >= before.records_discarded + 3);
        assert_eq!(pair.ends[SERVER].state(), State::Connected);
        pair.check();
    }
}

#[test]
fn more_identifiers_on_request() {
    for seed in 0..20 {
        let (client, server) = (with(config(0), Some(8)), with(config(1), Some(5)));
        let mut pair = Pair::new(client, server, seed, Link { loss: 20, duplicate: 10, jitter: 50 });
        pair.connect();
        assert!(!pair.ends[CLIENT].change_connection_id(), "nothing spare");
        let first = remote(&pair, CLIENT).unwrap();
        pair.ends[CLIENT].request_connection_ids(2);
        // One request after the other.
        pair.ends[CLIENT].request_connection_ids(200);
        pair.ends[SERVER].request_connection_ids(1);
        pair.ends[SERVER].update_keys();
        pair.settle();
        assert_eq!((local(&pair, SERVER).len(), local(&pair, CLIENT).len()), (3, 2), "{seed}");
        pair.check();
        assert!(pair.ends[CLIENT].change_connection_id());
        assert!(pair.ends[SERVER].change_connection_id());
        let second = remote(&pair, CLIENT).unwrap();
        assert!(second != first && local(&pair, SERVER).contains(&second));
        pair.check();
        assert!(pair.ends[CLIENT].change_connection_id());
        assert!(!pair.ends[CLIENT].change_connection_id());
        pair.check();
        // There is an end to it.
        for _ in 0..10 {
            pair.ends[CLIENT].request_connection_ids(255);
            pair.settle();
        }
        assert_eq!(local(&pair, SERVER).len(), MAX_IDS);
        pair.check();
    }
}

/// What a message that comes after the handshake does.
fn after(ours: Option<u8>, theirs: Option<u8>, kind: HandshakeType, body: &[u8]) -> Option<CloseReason> {
    let (client, server) = (with(config(0), ours), with(config(1), theirs));
    let mut pair = Pair::new(client, server, 1, Link::default());
    pair.connect();
    let epoch = pair.ends[SERVER].handshake.records.write_epoch();
    pair.ends[SERVER].handshake.flight.begin();
    pair.ends[SERVER].handshake.flight.push(epoch, kind, |w| {
        w.bytes(body);
    });
    pair.settle();
    match pair.events[CLIENT].last() {
        Some(Event::Closed { reason }) => Some(*reason),
        _ => {
            pair.check();
            None
        }
    }
}

#[test]
fn messages_that_were_not_agreed_on_end_the_connection() {
    let written = |ids: &[&[u8]], immediate| {
        let mut body = Vec::new();
        let new = NewConnectionId { ids: ids.to_vec(), immediate };
        new.write(&mut drywire_core::Writer::new(&mut body));
        assert_eq!(NewConnectionId::parse(&body, 9).as_ref(), Ok(&new));
        body
    };
    let mut request = Vec::new();
    RequestConnectionId { count: 1 }.write(&mut drywire_core::Writer::new(&mut request));
    let unexpected = Some(CloseReason::Misbehaved(Alert::UNEXPECTED_MESSAGE));
    let illegal = Some(CloseReason::Misbehaved(Alert::ILLEGAL_PARAMETER));
    let decode = Some(CloseReason::Misbehaved(Alert::DECODE_ERROR));
    let (new, ask) = (HandshakeType::NewConnectionId, HandshakeType::RequestConnectionId);
    let spare = written(&[b"spare"], false);
    assert_eq!(after(None, None, new, &spare), unexpected);
    assert_eq!(after(None, None, ask, &request), unexpected);
    // The server wants to receive none; the client wants to receive none.
    assert_eq!(after(Some(8), Some(0), new, &spare), unexpected);
    assert_eq!(after(Some(0), Some(8), ask, &request), unexpected);
    assert_eq!(after(Some(8), Some(8), new, &spare), None);
    assert_eq!(after(Some(8), Some(8), ask, &request), None);
    assert_eq!(after(Some(8), Some(8), new, &written(&[], false)), None);
    assert_eq!(after(Some(8), Some(8), new, &[0, 0, 0]), illegal);
    assert_eq!(after(Some(8), Some(8), new, &[0, 1, 0, 1]), illegal);
    assert_eq!(after(Some(8), Some(8), new, &[0, 2, 1, 7, 2]), illegal);
    assert_eq!(after(Some(8), Some(8), new, &[0, 3, 1, 7, 1]), decode);
    assert_eq!(after(Some(8), Some(8), ask, &[]), decode);
}

#[test]
fn an_identifier_may_have_to_be_used_at_once() {
    let (client, server) = (with(config(0), Some(8)), with(config(1), Some(8)));
    let mut pair = Pair::new(client, server, 1, Link::default());
    pair.connect();
    let epoch = pair.ends[SERVER].handshake.records.write_epoch();
    let new = b"12345678".to_vec();
    pair.ends[SERVER].handshake.records.ids.add_local(new.clone());
    let mut body = Vec::new();
    NewConnectionId { ids: vec![&new[..]], immediate: true }.write(&mut drywire_core::Writer::new(&mut body));
    pair.ends[SERVER].handshake.flight.begin();
    pair.ends[SERVER].handshake.flight.push(epoch, HandshakeType::NewConnectionId, |w| {
        w.bytes(&body);
    });
    pair.settle();
    assert_eq!(remote(&pair, CLIENT), Some(new));
    pair.check();
}
