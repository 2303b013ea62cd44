//! The rows of the attack catalogue that an agent answers for.

use bytes::BytesMut;
use drywire_core::{Duration, Path, Protocol};
use drywire_ice::{
    Agent, Candidate, CandidateKind, ConnectionState, Credentials, DiscardReason, Event, Role,
};
use drywire_stun::attributes::{
    ErrorCode, IceControlled, IceControlling, Priority, UseCandidate, Username, XorMappedAddress,
};
use drywire_stun::{Class, IntegrityAlgorithm, IntegrityKey, Message, MessageBuilder, Method, TransactionId};

use crate::net::{Net, address, config, host};

/// A request as the peer would write it, with all that can be wrong about it.
struct Request<'a> {
    username: Option<&'a str>,
    password: Option<&'a str>,
    tie_breaker: u64,
    role: Role,
    priority: Option<u32>,
    nominates: bool,
    id: u8,
}

impl Request<'_> {
    fn write(&self) -> BytesMut {
        let mut out = Vec::new();
        let id = TransactionId::new([self.id; 12]);
        let mut message = MessageBuilder::new(&mut out, Class::Request, Method::BINDING, id);
        if let Some(username) = self.username {
            message.attribute(&Username(username));
        }
        match self.role {
            Role::Controlling => message.attribute(&IceControlling(self.tie_breaker)),
            Role::Controlled => message.attribute(&IceControlled(self.tie_breaker)),
        };
        if let Some(priority) = self.priority {
            message.attribute(&Priority(priority));
        }
        if self.nominates {
            message.attribute(&UseCandidate);
        }
        if let Some(password) = self.password {
            let key = IntegrityKey::short_term(&*drywire_crypto_aws_lc::provider(), password);
            message.integrity(&key, IntegrityAlgorithm::Sha1);
        }
        message.fingerprint();
        message.finish().unwrap();
        BytesMut::from(&out[..])
    }
}

fn names(agent: &Agent, peer: &Credentials) -> (String, String) {
    let own = agent.local_credentials();
    (format!("{}:{}", own.ufrag(), peer.ufrag()), own.pwd().to_owned())
}

fn request<'a>(username: &'a str, password: &'a str) -> Request<'a> {
    Request {
        username: Some(username),
        password: Some(password),
        tie_breaker: 1,
        role: Role::Controlling,
        priority: Some(0x6E00_01FF),
        nominates: true,
        id: 9,
    }
}

fn responses(agent: &mut Agent, now: drywire_core::Instant) -> Vec<(Path, Vec<u8>)> {
    let (mut all, mut out) = (Vec::new(), Vec::new());
    while let Some(transmit) = agent.poll_transmit(now, &mut out) {
        let bytes = std::mem::take(&mut out);
        if Message::parse(&bytes).unwrap().class() != Class::Request {
            all.push((transmit.path, bytes));
        }
    }
    all
}

