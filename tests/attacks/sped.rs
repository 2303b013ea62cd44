//! Attacks on DTLS inside STUN: by strangers, and by those who see the packets and send them again.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use drywire::{Config, Path};
use drywire_sim::{Link, Network};

use crate::harness::{CONFIG, Peer, address, call_with, connected, open, pass};

fn config() -> Arc<Config> {
    let mut config = (**CONFIG).clone();
    config.sped = true;
    Arc::new(config)
}

/// How many datagrams went to a host, and how many of them are longer than a response without DTLS.
fn sent_to(network: &Network<Peer>, host: u8) -> (usize, usize) {
    let sent = network.trace().iter().filter(|entry| entry.path.remote == address(host));
    (sent.clone().count(), sent.filter(|entry| entry.len > 120).count())
}

/// The requests to host 1, of which nothing arrives.
fn captured(network: &mut Network<Peer>) -> Vec<Vec<u8>> {
    let captured = Arc::new(Mutex::new(Vec::new()));
    let take = captured.clone();
    network.set_filter(move |_, path, datagram| {
        if path.remote == address(1) && datagram.first() == Some(&0) {
            take.lock().unwrap().push(datagram.to_vec());
        }
        false
    });
    pass(network, Duration::from_millis(100));
    network.clear_filter();
    std::mem::take(&mut *captured.lock().unwrap())
}

#[test]
fn a16_dtls_in_a_check_that_is_not_authentic_is_not_taken() {
    let config = config();
    let (mut network, offerer, answerer, _) =
        call_with(&config, &config, [16; 32], |peer, now| open(peer, now, "data", true));
    network.record_trace();
    let mut forged = captured(&mut network);
    assert!(forged[0].len() > 900, "the first check carries a ClientHello");
    for request in &mut forged {
        // The signature and the fingerprint are the last 32 bytes.
        let at = request.len() - 20;
        request[at] ^= 1;
    }
    for request in &forged {
        network.inject(Path::udp(address(2), address(1)), request);
        network.inject(Path::udp(address(99), address(1)), request);
    }
    pass(&mut network, Duration::from_millis(1));
    assert_eq!(network[offerer].connection.stats().transport.dtls_in_stun_received, 0);
    assert_eq!(sent_to(&network, 99), (0, 0), "the stranger was answered");
    connected(&mut network, offerer);
    connected(&mut network, answerer);
}

/// Responses go to wherever a request came from, and those with a flight are ten times as long. Whoever has seen a
/// request can have them sent to others, but not many.
#[test]
fn a16_replayed_checks_bring_only_a_few_long_responses() {
    let config = config();
    let (mut network, offerer, answerer, _) =
        call_with(&config, &config, [17; 32], |peer, now| open(peer, now, "data", true));
    network.record_trace();
    let requests = captured(&mut network);
    for (from, to) in [(offerer, answerer), (answerer, offerer)] {
        network.set_link(from, to, Link::down());
    }
    for round in 0..300 {
        for request in &requests {
            network.inject(Path::udp(address(99), address(1)), request);
        }
        if round % 10 == 0 {
            pass(&mut network, Duration::from_millis(10));
        }
    }
    pass(&mut network, Duration::from_secs(5));
    let (all, long) = sent_to(&network, 99);
    assert!(all > 300, "they are answered, {all} times");
    assert!((1..=64).contains(&long), "{long} long ones");
    // The peer is none the worse for it.
    for (from, to) in [(offerer, answerer), (answerer, offerer)] {
        network.set_link(from, to, Link::new());
    }
    connected(&mut network, offerer);
    connected(&mut network, answerer);
}
