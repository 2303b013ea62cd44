//! All vectors of project Wycheproof for the primitives that drywire uses, without an exception.
//!
//! A vector that is *valid* must be accepted with its result, and one that is *invalid* refused. Of those that are only
//! *acceptable* drywire accepts or refuses each kind on purpose:
//!
//! | primitive | vectors | here |
//! |---|---|---|
//! | X25519 | points of small order, where the secret is zeros | refused (RFC 8446, section 7.4.2) |
//! | X25519 | points on the twist, numbers that are not reduced | accepted (RFC 7748, section 5) |
//! | ECDH | compressed points | refused (RFC 8446, section 4.2.8.2) |
//! | RSA PKCS #1 | hash identifiers without their NULL | refused (RFC 8017, section 9.2, wants it) |
//!
//! Vectors that do not fit through the traits are left out and are not counted: nonces other than 96 bits, tags other than
//! 128 bits, AES-192, hash functions and salts that no signature scheme of TLS has, keys of RSA with parameters, and
//! ML-KEM keys in expanded form. Of groups with salts or keys that are never accepted only the vectors that are valid
//! otherwise are run: they must be refused. There are none for AES in counter mode: RFC 3711, appendix B.2, is in the suite.
//!
//! Each function returns how many vectors it ran, and panics at the first that fails, or when a set had none.

use drywire_crypto::{
    AeadAlgorithm, HashAlgorithm, KeyAlgorithm, KeyExchangeError, NamedGroup, Provider, PublicKey,
    SignatureScheme, hkdf as kdf,
};
use wycheproof::{HashFunction, TestResult};

use crate::KnownKeys;
use crate::key_exchange::answer;

/// So many vectors of a set were run: some, that is.
fn ran(set: &dyn std::fmt::Debug, count: usize) -> usize {
    assert!(count > 0, "no vector of {set:?} was run");
    count
}

/// All vectors that go through a provider.
///
/// # Panics
///
/// Where the provider is wrong.
pub fn check(provider: &dyn Provider) -> usize {
    aead(provider)
        + hmac(provider)
        + hkdf(provider)
        + ran(&"shares", shares(provider))
        + ecdsa(provider)
        + ran(&"Ed25519", eddsa(provider))
        + ran(&"RSA", rsa(provider))
}

/// AES-GCM and ChaCha20-Poly1305: sealing and opening.
///
/// # Panics
///
/// Where the provider is wrong.
pub fn aead(provider: &dyn Provider) -> usize {
    use wycheproof::aead::{TestName, TestSet};
    let mut total = 0;
    for name in [TestName::AesGcm, TestName::ChaCha20Poly1305] {
        let mut count = 0;
        for group in TestSet::load(name).expect("vectors").test_groups {
            let algorithm = match (name, group.key_size) {
                (TestName::AesGcm, 128) => AeadAlgorithm::Aes128Gcm,
                (TestName::AesGcm, 256) => AeadAlgorithm::Aes256Gcm,
                (TestName::ChaCha20Poly1305, 256) => AeadAlgorithm::ChaCha20Poly1305,
                _ => continue,
            };
            if group.nonce_size != 96 || group.tag_size != 128 {
                continue;
            }
            for test in group.tests {
                let key = provider.aead_key(algorithm, &test.key).expect("a key of the right length");
                let nonce = test.nonce[..].try_into().expect("twelve bytes");
                let mut buffer = [&test.ct[..], &test.tag].concat();
                let opened = key.open(&nonce, &test.aad, &mut buffer);
                let id = format!("{algorithm:?} {}: {}", test.tc_id, test.comment);
                if test.result == TestResult::Invalid {
                    assert!(opened.is_err(), "{id}");
                } else {
                    assert_eq!(opened.map(|len| buffer[..len].to_vec()), Ok(test.pt.to_vec()), "{id}");
                    let mut sealed = test.pt.to_vec();
                    let tag = key.seal(&nonce, &test.aad, &mut sealed).expect("a packet");
                    assert_eq!((&sealed[..], &tag[..]), (&test.ct[..], &test.tag[..]), "{id}");
                }
                count += 1;
            }
        }
        total += ran(&name, count);
    }
    total
}

