//! Attack C05: a nonce that is used twice with one key gives away plaintext and, with AES-GCM, the key of the tag.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use drywire_crypto::{
    AeadAlgorithm, AeadKey, CtrAlgorithm, CtrKey, HashAlgorithm, Hasher, HmacKey, InvalidKey, KeyAlgorithm,
    KeyExchangeError, MaskKey, Nonce, OpenError, PendingKeyExchange, PublicKey, RandomError, SealError,
    SignatureScheme, SigningKey, Tag, VerifyError,
};

use super::*;

/// The nonces that were used with each key.
type Used = Arc<Mutex<HashMap<Vec<u8>, HashSet<Nonce>>>>;

/// A provider that remembers what was sealed with it, and panics when a nonce comes again.
#[derive(Debug)]
struct Watchful {
    provider: Arc<dyn Provider>,
    used: Used,
}

struct WatchfulKey {
    key: Box<dyn AeadKey>,
    name: Vec<u8>,
    used: Used,
}

impl AeadKey for WatchfulKey {
    fn seal(&self, nonce: &Nonce, aad: &[u8], buffer: &mut [u8]) -> Result<Tag, SealError> {
        let mut used = self.used.lock().unwrap();
        // By the key itself: an end that derives it twice must not begin again.
        let nonces = match used.get_mut(&self.name) {
            Some(nonces) => nonces,
            None => used.entry(self.name.clone()).or_default(),
        };
        assert!(nonces.insert(*nonce), "a nonce was used twice");
        self.key.seal(nonce, aad, buffer)
    }

    fn open(&self, nonce: &Nonce, aad: &[u8], buffer: &mut [u8]) -> Result<usize, OpenError> {
        self.key.open(nonce, aad, buffer)
    }
}

impl Provider for Watchful {
    fn random(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        self.provider.random(bytes)
    }

    fn hasher(&self, algorithm: HashAlgorithm) -> Box<dyn Hasher> {
        self.provider.hasher(algorithm)
    }

    fn hmac_key(&self, algorithm: HashAlgorithm, key: &[u8]) -> Box<dyn HmacKey> {
        self.provider.hmac_key(algorithm, key)
    }

    fn aead_key(&self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn AeadKey>, InvalidKey> {
        let (name, used) = (key.to_vec(), Arc::clone(&self.used));
        Ok(Box::new(WatchfulKey { key: self.provider.aead_key(algorithm, key)?, name, used }))
    }

    fn ctr_key(&self, algorithm: CtrAlgorithm, key: &[u8]) -> Result<Box<dyn CtrKey>, InvalidKey> {
        self.provider.ctr_key(algorithm, key)
    }

    fn mask_key(&self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn MaskKey>, InvalidKey> {
        self.provider.mask_key(algorithm, key)
    }

    fn start_key_exchange(&self, group: NamedGroup) -> Result<Box<dyn PendingKeyExchange>, KeyExchangeError> {
        self.provider.start_key_exchange(group)
    }

    fn answer_key_exchange(
        &self,
        group: NamedGroup,
        peer_share: &[u8],
        share: &mut Vec<u8>,
    ) -> Result<drywire_crypto::Secret, KeyExchangeError> {
        self.provider.answer_key_exchange(group, peer_share, share)
    }

    fn generate_signing_key(&self, algorithm: KeyAlgorithm) -> Result<Arc<dyn SigningKey>, InvalidKey> {
        self.provider.generate_signing_key(algorithm)
    }

    fn load_signing_key(
        &self,
        algorithm: KeyAlgorithm,
        pkcs8: &[u8],
    ) -> Result<Arc<dyn SigningKey>, InvalidKey> {
        self.provider.load_signing_key(algorithm, pkcs8)
    }

    fn verify(
        &self,
        scheme: SignatureScheme,
        key: &PublicKey<'_>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), VerifyError> {
        self.provider.verify(scheme, key, message, signature)
    }
}

#[test]
fn c05_a_million_records_have_a_nonce_each() {
    let used = Used::default();
    let watchful: Arc<dyn Provider> = Arc::new(Watchful { provider: provider(), used: Arc::clone(&used) });
    let suites: Vec<_> = [Version::Dtls12, Version::Dtls13].into_iter().flat_map(suites).collect();
    let mut repeated = 0;
    for (at, suite) in (0_u64..).zip(&suites) {
        let (mut client, mut server) = (only(config(0), suite.version()), config(1));
        for config in [&mut client, &mut server] {
            config.provider = Arc::clone(&watchful);
            config.handshake_timeout = None;
            config.mtu = 300;
        }
        client.cipher_suites = vec![*suite];
        let mut pair = Pair::new(client, server, at, Link { loss: 30, duplicate: 20, jitter: 60 });
        pair.connect();
        let mut out = Vec::new();
        for round in 0..4 {
            for end in &mut pair.ends {
                for _ in 0..21_000 {
                    end.write(b"?", &mut out).unwrap();
                    out.clear();
                }
                // New keys in between, where there are any.
                if round < 3 {
                    end.update_keys();
                }
            }
            pair.settle();
        }
        repeated += pair.ends.iter().map(|end| end.stats().retransmissions).sum::<u64>();
    }
    let used = used.lock().unwrap();
    let sealed: usize = used.values().map(HashSet::len).sum();
    assert!(sealed > 1_000_000 && repeated > 10, "{sealed} {repeated}");
    // DTLS 1.3: two keys for the handshake and two for each of four epochs; one per side in DTLS 1.2.
    assert_eq!(used.len(), 3 * 2 + 3 * (2 + 2 * 4));
}
