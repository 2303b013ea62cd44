use std::fmt;

use crate::{KeyExchangeError, Secret};

/// A group for key exchange, with its number in the TLS registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NamedGroup {
    /// The hybrid of ML-KEM-768 and X25519 (RFC 10024), 0x11EC. ML-KEM comes first in shares and secret.
    X25519MlKem768,
    /// X25519 (RFC 7748), 0x001D.
    X25519,
    /// NIST P-256, 0x0017.
    Secp256r1,
    /// NIST P-384, 0x0018.
    Secp384r1,
}

impl NamedGroup {
    /// The number of the group in the TLS registry.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::X25519MlKem768 => 0x11EC,
            Self::X25519 => 0x001D,
            Self::Secp256r1 => 0x0017,
            Self::Secp384r1 => 0x0018,
        }
    }

    /// The group with a number in the TLS registry.
    #[must_use]
    pub const fn from_code(code: u16) -> Option<Self> {
        match code {
            0x11EC => Some(Self::X25519MlKem768),
            0x001D => Some(Self::X25519),
            0x0017 => Some(Self::Secp256r1),
            0x0018 => Some(Self::Secp384r1),
            _ => None,
        }
    }
}

impl fmt::Display for NamedGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::X25519MlKem768 => "X25519MLKEM768",
            Self::X25519 => "X25519",
            Self::Secp256r1 => "P-256",
            Self::Secp384r1 => "P-384",
        })
    }
}

/// A key exchange that we started: our share is made, the peer's is awaited.
pub trait PendingKeyExchange: Send {
    /// The group.
    fn group(&self) -> NamedGroup;
    /// Our share, as it goes into the handshake message.
    fn share(&self) -> &[u8];
    /// The group that is a part of this hybrid one, with the share of it alone. Both may be offered side by side, made
    /// with one private key of this handshake: a peer that knows only the classical group costs nothing then.
    fn classical(&self) -> Option<(NamedGroup, &[u8])> {
        None
    }
    /// Completes the exchange with the peer's share of `group`: of [`group`](Self::group), or of the group of
    /// [`classical`](Self::classical).
    fn complete(self: Box<Self>, group: NamedGroup, peer_share: &[u8]) -> Result<Secret, KeyExchangeError>;
}
