//! Who acknowledges what, when, and what is believed of it (RFC 9147, section 7).

use super::*;
use crate::ack;
use crate::handshake::Handshake;
use crate::record::{ContentType, RecordNumber};
use crate::{CloseReason, State};

/// A pair that speaks DTLS 1.3, with short datagrams and timers that wait for a second.
fn pair() -> Pair {
    let (mut client, mut server) = (only(config(0), Version::Dtls13), config(1));
    (client.mtu, server.mtu) = (300, 300);
    Pair::new(client, server, 1, Link::default())
}

fn said(pair: &mut Pair, end: usize) -> Vec<Vec<u8>> {
    let (mut out, mut datagrams) = (Vec::new(), Vec::new());
    while pair.ends[end].poll_transmit(pair.now, &mut out).is_some() {
        datagrams.push(std::mem::take(&mut out));
    }
    datagrams
}

fn hear(pair: &mut Pair, end: usize, datagrams: &[Vec<u8>]) {
    for datagram in datagrams {
        pair.ends[end].handle_input(pair.now, BytesMut::from(&datagram[..]));
    }
}

fn wait(pair: &mut Pair, end: usize, millis: u64) {
    pair.now += Duration::from_millis(millis);
    pair.ends[end].handle_timeout(pair.now);
}

/// A pair whose server has sent its flight, and that flight.
fn answered() -> (Pair, Vec<Vec<u8>>) {
    let mut pair = pair();
    let hello = said(&mut pair, CLIENT);
    hear(&mut pair, SERVER, &hello);
    let flight = said(&mut pair, SERVER);
    assert!(flight.len() > 5, "{}", flight.len());
    (pair, flight)
}

/// What the server reads of an ACK of the client.
fn numbers(pair: &mut Pair, datagrams: &[Vec<u8>]) -> Vec<RecordNumber> {
    let [datagram] = datagrams else { panic!("{} datagrams", datagrams.len()) };
    let mut rest = BytesMut::from(&datagram[..]);
    let record = crate::record::split_record(&mut rest, 0).unwrap();
    let Handshake { records, stats, .. } = &mut pair.ends[SERVER].handshake;
    let crate::record::Opening::Opened(opened) = records.open(record, stats) else { panic!("not readable") };
    assert_eq!(opened.content, ContentType::Ack);
    ack::parse(&opened.payload).unwrap().collect()
}

#[test]
fn an_acknowledgement_names_again_what_the_one_before_named() {
    let (mut pair, flight) = answered();
    let until_keys = flight.len() - 2;
    hear(&mut pair, CLIENT, &flight[..until_keys]);
    assert!(said(&mut pair, CLIENT).is_empty());
    wait(&mut pair, CLIENT, 250);
    let acks = said(&mut pair, CLIENT);
    let first = numbers(&mut pair, &acks);
    assert!(first.len() >= until_keys);
    assert!(first.is_sorted());
    // Nothing new, nothing to say.
    wait(&mut pair, CLIENT, 250);
    assert!(said(&mut pair, CLIENT).is_empty());
    hear(&mut pair, CLIENT, &flight[until_keys..=until_keys]);
    wait(&mut pair, CLIENT, 250);
    let acks = said(&mut pair, CLIENT);
    let second = numbers(&mut pair, &acks);
    assert!(second.len() > first.len());
    assert_eq!(second[..first.len()], first);
}

/// What is not protected can be from anybody: it stops neither the flight nor the session for good.
#[test]
fn forged_acknowledgements_and_fragments_do_no_harm() {
    let (mut pair, flight) = answered();
    // All that there is, "acknowledged" in plaintext.
    let mut content = Vec::new();
    for epoch in [0_u64, 2] {
        for sequence in 0..20_u64 {
            content.extend_from_slice(&epoch.to_be_bytes());
            content.extend_from_slice(&sequence.to_be_bytes());
        }
    }
    let len = u16::try_from(content.len()).unwrap().to_be_bytes();
    let content = [&len[..], &content].concat();
    let mut forged = Vec::new();
    let records = &mut pair.ends[CLIENT].handshake.records;
    records.write(0, ContentType::Ack, &[&content], &mut forged).unwrap();
    hear(&mut pair, SERVER, &[forged]);
    // The protected part of the flight goes out again when its time has come.
    wait(&mut pair, SERVER, 1000);
    let again = said(&mut pair, SERVER);
    assert!(!again.is_empty() && again.len() < flight.len());
    // The client misses the ServerHello: it repeats itself, and gets all of it.
    pair.now += Duration::from_secs(1);
    pair.ends[CLIENT].handle_timeout(pair.now);
    let hello = said(&mut pair, CLIENT);
    hear(&mut pair, SERVER, &hello);
    wait(&mut pair, SERVER, 2000);
    let again = said(&mut pair, SERVER);
    hear(&mut pair, CLIENT, &again);
    pair.connect();
    pair.check();
}

