//! Two sides, a server, and the signalling between the sides.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use drywire_core::Rng;
use drywire_ice::{Candidate, CandidateKind, ConnectionState, Role};
use drywire_sim::{Link, Nat, Network, NodeId, Outcome, Realm};

use crate::host::{AgentHost, Host, ServerHost, Service};

/// An interface of a host.
#[derive(Clone, Debug)]
pub struct Interface {
    pub realm: Realm,
    /// For UDP, and for TCP.
    pub base: SocketAddr,
    pub tcp: SocketAddr,
}

pub struct Side {
    pub node: NodeId,
    pub interfaces: Vec<Interface>,
    /// What the peer has signalled to it.
    pub known: Vec<Candidate>,
}

/// How signalling carries what it is given.
#[derive(Clone, Debug)]
pub struct Signalling {
    pub delay: std::ops::Range<u32>,
    /// Of 100 candidates, how many are lost.
    pub loss: u32,
}

enum Signal {
    Credentials,
    Candidate(Box<Candidate>),
    End,
}

struct Pending {
    at: Instant,
    to: usize,
    signal: Signal,
}

pub struct World {
    pub network: Network<Host>,
    pub sides: [Side; 2],
    pub server: NodeId,
    pub rng: Rng,
    pub signalling: Signalling,
    /// Whether signalling has lost a relayed candidate: its peer takes it, once checks show it, for a direct one (RFC
    /// 8445, section 7.1.1).
    pub lost_relay: bool,
    pending: Vec<Pending>,
    /// Whether the end of candidates was signalled by a side.
    ended: [bool; 2],
    ports: u16,
}