#[test]
fn a03_requests_that_are_not_authentic_do_nothing() {
    let mut net = Net::connected_pair(3);
    let now = net.now;
    let peer = net.agents[0].local_credentials().clone();
    let agent = &mut net.agents[1];
    let (username, password) = names(agent, &peer);
    let ufrag = agent.local_credentials().ufrag().to_owned();
    let good = || request(&username, &password);
    let wrong_name = format!("x{username}");
    let bad = [
        Request { password: None, ..good() },
        Request { password: Some("wrong-password-of-22-characters"), ..good() },
        Request { username: None, ..good() },
        Request { username: Some(&wrong_name), ..good() },
        Request { username: Some(&ufrag), ..good() },
        Request { username: Some(""), ..good() },
        Request { username: Some(":"), ..good() },
        Request { password: Some(peer.pwd()), ..good() },
    ];
    let path = Path::udp(address("10.0.0.2:5000"), address("10.0.0.66:666"));
    let before = (agent.selected_path(), agent.pairs().count(), agent.remote_candidates().count());
    for (index, request) in bad.iter().enumerate() {
        agent.handle_input(now, path, request.write());
        assert_eq!(agent.stats().unauthenticated, u64::try_from(index + 1).unwrap());
        let after = (agent.selected_path(), agent.pairs().count(), agent.remote_candidates().count());
        assert_eq!(before, after, "request {index}");
    }
    // Nor is one answered: no reflection.
    assert_eq!(responses(agent, now), []);
    // An altered fingerprint, and junk.
    let mut broken = good().write();
    let last = broken.len() - 1;
    broken[last] ^= 1;
    agent.handle_input(now, path, broken);
    agent.handle_input(now, path, BytesMut::from(&[0x16, 0xFE, 0xFD, 0][..]));
    agent.handle_input(now, path, BytesMut::new());
    assert_eq!(agent.stats().malformed, 3);
    // The authentic one does something, which shows that the others would have.
    agent.handle_input(now, path, good().write());
    assert_eq!(agent.pairs().count(), before.1 + 1);
}

#[test]
fn a04_a_flood_of_bad_requests_leaves_the_session_alone() {
    let mut net = Net::connected_pair(4);
    let path = Path::udp(address("10.0.0.2:5000"), address("10.0.0.1:5000"));
    let peer = net.agents[0].local_credentials().clone();
    let (username, _) = names(&net.agents[1], &peer);
    let bad = request(&username, "wrong-password-of-22-characters").write();
    for _ in 0..100 {
        for _ in 0..1000 {
            net.agents[1].handle_input(net.now, path, bad.clone());
        }
        net.run(Duration::from_millis(100));
    }
    assert_eq!(net.agents[1].stats().unauthenticated, 100_000);
    net.run(Duration::from_secs(60));
    assert!(net.agree() && net.is_connected());
}

#[test]
fn a06_responses_that_do_not_match_are_ignored() {
    let mut net = Net::pair(6, config(Role::Controlling), config(Role::Controlled));
    net.blocked = |_| true;
    net.introduce(&[host("10.0.0.1:5000")], &[host("10.0.0.2:5000")]);
    net.run(Duration::from_millis(10));
    let now = net.now;
    let check = net.sent.iter().find(|sent| sent.by == 0).unwrap();
    let id = Message::parse(&check.bytes).unwrap().transaction_id();
    let password = net.agents[1].local_credentials().pwd().to_owned();
    let response = |id: TransactionId, password: Option<&str>, class: Class| {
        let mut out = Vec::new();
        let mut message = MessageBuilder::new(&mut out, class, Method::BINDING, id);
        match class {
            Class::Error => message.attribute(&ErrorCode::ROLE_CONFLICT),
            _ => message.attribute(&XorMappedAddress(address("10.0.0.1:5000"))),
        };
        if let Some(password) = password {
            let key = IntegrityKey::short_term(&*drywire_crypto_aws_lc::provider(), password);
            message.integrity(&key, IntegrityAlgorithm::Sha1);
        }
        message.fingerprint();
        message.finish().unwrap();
        BytesMut::from(&out[..])
    };
    let path = Path::udp(address("10.0.0.1:5000"), address("10.0.0.2:5000"));
    let elsewhere = Path::udp(address("10.0.0.1:5000"), address("10.0.0.66:5000"));
    let agent = &mut net.agents[0];
    let own = agent.local_credentials().pwd().to_owned();
    for (path, response) in [
        (elsewhere, response(id, Some(&password), Class::Success)),
        (path, response(id, None, Class::Success)),
        (path, response(id, None, Class::Error)),
        (path, response(id, Some(&own), Class::Success)),
        (path, response(id, Some(&own), Class::Error)),
        (path, response(TransactionId::new([1; 12]), Some(&password), Class::Success)),
    ] {
        agent.handle_input(now, path, response);
        assert_eq!((agent.selected_path(), agent.role()), (None, Role::Controlling));
        assert!(!agent.is_valid_path(path));
    }
    assert_eq!((agent.stats().unauthenticated, agent.stats().unmatched), (4, 2));
    let right = response(id, Some(&password), Class::Success);
    agent.handle_input(now, path, right.clone());
    assert_eq!(agent.selected_path(), Some(path));
    // Replayed, it answers nothing and renews nothing.
    for seconds in 1..40 {
        agent.handle_input(now + Duration::from_secs(seconds), path, right.clone());
    }
    assert_eq!((agent.selected_path(), agent.state()), (None, ConnectionState::Failed));
}

