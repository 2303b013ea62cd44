//! Connecting, staying connected, and ending.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use drywire::{CloseReason, ConnectionState, Event, dtls};
use drywire_sim::{Link, Network, Outcome};

use crate::harness::{
    CONFIG, Manner, Peer, address, binary, call, call_with, config, connected, open, pass, text,
    with_another_fingerprint,
};

#[test]
fn without_delay_nothing_waits_for_a_timer() {
    let (mut network, offerer, answerer, _) = call(1, |peer, now| open(peer, now, "first", true));
    let reached = network.run_until(
        |network| network[offerer].is_connected() && network[answerer].is_connected(),
        Duration::from_secs(10),
    );
    assert_eq!(reached, Outcome::Reached);
    assert_eq!(network.elapsed(), Duration::ZERO);
}

#[test]
fn without_delay_a_channel_is_open_at_once() {
    let mut old = config();
    old.dtls_mut().max_version = dtls::Version::Dtls12;
    let old = Arc::new(old);
    for configs in [[&*CONFIG, &*CONFIG], [&*CONFIG, &old], [&old, &*CONFIG]] {
        let (mut network, offerer, answerer, channel) =
            call_with(configs[0], configs[1], [9; 32], |peer, now| open(peer, now, "first", true));
        let opened = |network: &Network<Peer>| {
            let announced = |event: &Event| matches!(event, Event::DataChannelAnnounced(_));
            network[offerer].events.contains(&Event::DataChannelOpened(channel))
                && network[answerer].events.iter().any(announced)
        };
        assert_eq!(network.run_until(opened, Duration::from_secs(10)), Outcome::Reached);
        assert_eq!(network.elapsed(), Duration::ZERO);
    }
}

/// ICE needs one round trip: a check and its answer. DTLS 1.3 needs one more until the client knows the keys, and half of
/// one until its Finished is here. SCTP's INIT goes along with the server's flight, so that its answer comes with that
/// Finished, and the first messages travel with COOKIE ECHO.
#[test]
fn a_channel_is_open_and_announced_within_three_round_trips() {
    let (mut network, offerer, answerer, channel) = call(10, |peer, now| open(peer, now, "first", true));
    let rtt = Duration::from_millis(50);
    network.set_default_link(Link::new().delay(rtt / 2));
    network[offerer].send(drywire_sim::origin(), channel, text("hello"));
    let opened =
        |network: &Network<Peer>| network[offerer].events.contains(&Event::DataChannelOpened(channel));
    assert_eq!(network.run_until(opened, Duration::from_secs(10)), Outcome::Reached);
    assert_eq!(network.elapsed(), rtt * 5 / 2);
    let announced = |event: &Event| matches!(event, Event::DataChannelReadable(_));
    let heard = |network: &Network<Peer>| network[answerer].events.iter().any(announced);
    assert_eq!(network.run_until(heard, Duration::from_secs(10)), Outcome::Reached);
    assert_eq!(network.elapsed(), rtt * 3, "the first message is there");
}

#[test]
fn a_client_that_takes_long_to_finish_is_waited_for() {
    let (mut network, offerer, _, channel) = call(30, |peer, now| open(peer, now, "first", true));
    network.set_default_link(Link::new().delay(Duration::from_millis(25)));
    // Nothing of DTLS comes from the client after its ClientHello, for longer than SCTP would wait.
    network.set_filter(|at, path, datagram| {
        let is_dtls = datagram.first().is_some_and(|first| (20..64).contains(first));
        !(is_dtls
            && path.local == address(2)
            && at > Duration::from_millis(80)
            && at < Duration::from_secs(25))
    });
    let opened =
        |network: &Network<Peer>| network[offerer].events.contains(&Event::DataChannelOpened(channel));
    assert_eq!(network.run_until(opened, Duration::from_secs(120)), Outcome::Reached);
    assert!(network.elapsed() > Duration::from_secs(25));
}

#[test]
fn whatever_is_lost_of_what_comes_early_a_channel_opens() {
    for seed in 0..40 {
        let (mut network, offerer, _, channel) = call(seed, |peer, now| open(peer, now, "first", true));
        let link = Link::new().delay(Duration::from_millis(25)).loss(drywire_sim::Probability::percent(25));
        network
            .set_default_link(link.reorder(drywire_sim::Probability::percent(25), Duration::from_millis(30)));
        network[offerer].send(drywire_sim::origin(), channel, text("hello"));
        let echoed = |network: &Network<Peer>| network[offerer].messages(channel) == [text("hello")];
        assert_eq!(network.run_until(echoed, Duration::from_secs(60)), Outcome::Reached, "{seed}");
    }
}

