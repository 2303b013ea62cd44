use drywire_crypto::{HashAlgorithm, Provider};

use crate::hex;

/// Every hash function.
pub(crate) const ALL: [HashAlgorithm; 4] =
    [HashAlgorithm::Sha1, HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512];

/// A key, a message, and the codes with each of the four hash functions.
type Case = (&'static [u8], &'static [u8], [&'static str; 4]);

/// RFC 4231, cases 1, 2, 3, 6 and 7; RFC 2202 has the first three for SHA-1.
const HMAC: &[Case] = &[
    (
        &[0x0b; 20],
        b"Hi There",
        [
            "b617318655057264e28bc0b6fb378c8ef146be00",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
            "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
        ],
    ),
    (
        b"Jefe",
        b"what do ya want for nothing?",
        [
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
        ],
    ),
    (
        &[0xaa; 20],
        &[0xdd; 50],
        [
            "125d7342b9ac11cd91a39af48aa17b4f63f175d3",
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            "88062608d3e6ad8a0aa2ace014c8a86f0aa635d947ac9febe83ef4e55966144b2a5ab39dc13814b94e3ab6e101a34f27",
            "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb",
        ],
    ),
    (
        &[0xaa; 131],
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        [
            "90d0dace1c1bdc957339307803160335bde6df2b",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952",
            "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
        ],
    ),
    (
        &[0xaa; 131],
        b"This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.",
        [
            "217e44bb08b6e06a2d6c30f3cb9f537f97c63356",
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            "6617178e941f020d351e2f254e8fd32c602420feb0b8fb9adccebb82461e99c5a678cc31e799176d3860e6110c46523e",
            "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944b6022cac3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58",
        ],
    ),
];

/// FIPS 180-4: the digests of nothing, and of `abc`.
const DIGESTS: [(&[u8], [&str; 4]); 2] = [
    (
        b"",
        [
            "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b",
            "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
        ],
    ),
    (
        b"abc",
        [
            "a9993e364706816aba3e25717850c26c9cd0d89d",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ],
    ),
];

/// Digests, in one piece and in parts, with more added after a digest was taken.
///
/// # Panics
///
/// Where the provider is wrong.
pub fn hashes(provider: &dyn Provider) {
    for (message, digests) in DIGESTS {
        for (algorithm, expected) in ALL.into_iter().zip(digests) {
            let digest = provider.digest(algorithm, &[message]);
            assert_eq!(digest.as_bytes(), hex(expected), "{algorithm:?} of {message:?}");
            assert_eq!(digest.as_bytes().len(), algorithm.output_len());
        }
    }
    for algorithm in ALL {
        let message: Vec<u8> = (0..=255).cycle().take(1000).collect();
        let whole = provider.digest(algorithm, &[&message]);
        for split in [0, 1, 63, 64, 65, 111, 112, 127, 128, 129, 999, 1000] {
            let (head, tail) = message.split_at(split);
            assert_eq!(
                provider.digest(algorithm, &[head, &[], tail]),
                whole,
                "{algorithm:?} split at {split}"
            );
            let mut hasher = provider.hasher(algorithm);
            hasher.update(head);
            let first = hasher.digest();
            assert_eq!(first, provider.digest(algorithm, &[head]), "{algorithm:?} of the first {split}");
            assert_eq!(hasher.digest(), first, "{algorithm:?}: taking a digest changes nothing");
            hasher.update(tail);
            assert_eq!(hasher.digest(), whole, "{algorithm:?} goes on after a digest at {split}");
        }
    }
}

/// HMAC: RFC 2202 and RFC 4231, keys of every length, messages in parts.
///
/// # Panics
///
/// Where the provider is wrong.
pub fn hmac(provider: &dyn Provider) {
    for (key, message, codes) in HMAC {
        for (algorithm, expected) in ALL.into_iter().zip(codes) {
            let key = provider.hmac_key(algorithm, key);
            for split in 0..message.len() {
                let (head, tail) = message.split_at(split);
                assert_eq!(key.sign(&[head, tail]).as_bytes(), hex(expected), "HMAC with {algorithm:?}");
            }
        }
    }
    for algorithm in ALL {
        // A key is padded with zeros, so an empty one is the same as zeros; one longer than a block is hashed first.
        let empty = provider.hmac_key(algorithm, &[]);
        assert_eq!(empty.sign(&[]), provider.hmac_key(algorithm, &[0; 64]).sign(&[&[], &[]]));
        for len in [63, 64, 65, 127, 128, 129, 300] {
            let key = vec![7; len];
            let code = provider.hmac_key(algorithm, &key).sign(&[b"message"]);
            let block =
                if matches!(algorithm, HashAlgorithm::Sha1 | HashAlgorithm::Sha256) { 64 } else { 128 };
            let hashed = provider.digest(algorithm, &[&key]);
            let same = code == provider.hmac_key(algorithm, hashed.as_bytes()).sign(&[b"message"]);
            assert_eq!(same, len > block, "{algorithm:?} with a key of {len} bytes");
        }
        // One key, many signatures.
        let key = provider.hmac_key(algorithm, b"key");
        assert_eq!(key.sign(&[b"one"]), key.sign(&[b"o", b"ne"]));
        assert_ne!(key.sign(&[b"one"]), key.sign(&[b"two"]));
    }
}
