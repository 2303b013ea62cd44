use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use drywire_sim::{Link, Network, Node, Outcome, Probability};
use proptest::prelude::*;

use super::*;
use crate::attributes::{ErrorCode, Padding, ResponseOrigin, ResponsePort};

const PUBLIC_PORTS: std::ops::Range<u16> = 60_000..60_008;

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn responder() -> Responder {
    Responder { primary: address("192.0.2.1:3478"), alternate: address("192.0.2.2:3479") }
}

/// How the server of a test behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Server {
    /// As RFC 5780 says.
    Right,
    /// Knows nothing of RFC 5780.
    Plain,
    /// Has two addresses and does not look at CHANGE-REQUEST.
    Deaf,
    /// Has two addresses and refuses CHANGE-REQUEST with 420.
    Refusing,
}

/// A NAT with the client behind it.
struct Natted {
    client: Discovery,
    private: SocketAddr,
    mapping: Mapping,
    filtering: Filtering,
    hairpinning: bool,
    /// The public port for each peer, or for what the NAT tells peers apart by.
    bindings: BTreeMap<Option<(IpAddr, u16)>, u16>,
    /// To whom was sent from which public port.
    opened: BTreeSet<(u16, SocketAddr)>,
    report: Option<Report>,
}

impl Natted {
    fn bind(&mut self, remote: SocketAddr) -> SocketAddr {
        let key = match self.mapping {
            Mapping::Direct => return self.private,
            Mapping::EndpointIndependent => None,
            Mapping::AddressDependent => Some((remote.ip(), 0)),
            Mapping::AddressAndPortDependent => Some((remote.ip(), remote.port())),
        };
        let next = PUBLIC_PORTS.start + u16::try_from(self.bindings.len()).unwrap();
        SocketAddr::new(address("203.0.113.1:1").ip(), *self.bindings.entry(key).or_insert(next))
    }

    fn drain(&mut self) {
        if let Some(DiscoveryEvent::Finished(report)) = self.client.poll_event() {
            assert_eq!(self.report.replace(report), None, "once");
        }
    }

    fn lets_in(&self, port: u16, remote: SocketAddr) -> bool {
        let is_bound = self.mapping == Mapping::Direct || self.bindings.values().any(|bound| *bound == port);
        is_bound
            && match self.filtering {
                Filtering::EndpointIndependent => true,
                Filtering::AddressDependent => {
                    self.opened.iter().any(|(of, to)| *of == port && to.ip() == remote.ip())
                }
                Filtering::AddressAndPortDependent => self.opened.contains(&(port, remote)),
            }
    }
}

enum Host {
    Server(Server, Vec<(Transmit, Vec<u8>)>),
    Client(Box<Natted>),
}

