use drywire_crypto::{Digest, HashAlgorithm, Hasher, HmacKey};
use hmac::digest::block_api::EagerHash;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

struct Hash<D>(D);

pub(crate) fn hasher(algorithm: HashAlgorithm) -> Box<dyn Hasher> {
    match algorithm {
        HashAlgorithm::Sha1 => Box::new(Hash(<Sha1 as sha1::Digest>::new())),
        HashAlgorithm::Sha384 => Box::new(Hash(<Sha384 as sha1::Digest>::new())),
        HashAlgorithm::Sha512 => Box::new(Hash(<Sha512 as sha1::Digest>::new())),
        _ => Box::new(Hash(<Sha256 as sha1::Digest>::new())),
    }
}

pub(crate) fn digest(algorithm: HashAlgorithm, parts: &[&[u8]]) -> Digest {
    match algorithm {
        HashAlgorithm::Sha1 => digest_with::<Sha1>(parts),
        HashAlgorithm::Sha384 => digest_with::<Sha384>(parts),
        HashAlgorithm::Sha512 => digest_with::<Sha512>(parts),
        _ => digest_with::<Sha256>(parts),
    }
}

fn digest_with<D: sha1::Digest>(parts: &[&[u8]]) -> Digest {
    let mut hash = D::new();
    for part in parts {
        hash.update(part);
    }
    Digest::new(&hash.finalize())
}

impl<D: sha1::Digest + Clone + Send + 'static> Hasher for Hash<D> {
    fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn digest(&self) -> Digest {
        Digest::new(&self.0.clone().finalize())
    }
}

/// HMAC with the states after the inner and outer padded key: a signature starts from copies of them. Wiped when
/// dropped.
struct Key<D: EagerHash>(Hmac<D>);

pub(crate) fn hmac_key(algorithm: HashAlgorithm, key: &[u8]) -> Box<dyn HmacKey> {
    match algorithm {
        HashAlgorithm::Sha1 => Box::new(Key::<Sha1>::new(key)),
        HashAlgorithm::Sha384 => Box::new(Key::<Sha384>::new(key)),
        HashAlgorithm::Sha512 => Box::new(Key::<Sha512>::new(key)),
        _ => Box::new(Key::<Sha256>::new(key)),
    }
}

pub(crate) fn with_hmac_key(algorithm: HashAlgorithm, key: &[u8], work: &mut dyn FnMut(&dyn HmacKey)) {
    match algorithm {
        HashAlgorithm::Sha1 => work(&Key::<Sha1>::new(key)),
        HashAlgorithm::Sha384 => work(&Key::<Sha384>::new(key)),
        HashAlgorithm::Sha512 => work(&Key::<Sha512>::new(key)),
        _ => work(&Key::<Sha256>::new(key)),
    }
}

impl<D: EagerHash> Key<D> {
    #[allow(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104, section 2)")]
    fn new(key: &[u8]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes keys of any length"))
    }
}

impl<D: EagerHash> HmacKey for Key<D>
where
    Hmac<D>: Send + Sync + Clone,
{
    fn sign(&self, parts: &[&[u8]]) -> Digest {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        Digest::new(&mac.finalize().into_bytes())
    }
}
