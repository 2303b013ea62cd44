use bytes::Bytes;
use drywire_crypto::{NamedGroup, SignatureScheme};

use crate::{Alert, CipherSuite, SrtpProfile, Version};

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The handshake is complete, but no fingerprints were announced to check the peer's certificate by. Everything is
    /// held until [`set_remote_fingerprints`](crate::Connection::set_remote_fingerprints) (RFC 8827, section 6.5).
    Held,
    /// The handshake is complete and the peer's certificate has one of the fingerprints that were announced. Records
    /// can be sent, and keys can be exported.
    Connected,
    /// The plaintext of a record from the peer.
    ApplicationData(Bytes),
    /// The session has ended; nothing follows.
    Closed {
        /// Why.
        reason: CloseReason,
    },
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// We closed it.
    Local,
    /// The peer closed it: close_notify.
    Peer,
    /// The peer gave up with a fatal alert.
    PeerAlert(Alert),
    /// The peer broke the protocol; it was told so with the alert.
    Misbehaved(Alert),
    /// There is no version, cipher suite, group or signature scheme that both sides support.
    Incompatible(Alert),
    /// The peer's certificate has none of the fingerprints that were announced (RFC 8827, section 6.5).
    FingerprintMismatch,
    /// The handshake took longer than the configuration allows.
    Timeout,
    /// The keys have reached the limit of what they may protect (RFC 9147, section 4.5.3).
    KeyLimit,
    /// Our own cryptographic library or key failed.
    Crypto,
}

/// The state of a connection, as W3C's `RTCDtlsTransportState` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// No message of the handshake was sent or received yet.
    New,
    /// In the handshake, or waiting for the peer's fingerprint.
    Connecting,
    /// Connected.
    Connected,
    /// Closed by one of the sides.
    Closed,
    /// Ended by a failure.
    Failed,
}

/// What was negotiated.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// The version.
    pub version: Version,
    /// The cipher suite.
    pub cipher_suite: CipherSuite,
    /// The group of the key exchange.
    pub group: NamedGroup,
    /// The SRTP protection profile, if both sides wanted one.
    pub srtp_profile: Option<SrtpProfile>,
    /// The application protocol, if both sides wanted one (RFC 7301).
    pub alpn: Option<Vec<u8>>,
    /// The scheme of the signature with which the peer proved that it has its certificate's key. `None` when it has shown
    /// no certificate, which only servers that are configured so allow.
    pub peer_signature_scheme: Option<SignatureScheme>,
}

/// Counters of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Datagrams that came in.
    pub datagrams_received: u64,
    /// Datagrams of the handshake, acknowledgements and alerts that went out; application data is not among them.
    pub datagrams_sent: u64,
    /// Records that were accepted.
    pub records_received: u64,
    /// Records that were written.
    pub records_sent: u64,
    /// Records that were discarded as malformed, or as not belonging there.
    pub records_discarded: u64,
    /// Records that were discarded as replayed or too old.
    pub records_replayed: u64,
    /// Records that failed authentication.
    pub records_forged: u64,
    /// Records that were discarded because a buffer was full.
    pub records_dropped: u64,
    /// Flights that were sent again.
    pub retransmissions: u64,
    /// Plaintext bytes of application data received.
    pub bytes_received: u64,
    /// Plaintext bytes of application data sent.
    pub bytes_sent: u64,
    /// Times that our keys or the peer's were updated (DTLS 1.3).
    pub key_updates: u64,
}
