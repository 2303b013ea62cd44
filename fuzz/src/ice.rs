//! ICE: two agents, the bytes between them altered at will, any command at any time. Bounds hold, nothing spins, and
//! data is never sent where no check of our own was answered.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use drywire_core::{Path, Protocol, Reader};
use drywire_ice::{Agent, Candidate, CandidateKind, Config, ConnectionState, Credentials, Role, TcpType};
use drywire_stun::attributes::{
    DtlsInStunAck, DtlsInStunData, IceControlled, IceControlling, NetworkCost, Priority, UseCandidate,
    Username,
};
use drywire_stun::{Class, IntegrityAlgorithm, IntegrityKey, MessageBuilder, Method, TransactionId};

/// A list of steps, each a byte of choice and what that reads.
pub fn run(data: &[u8]) {
    let mut reader = Reader::new(data);
    let mut world = World::new(reader.u8().unwrap_or_default());
    for _ in 0..2_000 {
        if world.step(&mut reader).is_none() {
            break;
        }
    }
    world.finish();
}

struct World {
    now: Instant,
    agents: [Agent; 2],
    flying: VecDeque<(usize, Path, Vec<u8>)>,
}

/// The addresses of the two agents, three each, and those of nobody.
fn address(index: u8) -> SocketAddr {
    let [host, port] = [index & 3, index >> 2 & 1];
    SocketAddr::from(([10, 0, host, 1], 5000 + u16::from(port)))
}

const fn tcp_type(value: u8) -> TcpType {
    match value >> 3 & 3 {
        0 => TcpType::Active,
        1 => TcpType::SimultaneousOpen,
        _ => TcpType::Passive,
    }
}

impl World {
    #[allow(clippy::disallowed_methods, reason = "the time passes in steps from here")]
    fn new(choice: u8) -> Self {
        let now = Instant::now();
        let agent = |index: u8| {
            let role = if choice >> index & 1 == 0 { Role::Controlling } else { Role::Controlled };
            let mut config = Config::new(drywire_crypto_aws_lc::provider(), role);
            config.lite = choice >> 4 >> index & 1 == 1;
            config.renomination = choice & 0x04 != 0;
            let mut agent = Agent::new(config, now, [index; 32]);
            agent.set_remote_renomination(choice & 0x08 != 0);
            agent
        };
        let mut world = Self { now, agents: [agent(0), agent(1)], flying: VecDeque::new() };
        if choice & 0x40 == 0 {
            // Most runs begin with agents that know each other.
            for index in 0..2_u8 {
                let own = Candidate::host(address(index), 65_535);
                let [first, second] = &mut world.agents;
                let (us, peer) = if index == 0 { (first, second) } else { (second, first) };
                us.add_local_candidate(now, own.clone()).expect("a good candidate");
                peer.add_remote_candidate(now, own).expect("a good candidate");
                let credentials = us.local_credentials().clone();
                peer.set_remote_credentials(now, credentials).expect("the first ones");
            }
        }
        world
    }

