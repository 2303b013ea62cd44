//! Translators forget, interfaces come and go: the session stays, and nobody is told that it did not.

use std::net::IpAddr;
use std::time::Duration;

use drywire_ice::ConnectionState;
use drywire_sim::{Dependence, Link, Nat, Realm};

use crate::host::Service;
use crate::world::World;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Side 0 behind a translator, side 1 behind one or not, connected.
fn connected(seed: u64, home: Nat, peer: Option<Nat>) -> (World, Realm) {
    let mut world = World::new([Service::Turn; 2], seed);
    world.set_link(Link::new().delay(Duration::from_millis(25)));
    let realm = world.behind(Realm::PUBLIC, vec![home]);
    world.add_interface(0, realm, ip("192.168.1.2"));
    let other = match peer {
        Some(nat) => world.behind(Realm::PUBLIC, vec![nat]),
        None => Realm::PUBLIC,
    };
    world.add_interface(1, other, ip(if other == Realm::PUBLIC { "203.0.113.9" } else { "192.168.1.2" }));
    world.begin();
    let pause = 60_000 + world.rng.below(6000);
    world.run(Duration::from_millis(pause.into()));
    assert!(world.is_connected() && world.agree(), "{}", world.describe());
    (world, realm)
}

/// What is said from now on.
fn forget_states(world: &mut World) {
    for side in 0..2 {
        world.agent_mut(side).states.clear();
    }
}

/// None of these sides was told of a disconnection since.
fn assert_kept(world: &mut World, sides: std::ops::Range<usize>, what: &str) {
    assert!(world.is_connected() && world.agree(), "{what}\n{}", world.describe());
    for side in sides {
        let troubles = [ConnectionState::Disconnected, ConnectionState::Checking, ConnectionState::Failed];
        let told = &world.agent(side).states;
        assert!(!told.iter().any(|state| troubles.contains(state)), "{what}\n{}", world.describe());
    }
}

#[test]
fn a_translator_forgets_and_the_peer_can_be_reached() {
    let kinds = [Dependence::Endpoint, Dependence::Address, Dependence::AddressAndPort];
    for (seed, (mapping, filtering)) in
        (0..).zip(kinds.into_iter().flat_map(|mapping| kinds.map(|filtering| (mapping, filtering))))
    {
        // The peer is in public, or lets in what comes from a known address.
        let mut open = Nat::new(ip("203.0.113.2"));
        open.filtering = Dependence::Address;
        for peer in [None, Some(open)] {
            let mut home = Nat::new(ip("203.0.113.1"));
            (home.mapping, home.filtering) = (mapping, filtering);
            let (mut world, realm) = connected(seed, home, peer.clone());
            forget_states(&mut world);
            world.network.reset_gateways(realm);
            world.run(Duration::from_secs(90));
            // The other side is really cut off until something comes from the new port, for up to the time between two checks
            // for consent: it may say so, and then that it is connected again.
            assert_kept(&mut world, 0..1, &format!("{mapping:?} {filtering:?} {peer:?}"));
            let told = &world.agent(1).states;
            assert!(!told.contains(&ConnectionState::Failed), "{}", world.describe());
        }
    }
}

#[test]
fn a_tunnel_comes_up_and_goes() {
    for seed in 0..20 {
        let (mut world, _) = connected(seed, Nat::new(ip("203.0.113.1")), None);
        forget_states(&mut world);
        world.add_interface(0, Realm::PUBLIC, ip("203.0.113.7"));
        world.gather(0, 1);
        world.run(Duration::from_secs(20));
        assert_kept(&mut world, 0..2, "up");
        world.remove_interface(0, 1);
        let pause = 40_000 + world.rng.below(5000);
        world.run(Duration::from_millis(pause.into()));
        assert_kept(&mut world, 0..2, "down");
    }
}

#[test]
fn the_only_interface_is_replaced_by_another_one() {
    for seed in 0..20 {
        let (mut world, _) = connected(seed, Nat::new(ip("203.0.113.1")), None);
        forget_states(&mut world);
        world.remove_interface(0, 0);
        world.run(Duration::from_millis(500));
        world.add_interface(0, Realm::PUBLIC, ip("203.0.113.7"));
        world.gather(0, 0);
        world.run(Duration::from_secs(60));
        assert_kept(&mut world, 0..2, "replaced");
    }
}
