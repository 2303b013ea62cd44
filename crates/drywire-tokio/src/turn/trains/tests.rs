use std::collections::BTreeMap;
use std::net::SocketAddr;

use drywire::Ecn;
use proptest::prelude::*;

use super::*;

fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], port))
}

fn from(client: u16) -> Path {
    Path::udp(at(3478), at(client))
}

fn to(peer: u16) -> Path {
    Path::udp(at(50_000), at(peer))
}

/// Relays one datagram, or a train of them.
fn relay(trains: &mut Trains, from: Path, to: Path, bytes: &[u8], size: usize) -> Relayed {
    trains.relay(&from, bytes.len(), size, |out| {
        out.extend_from_slice(bytes);
        let segment_size = (bytes.len() > size).then_some(size);
        Some(Transmit { path: to, ecn: Ecn::NotEct, len: bytes.len(), segment_size })
    })
}

/// What leaves: destination, bytes, size of a datagram in a train.
fn flush(trains: &mut Trains) -> Vec<(Path, Vec<u8>, Option<usize>)> {
    let mut sent = Vec::new();
    trains.flush(|transmit, bytes| {
        assert_eq!(transmit.len, bytes.len());
        sent.push((transmit.path, bytes.to_vec(), transmit.segment_size));
    });
    sent
}

#[test]
fn what_goes_the_same_way_leaves_together_and_in_the_order_of_the_ways() {
    let mut trains = Trains::new();
    for round in 0..3 {
        for client in [1, 2] {
            let relayed = relay(&mut trains, from(client), to(client), &[round; 100], 100);
            assert_eq!(relayed, Relayed::Waits);
        }
    }
    let all: Vec<u8> = (0..3).flat_map(|round| [round; 100]).collect();
    assert_eq!(flush(&mut trains), [(to(1), all.clone(), Some(100)), (to(2), all, Some(100))]);
    assert_eq!(flush(&mut trains), []);
}

#[test]
fn one_datagram_is_no_train() {
    let mut trains = Trains::new();
    relay(&mut trains, from(1), to(1), b"alone", 5);
    assert_eq!(flush(&mut trains), [(to(1), b"alone".to_vec(), None)]);
}

#[test]
fn only_the_last_of_a_train_is_shorter() {
    let mut trains = Trains::new();
    for bytes in [&b"four"[..], b"two", b"four", b"longer", b"", b"longer"] {
        relay(&mut trains, from(1), to(1), bytes, bytes.len().max(1));
    }
    let expected = [("fourtwo", Some(4)), ("four", None), ("longer", None), ("", None), ("longer", None)];
    let expected = expected.map(|(bytes, size)| (to(1), bytes.as_bytes().to_vec(), size));
    assert_eq!(flush(&mut trains), expected);
}

#[test]
fn a_client_with_two_peers_keeps_its_order() {
    let mut trains = Trains::new();
    for (peer, bytes) in [(1, b"a"), (1, b"b"), (2, b"c"), (2, b"d"), (1, b"e")] {
        relay(&mut trains, from(1), to(peer), bytes, 1);
    }
    let expected =
        [(to(1), b"ab".to_vec(), Some(1)), (to(2), b"cd".to_vec(), Some(1)), (to(1), b"e".to_vec(), None)];
    assert_eq!(flush(&mut trains), expected);
}

#[test]
fn what_is_not_relayed_leaves_nothing() {
    let mut trains = Trains::new();
    relay(&mut trains, from(1), to(1), b"one", 3);
    for client in [1, 2] {
        let relayed = trains.relay(&from(client), 3, 3, |out| {
            out.extend_from_slice(b"not");
            None
        });
        assert_eq!(relayed, Relayed::Nothing);
    }
    relay(&mut trains, from(1), to(1), b"two", 3);
    assert_eq!(flush(&mut trains), [(to(1), b"onetwo".to_vec(), Some(3))]);
}

#[test]
fn what_is_too_large_to_be_segmented_stays_alone() {
    let mut trains = Trains::new();
    let large = vec![7; LARGEST + 1];
    relay(&mut trains, from(1), to(1), &large, large.len());
    relay(&mut trains, from(1), to(1), &large, large.len());
    assert_eq!(flush(&mut trains), [(to(1), large.clone(), None), (to(1), large, None)]);
}

#[test]
fn connections_get_theirs_at_once() {
    let mut trains = Trains::new();
    let tcp = Path { protocol: Protocol::Tcp, ..to(1) };
    assert_eq!(relay(&mut trains, from(1), tcp, b"frame", 5), Relayed::Enough);
}

proptest! {
    /// Whatever comes: each datagram leaves once, as it was, and those of one way in their order; trains have the form that
    /// the kernel takes.
    #[test]
    fn nothing_is_lost_changed_or_overtaken(
        input in proptest::collection::vec((0..200_u16, 0..3_u16, 0..1_500_usize, 1..=DATAGRAMS, any::<bool>()), 1..600),
    ) {
        let mut trains = Trains::new();
        let mut expected: BTreeMap<(u16, u16), Vec<Vec<u8>>> = BTreeMap::new();
        let mut sent: BTreeMap<(u16, u16), Vec<Vec<u8>>> = BTreeMap::new();
        let mut take = |sent_now: Vec<(Path, Vec<u8>, Option<usize>)>| {
            for (path, bytes, size) in sent_now {
                let of = sent.entry((path.local.port(), path.remote.port())).or_default();
                let count = size.map_or(1, |size| bytes.len().div_ceil(size));
                assert!(count == 1 || (count <= DATAGRAMS && bytes.len() <= 65_000), "{count} of {size:?}");
                match size {
                    Some(size) => of.extend(bytes.chunks(size).map(<[u8]>::to_vec)),
                    None => of.push(bytes),
                }
            }
        };
        for (index, (client, peer, size, count, flushes)) in input.into_iter().enumerate() {
            let count = count.min(40_000 / size.max(1)).max(1);
            // Clients that share a place, too.
            let (from, to) = (from(client * 256), Path::udp(at(client), at(peer)));
            let mark = u8::try_from(index % 251).unwrap();
            let bytes = vec![mark; if size == 0 { 0 } else { size * count - index % size }];
            let of = expected.entry((client, peer)).or_default();
            if bytes.is_empty() {
                of.push(Vec::new());
            } else {
                of.extend(bytes.chunks(size).map(<[u8]>::to_vec));
            }
            let relayed = relay(&mut trains, from, to, &bytes, size.max(1));
            assert!(trains.used <= TRAINS);
            if flushes || relayed == Relayed::Enough {
                take(flush(&mut trains));
            }
        }
        take(flush(&mut trains));
        prop_assert_eq!(sent, expected);
    }
}
