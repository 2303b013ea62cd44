use std::sync::{Arc, Mutex};

use bytes::BytesMut;
use drywire_core::{Duration, Instant, Path, Protocol, Rng};
use drywire_ice::{
    Agent, Attach, Attachment, Candidate, CandidateKind, Carrier, Config, Credentials, Role, TcpType,
};
use drywire_stun::attributes::NetworkCost;

use crate::drive::{Drive, path};
use crate::machine::Machine;

struct Ice {
    agent: Agent,
    side: u32,
    arrived: bool,
    riders: u8,
    /// Both sides' credentials, past and present: what the signalling carries.
    signalled: Arc<Mutex<Vec<(u32, Credentials)>>>,
}

/// Has something to attach, or not, and always wants another chance.
struct Rider(u8);

impl Attach for Rider {
    fn attach(&mut self, _: Carrier) -> Option<Attachment<'_>> {
        let payload = &[0x16; 900][..usize::from(self.0 % 4) * 300];
        let received = [7].into_iter().collect();
        (!self.0.is_multiple_of(5)).then_some(Attachment {
            payload,
            received,
            again: Some(Duration::from_millis(u64::from(self.0))),
        })
    }
}

const TCP_TYPES: [TcpType; 3] = [TcpType::Active, TcpType::Passive, TcpType::SimultaneousOpen];

fn below(rng: &mut Rng, bound: u32) -> usize {
    usize::try_from(rng.below(bound)).unwrap()
}

impl Ice {
    fn address(&self, rng: &mut Rng) -> std::net::SocketAddr {
        let meeting = path(0);
        let (own, other) =
            if self.side == 0 { (meeting.local, meeting.remote) } else { (meeting.remote, meeting.local) };
        match rng.below(8) {
            0..=4 => other,
            5 => own,
            6 => ([224, 0, 0, 1], 5353).into(),
            _ => ([192, 0, 2, 200], u16::try_from(rng.below(4)).unwrap()).into(),
        }
    }
}

impl Machine for Ice {
    fn handle_input(&mut self, now: Instant, path: Path, datagram: BytesMut) {
        self.agent.handle_input(now, path, datagram);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.agent.handle_timeout(now);
    }

