//! Every combination of two kinds of NAT.

use std::net::IpAddr;
use std::time::Duration;

use drywire_sim::{Dependence, Link, Nat, Realm};

use crate::host::Service;
use crate::oracle;
use crate::world::World;

const KINDS: [(Dependence, Dependence); 4] = [
    // Full cone, address-restricted, port-restricted, symmetric.
    (Dependence::Endpoint, Dependence::Endpoint),
    (Dependence::Endpoint, Dependence::Address),
    (Dependence::Endpoint, Dependence::AddressAndPort),
    (Dependence::AddressAndPort, Dependence::AddressAndPort),
];

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn nat(outside: &str, (mapping, filtering): (Dependence, Dependence)) -> Nat {
    let mut nat = Nat::new(ip(outside));
    (nat.mapping, nat.filtering) = (mapping, filtering);
    nat
}

/// Both sides behind NATs of their own, with the same private address.
fn behind(kinds: [(Dependence, Dependence); 2], services: [Service; 2]) -> World {
    let mut world = World::new(services, 7);
    world.set_link(Link::new().delay(Duration::from_millis(20)));
    for (side, outside) in ["203.0.113.1", "203.0.113.2"].into_iter().enumerate() {
        let realm = world.behind(Realm::PUBLIC, vec![nat(outside, kinds[side])]);
        world.add_interface(side, realm, ip("192.168.1.2"));
    }
    world.begin();
    world
}

#[test]
fn every_two_nats_connect_directly_where_that_is_possible() {
    for a in KINDS {
        for b in KINDS {
            let mut world = behind([a, b], [Service::Turn; 2]);
            world.run(Duration::from_secs(30));
            assert!(world.is_connected() && world.agree(), "{a:?} {b:?}\n{}", world.describe());
            // The port of a symmetric NAT is known to nobody, and who filters by port does not let it in.
            let (symmetric, restricted) = (KINDS[3], KINDS[2]);
            let relayed = [(a, b), (b, a)]
                .into_iter()
                .any(|(one, other)| one == symmetric && (other == symmetric || other == restricted));
            assert_eq!(world.is_relayed(), relayed, "{a:?} {b:?}\n{}", world.describe());
            assert_eq!(oracle::is_connectable(&world, false), !relayed);
        }
    }
}

#[test]
fn without_a_relay_those_that_need_one_both_fail() {
    let mut world = behind([KINDS[3], KINDS[2]], [Service::Stun; 2]);
    world.run(Duration::from_secs(120));
    assert!(!oracle::is_connectable(&world, true));
    assert_eq!(world.states(), [drywire_ice::ConnectionState::Failed; 2], "{}", world.describe());
}

/// Both translators let everybody in, but map anew for every destination: each check comes from a port that nobody knows,
/// the check in return from another one, and so on.
#[test]
fn a_hall_of_mirrors_has_an_end() {
    let mirror = (Dependence::AddressAndPort, Dependence::Endpoint);
    let mut world = behind([mirror; 2], [Service::Stun; 2]);
    world.run(Duration::from_secs(150));
    assert_eq!(world.states(), [drywire_ice::ConnectionState::Failed; 2], "{}", world.describe());
    for side in 0..2 {
        assert!(world.agent(side).agent.pairs().count() < 12, "{}", world.describe());
    }
    // It does not keep anybody from a way that works.
    let mut world = behind([mirror; 2], [Service::Turn; 2]);
    world.run(Duration::from_secs(5));
    assert!(world.is_connected() && world.agree() && world.is_relayed(), "{}", world.describe());
}

#[test]
fn one_relay_is_enough() {
    for services in
        [[Service::Turn, Service::Stun], [Service::Stun, Service::Turn], [Service::None, Service::Turn]]
    {
        let mut world = behind([KINDS[3], KINDS[3]], services);
        world.run(Duration::from_secs(60));
        let expected = oracle::is_connectable(&world, true);
        assert_eq!(world.is_connected() && world.agree(), expected, "{services:?}\n{}", world.describe());
    }
}

