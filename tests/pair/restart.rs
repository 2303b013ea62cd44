//! ICE restarts that cross other offers, are rolled back, or are begun again before they are answered.

use std::time::Duration;

use drywire::jsep::{DescriptionType, SessionDescription};
use drywire::{Event, jsep};
use drywire_sim::{Network, Node as _, NodeId};

use crate::harness::*;

/// Two peers that are connected: a network, the one who offered first, the other.
fn pair(seed: u8) -> (Network<Peer>, NodeId, NodeId) {
    let (mut network, a, b, _) = call(seed, |peer, now| open(peer, now, "data", true));
    connected(&mut network, a);
    connected(&mut network, b);
    pass(&mut network, Duration::from_secs(3));
    (network, a, b)
}

fn offer(network: &mut Network<Peer>, id: NodeId) -> SessionDescription {
    let now = network.now();
    network[id].offer(now)
}

fn take_offer(network: &mut Network<Peer>, id: NodeId, offer: &SessionDescription) {
    let now = network.now();
    network[id].take(now, DescriptionType::Offer, offer);
}

fn answer(network: &mut Network<Peer>, id: NodeId) -> SessionDescription {
    let now = network.now();
    network[id].answer(now)
}

fn take_answer(network: &mut Network<Peer>, id: NodeId, answer: &SessionDescription) {
    let now = network.now();
    network[id].take(now, DescriptionType::Answer, answer);
}

fn roll_back(network: &mut Network<Peer>, id: NodeId, nothing: &SessionDescription) {
    let now = network.now();
    let peer = &mut network[id].connection;
    peer.set_local_description(now, DescriptionType::Rollback, nothing).expect("the offer is taken back");
}

fn ufrag(network: &Network<Peer>, id: NodeId) -> String {
    network[id].connection.ice().local_credentials().ufrag().to_owned()
}

fn ufrags(network: &Network<Peer>, ids: [NodeId; 2]) -> [String; 2] {
    ids.map(|id| ufrag(network, id))
}

fn is_needed(network: &mut Network<Peer>, id: NodeId) -> bool {
    let now = network.now();
    network[id].react(now);
    let events = std::mem::take(&mut network[id].events);
    events.iter().any(|event| matches!(event, Event::NegotiationNeeded))
}

/// For a minute, which is longer than consent lasts, both have a path at any time, and then what was sent arrives.
fn lives(network: &mut Network<Peer>, ids: [NodeId; 2]) {
    for _ in 0..600 {
        pass(network, Duration::from_millis(100));
        for id in ids {
            assert!(network[id].is_connected(), "{id:?} is not connected at {:?}", network.now());
            assert!(network[id].connection.path().is_some());
        }
    }
    for id in ids {
        let ice = network[id].connection.ice();
        assert!(ice.previous_local_credentials().is_none(), "{id:?}: a restart is still under way");
        assert!(ice.selected_pair().is_some_and(|pair| pair.nominated));
    }
}

/// A restart that nothing disturbs: what had happened before has left nothing behind.
fn restarts(network: &mut Network<Peer>, ids: [NodeId; 2]) {
    for [from, to] in [ids, [ids[1], ids[0]]] {
        let before = ufrags(network, ids);
        let now = network.now();
        network[from].connection.restart_ice(now);
        assert_eq!(ufrags(network, ids), before, "until the offer is made, all stays as it is");
        negotiate(network, from, to);
        let after = ufrags(network, ids);
        assert!(after[0] != before[0] && after[1] != before[1]);
        lives(network, ids);
        for id in ids {
            is_needed(network, id);
            assert!(network[id].connection.ice().remote_candidates().next().is_some());
        }
        negotiate(network, from, to);
        assert_eq!(ufrags(network, ids), after, "there is one restart for one wish");
        assert!(!is_needed(network, from) && !is_needed(network, to));
    }
}

#[test]
fn restarts_from_either_side() {
    let (mut network, a, b) = pair(1);
    restarts(&mut network, [a, b]);
}