#[test]
fn a08_an_authentic_peer_cannot_turn_the_data_on_a_victim() {
    let mut net = Net::connected_pair(8);
    net.run(Duration::from_secs(1));
    let peer = net.agents[0].local_credentials().clone();
    let (username, password) = names(&net.agents[1], &peer);
    let victim = Path::udp(address("10.0.0.2:5000"), address("203.0.113.7:53"));
    let selected = net.agents[1].selected_path();
    let (start, from) = (net.now, net.sent.len());
    let mut spoofed = 0;
    while net.now - start < Duration::from_secs(10) {
        for id in 0..20 {
            let request = Request { priority: Some(0x7FFF_FFFF), id, ..request(&username, &password) };
            net.agents[1].handle_input(net.now, victim, request.write());
            spoofed += 1;
        }
        assert_eq!(net.agents[1].selected_path(), selected);
        assert!(!net.agents[1].is_valid_path(victim));
        net.run(Duration::from_millis(10));
    }
    let to_victim = net.sent[from..].iter().filter(|sent| sent.path == victim);
    let checks =
        to_victim.clone().filter(|sent| Message::parse(&sent.bytes).unwrap().class() == Class::Request);
    // Checks at the pace at most; and each spoofed request is answered at most once.
    assert!((1..=10 * 20 + 5).contains(&checks.clone().count()), "{}", checks.count());
    assert!(to_victim.count() <= spoofed + 10 * 20 + 5);
    net.run(Duration::from_secs(40));
    assert_eq!(net.agents[1].selected_path(), selected);
}

#[test]
fn a08_a_lite_agent_sends_nowhere_before_a_nomination() {
    let mut lite = config(Role::Controlled);
    lite.lite = true;
    let mut agent = Agent::new(lite, crate::net::start(), [8; 32]);
    let now = crate::net::start();
    let peer = Credentials::new("peer", "p".repeat(22)).unwrap();
    agent.add_local_candidate(now, host("10.0.0.2:5000")).unwrap();
    agent.set_remote_credentials(now, peer.clone()).unwrap();
    let (username, password) = names(&agent, &peer);
    let path = Path::udp(address("10.0.0.2:5000"), address("10.0.0.1:5000"));
    let plain = Request { nominates: false, ..request(&username, &password) };
    agent.handle_input(now, path, plain.write());
    assert_eq!((agent.selected_path(), agent.is_valid_path(path)), (None, false));
    agent.handle_input(now, path, request(&username, &password).write());
    assert_eq!(agent.selected_path(), Some(path));
    // It asks for nothing, and answers what it is asked.
    assert_eq!(responses(&mut agent, now).len(), 2);
    assert_eq!(agent.stats().checks_sent + agent.stats().consent_checks_sent, 0);
}