    fn command(&mut self, now: Instant, rng: &mut Rng) {
        match rng.below(23) {
            0 | 1 => {
                let own = if self.side == 0 { path(0).local } else { path(0).remote };
                let _ = self.agent.add_local_candidate(now, Candidate::host(own, 65_535));
            }
            2 => {
                let address = self.address(rng);
                let _ = self.agent.add_local_candidate(now, Candidate::host(address, 1));
            }
            3..=5 => {
                let (kind, priority) = if rng.below(2) == 0 {
                    (CandidateKind::Host, 2_113_937_151)
                } else {
                    (CandidateKind::ServerReflexive, rng.u32())
                };
                let candidate = Candidate::remote(Protocol::Udp, kind, self.address(rng), priority, "1");
                let _ = self.agent.add_remote_candidate(now, candidate);
            }
            6..=9 => {
                let signalled = self.signalled.lock().unwrap();
                let newest = signalled.iter().rev().find(|(side, _)| *side != self.side);
                let any = signalled
                    .get(usize::try_from(rng.below(u32::try_from(signalled.len()).unwrap())).unwrap());
                let chosen = if rng.below(4) == 0 { any } else { newest };
                if let Some((_, credentials)) = chosen {
                    let _ = self.agent.set_remote_credentials(now, credentials.clone());
                }
            }
            10 => self.agent.set_role(if rng.below(2) == 0 { Role::Controlling } else { Role::Controlled }),
            11 => self.agent.remote_candidates_ended(now),
            12 if rng.below(4) == 0 => {
                let credentials = self.agent.restart(now);
                self.signalled.lock().unwrap().push((self.side, credentials));
            }
            13 if rng.below(20) == 0 => self.agent.close(now),
            14 if rng.below(4) == 0 => self.agent.set_remote_lite(rng.below(2) == 0),
            15 => {
                self.agent.want_attachments(rng.below(4) != 0);
                while self.agent.poll_attachment().is_some() {}
            }
            16 if rng.below(4) == 0 => {
                let base = self.address(rng);
                let protocol = if rng.below(4) == 0 { Protocol::Tcp } else { Protocol::Udp };
                let _ = self.agent.remove_local_candidates(now, protocol, base);
            }
            17 => {
                let (address, kind) = (self.address(rng), TCP_TYPES[below(rng, 3)]);
                let _ = self.agent.add_local_candidate(now, Candidate::tcp_host(address, kind, 7));
                let mut remote =
                    Candidate::remote(Protocol::Tcp, CandidateKind::Host, self.address(rng), rng.u32(), "2");
                remote.tcp_type = (rng.below(4) != 0).then_some(TCP_TYPES[below(rng, 3)]);
                let _ = self.agent.add_remote_candidate(now, remote);
            }
            18 => {
                let wanted = self.agent.poll_connect();
                let any = Path { protocol: Protocol::Tcp, ..path(rng.below(3)) };
                let on = wanted.filter(|_| rng.below(4) != 0).unwrap_or(any);
                match rng.below(4) {
                    0 => self.agent.connect_failed(now, on),
                    1 => self.agent.disconnected(now, on),
                    _ => self.agent.connected(now, on, self.address(rng)),
                }
            }
            19 => self.agent.path_unreachable(now, path(rng.below(3))),
            20 => {
                let base = self.address(rng);
                self.agent.set_network_cost(now, base, NetworkCost(rng.u32()));
            }
            21 => self.agent.set_remote_renomination(rng.below(2) == 0),
            _ => {
                let on = path(rng.below(3));
                let _ = (self.agent.selections().count(), self.agent.discarded().count());
                let _ = (self.agent.selected_path(), self.agent.is_valid_path(on), self.agent.rtt());
                let _ = (self.agent.selected_pair().is_some(), self.agent.pairs().count());
                assert!(self.agent.pairs().count() <= 100, "more pairs than RFC 8445 allows");
                assert!(self.agent.remote_candidates().count() <= 200);
            }
        }
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<(Option<Path>, usize)> {
        self.riders = self.riders.wrapping_add(1);
        let transmit = match self.riders % 3 {
            0 => self.agent.poll_transmit(now, out),
            _ => self.agent.poll_transmit_with(now, out, &mut Rider(self.riders)),
        };
        transmit.map(|transmit| {
            assert_eq!(transmit.segment_size, None, "checks go one by one");
            assert!(!transmit.path.remote.ip().is_multicast() && transmit.path.remote.port() != 0);
            (Some(transmit.path), transmit.len)
        })
    }

    fn poll_event(&mut self, _now: Instant) -> bool {
        self.arrived |= self.agent.selected_path().is_some();
        self.agent.poll_event().is_some()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.agent.poll_timeout()
    }

    fn arrived(&self) -> bool {
        self.arrived
    }
}

fn pair(seed: u64) -> Drive<Ice> {
    let start = drywire_sim::origin();
    let signalled = Arc::new(Mutex::new(Vec::new()));
    let side = |side, role| {
        let mut config = Config::new(drywire_crypto_aws_lc::provider(), role);
        config.lite = side == 1 && seed % 8 == 7;
        let mut bytes = [u8::try_from(side).unwrap(); 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        let agent = Agent::new(config, start, bytes);
        signalled.lock().unwrap().push((side, agent.local_credentials().clone()));
        Ice { agent, side, arrived: false, riders: 0, signalled: signalled.clone() }
    };
    let mut sides = [side(0, Role::Controlling), side(1, Role::Controlled)];
    if seed.is_multiple_of(2) {
        // As a good caller does; the other runs get there by chance or not at all.
        let signalled = signalled.lock().unwrap().clone();
        let addresses = [path(0).local, path(0).remote];
        for (own, other) in [(0, 1), (1, 0)] {
            let agent = &mut sides[own].agent;
            agent.add_local_candidate(start, Candidate::host(addresses[own], 65_535)).unwrap();
            agent.set_remote_credentials(start, signalled[other].1.clone()).unwrap();
            let remote =
                Candidate::remote(Protocol::Udp, CandidateKind::Host, addresses[other], 2_113_937_151, "1");
            agent.add_remote_candidate(start, remote).unwrap();
        }
    }
    Drive::new(sides, start, seed)
}

#[test]
fn any_order_of_calls() {
    crate::drive::run_all(crate::seeds(150), 400, pair);
}

#[test]
fn a_flood_does_not_fill_the_memory() {
    let mut drive = pair(1);
    drive.run(300);
    let grown = drive.flood(0, 20_000) + drive.flood(1, 20_000);
    assert!(grown < 500_000, "grew by {grown} bytes");
}
