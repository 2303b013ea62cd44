//! Interfaces go and come, NATs forget: the session lives, and nobody is told that it does not.

use drywire_core::{Duration, Protocol};
use drywire_ice::{Candidate, CandidateKind, ConnectionState, DiscardReason, Event, Role, SelectionReason};

use drywire_stun::attributes::NetworkCost;

use crate::net::{Nat, Net, address, config, host};

const WIFI: &str = "10.0.1.1:5000";
const CELLULAR: &str = "10.0.2.1:5000";
const PEER: &str = "10.0.0.9:5000";

fn cellular() -> Candidate {
    Candidate::host(address(CELLULAR), 7)
}

/// A roaming agent, which controls or not, connected to its peer over Wi-Fi.
fn connected(seed: u64, controls: bool, locals: &[Candidate]) -> Net {
    let roles =
        if controls { [Role::Controlling, Role::Controlled] } else { [Role::Controlled, Role::Controlling] };
    let mut net = Net::pair(seed, config(roles[0]), config(roles[1]));
    net.delay = 10..40;
    net.introduce(locals, &[host(PEER)]);
    net.run_until(Duration::from_secs(5), Net::agree);
    net.run(Duration::from_secs(60));
    assert!(net.agree());
    assert_eq!(net.agents[0].selected_path().unwrap().local, address(WIFI));
    for events in &mut net.events {
        events.clear();
    }
    net
}

fn leave_wifi(net: &mut Net) {
    let now = net.now;
    assert_eq!(net.agents[0].remove_local_candidates(now, Protocol::Udp, address(WIFI)), 1);
    assert_eq!(net.agents[0].remove_local_candidates(now, Protocol::Udp, address(WIFI)), 0);
    assert!(net.agents[0].pairs().all(|pair| pair.local.base != address(WIFI)));
}

/// Nobody was told of a disconnection, and both use the new path.
fn assert_kept(net: &mut Net, within: Duration) {
    let begun = net.now;
    let moved = |net: &Net| {
        net.agree() && net.agents[1].selected_path().is_some_and(|path| path.remote == address(CELLULAR))
    };
    net.run_until(Duration::from_secs(20), moved);
    assert!(moved(net), "{:?}", net.agents.iter().map(|agent| agent.state()).collect::<Vec<_>>());
    assert!(net.now - begun <= within, "{:?}", net.now - begun);
    net.run(Duration::from_secs(120));
    assert!(moved(net) && net.is_connected());
    for events in &net.events {
        let troubles = [ConnectionState::Disconnected, ConnectionState::Checking, ConnectionState::Failed];
        assert!(
            troubles.iter().all(|trouble| !events.contains(&Event::StateChanged(*trouble))),
            "{events:?}"
        );
    }
}

#[test]
fn another_interface_takes_over() {
    for (seed, controls, within) in [(1, true, 500), (2, false, 3000)] {
        let mut net = connected(seed, controls, &[host(WIFI), cellular()]);
        leave_wifi(&mut net);
        assert_kept(&mut net, Duration::from_millis(within));
        let discarded = net.agents[0].discarded().last().unwrap();
        assert_eq!((discarded.reason, discarded.local), (DiscardReason::LocalGone, Some(address(WIFI))));
    }
}

#[test]
fn another_interface_comes_up_a_moment_later() {
    for (seed, controls) in [(3, true), (4, false)] {
        let mut net = connected(seed, controls, &[host(WIFI)]);
        leave_wifi(&mut net);
        assert_eq!(net.agents[0].selected_path(), None, "there is nowhere to send to");
        net.run(Duration::from_millis(700));
        let now = net.now;
        net.agents[0].add_local_candidate(now, cellular()).unwrap();
        assert_kept(&mut net, Duration::from_millis(3000));
    }
}

#[test]
fn a_better_interface_that_comes_up_is_used() {
    for (seed, controls) in [(5, true), (6, false)] {
        let mut net = connected(seed, controls, &[Candidate::host(address(WIFI), 1)]);
        let now = net.now;
        net.agents[0].add_local_candidate(now, Candidate::host(address(CELLULAR), 60_000)).unwrap();
        // The controlled agent's priority is known to the peer only by what its check says of it.
        if controls {
            assert_kept(&mut net, Duration::from_millis(500));
        }
        net.run(Duration::from_secs(60));
        assert!(net.agree() && net.is_connected());
    }
}

#[test]
fn without_any_interface_the_end_is_told_and_reached() {
    for (seed, controls) in [(7, true), (8, false)] {
        let mut net = connected(seed, controls, &[host(WIFI)]);
        leave_wifi(&mut net);
        net.run(Duration::from_millis(1900));
        assert!(matches!(net.agents[0].state(), ConnectionState::Connected | ConnectionState::Completed));
        net.run(Duration::from_millis(200));
        assert_eq!(net.agents[0].state(), ConnectionState::Disconnected);
        net.run(Duration::from_secs(45));
        assert!(net.agents.iter().all(|agent| agent.state() == ConnectionState::Failed));
    }
}

