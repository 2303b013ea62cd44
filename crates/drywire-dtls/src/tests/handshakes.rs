use super::*;
use crate::{CloseReason, SrtpProfile, State};

/// What two ends with these versions end up with.
fn expected(client: (Version, Version), server: (Version, Version)) -> Option<Version> {
    let version = client.1.min(server.1);
    (version >= client.0 && version >= server.0).then_some(version)
}

#[test]
fn all_versions_with_all_versions() {
    use Version::{Dtls12, Dtls13};
    let ranges = [(Dtls12, Dtls12), (Dtls12, Dtls13), (Dtls13, Dtls13)];
    for client_range in ranges {
        for server_range in ranges {
            let (mut client, mut server) = (config(0), config(1));
            (client.min_version, client.max_version) = client_range;
            (server.min_version, server.max_version) = server_range;
            let mut pair = Pair::new(client, server, 1, Link::default());
            match expected(client_range, server_range) {
                Some(version) => {
                    pair.connect();
                    pair.check();
                    for end in &pair.ends {
                        let info = end.info().unwrap();
                        assert_eq!(info.version, version);
                        assert_eq!(info.cipher_suite.version(), version);
                        assert_eq!(info.srtp_profile, Some(SrtpProfile::AeadAes128Gcm));
                    }
                    let certificates = [certificate(1), certificate(0)];
                    for (end, peer) in pair.ends.iter().zip(&certificates) {
                        assert_eq!(end.peer_certificate(), Some(peer.certificate()));
                    }
                }
                None => {
                    pair.run_until(|pair| pair.ends.iter().all(|end| end.state() == State::Failed));
                    assert!(pair.ends.iter().all(|end| end.state() == State::Failed), "{:?}", pair.events);
                    assert!(pair.ends.iter().all(|end| end.info().is_none()));
                }
            }
        }
    }
}

#[test]
fn all_suites_and_groups() {
    for version in [Version::Dtls12, Version::Dtls13] {
        for suite in suites(version) {
            for group in GROUPS {
                if version == Version::Dtls12 && group == NamedGroup::X25519MlKem768 {
                    continue;
                }
                let (mut client, server) = (config(0), only(config(1), version));
                client.cipher_suites = vec![suite];
                // P-256 for the certificates (RFC 8422, section 5.3).
                client.groups = vec![group, NamedGroup::Secp256r1];
                client.groups.dedup();
                let mut server = server;
                server.groups = GROUPS.to_vec();
                server.groups.sort_by_key(|one| *one == NamedGroup::Secp256r1);
                let mut pair = Pair::new(only(client, version), server, 2, Link::default());
                pair.connect();
                pair.check();
                let info = pair.ends[SERVER].info().unwrap();
                assert_eq!((info.cipher_suite, info.group), (suite, group));
            }
        }
    }
}

#[test]
fn a_server_without_the_clients_groups_asks_again() {
    for (ours, theirs) in [
        (vec![NamedGroup::X25519MlKem768, NamedGroup::X25519, NamedGroup::Secp256r1], NamedGroup::Secp256r1),
        (vec![NamedGroup::X25519, NamedGroup::X25519MlKem768], NamedGroup::X25519MlKem768),
    ] {
        let (mut client, mut server) = (config(0), config(1));
        client.groups = ours;
        server.groups = vec![theirs];
        let mut pair = Pair::new(client, server, 3, Link::default());
        pair.connect();
        pair.check();
        assert_eq!(pair.ends[CLIENT].info().unwrap().group, theirs);
    }
}

#[test]
fn a_server_without_the_hybrid_needs_no_second_hello() {
    let mut server = config(1);
    server.groups = vec![NamedGroup::X25519];
    let mut pair = Pair::new(config(0), server, 3, Link::default());
    let begin = pair.now;
    assert!(pair.run_until(|pair| pair.ends[CLIENT].is_connected()));
    assert_eq!(pair.now - begin, Duration::from_millis(40), "one round trip");
}

#[test]
fn nothing_in_common_fails_on_both_sides() {
    let (mut client, mut server) = (config(0), config(1));
    client.groups = vec![NamedGroup::X25519];
    server.groups = vec![NamedGroup::Secp256r1];
    let mut pair = Pair::new(client, server, 4, Link::default());
    pair.run_until(|_| false);
    let alert = crate::Alert::HANDSHAKE_FAILURE;
    assert_eq!(pair.events[SERVER], [Event::Closed { reason: CloseReason::Incompatible(alert) }]);
    assert_eq!(pair.events[CLIENT], [Event::Closed { reason: CloseReason::PeerAlert(alert) }]);
}

