use aws_lc_rs::{digest, hmac as lc_hmac};
use drywire_crypto::{Digest, HashAlgorithm, Hasher, HmacKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

struct Hash(digest::Context);

pub(crate) fn hasher(algorithm: HashAlgorithm) -> Box<dyn Hasher> {
    let algorithm = match algorithm {
        HashAlgorithm::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        HashAlgorithm::Sha384 => &digest::SHA384,
        HashAlgorithm::Sha512 => &digest::SHA512,
        _ => &digest::SHA256,
    };
    Box::new(Hash(digest::Context::new(algorithm)))
}

impl Hasher for Hash {
    fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn digest(&self) -> Digest {
        Digest::new(self.0.clone().finish().as_ref())
    }

    fn fork(&self) -> Box<dyn Hasher> {
        Box::new(Self(self.0.clone()))
    }
}

struct LcKey(lc_hmac::Key);

/// HMAC-SHA1 with the states after the inner and outer padded key: a signature starts from copies of them.
struct Sha1Key(Hmac<Sha1>);

pub(crate) fn hmac_key(algorithm: HashAlgorithm, key: &[u8]) -> Box<dyn HmacKey> {
    let lc = match algorithm {
        HashAlgorithm::Sha1 => match Hmac::new_from_slice(key) {
            Ok(key) => return Box::new(Sha1Key(key)),
            // HMAC takes keys of any length.
            Err(_) => lc_hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        },
        HashAlgorithm::Sha384 => lc_hmac::HMAC_SHA384,
        HashAlgorithm::Sha512 => lc_hmac::HMAC_SHA512,
        _ => lc_hmac::HMAC_SHA256,
    };
    Box::new(LcKey(lc_hmac::Key::new(lc, key)))
}

impl HmacKey for LcKey {
    fn sign(&self, parts: &[&[u8]]) -> Digest {
        let mut context = lc_hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        Digest::new(context.sign().as_ref())
    }
}

impl HmacKey for Sha1Key {
    fn sign(&self, parts: &[&[u8]]) -> Digest {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        Digest::new(&mac.finalize().into_bytes())
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
            let fork = hash.fork();
            hash.update(b"bc");
            assert_eq!(hex(hash.digest().as_bytes()), expected);
            assert_ne!(fork.digest(), hash.digest());
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