#[test]
fn after_a_longer_gap_the_session_comes_back() {
    for (seed, controls) in [(9, true), (10, false)] {
        let mut net = connected(seed, controls, &[host(WIFI)]);
        leave_wifi(&mut net);
        net.run(Duration::from_secs(15));
        assert!(net.agents.iter().all(|agent| agent.state() == ConnectionState::Disconnected));
        let now = net.now;
        net.agents[0].add_local_candidate(now, cellular()).unwrap();
        net.run_until(Duration::from_secs(5), |net| net.agree() && net.is_connected());
        assert!(net.agree() && net.is_connected());
        assert!(net.now - now < Duration::from_secs(1), "{:?}", net.now - now);
    }
}

#[test]
fn a_nat_that_forgets_its_mapping_is_no_disconnection() {
    for (seed, controls) in [(11, true), (12, false)] {
        let roles = if controls {
            [Role::Controlling, Role::Controlled]
        } else {
            [Role::Controlled, Role::Controlling]
        };
        let mut net = Net::pair(seed, config(roles[0]), config(roles[1]));
        net.delay = 10..40;
        let (inside, outside) = (address(WIFI), address("198.51.100.1:1000"));
        net.nats.push(Nat { agent: 0, inside, outside, open: [].into() });
        net.introduce(&[host(WIFI)], &[host(PEER)]);
        net.run(Duration::from_secs(60));
        assert_eq!(net.agents[1].selected_path().unwrap().remote, outside);
        net.nats[0].outside = address("198.51.100.1:2000");
        net.nats[0].open.clear();
        for events in &mut net.events {
            events.clear();
        }
        net.run(Duration::from_secs(60));
        assert_eq!(net.agents[1].selected_path().unwrap().remote, address("198.51.100.1:2000"));
        assert!(net.is_connected());
        // The peer cannot reach this side before it sends something; but what this side sends is answered at once.
        assert!(!net.events[0].contains(&Event::StateChanged(ConnectionState::Disconnected)), "{seed}");
        let reasons: Vec<_> = net.agents[1].selections().map(|selection| selection.reason).collect();
        assert!(reasons.contains(if controls {
            &SelectionReason::NominatedByPeer
        } else {
            &SelectionReason::Fallback
        }));
    }
}

/// Interfaces come and go on both sides, the network loses datagrams, costs change; new candidates are signalled. In
/// the end both use the same pair, or both know that it is over.
#[test]
fn whatever_comes_and_goes_they_agree_in_the_end() {
    let mut agreed = 0;
    let mut all = 0;
    for seed in crate::net::seeds(60) {
        let mut settings = [config(Role::Controlling), config(Role::Controlled)];
        for config in &mut settings {
            config.renomination = seed % 2 == 0;
        }
        let [a, b] = settings;
        let mut net = Net::pair(1000 + seed, a, b);
        net.delay = 5..60;
        net.loss = 10;
        let name = |side: usize, index: u32| format!("10.{side}.{index}.1:5000");
        let candidate = |side: usize, index: u32| {
            Candidate::host(address(&name(side, index)), u16::try_from(60_000 - index * 1000).unwrap())
        };
        for agent in &mut net.agents {
            agent.set_remote_renomination(seed % 2 == 0);
        }
        net.introduce(&[candidate(0, 0), candidate(0, 1)], &[candidate(1, 0)]);
        let mut up = [vec![0, 1], vec![0]];
        for _ in 0..12 {
            let spell = u64::from(net.rng.below(6000));
            net.run(Duration::from_millis(spell));
            let now = net.now;
            let (side, index) = (usize::from(net.rng.below(2) == 0), net.rng.below(4));
            let base = address(&name(side, index));
            if up[side].contains(&index) && net.rng.below(3) == 0 {
                let network = NetworkCost::new(1, u16::try_from(net.rng.below(3)).unwrap() * 400);
                net.agents[side].set_network_cost(now, base, network);
            } else if up[side].contains(&index) && up[side].len() > 1 {
                up[side].retain(|known| *known != index);
                net.agents[side].remove_local_candidates(now, Protocol::Udp, base);
            } else if !up[side].contains(&index) {
                up[side].push(index);
                net.agents[side].add_local_candidate(now, candidate(side, index)).unwrap();
                let _ = net.agents[1 - side].add_remote_candidate(now, candidate(side, index));
            }
        }
        net.loss = 0;
        net.run(Duration::from_secs(90));
        let failed = net.agents.iter().filter(|agent| agent.state() == ConnectionState::Failed).count();
        assert!(
            failed == 2 || (failed == 0 && net.agree() && net.is_connected()),
            "seed {seed}: {failed} failed"
        );
        agreed += u32::from(failed == 0);
        all += 1;
    }
    assert!(agreed * 10 >= all * 9, "{agreed} of {all}");
}

/// A host whose NAT makes another address of its socket again and again stays able to move.
#[test]
fn addresses_that_checks_have_shown_take_no_room_from_others() {
    let mut net = Net::connected_pair(11);
    let now = net.now;
    for port in 1..=200 {
        let base = address("10.0.0.1:5000");
        let mapped = std::net::SocketAddr::from(([203, 0, 113, 1], 10_000 + port));
        net.agents[0].add_local_candidate(now, Candidate::server_reflexive(mapped, base)).unwrap();
    }
    let count = net.agents[0].local_candidates().count();
    assert!(count <= 50, "{count}");
    assert_eq!(net.agents[0].add_local_candidate(now, host("10.0.1.1:5000")), Ok(true));
    assert_eq!(net.agents[0].local_candidates().filter(|own| own.kind == CandidateKind::Host).count(), 2);
}