#[test]
fn a_restart_that_crosses_another_offer_is_made_afterwards() {
    let (mut network, a, b) = pair(2);
    let before = ufrags(&network, [a, b]);
    let now = network.now();
    network[a].connection.restart_ice(now);
    is_needed(&mut network, a);
    // Both offer at once. The polite one, which wanted the restart, gives way.
    let _lost = offer(&mut network, a);
    assert_ne!(ufrag(&network, a), before[0]);
    let other = offer(&mut network, b);
    take_offer(&mut network, a, &other);
    let back = answer(&mut network, a);
    take_answer(&mut network, b, &back);
    assert_eq!(ufrags(&network, [a, b]), before, "an answer does not restart what the offer did not");
    lives(&mut network, [a, b]);
    assert!(is_needed(&mut network, a), "the restart is still wanted");
    negotiate(&mut network, a, b);
    assert_ne!(ufrags(&network, [a, b]), before);
    lives(&mut network, [a, b]);
    assert!(!is_needed(&mut network, a));
    restarts(&mut network, [a, b]);
}

#[test]
fn restarts_that_both_want_at_once_are_one() {
    let (mut network, a, b) = pair(3);
    let now = network.now();
    for id in [a, b] {
        network[id].connection.restart_ice(now);
        is_needed(&mut network, id);
    }
    let _lost = offer(&mut network, a);
    let other = offer(&mut network, b);
    take_offer(&mut network, a, &other);
    let back = answer(&mut network, a);
    take_answer(&mut network, b, &back);
    lives(&mut network, [a, b]);
    assert!(!is_needed(&mut network, a) && !is_needed(&mut network, b));
    restarts(&mut network, [a, b]);
}

#[test]
fn an_offer_to_restart_is_taken_back_by_its_maker() {
    let (mut network, a, b) = pair(4);
    let before = ufrags(&network, [a, b]);
    let now = network.now();
    network[a].connection.restart_ice(now);
    let lost = offer(&mut network, a);
    pass(&mut network, Duration::from_secs(1));
    roll_back(&mut network, a, &lost);
    assert_eq!(ufrags(&network, [a, b]), before);
    lives(&mut network, [a, b]);
    // The other side offers, and nothing of the restart is in the answer.
    negotiate(&mut network, b, a);
    assert_eq!(ufrags(&network, [a, b]), before);
    lives(&mut network, [a, b]);
    negotiate(&mut network, a, b);
    lives(&mut network, [a, b]);
    restarts(&mut network, [a, b]);
}

#[test]
fn an_offer_to_restart_is_taken_back_on_both_sides() {
    for (seed, wait) in [(5, Duration::ZERO), (6, Duration::from_millis(700)), (7, Duration::from_secs(8))] {
        let (mut network, a, b) = pair(seed);
        let before = ufrags(&network, [a, b]);
        let now = network.now();
        network[a].connection.restart_ice(now);
        let lost = offer(&mut network, a);
        take_offer(&mut network, b, &lost);
        // The answerer's checks with the new credentials begin, and are answered.
        pass(&mut network, wait);
        roll_back(&mut network, b, &lost);
        pass(&mut network, wait);
        roll_back(&mut network, a, &lost);
        assert_eq!(ufrags(&network, [a, b]), before);
        lives(&mut network, [a, b]);
        negotiate(&mut network, b, a);
        assert_eq!(ufrags(&network, [a, b]), before);
        restarts(&mut network, [a, b]);
    }
}

#[test]
fn a_restart_that_is_wanted_while_an_offer_is_open_waits() {
    let (mut network, a, b) = pair(8);
    let before = ufrags(&network, [a, b]);
    let other = offer(&mut network, b);
    take_offer(&mut network, a, &other);
    let now = network.now();
    network[a].connection.restart_ice(now);
    is_needed(&mut network, a);
    let back = answer(&mut network, a);
    take_answer(&mut network, b, &back);
    assert_eq!(ufrags(&network, [a, b]), before);
    lives(&mut network, [a, b]);
    assert!(is_needed(&mut network, a));
    restarts(&mut network, [a, b]);
}

/// What W3C webrtc-pc, section 4.4.2, has `restartIce` do before there is anything to restart.
#[test]
fn before_the_first_description_there_is_nothing_to_restart() {
    let now = drywire_sim::origin();
    let mut peer = Peer::new(&CONFIG, Manner::Keep, 1, [9; 32], now);
    open(&mut peer, now, "data", true);
    peer.connection.restart_ice(now);
    let before = peer.connection.ice().local_credentials().clone();
    peer.connection.create_offer(now).expect("an offer");
    assert_eq!(*peer.connection.ice().local_credentials(), before);
    assert_eq!(peer.connection.signaling_state(), jsep::SignalingState::Stable);
}
