use super::*;
use crate::State;

/// Twenty percent of the datagrams are lost, as many are doubled, and all are reordered.
const BAD: Link = Link { loss: 20, duplicate: 20, jitter: 60 };

#[test]
fn a_bad_link_always_connects() {
    let mut seed = 0;
    let mut most = 0;
    for client_version in [Version::Dtls12, Version::Dtls13] {
        for server_version in [None, Some(client_version)] {
            for suite in suites(client_version) {
                for group in GROUPS {
                    if client_version == Version::Dtls12 && group == NamedGroup::X25519MlKem768 {
                        continue;
                    }
                    for retry in [false, true] {
                        seed += 1;
                        let mut client = only(config(0), client_version);
                        client.handshake_timeout = None;
                        client.cipher_suites = vec![suite];
                        // P-256 for the certificates (RFC 8422, section 5.3).
                        client.groups = vec![group, NamedGroup::Secp256r1];
                        client.groups.dedup();
                        if retry {
                            // Our first share is of no use to the server.
                            client.groups =
                                vec![NamedGroup::Secp384r1, NamedGroup::X25519, group, NamedGroup::Secp256r1];
                            client.groups.dedup();
                        }
                        let mut server = config(1);
                        server.handshake_timeout = None;
                        server.groups = vec![group];
                        if let Some(version) = server_version {
                            server = only(server, version);
                        }
                        let mut pair = Pair::new(client, server, seed, BAD);
                        pair.connect();
                        pair.check();
                        most = most.max(pair.sent[0] + pair.sent[1]);
                    }
                }
            }
        }
    }
    assert!(most < 400, "{most} datagrams for one handshake");
}

#[test]
fn many_seeds() {
    for seed in 0..300 {
        let mut configs = [config(0), config(1)];
        for config in &mut configs {
            config.handshake_timeout = None;
            config.mtu = [256, 500, 1200, 1400][usize::try_from(seed % 4).unwrap()];
        }
        let [client, server] = configs;
        let version = if seed % 2 == 0 { Version::Dtls13 } else { Version::Dtls12 };
        let mut pair = Pair::new(only(client, version), server, 1000 + seed, BAD);
        pair.connect();
        pair.check();
    }
}

#[test]
fn a_known_round_trip_time_makes_up_for_loss_sooner() {
    for version in [Version::Dtls12, Version::Dtls13] {
        let mut pair = Pair::new(only(config(0), version), config(1), 1, Link::default());
        let rtt = Duration::from_millis(40);
        for end in &mut pair.ends {
            end.set_initial_rtt(pair.now, rtt);
        }
        let begin = pair.now;
        // The first ClientHello is lost as a whole.
        pair.link.loss = 100;
        pair.drain();
        pair.link.loss = 0;
        pair.connect();
        assert!(pair.events[CLIENT].contains(&Event::Connected));
        assert!(pair.now - begin <= Duration::from_millis(400), "{:?}", pair.now - begin);
    }
}

#[test]
fn a_round_trip_time_that_comes_late_counts_for_the_flight_on_its_way() {
    let mut pair = Pair::new(config(0), config(1), 1, Link::default());
    let mut out = Vec::new();
    while pair.ends[CLIENT].poll_transmit(pair.now, &mut out).is_some() {}
    let sent = pair.now;
    pair.ends[CLIENT].set_initial_rtt(sent + Duration::from_millis(30), Duration::from_millis(100));
    let again = sent + Duration::from_millis(230);
    assert_eq!(pair.ends[CLIENT].poll_timeout(), Some(again));
    // It never makes the wait longer, and however late the timer comes, it sends one flight.
    pair.ends[CLIENT].set_initial_rtt(again, Duration::from_secs(20));
    assert_eq!(pair.ends[CLIENT].poll_timeout(), Some(again));
    pair.ends[CLIENT].handle_timeout(again + Duration::from_secs(60));
    assert_eq!(pair.ends[CLIENT].stats().retransmissions, 1);
}

#[test]
fn the_lost_last_flight_is_sent_again() {
    for version in [Version::Dtls12, Version::Dtls13] {
        let last = if version == Version::Dtls12 { SERVER } else { CLIENT };
        let mut pair = Pair::new(only(config(0), version), config(1), 1, Link::default());
        // All that the end says once it is done gets lost, three times.
        for _ in 0..1000 {
            pair.step();
            if pair.ends[last].is_connected() {
                break;
            }
        }
        pair.muted[last] = true;
        let sent = pair.sent[last];
        while pair.sent[last] < sent + 3 {
            assert!(pair.step());
        }
        assert_eq!(pair.ends[1 - last].state(), State::Connecting);
        pair.muted[last] = false;
        pair.connect();
        pair.check();
    }
}

#[test]
fn acknowledgements_spare_what_has_arrived() {
    // The server's flight is large; one datagram of it is lost. Only that one is sent again.
    let mut server = config(1);
    server.mtu = 300;
    let mut pair = Pair::new(only(config(0), Version::Dtls13), server, 1, Link::default());
    pair.step();
    let begin = pair.sent[SERVER];
    let mut out = Vec::new();
    let mut datagrams = Vec::new();
    while pair.ends[SERVER].poll_transmit(pair.now, &mut out).is_some() {
        datagrams.push(std::mem::take(&mut out));
    }
    assert!(datagrams.len() > 6, "{}", datagrams.len());
    for (at, datagram) in datagrams.iter().enumerate() {
        if at != datagrams.len() - 2 {
            pair.carry(SERVER, datagram);
        }
    }
    let first = datagrams.len() - 1;
    pair.connect();
    let again = pair.sent[SERVER] - begin - first;
    // The missing datagram and the ACK of the client's last flight.
    assert!(again <= 3, "{again}");
    pair.check();
}

