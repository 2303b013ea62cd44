//! Key derivation (RFC 3711, section 4.3).

use drywire_crypto::{CtrAlgorithm, CtrKey, Provider};
use zeroize::Zeroizing;

use crate::{KeyError, Profile};

#[cfg(test)]
mod tests;

/// A key of AES-128 or AES-256: the length follows the master key's.
pub(crate) type CipherKey = Zeroizing<Vec<u8>>;

/// Prepares a key of either length for counter mode.
pub(crate) fn counter_mode_key(provider: &dyn Provider, key: &[u8]) -> Result<Box<dyn CtrKey>, KeyError> {
    let algorithm = match key.len() {
        32 => CtrAlgorithm::Aes256,
        _ => CtrAlgorithm::Aes128,
    };
    Ok(provider.ctr_key(algorithm, key)?)
}

/// What the derived keys are for (RFC 3711, section 4.3.2).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Use {
    Rtp,
    Rtcp,
}

/// The keys of one direction and one use.
pub(crate) struct SessionKeys {
    pub(crate) cipher_key: CipherKey,
    pub(crate) auth_key: Zeroizing<[u8; 20]>,
    /// 14 bytes in counter mode; of them 12 are used in GCM.
    pub(crate) salt: Zeroizing<[u8; 14]>,
}

/// The keys that encrypt elements of header extensions (RFC 6904, section 2).
pub(crate) struct HeaderKeys {
    pub(crate) cipher_key: CipherKey,
    pub(crate) salt: Zeroizing<[u8; 14]>,
}

/// A master key and salt, from which session keys are derived. The key derivation rate is 0: they last as long as the
/// master key.
pub(crate) struct MasterKey {
    prf: Box<dyn CtrKey>,
    salt: Zeroizing<[u8; 16]>,
    key_len: usize,
}

impl MasterKey {
    pub(crate) fn new(
        provider: &dyn Provider,
        profile: Profile,
        key: &[u8],
        salt: &[u8],
    ) -> Result<Self, KeyError> {
        if key.len() != profile.key_len() || salt.len() != profile.salt_len() {
            return Err(KeyError::Length);
        }
        Self::with_key_of_any_length(provider, key, salt)
    }

    /// AES in counter mode with the master key is the pseudorandom function of all profiles; with a master key of 256
    /// bits it is AES-256 (RFC 6188, section 3; RFC 7714, section 11).
    fn with_key_of_any_length(
        provider: &dyn Provider,
        key: &[u8],
        master_salt: &[u8],
    ) -> Result<Self, KeyError> {
        // A salt of 96 bits is filled up with zeros on the right (RFC 7714, section 11).
        let mut salt = Zeroizing::new([0; 16]);
        for (to, from) in salt.iter_mut().zip(master_salt) {
            *to = *from;
        }
        Ok(Self { prf: counter_mode_key(provider, key)?, salt, key_len: key.len() })
    }

    /// The session keys of one use.
    pub(crate) fn session_keys(&self, usage: Use) -> SessionKeys {
        let first = match usage {
            Use::Rtp => 0,
            Use::Rtcp => 3,
        };
        let mut keys = SessionKeys {
            cipher_key: self.cipher_key(first),
            auth_key: Zeroizing::new([0; 20]),
            salt: Zeroizing::default(),
        };
        self.derive(first + 1, keys.auth_key.as_mut());
        self.derive(first + 2, keys.salt.as_mut());
        keys
    }

    /// The keys for elements of header extensions (RFC 6904, section 2.1).
    pub(crate) fn header_keys(&self) -> HeaderKeys {
        let mut keys = HeaderKeys { cipher_key: self.cipher_key(6), salt: Zeroizing::default() };
        self.derive(7, keys.salt.as_mut());
        keys
    }

    fn cipher_key(&self, label: u8) -> CipherKey {
        let mut key = Zeroizing::new(vec![0; self.key_len]);
        self.derive(label, &mut key);
        key
    }

    fn derive(&self, label: u8, out: &mut [u8]) {
        // The key identifier is the label, followed by 48 bits of index that are 0; right-aligned with the 112 bits of
        // the salt, the label meets its byte 7 (RFC 3711, section 4.3.1).
        let mut iv = self.salt.clone();
        let block: &mut [u8; 16] = &mut iv;
        block[7] ^= label;
        out.fill(0);
        self.prf.apply_keystream(&iv, out);
    }
}