#[test]
fn a09_ten_thousand_candidates_make_no_hammer() {
    let mut net = Net::pair(9, config(Role::Controlling), config(Role::Controlled));
    net.introduce(&[host("10.0.0.1:5000"), host("10.0.1.1:5000")], &[]);
    let mut refused = 0;
    for index in 0..10_000_u32 {
        let text = format!("198.51.{}.{}:{}", index / 250 % 250, 1 + index % 250, 1 + index / 62_500);
        let candidate = Candidate::remote(
            Protocol::Udp,
            CandidateKind::Host,
            address(&text),
            1000 + index,
            index.to_string(),
        );
        refused += u32::from(net.agents[0].add_remote_candidate(net.now, candidate).is_err());
        assert!(net.agents[0].pairs().count() <= 100);
        if index % 100 == 0 {
            net.run(Duration::from_millis(20));
        }
    }
    assert_eq!(refused, 9_900);
    net.run(Duration::from_secs(60));
    let sent: Vec<_> = net.sent.iter().filter(|sent| sent.by == 0).collect();
    assert!(sent.len() > 300);
    // One per Ta, and a small burst, at any time; retransmissions included.
    for window in sent.windows(30) {
        assert!(window[29].at - window[0].at >= Duration::from_secs(1));
    }
}

#[test]
fn a09_addresses_that_come_as_requests_are_bounded_too() {
    let mut net = Net::connected_pair(9);
    let peer = net.agents[0].local_credentials().clone();
    let (username, password) = names(&net.agents[1], &peer);
    let mut bytes = request(&username, &password);
    bytes.nominates = false;
    let bytes = bytes.write();
    for index in 0..2_000_u32 {
        let remote = address(&format!("198.51.{}.{}:5000", index / 250, 1 + index % 250));
        net.agents[1].handle_input(net.now, Path::udp(address("10.0.0.2:5000"), remote), bytes.clone());
    }
    assert!(net.agents[1].remote_candidates().count() <= 100);
    assert!(net.agents[1].pairs().count() <= 100);
    net.run(Duration::from_secs(100));
    assert!(net.agree() && net.is_connected());
}

#[test]
fn a10_no_packet_goes_where_none_should() {
    let mut config = config(Role::Controlled);
    config.accept_remote = |address| !address.ip().is_loopback() && address.port() != 53;
    let mut net = Net::pair(10, crate::net::config(Role::Controlling), config);
    net.introduce(&[host("10.0.0.1:5000")], &[host("10.0.0.2:5000"), host("127.0.0.1:5000")]);
    net.run(Duration::from_secs(2));
    let peer = net.agents[0].local_credentials().clone();
    let (username, password) = names(&net.agents[1], &peer);
    let from = net.sent.len();
    for text in ["224.0.0.1:5000", "0.0.0.0:5000", "10.0.0.9:0", "127.0.0.9:5000", "10.0.0.9:53"] {
        let candidate = Candidate::remote(Protocol::Udp, CandidateKind::Host, address(text), 1, "1");
        assert!(net.agents[1].add_remote_candidate(net.now, candidate).is_err(), "{text}");
        let path = Path::udp(address("10.0.0.2:5000"), address(text));
        net.agents[1].handle_input(net.now, path, request(&username, &password).write());
    }
    net.run(Duration::from_secs(2));
    let checks = net.sent[from..]
        .iter()
        .filter(|sent| sent.by == 1 && Message::parse(&sent.bytes).unwrap().class() == Class::Request);
    assert_eq!(checks.filter(|sent| sent.path.remote != address("10.0.0.1:5000")).count(), 0);
}

/// A peer whose address changes is not followed to one that is refused, whatever it nominates there.
#[test]
fn a10_the_path_in_use_does_not_lead_to_where_none_should() {
    let mut config = config(Role::Controlled);
    config.accept_remote = |address| address.ip() != std::net::IpAddr::from([10, 0, 0, 66]);
    let mut net = Net::pair(11, crate::net::config(Role::Controlling), config);
    net.introduce(&[host("10.0.0.1:5000")], &[host("10.0.0.2:5000")]);
    net.run(Duration::from_secs(2));
    assert!(net.agree() && net.is_connected());
    let now = net.now;
    net.agents[0].add_local_candidate(now, host("10.0.0.66:5000")).unwrap();
    net.agents[0].remove_local_candidates(now, Protocol::Udp, address("10.0.0.1:5000"));
    let from = net.sent.len();
    net.run(Duration::from_secs(60));
    let refused = |path: &Path| path.remote == address("10.0.0.66:5000");
    assert!(net.agents[1].remote_candidates().all(|remote| remote.address != address("10.0.0.66:5000")));
    assert!(!net.sent[from..].iter().any(|sent| {
        sent.by == 1 && refused(&sent.path) && Message::parse(&sent.bytes).unwrap().class() == Class::Request
    }));
    assert!(net.agents[1].selected_path().is_none_or(|path| !refused(&path)));
    assert_eq!(net.agents[1].state(), ConnectionState::Failed);
    let denied = net.agents[1].discarded().filter(|one| one.reason == DiscardReason::PolicyDenied);
    assert!(denied.count() > 0);
}

