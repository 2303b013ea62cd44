//! A controlled agent, and a controlling peer that the test plays: which nomination it follows.

use std::net::SocketAddr;

use bytes::BytesMut;
use drywire_core::{Duration, Instant, Path};
use drywire_ice::{Agent, Candidate, Credentials, Role};
use drywire_stun::attributes::{
    IceControlling, Nomination, Priority, UseCandidate, Username, XorMappedAddress,
};
use drywire_stun::{Class, IntegrityAlgorithm, IntegrityKey, Message, MessageBuilder, Method, TransactionId};

use crate::net::{address, config, host, start};

struct Peer {
    agent: Agent,
    own: Credentials,
    now: Instant,
    count: u8,
    /// Where the peer answers checks.
    answers: Vec<SocketAddr>,
}

/// The peer's addresses, best first.
fn remotes() -> [SocketAddr; 3] {
    ["10.0.1.1:5000", "10.0.1.2:5000", "10.0.1.3:5000"].map(address)
}

impl Peer {
    fn new() -> Self {
        Self::answering(&[0, 1, 2])
    }

    /// A peer that answers checks only at some of its addresses.
    fn answering(answers: &[usize]) -> Self {
        let now = start();
        let mut agent = Agent::new(config(Role::Controlled), now, [3; 32]);
        let own = Credentials::new("peer", "p".repeat(22)).unwrap();
        agent.add_local_candidate(now, host("10.0.2.1:5000")).unwrap();
        agent.set_remote_credentials(now, own.clone()).unwrap();
        for (index, remote) in remotes().into_iter().enumerate() {
            let preference = u16::try_from(60_000 - index * 1000).unwrap();
            agent.add_remote_candidate(now, Candidate::host(remote, preference)).unwrap();
        }
        let answers = answers.iter().map(|index| remotes()[*index]).collect();
        let mut peer = Self { agent, own, now, count: 0, answers };
        peer.pass(Duration::from_secs(1));
        peer
    }

    fn key(&self, password: &str) -> IntegrityKey {
        IntegrityKey::short_term(&*drywire_crypto_aws_lc::provider(), password)
    }

    /// Lets the time pass, and answers the checks.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let mut out = Vec::new();
            while let Some(transmit) = self.agent.poll_transmit(self.now, &mut out) {
                let bytes = std::mem::take(&mut out);
                let message = Message::parse(&bytes).unwrap();
                if message.class() == Class::Request && self.answers.contains(&transmit.path.remote) {
                    let mut response = Vec::new();
                    let id = message.transaction_id();
                    let mut builder = MessageBuilder::new(&mut response, Class::Success, Method::BINDING, id);
                    builder
                        .attribute(&XorMappedAddress(transmit.path.local))
                        .integrity(&self.key(self.own.pwd()), IntegrityAlgorithm::Sha1)
                        .fingerprint();
                    builder.finish().unwrap();
                    self.agent.handle_input(self.now, transmit.path, BytesMut::from(&response[..]));
                }
            }
            match self.agent.poll_timeout().filter(|at| *at <= end) {
                Some(at) => self.now = at,
                None => break,
            }
            self.agent.handle_timeout(self.now);
        }
        self.now = end;
    }

    /// Sends a check from one of the peer's addresses.
    fn check(&mut self, from: usize, nominates: bool) {
        self.request(from, nominates, None);
    }

    fn request(&mut self, from: usize, nominates: bool, number: Option<u32>) {
        self.count += 1;
        let local = self.agent.local_credentials().clone();
        let mut out = Vec::new();
        let id = TransactionId::new([self.count; 12]);
        let mut builder = MessageBuilder::new(&mut out, Class::Request, Method::BINDING, id);
        builder
            .attribute(&Username(&format!("{}:peer", local.ufrag())))
            .attribute(&Priority(1))
            .attribute(&IceControlling(7));
        if nominates {
            builder.attribute(&UseCandidate);
        }
        if let Some(number) = number {
            builder.attribute(&Nomination(number));
        }
        builder.integrity(&self.key(local.pwd()), IntegrityAlgorithm::Sha1).fingerprint();
        builder.finish().unwrap();
        let path = Path::udp(address("10.0.2.1:5000"), remotes()[from]);
        self.agent.handle_input(self.now, path, BytesMut::from(&out[..]));
        self.pass(Duration::from_millis(10));
    }

    /// Which of the peer's addresses is in use.
    fn in_use(&self) -> Option<usize> {
        let path = self.agent.selected_path()?;
        remotes().iter().position(|remote| *remote == path.remote)
    }
}

#[test]
fn before_a_nomination_the_best_valid_pair_is_used() {
    let peer = Peer::new();
    assert_eq!(peer.in_use(), Some(0));
    assert!(!peer.agent.selected_pair().unwrap().nominated);
}