impl Node for Host {
    fn handle_input(&mut self, now: Instant, path: Path, datagram: BytesMut) {
        match self {
            Self::Server(server, answers) => {
                let mut out = Vec::new();
                let request = Message::parse(&datagram).unwrap();
                let answer = match server {
                    Server::Plain => crate::binding::respond(&request, path.remote, None, &mut out)
                        .map(|len| Transmit::datagram(path, len)),
                    Server::Refusing if request.attribute::<ChangeRequest>().is_some() => {
                        crate::binding::respond(&request, path.remote, None, &mut out)
                            .map(|len| Transmit::datagram(path, len))
                    }
                    Server::Right | Server::Deaf | Server::Refusing => {
                        responder().respond(path, &request, Some("test"), &mut out)
                    }
                };
                let Some(mut answer) = answer else { return };
                if *server == Server::Deaf {
                    answer.path = path;
                }
                answers.push((answer, out));
            }
            Self::Client(natted) => {
                if natted.lets_in(path.local.port(), path.remote) {
                    natted.client.handle_input(now, Path { local: natted.private, ..path }, datagram);
                }
            }
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if let Self::Client(natted) = self {
            natted.client.handle_timeout(now);
        }
    }

    fn react(&mut self, _: Instant) {
        if let Self::Client(natted) = self {
            natted.drain();
        }
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        match self {
            Self::Server(_, answers) => {
                let (transmit, bytes) = answers.pop()?;
                out.extend(bytes);
                Some(transmit)
            }
            Self::Client(natted) => loop {
                let before = out.len();
                let mut transmit = natted.client.poll_transmit(now, out)?;
                let source = natted.bind(transmit.path.remote);
                natted.opened.insert((source.port(), transmit.path.remote));
                if transmit.path.remote.ip() != source.ip() {
                    transmit.path.local = source;
                    return Some(transmit);
                }
                let datagram = BytesMut::from(&out[before..]);
                out.truncate(before);
                if natted.hairpinning {
                    natted.client.handle_input(now, Path::udp(natted.private, source), datagram);
                    natted.drain();
                }
            },
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Server(..) => None,
            Self::Client(natted) => natted.client.poll_timeout(),
        }
    }
}

fn discover(
    server: Server,
    (mapping, filtering, hairpinning): (Mapping, Filtering, bool),
    link: Link,
    seed: u8,
) -> Option<Report> {
    let private =
        if mapping == Mapping::Direct { address("203.0.113.1:50000") } else { address("10.0.0.2:50000") };
    let start = drywire_sim::origin();
    let mut network = Network::new(start, [seed; 32]);
    network.set_default_link(link);
    network.add(Host::Server(server, Vec::new()), &responder().addresses());
    let natted = Natted {
        client: Discovery::new(DiscoveryConfig::new(private, responder().primary), start, [seed; 32]),
        private,
        mapping,
        filtering,
        hairpinning,
        bindings: BTreeMap::new(),
        opened: BTreeSet::new(),
        report: None,
    };
    let mut addresses: Vec<_> =
        PUBLIC_PORTS.map(|port| SocketAddr::new(address("203.0.113.1:1").ip(), port)).collect();
    addresses.push(private);
    let client = network.add(Host::Client(Box::new(natted)), &addresses);
    let report = |network: &Network<Host>| match &network[client] {
        Host::Client(natted) => natted.report,
        Host::Server(..) => None,
    };
    let outcome = network.run_until(|network| report(network).is_some(), Duration::from_secs(60));
    assert!(matches!(outcome, Outcome::Reached | Outcome::Idle), "{outcome:?}");
    report(&network)
}

const MAPPINGS: [Mapping; 4] = [
    Mapping::Direct,
    Mapping::EndpointIndependent,
    Mapping::AddressDependent,
    Mapping::AddressAndPortDependent,
];
const FILTERINGS: [Filtering; 3] =
    [Filtering::EndpointIndependent, Filtering::AddressDependent, Filtering::AddressAndPortDependent];

fn link() -> Link {
    Link::new().delay(Duration::from_millis(25))
}

#[test]
fn every_nat_is_told_apart() {
    for mapping in MAPPINGS {
        for filtering in FILTERINGS {
            for hairpinning in [false, true] {
                let report = discover(Server::Right, (mapping, filtering, hairpinning), link(), 1).unwrap();
                let is_direct = mapping == Mapping::Direct;
                assert_eq!(report.mapping, Ok(mapping));
                assert_eq!(report.filtering, Ok(filtering), "{mapping:?}");
                assert_eq!(report.hairpinning, (!is_direct).then_some(hairpinning));
                assert_eq!(report.other, Some(responder().alternate));
                assert!(!report.is_rewritten);
                assert_eq!(report.mapped.map(|mapped| mapped.ip()), Some(address("203.0.113.1:1").ip()));
            }
        }
    }
}

#[test]
fn servers_that_cannot() {
    let nat = (Mapping::EndpointIndependent, Filtering::EndpointIndependent, false);
    let report = discover(Server::Plain, nat, link(), 1).unwrap();
    assert_eq!(report.mapped, Some(address("203.0.113.1:60000")));
    assert_eq!(report.other, None);
    assert_eq!(report.mapping, Err(Undetermined::Unsupported));
    assert_eq!(report.filtering, Err(Undetermined::Unsupported));
    assert_eq!(report.hairpinning, Some(false));

    let direct = (Mapping::Direct, Filtering::EndpointIndependent, false);
    assert_eq!(discover(Server::Plain, direct, link(), 1).unwrap().mapping, Ok(Mapping::Direct));

    let report = discover(Server::Deaf, nat, link(), 1).unwrap();
    assert_eq!(report.mapping, Ok(Mapping::EndpointIndependent));
    assert_eq!(report.filtering, Err(Undetermined::Unsupported));

    let report = discover(Server::Refusing, nat, link(), 1).unwrap();
    assert_eq!(report.mapping, Ok(Mapping::EndpointIndependent));
    assert_eq!(report.filtering, Err(Undetermined::Refused(420)));

    let report = discover(Server::Right, nat, Link::down(), 1).unwrap();
    assert_eq!(report.mapped, None);
    assert_eq!(report.mapping, Err(Undetermined::NoResponse));
    assert_eq!(report.filtering, Err(Undetermined::NoResponse));
}

#[test]
fn answers_from_elsewhere_do_not_count() {
    let start = drywire_sim::origin();
    let (local, server) = (address("10.0.0.2:50000"), responder().primary);
    let mut client = Discovery::new(DiscoveryConfig::new(local, server), start, [5; 32]);
    let (mut request, mut answer) = (Vec::new(), Vec::new());
    let sent = client.poll_transmit(start, &mut request).unwrap();
    assert_eq!(sent.path, Path::udp(local, server));
    assert_eq!(client.poll_transmit(start, &mut request), None);
    let request = Message::parse(&request).unwrap();
    responder().respond(sent.path.reversed(), &request, None, &mut answer).unwrap();
    let wrong = [
        Path::udp(local, responder().alternate),
        Path::udp(address("10.0.0.3:50000"), server),
        Path { protocol: Protocol::Tcp, ..sent.path },
    ];
    for (index, path) in wrong.into_iter().enumerate() {
        client.handle_input(start, path, BytesMut::from(&answer[..]));
        assert_eq!(client.stats().ignored, u64::try_from(index).unwrap() + 1);
    }
    client.handle_input(start, sent.path, BytesMut::from(request.as_bytes()));
    assert_eq!((client.stats().ignored, client.report.mapped), (4, None));
    client.handle_input(start, sent.path, BytesMut::from(&answer[..]));
    assert_eq!(client.report.mapped, Some(local));
    // A second copy belongs to no test that is under way.
    client.handle_input(start, sent.path, BytesMut::from(&answer[..]));
    assert_eq!(client.stats().ignored, 5);
}

#[test]
fn a_gateway_that_rewrites_addresses_is_noticed() {
    let start = drywire_sim::origin();
    let (local, server) = (address("10.0.0.2:50000"), responder().primary);
    let mut client = Discovery::new(DiscoveryConfig::new(local, server), start, [5; 32]);
    let (mut request, mut answer) = (Vec::new(), Vec::new());
    let sent = client.poll_transmit(start, &mut request).unwrap();
    let id = Message::parse(&request).unwrap().transaction_id();
    let mut response = MessageBuilder::new(&mut answer, Class::Success, Method::BINDING, id);
    response
        .attribute(&MappedAddress(local))
        .attribute(&crate::attributes::XorMappedAddress(address("203.0.113.1:60000")));
    response.finish().unwrap();
    client.handle_input(start, sent.path, BytesMut::from(&answer[..]));
    assert!(client.report.is_rewritten);
    assert_eq!(client.report.mapped, Some(address("203.0.113.1:60000")));
}

#[test]
fn a_server_cannot_make_the_client_knock_at_any_door() {
    for nowhere in ["127.0.0.1:22", "0.0.0.0:9", "224.0.0.1:9", "192.0.2.9:0", "[::1]:9"] {
        let start = drywire_sim::origin();
        let (local, server) = (address("10.0.0.2:50000"), responder().primary);
        let mut client = Discovery::new(DiscoveryConfig::new(local, server), start, [5; 32]);
        let (mut request, mut answer) = (Vec::new(), Vec::new());
        let sent = client.poll_transmit(start, &mut request).unwrap();
        let id = Message::parse(&request).unwrap().transaction_id();
        let mut response = MessageBuilder::new(&mut answer, Class::Success, Method::BINDING, id);
        response
            .attribute(&crate::attributes::XorMappedAddress(address(nowhere)))
            .attribute(&OtherAddress(address(nowhere)));
        response.finish().unwrap();
        client.handle_input(start, sent.path, BytesMut::from(&answer[..]));
        assert_eq!(client.poll_transmit(start, &mut request), None, "{nowhere}");
        let Some(DiscoveryEvent::Finished(report)) = client.poll_event() else { panic!("not finished") };
        assert_eq!((report.other, report.hairpinning), (None, None));
    }
}

#[test]
fn the_responder_answers_as_it_is_told() {
    let server = responder();
    let client = address("203.0.113.1:60000");
    let ask = |local: SocketAddr, attributes: &dyn Fn(&mut MessageBuilder<'_>)| {
        let (mut request, mut out) = (Vec::new(), Vec::new());
        let mut builder =
            MessageBuilder::new(&mut request, Class::Request, Method::BINDING, TransactionId::new([1; 12]));
        attributes(&mut builder);
        builder.finish().unwrap();
        let path = Path::udp(local, client);
        let transmit = server.respond(path, &Message::parse(&request).unwrap(), None, &mut out);
        transmit.map(|transmit| (transmit.path, out))
    };
    for local in server.addresses() {
        for (ip, port) in [(false, false), (false, true), (true, false), (true, true)] {
            let (path, out) =
                ask(local, &|request| _ = request.attribute(&ChangeRequest { ip, port })).unwrap();
            assert_eq!((path.local.ip() != local.ip(), path.local.port() != local.port()), (ip, port));
            assert!(server.addresses().contains(&path.local));
            let response = Message::parse(&out).unwrap();
            assert_eq!(response.attribute(), Some(ResponseOrigin(path.local)));
            assert_eq!(response.xor_mapped_address(), Some(client));
            let OtherAddress(other) = response.attribute().unwrap();
            assert!(other.ip() != local.ip() && other.port() != local.port());
        }
    }
    let (path, _) = ask(server.primary, &|request| _ = request.attribute(&ResponsePort(7))).unwrap();
    assert_eq!(path.remote, address("203.0.113.1:7"));
    let (_, out) = ask(server.primary, &|request| _ = request.attribute(&Padding { len: 1000 })).unwrap();
    assert_eq!(Message::parse(&out).unwrap().attribute(), Some(Padding { len: 1000 }));
    let (path, out) = ask(server.primary, &|request| {
        request.attribute(&Padding { len: 1000 }).attribute(&ResponsePort(7));
    })
    .unwrap();
    let code = Message::parse(&out).unwrap().attribute::<ErrorCode<'_>>().unwrap().code;
    assert_eq!((path.remote, code), (client, 400));
    assert_eq!(ask(address("192.0.2.9:3478"), &|_| ()), None, "not ours");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Loss may make a NAT look stricter than it is; it must end, and never look more open.
    #[test]
    fn it_ends_whatever_is_lost(seed in any::<u8>(), mapping in 0_usize..4, filtering in 0_usize..3) {
        let (mapping, filtering) = (MAPPINGS[mapping], FILTERINGS[filtering]);
        let link = link().loss(Probability::percent(30)).duplicate(Probability::percent(10));
        let report = discover(Server::Right, (mapping, filtering, true), link, seed).unwrap();
        if let Ok(found) = report.mapping {
            prop_assert_eq!(found, mapping);
        }
        if let Ok(found) = report.filtering {
            let openness = |of| FILTERINGS.iter().position(|known| *known == of);
            prop_assert!(openness(found) >= openness(filtering));
        }
    }

    /// Any call in any order, with anything from the network.
    #[test]
    fn any_calls(
        steps in proptest::collection::vec((0_u8..5, any::<u16>(), proptest::collection::vec(any::<u8>(), 0..40)), 1..100)
    ) {
        let start = drywire_sim::origin();
        let (local, server) = (address("10.0.0.2:50000"), responder().primary);
        let mut client = Discovery::new(DiscoveryConfig::new(local, server), start, [5; 32]);
        let (mut now, mut out, mut finished) = (start, Vec::new(), 0);
        for (step, number, bytes) in steps {
            match step {
                0 => { now += Duration::from_millis(u64::from(number)); }
                1 => client.handle_timeout(now),
                2 => { out.clear(); client.poll_transmit(now, &mut out); }
                3 => {
                    let mut datagram = out.clone();
                    for (at, byte) in bytes.iter().enumerate().take(datagram.len()) {
                        // Mostly a response with the right id.
                        if !(2..20).contains(&at) { datagram[at] = *byte & 1; }
                    }
                    client.handle_input(now, Path::udp(local, server), BytesMut::from(&datagram[..]));
                    client.handle_input(now, Path::udp(local, server), BytesMut::from(&bytes[..]));
                }
                _ => finished += usize::from(client.poll_event().is_some()),
            }
            prop_assert!(finished <= 1);
        }
    }
}
