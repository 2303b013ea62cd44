//! Many peers on one socket on either side, which come and go.

use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::{Arc, Mutex, OnceLock};

use bytes::BytesMut;
use drywire::datachannel::ChannelOptions;
use drywire::ice::TcpType;
use drywire::ice::gather::LocalAddress;
use drywire::ice::mdns::Interface;
use drywire::jsep::DescriptionType;
use drywire::sdp::SessionDescription;
use drywire::stun::ServerUri;
use drywire::stun::attributes::NetworkCost;
use drywire::{
    ConnectId, ConnectionState, Endpoint, EndpointConfig, Event, IceServer, PeerId, StreamRequest,
};
use drywire_core::{Instant, Path, Protocol, Rng};

use crate::drive::{Drive, path};
use crate::machine::Machine;
use crate::peer::config;

const MAX_PEERS: usize = 6;

/// What the signalling carries: the offerer's peer, and the text.
#[derive(Default)]
struct Signalled {
    offers: Vec<(PeerId, String)>,
    answers: Vec<(PeerId, String)>,
}

struct Host {
    endpoint: Endpoint,
    start: Instant,
    offers: bool,
    signalled: Arc<Mutex<Signalled>>,
    /// All peers there ever were: names of old ones must do no harm.
    known: Vec<PeerId>,
    arrived: bool,
    connects: Vec<ConnectId>,
}

impl Host {
    fn offer(&mut self, now: Instant) {
        let Ok(id) = self.endpoint.create_peer(now, config(self.start, true)) else {
            assert_eq!(self.endpoint.len(), MAX_PEERS);
            return;
        };
        self.known.push(id);
        let mut peer = self.endpoint.peer_mut(id).unwrap();
        peer.create_data_channel(now, ChannelOptions::new("misused")).unwrap();
        let offer = peer.create_offer(now).unwrap();
        peer.set_local_description(now, DescriptionType::Offer, &offer).unwrap();
        self.signalled.lock().unwrap().offers.push((id, offer.to_string()));
    }

    fn answer(&mut self, now: Instant) {
        let Some((offerer, offer)) = self.signalled.lock().unwrap().offers.pop() else { return };
        let Ok(id) = self.endpoint.create_peer(now, config(self.start, true)) else { return };
        self.known.push(id);
        let offer = SessionDescription::from_str(&offer).unwrap();
        let answer = self.endpoint.peer_mut(id).unwrap().accept_offer(now, &offer).unwrap();
        self.signalled.lock().unwrap().answers.push((offerer, answer.to_string()));
    }

    fn finish(&mut self, now: Instant) {
        let Some((id, answer)) = self.signalled.lock().unwrap().answers.pop() else { return };
        let answer = SessionDescription::from_str(&answer).unwrap();
        if let Some(mut peer) = self.endpoint.peer_mut(id) {
            let _ = peer.set_remote_description(now, DescriptionType::Answer, &answer);
        }
    }

    /// What the host says of its addresses, servers and connections, sensible or not.
    fn network(&mut self, now: Instant, rng: &mut Rng) {
        let mut pick = |count: u32| usize::try_from(rng.below(count)).unwrap();
        let port = 6000 + u16::try_from(pick(4)).unwrap();
        let mut address = LocalAddress::new(SocketAddr::from(([192, 0, 2, 77], port)));
        let tcp = Path { protocol: Protocol::Tcp, local: address.address, remote: path(0).remote };
        while let Some(request) = self.endpoint.poll_stream() {
            if let StreamRequest::Connect { id, .. } = request {
                self.connects.push(id);
            }
        }
        match pick(9) {
            0 => {
                address.tcp_type =
                    [None, Some(TcpType::Passive), Some(TcpType::Active)][usize::from(port) % 3];
                let known = address.clone();
                address.default_route = pick(2) == 0;
                address.network = NetworkCost::new(1, u16::try_from(pick(1_000)).unwrap());
                self.endpoint.add_local_addresses(now, &[known, address]);
            }
            1 => self.endpoint.remove_local_address(now, address.address),
            2 | 3 => {
                let uri = ["stun:a", "turn:a", "turn:a?transport=tcp", "turns:a", "turns:a?transport=udp"];
                let uri: ServerUri = uri[pick(5)].parse().unwrap();
                let addresses = [vec![], vec![tcp.remote], vec!["[2001:db8::1]:1".parse().unwrap()]];
                let addresses = addresses[pick(3)].clone();
                let _ =
                    self.endpoint.add_ice_server(now, IceServer::turn(uri, addresses, "user", "password"));
            }
            4 | 5 => {
                if let Some(id) = self.connects.pop() {
                    self.endpoint.connected(now, id, tcp);
                    if pick(2) == 0 {
                        self.endpoint.connect_failed(now, id);
                    }
                }
            }
            6 => self.endpoint.disconnected(now, tcp),
            7 => {
                let bytes: Vec<u8> = (0..pick(200)).map(|_| pick(256).to_le_bytes()[0]).collect();
                self.endpoint.handle_input(now, tcp, BytesMut::from(&bytes[..]));
            }
            _ => {
                let interface = Interface { address: tcp.local, prefix: 24, index: 1 };
                let _ = self.endpoint.add_multicast_interface(now, interface);
                if pick(2) == 0 {
                    self.endpoint.remove_multicast_interface(now, tcp.local);
                }
            }
        }
    }

