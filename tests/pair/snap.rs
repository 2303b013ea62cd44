//! SCTP without a handshake (draft-hancke-tsvwg-snap-00): the first message comes sooner, and whatever the peer knows, it
//! comes.

use std::sync::Arc;
use std::time::Duration;

use drywire::datachannel::Message;
use drywire::{Config, Event};
use drywire_sim::{Link, Network, Outcome, Probability};

use crate::harness::{Peer, call_with, config, open};

/// The round-trip time of these tests.
const RTT: Duration = Duration::from_millis(50);

fn with(snap: bool, sped: bool) -> Arc<Config> {
    let mut config = config();
    (config.snap, config.sped) = (snap, sped);
    Arc::new(config)
}

/// When the offerer's channel is open, and how many chunks of SCTP's handshake either side sent.
fn time(offerer: &Arc<Config>, answerer: &Arc<Config>, loss: u32, seed: u8) -> (Duration, [u64; 2]) {
    let (mut network, offering, answering, channel) =
        call_with(offerer, answerer, [seed; 32], |peer, now| open(peer, now, "first", true));
    network.set_default_link(Link::new().delay(RTT / 2).loss(Probability::percent(loss)));
    let is_open =
        |network: &Network<Peer>| network[offering].events.contains(&Event::DataChannelOpened(channel));
    let reached = network.run_until(is_open, Duration::from_secs(60));
    assert_eq!(reached, Outcome::Reached, "{loss} {seed}");
    let opened = network.elapsed();
    let hello = Message::text("hello");
    let now = network.now();
    network[offering].send(now, channel, hello.clone());
    let reached = network
        .run_until(|network| network[offering].messages(channel) == [hello.clone()], Duration::from_secs(60));
    assert_eq!(reached, Outcome::Reached, "{loss} {seed}");
    let chunks = [offering, answering].map(|id| network[id].connection.stats().sctp.handshake_chunks_sent);
    (opened, chunks)
}

#[test]
fn it_saves_round_trips_and_costs_none_with_a_peer_that_does_not_know_it() {
    let open_after = |offerer, answerer, sped, expected: u64| {
        let (opened, chunks) = time(&with(offerer, sped), &with(answerer, sped), 0, 1);
        let both = offerer && answerer;
        assert_eq!(opened, Duration::from_millis(expected), "{offerer} {answerer} {sped}");
        assert_eq!(chunks == [0, 0], both, "{chunks:?}");
    };
    for (offerer, answerer) in [(false, false), (true, false), (false, true)] {
        open_after(offerer, answerer, false, 125);
    }
    open_after(true, true, false, 125);
    open_after(false, false, true, 100);
    open_after(true, true, true, 75);
}

#[test]
fn whatever_is_lost_it_begins() {
    for seed in 0..40 {
        let (_, chunks) = time(&with(true, seed % 2 == 0), &with(true, true), 20, seed);
        assert_eq!(chunks, [0, 0]);
    }
}
