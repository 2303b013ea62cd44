//! The pseudorandom function of DTLS 1.2 and what is made with it (RFC 5246, sections 5 and 8; RFC 7627; RFC 5705).

use drywire_crypto::{Digest, HashAlgorithm, InvalidKey, Provider, Secret};
use zeroize::Zeroize as _;

use crate::record::Keys12;
use crate::{CipherSuite, Role};

/// The length of the master secret, in bytes.
const MASTER_SECRET_LEN: usize = 48;
/// The length of `verify_data` in Finished, in bytes.
pub(crate) const VERIFY_DATA_LEN: usize = 12;

/// The most pieces that a seed has.
const MAX_SEED_PARTS: usize = 4;

/// `P_hash(secret, label + seed)`: fills `out` (RFC 5246, section 5). The seed is the concatenation of its parts.
pub(crate) fn prf(
    provider: &dyn Provider,
    hash: HashAlgorithm,
    secret: &[u8],
    label: &[u8],
    seed: [&[u8]; MAX_SEED_PARTS],
    out: &mut [u8],
) {
    let [s0, s1, s2, s3] = seed;
    provider.with_hmac_key(hash, secret, &mut |key| {
        // A(1) = HMAC(secret, seed), A(i) = HMAC(secret, A(i - 1))
        let mut a = key.sign(&[label, s0, s1, s2, s3]);
        let mut chunks = out.chunks_mut(hash.output_len()).peekable();
        while let Some(chunk) = chunks.next() {
            let mut block = key.sign(&[a.as_bytes(), label, s0, s1, s2, s3]);
            chunk.copy_from_slice(block.as_bytes().get(..chunk.len()).unwrap_or_default());
            block.zeroize();
            if chunks.peek().is_some() {
                a = key.sign(&[a.as_bytes()]);
            }
        }
        a.zeroize();
    });
}

/// The master secret and the randoms of both sides.
#[derive(Clone, Debug)]
pub(crate) struct Master {
    hash: HashAlgorithm,
    secret: Secret,
    client_random: [u8; 32],
    server_random: [u8; 32],
}

impl Master {
    /// The extended master secret: bound to the transcript up to ClientKeyExchange (RFC 7627, section 4).
    pub(crate) fn extended(
        provider: &dyn Provider,
        hash: HashAlgorithm,
        premaster: &Secret,
        session_hash: &Digest,
        randoms: (&[u8; 32], &[u8; 32]),
    ) -> Self {
        let mut secret = Secret::zeros(MASTER_SECRET_LEN);
        let seed: [&[u8]; 4] = [session_hash.as_bytes(), &[], &[], &[]];
        let label = b"extended master secret";
        prf(provider, hash, premaster.as_bytes(), label, seed, secret.as_mut_bytes());
        Self { hash, secret, client_random: *randoms.0, server_random: *randoms.1 }
    }

    /// The secret itself, for the key log.
    pub(crate) const fn secret(&self) -> &Secret {
        &self.secret
    }

    /// The keys of the client and of the server (RFC 5246, section 6.3).
    pub(crate) fn record_keys(
        &self,
        provider: &dyn Provider,
        suite: CipherSuite,
    ) -> Result<(Keys12, Keys12), InvalidKey> {
        let algorithm = suite.aead();
        let (key_len, iv_len) = (algorithm.key_len(), Keys12::fixed_iv_len(algorithm));
        let mut block = Secret::zeros(2 * (key_len + iv_len));
        let seed: [&[u8]; 4] = [&self.server_random, &self.client_random, &[], &[]];
        let (secret, label) = (self.secret.as_bytes(), b"key expansion");
        prf(provider, self.hash, secret, label, seed, block.as_mut_bytes());
        let (keys, ivs) = block.as_bytes().split_at(2 * key_len);
        let (client_key, server_key) = keys.split_at(key_len);
        let (client_iv, server_iv) = ivs.split_at(iv_len);
        Ok((
            Keys12::new(provider, algorithm, client_key, client_iv)?,
            Keys12::new(provider, algorithm, server_key, server_iv)?,
        ))
    }

    /// The `verify_data` of the Finished message of `sender` (RFC 5246, section 7.4.9).
    pub(crate) fn verify_data(
        &self,
        provider: &dyn Provider,
        sender: Role,
        transcript: &Digest,
    ) -> [u8; VERIFY_DATA_LEN] {
        let label: &[u8] = match sender {
            Role::Client => b"client finished",
            Role::Server => b"server finished",
        };
        let mut data = [0; VERIFY_DATA_LEN];
        let seed: [&[u8]; 4] = [transcript.as_bytes(), &[], &[], &[]];
        prf(provider, self.hash, self.secret.as_bytes(), label, seed, &mut data);
        data
    }

    /// The exporter (RFC 5705, section 4). An absent context differs from an empty one.
    pub(crate) fn export(
        &self,
        provider: &dyn Provider,
        label: &str,
        context: Option<&[u8]>,
        out: &mut [u8],
    ) {
        let len = context.map(|context| u16::try_from(context.len()).unwrap_or(u16::MAX).to_be_bytes());
        let len = len.as_ref().map_or(&[][..], |len| len);
        let seed = [&self.client_random[..], &self.server_random, len, context.unwrap_or_default()];
        prf(provider, self.hash, self.secret.as_bytes(), label.as_bytes(), seed, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A widely published vector of the function with SHA-256.
    #[test]
    fn known_answer() {
        let provider = drywire_crypto_aws_lc::provider();
        let secret = hex("9bbe436ba940f017b17652849a71db35");
        let seed = hex("a0ba9f936cda311827a6f796ffd5198c");
        let mut out = [0; 100];
        prf(
            &*provider,
            HashAlgorithm::Sha256,
            &secret,
            b"test label",
            [&seed[..7], &seed[7..], &[], &[]],
            &mut out,
        );
        let expected = "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff70187347b66";
        assert_eq!(out.to_vec(), hex(expected));
    }

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }
}