/// HMAC with all four hash functions, tags that are cut off among them.
///
/// # Panics
///
/// Where the provider is wrong.
pub fn hmac(provider: &dyn Provider) -> usize {
    use wycheproof::mac::{TestName, TestSet};
    let sets = [
        (TestName::HmacSha1, HashAlgorithm::Sha1),
        (TestName::HmacSha256, HashAlgorithm::Sha256),
        (TestName::HmacSha384, HashAlgorithm::Sha384),
        (TestName::HmacSha512, HashAlgorithm::Sha512),
    ];
    let mut total = 0;
    for (name, algorithm) in sets {
        let mut count = 0;
        for test in
            TestSet::load(name).expect("vectors").test_groups.into_iter().flat_map(|group| group.tests)
        {
            let code = provider.hmac_key(algorithm, &test.key).sign(&[&test.msg]);
            assert_eq!(
                code.starts_with(&test.tag),
                !test.result.must_fail(),
                "HMAC with {algorithm:?} {}: {}",
                test.tc_id,
                test.comment
            );
            assert_eq!(code, provider.hmac(algorithm, &test.key, &[&test.msg]));
            count += 1;
        }
        total += ran(&name, count);
    }
    total
}

/// HKDF with all four hash functions, lengths that are too great among them.
///
/// # Panics
///
/// Where the provider is wrong.
pub fn hkdf(provider: &dyn Provider) -> usize {
    use wycheproof::hkdf::{TestName, TestSet};
    let sets = [
        (TestName::HkdfSha1, HashAlgorithm::Sha1),
        (TestName::HkdfSha256, HashAlgorithm::Sha256),
        (TestName::HkdfSha384, HashAlgorithm::Sha384),
        (TestName::HkdfSha512, HashAlgorithm::Sha512),
    ];
    let mut total = 0;
    for (name, algorithm) in sets {
        let mut count = 0;
        for test in
            TestSet::load(name).expect("vectors").test_groups.into_iter().flat_map(|group| group.tests)
        {
            let key = kdf::extract(provider, algorithm, &test.salt, &test.ikm);
            let key = provider.hmac_key(algorithm, key.as_bytes());
            let mut out = vec![0; test.size];
            let expanded = kdf::expand(&*key, &[&test.info], &mut out);
            let id = format!("HKDF with {algorithm:?} {}: {}", test.tc_id, test.comment);
            if test.result.must_fail() {
                assert!(expanded.is_err(), "{id}");
            } else {
                assert_eq!((expanded, &out[..]), (Ok(()), &test.okm[..]), "{id}");
            }
            count += 1;
        }
        total += ran(&name, count);
    }
    total
}

/// The shares of all key exchanges: which are accepted. What secret they give is for [`known_keys`].
///
/// # Panics
///
/// Where the provider is wrong.
pub fn shares(provider: &dyn Provider) -> usize {
    let mut count = 0;
    for vector in ecdh_vectors() {
        let both = [
            answer(provider, vector.group, &vector.public).map(|_| ()),
            provider
                .start_key_exchange(vector.group)
                .expect("a group")
                .complete(vector.group, &vector.public)
                .map(|_| ()),
        ];
        for result in both {
            let expected = if vector.secret.is_some() { Ok(()) } else { Err(KeyExchangeError::InvalidShare) };
            assert_eq!(result, expected, "{}", vector.id);
        }
        count += 1;
    }
    use wycheproof::mlkem::{TestName, TestSet};
    let point = provider.start_key_exchange(NamedGroup::X25519).expect("a group").share().to_vec();
    let tests = TestSet::load(TestName::MlKem768Encaps).expect("vectors").test_groups;
    for test in tests.into_iter().flat_map(|group| group.tests) {
        let key = test.encaps_key.expect("an encapsulation key");
        let share = [&key[..], &point].concat();
        let accepted = answer(provider, NamedGroup::X25519MlKem768, &share).is_ok();
        assert_eq!(accepted, !test.result.must_fail(), "ML-KEM-768 {}: {}", test.tc_id, test.comment);
        count += 1;
    }
    count
}

/// One exchange on a curve; without a secret where it must be refused.
struct Ecdh {
    group: NamedGroup,
    id: String,
    public: Vec<u8>,
    private: Vec<u8>,
    secret: Option<Vec<u8>>,
}

