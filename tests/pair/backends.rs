//! The backend in pure Rust against the default one, and by itself: all that a connection asks of them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use drywire::crypto::{
    AeadAlgorithm, AeadKey, CtrAlgorithm, CtrKey, HashAlgorithm, Hasher, HmacKey, InvalidKey, KeyAlgorithm,
    KeyExchangeError, MaskKey, NamedGroup, PendingKeyExchange, Provider, PublicKey, RandomError, Secret,
    SignatureScheme, SigningKey, VerifyError,
};
use drywire::jsep::{DescriptionType, MediaKind, TransceiverInit};
use drywire::rtp::{PayloadType, SequenceNumber};
use drywire::{Config, RtpPacket, dtls};

use crate::harness::{Manner, Peer, call_with, config, config_of, connected, open, pass, text};

const PROFILES: [dtls::SrtpProfile; 4] = [
    dtls::SrtpProfile::Aes128CmSha1_80,
    dtls::SrtpProfile::Aes128CmSha1_32,
    dtls::SrtpProfile::AeadAes128Gcm,
    dtls::SrtpProfile::AeadAes256Gcm,
];

fn rust() -> Config {
    config_of(drywire_crypto_rust::provider())
}

/// A connection on which data and media go there and come back.
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
                for (offerer, answerer) in [(rust(), config()), (config(), rust()), (rust(), rust())] {
                    let info = call(offerer, answerer, change, seed);
                    assert_eq!((info.version, info.cipher_suite, info.group), (version, *suite, group));
                    assert_eq!(info.srtp_profile, Some(profile));
                }
                seed += 1;
            }
        }
    }
    assert_eq!(seed, 21, "three groups and three suites of DTLS 1.2, four and three of DTLS 1.3");
}

/// A backend that does what is cheap, and panics at keys: their generation, exchange, signatures and verification.
#[derive(Debug)]
struct Cheap(Arc<dyn Provider>);

const DEAR: &str = "nothing dear is done for a connection of which nothing came yet";

impl Provider for Cheap {
    fn random(&self, _: &mut [u8]) -> Result<(), RandomError> {
        panic!("{DEAR}");
    }

    fn hasher(&self, algorithm: HashAlgorithm) -> Box<dyn Hasher> {
        self.0.hasher(algorithm)
    }

    fn hmac_key(&self, algorithm: HashAlgorithm, key: &[u8]) -> Box<dyn HmacKey> {
        self.0.hmac_key(algorithm, key)
    }

    fn aead_key(&self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn AeadKey>, InvalidKey> {
        self.0.aead_key(algorithm, key)
    }

    fn ctr_key(&self, algorithm: CtrAlgorithm, key: &[u8]) -> Result<Box<dyn CtrKey>, InvalidKey> {
        self.0.ctr_key(algorithm, key)
    }

    fn mask_key(&self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn MaskKey>, InvalidKey> {
        self.0.mask_key(algorithm, key)
    }

    fn start_key_exchange(&self, _: NamedGroup) -> Result<Box<dyn PendingKeyExchange>, KeyExchangeError> {
        panic!("{DEAR}");
    }

    fn answer_key_exchange(
        &self,
        _: NamedGroup,
        _: &[u8],
        _: &mut Vec<u8>,
    ) -> Result<Secret, KeyExchangeError> {
        panic!("{DEAR}");
    }

    fn generate_signing_key(&self, _: KeyAlgorithm) -> Result<Arc<dyn SigningKey>, InvalidKey> {
        panic!("{DEAR}");
    }

    fn load_signing_key(&self, _: KeyAlgorithm, _: &[u8]) -> Result<Arc<dyn SigningKey>, InvalidKey> {
        panic!("{DEAR}");
    }

    fn verify(&self, _: SignatureScheme, _: &PublicKey<'_>, _: &[u8], _: &[u8]) -> Result<(), VerifyError> {
        panic!("{DEAR}");
    }
}

/// Sessions that come and go before they are used cost next to nothing, their offers and answers with them.
#[test]
fn no_keys_are_made_or_used_before_the_handshake() {
    let mut config = config();
    let cheap: Arc<dyn Provider> = Arc::new(Cheap(config.provider.clone()));
    config.ice.provider = cheap.clone();
    config.dtls_mut().provider = cheap.clone();
    config.provider = cheap;
    let config = Arc::new(config);
    let now = drywire_sim::origin();
    let mut offering = Peer::new(&config, Manner::Keep, 1, [1; 32], now);
    let mut answering = Peer::new(&config, Manner::Echo, 2, [2; 32], now);
    open(&mut offering, now, "data", true);
    let offer = offering.offer(now);
    let answer = answering.connection.accept_offer(now, &offer).expect("an answer");
    offering.take(now, DescriptionType::Answer, &answer);
}
