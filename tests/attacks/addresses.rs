//! Attacks on privacy: who sees a description learns no address that its sender hides.

use std::net::{IpAddr, SocketAddr};

use bytes::BytesMut;
use drywire::{PeerConnection, ice, jsep};
use drywire_core::Rng;
use drywire_ice::gather::{
    AddressPolicy, Config, Event, GatherError, Gatherer, LocalAddress, RelayTransport, StunServer,
};
use drywire_ice::mdns::Name;
use drywire_sim::origin;
use drywire_stun::{Message, binding};

use crate::harness::{CONFIG, Manner, Peer, connected, negotiate, open, pass};

/// What must not be told.
const HOSTS: [&str; 3] = ["10.11.12.13:5000", "[fd12:3456:789a::bcde]:5000", "10.77.88.99:9"];
const SERVER: &str = "192.0.2.1:3478";
const MUTE_SERVER: &str = "192.0.2.2:3478";
const MAPPED: &str = "203.0.113.5:6000";
const RELAYED: &str = "198.51.100.9:49152";

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// All the ways in which an address could be written down.
fn forms(host: SocketAddr) -> Vec<String> {
    match host.ip() {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            let bits = ip.to_bits();
            vec![
                ip.to_string(),
                format!("{a}-{b}-{c}-{d}"),
                format!("{bits:x}"),
                bits.to_string(),
                format!("{:x}:{:x}", bits >> 16, bits & 0xFFFF),
            ]
        }
        IpAddr::V6(ip) => {
            vec![ip.to_string(), format!("{:x}", ip.to_bits()), "789a".to_owned(), "bcde".to_owned()]
        }
    }
}

fn assert_hidden(text: &str) {
    let text = text.to_ascii_lowercase();
    for host in HOSTS {
        for form in forms(address(host)) {
            assert!(!text.contains(&form), "{form} is in:\n{text}");
        }
    }
}

/// Gathers from the hidden addresses, of which one has a name, for a peer.
fn gather(connection: &mut PeerConnection, policy: AddressPolicy) -> Vec<GatherError> {
    let now = origin();
    let mut config = Config::default();
    config.policy = policy;
    config.hide_hosts = true;
    config.keepalive = None;
    config.servers =
        vec![StunServer::new("stun:one", address(SERVER)), StunServer::new("stun:two", address(MUTE_SERVER))];
    let mut gatherer = Gatherer::new(config, now, [9; 32]);
    let relay = gatherer.expect_relayed(now, "turn:one", address(HOSTS[0]), RelayTransport::Udp);
    let lost = gatherer.expect_relayed(now, "turn:two", address(HOSTS[0]), RelayTransport::Udp);
    let mut locals = HOSTS.map(|host| LocalAddress::new(address(host)));
    locals[0].name = Some(Name::random(&mut Rng::new([5; 32])));
    locals[2].tcp_type = Some(ice::TcpType::Active);
    locals[2].name = Some(Name::random(&mut Rng::new([6; 32])));
    gatherer.add_addresses(now, &locals);
    gatherer.add_relayed(now, relay, address(RELAYED), address(HOSTS[0]), address(SERVER)).expect("a relay");
    gatherer.fail_relayed(now, lost, 401, "who are you?").expect("a relay that is waited for");
    let (mut now, mut errors) = (now, Vec::new());
    loop {
        let mut request = Vec::new();
        while let Some(transmit) = gatherer.poll_transmit(now, &mut request) {
            if transmit.path.remote == address(SERVER) {
                let mut response = Vec::new();
                binding::respond(
                    &Message::parse(&request).expect("a request"),
                    address(MAPPED),
                    None,
                    &mut response,
                );
                gatherer.handle_input(now, transmit.path, BytesMut::from(&response[..]));
            }
            request.clear();
        }
        while let Some(event) = gatherer.poll_event() {
            match event {
                Event::Candidate(gathered) => {
                    connection.add_gathered_candidate(now, gathered).expect("a candidate");
                }
                Event::Failed(error) => errors.push(error),
                _ => {}
            }
        }
        let Some(next) = gatherer.poll_timeout() else { break };
        now = next;
        gatherer.handle_timeout(now);
    }
    errors
}

