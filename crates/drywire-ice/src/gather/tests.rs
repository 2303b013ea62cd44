use std::collections::BTreeMap;
use std::net::SocketAddr;

use bytes::BytesMut;
use drywire_core::{Duration, Instant, Path, Protocol};
use drywire_stun::attributes::{AlternateServer, ErrorCode, NetworkCost};
use drywire_stun::{Class, Message, MessageBuilder, Method, TransactionId, binding};
use proptest::prelude::*;

use super::*;
use crate::{Candidate, CandidateKind};

#[allow(clippy::disallowed_methods, reason = "tests may read a clock")]
fn start() -> Instant {
    Instant::now()
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn local(text: &str) -> LocalAddress {
    LocalAddress::new(address(text))
}

/// A gatherer and servers that the test plays.
struct World {
    now: Instant,
    start: Instant,
    gatherer: Gatherer,
    /// What a server maps a socket to; those that are not there do not answer.
    mapped: BTreeMap<(SocketAddr, SocketAddr), SocketAddr>,
    sent: Vec<(Instant, Path)>,
    candidates: Vec<Gathered>,
    errors: Vec<GatherError>,
    done: Vec<Duration>,
    withdrawn: Vec<Candidate>,
    changed: Vec<Path>,
    updates: Vec<Event>,
}

impl World {
    fn new(config: Config) -> Self {
        let now = start();
        Self {
            now,
            start: now,
            gatherer: Gatherer::new(config, now, [1; 32]),
            mapped: BTreeMap::new(),
            sent: Vec::new(),
            candidates: Vec::new(),
            errors: Vec::new(),
            done: Vec::new(),
            withdrawn: Vec::new(),
            changed: Vec::new(),
            updates: Vec::new(),
        }
    }

    fn add(&mut self, addresses: &[LocalAddress]) {
        self.gatherer.add_addresses(self.now, addresses);
        self.drain();
    }

    fn map(&mut self, base: &str, server: &str, mapped: &str) {
        self.mapped.insert((address(base), address(server)), address(mapped));
    }

    fn drain(&mut self) {
        loop {
            let mut request = Vec::new();
            let Some(transmit) = self.gatherer.poll_transmit(self.now, &mut request) else { break };
            assert_eq!(transmit.len, request.len());
            self.sent.push((self.now, transmit.path));
            let Some(mapped) = self.mapped.get(&(transmit.path.local, transmit.path.remote)) else {
                continue;
            };
            let mut response = Vec::new();
            binding::respond(&Message::parse(&request).unwrap(), *mapped, None, &mut response);
            assert!(self.gatherer.awaits(transmit.path, &response));
            self.gatherer.handle_input(self.now, transmit.path, BytesMut::from(&response[..]));
            assert!(!self.gatherer.awaits(transmit.path, &response));
        }
        assert!(self.gatherer.poll_timeout().is_none_or(|at| at > self.now));
        while let Some(event) = self.gatherer.poll_event() {
            match event {
                Event::Candidate(gathered) => self.candidates.push(gathered),
                Event::Withdrawn(candidate) => self.withdrawn.push(candidate),
                Event::MappingChanged(path) => self.changed.push(path),
                Event::Failed(error) => self.errors.push(error),
                Event::Done => self.done.push(self.now - self.start),
                update @ (Event::NetworkChanged { .. } | Event::Removed { .. }) => self.updates.push(update),
            }
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(next) = self.gatherer.poll_timeout().filter(|next| *next <= end) {
            self.now = next;
            self.gatherer.handle_timeout(next);
            self.drain();
        }
        self.now = end;
    }

    fn texts(&self) -> Vec<String> {
        self.candidates.iter().map(|gathered| gathered.candidate.to_string()).collect()
    }
}

fn with_servers(servers: &[&str]) -> Config {
    let mut config = Config::default();
    for server in servers {
        config.servers.push(StunServer::new(format!("stun:{server}"), address(server)));
    }
    config
}

#[test]
fn hosts_come_in_order_and_done_at_once() {
    let mut world = World::new(Config::default());
    world.add(&[
        local("10.0.0.1:1"),
        local("127.0.0.1:1"),
        local("[fe80::1]:1"),
        local("[2001:db8::1]:1"),
        local("10.0.0.1:1"),
        local("0.0.0.0:1"),
    ]);
    assert_eq!(world.texts(), ["host udp [2001:db8::1]:1", "host udp 10.0.0.1:1"]);
    assert!(world.candidates[0].candidate.priority > world.candidates[1].candidate.priority);
    assert_ne!(world.candidates[0].candidate.foundation, world.candidates[1].candidate.foundation);
    assert_eq!(world.done, [Duration::ZERO]);
    // An interface comes up later: a new round, of a lower preference.
    world.add(&[local("10.0.0.1:1"), local("10.1.0.1:1")]);
    assert_eq!(world.texts().len(), 3);
    assert!(world.candidates[2].candidate.priority < world.candidates[1].candidate.priority);
    assert_eq!(world.done.len(), 2);
}

#[test]
fn the_filter_decides_of_each_address_with_all_that_is_known_of_it() {
    let server = "192.0.2.1:3478";
    let mut config = with_servers(&[server]);
    // No mobile networks, and nothing of this subnet; loopback, which the default refuses, is let in.
    config.filter = |local| local.network.cost() < 900 && !local.address.to_string().starts_with("172.17.");
    let mut world = World::new(config);
    let mobile = |text: &str| LocalAddress { network: NetworkCost::new(2, 900), ..local(text) };
    let mut listener = local("172.17.0.1:2");
    listener.tcp_type = Some(crate::TcpType::Passive);
    world.add(&[
        mobile("10.0.0.1:1"),
        local("172.17.0.1:1"),
        listener,
        local("127.0.0.1:1"),
        local("0.0.0.0:1"),
    ]);
    assert_eq!(world.texts(), ["host udp 127.0.0.1:1"]);
    world.run(Duration::from_secs(60));
    assert!(
        world.sent.iter().all(|(_, path)| path.local == address("127.0.0.1:1")),
        "nobody is asked of others"
    );
    // What is refused takes no room, and what relays say of it is no candidate.
    world.gatherer.add_server_reflexive(
        world.now,
        Path::udp(address("10.0.0.1:1"), address(server)),
        address("198.51.100.1:7"),
    );
    world.drain();
    assert_eq!(world.texts().len(), 1);
    // It is asked again of what changes.
    world.add(&[local("10.0.0.1:1"), mobile("127.0.0.1:1")]);
    assert_eq!(world.texts()[1..], ["host udp 10.0.0.1:1"]);
    let (protocol, base) = (Protocol::Udp, address("127.0.0.1:1"));
    assert_eq!(world.updates, [Event::Removed { protocol, base }]);
}

#[test]
fn what_is_said_of_a_known_address_counts_from_then_on() {
    let server = "192.0.2.1:3478";
    let mut world = World::new(Config { policy: AddressPolicy::DefaultRoute, ..with_servers(&[server]) });
    world.map("10.0.0.1:1", server, "198.51.100.1:7");
    let mut listener = local("10.0.0.1:1");
    listener.tcp_type = Some(crate::TcpType::Passive);
    world.add(&[local("10.0.0.1:1"), listener.clone()]);
    world.run(Duration::from_secs(1));
    world.add(&[local("10.0.0.1:1"), listener.clone()]);
    assert_eq!((world.texts().len(), world.updates.len()), (3, 0));
    // It is expensive now, and so is what is found by it later.
    let (base, network) = (address("10.0.0.1:1"), NetworkCost::new(3, 900));
    let costs = |text: &str| LocalAddress { network, ..local(text) };
    world.add(&[costs("10.0.0.1:1")]);
    let protocol = Protocol::Udp;
    assert_eq!(world.updates, [Event::NetworkChanged { protocol, base, network }]);
    let of = |protocol| move |candidate: &&Candidate| candidate.protocol == protocol;
    assert!(world.gatherer.candidates().filter(of(Protocol::Udp)).all(|own| own.network == network));
    assert!(world.gatherer.candidates().filter(of(Protocol::Tcp)).all(|own| own.network == NetworkCost(0)));
    world.map("10.0.0.1:1", server, "198.51.100.1:8");
    world.run(Duration::from_secs(20));
    assert_eq!(world.candidates.last().unwrap().candidate.network, network);
    // Another address has become the way out: it comes first.
    world.updates.clear();
    let sent = world.sent.len();
    world.add(&[LocalAddress { default_route: false, ..costs("10.0.0.1:1") }, local("10.0.0.2:1")]);
    assert_eq!(world.updates, [Event::Removed { protocol, base }]);
    assert_eq!(world.candidates.last().unwrap().candidate.base, address("10.0.0.2:1"));
    let left: Vec<_> = world.gatherer.candidates().map(Candidate::to_string).collect();
    assert_eq!(left, ["host tcp 10.0.0.1:1", "host udp 10.0.0.2:1"]);
    world.run(Duration::from_secs(60));
    assert!(world.sent[sent..].iter().all(|(_, path)| path.local != base));
    // And back.
    world.add(&[local("10.0.0.1:1")]);
    assert_eq!(world.candidates.last().unwrap().candidate.base, base);
}

#[test]
fn servers_are_asked_one_per_ta_and_what_they_say_is_pruned() {
    let servers = ["192.0.2.1:3478", "192.0.2.2:3478", "[2001:db8::9]:3478"];
    let mut world = World::new(Config { keepalive: None, ..with_servers(&servers) });
    world.map("10.0.0.1:1", servers[0], "198.51.100.1:7");
    world.map("10.0.0.1:1", servers[1], "198.51.100.1:7");
    // No NAT: what the server sees is the host candidate.
    world.map("203.0.113.1:1", servers[0], "203.0.113.1:1");
    world.map("203.0.113.1:1", servers[1], "203.0.113.1:8");
    world.map("[2001:db8::1]:1", servers[2], "[2001:db8::1]:1");
    world.add(&[local("10.0.0.1:1"), local("203.0.113.1:1"), local("[2001:db8::1]:1")]);
    world.run(Duration::from_secs(60));
    assert_eq!(world.texts()[3..], ["srflx udp 198.51.100.1:7", "srflx udp 203.0.113.1:8"]);
    assert_eq!(world.errors, []);
    assert_eq!(world.sent.len(), 5);
    for pair in world.sent.windows(2) {
        assert_eq!(pair[1].0 - pair[0].0, Duration::from_millis(50));
    }
    assert_eq!(world.done, [Duration::from_millis(200)]);
    let reflexive = &world.candidates[3].candidate;
    assert_eq!((reflexive.base, reflexive.related), (address("10.0.0.1:1"), Some(address("10.0.0.1:1"))));
}

#[test]
fn candidates_of_other_servers_have_other_foundations() {
    let servers = ["192.0.2.1:3478", "192.0.2.2:3478"];
    let mut world = World::new(with_servers(&servers));
    for base in ["10.0.0.1:1", "10.0.0.1:2"] {
        for (index, server) in servers.iter().enumerate() {
            world.map(
                base,
                server,
                &format!("198.51.100.{index}:{}", base.len() + usize::from(base.ends_with('2'))),
            );
        }
    }
    world.add(&[local("10.0.0.1:1"), local("10.0.0.1:2")]);
    world.run(Duration::from_secs(1));
    let of = |at: usize| world.candidates[at].candidate.foundation.clone();
    assert_eq!(world.candidates.len(), 6);
    assert_eq!(of(0), of(1));
    assert_eq!((of(2), of(3)), (of(4), of(5)));
    assert_ne!(of(2), of(3));
    assert_ne!(of(0), of(2));
}

#[test]
fn a_server_that_does_not_answer_is_given_up_and_told() {
    let mut world = World::new(with_servers(&["192.0.2.1:3478"]));
    world.add(&[local("10.0.0.1:1")]);
    world.run(Duration::from_secs(60));
    assert_eq!(world.done, [Duration::from_secs(10)]);
    // At 0, 0.5, 1.5, 3.5 and 7.5 seconds.
    assert_eq!(world.sent.len(), 5);
    let error = &world.errors[0];
    assert_eq!((&*error.url, error.local), ("stun:192.0.2.1:3478", Some(address("10.0.0.1:1"))));
    assert_eq!((error.reason, error.code), (GatherFailure::Timeout, 701));
}

#[test]
fn a_server_that_refuses_is_told_with_its_words() {
    let mut world = World::new(with_servers(&["192.0.2.1:3478"]));
    world.gatherer.add_addresses(world.now, &[local("10.0.0.1:1")]);
    let mut request = Vec::new();
    let transmit = world.gatherer.poll_transmit(world.now, &mut request).unwrap();
    let id = Message::parse(&request).unwrap().transaction_id();
    let mut response = Vec::new();
    let mut builder = MessageBuilder::new(&mut response, Class::Error, Method::BINDING, id);
    builder.attribute(&ErrorCode { code: 300, reason: "Try Alternate" }).fingerprint();
    builder.finish().unwrap();
    // From elsewhere, or to another transaction, it is none.
    let other = Path { remote: address("192.0.2.66:3478"), ..transmit.path };
    world.gatherer.handle_input(world.now, other, BytesMut::from(&response[..]));
    let mut foreign = Vec::new();
    MessageBuilder::new(&mut foreign, Class::Success, Method::BINDING, TransactionId::new([0; 12]))
        .finish()
        .unwrap();
    world.gatherer.handle_input(world.now, transmit.path, BytesMut::from(&foreign[..]));
    assert!(!world.gatherer.is_done());
    world.gatherer.handle_input(world.now, transmit.path, BytesMut::from(&response[..]));
    world.drain();
    let error = &world.errors[0];
    assert_eq!((error.reason, error.code, &*error.text), (GatherFailure::Refused, 300, "Try Alternate"));
    assert_eq!(world.done.len(), 1);
}

#[test]
fn relays_are_waited_for() {
    let mut world = World::new(Config::default());
    let base = address("10.0.0.1:1");
    let (gatherer, now) = (&mut world.gatherer, world.now);
    let ids = [RelayTransport::Tls, RelayTransport::Udp, RelayTransport::Tcp, RelayTransport::Udp]
        .map(|transport| gatherer.expect_relayed(now, "turn:relay", base, transport));
    world.add(&[local("10.0.0.1:1")]);
    assert_eq!(world.done.len(), 0);
    let server = address("192.0.2.1:3478");
    for (id, port) in ids.into_iter().zip(1..4) {
        let relayed = SocketAddr::new(server.ip(), port);
        world.gatherer.add_relayed(now, id, relayed, base, server).unwrap();
        assert_eq!(world.gatherer.add_relayed(now, id, relayed, base, server), Err(UnknownRelay));
    }
    world.drain();
    assert_eq!(world.done.len(), 0);
    world.gatherer.fail_relayed(now, ids[3], 486, "Allocation Quota Reached").unwrap();
    world.drain();
    assert_eq!(world.done.len(), 1);
    assert_eq!((world.errors[0].code, world.errors[0].reason), (486, GatherFailure::Refused));
    // UDP before TCP before TLS.
    let mut relayed: Vec<&Candidate> =
        world.candidates[1..].iter().map(|gathered| &gathered.candidate).collect();
    relayed.sort_by_key(|candidate| std::cmp::Reverse(candidate.priority));
    assert_eq!(relayed.iter().map(|candidate| candidate.address.port()).collect::<Vec<_>>(), [2, 3, 1]);
    // One that never comes.
    world.gatherer.expect_relayed(now, "turn:relay", base, RelayTransport::Udp);
    world.run(Duration::from_secs(60));
    assert_eq!((world.errors.len(), world.done.len()), (2, 2));
}

/// All that the peer is told, as text.
fn told(world: &World) -> String {
    let mut text = String::new();
    for Gathered { candidate, disclosure } in &world.candidates {
        let address = match disclosure {
            Disclosure::Address => candidate.address.to_string(),
            Disclosure::Name(name) => name.to_string(),
            Disclosure::Nothing => continue,
        };
        let Candidate { foundation, priority, kind, related, .. } = candidate;
        text += &format!("{foundation} {priority} {address} {kind} {related:?}\n");
    }
    text
}

#[test]
fn policies_show_no_more_than_they_say() {
    let server = "192.0.2.1:3478";
    let (near, far) = ("10.0.0.1:1", "10.8.0.1:1");
    let gathered = |policy: AddressPolicy, hide: bool, named: bool| {
        let mut world = World::new(Config { policy, hide_hosts: hide, ..with_servers(&[server]) });
        world.map(near, server, "198.51.100.1:7");
        world.map(far, server, "198.51.100.2:7");
        let mut first = local(near);
        first.name = named.then(|| "d4df7acb-4c9f-4dc0-8396-275c234b4555.local".parse().unwrap());
        let mut vpn = local(far);
        vpn.default_route = false;
        let relay = world.gatherer.expect_relayed(world.now, "turn:x", address(near), RelayTransport::Udp);
        world.add(&[first, vpn]);
        let related = address("198.51.100.1:9");
        world
            .gatherer
            .add_relayed(world.now, relay, address("192.0.2.5:9"), related, address(server))
            .unwrap();
        world.drain();
        world.run(Duration::from_secs(20));
        assert_eq!(world.done.len(), 1);
        told(&world)
    };
    let all = gathered(AddressPolicy::All, false, false);
    assert!(
        ["10.0.0.1", "10.8.0.1", "198.51.100.1", "198.51.100.2", "192.0.2.5"]
            .iter()
            .all(|ip| all.contains(ip))
    );
    let default = gathered(AddressPolicy::DefaultRoute, false, false);
    assert!(
        default.contains("10.0.0.1") && !default.contains("10.8.0.1") && !default.contains("198.51.100.2")
    );
    let public = gathered(AddressPolicy::PublicOnly, false, false);
    assert!(public.contains("198.51.100.1") && public.contains("192.0.2.5"));
    assert!(!public.contains("10.0.") && !public.contains("host") && !public.contains("198.51.100.2"));
    let relayed = gathered(AddressPolicy::RelayOnly, false, false);
    assert!(relayed.contains("192.0.2.5") && relayed.lines().count() == 1);
    assert!(!relayed.contains("198.51.100"));
    for named in [false, true] {
        let hidden = gathered(AddressPolicy::All, true, named);
        assert!(!hidden.contains("10.0.") && !hidden.contains("10.8."), "{hidden}");
        assert_eq!(hidden.contains(".local host"), named);
        assert!(hidden.contains("198.51.100.1:7 srflx Some(0.0.0.0:0)"));
    }
}

#[test]
fn behind_no_nat_a_hidden_host_is_reached_by_what_the_server_sees() {
    let server = "192.0.2.1:3478";
    let mut world = World::new(Config { hide_hosts: true, ..with_servers(&[server]) });
    world.map("203.0.113.1:1", server, "203.0.113.1:1");
    world.add(&[local("203.0.113.1:1")]);
    world.run(Duration::from_secs(1));
    assert_eq!(world.texts(), ["host udp 203.0.113.1:1", "srflx udp 203.0.113.1:1"]);
    assert_eq!(world.candidates[0].disclosure, Disclosure::Nothing);
}

#[test]
fn a_server_that_is_found_later_is_asked_about_all_addresses_it_can_be_reached_from() {
    let mut world = World::new(Config::default());
    world.map("10.0.0.7:5000", "192.0.2.1:3478", "198.51.100.9:4711");
    let mut listener = local("10.0.0.7:9");
    listener.tcp_type = Some(crate::TcpType::Active);
    world.add(&[local("10.0.0.7:5000"), local("[2001:db8::7]:5000"), listener]);
    assert_eq!(world.done.len(), 1);
    let tcp: Vec<_> = world.candidates.iter().filter(|own| own.candidate.tcp_type.is_some()).collect();
    assert_eq!(tcp.len(), 1);
    let same = |own: &&Gathered| own.candidate.foundation == tcp[0].candidate.foundation;
    assert_eq!(world.candidates.iter().filter(same).count(), 1);

    let server = StunServer::new("stun:example.org", address("192.0.2.1:3478"));
    assert!(world.gatherer.add_server(world.now, server.clone()));
    assert!(!world.gatherer.add_server(world.now, server), "it is known");
    world.run(Duration::from_secs(1));
    assert_eq!(world.sent.len(), 1, "not over TCP, and not from the other IP version");
    assert_eq!(world.candidates.last().unwrap().candidate.address, address("198.51.100.9:4711"));
    assert_eq!(world.done.len(), 2);
}

#[test]
fn what_a_relay_sees_of_the_host_is_a_candidate_too() {
    let mut world = World::new(Config::default());
    world.add(&[local("10.0.0.7:5000")]);
    let path = Path::udp(address("10.0.0.7:5000"), address("192.0.2.1:3478"));
    for _ in 0..2 {
        world.gatherer.add_server_reflexive(world.now, path, address("198.51.100.9:4711"));
    }
    let elsewhere = Path::udp(address("10.0.0.8:5000"), path.remote);
    world.gatherer.add_server_reflexive(world.now, elsewhere, address("198.51.100.9:4712"));
    world.drain();
    let reflexive: Vec<_> =
        world.candidates.iter().filter(|own| own.candidate.kind == CandidateKind::ServerReflexive).collect();
    assert_eq!(reflexive.len(), 1);
    assert_eq!(reflexive[0].candidate.base, path.local);
}

#[test]
fn an_address_that_is_gone_is_no_longer_asked_about() {
    let server = "192.0.2.1:3478";
    let mut world = World::new(with_servers(&[server]));
    world.add(&[local("10.0.0.1:1"), local("10.0.0.2:1")]);
    world.map("10.0.0.2:1", server, "198.51.100.2:7");
    world.gatherer.remove_address(world.now, address("10.0.0.1:1"));
    world.run(Duration::from_secs(1));
    assert_eq!((world.errors.len(), world.done.len()), (0, 1));
    assert!(world.gatherer.candidates().all(|candidate| candidate.base == address("10.0.0.2:1")));
    // It comes back, and is gathered anew.
    world.map("10.0.0.1:1", server, "198.51.100.1:7");
    world.add(&[local("10.0.0.1:1")]);
    world.run(Duration::from_secs(1));
    assert_eq!(world.gatherer.candidates().count(), 4);
    assert_eq!(world.gatherer.candidates().filter(|one| one.kind == CandidateKind::Host).count(), 2);
}

/// Sends each request to the next server, and answers at the last one, if there is one.
fn sent_on(next: impl Fn(SocketAddr) -> Option<SocketAddr>) -> (World, Vec<SocketAddr>) {
    let mut world = World::new(with_servers(&["192.0.2.1:3478"]));
    world.gatherer.add_addresses(world.now, &[local("10.0.0.1:1")]);
    let (mut asked, mut request) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        request.clear();
        if let Some(transmit) = world.gatherer.poll_transmit(world.now, &mut request) {
            let question = Message::parse(&request).unwrap();
            asked.push(transmit.path.remote);
            let mut response = Vec::new();
            if let Some(server) = next(transmit.path.remote) {
                let id = question.transaction_id();
                let mut error = MessageBuilder::new(&mut response, Class::Error, Method::BINDING, id);
                error
                    .attribute(&ErrorCode { code: 300, reason: "elsewhere" })
                    .attribute(&AlternateServer(server));
                error.finish().unwrap();
            } else {
                binding::respond(&question, address("203.0.113.1:7"), None, &mut response);
            }
            world.gatherer.handle_input(world.now, transmit.path, BytesMut::from(&response[..]));
        }
        world.now += Duration::from_millis(50);
        world.gatherer.handle_timeout(world.now);
    }
    world.drain();
    (world, asked)
}

#[test]
fn servers_may_send_us_on() {
    let (first, second) = (address("192.0.2.1:3478"), address("192.0.2.2:3479"));
    let (world, asked) = sent_on(|at| (at == first).then_some(second));
    assert_eq!(asked, [first, second]);
    assert!(world.texts().contains(&"srflx udp 203.0.113.1:7".to_owned()), "{:?}", world.texts());
    assert!(world.errors.is_empty());
}

#[test]
fn servers_do_not_send_us_around_for_ever_or_anywhere() {
    let first = address("192.0.2.1:3478");
    // Further and further; back and forth; and to where nobody should be asked.
    let further = |at: SocketAddr| Some(SocketAddr::new(at.ip(), at.port() + 1));
    assert_eq!(sent_on(further).1.len(), 4);
    let other = address("192.0.2.2:3478");
    assert_eq!(sent_on(|at| Some(if at == first { other } else { first })).1, [first, other]);
    for nowhere in ["127.0.0.1:3478", "[2001:db8::1]:3478", "224.0.0.1:3478", "192.0.2.9:0"] {
        let (world, asked) = sent_on(|_| Some(address(nowhere)));
        assert_eq!(asked, [first], "{nowhere}");
        assert_eq!(world.errors.len(), 1);
        assert_eq!((world.errors[0].reason, world.errors[0].code), (GatherFailure::Refused, 300));
    }
}

#[test]
fn mappings_are_kept_alive_and_followed() {
    let servers = ["192.0.2.1:3478", "192.0.2.2:3478"];
    let mut world = World::new(with_servers(&servers));
    for server in servers {
        world.map("10.0.0.1:1", server, "198.51.100.1:7");
        // No NAT has to be reminded of this one.
        world.map("203.0.113.1:1", server, "203.0.113.1:1");
    }
    world.add(&[local("10.0.0.1:1"), local("203.0.113.1:1")]);
    world.run(Duration::from_secs(14));
    assert_eq!((world.sent.len(), world.done.len()), (4, 1));
    world.run(Duration::from_secs(45));
    assert_eq!(world.sent.len(), 4 + 2 * 3, "one each 15 seconds");
    assert!(world.sent[4..].iter().all(|(_, path)| path.local == address("10.0.0.1:1")));
    assert_eq!((world.texts().len(), world.done.len(), world.errors.len()), (3, 1, 0));

    // One of the servers sees something else: both are there, and then only the new one.
    world.map("10.0.0.1:1", servers[0], "198.51.100.1:8");
    world.run(Duration::from_secs(15));
    assert_eq!((world.texts().len(), world.withdrawn.len(), world.changed.len()), (4, 0, 1));
    world.map("10.0.0.1:1", servers[1], "198.51.100.1:8");
    world.run(Duration::from_secs(15));
    assert_eq!((world.texts().len(), world.withdrawn.len(), world.changed.len()), (4, 1, 2));
    assert_eq!(world.withdrawn[0].address, address("198.51.100.1:7"));
    let reflexive = |own: &&Candidate| own.kind == CandidateKind::ServerReflexive;
    assert_eq!(world.gatherer.candidates().filter(reflexive).count(), 1);

    // A server that is away for a while changes nothing.
    world.mapped.clear();
    world.run(Duration::from_secs(60));
    assert_eq!((world.errors.len(), world.withdrawn.len()), (0, 1));
    assert!(world.gatherer.is_done());
    world.gatherer.close(world.now);
    assert_eq!(world.gatherer.poll_timeout(), None);
}

#[test]
fn mappings_are_not_kept_alive_if_that_is_not_wanted() {
    let server = "192.0.2.1:3478";
    let mut world = World::new(Config { keepalive: None, ..with_servers(&[server]) });
    world.map("10.0.0.1:1", server, "198.51.100.1:7");
    world.add(&[local("10.0.0.1:1")]);
    world.run(Duration::from_secs(600));
    assert_eq!((world.sent.len(), world.gatherer.poll_timeout()), (1, None));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_call_in_any_order(
        calls in proptest::collection::vec((0..9_u8, any::<u8>(), any::<u8>()), 1..150),
        policy in 0..4_u8,
        hide in any::<bool>(),
    ) {
        let policy = match policy {
            0 => AddressPolicy::All,
            1 => AddressPolicy::DefaultRoute,
            2 => AddressPolicy::PublicOnly,
            _ => AddressPolicy::RelayOnly,
        };
        let servers = ["192.0.2.1:3478", "[2001:db8::9]:3478"];
        let mut world = World::new(Config { policy, hide_hosts: hide, ..with_servers(&servers) });
        let mut relays = Vec::new();
        let mut request = Vec::new();
        for (call, a, b) in calls {
            let base = if a & 1 == 0 {
                format!("10.0.0.{}:{}", a & 7, b & 3)
            } else {
                format!("[2001:db8::{}]:{}", a & 7, b & 3)
            };
            let now = world.now;
            match call {
                0 => world.gatherer.add_addresses(now, &[local(&base)]),
                1 => world.gatherer.remove_address(now, address(&base)),
                2 => relays.push(world.gatherer.expect_relayed(now, "turn:x", address(&base), RelayTransport::Udp)),
                3 => if let Some(id) = relays.pop() {
                    let _ = world.gatherer.add_relayed(now, id, address(&base), address(&base), address(servers[0]));
                },
                4 => if let Some(id) = relays.pop() {
                    let _ = world.gatherer.fail_relayed(now, id, u16::from(b), "no");
                },
                5 => world.map(&base, servers[usize::from(a & 1)], &format!("198.51.100.{}:9", b & 3)),
                6 => {
                    // An answer, perhaps altered.
                    request.clear();
                    if let Some(transmit) = world.gatherer.poll_transmit(now, &mut request) {
                        let mut response = Vec::new();
                        binding::respond(&Message::parse(&request).unwrap(), address("198.51.100.1:1"), None, &mut response);
                        let at = usize::from(a) % response.len();
                        response[at] ^= b;
                        world.gatherer.handle_input(now, transmit.path, BytesMut::from(&response[..]));
                    }
                }
                7 => world.gatherer.handle_timeout(now.checked_sub(Duration::from_secs(1)).unwrap_or(now)),
                _ => world.run(Duration::from_millis(u64::from(b) * 20)),
            }
        }
        world.run(Duration::from_secs(60));
        world.drain();
        prop_assert!(world.gatherer.is_done());
        let unique: std::collections::BTreeSet<_> = world
            .gatherer
            .candidates()
            .map(|one| (one.kind, one.address, one.base))
            .collect();
        prop_assert_eq!(unique.len(), world.gatherer.candidates().count());
        world.gatherer.close(world.now);
        prop_assert!(world.gatherer.is_done() && world.gatherer.poll_timeout().is_none());
    }
}