#[test]
fn a12_old_credentials_are_good_until_the_restart_completes() {
    let mut net = Net::connected_pair(12);
    let path = Path::udp(address("10.0.0.2:5000"), address("10.0.0.1:5000"));
    let peer = net.agents[0].local_credentials().clone();
    let (username, password) = names(&net.agents[1], &peer);
    let old = Request { nominates: false, ..request(&username, &password) };
    let now = net.now;
    let answered = net.agents[1].restart(now);
    net.agents[1].handle_input(now, path, old.write());
    let replies = responses(&mut net.agents[1], now);
    assert_eq!(replies.len(), 1);
    let key = IntegrityKey::short_term(&*drywire_crypto_aws_lc::provider(), &password);
    assert!(Message::parse(&replies[0].1).unwrap().check_integrity(&key).is_ok());
    // The restart completes.
    let offered = net.agents[0].restart(now);
    net.agents[0].set_remote_credentials(now, answered).unwrap();
    net.agents[1].set_remote_credentials(now, offered).unwrap();
    net.agents[0].add_remote_candidate(now, host("10.0.0.2:5000")).unwrap();
    net.run_until(Duration::from_secs(5), |net| net.agree());
    net.run(Duration::from_secs(1));
    let now = net.now;
    let counted = net.agents[1].stats().unauthenticated;
    net.agents[1].handle_input(now, path, old.write());
    assert_eq!(responses(&mut net.agents[1], now), []);
    assert_eq!(net.agents[1].stats().unauthenticated, counted + 1);
}

#[test]
fn a13_equal_tie_breakers_come_to_an_end() {
    for role in [Role::Controlling, Role::Controlled] {
        for seed in 0..50_u8 {
            let mut net = Net::new(u64::from(seed));
            // The same seed gives the same tie-breaker; what is drawn later differs, after the restart of one.
            for ufrag in ["first", "second"] {
                let mut config = config(role);
                config.local_credentials = Some(Credentials::new(ufrag, "p".repeat(24)).unwrap());
                net.agents.push(Agent::new(config, net.now, [seed; 32]));
                net.events.push(Vec::new());
            }
            let now = net.now;
            net.agents[1].restart(now);
            net.delay = 10..11;
            net.introduce(&[host("10.0.0.1:5000")], &[host("10.0.0.2:5000")]);
            // Fewer than five round trips of 20 ms, and the nomination.
            net.run_until(Duration::from_millis(140), |net| {
                net.agree() && net.agents[0].role() != net.agents[1].role()
            });
            assert_ne!(net.agents[0].role(), net.agents[1].role(), "seed {seed}");
            assert!(net.agree(), "seed {seed}");
            let changes = net.events.iter().flatten().filter(|event| matches!(event, Event::RoleChanged(_)));
            let least = if role == Role::Controlling { 2 } else { 1 };
            assert!(changes.count() >= least, "they were not equal");
        }
    }
}

