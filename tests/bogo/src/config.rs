//! From the runner's flags to the configuration of a connection.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use drywire_crypto::{
    CertificateError, CertifiedKey, KeyAlgorithm, NamedGroup, Provider, SignError, SignatureScheme,
    SigningKey,
};
use drywire_dtls::{Authentication, Config, SrtpProfile, Version};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::flags::{Credential, Flags};

/// Why there is no configuration for a set of flags.
#[derive(Debug, Error)]
pub(crate) enum ConfigError {
    /// What the flags ask for does not exist in drywire.
    #[error("not implemented: {0}")]
    Unsupported(String),
    #[error("{0}: {1}")]
    File(String, std::io::Error),
    #[error("a credential cannot be used: {0}")]
    Certificate(#[from] CertificateError),
}

/// The retransmission timeout that the runner expects where it does not say another.
const DEFAULT_TIMEOUT: Duration = Duration::from_millis(400);

pub(crate) fn config(flags: &Flags, provider: Arc<dyn Provider>) -> Result<Config, ConfigError> {
    let mut certificates = Vec::new();
    for credential in flags.credentials.iter().chain([&flags.default_credential]) {
        if let Some(certificate) = load(credential, &*provider)? {
            certificates.push(Arc::new(certificate));
        }
    }
    let mut config = Config::without_certificate(provider);
    config.certificates = certificates;
    config.authentication = if flags.require_any_client_certificate {
        Authentication::Mutual
    } else if flags.verify_peer || flags.verify_fail {
        Authentication::ClientOptional
    } else {
        Authentication::ServerOnly
    };
    (config.min_version, config.max_version) = versions(flags)?;
    if flags.cipher.is_some() {
        return Err(ConfigError::Unsupported("cipher suites that are not AEADs".to_owned()));
    }
    config.groups = if flags.curves.is_empty() {
        vec![NamedGroup::X25519MlKem768, NamedGroup::X25519, NamedGroup::Secp256r1, NamedGroup::Secp384r1]
    } else {
        let group = |code: &u16| {
            NamedGroup::from_code(*code).ok_or_else(|| ConfigError::Unsupported(format!("group {code:#06x}")))
        };
        flags.curves.iter().map(group).collect::<Result<_, _>>()?
    };
    if !flags.verify_prefs.is_empty() {
        config.signature_schemes = flags.verify_prefs.iter().map(scheme).collect::<Result<_, _>>()?;
    }
    let profile = |name: &String| match name.as_str() {
        "SRTP_AES128_CM_SHA1_80" => Ok(SrtpProfile::Aes128CmSha1_80),
        "SRTP_AES128_CM_SHA1_32" => Ok(SrtpProfile::Aes128CmSha1_32),
        "SRTP_AEAD_AES_128_GCM" => Ok(SrtpProfile::AeadAes128Gcm),
        "SRTP_AEAD_AES_256_GCM" => Ok(SrtpProfile::AeadAes256Gcm),
        _ => Err(ConfigError::Unsupported(name.clone())),
    };
    config.srtp_profiles = flags.srtp_profiles.iter().map(profile).collect::<Result<_, _>>()?;
    config.mtu = flags.mtu.unwrap_or(config.mtu);
    config.initial_rto = flags.initial_timeout.unwrap_or(DEFAULT_TIMEOUT);
    config.min_rto = Duration::from_millis(1);
    // The runner wants to see the whole schedule of retransmissions, which takes minutes.
    config.handshake_timeout = None;
    Ok(config)
}

fn versions(flags: &Flags) -> Result<(Version, Version), ConfigError> {
    // In DTLS the numbers count down.
    let allowed = |version: Version, disabled: bool| {
        let below = flags.min_version.is_some_and(|min| version.code() > min);
        let above = flags.max_version.is_some_and(|max| version.code() < max);
        !(disabled || below || above)
    };
    match (allowed(Version::Dtls12, flags.no_dtls12), allowed(Version::Dtls13, flags.no_dtls13)) {
        (true, true) => Ok((Version::Dtls12, Version::Dtls13)),
        (true, false) => Ok((Version::Dtls12, Version::Dtls12)),
        (false, true) => Ok((Version::Dtls13, Version::Dtls13)),
        (false, false) => Err(ConfigError::Unsupported("DTLS 1.0".to_owned())),
    }
}

fn scheme(code: &u16) -> Result<SignatureScheme, ConfigError> {
    SignatureScheme::from_code(*code)
        .ok_or_else(|| ConfigError::Unsupported(format!("signature scheme {code:#06x}")))
}

fn load(credential: &Credential, provider: &dyn Provider) -> Result<Option<CertifiedKey>, ConfigError> {
    let (Some(certificate), Some(key)) = (&credential.certificate, &credential.key) else {
        return Ok(None);
    };
    let read = |path: &std::path::PathBuf| {
        fs::read_to_string(path).map_err(|error| ConfigError::File(path.display().to_string(), error))
    };
    let certified = CertifiedKey::from_pem(provider, &read(certificate)?, &read(key)?)?;
    if credential.signing_prefs.is_empty() {
        return Ok(Some(certified));
    }
    let schemes = credential.signing_prefs.iter().map(scheme).collect::<Result<_, _>>()?;
    let limited = LimitedKey { key: Arc::clone(certified.key()), schemes };
    let certified_by_limited = CertifiedKey::new(certified.certificate().to_vec(), Arc::new(limited))?;
    Ok(Some(certified_by_limited.with_chain(certified.chain().to_vec())))
}

/// A key that signs with some schemes only, as the keys of a hardware module do.
struct LimitedKey {
    key: Arc<dyn SigningKey>,
    schemes: Vec<SignatureScheme>,
}

impl SigningKey for LimitedKey {
    fn algorithm(&self) -> KeyAlgorithm {
        self.key.algorithm()
    }

    fn public_key(&self) -> &[u8] {
        self.key.public_key()
    }

    fn supports(&self, scheme: SignatureScheme) -> bool {
        self.schemes.contains(&scheme) && self.key.supports(scheme)
    }

    fn sign(
        &self,
        scheme: SignatureScheme,
        message: &[u8],
        signature: &mut Vec<u8>,
    ) -> Result<(), SignError> {
        self.key.sign(scheme, message, signature)
    }

    fn to_pkcs8(&self) -> Option<Zeroizing<Vec<u8>>> {
        None
    }
}