#[test]
fn a14_addresses_behind_mdns_names_stay_hidden() {
    for policy in
        [AddressPolicy::All, AddressPolicy::DefaultRoute, AddressPolicy::PublicOnly, AddressPolicy::RelayOnly]
    {
        let now = origin();
        let mut connection = PeerConnection::new(CONFIG.clone(), now, [1; 32]);
        connection
            .create_data_channel(now, drywire::datachannel::ChannelOptions::default())
            .expect("a channel");
        let errors = gather(&mut connection, policy);
        connection.local_candidates_ended();
        let offer = connection.create_offer(now).expect("an offer").to_string();
        assert_hidden(&offer);
        assert_eq!(
            offer.contains(".local 5000 typ host"),
            matches!(policy, AddressPolicy::All | AddressPolicy::DefaultRoute)
        );
        let told = policy != AddressPolicy::RelayOnly;
        assert_eq!(offer.contains("203.0.113.5 6000 typ srflx raddr 0.0.0.0 rport 0"), told, "{offer}");
        assert!(offer.contains("198.51.100.9 49152 typ relay raddr 0.0.0.0 rport 0"), "{offer}");
        // Errors are shown to those who do not know the addresses either (W3C webrtc-pc, section 4.8.3).
        assert!(errors.len() > usize::from(told), "{errors:?}");
        assert_hidden(&format!("{errors:?}"));
    }
}

#[test]
fn a14_foundations_and_names_say_nothing_of_addresses() {
    let told = |host: &str| {
        let mut gatherer = Gatherer::new(Config::default(), origin(), [9; 32]);
        gatherer.add_addresses(origin(), &[LocalAddress::new(address(host))]);
        gatherer.candidates().map(|candidate| candidate.foundation.clone()).collect::<Vec<_>>()
    };
    assert_eq!(told("10.0.0.1:5000"), told("172.16.254.3:5000"));
}

#[test]
fn a14_what_checks_reveal_is_not_signalled() {
    let now = origin();
    let mut network = drywire_sim::Network::new(now, [3; 32]);
    let mut offering = Peer::new(&CONFIG, Manner::Keep, 1, [1; 32], now);
    open(&mut offering, now, "first", true);
    // The answerer tells no candidate at all: the offerer learns of it by its checks alone.
    let mut answering = Peer::new(&CONFIG, Manner::Echo, 2, [2; 32], now);
    answering.connection = PeerConnection::new(CONFIG.clone(), now, [4; 32]);
    let hidden = ice::Candidate::host(crate::harness::address(2), 7);
    let hidden = ice::gather::Gathered::new(hidden, ice::gather::Disclosure::Nothing);
    answering.connection.add_gathered_candidate(now, hidden).expect("a candidate");
    let offerer = network.add(offering, &[crate::harness::address(1)]);
    let answerer = network.add(answering, &[crate::harness::address(2)]);
    negotiate(&mut network, offerer, answerer);
    connected(&mut network, offerer);
    pass(&mut network, std::time::Duration::from_secs(2));
    let now = network.now();
    for id in [offerer, answerer] {
        let offer = network[id].connection.create_offer(now).expect("an offer").to_string();
        assert!(!offer.contains("192.0.2.2 ") && !offer.contains("prflx"), "{offer}");
    }
}

#[test]
fn a14_names_of_the_peer_are_only_resolved_by_who_asks_the_link() {
    let now = origin();
    let mut peer = PeerConnection::new(CONFIG.clone(), now, [1; 32]);
    let mut other = Peer::new(&CONFIG, Manner::Keep, 2, [2; 32], now);
    open(&mut other, now, "first", true);
    let offer = other.connection.create_offer(now).expect("an offer").to_string();
    let name = "d4df7acb-4c9f-4dc0-8396-275c234b4555.local";
    let named = offer.replace("a=end-of-candidates\r\n", "").replace(
        "192.0.2.2 5000 typ host",
        &format!("{name} 5000 typ host\r\na=candidate:9 1 udp 9 evil.example 5000 typ host\r\na=candidate:8 1 udp 8 a.b.local 5000 typ host"),
    );
    assert!(named.contains(name) && named.contains("evil.example"));
    peer.set_remote_description(now, jsep::DescriptionType::Offer, &named.parse().expect("a description"))
        .expect("the offer is taken");
    let asked: Vec<_> = std::iter::from_fn(|| peer.poll_event())
        .filter_map(|event| match event {
            drywire::Event::NameToResolve(name) => Some(name.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(asked, [name]);
    for number in 0..1000_u32 {
        let text = format!("7 1 udp 7 name-{number}.local 5000 typ host");
        peer.add_remote_candidate(now, Some("0"), &text).expect("a candidate");
    }
    let asked = std::iter::from_fn(|| peer.poll_event())
        .filter(|event| matches!(event, drywire::Event::NameToResolve(_)))
        .count();
    assert!(asked < 32, "{asked}");
    let unknown: Name = "unknown.local".parse().expect("a name");
    peer.name_resolved(now, &unknown, address(HOSTS[0]).ip());
    peer.name_resolved(now, &name.parse().expect("a name"), address("192.0.2.2:1").ip());
}