/// RFC 9147, section 4.4: the path does not carry what we take for granted.
#[test]
fn a_path_for_short_datagrams_only() {
    for seed in 0..10 {
        for version in [Version::Dtls12, Version::Dtls13] {
            let (mut client, mut server) = (only(config(0), version), config(1));
            (client.handshake_timeout, server.handshake_timeout) = (None, None);
            (client.mtu, server.mtu) = (1400, 1200);
            let link = if seed == 0 { Link::default() } else { BAD };
            let mut pair = Pair::new(client, server, seed, link);
            pair.longest = 560;
            pair.connect();
            pair.check_short();
            assert!(seed > 0 || version == Version::Dtls12 || pair.sent[CLIENT] < 20, "{:?}", pair.sent);
        }
    }
}

/// The size of datagrams may change at any time: what is sent again is cut anew.
#[test]
fn the_size_of_datagrams_may_change_in_the_handshake() {
    for seed in 0..40_u64 {
        for version in [Version::Dtls12, Version::Dtls13] {
            let (mut client, mut server) = (only(config(0), version), config(1));
            (client.handshake_timeout, server.handshake_timeout) = (None, None);
            let mut pair = Pair::new(client, server, seed, BAD);
            let sizes = [300, 1200, 256, 900, 1400, 500];
            for step in 0..400 {
                for end in [CLIENT, SERVER] {
                    let at = usize::try_from(seed).unwrap() + step * 2 + end;
                    let size = sizes[at % sizes.len()];
                    pair.ends[end].set_mtu(size);
                    let mut out = Vec::new();
                    while let Some(len) = pair.ends[end].poll_transmit(pair.now, &mut out) {
                        assert!(len <= size, "{len} {size}");
                        pair.carry(end, &out);
                        out.clear();
                    }
                }
                if !pair.step() {
                    break;
                }
            }
            pair.connect();
            pair.check();
        }
    }
}

/// RFC 9147, section 7.1: encrypted records have come, and the ServerHello has not.
#[test]
fn a_lost_server_hello_is_missed_at_once() {
    let mut server = config(1);
    server.mtu = 1200;
    let mut pair = Pair::new(config(0), server, 1, Link::default());
    pair.step();
    let mut out = Vec::new();
    let mut datagrams = Vec::new();
    while pair.ends[SERVER].poll_transmit(pair.now, &mut out).is_some() {
        datagrams.push(std::mem::take(&mut out));
    }
    // The first one, which has the ServerHello and a part of what follows, is lost.
    assert!(datagrams.len() > 1);
    for datagram in &datagrams[1..] {
        pair.carry(SERVER, datagram);
    }
    let begin = pair.now;
    assert!(pair.run_until(Pair::both_connected));
    // 20 ms there, a quarter of the timeout of one second, 20 ms back and there, 20 ms for the client's flight.
    assert_eq!(pair.now - begin, Duration::from_millis(330));
    pair.settle();
    pair.check();
}

/// RFC 9147, section 7.2: what an acknowledgement leaves out is sent again without waiting for the timer.
#[test]
fn what_is_not_acknowledged_is_sent_again_at_once() {
    let mut server = config(1);
    server.mtu = 300;
    server.initial_rto = Duration::from_secs(20);
    let mut pair = Pair::new(only(config(0), Version::Dtls13), server, 1, Link::default());
    pair.step();
    let mut out = Vec::new();
    let mut datagrams = Vec::new();
    while pair.ends[SERVER].poll_transmit(pair.now, &mut out).is_some() {
        datagrams.push(std::mem::take(&mut out));
    }
    let lost = datagrams.len() - 2;
    for (at, datagram) in datagrams.iter().enumerate().filter(|(at, _)| *at != lost) {
        assert!(at < 20);
        pair.carry(SERVER, datagram);
    }
    let begin = pair.now;
    assert!(pair.run_until(Pair::both_connected));
    assert!(pair.now - begin < Duration::from_secs(1), "{:?}", pair.now - begin);
    pair.check();
}

#[test]
fn timeouts_back_off_to_a_minute_with_one_flight_each() {
    let (mut client, server) = (config(0), config(1));
    client.handshake_timeout = None;
    let mut pair = Pair::new(client, server, 1, Link { loss: 100, ..Link::default() });
    pair.ends[CLIENT].set_initial_rtt(pair.now, Duration::from_millis(100));
    pair.drain();
    let mut waits = Vec::new();
    for _ in 0..14 {
        let before = (pair.now, pair.ends[CLIENT].stats().retransmissions);
        assert!(pair.step());
        // However often the timer is told, it has run out once.
        for _ in 0..10 {
            pair.ends[CLIENT].handle_timeout(pair.now);
        }
        pair.drain();
        assert_eq!(pair.ends[CLIENT].stats().retransmissions, before.1 + 1);
        waits.push((pair.now - before.0).as_millis());
    }
    assert_eq!(
        waits,
        [200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000, 60_000, 60_000, 60_000]
    );
}
