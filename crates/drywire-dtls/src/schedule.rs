//! The key schedule of DTLS 1.3 (RFC 8446, section 7.1; RFC 9147, section 5.9).

use drywire_core::Writer;
use drywire_crypto::{Digest, HashAlgorithm, InvalidKey, Provider, hkdf};
use zeroize::Zeroizing;

use crate::CipherSuite;
use crate::record::Keys13;
use crate::secret::Secret;

/// The prefix of every label. Unlike that of TLS it ends without a space (RFC 9147, section 5.9).
const LABEL_PREFIX: &[u8] = b"dtls13";

/// HKDF-Expand-Label: fills `out`.
fn expand_label(
    provider: &dyn Provider,
    hash: HashAlgorithm,
    secret: &Secret,
    label: &[u8],
    context: &[u8],
    out: &mut [u8],
) -> Result<(), InvalidKey> {
    let mut info = Vec::with_capacity(64);
    Writer::new(&mut info)
        .u16(u16::try_from(out.len()).map_err(|_| InvalidKey)?)
        .prefixed_u8(|w| {
            w.bytes(LABEL_PREFIX).bytes(label);
        })
        .prefixed_u8(|w| {
            w.bytes(context);
        });
    let key = provider.hmac_key(hash, secret.as_bytes());
    hkdf::expand(&*key, &[&info], out)
}

/// Derive-Secret, with the hash of the transcript given.
fn derive(
    provider: &dyn Provider,
    hash: HashAlgorithm,
    secret: &Secret,
    label: &[u8],
    transcript: &Digest,
) -> Result<Secret, InvalidKey> {
    let mut derived = Secret::zeros(hash.output_len());
    expand_label(provider, hash, secret, label, transcript.as_bytes(), derived.as_mut_bytes())?;
    Ok(derived)
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
        shared: &[u8],
    ) -> Result<Self, InvalidKey> {
        let zeros = Secret::zeros(hash.output_len());
        let early = Secret::from(hkdf::extract(provider, hash, &[], zeros.as_bytes()));
        let empty = provider.digest(hash, &[]);
        let salt = derive(provider, hash, &early, b"derived", &empty)?;
        Ok(Self(hkdf::extract(provider, hash, salt.as_bytes(), shared).into()))
    }

    /// The secrets of the handshake, with the transcript up to the ServerHello.
    pub(crate) fn traffic(
        &self,
        provider: &dyn Provider,
        hash: HashAlgorithm,
        transcript: &Digest,
    ) -> Result<TrafficSecrets, InvalidKey> {
        Ok(TrafficSecrets {
            client: derive(provider, hash, &self.0, b"c hs traffic", transcript)?,
            server: derive(provider, hash, &self.0, b"s hs traffic", transcript)?,
        })
    }

    /// The secrets of the application and the exporter's, with the transcript up to the server's Finished.
    pub(crate) fn application(
        &self,
        provider: &dyn Provider,
        hash: HashAlgorithm,
        transcript: &Digest,
    ) -> Result<(TrafficSecrets, Secret), InvalidKey> {
        let empty = provider.digest(hash, &[]);
        let salt = derive(provider, hash, &self.0, b"derived", &empty)?;
        let zeros = Secret::zeros(hash.output_len());
        let master = Secret::from(hkdf::extract(provider, hash, salt.as_bytes(), zeros.as_bytes()));
        let traffic = TrafficSecrets {
            client: derive(provider, hash, &master, b"c ap traffic", transcript)?,
            server: derive(provider, hash, &master, b"s ap traffic", transcript)?,
        };
        Ok((traffic, derive(provider, hash, &master, b"exp master", transcript)?))
    }
}

/// The keys of one direction and one epoch (RFC 8446, section 7.3; RFC 9147, section 4.2.3).
pub(crate) fn record_keys(
    provider: &dyn Provider,
    suite: CipherSuite,
    secret: &Secret,
) -> Result<Keys13, InvalidKey> {
    let (hash, algorithm) = (suite.hash(), suite.aead());
    let mut key = Zeroizing::new(vec![0; algorithm.key_len()]);
    let mut sequence_key = Zeroizing::new(vec![0; algorithm.key_len()]);
    let mut iv = Zeroizing::new([0; 12]);
    expand_label(provider, hash, secret, b"key", &[], &mut key)?;
    expand_label(provider, hash, secret, b"iv", &[], &mut *iv)?;
    expand_label(provider, hash, secret, b"sn", &[], &mut sequence_key)?;
    Keys13::new(provider, algorithm, &key, *iv, &sequence_key)
}

/// The secret of the next epoch (RFC 8446, section 7.2).
pub(crate) fn next_secret(
    provider: &dyn Provider,
    hash: HashAlgorithm,
    secret: &Secret,
) -> Result<Secret, InvalidKey> {
    let mut next = Secret::zeros(hash.output_len());
    expand_label(provider, hash, secret, b"traffic upd", &[], next.as_mut_bytes())?;
    Ok(next)
}

/// The `verify_data` of Finished (RFC 8446, section 4.4.4).
pub(crate) fn verify_data(
    provider: &dyn Provider,
    hash: HashAlgorithm,
    secret: &Secret,
    transcript: &Digest,
) -> Result<Digest, InvalidKey> {
    let mut key = Secret::zeros(hash.output_len());
    expand_label(provider, hash, secret, b"finished", &[], key.as_mut_bytes())?;
    Ok(provider.hmac_key(hash, key.as_bytes()).sign(&[transcript.as_bytes()]))
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
    let derived = derive(provider, hash, exporter, label.as_bytes(), &empty)?;
    let context = provider.digest(hash, &[context.unwrap_or_default()]);
    expand_label(provider, hash, &derived, b"exporter", context.as_bytes(), out)
}