#[test]
fn a_firewall_that_stops_udp_is_passed_by_a_relay_over_tcp() {
    let mut world = World::new([Service::TurnOverTcp, Service::Stun], 7);
    world.set_link(Link::new().delay(Duration::from_millis(20)));
    let mut wall = nat("203.0.113.1", KINDS[2]);
    wall.passes_udp = false;
    let realm = world.behind(Realm::PUBLIC, vec![wall]);
    world.add_interface(0, realm, ip("192.168.1.2"));
    let realm = world.behind(Realm::PUBLIC, vec![nat("203.0.113.2", KINDS[2])]);
    world.add_interface(1, realm, ip("192.168.1.2"));
    world.begin();
    world.run(Duration::from_secs(30));
    assert!(world.is_connected() && world.agree() && world.is_relayed(), "{}", world.describe());
}

#[test]
fn ipv6_alone_reaches_both_kinds() {
    for peers in [&["2606:4700:2::2"][..], &["203.0.113.9", "2606:4700:2::2"], &["203.0.113.9"]] {
        let mut world = World::new([Service::Turn; 2], 7);
        world.set_link(Link::new().delay(Duration::from_millis(20)));
        let realm = world.behind(Realm::PUBLIC, vec![Nat::firewall(true)]);
        world.add_interface(0, realm, ip("2606:4700:1::1"));
        for peer in peers {
            world.add_interface(1, Realm::PUBLIC, ip(peer));
        }
        world.begin();
        world.run(Duration::from_secs(30));
        assert!(world.is_connected() && world.agree(), "{peers:?}\n{}", world.describe());
        // Only a relay with both versions translates.
        assert_eq!(world.is_relayed(), peers == ["203.0.113.9"], "{peers:?}\n{}", world.describe());
    }
}

/// RFC 8421: addresses of both versions take turns, so that a version that is broken costs no more than a turn.
#[test]
fn a_broken_ip_version_costs_little() {
    for broken_v6 in [true, false] {
        let mut world = World::new([Service::None; 2], 7);
        world.set_link(Link::new().delay(Duration::from_millis(20)));
        let mut wall = Nat::firewall(broken_v6);
        wall.passes_udp = false;
        let (v4, v6) = if broken_v6 {
            (Realm::PUBLIC, world.behind(Realm::PUBLIC, vec![wall]))
        } else {
            (world.behind(Realm::PUBLIC, vec![wall]), Realm::PUBLIC)
        };
        for index in 0..4 {
            world.add_interface(0, v4, ip(&format!("203.0.113.{index}")));
            world.add_interface(0, v6, ip(&format!("2606:4700:1::{index}")));
        }
        world.add_interface(1, Realm::PUBLIC, ip("203.0.113.9"));
        world.add_interface(1, Realm::PUBLIC, ip("2606:4700:2::2"));
        world.begin();
        world.run(Duration::from_millis(400));
        assert!(world.is_connected(), "{}", world.describe());
        assert_eq!(world.agent(0).agent.selected_path().unwrap().local.is_ipv4(), broken_v6);
    }
}

#[test]
fn hosts_behind_one_nat_meet_inside_or_by_hairpinning() {
    for hairpinning in [true, false] {
        let mut world = World::new([Service::Turn; 2], 7);
        world.set_link(Link::new().delay(Duration::from_millis(20)));
        let mut home = nat("203.0.113.1", KINDS[2]);
        home.hairpinning = hairpinning;
        let home = world.behind(Realm::PUBLIC, vec![home]);
        // Each in a network of its own, behind one more NAT.
        for (side, own) in ["192.168.0.1", "192.168.0.2"].into_iter().enumerate() {
            let realm = world.behind(home, vec![nat(own, KINDS[2])]);
            world.add_interface(side, realm, ip("10.0.0.1"));
        }
        world.begin();
        world.run(Duration::from_secs(30));
        assert!(world.is_connected() && world.agree(), "{}", world.describe());
        assert_eq!(world.is_relayed(), !hairpinning, "{}", world.describe());
    }
}
