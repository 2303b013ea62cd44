//! Certificates of all kinds, several of them, and none.

use drywire_crypto::{KeyAlgorithm, SignatureScheme};

use super::*;
use crate::{Alert, Authentication, CloseReason, State};

pub(super) fn rsa() -> Arc<CertifiedKey> {
    let (certificate, key) = (include_str!("data/rsa.pem"), include_str!("data/rsa_key.pem"));
    Arc::new(CertifiedKey::from_pem(&*provider(), certificate, key).unwrap())
}

pub(super) fn p384() -> Arc<CertifiedKey> {
    let key = provider().generate_signing_key(KeyAlgorithm::EcdsaP384).unwrap();
    let options = CertificateOptions::new(Duration::from_secs(1_750_000_000));
    Arc::new(CertifiedKey::self_signed_with(&*provider(), key, &options).unwrap())
}

fn with(certificates: &[&Arc<CertifiedKey>]) -> Config {
    let mut config = config(0);
    config.certificates = certificates.iter().map(|one| Arc::clone(one)).collect();
    config.groups = GROUPS.to_vec();
    config
}

/// Connects two ends that know all certificates of each other; says which ones they have shown.
#[track_caller]
fn shown(client: Config, server: Config) -> [Option<Vec<u8>>; 2] {
    let all = [client.certificates.clone(), server.certificates.clone()];
    let mut pair = Pair::strangers(client, server, 1, Link::default());
    for end in [CLIENT, SERVER] {
        let fingerprints = all[1 - end].iter().map(|one| one.fingerprint(&*provider())).collect();
        pair.ends[end].set_remote_fingerprints(pair.now, fingerprints);
    }
    pair.connect();
    pair.check();
    let certificates = [SERVER, CLIENT].map(|end| pair.ends[end].peer_certificate().map(<[u8]>::to_vec));
    for end in &pair.ends {
        assert_eq!(end.info().unwrap().peer_signature_scheme.is_some(), end.peer_certificate().is_some());
    }
    certificates
}

#[test]
fn every_kind_of_key_on_both_sides() {
    let all = [certificate(0), p384(), rsa()];
    for version in [Version::Dtls12, Version::Dtls13] {
        for client in &all {
            for server in &all {
                let (ours, theirs) = (only(with(&[client]), version), with(&[server]));
                let expected = [client, server].map(|one| Some(one.certificate().to_vec()));
                assert_eq!(shown(ours, theirs), expected);
            }
        }
    }
}

#[test]
fn every_scheme_signs_for_its_key() {
    for version in [Version::Dtls12, Version::Dtls13] {
        for (certificate, other) in [(certificate(0), p384()), (p384(), certificate(0)), (rsa(), rsa())] {
            for scheme in SignatureScheme::ALL {
                let (mut client, server) = (only(with(&[&other]), version), with(&[&certificate]));
                client.signature_schemes = vec![scheme];
                let fingerprint = |one: &CertifiedKey| vec![one.fingerprint(&*provider())];
                let mut pair = Pair::strangers(client, server, 1, Link::default());
                pair.ends[CLIENT].set_remote_fingerprints(pair.now, fingerprint(&certificate));
                pair.ends[SERVER].set_remote_fingerprints(pair.now, fingerprint(&other));
                let key = certificate.key().algorithm();
                // In DTLS 1.2 a scheme of ECDSA says nothing of the curve (RFC 5246, section 7.4.1.4.1).
                let fits = match version {
                    Version::Dtls12 => scheme.fits(key),
                    Version::Dtls13 => scheme.key_algorithm() == key && !scheme.is_pkcs1(),
                };
                if fits {
                    pair.connect();
                    assert_eq!(pair.ends[CLIENT].info().unwrap().peer_signature_scheme, Some(scheme));
                } else {
                    pair.run_until(|_| false);
                    // Schemes that this version has none of are not even offered.
                    assert!(pair.ends.iter().all(|end| !end.is_connected()), "{version} {key:?} {scheme:?}");
                    assert_eq!(pair.ends[CLIENT].state(), State::Failed);
                }
            }
        }
    }
}

