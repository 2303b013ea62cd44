//! DTLS inside STUN: it connects sooner, and whatever the peer knows and the network loses, it connects.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use drywire::jsep::DescriptionType::{Answer, Offer};
use drywire::{CloseReason, Config, ConnectionState, Event, dtls};
use drywire_sim::{Link, Network, Outcome, Probability};

use crate::harness::{
    Manner, Peer, address, call_with, config, connected, open, pass, with_another_fingerprint,
};

/// The round-trip time of these tests.
const RTT: Duration = Duration::from_millis(50);

fn with(sped: bool, version: dtls::Version) -> Arc<Config> {
    let mut config = config();
    config.sped = sped;
    let mut dtls = (*config.dtls).clone();
    dtls.max_version = version;
    config.dtls = Arc::new(dtls);
    Arc::new(config)
}

/// When both are connected, in a network that loses so many of 100 datagrams, and how many datagrams of DTLS each side
/// had inside STUN.
fn time(offerer: &Arc<Config>, answerer: &Arc<Config>, loss: u32, seed: u8) -> (Duration, [u64; 2]) {
    let (mut network, offering, answering, _) =
        call_with(offerer, answerer, [seed; 32], |peer, now| open(peer, now, "first", true));
    network.set_default_link(Link::new().delay(RTT / 2).loss(Probability::percent(loss)));
    let reached = network.run_until(
        |network| network[offering].is_connected() && network[answering].is_connected(),
        Duration::from_secs(60),
    );
    assert_eq!(reached, Outcome::Reached, "{} {} {loss} {seed}", offerer.sped, answerer.sped);
    let inside =
        [offering, answering].map(|id| network[id].connection.stats().transport.dtls_in_stun_received);
    (network.elapsed(), inside)
}

/// Nobody, one side, or both know DTLS inside STUN.
const WHO: [(bool, bool); 4] = [(false, false), (true, false), (false, true), (true, true)];

#[test]
fn it_saves_a_round_trip_and_costs_none_with_a_peer_that_does_not_know_it() {
    use dtls::Version::{Dtls12, Dtls13};
    for (version, without, with_it) in [(Dtls12, 150, 100), (Dtls13, 125, 75)] {
        for (offerer, answerer) in WHO {
            let (connected, inside) = time(&with(offerer, version), &with(answerer, version), 0, 1);
            let both = offerer && answerer;
            let expected = if both { with_it } else { without };
            assert_eq!(connected, Duration::from_millis(expected), "{version} {offerer} {answerer}");
            assert_eq!(inside.iter().all(|count| *count > 0), both, "{inside:?}");
        }
    }
}

#[test]
fn without_delay_it_waits_for_no_timer() {
    let config = with(true, dtls::Version::Dtls13);
    let (mut network, offering, answering, _) =
        call_with(&config, &config, [1; 32], |peer, now| open(peer, now, "first", true));
    let reached = network.run_until(
        |network| network[offering].is_connected() && network[answering].is_connected(),
        Duration::from_secs(10),
    );
    assert_eq!((reached, network.elapsed()), (Outcome::Reached, Duration::ZERO));
}

#[test]
fn whoever_knows_it_and_whatever_is_lost_they_connect() {
    for version in [dtls::Version::Dtls12, dtls::Version::Dtls13] {
        let configs = [with(false, version), with(true, version)];
        for (offerer, answerer) in WHO {
            for loss in [5, 15, 30] {
                for seed in 0..6 {
                    time(&configs[usize::from(offerer)], &configs[usize::from(answerer)], loss, seed);
                }
            }
        }
    }
}

#[test]
fn in_a_bad_network_it_is_the_sooner_one() {
    let average = |sped| {
        let config = with(sped, dtls::Version::Dtls13);
        let times = (0..=240).map(|seed| time(&config, &config, 25, seed).0);
        times.sum::<Duration>() / 241
    };
    let (with_it, without) = (average(true), average(false));
    assert!(with_it * 2 <= without, "{with_it:?} {without:?}");
}

