use std::net::SocketAddr;

use bytes::BytesMut;
use drywire_core::{Instant, Path, Protocol, Transmit};
use drywire_sim::origin;
use drywire_stun::attributes::{ChannelNumber, Data, Icmp, XorPeerAddress};
use drywire_stun::{Class, Message, MessageBuilder, Method};
use proptest::prelude::*;

use super::world::*;
use crate::ChannelData;
use crate::server::Server;

/// A server with an allocation, two channels and a permission without one.
fn open(now: Instant) -> (Server, Raw, SocketAddr) {
    let mut server = Server::new(server_config(), now, [1; 32]).unwrap();
    let mut alice = Raw::new("alice", 4000);
    let relayed = alice.allocate(&mut server, now);
    for (number, peer) in [(0x4000, PEER), (0x4001, "203.0.113.98:7")] {
        let answer = alice.ask(&mut server, now, Method::CHANNEL_BIND, |request| {
            request.attribute(&ChannelNumber(number)).attribute(&XorPeerAddress(address(peer)));
        });
        assert_eq!(answer.code, None);
    }
    (server, alice, relayed)
}

fn channel_data(channel: u16, data: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    ChannelData { channel, data }.write(false, &mut message);
    message
}

/// Everything that a batch becomes, one datagram after the other.
fn drain(
    server: &mut Server,
    now: Instant,
    path: Path,
    batch: &[u8],
    size: usize,
) -> (Vec<Transmit>, Vec<(Path, Vec<u8>)>) {
    let (mut batch, mut out, mut transmits, mut datagrams) = (batch, Vec::new(), Vec::new(), Vec::new());
    loop {
        out.clear();
        out.extend([1, 2, 3]);
        let transmit = server.relay(now, path, &mut batch, size, &mut out);
        assert_eq!(out[..3], [1, 2, 3]);
        let Some(transmit) = transmit.or_else(|| server.poll_transmit(now, &mut out)) else { break };
        assert_eq!(transmit.len + 3, out.len());
        for datagram in out[3..].chunks(transmit.segment_size.unwrap_or(usize::MAX)) {
            datagrams.push((transmit.path, datagram.to_vec()));
        }
        if transmit.len == 0 {
            datagrams.push((transmit.path, Vec::new()));
        }
        transmits.push(transmit);
    }
    assert!(batch.is_empty());
    (transmits, datagrams)
}

