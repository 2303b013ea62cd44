use drywire_crypto::{KeyExchangeError, NamedGroup};

use crate::hex;

/// Key exchange with private keys that the caller gives: what vectors need and no session may ever have. A backend
/// implements it in its tests, over the same code as its provider where it can.
pub trait KnownKeys {
    /// The secret that `private` shares with the owner of `peer_share`. For X25519 `private` is 32 bytes, little-endian;
    /// for the NIST curves the number, big-endian and as long as the field. Never called with the hybrid group.
    fn agree(
        &self,
        group: NamedGroup,
        private: &[u8],
        peer_share: &[u8],
    ) -> Result<Vec<u8>, KeyExchangeError>;

    /// The encapsulation key of ML-KEM-768 that the seed (`d`, then `z`; FIPS 203, section 7.1) makes.
    fn encapsulation_key(&self, seed: &[u8; 64]) -> Vec<u8>;

    /// The secret in a ciphertext of ML-KEM-768.
    fn decapsulate(&self, seed: &[u8; 64], ciphertext: &[u8]) -> Result<Vec<u8>, KeyExchangeError>;
}

/// The vectors of RFC 7748 for X25519, the thousand rounds among them, and the exchange of RFC 8448.
///
/// # Panics
///
/// Where the backend is wrong.
pub fn known_keys(backend: &dyn KnownKeys) {
    // Section 5.2, section 6.1, and RFC 8448, section 3.
    let cases = [
        (
            "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
            "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
        ),
        (
            "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
            "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
        ),
        (
            "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
            "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
            "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742",
        ),
        (
            "49af42ba7f7994852d713ef2784bcbcaa7911de26adc5642cb634540e7ea5005",
            "c9828876112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f",
            "8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d",
        ),
    ];
    for (private, peer, expected) in cases {
        let secret = backend.agree(NamedGroup::X25519, &hex(private), &hex(peer)).expect("a good share");
        assert_eq!(secret, hex(expected), "X25519 of {peer}");
    }
    let mut base = vec![0; 32];
    base[0] = 9;
    let (mut private, mut peer) = (base.clone(), base);
    for round in 1..=1000 {
        let secret = backend.agree(NamedGroup::X25519, &private, &peer).expect("a good share");
        peer = std::mem::replace(&mut private, secret);
        if round == 1 {
            assert_eq!(private, hex("422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079"));
        }
    }
    assert_eq!(private, hex("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"));
}