    fn step(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        let choice = reader.u8().ok()?;
        let who = usize::from(choice & 1);
        let peer = self.agents.get(1 - who)?.local_credentials().clone();
        let now = self.now;
        let agent = self.agents.get_mut(who)?;
        match choice >> 1 & 15 {
            0..=3 => self.exchange(who, choice >> 5 & 3 == 3, reader)?,
            4 => {
                let len = usize::from(reader.u8().ok()?).min(reader.remaining());
                let path = Path::udp(address(reader.u8().ok()?), address(choice >> 5));
                agent.handle_input(now, path, BytesMut::from(reader.take(len).ok()?));
            }
            5 => {
                let path = Path::udp(address(reader.u8().ok()?), address(choice >> 5));
                let request = authentic(agent.local_credentials(), &peer, reader)?;
                agent.handle_input(now, path, request);
            }
            6 => {
                let time = u64::from(reader.u8().ok()?);
                self.pass(Duration::from_millis(if choice >> 5 == 7 { time * 200 } else { time * 4 }));
            }
            7 => agent.handle_timeout(now.checked_sub(Duration::from_secs(1)).unwrap_or(now)),
            8 => drop(agent.add_local_candidate(now, Candidate::host(address(reader.u8().ok()?), 1))),
            9 => {
                let remote = address(reader.u8().ok()?);
                let priority = reader.u32().ok()?;
                let candidate =
                    Candidate::remote(Protocol::Udp, CandidateKind::Host, remote, priority, "foundation");
                let _ = agent.add_remote_candidate(now, candidate);
            }
            10 => drop(agent.set_remote_credentials(now, peer)),
            11 => agent.remote_candidates_ended(now),
            12 => agent.set_role(if choice & 0x20 == 0 { Role::Controlling } else { Role::Controlled }),
            // What ends or upsets a session is rare, so that runs get somewhere.
            13 if choice >> 5 == 1 => {
                let value = reader.u8().ok()?;
                let protocol = if value & 0x80 == 0 { Protocol::Udp } else { Protocol::Tcp };
                agent.remove_local_candidates(now, protocol, address(value));
            }
            13 if choice >> 5 == 2 => {
                let (base, cost) = (address(reader.u8().ok()?), reader.u8().ok()?);
                agent.set_network_cost(
                    now,
                    base,
                    NetworkCost::new(u16::from(cost & 3), u16::from(cost) << 2),
                );
            }
            13 if choice >> 5 == 3 => agent.set_remote_renomination(reader.u8().ok()? & 1 == 1),
            14 if choice >> 5 == 1 => {
                let value = reader.u8().ok()?;
                let candidate = Candidate::tcp_host(address(value), tcp_type(value), 65_535);
                let _ = agent.add_local_candidate(now, candidate);
            }
            14 if choice >> 5 == 2 => {
                let (value, priority) = (reader.u8().ok()?, reader.u32().ok()?);
                let mut candidate =
                    Candidate::remote(Protocol::Tcp, CandidateKind::Host, address(value), priority, "tcp");
                candidate.tcp_type = Some(tcp_type(value));
                let _ = agent.add_remote_candidate(now, candidate);
            }
            14 if choice >> 5 == 3 => {
                // What becomes of the connection that is wanted, or of one of which nobody knows.
                let (value, local) = (reader.u8().ok()?, address(reader.u8().ok()?));
                let any = Path { protocol: Protocol::Tcp, ..Path::udp(local, address(value >> 3)) };
                let path = agent.poll_connect().unwrap_or(any);
                match value & 7 {
                    0 | 1 => agent.connect_failed(now, path),
                    2 | 3 => agent.disconnected(now, path),
                    _ => agent.connected(now, path, local),
                }
            }
            14 if choice >> 5 == 4 => {
                // The path in use breaks.
                if let Some(path) = agent.selected_path() {
                    agent.path_unreachable(now, path);
                    agent.disconnected(now, path);
                }
            }
            13 if choice >> 5 == 7 => agent.set_remote_lite(reader.u8().ok()? & 3 == 3),
            14 if choice >> 5 == 7 => drop(agent.restart(now)),
            15 if choice >> 5 == 7 && reader.u8().ok()? & 15 == 15 => agent.close(now),
            _ => {
                while agent.poll_event().is_some() {}
                while agent.poll_attachment().is_some() {}
                agent.want_attachments(choice & 0x40 == 0);
            }
        }
        self.check(who)
    }

    /// Sends all that an agent has to say, and delivers the oldest datagram to it, whole or broken.
    fn exchange(&mut self, who: usize, broken: bool, reader: &mut Reader<'_>) -> Option<()> {
        self.drain(0)?;
        self.drain(1)?;
        let position = self.flying.iter().position(|(to, ..)| *to == who);
        let Some((_, mut path, mut bytes)) = position.and_then(|at| self.flying.remove(at)) else {
            return Some(());
        };
        if broken {
            let (at, mask, from) = (reader.u8().ok()?, reader.u8().ok()?, reader.u8().ok()?);
            if let Some(byte) = bytes.get_mut(usize::from(at)) {
                *byte ^= mask;
            }
            if from & 0x80 != 0 {
                path.remote = address(from);
            }
        }
        self.agents.get_mut(who)?.handle_input(self.now, path, BytesMut::from(&bytes[..]));
        Some(())
    }

