//! The pseudorandom function of DTLS 1.2 and what is made with it (RFC 5246, sections 5 and 8; RFC 7627; RFC 5705).

use drywire_core::Writer;
use drywire_crypto::{Digest, HashAlgorithm, InvalidKey, Provider};
use zeroize::Zeroizing;

use crate::record::Keys12;
use crate::secret::Secret;
use crate::{CipherSuite, Role};

/// The length of the master secret, in bytes.
const MASTER_SECRET_LEN: usize = 48;
/// The length of `verify_data` in Finished, in bytes.
pub(crate) const VERIFY_DATA_LEN: usize = 12;

/// `P_hash(secret, label + seed)`: fills `out` (RFC 5246, section 5).
pub(crate) fn prf(
    provider: &dyn Provider,
    hash: HashAlgorithm,
    secret: &[u8],
    label: &[u8],
    seed: &[&[u8]],
    out: &mut [u8],
) {
    let key = provider.hmac_key(hash, secret);
    let mut parts = Vec::with_capacity(seed.len() + 2);
    parts.push(label);
    parts.extend_from_slice(seed);
    let mut a = key.sign(&parts);
    for chunk in out.chunks_mut(hash.output_len()) {
        let block = {
            let mut parts = Vec::with_capacity(seed.len() + 2);
            parts.push(a.as_bytes());
            parts.push(label);
            parts.extend_from_slice(seed);
            key.sign(&parts)
        };
        let (filled, _) = block.as_bytes().split_at(chunk.len().min(block.as_bytes().len()));
        chunk.copy_from_slice(filled);
        a = key.sign(&[a.as_bytes()]);
    }
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
        premaster: &[u8],
        session_hash: &Digest,
        randoms: (&[u8; 32], &[u8; 32]),
    ) -> Self {
        let mut secret = Secret::zeros(MASTER_SECRET_LEN);
        let seed = [session_hash.as_bytes()];
        prf(provider, hash, premaster, b"extended master secret", &seed, secret.as_mut_bytes());
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
        let mut block = Zeroizing::new(vec![0; 2 * (key_len + iv_len)]);
        let seed: [&[u8]; 2] = [&self.server_random, &self.client_random];
        prf(provider, self.hash, self.secret.as_bytes(), b"key expansion", &seed, &mut block);
        let (keys, ivs) = block.split_at(2 * key_len);
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
        prf(provider, self.hash, self.secret.as_bytes(), label, &[transcript.as_bytes()], &mut data);
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
        let mut tail = Vec::new();
        if let Some(context) = context {
            Writer::new(&mut tail).prefixed_u16(|w| {
                w.bytes(context);
            });
        }
        let seed: [&[u8]; 3] = [&self.client_random, &self.server_random, &tail];
        prf(provider, self.hash, self.secret.as_bytes(), label.as_bytes(), &seed, out);
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
        prf(&*provider, HashAlgorithm::Sha256, &secret, b"test label", &[&seed], &mut out);
        let expected = "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff70187347b66";
        assert_eq!(out.to_vec(), hex(expected));
    }

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }
}
