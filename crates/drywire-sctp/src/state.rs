use bytes::Bytes;

/// Where an association stands (RFC 9260, section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// Not begun, or over.
    Closed,
    /// INIT was sent.
    CookieWait,
    /// COOKIE ECHO was sent.
    CookieEchoed,
    /// Data flows.
    Established,
    /// We want to shut down and still have data to deliver.
    ShutdownPending,
    /// SHUTDOWN was sent.
    ShutdownSent,
    /// The peer wants to shut down and we still have data to deliver.
    ShutdownReceived,
    /// SHUTDOWN ACK was sent.
    ShutdownAckSent,
}

/// What is known of the peer once its INIT or INIT ACK was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    /// The verification tag of packets to the peer.
    pub(crate) tag: u32,
    /// What it can do beyond RFC 9260.
    pub(crate) extensions: Extensions,
}

/// What a peer can do beyond RFC 9260.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extensions {
    /// Reset streams (RFC 6525).
    pub(crate) resets_streams: bool,
    /// Do without messages that were given up (RFC 3758).
    pub(crate) skips_messages: bool,
    /// Send and take messages that others interrupt (RFC 8260), as we do.
    pub(crate) interleaves: bool,
    /// Take packets without a checksum, because they come over DTLS (RFC 9653).
    pub(crate) needs_no_checksum: bool,
}

/// Where the association stands, with what only belongs there.
#[derive(Clone, Debug)]
pub(crate) enum Phase {
    /// Not begun.
    Idle,
    CookieWait {
        /// How often INIT was sent again.
        repeats: u32,
    },
    CookieEchoed {
        peer: Peer,
        /// What INIT ACK brought.
        cookie: Bytes,
        /// Parameters of it that its sender is to hear of, because they are not known.
        unrecognized: Bytes,
        /// How often COOKIE ECHO was sent again.
        repeats: u32,
    },
    Established {
        peer: Peer,
    },
    ShutdownPending {
        peer: Peer,
    },
    ShutdownSent {
        peer: Peer,
        /// How often SHUTDOWN was sent again.
        repeats: u32,
    },
    ShutdownReceived {
        peer: Peer,
    },
    ShutdownAckSent {
        peer: Peer,
        /// How often SHUTDOWN ACK was sent again.
        repeats: u32,
    },
    /// Over, for ever.
    Over,
}

impl Phase {
    pub(crate) const fn state(&self) -> State {
        match self {
            Self::Idle | Self::Over => State::Closed,
            Self::CookieWait { .. } => State::CookieWait,
            Self::CookieEchoed { .. } => State::CookieEchoed,
            Self::Established { .. } => State::Established,
            Self::ShutdownPending { .. } => State::ShutdownPending,
            Self::ShutdownSent { .. } => State::ShutdownSent,
            Self::ShutdownReceived { .. } => State::ShutdownReceived,
            Self::ShutdownAckSent { .. } => State::ShutdownAckSent,
        }
    }

    /// The peer, once known.
    pub(crate) const fn peer(&self) -> Option<Peer> {
        match self {
            Self::Idle | Self::CookieWait { .. } | Self::Over => None,
            Self::CookieEchoed { peer, .. }
            | Self::Established { peer }
            | Self::ShutdownPending { peer }
            | Self::ShutdownSent { peer, .. }
            | Self::ShutdownReceived { peer }
            | Self::ShutdownAckSent { peer, .. } => Some(*peer),
        }
    }

    /// The peer has another tag (RFC 9260, section 5.2.4, case B).
    pub(crate) const fn set_peer(&mut self, new: Peer) {
        match self {
            Self::Idle | Self::CookieWait { .. } | Self::Over => (),
            Self::CookieEchoed { peer, .. }
            | Self::Established { peer }
            | Self::ShutdownPending { peer }
            | Self::ShutdownSent { peer, .. }
            | Self::ShutdownReceived { peer }
            | Self::ShutdownAckSent { peer, .. } => *peer = new,
        }
    }

    /// Whether the handshake is done and the association not over.
    pub(crate) const fn is_open(&self) -> bool {
        !matches!(self, Self::Idle | Self::CookieWait { .. } | Self::CookieEchoed { .. } | Self::Over)
    }

    /// Whether the user may write.
    pub(crate) const fn takes_writes(&self) -> bool {
        matches!(
            self,
            Self::Idle | Self::CookieWait { .. } | Self::CookieEchoed { .. } | Self::Established { .. }
        )
    }

    /// Whether data may be sent in packets of their own (section 6).
    pub(crate) const fn sends_data(&self) -> bool {
        matches!(
            self,
            Self::Established { .. } | Self::ShutdownPending { .. } | Self::ShutdownReceived { .. }
        )
    }

    /// Whether data of the peer is taken. Section 6 leaves out COOKIE-ECHOED, but a peer that sends data has taken our
    /// cookie: only its COOKIE ACK was lost or overtaken.
    pub(crate) const fn takes_data(&self) -> bool {
        matches!(
            self,
            Self::CookieEchoed { .. }
                | Self::Established { .. }
                | Self::ShutdownPending { .. }
                | Self::ShutdownSent { .. }
        )
    }
}
