//! What the TURN server costs for each datagram that it relays, without sockets: beside a bare copy of the same bytes with one
//! look into a map of the same size.

#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench may print and fail")]

#[path = "../measure/mod.rs"]
mod measure;

use std::collections::HashMap;
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};

use bytes::BytesMut;
use drywire_core::{Instant, Path};
use drywire_stun::attributes::{ChannelNumber, RequestedTransport, XorPeerAddress};
use drywire_stun::{Attempt, Class, Credential, LongTerm, Message, MessageBuilder, Method, TransactionId};
use drywire_turn::ChannelData;
use drywire_turn::server::{Config, Event, Server};
use measure::{Measured, Report, Row, Unit};

/// How many clients there are; each has one peer.
const CLIENTS: u32 = 10_000;
const FEW: u32 = 16;
const PAYLOAD: usize = 1200;
/// How many datagrams a batch of the kernel has.
const BATCH: usize = 32;
const ROUND: u32 = 10_000;
const DATAGRAM: Unit = Unit::Nanoseconds("datagram");

fn main() {
    let now = drywire_sim::origin();
    let mut world = World::new(now);
    let mut report = Report::new("turn");
    let rows = [("to a peer", true), ("to a client", false)].map(|(name, to_peer)| {
        // With few clients the tables stay in the cache; with all of them each look is one into memory.
        [(FEW, 1), (CLIENTS, 1), (CLIENTS, BATCH)].map(|(clients, batch)| (name, to_peer, clients, batch))
    });
    for (name, to_peer, clients, batch) in rows.into_iter().flatten() {
        let row = format!("{name}, {clients} clients, {batch} at a time");
        let row = measure(&mut world, now, row, to_peer, (clients, batch));
        report.add(&row);
        let allocations = row.ours().map_or(f64::NAN, |entry| entry.allocations);
        let what = format!("{}: no allocation", row.name);
        report.require_goal(what, allocations == 0.0, format!("{allocations}"));
    }
    report.finish();
}

/// A server with many clients.
struct World {
    server: Server,
    paths: Vec<Path>,
    relays: Vec<Path>,
}

impl World {
    fn new(now: Instant) -> Self {
        let provider = drywire_crypto_aws_lc::provider();
        let mut config = Config::new(provider.clone(), "example.org");
        let credential = Credential::new("alice", "secret").expect("a credential");
        config.users.push(credential.clone());
        config.max_allocations_per_user = 20_000;
        let mut server = Server::new(config, now, [1; 32]).expect("a realm");
        let (mut paths, mut relays) = (Vec::new(), Vec::new());
        for index in 0..CLIENTS {
            let ip = |network: u32| Ipv4Addr::from_bits(network + index);
            let local = SocketAddr::from(([198, 51, 100, 1], 3478));
            let path = Path::udp(local, (ip(0x0800_0000), 4000).into());
            let peer = SocketAddr::from((ip(0x0900_0000), 9000));
            let port = u16::try_from(index % 10_000).expect("a port");
            let relayed = SocketAddr::from(([198, 51, 100, 2], 50_000 + port));
            let mut client = Client { auth: LongTerm::new(credential.clone(), local), path, id: index };
            client.ask(&mut server, now, relayed, Method::ALLOCATE, |request| {
                request.attribute(&RequestedTransport::UDP);
            });
            client.ask(&mut server, now, relayed, Method::CHANNEL_BIND, |request| {
                request.attribute(&ChannelNumber(0x4000)).attribute(&XorPeerAddress(peer));
            });
            paths.push(path);
            relays.push(Path::udp(relayed, peer));
        }
        assert_eq!(server.allocations(), paths.len());
        Self { server, paths, relays }
    }
}

struct Client {
    auth: LongTerm,
    path: Path,
    id: u32,
}

impl Client {
    fn ask(
        &mut self,
        server: &mut Server,
        now: Instant,
        relayed: SocketAddr,
        method: Method,
        fill: impl Fn(&mut MessageBuilder<'_>),
    ) {
        let provider = drywire_crypto_aws_lc::provider();
        let mut attempt = Attempt::default();
        for _ in 0..2 {
            let (mut out, mut id) = (Vec::new(), [0; 12]);
            id.iter_mut().zip(self.id.to_be_bytes()).for_each(|(to, from)| *to = from);
            let mut request = MessageBuilder::new(&mut out, Class::Request, method, TransactionId::new(id));
            fill(&mut request);
            self.auth.protect(&mut attempt, &mut request);
            request.finish().expect("a request");
            server.handle_input(now, self.path, BytesMut::from(&*out));
            while let Some(event) = server.poll_event() {
                if let Event::RelayWanted { allocation, .. } = event {
                    server.relay_opened(now, allocation, relayed).expect("a relayed address");
                }
            }
            out.clear();
            server.poll_transmit(now, &mut out).expect("an answer");
            let answer = Message::parse(&out).expect("a message");
            self.auth.accept(&*provider, &mut attempt, &answer);
            if answer.class() == Class::Success {
                return;
            }
        }
    }
}

fn measure(
    world: &mut World,
    now: Instant,
    name: String,
    to_peer: bool,
    (clients, batch): (u32, usize),
) -> Measured {
    let mut paths = if to_peer { world.paths.clone() } else { world.relays.clone() };
    paths.truncate(usize::try_from(clients).unwrap_or(usize::MAX));
    let server = &mut world.server;
    let size = if to_peer { PAYLOAD + 4 } else { PAYLOAD };
    let mut received = Vec::new();
    for _ in 0..batch {
        if to_peer {
            ChannelData { channel: 0x4000, data: &[7; PAYLOAD] }.write(false, &mut received);
        } else {
            received.extend([7; PAYLOAD]);
        }
    }
    let per_round = ROUND / u32::try_from(batch).unwrap_or(1);
    let count = u32::try_from(batch).unwrap_or(1);
    let mut out = Vec::with_capacity(70_000);
    let (ours, bytes) = (paths.clone(), received.clone());
    // Each batch is of another client, far from the one before, so that the tables are not all in the cache.
    let step = |index: &mut usize, paths: &[Path]| {
        *index = (*index + 4099) % paths.len();
        *paths.get(*index).expect("a path")
    };
    let mut index = 0;
    let row = Row::new(name, DATAGRAM).drywire(move |watch| {
        watch.time(|| {
            for _ in 0..per_round {
                let path = step(&mut index, &ours);
                let mut batch = black_box(&bytes[..]);
                while server.relay(now, path, &mut batch, size, &mut out).is_some() {
                    black_box(&out);
                    out.clear();
                }
            }
        });
        per_round * count
    });
    let map: HashMap<Path, SocketAddr> = paths.iter().map(|path| (*path, path.remote)).collect();
    let mut out = Vec::with_capacity(70_000);
    let mut index = 0;
    let row = row.limit(move |watch| {
        watch.time(|| {
            for _ in 0..per_round {
                let path = step(&mut index, &paths);
                black_box(map.get(&path));
                for datagram in black_box(&received[..]).chunks(size) {
                    out.extend_from_slice(datagram);
                }
                black_box(&out);
                out.clear();
            }
        });
        per_round * count
    });
    row.measure()
}
