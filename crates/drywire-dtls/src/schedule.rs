//! The key schedule of DTLS 1.3 (RFC 8446, section 7.1; RFC 9147, section 5.9).

use drywire_crypto::{Digest, HashAlgorithm, HmacKey, InvalidKey, Nonce, Provider, Secret, hkdf};
use zeroize::Zeroizing;

use crate::CipherSuite;
use crate::record::Keys13;

/// The prefix of every label. Unlike that of TLS it ends without a space (RFC 9147, section 5.9).
const LABEL_PREFIX: &[u8] = b"dtls13";

/// HKDF-Expand-Label: fills `out`.
fn expand_label(key: &dyn HmacKey, label: &[u8], context: &[u8], out: &mut [u8]) -> Result<(), InvalidKey> {
    let len = u16::try_from(out.len()).map_err(|_| InvalidKey)?.to_be_bytes();
    let label_len = [u8::try_from(LABEL_PREFIX.len() + label.len()).map_err(|_| InvalidKey)?];
    let context_len = [u8::try_from(context.len()).map_err(|_| InvalidKey)?];
    hkdf::expand(key, &[&len, &label_len, LABEL_PREFIX, label, &context_len, context], out)
}

/// Expands `secret` as `work` says: the key is prepared once for all that is made of it.
fn expand(
    provider: &dyn Provider,
    hash: HashAlgorithm,
    secret: &Secret,
    mut work: impl FnMut(&dyn HmacKey) -> Result<(), InvalidKey>,
) -> Result<(), InvalidKey> {
    let mut result = Err(InvalidKey);
    provider.with_hmac_key(hash, secret.as_bytes(), &mut |key| result = work(key));
    result
}

/// Derive-Secret for several labels, with the hash of the transcript given.
fn derive<const N: usize>(
    provider: &dyn Provider,
    hash: HashAlgorithm,
    secret: &Secret,
    labels: [&[u8]; N],
    transcript: &Digest,
) -> Result<[Secret; N], InvalidKey> {
    let mut derived = [(); N].map(|()| Secret::zeros(hash.output_len()));
    expand(provider, hash, secret, |key| {
        let mut pairs = labels.iter().zip(&mut derived);
        pairs.try_for_each(|(label, out)| expand_label(key, label, transcript.as_bytes(), out.as_mut_bytes()))
    })?;
    Ok(derived)
}

/// The step from one stage of the schedule to the next: mixes `input` in.
fn next_stage(
    provider: &dyn Provider,
    hash: HashAlgorithm,
    stage: &Secret,
    input: &[u8],
) -> Result<Secret, InvalidKey> {
    let empty = provider.digest(hash, &[]);
    let [salt] = derive(provider, hash, stage, [b"derived"], &empty)?;
    Ok(hkdf::extract(provider, hash, salt.as_bytes(), input))
}

/// The secrets of both directions.
#[derive(Clone, Debug)]
pub(crate) struct TrafficSecrets {
    pub(crate) client: Secret,
    pub(crate) server: Secret,
}

/// The schedule after the key exchange: the Handshake Secret.
#[derive(Debug)]
pub(crate) struct HandshakeSecret(Secret);

impl HandshakeSecret {
    /// Mixes in the shared secret of the key exchange.
    pub(crate) fn new(
        provider: &dyn Provider,
        hash: HashAlgorithm,
        shared: &Secret,
    ) -> Result<Self, InvalidKey> {
        let zeros = Secret::zeros(hash.output_len());
        let early = hkdf::extract(provider, hash, &[], zeros.as_bytes());
        Ok(Self(next_stage(provider, hash, &early, shared.as_bytes())?))
    }

    /// The secrets of the handshake, with the transcript up to the ServerHello.
    pub(crate) fn traffic(
        &self,
        provider: &dyn Provider,
        hash: HashAlgorithm,
        transcript: &Digest,
    ) -> Result<TrafficSecrets, InvalidKey> {
        let labels: [&[u8]; 2] = [b"c hs traffic", b"s hs traffic"];
        let [client, server] = derive(provider, hash, &self.0, labels, transcript)?;
        Ok(TrafficSecrets { client, server })
    }

    /// The secrets of the application and the exporter's, with the transcript up to the server's Finished.
    pub(crate) fn application(
        &self,
        provider: &dyn Provider,
        hash: HashAlgorithm,
        transcript: &Digest,
    ) -> Result<(TrafficSecrets, Secret), InvalidKey> {
        let zeros = Secret::zeros(hash.output_len());
        let master = next_stage(provider, hash, &self.0, zeros.as_bytes())?;
        let labels: [&[u8]; 3] = [b"c ap traffic", b"s ap traffic", b"exp master"];
        let [client, server, exporter] = derive(provider, hash, &master, labels, transcript)?;
        Ok((TrafficSecrets { client, server }, exporter))
    }
}

/// The keys of one direction and one epoch (RFC 8446, section 7.3; RFC 9147, section 4.2.3).
pub(crate) fn record_keys(
    provider: &dyn Provider,
    suite: CipherSuite,
    secret: &Secret,
) -> Result<Keys13, InvalidKey> {
    let algorithm = suite.aead();
    let mut key = Secret::zeros(algorithm.key_len());
    let mut sequence_key = Secret::zeros(algorithm.key_len());
    let mut iv = Zeroizing::new(Nonce::default());
    expand(provider, suite.hash(), secret, |prepared| {
        expand_label(prepared, b"key", &[], key.as_mut_bytes())?;
        expand_label(prepared, b"iv", &[], &mut *iv)?;
        expand_label(prepared, b"sn", &[], sequence_key.as_mut_bytes())
    })?;
    Keys13::new(provider, algorithm, key.as_bytes(), *iv, sequence_key.as_bytes())
}

/// The secret of the next epoch (RFC 8446, section 7.2).
pub(crate) fn next_secret(
    provider: &dyn Provider,
    hash: HashAlgorithm,
    secret: &Secret,
) -> Result<Secret, InvalidKey> {
    let mut next = Secret::zeros(hash.output_len());
    expand(provider, hash, secret, |key| expand_label(key, b"traffic upd", &[], next.as_mut_bytes()))?;
    Ok(next)
}

/// The `verify_data` of Finished (RFC 8446, section 4.4.4).
pub(crate) fn verify_data(
    provider: &dyn Provider,
    hash: HashAlgorithm,
    secret: &Secret,
    transcript: &Digest,
) -> Result<Digest, InvalidKey> {
    let mut finished = Secret::zeros(hash.output_len());
    expand(provider, hash, secret, |key| expand_label(key, b"finished", &[], finished.as_mut_bytes()))?;
    Ok(provider.hmac(hash, finished.as_bytes(), &[transcript.as_bytes()]))
}

/// The exporter (RFC 8446, section 7.5). An absent context is an empty one.
pub(crate) fn export(
    provider: &dyn Provider,
    hash: HashAlgorithm,
    exporter: &Secret,
    label: &str,
    context: Option<&[u8]>,
    out: &mut [u8],
) -> Result<(), InvalidKey> {
    let empty = provider.digest(hash, &[]);
    let [derived] = derive(provider, hash, exporter, [label.as_bytes()], &empty)?;
    let context = provider.digest(hash, &[context.unwrap_or_default()]);
    expand(provider, hash, &derived, |key| expand_label(key, b"exporter", context.as_bytes(), out))
}