#[test]
fn a_peer_that_promised_it_and_does_not_do_it_gets_dtls_beside_stun() {
    let (knows, knows_not) = (with(true, dtls::Version::Dtls13), with(false, dtls::Version::Dtls13));
    let now = drywire_sim::origin();
    for promised in [true, false] {
        let mut offering = Peer::new(&knows, Manner::Keep, 1, [3; 32], now);
        open(&mut offering, now, "first", true);
        let mut answering = Peer::new(&knows_not, Manner::Echo, 2, [4; 32], now);
        let offer = offering.connection.create_offer(now).expect("an offer");
        assert!(offer.to_string().contains("a=ice-options:trickle ice2 sped googspedv1"));
        offering.connection.set_local_description(now, Offer, &offer).expect("our own offer");
        let answer = answering.connection.accept_offer(now, &offer).expect("an answer").to_string();
        assert!(!answer.contains("sped"));
        let options = if promised { "trickle ice2 googspedv1" } else { "trickle ice2" };
        let answer = answer.replace("a=ice-options:trickle ice2", &format!("a=ice-options:{options}"));
        let answer = answer.parse().expect("a description");
        offering.connection.set_remote_description(now, Answer, &answer).expect("the answer");
        let mut network = Network::new(now, [5; 32]);
        network.set_default_link(Link::new().delay(RTT / 2));
        let nodes = [network.add(offering, &[address(1)]), network.add(answering, &[address(2)])];
        for id in nodes {
            connected(&mut network, id);
        }
        assert_eq!(network.elapsed(), Duration::from_millis(125));
        let stats = network[nodes[0]].connection.stats().transport;
        assert_eq!(stats.dtls_in_stun_received, 0);
    }
}

#[test]
fn it_ends_with_the_handshake() {
    for version in [dtls::Version::Dtls12, dtls::Version::Dtls13] {
        let config = with(true, version);
        let (mut network, offering, answering, _) =
            call_with(&config, &config, [6; 32], |peer, now| open(peer, now, "first", true));
        network.set_default_link(Link::new().delay(RTT / 2));
        connected(&mut network, offering);
        connected(&mut network, answering);
        // The next checks for consent say that all is there.
        pass(&mut network, Duration::from_secs(20));
        let long = Arc::new(Mutex::new(0));
        let seen = long.clone();
        network.set_filter(move |_, _, datagram| {
            let stun = datagram.first().is_some_and(|byte| *byte < 4);
            *seen.lock().expect("nobody panicked") += usize::from(stun && contains_attribute(datagram));
            true
        });
        pass(&mut network, Duration::from_secs(20));
        assert_eq!(*long.lock().expect("nobody panicked"), 0, "{version}");
    }
}

/// Whether a STUN message has one of the two attributes.
fn contains_attribute(message: &[u8]) -> bool {
    message.chunks_exact(4).any(|word| word[0] == 0xC0 && matches!(word[1], 0x70 | 0x71) && word[2] < 4)
}

#[test]
fn while_there_is_no_path_dtls_does_not_send_its_flight_again_and_again() {
    let config = with(true, dtls::Version::Dtls13);
    let (mut network, offering, answering, _) =
        call_with(&config, &config, [7; 32], |peer, now| open(peer, now, "first", true));
    network.set_default_link(Link::down());
    pass(&mut network, Duration::from_secs(12));
    for id in [offering, answering] {
        // The checks of ICE, and those that DTLS may have besides.
        let stats = network[id].connection.stats().transport;
        assert!(stats.datagrams_sent <= 64 + 8 && stats.dtls_in_stun_sent <= 64, "{stats:?}");
        assert!(stats.bytes_sent <= 64 * 1100 + 8 * 200, "{stats:?}");
    }
    network.set_default_link(Link::new().delay(RTT / 2));
    connected(&mut network, offering);
    connected(&mut network, answering);
}