#[test]
fn fingerprints_may_come_late() {
    for version in [Version::Dtls12, Version::Dtls13] {
        let mut pair =
            Pair::strangers(only(config(0), version), only(config(1), version), 5, Link::default());
        pair.settle();
        assert!(pair.ends.iter().all(|end| end.state() == State::Connecting && end.info().is_none()));
        pair.announce(CLIENT, 1);
        let record = pair.write(CLIENT, b"early");
        pair.carry(CLIENT, &record);
        pair.settle();
        assert_eq!(pair.events[SERVER], [Event::Held]);
        assert_eq!(pair.ends[SERVER].peer_certificate(), Some(certificate(0).certificate()));
        let mut key = [0; 16];
        assert!(pair.ends[SERVER].export_keying_material("x", None, &mut key).is_err());
        assert!(pair.ends[SERVER].begin_record(&mut Vec::new()).is_err());
        pair.announce(SERVER, 0);
        pair.connect();
        assert_eq!(pair.data(SERVER), [b"early".to_vec()]);
        pair.check();
    }
}

#[test]
fn closing_is_told_to_the_peer() {
    for version in [Version::Dtls12, Version::Dtls13] {
        for end in [CLIENT, SERVER] {
            let mut pair = Pair::new(only(config(0), version), config(1), 6, Link::default());
            pair.connect();
            let now = pair.now;
            pair.ends[end].close(now);
            pair.ends[end].close(now);
            pair.settle();
            assert!(pair.ends.iter().all(|end| end.state() == State::Closed));
            assert_eq!(pair.events[end].last(), Some(&Event::Closed { reason: CloseReason::Local }));
            assert_eq!(pair.events[1 - end].last(), Some(&Event::Closed { reason: CloseReason::Peer }));
            assert!(pair.ends[end].write(b"late", &mut Vec::new()).is_err());
        }
    }
}

#[test]
fn a_handshake_does_not_last_for_ever() {
    let link = Link { loss: 100, ..Link::default() };
    let mut pair = Pair::new(config(0), config(1), 7, link);
    let begin = pair.now;
    pair.settle();
    assert_eq!(pair.events[CLIENT], [Event::Closed { reason: CloseReason::Timeout }]);
    assert_eq!(pair.now - begin, Duration::from_secs(120));
    // At 0, 1, 3, 7, 15, 31 and 63 s: two datagrams each, three when they got shorter, and the alert.
    assert_eq!(pair.sent[CLIENT], 2 * 2 + 5 * 3 + 1);
}

#[test]
fn nobody_is_forced_into_srtp() {
    let mut client = config(0);
    client.srtp_profiles.clear();
    let mut pair = Pair::new(client, config(1), 8, Link::default());
    pair.connect();
    pair.check();
    assert_eq!(pair.ends[SERVER].info().unwrap().srtp_profile, None);
    assert!(pair.ends[SERVER].srtp_keying_material().is_none());
}

#[test]
fn a_configuration_without_substance_fails_at_once() {
    for spoil in
        [|config: &mut Config| config.cipher_suites.clear(), |config: &mut Config| config.groups.clear()]
    {
        let mut spoiled = config(0);
        spoil(&mut spoiled);
        let mut pair = Pair::new(spoiled.clone(), config(1), 1, Link::default());
        pair.drain();
        assert_eq!(pair.ends[CLIENT].state(), State::Failed);
        let mut pair = Pair::new(config(0), spoiled, 1, Link::default());
        pair.run_until(|pair| pair.ends[SERVER].state() == State::Failed);
        assert!(pair.ends.iter().all(|end| !end.is_connected()));
    }
}

/// What the records in a datagram that are not protected are, and the alerts among them.
fn alerts(datagram: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let mut rest = datagram;
    let mut all = Vec::new();
    while let Some((header, header_len, len)) = crate::record::PlaintextHeader::parse(rest, 0) {
        assert_eq!(header.content, crate::record::ContentType::Alert);
        all.push((header.epoch, rest[header_len..header_len + len].to_vec()));
        rest = &rest[header_len + len..];
    }
    all
}

#[test]
fn who_closes_in_the_handshake_says_that_it_was_canceled() {
    let mut pair = Pair::new(config(0), config(1), 1, Link::default());
    pair.drain();
    let now = pair.now;
    pair.ends[CLIENT].close(now);
    let mut out = Vec::new();
    pair.ends[CLIENT].poll_transmit(now, &mut out).unwrap();
    assert_eq!(alerts(&out), [(0, vec![1, 90]), (0, vec![1, 0])]);
    assert!(pair.ends[CLIENT].poll_transmit(now, &mut out).is_none());
    // An end that has said nothing yet says nothing.
    let mut server = Connection::new(Arc::new(config(1)), Role::Server, now, [0; 32]);
    server.close(now);
    assert!(server.poll_transmit(now, &mut out).is_none());
}

