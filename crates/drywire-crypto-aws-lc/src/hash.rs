use aws_lc_rs::digest;
use drywire_crypto::{Digest, HashAlgorithm, Hasher, HmacKey};
use hmac::digest::block_api::EagerHash;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Sha256, Sha384, Sha512};

use crate::hmac_sha1::HmacSha1;

struct Hash(digest::Context);

fn context(algorithm: HashAlgorithm) -> digest::Context {
    digest::Context::new(match algorithm {
        HashAlgorithm::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        HashAlgorithm::Sha384 => &digest::SHA384,
        HashAlgorithm::Sha512 => &digest::SHA512,
        _ => &digest::SHA256,
    })
}

pub(crate) fn hasher(algorithm: HashAlgorithm) -> Box<dyn Hasher> {
    Box::new(Hash(context(algorithm)))
}

pub(crate) fn digest(algorithm: HashAlgorithm, parts: &[&[u8]]) -> Digest {
    let mut context = context(algorithm);
    for part in parts {
        context.update(part);
    }
    Digest::new(context.finish().as_ref())
}

impl Hasher for Hash {
    fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn digest(&self) -> Digest {
        Digest::new(self.0.clone().finish().as_ref())
    }
}

/// An HMAC key: the states after the inner and outer padded key, which a signature starts from copies of.
struct Key<D: EagerHash>(Hmac<D>);

impl<D: EagerHash> Key<D> {
    fn new(key: &[u8]) -> Self {
        // A key that is longer than a block is hashed, a shorter one is followed by zeros (RFC 2104, section 2).
        let mut block = hmac::digest::Key::<Hmac<D>>::default();
        let hashed = (key.len() > block.len()).then(|| D::digest(key));
        let key = hashed.as_ref().map_or(key, |hash| hash.as_slice());
        for (to, from) in block.iter_mut().zip(key) {
            *to = *from;
        }
        Self(Hmac::new(&block))
    }
}

impl<D: EagerHash> HmacKey for Key<D>
where
    Hmac<D>: Send + Sync,
{
    fn sign(&self, parts: &[&[u8]]) -> Digest {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        Digest::new(&mac.finalize().into_bytes())
    }
}

pub(crate) fn hmac_key(algorithm: HashAlgorithm, key: &[u8]) -> Box<dyn HmacKey> {
    match algorithm {
        HashAlgorithm::Sha1 => Box::new(HmacSha1::new(key)),
        HashAlgorithm::Sha384 => Box::new(Key::<Sha384>::new(key)),
        HashAlgorithm::Sha512 => Box::new(Key::<Sha512>::new(key)),
        _ => Box::new(Key::<Sha256>::new(key)),
    }
}

pub(crate) fn with_hmac_key(algorithm: HashAlgorithm, key: &[u8], work: &mut dyn FnMut(&dyn HmacKey)) {
    match algorithm {
        HashAlgorithm::Sha1 => work(&HmacSha1::new(key)),
        HashAlgorithm::Sha384 => work(&Key::<Sha384>::new(key)),
        HashAlgorithm::Sha512 => work(&Key::<Sha512>::new(key)),
        _ => work(&Key::<Sha256>::new(key)),
    }
}

pub(crate) fn hmac(algorithm: HashAlgorithm, key: &[u8], parts: &[&[u8]]) -> Digest {
    match algorithm {
        HashAlgorithm::Sha1 => HmacSha1::new(key).sign(parts),
        HashAlgorithm::Sha384 => Key::<Sha384>::new(key).sign(parts),
        HashAlgorithm::Sha512 => Key::<Sha512>::new(key).sign(parts),
        _ => Key::<Sha256>::new(key).sign(parts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drywire_crypto::hkdf;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn digests_of_abc() {
        let cases = [
            (HashAlgorithm::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (HashAlgorithm::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ];
        for (algorithm, expected) in cases {
            let mut hash = hasher(algorithm);
            hash.update(b"a");
            assert_eq!(hash.digest(), digest(algorithm, &[b"a"]));
            hash.update(b"bc");
            assert_eq!(hex(hash.digest().as_bytes()), expected);
            assert_eq!(hash.digest(), digest(algorithm, &[b"ab", b"", b"c"]));
        }
    }

    #[test]
    fn hmac_of_rfc_2202_and_rfc_4231() {
        let sha1 = hmac_key(HashAlgorithm::Sha1, b"Jefe").sign(&[b"what do ya want ", b"for nothing?"]);
        assert_eq!(hex(sha1.as_bytes()), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
        let sha256 = hmac_key(HashAlgorithm::Sha256, b"Jefe").sign(&[b"what do ya want for nothing?"]);
        assert_eq!(
            hex(sha256.as_bytes()),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    /// Test cases 6 of RFC 4231: a key that is longer than a block.
    #[test]
    fn hmac_with_a_long_key() {
        let cases = [
            (HashAlgorithm::Sha256, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
            (
                HashAlgorithm::Sha384,
                "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952",
            ),
            (
                HashAlgorithm::Sha512,
                "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
            ),
        ];
        let message: &[&[u8]] = &[b"Test Using Larger Than Block-Size Key ", b"- Hash Key First"];
        for (algorithm, expected) in cases {
            let kept = hmac_key(algorithm, &[0xaa; 131]).sign(message);
            assert_eq!(hex(kept.as_bytes()), expected);
            assert_eq!(hmac(algorithm, &[0xaa; 131], message), kept);
            with_hmac_key(algorithm, &[0xaa; 131], &mut |key| assert_eq!(key.sign(message), kept));
        }
    }

    #[test]
    fn hkdf_of_rfc_5869_appendix_a() {
        let provider = crate::AwsLc;
        let salt: Vec<u8> = (0..13).collect();
        let info: Vec<u8> = (0xf0..0xfa).collect();
        let key = hkdf::extract(&provider, HashAlgorithm::Sha256, &salt, &[0x0b; 22]);
        assert_eq!(hex(key.as_bytes()), "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
        let mut out = [0; 42];
        let key = hmac_key(HashAlgorithm::Sha256, key.as_bytes());
        hkdf::expand(&*key, &[&info], &mut out).unwrap();
        let expected = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865";
        assert_eq!(hex(&out), expected);
        // A.3: no salt, no info.
        let key = hkdf::extract(&provider, HashAlgorithm::Sha256, &[], &[0x0b; 22]);
        assert_eq!(hex(key.as_bytes()), "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04");
        assert!(hkdf::expand(&*hmac_key(HashAlgorithm::Sha256, &[1]), &[], &mut [0; 256 * 32]).is_err());
    }
}