#[test]
fn a17_and_a19_only_our_own_checks_make_a_path() {
    // A request alone does not: our check of the path has to be answered first.
    let mut net = Net::pair(17, config(Role::Controlling), config(Role::Controlled));
    let now = net.now;
    net.blocked = |path| path.local == address("10.0.0.2:5000");
    net.introduce(&[host("10.0.0.1:5000")], &[host("10.0.0.2:5000")]);
    net.run(Duration::from_secs(5));
    assert!(net.agents[1].stats().requests_received > 0);
    let path = Path::udp(address("10.0.0.2:5000"), address("10.0.0.1:5000"));
    assert_eq!((net.agents[1].selected_path(), net.agents[1].is_valid_path(path)), (None, false));
    // Media from elsewhere is not taken, and moves nothing.
    let mut net = Net::connected_pair(19);
    let elsewhere = Path::udp(address("10.0.0.2:5000"), address("10.0.0.66:5000"));
    let selected = net.agents[1].selected_path();
    net.agents[1].handle_input(
        now,
        elsewhere,
        BytesMut::from(&[0x80, 0x60, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1][..]),
    );
    assert!(!net.agents[1].is_valid_path(elsewhere));
    assert_eq!(net.agents[1].selected_path(), selected);
}

#[test]
fn requests_that_are_not_understood_are_told_so() {
    let mut net = Net::connected_pair(20);
    let now = net.now;
    let peer = net.agents[0].local_credentials().clone();
    let (username, password) = names(&net.agents[1], &peer);
    let path = Path::udp(address("10.0.0.2:5000"), address("10.0.0.1:5000"));
    // Without PRIORITY: 400.
    let bytes = Request { priority: None, ..request(&username, &password) }.write();
    net.agents[1].handle_input(now, path, bytes);
    // With the other's role and a smaller tie-breaker than any: 487.
    let bytes =
        Request { role: Role::Controlled, tie_breaker: u64::MAX, ..request(&username, &password) }.write();
    net.agents[1].handle_input(now, path, bytes);
    let key = IntegrityKey::short_term(&*drywire_crypto_aws_lc::provider(), &password);
    let codes: Vec<u16> = responses(&mut net.agents[1], now)
        .iter()
        .map(|(to, bytes)| {
            assert_eq!(*to, path);
            let message = Message::parse(bytes).unwrap();
            assert!(message.check_integrity(&key).is_ok());
            message.attribute::<ErrorCode<'_>>().unwrap().code
        })
        .collect();
    assert_eq!(codes, [400, 487]);
    // An unknown comprehension-required attribute: 420, and nothing is learnt.
    let pairs = net.agents[1].pairs().count();
    let mut out = Vec::new();
    let mut message =
        MessageBuilder::new(&mut out, Class::Request, Method::BINDING, TransactionId::new([5; 12]));
    message.attribute(&Username(&username)).attribute(&Priority(1)).attribute(&Unknown);
    message.integrity(&key, IntegrityAlgorithm::Sha256).fingerprint();
    message.finish().unwrap();
    let elsewhere = Path::udp(address("10.0.0.2:5000"), address("10.0.0.66:5000"));
    net.agents[1].handle_input(now, elsewhere, BytesMut::from(&out[..]));
    let replies = responses(&mut net.agents[1], now);
    let reply = Message::parse(&replies[0].1).unwrap();
    assert_eq!(reply.attribute::<ErrorCode<'_>>().unwrap().code, 420);
    // The answer is signed as the question was.
    assert_eq!(reply.check_integrity(&key), Ok(IntegrityAlgorithm::Sha256));
    assert_eq!(net.agents[1].pairs().count(), pairs);
}

/// An attribute of the comprehension-required range that nobody knows.
struct Unknown;

impl drywire_stun::attributes::Attribute<'_> for Unknown {
    const TYPE: drywire_stun::AttributeType = drywire_stun::AttributeType::new(0x7FF0);

    fn parse(_: &[u8], _: TransactionId) -> Option<Self> {
        Some(Self)
    }

    fn write(&self, _: TransactionId, value: &mut drywire_core::Writer<'_>) {
        value.u32(7);
    }
}