#[test]
fn a_client_hello_that_overtakes_the_answer_is_not_lost() {
    for version in [dtls::Version::Dtls12, dtls::Version::Dtls13] {
        let config = with(true, version);
        let now = drywire_sim::origin();
        let mut offering = Peer::new(&config, Manner::Keep, 1, [8; 32], now);
        open(&mut offering, now, "first", true);
        let mut network = Network::new(now, [8; 32]);
        network.set_default_link(Link::new().delay(RTT / 2));
        let offerer = network.add(offering, &[address(1)]);
        let answerer = network.add(Peer::new(&config, Manner::Echo, 2, [9; 32], now), &[address(2)]);
        let offer = network[offerer].connection.create_offer(now).expect("an offer");
        network[offerer].connection.set_local_description(now, Offer, &offer).expect("our own offer");
        let answer = network[answerer].connection.accept_offer(now, &offer).expect("an answer");
        // The checks of the answerer are answered, and say that the offerer takes DTLS.
        pass(&mut network, Duration::from_millis(200));
        assert!(network[offerer].connection.stats().transport.dtls_in_stun_received > 0);
        let now = network.now();
        network[offerer].connection.set_remote_description(now, Answer, &answer).expect("the answer");
        connected(&mut network, offerer);
        connected(&mut network, answerer);
        // The flight that waited is answered at once.
        let left = network.elapsed() - Duration::from_millis(200);
        let expected = if version == dtls::Version::Dtls12 { RTT * 3 / 2 } else { RTT };
        assert_eq!(left, expected, "{version}");
    }
}

#[test]
fn it_works_out_in_networks_that_reorder_repeat_and_damage() {
    let config = with(true, dtls::Version::Dtls13);
    for seed in 0..20 {
        let (mut network, offering, answering, _) =
            call_with(&config, &config, [seed; 32], |peer, now| open(peer, now, "first", true));
        let often = Probability::percent(20);
        let link = Link::new().delay(RTT / 2).jitter(RTT).reorder(often, RTT).duplicate(often).corrupt(often);
        network.set_default_link(link);
        connected(&mut network, offering);
        connected(&mut network, answering);
    }
}

#[test]
fn lite_agents_take_it_too() {
    let config = with(true, dtls::Version::Dtls13);
    let mut lite = (*config).clone();
    lite.ice.lite = true;
    let lite = Arc::new(lite);
    for (offerer, answerer) in [(&config, &lite), (&lite, &config)] {
        let (mut network, offering, answering, _) =
            call_with(offerer, answerer, [10; 32], |peer, now| open(peer, now, "first", true));
        network.set_default_link(Link::new().delay(RTT / 2));
        connected(&mut network, offering);
        connected(&mut network, answering);
        let stats = [offering, answering].map(|id| network[id].connection.stats().transport);
        assert!(stats.iter().any(|stats| stats.dtls_in_stun_received > 0), "{stats:?}");
    }
}

#[test]
fn a_wrong_certificate_is_refused_inside_stun_as_well() {
    let config = with(true, dtls::Version::Dtls13);
    let now = drywire_sim::origin();
    let mut offering = Peer::new(&config, Manner::Keep, 1, [11; 32], now);
    open(&mut offering, now, "first", true);
    let mut answering = Peer::new(&config, Manner::Echo, 2, [12; 32], now);
    let offer = offering.connection.create_offer(now).expect("an offer");
    offering.connection.set_local_description(now, Offer, &offer).expect("our own offer");
    let answer = answering.connection.accept_offer(now, &offer).expect("an answer");
    let forged = with_another_fingerprint(&answer);
    offering.connection.set_remote_description(now, Answer, &forged).expect("the forged answer");
    let mut network = Network::new(now, [11; 32]);
    network.set_default_link(Link::new().delay(RTT / 2));
    let nodes = [network.add(offering, &[address(1)]), network.add(answering, &[address(2)])];
    pass(&mut network, Duration::from_secs(40));
    for id in nodes {
        assert_eq!(network[id].connection.connection_state(), ConnectionState::Failed);
        let connected = Event::ConnectionStateChanged(ConnectionState::Connected);
        assert!(id == nodes[1] || !network[id].events.contains(&connected));
    }
    let mismatch = CloseReason::Dtls(dtls::CloseReason::FingerprintMismatch);
    assert!(network[nodes[0]].events.contains(&Event::Closed { reason: mismatch }));
}