impl World {
    pub fn new(services: [Service; 2], seed: u64) -> Self {
        let mut bytes = [0x5A; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        let mut rng = Rng::new(bytes);
        let now = drywire_sim::origin();
        let mut network = Network::new(now, rng.seed());
        let servers = ServerHost::addresses();
        let server = network.add(Host::Server(Box::new(ServerHost::new(now, &mut rng))), &servers);
        for index in 0..ServerHost::RELAYS {
            for ipv6 in [false, true] {
                network.add_address(server, ServerHost::relayed(ipv6, index));
            }
        }
        let mut side = |index: usize| {
            let role = if index == 0 { Role::Controlling } else { Role::Controlled };
            let host = AgentHost::new(role, services[index], &servers, now, &mut rng);
            let node = network.add(Host::Agent(Box::new(host)), &[]);
            Side { node, interfaces: Vec::new(), known: Vec::new() }
        };
        let sides = [side(0), side(1)];
        Self {
            network,
            sides,
            server,
            rng,
            signalling: Signalling { delay: 20..21, loss: 0 },
            lost_relay: false,
            pending: Vec::new(),
            ended: [false; 2],
            ports: 1000,
        }
    }

    pub fn agent(&self, side: usize) -> &AgentHost {
        self.network[self.sides[side].node].agent()
    }

    pub fn agent_mut(&mut self, side: usize) -> &mut AgentHost {
        self.network[self.sides[side].node].agent_mut()
    }

    /// Gives a side an interface; [`gather`](Self::gather) tells it.
    pub fn add_interface(&mut self, side: usize, realm: Realm, ip: std::net::IpAddr) {
        self.ports += 2;
        let (base, tcp) = (SocketAddr::new(ip, self.ports), SocketAddr::new(ip, self.ports + 1));
        let node = self.sides[side].node;
        for address in [base, tcp] {
            self.network.add_address_in(node, realm, address);
        }
        self.sides[side].interfaces.push(Interface { realm, base, tcp });
    }

    /// Has a side gather from its interfaces, from the one with this index on.
    pub fn gather(&mut self, side: usize, from: usize) {
        let now = self.network.now();
        let fresh: Vec<_> =
            self.sides[side].interfaces[from..].iter().map(|own| (own.base, own.tcp)).collect();
        self.ended[side] = false;
        self.agent_mut(side).add_interfaces(now, &fresh);
    }

    pub fn remove_interface(&mut self, side: usize, index: usize) {
        let now = self.network.now();
        let gone = self.sides[side].interfaces.remove(index);
        for address in [gone.base, gone.tcp] {
            self.network.remove_address_in(gone.realm, address);
        }
        self.agent_mut(side).remove_interface(now, gone.base);
    }

    /// Begins: both gather, and signal their credentials.
    pub fn begin(&mut self) {
        for side in 0..2 {
            self.gather(side, 0);
            self.signal(1 - side, Signal::Credentials);
        }
    }

    fn signal(&mut self, to: usize, signal: Signal) {
        let spread = self.signalling.delay.end - self.signalling.delay.start;
        let delay = self.signalling.delay.start + self.rng.below(spread.max(1));
        let at = self.network.now() + Duration::from_millis(delay.into());
        self.pending.push(Pending { at, to, signal });
    }

    /// Takes what the sides have to signal.
    fn collect(&mut self) {
        for side in 0..2 {
            while let Some(candidate) = self.agent_mut(side).gathered.pop_front() {
                if self.rng.below(100) >= self.signalling.loss {
                    self.signal(1 - side, Signal::Candidate(Box::new(candidate)));
                } else {
                    self.lost_relay |= is_relayed(&candidate);
                }
            }
            if self.agent(side).done && !std::mem::replace(&mut self.ended[side], true) {
                self.signal(1 - side, Signal::End);
            }
        }
    }

    fn deliver(&mut self, to: usize, signal: Signal) {
        let now = self.network.now();
        match signal {
            Signal::Credentials => {
                let credentials = self.agent(1 - to).agent.local_credentials().clone();
                self.agent_mut(to).agent.set_remote_credentials(now, credentials).unwrap();
            }
            Signal::Candidate(ours) => {
                let Candidate { protocol, kind, address, priority, foundation, .. } = *ours;
                let theirs = Candidate::remote(protocol, kind, address, priority, foundation);
                self.sides[to].known.push(theirs.clone());
                self.agent_mut(to).agent.add_remote_candidate(now, theirs).unwrap();
            }
            Signal::End => self.agent_mut(to).agent.remote_candidates_ended(now),
        }
    }

    /// Lets the time pass, and signals what there is to signal.
    pub fn run(&mut self, duration: Duration) {
        let end = self.network.now() + duration;
        loop {
            self.collect();
            let now = self.network.now();
            while let Some(at) = self.pending.iter().position(|pending| pending.at <= now) {
                let due = self.pending.remove(at);
                self.deliver(due.to, due.signal);
            }
            if now >= end {
                return;
            }
            let until = self.pending.iter().map(|pending| pending.at).min().unwrap_or(end).min(end);
            let nodes = [self.sides[0].node, self.sides[1].node];
            let ended = self.ended;
            let talks = |network: &Network<Host>| {
                nodes.iter().zip(ended).any(|(node, ended)| {
                    let host = network[*node].agent();
                    !host.gathered.is_empty() || (host.done && !ended)
                })
            };
            match self.network.run_until(talks, until - now) {
                Outcome::Idle => drop(self.network.run_for(until - self.network.now())),
                Outcome::Reached | Outcome::Limit => {}
                outcome => panic!("{outcome:?}"),
            }
        }
    }

    pub fn set_link(&mut self, link: Link) {
        self.network.set_default_link(link);
    }

    pub fn states(&self) -> [ConnectionState; 2] {
        [0, 1].map(|side| self.agent(side).agent.state())
    }

    pub fn is_connected(&self) -> bool {
        self.states()
            .iter()
            .all(|state| matches!(state, ConnectionState::Connected | ConnectionState::Completed))
    }

    /// Whether a side sends through its relay, or to the peer's.
    pub fn is_relayed(&self) -> bool {
        let relayed: Vec<_> = (0..2).flat_map(|side| self.agent(side).relayed()).collect();
        (0..2).any(|side| {
            let path = self.agent(side).agent.selected_path().unwrap();
            relayed.contains(&path.local) || relayed.contains(&path.remote)
        })
    }

    /// Whether what each side sends along its selected path arrives along the one that the other has selected.
    pub fn agree(&mut self) -> bool {
        for side in 0..2 {
            let host = self.agent_mut(side);
            host.heard.clear();
            host.pings.push_back(vec![0xEE, u8::try_from(side).unwrap()]);
        }
        self.run(Duration::from_secs(2));
        (0..2).all(|side| {
            let host = self.agent(side);
            let ping = vec![0xEE, u8::try_from(1 - side).unwrap()];
            host.agent.selected_path().is_some_and(|path| host.heard == [(path, ping)])
        })
    }

    /// All that there is to know, for a failing test.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        for side in 0..2 {
            let Side { interfaces, known, .. } = &self.sides[side];
            let host = self.agent(side);
            text += &format!("side {side}: {:?} {:?}\n", host.agent.state(), host.states);
            text += &format!("  selected {:?}\n", host.agent.selected_path());
            for own in interfaces {
                text += &format!("  interface {} in {:?}\n", own.base, own.realm);
            }
            for local in host.agent.local_candidates() {
                text += &format!("  local {local} base {}\n", local.base);
            }
            for remote in known {
                text += &format!("  knows {remote}\n");
            }
            for pair in host.agent.pairs() {
                let since = |at: Instant| at.saturating_duration_since(drywire_sim::origin()).as_secs_f32();
                let history = &pair.history;
                text += &format!(
                    "  pair {} {:?}: formed {}, first sent {:?}, last {:?}, sent {}, answered {:?}, failed {:?}\n",
                    pair.path,
                    pair.state,
                    since(history.formed_at),
                    history.first_sent_at.map(since),
                    history.last_sent_at.map(since),
                    history.checks_sent,
                    history.last_answered_at.map(since),
                    history.failure.map(|failure| (since(failure.at), failure.reason)),
                );
            }
            for selection in host.agent.selections() {
                let at = selection.at - drywire_sim::origin();
                text += &format!("  at {at:?} {} {:?}\n", selection.path, selection.reason);
            }
        }
        text
    }

    /// A realm behind a translator or a firewall.
    pub fn behind(&mut self, outer: Realm, gateways: Vec<Nat>) -> Realm {
        self.network.add_realm(outer, gateways)
    }
}

/// Whether a candidate is one of a relay.
pub fn is_relayed(candidate: &Candidate) -> bool {
    candidate.kind == CandidateKind::Relayed
}