/// A client whose second ClientHello is lost, and "acknowledged" by somebody, has a server that keeps nothing of it.
#[test]
fn a_forged_acknowledgement_does_not_silence_a_client() {
    let (mut client, mut server) = (only(config(0), Version::Dtls13), config(1));
    client.groups = vec![NamedGroup::X25519, NamedGroup::Secp256r1];
    server.groups = vec![NamedGroup::Secp256r1];
    let mut pair = Pair::new(client, server, 1, Link::default());
    for (from, to) in [(CLIENT, SERVER), (SERVER, CLIENT)] {
        let datagrams = said(&mut pair, from);
        hear(&mut pair, to, &datagrams);
    }
    let lost = said(&mut pair, CLIENT);
    assert!(!lost.is_empty());
    let mut content = vec![0, 160];
    for sequence in 0..10_u64 {
        content.extend_from_slice(&[0; 8]);
        content.extend_from_slice(&sequence.to_be_bytes());
    }
    let mut forged = Vec::new();
    let records = &mut pair.ends[SERVER].handshake.records;
    records.write(0, ContentType::Ack, &[&content], &mut forged).unwrap();
    hear(&mut pair, CLIENT, &[forged]);
    pair.muted[SERVER] = true;
    let sent = pair.sent[CLIENT];
    assert!(pair.run_until(|pair| pair.sent[CLIENT] > sent), "it says it again by itself");
    pair.muted[SERVER] = false;
    pair.connect();
    pair.check();
}

/// Keys of old epochs are kept while something of theirs may be on its way, and no longer.
#[test]
fn old_keys_are_forgotten() {
    let mut pair = pair();
    pair.connect();
    pair.settle();
    let [late, later] = [b"late", b"last"].map(|data| {
        let mut out = Vec::new();
        pair.ends[CLIENT].write(data, &mut out).unwrap();
        out
    });
    pair.ends[CLIENT].update_keys();
    pair.settle();
    pair.events[SERVER].clear();
    let send = |pair: &mut Pair| {
        let mut out = Vec::new();
        pair.ends[CLIENT].write(b"new", &mut out).unwrap();
        hear(pair, SERVER, &[out]);
        pair.drain();
        pair.events[SERVER].len()
    };
    assert_eq!(send(&mut pair), 1);
    pair.now += Duration::from_secs(239);
    assert_eq!(send(&mut pair), 2);
    hear(&mut pair, SERVER, &[late]);
    pair.drain();
    assert_eq!(pair.events[SERVER].len(), 3, "it was only late");
    pair.now += Duration::from_secs(2);
    hear(&mut pair, SERVER, &[later]);
    pair.drain();
    assert_eq!(pair.events[SERVER].len(), 3, "its keys are gone");
    assert_eq!(send(&mut pair), 4);
}

/// RFC 8446, section 5: what is protected with the keys of the handshake is no data.
#[test]
fn data_under_the_keys_of_the_handshake_ends_the_session() {
    let (mut pair, flight) = answered();
    hear(&mut pair, CLIENT, &flight[..2]);
    let mut data = Vec::new();
    let records = &mut pair.ends[SERVER].handshake.records;
    records.write(2, ContentType::ApplicationData, &[b"early"], &mut data).unwrap();
    hear(&mut pair, CLIENT, &flight[2..flight.len() - 1]);
    hear(&mut pair, CLIENT, &[data]);
    assert_eq!(pair.ends[CLIENT].state(), State::Failed);
    let reason = CloseReason::Misbehaved(crate::Alert::UNEXPECTED_MESSAGE);
    pair.drain();
    assert_eq!(pair.events[CLIENT], [Event::Closed { reason }]);
}

/// The client is connected before the server has said that it has its Finished. If it never does, nobody is there.
#[test]
fn a_client_whose_last_flight_is_never_acknowledged_gives_up() {
    let mut pair = pair();
    assert!(pair.run_until(|pair| pair.ends[CLIENT].is_connected()));
    pair.muted = [true; 2];
    assert!(pair.run_until(|pair| !pair.ends[CLIENT].is_connected()));
    let closed = Event::Closed { reason: CloseReason::Timeout };
    assert_eq!(pair.events[CLIENT].last(), Some(&closed));
    // Whoever says anything is there.
    let mut pair = self::pair();
    pair.connect();
    pair.settle();
    assert!(!pair.run_until(|pair| !pair.ends[CLIENT].is_connected()));
}

/// Numbers of messages do not begin again (RFC 9147, section 5.2).
#[test]
fn no_keys_are_updated_when_the_numbers_of_messages_are_used_up() {
    let mut pair = pair();
    pair.connect();
    pair.settle();
    pair.ends[CLIENT].handshake.flight.set_next_message_seq(u16::MAX);
    pair.ends[CLIENT].update_keys();
    assert!(said(&mut pair, CLIENT).is_empty());
    pair.check();
}
