//! Random topologies and schedules: `DRYWIRE_TOPOLOGIES` says how many, `DRYWIRE_TOPOLOGY` takes one of them alone, and
//! `DRYWIRE_TRACE` with it shows the world second by second.

use std::time::Duration;

use drywire_ice::ConnectionState;
use drywire_sim::{Link, Realm};

use crate::draw::Draw;
use crate::oracle;
use crate::world::World;

/// How many topologies a quick run has.
const QUICK: u64 = 300;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

/// Lets the sides find each other. Both must come to use the same path, or both must fail. What connects without ICE as
/// soon as everything is signalled must connect with it; the other way round, the order of events may open more.
fn judge(seed: u64, phase: &str, world: &mut World) {
    // All is gathered and signalled by now, and no translator has forgotten what it learnt by that.
    world.run(Duration::from_secs(8));
    let (direct, any) = (oracle::is_connectable(world, false), oracle::is_connectable(world, true));
    if std::env::var("DRYWIRE_TRACE").is_ok() {
        for _ in 0..130 {
            eprintln!("at {:?}\n{}", world.network.elapsed(), world.describe());
            world.run(Duration::from_secs(1));
        }
    } else {
        world.run(Duration::from_secs(130));
    }
    world.set_link(Link::new().delay(Duration::from_millis(20)));
    world.run(Duration::from_secs(10));
    let context =
        |world: &World| format!("seed {seed}, {phase}, direct {direct}, any {any}\n{}", world.describe());
    if world.is_connected() {
        assert!(world.agree(), "no agreement: {}", context(world));
        assert!(
            !direct || world.lost_relay || !world.is_relayed(),
            "relayed without need: {}",
            context(world)
        );
    } else {
        assert!(!any, "not connected: {}", context(world));
        // Where translators show each check as coming from somewhere else, it takes longer.
        world.run(Duration::from_secs(300));
        assert!(world.states() == [ConnectionState::Failed; 2], "not failed: {}", context(world));
    }
}

/// Something happens to a network that is in use.
fn disturb(draw: &mut Draw, world: &mut World) -> &'static str {
    let side = usize::from(draw.one_in(2));
    let count = world.sides[side].interfaces.len();
    let any = usize::try_from(draw.below(u32::try_from(count).unwrap())).unwrap();
    match draw.below(4) {
        0 if count > 1 => {
            world.remove_interface(side, any);
            "an interface went"
        }
        1 => {
            draw.interface(world, side);
            world.gather(side, count);
            "an interface came"
        }
        2 => {
            // The interfaces go, and another one comes a moment later.
            while !world.sides[side].interfaces.is_empty() {
                world.remove_interface(side, 0);
            }
            let gap = draw.below(1500);
            world.run(Duration::from_millis(gap.into()));
            draw.interface(world, side);
            world.gather(side, 0);
            "all interfaces went, and one came"
        }
        _ => {
            let realms: Vec<Realm> = world.sides[side].interfaces.iter().map(|own| own.realm).collect();
            for realm in realms {
                world.network.reset_gateways(realm);
            }
            "translators forgot everything"
        }
    }
}

fn run(seed: u64) {
    let (mut draw, mut world) = Draw::world(seed);
    world.begin();
    judge(seed, "the beginning", &mut world);
    if !world.is_connected() || draw.one_in(2) {
        return;
    }
    world.run(Duration::from_millis(draw.below(10_000).into()));
    // Signalling is reliable once the session is up: it goes through it.
    world.signalling.loss = 0;
    let phase = disturb(&mut draw, &mut world);
    judge(seed, phase, &mut world);
}

#[test]
fn both_agents_agree_or_both_fail() {
    if let Some(seed) = variable("DRYWIRE_TOPOLOGY") {
        return run(seed);
    }
    let count = variable("DRYWIRE_TOPOLOGIES").unwrap_or(QUICK);
    let mut wrong = Vec::new();
    for seed in 0..count {
        if let Err(panic) = std::panic::catch_unwind(|| run(seed)) {
            let text = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or_default();
            wrong.push(format!("{seed}: {}", text.lines().next().unwrap_or_default()));
        }
    }
    assert!(wrong.is_empty(), "{} of {count} topologies:\n{}", wrong.len(), wrong.join("\n"));
}
