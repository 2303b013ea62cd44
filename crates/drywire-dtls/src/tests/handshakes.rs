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