fn ecdh_vectors() -> Vec<Ecdh> {
    use wycheproof::ecdh::{TestFlag, TestName, TestSet};
    let mut vectors = Vec::new();
    let sets = [
        (TestName::EcdhSecp256r1Ecpoint, NamedGroup::Secp256r1),
        (TestName::EcdhSecp384r1Ecpoint, NamedGroup::Secp384r1),
    ];
    for (name, group) in sets {
        for test in
            TestSet::load(name).expect("vectors").test_groups.into_iter().flat_map(|group| group.tests)
        {
            let refused = test.result.must_fail() || test.flags.contains(&TestFlag::CompressedPoint);
            assert!(refused || test.result == TestResult::Valid, "another kind of acceptable vector");
            vectors.push(Ecdh {
                group,
                id: format!("{group} {}: {}", test.tc_id, test.comment),
                public: test.public_key.to_vec(),
                private: test.private_key.to_vec(),
                secret: (!refused).then(|| test.shared_secret.to_vec()),
            });
        }
    }
    use wycheproof::xdh::{TestFlag as XdhFlag, TestName as XdhName, TestSet as XdhSet};
    let tests = XdhSet::load(XdhName::X25519).expect("vectors").test_groups;
    for test in tests.into_iter().flat_map(|group| group.tests) {
        let refused = test.result.must_fail() || test.flags.contains(&XdhFlag::ZeroSharedSecret);
        vectors.push(Ecdh {
            group: NamedGroup::X25519,
            id: format!("X25519 {}: {}", test.tc_id, test.comment),
            public: test.public_key.to_vec(),
            private: test.private_key.to_vec(),
            secret: (!refused).then(|| test.shared_secret.to_vec()),
        });
    }
    vectors
}

/// The secrets of X25519, P-256, P-384 and ML-KEM-768.
///
/// # Panics
///
/// Where the backend is wrong.
pub fn known_keys(backend: &dyn KnownKeys) -> usize {
    let mut count = 0;
    for vector in ecdh_vectors() {
        let len = match vector.group {
            NamedGroup::Secp384r1 => 48,
            _ => 32,
        };
        // The vectors write numbers without their leading zeros, or with one too many.
        let private = if vector.group == NamedGroup::X25519 {
            vector.private
        } else {
            let digits = vector.private.iter().position(|byte| *byte != 0).unwrap_or(0);
            let digits = &vector.private[digits..];
            [&vec![0; len - digits.len()][..], digits].concat()
        };
        let secret = backend.agree(vector.group, &private, &vector.public);
        match vector.secret {
            Some(expected) => assert_eq!(secret, Ok(expected), "{}", vector.id),
            None => assert!(secret.is_err(), "{}", vector.id),
        }
        count += 1;
    }
    count + mlkem(backend)
}

fn mlkem(backend: &dyn KnownKeys) -> usize {
    use wycheproof::mlkem::{TestName, TestSet};
    let mut total = 0;
    for name in [TestName::MlKem768, TestName::MlKem768KeyGenSeed] {
        let mut count = 0;
        for test in
            TestSet::load(name).expect("vectors").test_groups.into_iter().flat_map(|group| group.tests)
        {
            let id = format!("{name:?} {}: {}", test.tc_id, test.comment);
            let seed = test.seed.expect("a seed");
            // A seed of another length does not fit through the trait.
            let Ok(seed) = <[u8; 64]>::try_from(&seed[..]) else {
                assert!(test.result.must_fail(), "{id}");
                continue;
            };
            assert!(test.encaps_key.is_some() || test.ct.is_some(), "{id}: nothing to compare");
            if let Some(key) = test.encaps_key {
                assert_eq!(backend.encapsulation_key(&seed), key.to_vec(), "{id}");
            }
            if let Some(ciphertext) = test.ct {
                let secret = backend.decapsulate(&seed, &ciphertext);
                if test.result.must_fail() {
                    assert!(secret.is_err(), "{id}");
                } else {
                    assert_eq!(secret, Ok(test.shared_secret.expect("a secret").to_vec()), "{id}");
                }
            }
            count += 1;
        }
        total += ran(&name, count);
    }
    total
}

/// ECDSA: P-256 with SHA-256, P-384 with SHA-256 and SHA-384.
///
/// # Panics
///
/// Where the provider is wrong.
pub fn ecdsa(provider: &dyn Provider) -> usize {
    use wycheproof::ecdsa::{TestName, TestSet};
    let sets = [
        (TestName::EcdsaSecp256r1Sha256, KeyAlgorithm::EcdsaP256, SignatureScheme::EcdsaP256Sha256),
        (TestName::EcdsaSecp384r1Sha256, KeyAlgorithm::EcdsaP384, SignatureScheme::EcdsaP256Sha256),
        (TestName::EcdsaSecp384r1Sha384, KeyAlgorithm::EcdsaP384, SignatureScheme::EcdsaP384Sha384),
    ];
    let mut total = 0;
    for (name, algorithm, scheme) in sets {
        let mut count = 0;
        for group in TestSet::load(name).expect("vectors").test_groups {
            let public = PublicKey { algorithm, bytes: &group.key.key };
            for test in &group.tests {
                let verified = provider.verify(scheme, &public, &test.msg, &test.sig);
                assert_ne!(test.result, TestResult::Acceptable, "no signature of ECDSA is merely acceptable");
                assert_eq!(
                    verified.is_ok(),
                    !test.result.must_fail(),
                    "{algorithm:?} with {scheme:?} {}: {}",
                    test.tc_id,
                    test.comment
                );
                count += 1;
            }
        }
        total += ran(&name, count);
    }
    total
}

