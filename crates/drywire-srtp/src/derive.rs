//! Key derivation (RFC 3711, section 4.3).

use drywire_crypto::{CtrAlgorithm, Provider};
use zeroize::Zeroizing;

use crate::{KeyError, Profile};

/// What the derived keys are for (RFC 3711, section 4.3.2).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Use {
    Rtp,
    Rtcp,
}

/// The keys of one direction and one use.
pub(crate) struct SessionKeys {
    pub(crate) cipher_key: Zeroizing<[u8; 16]>,
    pub(crate) auth_key: Zeroizing<[u8; 20]>,
    /// 14 bytes in counter mode; of them 12 are used in GCM.
    pub(crate) salt: Zeroizing<[u8; 14]>,
}

impl SessionKeys {
    /// Derives the session keys. The key derivation rate is 0: the keys last as long as the master key.
    pub(crate) fn derive(
        provider: &dyn Provider,
        profile: Profile,
        usage: Use,
        key: &[u8],
        salt: &[u8],
    ) -> Result<Self, KeyError> {
        if key.len() != profile.key_len() || salt.len() != profile.salt_len() {
            return Err(KeyError::Length);
        }
        // Both profiles use AES-CM as pseudorandom function; a salt of 96 bits is filled up with zeros on the right
        // (RFC 7714, section 11).
        let mut master_salt = Zeroizing::new([0; 16]);
        for (to, from) in master_salt.iter_mut().zip(salt) {
            *to = *from;
        }
        let prf = provider.ctr_key(CtrAlgorithm::Aes128, key)?;
        let derive = |label: u8, out: &mut [u8]| {
            // The key identifier is the label, followed by 48 bits of index that are 0; right-aligned with the 112
            // bits of the salt, the label meets its byte 7 (RFC 3711, section 4.3.1).
            let mut iv = master_salt.clone();
            let block: &mut [u8; 16] = &mut iv;
            block[7] ^= label;
            out.fill(0);
            prf.apply_keystream(&iv, out);
        };
        let first = match usage {
            Use::Rtp => 0,
            Use::Rtcp => 3,
        };
        let mut keys = Self {
            cipher_key: Zeroizing::default(),
            auth_key: Zeroizing::new([0; 20]),
            salt: Zeroizing::default(),
        };
        derive(first, keys.cipher_key.as_mut());
        derive(first + 1, keys.auth_key.as_mut());
        derive(first + 2, keys.salt.as_mut());
        Ok(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::tests::hex;

    fn master() -> (Vec<u8>, Vec<u8>) {
        (hex("e1f97a0d3e018be0d64fa32c06de4139"), hex("0ec675ad498afeebb6960b3aabe6"))
    }

    /// RFC 3711, appendix B.3.
    #[test]
    fn rfc_3711_b3() {
        let (key, salt) = master();
        let provider = drywire_crypto_aws_lc::provider();
        let keys = SessionKeys::derive(&*provider, Profile::Aes128CmSha1_80, Use::Rtp, &key, &salt).unwrap();
        assert_eq!(keys.cipher_key[..], hex("c61e7a93744f39ee10734afe3ff7a087"));
        assert_eq!(keys.salt[..], hex("30cbbc08863d8c85d49db34a9ae1"));
        assert_eq!(keys.auth_key[..], hex("cebe321f6ff7716b6fd4ab49af256a156d38baa4"));
    }

    /// The same master key and salt with the labels of SRTCP.
    #[test]
    fn labels_of_srtcp() {
        let (key, salt) = master();
        let provider = drywire_crypto_aws_lc::provider();
        let keys = SessionKeys::derive(&*provider, Profile::Aes128CmSha1_80, Use::Rtcp, &key, &salt).unwrap();
        assert_eq!(keys.cipher_key[..], hex("4c1aa45a81f73d61c800bbb00fbb1eaa"));
        assert_eq!(keys.auth_key[..], hex("8d54534feb49ae8e7993a6bd0b844fc323a93dfd"));
        assert_eq!(keys.salt[..], hex("9581c7ad87b3e530bf3e4454a8b3"));
    }

    #[test]
    fn lengths_are_checked() {
        let provider = drywire_crypto_aws_lc::provider();
        for profile in [Profile::Aes128CmSha1_80, Profile::AeadAes128Gcm] {
            for (key, salt) in [(15, 14), (16, 13), (17, 12), (0, 0), (16, 0)] {
                let keys = SessionKeys::derive(&*provider, profile, Use::Rtp, &vec![0; key], &vec![0; salt]);
                assert_eq!(keys.err(), Some(KeyError::Length));
            }
        }
    }
}
