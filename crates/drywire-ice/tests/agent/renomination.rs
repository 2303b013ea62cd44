//! Numbered nominations (draft-thatcher-ice-renomination-01) and costs of networks.

use drywire_core::Duration;
use drywire_ice::{Candidate, Role};
use drywire_stun::Message;
use drywire_stun::attributes::{NetworkCost, Nomination};

use crate::net::{Net, address, config, host};

/// The controlling agent with two interfaces, the first one better by its priority.
fn two_interfaces(seed: u64, renomination: bool, costs: [u16; 2]) -> Net {
    let mut settings = [config(Role::Controlling), config(Role::Controlled)];
    for config in &mut settings {
        config.renomination = renomination;
    }
    let [a, b] = settings;
    let mut net = Net::pair(seed, a, b);
    for agent in &mut net.agents {
        agent.set_remote_renomination(renomination);
    }
    let mut first = host("10.0.1.1:5000");
    let mut second = Candidate::host(address("10.0.2.1:5000"), 7);
    first.network = NetworkCost::new(1, costs[0]);
    second.network = NetworkCost::new(2, costs[1]);
    net.introduce(&[first, second], &[host("10.0.0.9:5000")]);
    net
}

fn local_of(net: &Net) -> String {
    net.agents[0].selected_path().unwrap().local.to_string()
}

#[test]
fn the_cheap_interface_is_chosen_whatever_the_priorities() {
    for (seed, renomination) in [(1, false), (2, true)] {
        let mut net = two_interfaces(seed, renomination, [900, 10]);
        net.run(Duration::from_secs(10));
        assert!(net.agree(), "{renomination}");
        assert_eq!(local_of(&net), "10.0.2.1:5000");
        net.run(Duration::from_secs(120));
        assert!(net.agree() && net.is_connected());
        assert_eq!(local_of(&net), "10.0.2.1:5000");
    }
}

#[test]
fn numbers_take_the_place_of_the_flag_only_if_both_want_them() {
    for (seed, renomination) in [(3, false), (4, true)] {
        let mut net = two_interfaces(seed, renomination, [0, 0]);
        net.run(Duration::from_secs(20));
        assert!(net.agree());
        let requests: Vec<_> = net.sent.iter().map(|sent| Message::parse(&sent.bytes).unwrap()).collect();
        let flags = requests.iter().filter(|message| message.has_use_candidate()).count();
        let numbers: Vec<_> = requests
            .iter()
            .filter_map(|message| message.attribute::<Nomination>())
            .map(|number| number.0)
            .collect();
        assert_eq!(flags == 0, renomination);
        assert_eq!(numbers.is_empty(), !renomination);
        assert!(numbers.is_sorted() && numbers.first().is_none_or(|first| *first > 0));
    }
}

#[test]
fn an_interface_that_becomes_dear_is_left_without_a_gap() {
    for (seed, renomination) in [(5, false), (6, true)] {
        let mut net = two_interfaces(seed, renomination, [10, 10]);
        net.delay = 20..40;
        net.run(Duration::from_secs(60));
        assert!(net.agree());
        assert_eq!(local_of(&net), "10.0.1.1:5000");
        let now = net.now;
        net.agents[0].set_network_cost(now, address("10.0.1.1:5000"), NetworkCost::new(1, 900));
        net.run_until(Duration::from_secs(5), |net| net.agree() && local_of(net) == "10.0.2.1:5000");
        assert!(net.agree() && local_of(&net) == "10.0.2.1:5000", "{renomination}");
        assert!(net.now - now < Duration::from_millis(1500), "{:?}", net.now - now);
        net.run(Duration::from_secs(60));
        assert!(net.agree() && net.is_connected());
        assert_eq!(local_of(&net), "10.0.2.1:5000");
        // And back.
        let now = net.now;
        net.agents[0].set_network_cost(now, address("10.0.1.1:5000"), NetworkCost::new(1, 0));
        net.run(Duration::from_secs(5));
        assert!(net.agree());
        assert_eq!(local_of(&net), "10.0.1.1:5000");
    }
}

#[test]
fn the_peer_learns_the_cost_of_what_was_not_signalled() {
    let mut net = Net::pair(7, config(Role::Controlling), config(Role::Controlled));
    let now = net.now;
    let mut cellular = host("10.0.1.1:5000");
    cellular.network = NetworkCost::new(3, 900);
    net.agents[0].add_local_candidate(now, cellular).unwrap();
    net.agents[1].add_local_candidate(now, host("10.0.0.9:5000")).unwrap();
    net.agents[0].add_remote_candidate(now, host("10.0.0.9:5000")).unwrap();
    net.exchange_credentials();
    net.run(Duration::from_secs(5));
    assert!(net.agree());
    let learnt = net.agents[1].remote_candidates().next().unwrap();
    assert_eq!((learnt.network.id(), learnt.network.cost()), (3, 900));
}