#[test]
fn the_latest_nomination_counts() {
    let mut peer = Peer::new();
    for from in [1, 2, 0, 2, 1] {
        peer.check(from, true);
        assert_eq!(peer.in_use(), Some(from));
        peer.pass(Duration::from_secs(2));
        // A check that does not nominate changes nothing.
        peer.check(0, false);
        assert_eq!(peer.in_use(), Some(from));
        assert!(peer.agent.selected_pair().unwrap().nominated);
    }
}

#[test]
fn of_numbered_nominations_the_highest_counts() {
    let mut peer = Peer::new();
    // All at one moment, in an order that the network made of it.
    for (from, number, in_use) in
        [(0, 3, 0), (2, 5, 2), (1, 4, 2), (0, 3, 2), (1, 6, 1), (2, 5, 1), (0, 7, 0)]
    {
        peer.request(from, false, Some(number));
        assert_eq!(peer.in_use(), Some(in_use), "{number}");
    }
    peer.pass(Duration::from_secs(2));
    peer.request(2, false, Some(7));
    assert_eq!(peer.in_use(), Some(2), "the same number again is a repetition that moved");
    // Who stops to number begins anew.
    peer.pass(Duration::from_secs(2));
    peer.check(1, true);
    assert_eq!(peer.in_use(), Some(1));
}

#[test]
fn of_nominations_of_one_moment_the_best_pair_counts() {
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [1, 0, 2]] {
        let mut peer = Peer::new();
        for from in order {
            peer.check(from, true);
        }
        assert_eq!(peer.in_use(), Some(0), "{order:?}");
        // The peer insists on the other one: it repeats that, and only that.
        peer.pass(Duration::from_millis(2500));
        peer.check(2, true);
        assert_eq!(peer.in_use(), Some(2), "{order:?}");
    }
}

#[test]
fn a_nomination_waits_for_the_answer_to_our_check() {
    let mut peer = Peer::answering(&[0]);
    peer.check(0, true);
    peer.pass(Duration::from_secs(2));
    peer.check(1, true);
    peer.pass(Duration::from_millis(300));
    assert_eq!(peer.in_use(), Some(0));
    peer.answers.push(remotes()[1]);
    peer.pass(Duration::from_secs(10));
    assert_eq!(peer.in_use(), Some(1));
}

#[test]
fn a_pair_kept_in_reserve_for_long_is_asked_anew() {
    let mut peer = Peer::new();
    peer.check(0, true);
    for reserve in [2, 1, 0, 2] {
        peer.pass(Duration::from_secs(100));
        peer.check(reserve, true);
        assert_eq!(peer.in_use(), Some(reserve));
        assert!(peer.agent.selected_pair().unwrap().nominated);
    }
    // One that no longer answers is not used, and nothing is lost by it.
    peer.pass(Duration::from_secs(100));
    peer.answers = vec![remotes()[2]];
    peer.check(1, true);
    assert_eq!(peer.in_use(), Some(2));
    peer.pass(Duration::from_secs(100));
    assert_eq!(peer.in_use(), Some(2));
}

#[test]
fn a_late_answer_does_not_bring_back_an_outdated_nomination() {
    let mut peer = Peer::answering(&[1, 2]);
    peer.check(0, true);
    peer.pass(Duration::from_secs(2));
    peer.check(1, true);
    assert_eq!(peer.in_use(), Some(1));
    peer.answers.push(remotes()[0]);
    peer.pass(Duration::from_secs(10));
    assert!(peer.agent.is_valid_path(Path::udp(address("10.0.2.1:5000"), remotes()[0])));
    assert_eq!(peer.in_use(), Some(1));
}

#[test]
fn a_nominated_pair_that_dies_is_left_for_one_that_answers() {
    let mut peer = Peer::new();
    peer.check(1, true);
    peer.answers.remove(1);
    peer.pass(Duration::from_secs(10));
    assert_eq!(peer.in_use(), Some(0));
}

#[test]
fn an_old_nomination_does_not_come_back_with_a_late_answer() {
    let mut peer = Peer::new();
    peer.check(0, true);
    peer.pass(Duration::from_secs(2));
    // The path dies; the peer moves on.
    peer.answers = vec![remotes()[1], remotes()[2]];
    peer.pass(Duration::from_secs(12));
    peer.check(1, true);
    assert_eq!(peer.in_use(), Some(1));
    peer.pass(Duration::from_secs(5));
    // It lives again, and the peer checks it, as it checks all that it keeps in reserve.
    peer.answers = remotes().to_vec();
    for _ in 0..5 {
        peer.check(0, false);
        peer.pass(Duration::from_secs(2));
        assert_eq!(peer.in_use(), Some(1));
    }
    peer.check(0, true);
    assert_eq!(peer.in_use(), Some(0));
}
