//! The transcript of the handshake: what both sides have said, in one hash.

use drywire_crypto::{Digest, HashAlgorithm, Hasher, Provider};

use crate::Version;
use crate::message::{FragmentHeader, HandshakeType};

/// The messages so far. In DTLS 1.3 they are hashed with the header of TLS, without numbers and fragments (RFC 9147,
/// section 5.2); in DTLS 1.2 with the header of a message in one fragment (RFC 6347, section 4.2.6).
pub(crate) enum Transcript {
    /// The version is not known yet: our ClientHello waits.
    Open(Vec<(HandshakeType, u16, Vec<u8>)>),
    /// The hash function is known.
    Dtls13(Box<dyn Hasher>, HashAlgorithm),
    /// The messages themselves: CertificateVerify signs them, not their hash.
    Dtls12(Vec<u8>, HashAlgorithm),
}

impl Transcript {
    pub(crate) const fn new() -> Self {
        Self::Open(Vec::new())
    }

    /// Adds a message.
    pub(crate) fn add(&mut self, kind: HandshakeType, message_seq: u16, body: &[u8]) {
        match self {
            Self::Open(messages) => messages.push((kind, message_seq, body.to_vec())),
            Self::Dtls13(hasher, _) => {
                hasher.update(&tls_header(kind, body.len()));
                hasher.update(body);
            }
            Self::Dtls12(bytes, _) => {
                let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
                let header = FragmentHeader { kind: kind.code(), length, message_seq, offset: 0 };
                bytes.extend_from_slice(&header.bytes(body.len()));
                bytes.extend_from_slice(body);
            }
        }
    }

    /// Forgets all messages: a HelloVerifyRequest and the ClientHello before it are not hashed (RFC 6347, section
    /// 4.2.1).
    pub(crate) fn restart(&mut self) {
        *self = Self::new();
    }

    /// Says what is negotiated. To be called once.
    pub(crate) fn start(&mut self, provider: &dyn Provider, version: Version, hash: HashAlgorithm) {
        let Self::Open(messages) = self else {
            return;
        };
        let messages = std::mem::take(messages);
        *self = match version {
            Version::Dtls13 => Self::Dtls13(provider.hasher(hash), hash),
            Version::Dtls12 => Self::Dtls12(Vec::with_capacity(4096), hash),
        };
        for (kind, message_seq, body) in messages {
            self.add(kind, message_seq, &body);
        }
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
    pub(crate) fn digest(&self, provider: &dyn Provider) -> Digest {
        match self {
            Self::Open(_) => Digest::new(&[]),
            Self::Dtls13(hasher, _) => hasher.digest(),
            Self::Dtls12(bytes, hash) => provider.digest(*hash, &[bytes]),
        }
    }

    /// All messages so far (DTLS 1.2).
    pub(crate) fn messages(&self) -> &[u8] {
        match self {
            Self::Dtls12(bytes, _) => bytes,
            _ => &[],
        }
    }
}

/// The header of a handshake message in TLS: its type, and its length in three bytes.
pub(crate) fn tls_header(kind: HandshakeType, len: usize) -> [u8; 4] {
    let [_, l0, l1, l2] = u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes();
    [kind.code(), l0, l1, l2]
}
