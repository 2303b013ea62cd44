use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use drywire_crypto::{CertifiedKey, NamedGroup, Provider};

use crate::{CipherSuite, SrtpProfile};

/// Which side of the handshake a connection takes (the `a=setup` attribute of the session description, RFC 8842).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Sends the ClientHello: `active`.
    Client,
    /// Waits for the ClientHello: `passive`.
    Server,
}

impl Role {
    /// The side that the peer takes.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// A version of DTLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// DTLS 1.2 (RFC 6347), `0xFEFD`.
    Dtls12,
    /// DTLS 1.3 (RFC 9147), `0xFEFC`.
    Dtls13,
}

impl Version {
    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Dtls12 => 0xFEFD,
            Self::Dtls13 => 0xFEFC,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dtls12 => "DTLS 1.2",
            Self::Dtls13 => "DTLS 1.3",
        })
    }
}

/// What connections are made of. Make one and share it among all of them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The cryptographic library.
    pub provider: Arc<dyn Provider>,
    /// Our certificate and its key.
    pub certificate: Arc<CertifiedKey>,
    /// The lowest version to accept. Default: DTLS 1.2.
    pub min_version: Version,
    /// The highest version to offer. Default: DTLS 1.3.
    pub max_version: Version,
    /// The groups for key exchange in order of preference. Default: X25519MLKEM768, X25519, P-256. DTLS 1.2 uses those
    /// that it knows.
    pub groups: Vec<NamedGroup>,
    /// The cipher suites of both versions in order of preference. Default: [`CipherSuite::ALL`].
    pub cipher_suites: Vec<CipherSuite>,
    /// The SRTP protection profiles in order of preference; empty: `use_srtp` (RFC 5764) is neither offered nor
    /// answered. Default: AEAD_AES_128_GCM, AES128_CM_HMAC_SHA1_80.
    pub srtp_profiles: Vec<SrtpProfile>,
    /// The longest datagram of the handshake, in bytes of UDP payload. Default: 1200; lower limit: 256.
    pub mtu: usize,
    /// How long to wait for an answer before a flight is sent again for the first time, while no round-trip time is
    /// known. It doubles with each time, up to 60 s. Default: 1 s (RFC 9147, section 5.8.2).
    pub initial_rto: Duration,
    /// The lower limit of that time when the round-trip time is known. Default: 100 ms.
    pub min_rto: Duration,
    /// How long the handshake may take, from its first message on; `None`: for ever. Default: 120 s.
    pub handshake_timeout: Option<Duration>,
}

impl Config {
    /// The defaults.
    #[must_use]
    pub fn new(provider: Arc<dyn Provider>, certificate: Arc<CertifiedKey>) -> Self {
        Self {
            provider,
            certificate,
            min_version: Version::Dtls12,
            max_version: Version::Dtls13,
            groups: vec![NamedGroup::X25519MlKem768, NamedGroup::X25519, NamedGroup::Secp256r1],
            cipher_suites: CipherSuite::ALL.to_vec(),
            srtp_profiles: vec![SrtpProfile::AeadAes128Gcm, SrtpProfile::Aes128CmSha1_80],
            mtu: 1200,
            initial_rto: Duration::from_secs(1),
            min_rto: Duration::from_millis(100),
            handshake_timeout: Some(Duration::from_secs(120)),
        }
    }

    /// Whether `version` is allowed.
    pub(crate) fn allows(&self, version: Version) -> bool {
        self.min_version <= version && version <= self.max_version
    }
}
