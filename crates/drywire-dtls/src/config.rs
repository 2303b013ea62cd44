use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use drywire_crypto::{CertifiedKey, NamedGroup, Provider, SignatureScheme};

use crate::{CipherSuite, Cookies, KeyLog, SrtpProfile};

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

/// Who shows a certificate, as the server decides it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Authentication {
    /// Both sides, as WebRTC wants it (RFC 8827, section 6.5): the server asks for a certificate, and a client without
    /// one is refused.
    #[default]
    Mutual,
    /// The server asks for a certificate, but takes clients without one, whatever fingerprints were announced. Not for
    /// WebRTC.
    ClientOptional,
    /// The server asks for none and knows nothing of its clients; no fingerprint is checked there. Not for WebRTC.
    ServerOnly,
}

/// What connections are made of. Make one and share it among all of them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The cryptographic library.
    pub provider: Arc<dyn Provider>,
    /// Our certificates and their keys in order of preference: the first is used whose key fits what the peer verifies.
    /// A client without any is refused by every server of WebRTC; a server without any refuses all clients.
    pub certificates: Vec<Arc<CertifiedKey>>,
    /// Whose certificates a server wants. A client shows a certificate whenever it is asked for one, and verifies the
    /// server's in any case. Default: [`Authentication::Mutual`].
    pub authentication: Authentication,
    /// The lowest version to accept. Default: DTLS 1.2.
    pub min_version: Version,
    /// The highest version to offer. Default: DTLS 1.3.
    pub max_version: Version,
    /// The groups for key exchange in order of preference. Default: X25519MLKEM768, X25519, P-256. DTLS 1.2 uses those
    /// that it knows, and there they also say on which curves the server's certificate may have its key (RFC 8422,
    /// section 5.3): without P-256 most servers of DTLS 1.2 cannot show theirs.
    pub groups: Vec<NamedGroup>,
    /// The cipher suites of both versions in order of preference. Default: [`CipherSuite::ALL`].
    pub cipher_suites: Vec<CipherSuite>,
    /// The signature schemes that we verify, in order of preference. Default: [`SignatureScheme::ALL`]. DTLS 1.3 does not
    /// use those of RSASSA-PKCS1-v1_5.
    pub signature_schemes: Vec<SignatureScheme>,
    /// The SRTP protection profiles in order of preference; empty: `use_srtp` (RFC 5764) is neither offered nor
    /// answered. A server takes the first of its own that the client offers. Default: AEAD_AES_128_GCM,
    /// AEAD_AES_256_GCM, AES128_CM_HMAC_SHA1_80.
    pub srtp_profiles: Vec<SrtpProfile>,
    /// The application protocols in order of preference: names of 1 to 255 bytes (RFC 7301); those of WebRTC are `webrtc`
    /// and `c-webrtc` (RFC 8833). A server takes the first of its own that the client offers, and refuses a client that
    /// offers none of them; clients that offer none at all are taken. Empty: neither offered nor answered. Default:
    /// empty.
    pub alpn: Vec<Vec<u8>>,
    /// The longest protected record that the peer may send, in bytes of plaintext: 64 to 16,385 (RFC 8449). In DTLS 1.3
    /// one byte of it is the type of the content. Longer ones are discarded. What the peer wants of us is kept in any
    /// case. Default: `None`, nothing is asked for.
    pub record_size_limit: Option<u16>,
    /// How long the connection identifiers are that we want to receive, in bytes (RFC 9146; RFC 9147, section 9): up to
    /// 32; longer ones are cut. 0: we want none, but write the peer's. Both sides must want to use them. Behind ICE there
    /// is no use for them. Default: `None`, neither offered nor answered.
    pub connection_id: Option<u8>,
    /// Has a server ask clients for a cookie before it answers them: for servers on an open port, without ICE. Default:
    /// `None`.
    pub cookies: Option<Cookies>,
    /// Where the secrets of the connection are written to, for Wireshark and the like. Default: `None`, nowhere.
    pub key_log: Option<Arc<dyn KeyLog>>,
    /// The longest datagram of the handshake, in bytes of UDP payload. Default: 1200; lower limit: 256.
    pub mtu: usize,
    /// How long to wait for an answer before a flight is sent again for the first time, while no round-trip time is
    /// known. It doubles with each time, up to 60 s. Default: 1 s (RFC 9147, section 5.8.2).
    pub initial_rto: Duration,
    /// The lower limit of that time when the round-trip time is known. Default: 100 ms.
    pub min_rto: Duration,
    /// How long the handshake may take, from its first message on; `None`: for ever. In DTLS 1.3 it ends for the client
    /// when the server has acknowledged its last message, or has said anything else. Default: 120 s.
    pub handshake_timeout: Option<Duration>,
}

impl Config {
    /// The defaults, with one certificate.
    #[must_use]
    pub fn new(provider: Arc<dyn Provider>, certificate: Arc<CertifiedKey>) -> Self {
        Self { certificates: vec![certificate], ..Self::without_certificate(provider) }
    }

    /// The defaults, without a certificate: for clients that are never asked for one. Not for WebRTC.
    #[must_use]
    pub fn without_certificate(provider: Arc<dyn Provider>) -> Self {
        Self {
            provider,
            certificates: Vec::new(),
            authentication: Authentication::Mutual,
            min_version: Version::Dtls12,
            max_version: Version::Dtls13,
            groups: vec![NamedGroup::X25519MlKem768, NamedGroup::X25519, NamedGroup::Secp256r1],
            cipher_suites: CipherSuite::ALL.to_vec(),
            signature_schemes: SignatureScheme::ALL.to_vec(),
            srtp_profiles: vec![
                SrtpProfile::AeadAes128Gcm,
                SrtpProfile::AeadAes256Gcm,
                SrtpProfile::Aes128CmSha1_80,
            ],
            alpn: Vec::new(),
            record_size_limit: None,
            connection_id: None,
            cookies: None,
            key_log: None,
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