#[test]
fn a_batch_becomes_trains() {
    let now = origin();
    let (mut server, alice, relayed) = open(now);
    let to_peer = Path::udp(relayed, address(PEER));
    // From the client: two channels, and a short one at the end.
    let mut batch: Vec<u8> = Vec::new();
    for (channel, len) in [(0x4000, 100), (0x4000, 100), (0x4001, 100), (0x4000, 100), (0x4000, 40)] {
        batch.extend(channel_data(channel, &vec![7; len]));
    }
    let (transmits, datagrams) = drain(&mut server, now, alice.path, &batch, 104);
    let shapes: Vec<_> = transmits.iter().map(|transmit| (transmit.len, transmit.segment_size)).collect();
    assert_eq!(shapes, [(200, Some(100)), (100, None), (140, Some(100))]);
    assert_eq!(transmits.iter().filter(|transmit| transmit.path == to_peer).count(), 2);
    assert!(datagrams.iter().all(|(_, datagram)| datagram.iter().all(|byte| *byte == 7)));
    // From a peer with a channel, and from one without.
    let (transmits, datagrams) = drain(&mut server, now, to_peer, &[9; 250], 100);
    assert_eq!((transmits.len(), transmits[0].len, transmits[0].segment_size), (1, 262, Some(104)));
    assert_eq!(datagrams[2], (alice.path, channel_data(0x4000, &[9; 50])));
    let stranger = Path::udp(relayed, address("203.0.113.99:1"));
    let (transmits, datagrams) = drain(&mut server, now, stranger, &[9; 250], 100);
    assert_eq!((transmits.len(), transmits[0].segment_size), (1, Some(136)));
    for (index, (_, datagram)) in datagrams.iter().enumerate() {
        let message = Message::parse(datagram).unwrap();
        assert_eq!((message.class(), message.method()), (Class::Indication, Method::DATA));
        assert_eq!(message.attribute(), Some(XorPeerAddress(stranger.remote)));
        assert_eq!(message.attribute::<Data<'_>>().unwrap().0.len(), [100, 100, 50][index]);
    }
    // Nobody without permission, and nothing too long.
    let unknown = Path::udp(relayed, address("203.0.113.50:1"));
    assert!(drain(&mut server, now, unknown, &[9; 250], 100).0.is_empty());
    assert_eq!(server.stats().not_permitted, 3);
    // What the kernel can take at once is the end of a train.
    let (transmits, datagrams) = drain(&mut server, now, to_peer, &[9; 130_000], 1000);
    assert_eq!(datagrams.len(), 130);
    assert!(transmits.len() == 3 && transmits.iter().all(|transmit| transmit.len <= 64_000));
    // Requests among the data are answered.
    let mut binding = Vec::new();
    MessageBuilder::new(
        &mut binding,
        Class::Request,
        Method::BINDING,
        drywire_stun::TransactionId::new([1; 12]),
    )
    .finish()
    .unwrap();
    let batch = [channel_data(0x4000, &[7; 16]), binding, channel_data(0x4000, &[7; 16])].concat();
    let (_, datagrams) = drain(&mut server, now, alice.path, &batch, 20);
    let to_client = datagrams.iter().filter(|(path, _)| *path == alice.path).count();
    assert_eq!((datagrams.len(), to_client), (3, 1));
}

#[test]
fn a_stream_gets_one_piece() {
    let now = origin();
    let mut server = Server::new(server_config(), now, [1; 32]).unwrap();
    let mut alice = Raw::new("alice", 4000);
    alice.path.protocol = Protocol::Tcp;
    let relayed = alice.allocate(&mut server, now);
    let answer = alice.ask(&mut server, now, Method::CHANNEL_BIND, |request| {
        request.attribute(&ChannelNumber(0x4000)).attribute(&XorPeerAddress(address(PEER)));
    });
    assert_eq!(answer.code, None);
    let (mut out, mut batch) = (Vec::new(), &[9_u8; 250][..]);
    let transmit = server.relay(now, Path::udp(relayed, address(PEER)), &mut batch, 99, &mut out).unwrap();
    // Each is padded to a multiple of four bytes.
    assert_eq!((transmit.path, transmit.len, transmit.segment_size), (alice.path, 104 + 104 + 56, None));
    // And a piece of a stream is relayed as its datagrams.
    let mut piece = Vec::new();
    for len in [10, 20] {
        ChannelData { channel: 0x4000, data: &vec![1; len] }.write(true, &mut piece);
    }
    let (_, datagrams) = drain(&mut server, now, alice.path, &piece, 1000);
    assert_eq!(datagrams.iter().map(|(_, datagram)| datagram.len()).collect::<Vec<_>>(), [10, 20]);
}

proptest! {
    #[test]
    fn a_batch_is_what_its_datagrams_are(
        kinds in proptest::collection::vec((0_u8..6, 0_usize..60), 1..80), size in 1_usize..64, from_peer: bool,
    ) {
        let now = origin();
        let (mut one, alice, relayed) = open(now);
        let (mut all, ..) = open(now);
        let path = if from_peer { Path::udp(relayed, address(PEER)) } else { alice.path };
        let mut batch = Vec::new();
        for (kind, len) in &kinds {
            let mut datagram = match kind {
                0..=2 => channel_data(0x4000, &vec![3; *len]),
                3 => channel_data(0x4001, &vec![4; *len]),
                4 => channel_data(0x4002, &vec![5; *len]),
                _ => vec![0; *len],
            };
            datagram.resize(size, 0);
            batch.extend(datagram);
        }
        let mut expected = Vec::new();
        let mut out = Vec::new();
        for datagram in batch.chunks(size) {
            one.handle_input(now, path, BytesMut::from(datagram));
            out.clear();
            while let Some(transmit) = one.poll_transmit(now, &mut out) {
                expected.push((transmit.path, out.to_vec()));
                out.clear();
            }
        }
        let (_, datagrams) = drain(&mut all, now, path, &batch, size);
        prop_assert_eq!(datagrams, expected);
        prop_assert_eq!(one.stats(), all.stats());
    }
}

#[test]
fn icmp_errors_are_told() {
    let now = origin();
    let (mut server, alice, relayed) = open(now);
    let icmp = Icmp { icmp_type: 3, code: 4, error_data: 1280 };
    server.handle_icmp(now, relayed, address(PEER), icmp);
    let mut out = Vec::new();
    assert_eq!(server.poll_transmit(now, &mut out).map(|transmit| transmit.path), Some(alice.path));
    let message = Message::parse(&out).unwrap();
    assert_eq!((message.class(), message.method()), (Class::Indication, Method::DATA));
    assert_eq!(message.attribute(), Some(icmp));
    assert_eq!(message.attribute(), Some(XorPeerAddress(address(PEER))));
    assert!(message.attribute::<Data<'_>>().is_none());
    // Echoes are no errors, strangers are none of the client's business.
    server.handle_icmp(now, relayed, address(PEER), Icmp { icmp_type: 8, ..icmp });
    server.handle_icmp(now, relayed, address("203.0.113.50:1"), icmp);
    server.handle_icmp(now, address("198.51.100.1:1"), address(PEER), icmp);
    assert!(server.poll_transmit(now, &mut out).is_none());
    assert_eq!((server.stats().icmp_forwarded, server.stats().unexpected), (1, 2));
}

#[test]
fn relaying_allocates_nothing() {
    let now = origin();
    let (mut server, alice, relayed) = open(now);
    let to_peer: Vec<u8> = (0..50).flat_map(|_| channel_data(0x4000, &[7; 1200])).collect();
    let to_client = vec![9; 50 * 1200];
    let mut out = Vec::with_capacity(70_000);
    let mut relay = |server: &mut Server| {
        for (path, batch, size) in
            [(alice.path, &to_peer, 1204), (Path::udp(relayed, address(PEER)), &to_client, 1200)]
        {
            let mut batch = &batch[..];
            out.clear();
            while server.relay(now, path, &mut batch, size, &mut out).is_some() {
                out.clear();
            }
        }
    };
    relay(&mut server);
    let counted = allocation_counter::measure(|| (0..100).for_each(|_| relay(&mut server)));
    assert_eq!(counted.count_total, 0);
    assert_eq!(server.stats().datagrams_to_peers, 101 * 50);
    assert_eq!(server.stats().datagrams_to_clients, 101 * 50);
    // One at a time: the memory is the adapter's.
    let mut datagrams: Vec<BytesMut> = (0..200).map(|_| BytesMut::from(&to_peer[..1204])).collect();
    let mut one = |server: &mut Server, datagram| {
        server.handle_input(now, alice.path, datagram);
        out.clear();
        assert!(server.poll_transmit(now, &mut out).is_some());
    };
    one(&mut server, datagrams.pop().unwrap());
    let counted = allocation_counter::measure(|| datagrams.drain(..).for_each(|next| one(&mut server, next)));
    assert_eq!(counted.count_total, 0);
}

#[test]
fn ten_thousand_allocations_stay_flat() {
    let now = origin();
    let mut config = server_config();
    config.max_allocations_per_user = 20_000;
    config.max_allocations_per_source = 20_000;
    let mut server = Server::new(config, now, [1; 32]).unwrap();
    let make = |server: &mut Server| {
        let mut paths = Vec::with_capacity(10_000);
        for index in 0..10_000_u32 {
            let mut raw = Raw::new("alice", 4000);
            raw.path.remote =
                SocketAddr::new(std::net::Ipv4Addr::from_bits(0x0800_0000 + index).into(), 4000);
            raw.allocate_at(server, now, SocketAddr::from(([198, 51, 100, 1], 50_000)), index);
            paths.push(raw.path);
        }
        paths
    };
    let mut paths = Vec::new();
    let first = allocation_counter::measure(|| paths = make(&mut server));
    assert_eq!(server.allocations(), 10_000);
    let each = first.bytes_current / 10_000;
    assert!(each < 3000, "{each} bytes for each allocation");
    let clear = |server: &mut Server, paths: &[Path]| {
        for path in paths {
            server.disconnected(now, *path);
            while server.poll_event().is_some() {}
        }
    };
    clear(&mut server, &paths);
    // Again and again, the memory is the same.
    let again = allocation_counter::measure(|| {
        for _ in 0..3 {
            let paths = make(&mut server);
            clear(&mut server, &paths);
        }
    });
    assert!(again.bytes_current <= 64 * 1024, "{} bytes more", again.bytes_current);
}
