use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use drywire_core::{Duration, Path, Protocol, Rng, Transmit};
use drywire_sim::origin;
use drywire_stun::attributes::{ConnectionId, Icmp};
use proptest::prelude::*;

use super::world::*;
use crate::client::{Client, RelayedFamily};
use crate::server::{Event, Server};

fn pick<T: Copy>(rng: &mut Rng, items: &[T]) -> T {
    items[usize::try_from(rng.below(u32::try_from(items.len()).unwrap())).unwrap()]
}

/// How far a run came: allocated, something came from a peer, closed.
type Got = [bool; 3];

/// Calls at random, between a client, a server and peers that send back what they get.
fn play(seed: [u8; 32], stream: bool, family: u8) -> Result<Got, TestCaseError> {
    let mut rng = Rng::new(seed);
    let protocol = if stream { Protocol::Tcp } else { Protocol::Udp };
    let mut config = client_config(protocol);
    config.family = [RelayedFamily::V4, RelayedFamily::V6, RelayedFamily::Both][usize::from(family)];
    config.max_permissions = 4;
    config.max_channels = 3;
    config.max_queued = 4000;
    config.max_received = 8;
    let mut now = origin();
    let mut client = Client::new(config.clone(), now, rng.seed());
    let mut server_config = server_config();
    server_config.max_peers = 3;
    server_config.max_queued = 10_000;
    server_config.nonce_lifetime = Duration::from_secs(100);
    let mut server = Server::new(server_config, now, rng.seed()).unwrap();
    let mut got = [false; 3];
    let mut wire: VecDeque<(Path, Vec<u8>)> = VecDeque::new();
    let mut wanted = Vec::new();
    let peers =
        [PEER, PEER6, "203.0.113.5:5", "203.0.113.6:6", "127.0.0.1:1", "203.0.113.7:0", "203.0.113.8:8"];
    let client_path = client_path(protocol);
    for step in 0..1500_u32 {
        let peer = address(pick(&mut rng, &peers));
        let local = client.allocation().and_then(|allocation| allocation.relayed_for(peer)).unwrap_or(peer);
        let payload = vec![pick(&mut rng, &[0x16, 0, 0x40]); pick(&mut rng, &[0, 1, 50, 51, 1200])];
        match rng.below(24) {
            0..=3 => {
                let mut out = vec![1, 2, 3];
                if let Some(transmit) = client.poll_transmit(now, &mut out) {
                    prop_assert_eq!(transmit.len + 3, out.len());
                    wire.push_back((transmit.path.reversed(), out[3..].to_vec()));
                }
                prop_assert_eq!(&out[..3], &[1, 2, 3]);
            }
            4..=7 => {
                let mut out = vec![1, 2, 3];
                if let Some(transmit) = server.poll_transmit(now, &mut out) {
                    prop_assert_eq!(transmit.len + 3, out.len());
                    let segment = transmit.segment_size.unwrap_or(usize::MAX);
                    for datagram in out[3..].chunks(segment) {
                        wire.push_back((transmit.path.reversed(), datagram.to_vec()));
                    }
                }
                prop_assert_eq!(&out[..3], &[1, 2, 3]);
            }
            8..=13 => {
                let Some((path, mut datagram)) = wire.pop_front() else { continue };
                if rng.below(if stream { 500 } else { 50 }) == 0 && !datagram.is_empty() {
                    let at = usize::try_from(rng.below(u32::try_from(datagram.len()).unwrap())).unwrap();
                    datagram[at] ^= 1 << rng.below(8);
                }
                let to_client = path.local == address(CLIENT);
                if to_client {
                    client.handle_input(now, path, BytesMut::from(&*datagram))
                } else if path.local.port() == 9000 {
                    wire.push_back((path.reversed(), datagram))
                } else {
                    server.handle_input(now, path, BytesMut::from(&*datagram))
                }
            }
            14 => {
                let _ = client.send(now, Path::udp(local, peer), Bytes::from(payload));
            }
            15 => {
                let mut out = vec![1, 2, 3];
                out.extend(&payload);
                let segment_size = pick(&mut rng, &[None, Some(25), Some(1), Some(0), Some(5000)]);
                let len =
                    pick(&mut rng, &[payload.len(), payload.len(), payload.len(), payload.len() + 1000]);
                let kept = out.len().saturating_sub(len).min(3);
                let path = Path::udp(local, peer);
                let transmit = Transmit { segment_size, ..Transmit::datagram(path, len) };
                if let Some(transmit) = client.wrap(now, transmit, &mut out) {
                    prop_assert_eq!(transmit.len + kept, out.len());
                    for datagram in out[kept..].chunks(transmit.segment_size.unwrap_or(usize::MAX)) {
                        wire.push_back((transmit.path.reversed(), datagram.to_vec()));
                    }
                }
                prop_assert_eq!(&out[..kept], &[1, 2, 3][..kept]);
            }
            16 => match rng.below(9) {
                0 => {
                    let _ = client.permit(now, peer.ip());
                }
                1 => {
                    let _ = client.bind_channel(now, peer);
                }
                2 => {
                    let _ = client.reconnected(now, client_path);
                }
                3 => {
                    let _ = client.connect(now, peer);
                }
                4 => {
                    let connection = ConnectionId(rng.below(2));
                    let _ = client.bind_connection(now, connection, Path::udp(peer, peer));
                    let _ = server.connected(now, connection);
                    let _ = server.connect_failed(now, connection);
                    client.connection_closed(now, connection);
                    server.connection_closed(now, connection);
                    prop_assert!(client.take_pending(connection).is_empty());
                    prop_assert!(server.take_pending(connection).is_empty());
                    let carried =
                        server.carry_to_peer(now, connection, 1) + server.carry_to_client(now, connection, 1);
                    prop_assert_eq!((carried, server.is_bound(Path::udp(local, peer))), (0, false));
                }
                5 => {
                    let _ = server.accepted(now, local, peer);
                }
                6 => {
                    let icmp = Icmp { icmp_type: 3, code: 1, error_data: 0 };
                    server.handle_icmp(now, local, peer, icmp);
                }
                7 => {
                    server.add_user(&credential("carol"));
                    prop_assert!(server.remove_user(now, "carol"));
                    prop_assert!(server.set_secrets(&[]).is_err());
                }
                _ => {
                    let (mut batch, mut out) = (&payload[..], vec![1, 2, 3]);
                    let size = pick(&mut rng, &[0, 1, 25, 5000]);
                    let path = Path::udp(local, peer);
                    while let Some(transmit) = server.relay(now, path, &mut batch, size, &mut out) {
                        prop_assert_eq!(transmit.len + 3, out.len());
                        prop_assert_eq!(&out[..3], &[1, 2, 3]);
                        out.truncate(3);
                    }
                    prop_assert!(batch.is_empty());
                }
            },
            // A stream does not survive it.
            17 if !stream || rng.below(40) == 0 => {
                let mut junk = vec![0; 40];
                rng.fill(&mut junk);
                client.handle_input(now, client_path, BytesMut::from(&*junk));
            }
            18 if rng.below(8) == 0 => {
                let mut junk = vec![0; 40];
                rng.fill(&mut junk);
                server.handle_input(now, client_path.reversed(), BytesMut::from(&*junk));
            }
            19 => {
                while let Some(event) = server.poll_event() {
                    if let Event::RelayWanted { allocation, family, .. } = event {
                        wanted.push((allocation, family))
                    }
                }
                if let Some((allocation, family)) = wanted.pop() {
                    if rng.below(8) == 0 {
                        let _ = server.relay_unavailable(now, allocation, family);
                    } else {
                        let port = 50_000 + u16::try_from(step).unwrap();
                        let ip = if family == drywire_stun::attributes::AddressFamily::V4 {
                            "198.51.100.1"
                        } else {
                            "2606:4700::1"
                        };
                        let _ = server.relay_opened(
                            now,
                            allocation,
                            (ip.parse::<std::net::IpAddr>().unwrap(), port).into(),
                        );
                    }
                }
            }
            20 => {
                let _ = (client.stats(), server.stats());
                while let Some(event) = client.poll_event() {
                    got[2] |= event == crate::client::Event::Closed;
                }
                prop_assert!(std::iter::from_fn(|| client.poll_received()).count() <= 8);
            }
            // Another one takes its place, and finds what it has left.
            21 if step < 700 && rng.below(20) == 0 => client = Client::new(config.clone(), now, rng.seed()),
            21 if step > 1000 && rng.below(10) == 0 => client.close(now),
            // The last part of some runs.
            22 if step > 1400 && rng.below(30) == 0 => {
                server.drain(now, now + Duration::from_secs(5), vec![peer])
            }
            22 if step > 700 && rng.below(30) == 0 => server.disconnected(now, client_path.reversed()),
            _ => {
                let jump = if rng.below(20) == 0 {
                    pick(&mut rng, &[5000, 20_000, 100_000])
                } else {
                    rng.below(100).into()
                };
                let before = now;
                now += Duration::from_millis(jump);
                // Time that goes back stands still.
                client.handle_timeout(if rng.below(5) == 0 { before } else { now });
                server.handle_timeout(now);
                client.handle_timeout(now);
                prop_assert!(client.poll_timeout().is_none_or(|at| at > now));
                prop_assert!(server.poll_timeout().is_none_or(|at| at > now));
            }
        }
        got[0] |= client.allocation().is_some();
        got[1] |= client.stats().datagrams_received > 0;
        wire.truncate(500);
        prop_assert!(server.allocations() <= 1);
    }
    Ok(got)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Nothing panics, timeouts make progress, memory stays bounded, buffers are only appended to.
    #[test]
    fn any_call_in_any_order(seed in any::<[u8; 32]>(), stream: bool, family in 0_u8..3) {
        play(seed, stream, family)?;
    }
}

#[test]
fn confused_callers_get_there_all_the_same() {
    let mut counts = [0; 3];
    for seed in 0..60 {
        let got = play([seed; 32], seed % 2 == 0, seed % 3).unwrap();
        for (count, got) in counts.iter_mut().zip(got) {
            *count += u32::from(got);
        }
    }
    assert!(counts.iter().all(|count| *count >= 5), "{counts:?} of 60");
}
