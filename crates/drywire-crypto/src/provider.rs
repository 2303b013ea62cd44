use std::fmt;
use std::sync::Arc;

use crate::{
    AeadAlgorithm, AeadKey, CtrAlgorithm, CtrKey, Digest, HashAlgorithm, Hasher, HmacKey, InvalidKey,
    KeyAlgorithm, KeyExchangeError, MaskKey, NamedGroup, PendingKeyExchange, PublicKey, RandomError, Secret,
    SignatureScheme, SigningKey, VerifyError,
};

/// A cryptographic library, as drywire uses it.
///
/// A provider has no state that a connection could change, and runs no self-test and no public-key operation on
/// construction. One `Arc<dyn Provider>` serves the whole process.
///
/// What is used for many packets is an object that is prepared once; what is used once takes and gives bytes. Methods
/// with a body are there to be replaced by what is faster; what they do by themselves is right.
pub trait Provider: fmt::Debug + Send + Sync + 'static {
    /// Fills `bytes` with randomness fit for keys.
    fn random(&self, bytes: &mut [u8]) -> Result<(), RandomError>;

    /// Starts a hash.
    fn hasher(&self, algorithm: HashAlgorithm) -> Box<dyn Hasher>;

    /// The digest of the concatenation of `parts`.
    fn digest(&self, algorithm: HashAlgorithm, parts: &[&[u8]]) -> Digest {
        let mut hasher = self.hasher(algorithm);
        for part in parts {
            hasher.update(part);
        }
        hasher.digest()
    }

    /// Prepares an HMAC key of any length, to be kept.
    fn hmac_key(&self, algorithm: HashAlgorithm, key: &[u8]) -> Box<dyn HmacKey>;

    /// Prepares an HMAC key for as long as `work` lasts, which is called once. Key schedules use dozens of keys for a few
    /// calls each: a provider that can keep a key on the stack saves their allocation here.
    fn with_hmac_key(&self, algorithm: HashAlgorithm, key: &[u8], work: &mut dyn FnMut(&dyn HmacKey)) {
        work(&*self.hmac_key(algorithm, key));
    }

    /// The authentication code of the concatenation of `parts`, under a key that is used once.
    fn hmac(&self, algorithm: HashAlgorithm, key: &[u8], parts: &[&[u8]]) -> Digest {
        self.hmac_key(algorithm, key).sign(parts)
    }

    /// Prepares the key of an authenticated cipher.
    fn aead_key(&self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn AeadKey>, InvalidKey>;

    /// Prepares a key for counter mode.
    fn ctr_key(&self, algorithm: CtrAlgorithm, key: &[u8]) -> Result<Box<dyn CtrKey>, InvalidKey>;

    /// Prepares the key that masks record numbers of connections encrypted with `algorithm`.
    fn mask_key(&self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn MaskKey>, InvalidKey>;

    /// Starts a key exchange: makes our share. The client's side.
    fn start_key_exchange(&self, group: NamedGroup) -> Result<Box<dyn PendingKeyExchange>, KeyExchangeError>;

    /// Answers the peer's share with ours, which is appended to `share`, and gives the secret. The server's side: with
    /// a KEM our share is the ciphertext.
    fn answer_key_exchange(
        &self,
        group: NamedGroup,
        peer_share: &[u8],
        share: &mut Vec<u8>,
    ) -> Result<Secret, KeyExchangeError>;

    /// Generates a private key for signatures.
    fn generate_signing_key(&self, algorithm: KeyAlgorithm) -> Result<Arc<dyn SigningKey>, InvalidKey>;

    /// Loads a private key from PKCS #8 DER.
    fn load_signing_key(
        &self,
        algorithm: KeyAlgorithm,
        pkcs8: &[u8],
    ) -> Result<Arc<dyn SigningKey>, InvalidKey>;

    /// Verifies a signature over `message`. The scheme must [fit](SignatureScheme::fits) the key; a scheme of ECDSA says
    /// the hash function, and the key says the curve: whether the two may differ is for the caller to know.
    fn verify(
        &self,
        scheme: SignatureScheme,
        key: &PublicKey<'_>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), VerifyError>;
}