#[test]
fn dtls_1_3_with_the_post_quantum_group_is_the_default() {
    let (mut network, offerer, answerer, _) = call(2, |peer, now| open(peer, now, "first", true));
    network.set_default_link(Link::new().delay(Duration::from_millis(25)));
    connected(&mut network, offerer);
    pass(&mut network, Duration::from_secs(1));
    for id in [offerer, answerer] {
        let stats = network[id].connection.stats();
        let dtls = stats.dtls.expect("DTLS is connected");
        assert_eq!(dtls.version, dtls::Version::Dtls13);
        assert_eq!(dtls.group.to_string(), "X25519MLKEM768");
        assert_eq!(dtls.srtp_profile, Some(dtls::SrtpProfile::AeadAes128Gcm));
    }
}

#[test]
fn a_peer_that_knows_only_dtls_1_2_connects() {
    let mut old = config();
    let mut dtls = (*old.dtls).clone();
    dtls.max_version = dtls::Version::Dtls12;
    old.dtls = Arc::new(dtls);
    let old = Arc::new(old);
    for (seed, offerer, answerer) in [(3, &old, &*CONFIG), (4, &*CONFIG, &old), (5, &old, &old)] {
        let (mut network, offering, _, channel) =
            call_with(offerer, answerer, [seed; 32], |peer, now| open(peer, now, "first", true));
        let now = drywire_sim::origin();
        network[offering].send(now, channel, text("hello"));
        let reached = network
            .run_until(|network| !network[offering].messages(channel).is_empty(), Duration::from_secs(10));
        assert_eq!(reached, Outcome::Reached);
        let dtls = network[offering].connection.stats().dtls.expect("DTLS is connected");
        assert_eq!(dtls.version, dtls::Version::Dtls12);
    }
}

/// Whether a datagram begins with a ClientHello.
fn is_client_hello(datagram: &[u8]) -> bool {
    datagram.first() == Some(&22) && datagram.get(13) == Some(&1)
}

/// The times at which ClientHellos are sent, of which those before `lost_until` are lost.
fn lose_client_hellos(network: &mut Network<Peer>, lost_until: Duration) -> Arc<Mutex<Vec<Duration>>> {
    let hellos = Arc::new(Mutex::new(Vec::new()));
    let seen = hellos.clone();
    network.set_filter(move |at, _, datagram| {
        let hello = is_client_hello(datagram);
        if hello {
            seen.lock().expect("nobody panicked").push(at);
        }
        !(hello && at < lost_until)
    });
    hellos
}

#[test]
fn a_lost_client_hello_is_sent_again_as_soon_as_the_round_trip_time_allows() {
    let (mut network, offerer, answerer, _) = call(20, |peer, now| open(peer, now, "first", true));
    network.set_default_link(Link::new().delay(Duration::from_millis(10)));
    let hellos = lose_client_hellos(&mut network, Duration::from_millis(100));
    connected(&mut network, offerer);
    connected(&mut network, answerer);
    // A ClientHello in two datagrams, and all of it once more.
    let (first, again) = (Duration::from_millis(20), Duration::from_millis(120));
    assert_eq!(*hellos.lock().expect("nobody panicked"), [first, first, again, again]);
    assert!(network.elapsed() < Duration::from_millis(200), "{:?}", network.elapsed());
}

#[test]
fn that_holds_when_ice_found_the_path_before_dtls_began() {
    use drywire::jsep::DescriptionType::{Answer, Offer};
    let now = drywire_sim::origin();
    let mut offering = Peer::new(&CONFIG, Manner::Keep, 1, [21; 32], now);
    open(&mut offering, now, "first", true);
    let mut network = Network::new(now, [21; 32]);
    network.set_default_link(Link::new().delay(Duration::from_millis(10)));
    let offerer = network.add(offering, &[address(1)]);
    let answerer = network.add(Peer::new(&CONFIG, Manner::Echo, 2, [22; 32], now), &[address(2)]);
    let hellos = lose_client_hellos(&mut network, Duration::from_millis(1050));

    let offer = network[offerer].offer(now);
    network[answerer].take(now, Offer, &offer);
    // The application thinks about its answer. Its checks are answered meanwhile.
    pass(&mut network, Duration::from_secs(1));
    assert!(network[answerer].connection.path().is_some());
    let now = network.now();
    let answer = network[answerer].answer(now);
    network[offerer].take(now, Answer, &answer);
    connected(&mut network, answerer);
    let (first, again) = (Duration::from_millis(1000), Duration::from_millis(1100));
    assert_eq!(*hellos.lock().expect("nobody panicked"), [first, first, again, again]);
}