/// What the peer cannot read yet would say nothing: the keys of an alert are those of the flight that was not sent.
#[test]
fn an_alert_in_place_of_a_flight_has_its_keys() {
    // The client fails with its last flight not sent.
    for at in [1, 2] {
        let mut pair = Pair::strangers(only(config(0), Version::Dtls13), config(1), 1, Link::default());
        pair.announce(SERVER, 0);
        // All but the last step of the client.
        while pair.ends[CLIENT].machine.is_handshaking() {
            let mut out = Vec::new();
            for end in [CLIENT, SERVER] {
                while pair.ends[end].poll_transmit(pair.now, &mut out).is_some() {
                    pair.ends[1 - end].handle_input(pair.now, BytesMut::from(&out[..]));
                    out.clear();
                }
            }
        }
        pair.announce(CLIENT, at);
        pair.settle();
        let reason = CloseReason::PeerAlert(crate::Alert::BAD_CERTIFICATE);
        match at {
            1 => assert!(pair.both_connected()),
            _ => assert_eq!(pair.events[SERVER], [Event::Closed { reason }]),
        }
    }
    // The server of DTLS 1.2 fails with its last flight not sent: the client is not told in records that it cannot read.
    let mut pair = Pair::strangers(only(config(0), Version::Dtls12), config(1), 1, Link::default());
    pair.announce(CLIENT, 1);
    let mut out = Vec::new();
    while pair.ends[SERVER].machine.is_handshaking() {
        for end in [CLIENT, SERVER] {
            while pair.ends[SERVER].machine.is_handshaking()
                && pair.ends[end].poll_transmit(pair.now, &mut out).is_some()
            {
                pair.ends[1 - end].handle_input(pair.now, BytesMut::from(&out[..]));
                out.clear();
            }
        }
    }
    pair.announce(SERVER, 2);
    pair.ends[SERVER].poll_transmit(pair.now, &mut out).unwrap();
    assert_eq!(alerts(&out), [(0, vec![2, 42])]);
}

/// Attack C12: a server that could do better says so (RFC 8446, section 4.1.3), and the last bytes of a random are random
/// where it could not.
#[test]
fn c12_servers_mark_what_is_below_them() {
    for (max, marked) in [(Version::Dtls12, false), (Version::Dtls13, true)] {
        let mut server = config(1);
        server.max_version = max;
        let mut pair = Pair::new(only(config(0), Version::Dtls12), server, 1, Link::default());
        pair.step();
        let mut out = Vec::new();
        pair.ends[SERVER].poll_transmit(pair.now, &mut out).unwrap();
        let random = &out[13 + 12 + 2..][..32];
        assert_eq!(random.ends_with(b"DOWNGRD\x01"), marked);
        pair.carry(SERVER, &out);
        pair.connect();
    }
}

#[test]
fn the_servers_order_of_srtp_profiles_counts() {
    use SrtpProfile::{AeadAes128Gcm, AeadAes256Gcm, Aes128CmSha1_32, Aes128CmSha1_80};
    let all = [Aes128CmSha1_32, Aes128CmSha1_80, AeadAes128Gcm, AeadAes256Gcm];
    for version in [Version::Dtls12, Version::Dtls13] {
        for profile in all {
            let (mut client, mut server) = (only(config(0), version), config(1));
            client.srtp_profiles = all.to_vec();
            server.srtp_profiles = [&[profile][..], &all].concat();
            let mut pair = Pair::new(client, server, 1, Link::default());
            pair.connect();
            pair.check();
            let keys = pair.ends[CLIENT].srtp_keying_material().unwrap();
            assert_eq!(keys.profile, profile);
            assert_eq!(
                (keys.local_key.len(), keys.local_salt.len()),
                (profile.key_len(), profile.salt_len())
            );
        }
        // Nothing in common is no failure: there is just no SRTP.
        let (mut client, mut server) = (only(config(0), version), config(1));
        client.srtp_profiles = vec![Aes128CmSha1_32];
        server.srtp_profiles = vec![AeadAes128Gcm];
        let mut pair = Pair::new(client, server, 1, Link::default());
        pair.connect();
        assert_eq!(pair.ends[CLIENT].info().unwrap().srtp_profile, None);
    }
}

/// RFC 6347, section 4.2.7: alerts get lost, too. Who goes on is told again, but not for ever.
#[test]
fn a_peer_that_missed_the_end_is_told_again() {
    for version in [Version::Dtls12, Version::Dtls13] {
        for end in [CLIENT, SERVER] {
            let mut pair = Pair::new(only(config(0), version), config(1), 1, Link::default());
            pair.connect();
            let now = pair.now;
            pair.ends[end].close(now);
            pair.muted[end] = true;
            pair.settle();
            pair.muted[end] = false;
            assert!(pair.ends[1 - end].is_connected());
            pair.now += Duration::from_secs(1);
            let record = pair.write(1 - end, b"still here?");
            pair.carry(1 - end, &record);
            pair.settle();
            assert_eq!(pair.events[1 - end].last(), Some(&Event::Closed { reason: CloseReason::Peer }));

            let mut pair = Pair::new(only(config(0), version), config(1), 1, Link::default());
            pair.connect();
            let now = pair.now;
            pair.ends[end].close(now);
            pair.muted[end] = true;
            let sent = pair.sent[end];
            for _ in 0..100 {
                pair.now += Duration::from_secs(1);
                let record = pair.write(1 - end, b"still here?");
                // Twice: a replay is nobody's word.
                pair.carry(1 - end, &record);
                pair.carry(1 - end, &record);
                pair.settle();
            }
            assert_eq!(pair.sent[end] - sent, 1 + 8);
        }
    }
}
