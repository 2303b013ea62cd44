use drywire_crypto::{AeadAlgorithm, CtrAlgorithm, Provider};

use crate::aead;
use crate::hex;

/// Counter mode: the keystreams of SRTP (RFC 3711, appendix B.2; RFC 6188, section 7.1), every length, the carry.
///
/// # Panics
///
/// Where the provider is wrong.
pub fn ctr(provider: &dyn Provider) {
    let cases = [
        (
            CtrAlgorithm::Aes128,
            "2b7e151628aed2a6abf7158809cf4f3c",
            "e03ead0935c95e80e166b16dd92b4eb4d23513162b02d0f72a43a2fe4a5f97ab41e95b3bb0a2e8dd477901e4fca894c0",
        ),
        (
            CtrAlgorithm::Aes256,
            "57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98",
            "92bdd28a93c3f52511c677d08b5515a49da71b2378a854f67050756ded165bac63c4868b7096d88421b563b8c94c9a31",
        ),
    ];
    for (algorithm, key, expected) in cases {
        let key = provider.ctr_key(algorithm, &hex(key)).expect("a key of the right length");
        let iv = hex("f0f1f2f3f4f5f6f7f8f9fafbfcfd0000").try_into().expect("sixteen bytes");
        let expected = hex(expected);
        for len in 0..=expected.len() {
            let mut buffer = vec![0; len];
            key.apply_keystream(&iv, &mut buffer);
            assert_eq!(buffer, expected[..len], "{algorithm:?}");
            key.apply_keystream(&iv, &mut buffer);
            assert_eq!(buffer, vec![0; len], "{algorithm:?} decrypts as it encrypts");
        }
        // The counter is the whole block: a carry goes up to the first byte and around.
        let mut joined = [0; 32];
        key.apply_keystream(&[0xff; 16], &mut joined);
        let (mut last, mut zero) = ([0; 16], [0; 16]);
        key.apply_keystream(&[0xff; 16], &mut last);
        key.apply_keystream(&[0; 16], &mut zero);
        assert_eq!(joined[..16], last, "{algorithm:?}");
        assert_eq!(joined[16..], zero, "{algorithm:?}: the counter wraps at 128 bits");
        for len in 0..=40 {
            let fits = provider.ctr_key(algorithm, &vec![1; len]).is_ok();
            assert_eq!(fits, len == algorithm.key_len(), "{algorithm:?} with a key of {len} bytes");
        }
    }
}

/// The masks over record numbers (RFC 9147, section 4.2.3), which are those that RFC 9001 shows in its appendix A.
///
/// # Panics
///
/// Where the provider is wrong.
pub fn masks(provider: &dyn Provider) {
    let cases = [
        (
            AeadAlgorithm::Aes128Gcm,
            "9f50449e04a0e810283a1e9933adedd2",
            "d1b1c98dd7689fb8ec11d242b123dc9b",
            "437b9aec36",
        ),
        // FIPS 197, appendix C.3.
        (
            AeadAlgorithm::Aes256Gcm,
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
            "00112233445566778899aabbccddeeff",
            "8ea2b7ca51",
        ),
        (
            AeadAlgorithm::ChaCha20Poly1305,
            "25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4",
            "5e5cd55c41f69080575d7999c25a5bfb",
            "aefefe7d03",
        ),
    ];
    for (algorithm, key, sample, expected) in cases {
        let key = provider.mask_key(algorithm, &hex(key)).expect("a key of the right length");
        let sample = hex(sample).try_into().expect("sixteen bytes");
        assert_eq!(key.mask(&sample).to_vec(), hex(expected), "{algorithm:?}");
        // The last block that a counter of 32 bits reaches is one like any other.
        assert_ne!(key.mask(&[0xff; 16]), [0; 5], "{algorithm:?}");
    }
    for algorithm in aead::ALL {
        for len in 0..=40 {
            let fits = provider.mask_key(algorithm, &vec![1; len]).is_ok();
            assert_eq!(fits, len == algorithm.key_len(), "{algorithm:?} with a key of {len} bytes");
        }
    }
}