    fn drain(&mut self, who: usize) -> Option<()> {
        let agent = self.agents.get_mut(who)?;
        let mut out = b"before".to_vec();
        let mut count = 0;
        while let Some(transmit) = agent.poll_transmit(self.now, &mut out) {
            count += 1;
            assert!(count < 300, "an agent that never stops talking");
            assert!(out.starts_with(b"before"), "the caller's bytes were changed");
            let bytes = out.split_off(6);
            assert_eq!(bytes.len(), transmit.len);
            if self.flying.len() < 64 {
                self.flying.push_back((1 - who, transmit.path.reversed(), bytes));
            }
        }
        assert!(agent.poll_timeout().is_none_or(|at| at > self.now), "drained, and yet something is due");
        Some(())
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        for agent in &mut self.agents {
            agent.handle_timeout(self.now);
        }
    }

    fn check(&self, who: usize) -> Option<()> {
        let agent = self.agents.get(who)?;
        assert!(agent.pairs().count() <= 100 && agent.remote_candidates().count() <= 100);
        if let Some(path) = agent.selected_path() {
            assert!(agent.is_valid_path(path));
            assert!(!matches!(agent.state(), ConnectionState::Failed | ConnectionState::Closed));
        }
        Some(())
    }

    /// The time passes: nothing spins, and with nobody to answer consent ends.
    fn finish(&mut self) {
        self.flying.clear();
        for who in 0..2 {
            for _ in 0..500 {
                let _ = self.drain(who);
                let Some(agent) = self.agents.get_mut(who) else { return };
                let Some(next) = agent.poll_timeout() else { break };
                self.now = self.now.max(next);
                agent.handle_timeout(next);
            }
        }
        self.pass(Duration::from_secs(31));
        for agent in &self.agents {
            assert_eq!(agent.selected_path(), None, "data without consent");
        }
    }
}

/// A request that carries the right signature, and says what the input wants.
fn authentic(own: &Credentials, peer: &Credentials, reader: &mut Reader<'_>) -> Option<BytesMut> {
    let (flags, priority, tie_breaker) = (reader.u8().ok()?, reader.u32().ok()?, reader.u8().ok()?);
    let mut out = Vec::new();
    let class = if flags & 0xC0 == 0xC0 { Class::Indication } else { Class::Request };
    let mut message = MessageBuilder::new(&mut out, class, Method::BINDING, TransactionId::new([flags; 12]));
    let username = format!("{}:{}", own.ufrag(), if flags & 1 == 0 { peer.ufrag() } else { "else" });
    message.attribute(&Username(&username));
    if flags & 2 == 0 {
        message.attribute(&Priority(priority));
    }
    if flags & 0x40 != 0 {
        let len = usize::from(tie_breaker & 7).min(reader.remaining());
        message.attribute(&DtlsInStunData(reader.take(len).ok()?));
        message.attribute(&[priority, 7].into_iter().collect::<DtlsInStunAck>());
    }
    let tie_breaker = u64::from(tie_breaker) << 56;
    match flags >> 2 & 3 {
        0 | 1 => message.attribute(&IceControlling(tie_breaker)),
        2 => message.attribute(&IceControlled(tie_breaker)),
        _ => &mut message,
    };
    if flags & 16 == 0 {
        message.attribute(&UseCandidate);
    }
    let key = IntegrityKey::short_term(&*drywire_crypto_aws_lc::provider(), own.pwd());
    let algorithm = if flags & 32 == 0 { IntegrityAlgorithm::Sha1 } else { IntegrityAlgorithm::Sha256 };
    message.integrity(&key, algorithm).fingerprint();
    message.finish().ok()?;
    Some(BytesMut::from(&out[..]))
}