#[test]
fn the_first_certificate_that_fits_is_shown() {
    let (p256, p384, rsa) = (certificate(0), p384(), rsa());
    for version in [Version::Dtls12, Version::Dtls13] {
        let server = with(&[&rsa, &p384, &p256]);
        let client = || only(with(&[&p256]), version);
        assert_eq!(shown(client(), server.clone())[1].as_deref(), Some(rsa.certificate()));
        // The schemes of the client decide.
        let mut choosy = client();
        choosy.signature_schemes = vec![SignatureScheme::EcdsaP256Sha256];
        choosy.groups = vec![NamedGroup::X25519, NamedGroup::Secp256r1];
        assert_eq!(shown(choosy, server.clone())[1].as_deref(), Some(p256.certificate()));
        // And so do those of the server for the client's certificate.
        let mut choosy = with(&[&p256]);
        choosy.signature_schemes = vec![SignatureScheme::RsaPssSha256];
        let client = only(with(&[&p384, &rsa]), version);
        assert_eq!(shown(client, choosy)[0].as_deref(), Some(rsa.certificate()));
    }
    // In DTLS 1.2 the suites decide, too: the client offers ECDHE_RSA only, then ECDHE_ECDSA only.
    for (suite, expected) in
        [(CipherSuite::EcdheRsaAes256GcmSha384, &rsa), (CipherSuite::EcdheEcdsaAes128GcmSha256, &p384)]
    {
        let mut client = only(with(&[&p256]), Version::Dtls12);
        client.cipher_suites = vec![suite];
        let server = with(&[&rsa, &p384, &p256]);
        let server =
            if expected.key().algorithm() == KeyAlgorithm::Rsa { with(&[&p384, &rsa]) } else { server };
        assert_eq!(shown(client, server)[1].as_deref(), Some(expected.certificate()));
    }
}

#[test]
fn a_certificate_on_a_curve_that_the_client_does_not_know_is_not_shown() {
    let mut client = only(config(0), Version::Dtls12);
    client.groups = vec![NamedGroup::X25519, NamedGroup::Secp256r1];
    let mut pair = Pair::new(client, with(&[&p384()]), 1, Link::default());
    pair.run_until(|_| false);
    let reason = CloseReason::Incompatible(Alert::HANDSHAKE_FAILURE);
    assert_eq!(pair.events[SERVER], [Event::Closed { reason }]);
}

#[test]
fn every_suite_of_rsa() {
    for suite in CipherSuite::ALL
        .into_iter()
        .filter(|suite| suite.version() == Version::Dtls12 && suite.fits(KeyAlgorithm::Rsa))
    {
        let mut client = only(config(0), Version::Dtls12);
        client.cipher_suites = vec![suite];
        shown(client, with(&[&rsa()]));
    }
}

#[test]
fn a_server_may_ask_for_no_certificate() {
    for version in [Version::Dtls12, Version::Dtls13] {
        for certificates in [vec![], vec![certificate(0)]] {
            let mut client = only(config(0), version);
            client.certificates = certificates;
            let mut server = config(1);
            server.authentication = Authentication::ServerOnly;
            let [ours, theirs] = shown(client, server);
            assert_eq!(ours, None);
            assert_eq!(theirs.as_deref(), Some(certificate(1).certificate()));
        }
    }
}

#[test]
fn a_server_may_take_clients_without_a_certificate() {
    for version in [Version::Dtls12, Version::Dtls13] {
        for certificates in [vec![], vec![certificate(0)]] {
            let mut client = only(config(0), version);
            client.certificates.clone_from(&certificates);
            let mut server = config(1);
            server.authentication = Authentication::ClientOptional;
            let [ours, _] = shown(client, server);
            assert_eq!(ours.as_deref(), certificates.first().map(|one| one.certificate()));
        }
    }
}

/// Attack C09: a client that has no certificate, or says that it has none.
#[test]
fn c09_a_client_without_a_certificate_is_refused() {
    for (version, alert) in
        [(Version::Dtls12, Alert::HANDSHAKE_FAILURE), (Version::Dtls13, Alert::CERTIFICATE_REQUIRED)]
    {
        let mut client = only(config(0), version);
        client.certificates.clear();
        let mut pair = Pair::new(client, config(1), 1, Link::default());
        pair.run_until(|pair| pair.ends[SERVER].state() == State::Failed);
        assert_eq!(pair.events[SERVER], [Event::Closed { reason: CloseReason::Misbehaved(alert) }]);
        assert!(pair.ends[SERVER].info().is_none());
        pair.settle();
        assert_eq!(pair.ends[CLIENT].state(), State::Failed);
    }
}

#[test]
fn a_server_without_a_certificate_refuses_all() {
    for version in [Version::Dtls12, Version::Dtls13] {
        let mut server = config(1);
        server.certificates.clear();
        let mut pair = Pair::new(only(config(0), version), server, 1, Link::default());
        pair.run_until(|pair| pair.ends[SERVER].state() == State::Failed);
        let reason = CloseReason::Incompatible(Alert::HANDSHAKE_FAILURE);
        assert_eq!(pair.events[SERVER], [Event::Closed { reason }]);
    }
}