/// Ed25519.
///
/// # Panics
///
/// Where the provider is wrong.
pub fn eddsa(provider: &dyn Provider) -> usize {
    use wycheproof::eddsa::{TestName, TestSet};
    let mut count = 0;
    for group in TestSet::load(TestName::Ed25519).expect("vectors").test_groups {
        let public = PublicKey { algorithm: KeyAlgorithm::Ed25519, bytes: &group.key.pk };
        for test in &group.tests {
            let verified = provider.verify(SignatureScheme::Ed25519, &public, &test.msg, &test.sig);
            assert_ne!(test.result, TestResult::Acceptable, "no signature of EdDSA is merely acceptable");
            assert_eq!(
                verified.is_ok(),
                !test.result.must_fail(),
                "Ed25519 {}: {}",
                test.tc_id,
                test.comment
            );
            count += 1;
        }
    }
    count
}

const fn hash(function: HashFunction) -> Option<HashAlgorithm> {
    match function {
        HashFunction::Sha2_256 => Some(HashAlgorithm::Sha256),
        HashFunction::Sha2_384 => Some(HashAlgorithm::Sha384),
        HashFunction::Sha2_512 => Some(HashAlgorithm::Sha512),
        _ => None,
    }
}

/// RSA with PKCS #1 and PSS, from 2,048 to 8,192 bits.
///
/// # Panics
///
/// Where the provider is wrong.
pub fn rsa(provider: &dyn Provider) -> usize {
    use wycheproof::rsa_pkcs1_verify::{TestName, TestSet};
    let mut count = 0;
    for name in TestName::all() {
        for group in TestSet::load(name).expect("vectors").test_groups {
            let scheme = match hash(group.hash) {
                Some(HashAlgorithm::Sha256) => SignatureScheme::RsaPkcs1Sha256,
                Some(HashAlgorithm::Sha384) => SignatureScheme::RsaPkcs1Sha384,
                Some(HashAlgorithm::Sha512) => SignatureScheme::RsaPkcs1Sha512,
                _ => continue,
            };
            let public = PublicKey { algorithm: KeyAlgorithm::Rsa, bytes: &group.asn_key };
            for test in &group.tests {
                let verified = provider.verify(scheme, &public, &test.msg, &test.sig);
                let valid = test.result == TestResult::Valid;
                assert_eq!(verified.is_ok(), valid, "{name:?} {}: {}", test.tc_id, test.comment);
                count += 1;
            }
        }
    }
    count + rsa_pss(provider)
}

fn rsa_pss(provider: &dyn Provider) -> usize {
    use wycheproof::rsa_pss_verify::{TestName, TestSet};
    let mut count = 0;
    for name in TestName::all() {
        // With parameters in the key, which TLS does not use: `rsa_pss_pss_*`, not `rsa_pss_rsae_*`.
        if format!("{name:?}").contains("WithParams") {
            continue;
        }
        for group in TestSet::load(name).expect("vectors").test_groups {
            let scheme = match hash(group.hash) {
                Some(HashAlgorithm::Sha256) => SignatureScheme::RsaPssSha256,
                Some(HashAlgorithm::Sha384) => SignatureScheme::RsaPssSha384,
                Some(HashAlgorithm::Sha512) => SignatureScheme::RsaPssSha512,
                _ => continue,
            };
            if group.mgf_hash.and_then(hash) != hash(group.hash) {
                continue;
            }
            let public = PublicKey { algorithm: KeyAlgorithm::Rsa, bytes: &group.asn_key };
            let ours = group.salt_size == scheme.hash().output_len() && group.key_size >= 2048;
            for test in &group.tests {
                let verified = provider.verify(scheme, &public, &test.msg, &test.sig);
                // A salt of another length makes a signature that TLS does not know; changed to ours, it is a good one.
                if !ours && test.result != TestResult::Valid {
                    continue;
                }
                let valid = ours && test.result == TestResult::Valid;
                assert_eq!(verified.is_ok(), valid, "{name:?} {}: {}", test.tc_id, test.comment);
                count += 1;
            }
        }
    }
    count
}
