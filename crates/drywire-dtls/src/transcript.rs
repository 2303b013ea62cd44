//! The transcript of the handshake: what both sides have said, in one hash.

use drywire_crypto::{Digest, HashAlgorithm, Hasher, Provider};

use crate::Version;
use crate::message::{FragmentHeader, HandshakeType};

/// Room for the messages of a handshake of DTLS 1.2, in bytes.
const USUAL_HANDSHAKE_12: usize = 2048;

/// The messages so far. In DTLS 1.3 they are hashed with the header of TLS, without numbers and fragments (RFC 9147,
/// section 5.2); in DTLS 1.2 with the header of a message in one fragment (RFC 6347, section 4.2.6).
pub(crate) enum Transcript {
    /// The version is not known yet: our ClientHello waits, with the header of DTLS 1.2.
    Open(Vec<u8>),
    /// The hash function is known.
    Dtls13(Box<dyn Hasher>, HashAlgorithm),
    /// The hash, and the messages themselves: CertificateVerify signs them, not their hash.
    Dtls12(Box<dyn Hasher>, Vec<u8>),
}

impl Transcript {
    pub(crate) const fn new() -> Self {
        Self::Open(Vec::new())
    }

    /// Adds a message.
    pub(crate) fn add(&mut self, kind: HandshakeType, message_seq: u16, body: &[u8]) {
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
        let header = FragmentHeader { kind: kind.code(), length, message_seq, offset: 0 }.bytes(body.len());
        match self {
            Self::Open(messages) => {
                messages.reserve(header.len() + body.len());
                messages.extend_from_slice(&header);
                messages.extend_from_slice(body);
            }
            Self::Dtls12(hasher, messages) => {
                hasher.update(&header);
                hasher.update(body);
                messages.extend_from_slice(&header);
                messages.extend_from_slice(body);
            }
            Self::Dtls13(hasher, _) => {
                hasher.update(&tls_header(kind, body.len()));
                hasher.update(body);
            }
        }
    }

    /// Forgets all messages: the handshake is over, or a HelloVerifyRequest came, which is not hashed, nor the ClientHello
    /// before it (RFC 6347, section 4.2.1).
    pub(crate) fn restart(&mut self) {
        *self = Self::new();
    }

    /// Says what is negotiated. To be called once.
    pub(crate) fn start(&mut self, provider: &dyn Provider, version: Version, hash: HashAlgorithm) {
        let Self::Open(messages) = self else {
            return;
        };
        let mut messages = std::mem::take(messages);
        let mut hasher = provider.hasher(hash);
        *self = match version {
            Version::Dtls12 => {
                hasher.update(&messages);
                messages.reserve(USUAL_HANDSHAKE_12);
                Self::Dtls12(hasher, messages)
            }
            Version::Dtls13 => {
                // At most one message.
                if let Some((header, body)) = messages.split_at_checked(FragmentHeader::LEN) {
                    hasher.update(header.get(..4).unwrap_or_default());
                    hasher.update(body);
                }
                Self::Dtls13(hasher, hash)
            }
        };
    }

    /// A HelloRetryRequest was sent or received: its ClientHello is replaced by its hash (RFC 8446, section 4.4.1).
    pub(crate) fn replace_by_hash(&mut self, provider: &dyn Provider) {
        if let Self::Dtls13(hasher, hash) = self {
            let digest = hasher.digest();
            *hasher = provider.hasher(*hash);
            self.add(HandshakeType::MessageHash, 0, digest.as_bytes());
        }
    }

    /// The hash of all messages so far.
    pub(crate) fn digest(&self) -> Digest {
        match self {
            Self::Open(_) => Digest::new(&[]),
            Self::Dtls13(hasher, _) | Self::Dtls12(hasher, _) => hasher.digest(),
        }
    }

    /// Takes out all messages so far (DTLS 1.2): for CertificateVerify, after which only the hash is needed.
    pub(crate) fn take_messages(&mut self) -> Vec<u8> {
        match self {
            Self::Dtls12(_, messages) => std::mem::take(messages),
            _ => Vec::new(),
        }
    }
}

/// The header of a handshake message in TLS: its type, and its length in three bytes. That of DTLS begins with it.
pub(crate) fn tls_header(kind: HandshakeType, len: usize) -> [u8; 4] {
    let [_, l0, l1, l2] = u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes();
    [kind.code(), l0, l1, l2]
}