#[test]
fn a_peer_with_another_certificate_is_refused() {
    // The answer is signalled by one and the handshake done by another: the fingerprint of the answer is replaced.
    let now = drywire_sim::origin();
    let mut offering = Peer::new(&CONFIG, Manner::Keep, 1, [6; 32], now);
    let mut answering = Peer::new(&CONFIG, Manner::Echo, 2, [7; 32], now);
    open(&mut offering, now, "first", true);
    let offer = offering.offer(now);
    let answer = answering.connection.accept_offer(now, &offer).expect("an answer");
    let forged = with_another_fingerprint(&answer);
    offering.take(now, drywire::jsep::DescriptionType::Answer, &forged);

    let mut network = Network::new(now, [6; 32]);
    let offering = network.add(offering, &[address(1)]);
    network.add(answering, &[address(2)]);
    pass(&mut network, Duration::from_secs(20));
    let peer = &network[offering];
    assert_eq!(peer.connection.connection_state(), ConnectionState::Failed);
    let mismatch = CloseReason::Dtls(dtls::CloseReason::FingerprintMismatch);
    assert!(peer.events.contains(&Event::Closed { reason: mismatch }), "{:?}", peer.events);
    assert!(!peer.events.contains(&Event::ConnectionStateChanged(ConnectionState::Connected)));
}

#[test]
fn closing_tells_the_peer() {
    let (mut network, offerer, answerer, _) = call(8, |peer, now| open(peer, now, "first", true));
    connected(&mut network, answerer);
    pass(&mut network, Duration::from_secs(1));
    let now = network.now();
    network[offerer].connection.close(now);
    pass(&mut network, Duration::from_secs(1));
    assert_eq!(network[offerer].connection.connection_state(), ConnectionState::Closed);
    assert_eq!(network[answerer].connection.connection_state(), ConnectionState::Closed);
    let peer = CloseReason::Dtls(dtls::CloseReason::Peer);
    assert!(network[answerer].events.contains(&Event::Closed { reason: peer }));
}

#[test]
fn a_vanished_peer_is_noticed_and_nothing_more_is_sent_to_it() {
    let (mut network, offerer, answerer, channel) = call(9, |peer, now| open(peer, now, "first", true));
    connected(&mut network, answerer);
    pass(&mut network, Duration::from_secs(1));
    network.set_link(answerer, offerer, Link::down());
    network.set_link(offerer, answerer, Link::down());
    let now = network.now();
    network[offerer].send(now, channel, binary(1000));
    pass(&mut network, Duration::from_secs(40));
    assert_eq!(network[offerer].connection.connection_state(), ConnectionState::Failed);
    assert_eq!(network[offerer].connection.path(), None);
    let before = network[offerer].connection.stats().transport.datagrams_sent;
    pass(&mut network, Duration::from_secs(60));
    assert_eq!(network[offerer].connection.stats().transport.datagrams_sent, before);
}

#[test]
fn a_short_outage_is_survived() {
    let (mut network, offerer, answerer, channel) = call(10, |peer, now| open(peer, now, "first", true));
    connected(&mut network, answerer);
    pass(&mut network, Duration::from_secs(1));
    for (from, to) in [(answerer, offerer), (offerer, answerer)] {
        network.set_link(from, to, Link::down());
    }
    let now = network.now();
    network[offerer].send(now, channel, binary(1000));
    pass(&mut network, Duration::from_secs(12));
    for (from, to) in [(answerer, offerer), (offerer, answerer)] {
        network.set_link(from, to, Link::new().delay(Duration::from_millis(10)));
    }
    let reached = network.run_until(
        |network| network[offerer].is_connected() && !network[offerer].messages(channel).is_empty(),
        Duration::from_secs(60),
    );
    assert_eq!(reached, Outcome::Reached);
}