    fn any(&self, rng: &mut Rng) -> Option<PeerId> {
        let count = u32::try_from(self.known.len()).unwrap();
        (count > 0).then(|| self.known[usize::try_from(rng.below(count)).unwrap()])
    }
}

impl Machine for Host {
    fn handle_input(&mut self, now: Instant, path: Path, datagram: BytesMut) {
        self.endpoint.handle_input(now, path, datagram);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
    }

    fn command(&mut self, now: Instant, rng: &mut Rng) {
        let id = self.any(rng);
        match rng.below(16) {
            0..=2 if self.offers => self.offer(now),
            0..=4 if !self.offers => self.answer(now),
            3..=6 if self.offers => self.finish(now),
            7 => {
                if let Some(mut peer) = id.and_then(|id| self.endpoint.peer_mut(id)) {
                    let _ = peer.create_data_channel(now, ChannelOptions::new("another"));
                }
            }
            8 if rng.below(4) == 0 => {
                if let Some(mut peer) = id.and_then(|id| self.endpoint.peer_mut(id)) {
                    peer.close(now);
                }
            }
            9 if rng.below(2) == 0 => {
                if let Some(id) = id {
                    let existed = self.endpoint.peer(id).is_some();
                    assert_eq!(self.endpoint.remove(id), existed);
                    assert!(self.endpoint.peer(id).is_none() && self.endpoint.peer_mut(id).is_none());
                }
            }
            10 => {
                if let Some(mut peer) = id.and_then(|id| self.endpoint.peer_mut(id)) {
                    peer.restart_ice(now);
                }
            }
            11..=13 => self.network(now, rng),
            _ => {
                assert_eq!(self.endpoint.len(), self.endpoint.peers().count());
                let _ = (self.endpoint.is_empty(), self.endpoint.stats());
            }
        }
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<(Option<Path>, usize)> {
        let before = out.len();
        let transmit = self.endpoint.poll_transmit(now, out)?;
        assert_eq!(out.len() - before, transmit.len);
        let first = transmit.segment_size.unwrap_or(transmit.len);
        out.truncate(before + first);
        Some((Some(transmit.path), first))
    }

    fn poll_event(&mut self, _now: Instant) -> bool {
        match self.endpoint.poll_event() {
            None => false,
            Some((id, event)) => {
                assert!(self.known.contains(&id));
                self.arrived |= event == Event::ConnectionStateChanged(ConnectionState::Connected);
                true
            }
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.endpoint.poll_timeout()
    }

    fn arrived(&self) -> bool {
        self.arrived
    }
}

fn pair(seed: u64) -> Drive<Host> {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = *START.get_or_init(drywire_sim::origin);
    let signalled = Arc::new(Mutex::new(Signalled::default()));
    let side = |own: u8| {
        let mut bytes = [own; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        let mut limits = EndpointConfig::default();
        limits.max_peers = MAX_PEERS;
        limits.tcp = own == 0;
        limits.multicast_dns = Some(drywire::ice::mdns::Config::default());
        let mut endpoint = Endpoint::new(limits, start, bytes);
        endpoint.add_local_address(start, if own == 0 { path(0).local } else { path(0).remote });
        let (offers, signalled) = (own == 0, signalled.clone());
        Host { endpoint, start, offers, signalled, known: Vec::new(), arrived: false, connects: Vec::new() }
    };
    let mut sides = [side(0), side(1)];
    let [offerer, answerer] = &mut sides;
    offerer.offer(start);
    answerer.answer(start);
    offerer.finish(start);
    Drive::new(sides, start, seed)
}

#[test]
fn any_order_of_calls() {
    crate::drive::run_all(crate::seeds(40), 800, pair);
}

#[test]
fn a_flood_does_not_fill_the_memory() {
    let mut drive = pair(1);
    drive.run(500);
    let grown = drive.flood(0, 20_000) + drive.flood(1, 20_000);
    assert!(grown < 16_000_000, "grew by {grown} bytes");
}
