//! The backend in pure Rust against the default one, and by itself: all that a connection asks of them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use drywire::crypto::{KeyAlgorithm, NamedGroup};
use drywire::jsep::{MediaKind, TransceiverInit};
use drywire::rtp::{PayloadType, SequenceNumber};
use drywire::{Config, RtpPacket, dtls};

use crate::harness::{call_with, config, config_of, connected, open, pass, text};

const PROFILES: [dtls::SrtpProfile; 4] = [
    dtls::SrtpProfile::Aes128CmSha1_80,
    dtls::SrtpProfile::Aes128CmSha1_32,
    dtls::SrtpProfile::AeadAes128Gcm,
    dtls::SrtpProfile::AeadAes256Gcm,
];

fn rust() -> Config {
    config_of(drywire_crypto_rust::provider())
}

/// A connection with data and media both ways.
fn call(
    mut offerer: Config,
    mut answerer: Config,
    change: impl Fn(&mut dtls::Config),
    seed: u8,
) -> dtls::ConnectionInfo {
    change(offerer.dtls_mut());
    change(answerer.dtls_mut());
    let (mut network, offering, answering, (channel, audio)) =
        call_with(&Arc::new(offerer), &Arc::new(answerer), [seed; 32], |peer, now| {
            let init = TransceiverInit::default();
            let audio = peer.connection.add_transceiver(now, MediaKind::Audio, init).expect("a transceiver");
            (open(peer, now, "data", true), audio)
        });
    connected(&mut network, offering);
    connected(&mut network, answering);
    let now = network.now();
    network[offering].send(now, channel, text("there and back"));
    let packet = RtpPacket {
        payload_type: PayloadType::new(111).expect("that of Opus"),
        marker: false,
        sequence_number: SequenceNumber(1),
        timestamp: 960,
        extensions: Default::default(),
        payload: Bytes::from_static(&[9; 100]),
    };
    network[offering].connection.write_rtp(now, audio, packet.clone()).expect("room");
    pass(&mut network, Duration::from_secs(1));
    assert_eq!(network[offering].messages(channel), [text("there and back")]);
    assert_eq!(network[offering].packets, [(audio, packet)]);
    network[offering].connection.stats().dtls.expect("connected")
}

#[test]
fn all_versions_groups_suites_and_profiles_are_understood() {
    let groups =
        [NamedGroup::X25519MlKem768, NamedGroup::X25519, NamedGroup::Secp256r1, NamedGroup::Secp384r1];
    let mut seed = 0;
    for version in [dtls::Version::Dtls12, dtls::Version::Dtls13] {
        for group in groups {
            // The hybrid is for DTLS 1.3 only.
            if version == dtls::Version::Dtls12 && group == NamedGroup::X25519MlKem768 {
                continue;
            }
            for suite in config().dtls.cipher_suites.iter().filter(|suite| suite.version() == version) {
                let profile = PROFILES[usize::from(seed) % PROFILES.len()];
                let change = |dtls: &mut dtls::Config| {
                    (dtls.min_version, dtls.max_version) = (version, version);
                    // In DTLS 1.2 the curve of the certificate's key is among them, too (RFC 8422, section 5.1).
                    dtls.groups = vec![group, NamedGroup::Secp256r1];
                    dtls.groups.dedup();
                    dtls.cipher_suites = vec![*suite];
                    dtls.srtp_profiles = vec![profile];
                };
                // The names of suites of DTLS 1.2 for RSA keys need such keys.
                if !suite.fits(KeyAlgorithm::EcdsaP256) {
                    continue;
                }
                let info = match seed % 3 {
                    0 => call(rust(), config(), change, seed),
                    1 => call(config(), rust(), change, seed),
                    _ => call(rust(), rust(), change, seed),
                };
                assert_eq!((info.version, info.cipher_suite, info.group), (version, *suite, group));
                assert_eq!(info.srtp_profile, Some(profile));
                seed += 1;
            }
        }
    }
    assert!(seed >= 12, "{seed} connections");
}
