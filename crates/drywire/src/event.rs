use drywire_datachannel::ChannelId;
use drywire_jsep::{SignalingState, TransceiverId};
use drywire_media::KeyframeRequest;
use drywire_rtp::Ssrc;

use crate::RtpPacket;

/// What a peer connection tells the application.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The state of the whole connection changed.
    ConnectionStateChanged(ConnectionState),
    /// The state of ICE changed.
    IceConnectionStateChanged(drywire_ice::ConnectionState),
    /// The state of offer/answer changed.
    SignalingStateChanged(SignalingState),
    /// Transceivers or data channels were added or changed: an offer should be made, when the signalling state is
    /// stable.
    NegotiationNeeded,
    /// The gathering of candidates has begun or ended.
    IceGatheringStateChanged(IceGatheringState),
    /// A candidate of ours that our latest description does not have: the peer should be told.
    LocalCandidate(LocalCandidate),
    /// A server did not help to find candidates (W3C webrtc-pc, `icecandidateerror`). It is not for the peer.
    IceCandidateError(drywire_ice::gather::GatherError),
    /// A candidate of the peer has a name of multicast DNS in the place of its address. Whoever has an
    /// [`Mdns`](drywire_ice::mdns::Mdns) resolves it and tells the address by
    /// [`PeerConnection::name_resolved`](crate::PeerConnection::name_resolved); else the candidate is not used. The name
    /// must not be looked up by any other means.
    NameToResolve(drywire_ice::mdns::Name),
    /// The peer's offer added an m-section of media.
    TransceiverAdded(TransceiverId),
    /// An RTP packet arrived. Packets that are not taken in time are dropped, the oldest first.
    RtpReceived {
        /// The transceiver it belongs to.
        transceiver: TransceiverId,
        /// The stream within the transceiver: a sender may change it, and with simulcast there are several.
        ssrc: Ssrc,
        /// The packet.
        packet: RtpPacket,
    },
    /// The peer asks for a keyframe of what we send.
    KeyframeRequested {
        /// The transceiver that sends.
        transceiver: TransceiverId,
        /// How it asks.
        request: KeyframeRequest,
    },
    /// A data channel that we created is open: the association is up, or messages can go along with the last of its
    /// handshake, and the channel is announced to the peer or negotiated beforehand. The peer's acknowledgement is not waited for (W3C webrtc-pc, section 6.2; RFC 8832, section 6).
    DataChannelOpened(ChannelId),
    /// The peer created a data channel. It is open.
    DataChannelAnnounced(ChannelId),
    /// A data channel that had nothing to read has a message.
    DataChannelReadable(ChannelId),
    /// What is buffered for sending fell to the channel's threshold, or a channel that was full takes messages again.
    DataChannelBufferedAmountLow(ChannelId),
    /// A data channel was closed, by either side. What arrived before can still be read.
    DataChannelClosed(ChannelId),
    /// The connection has ended. Nothing is sent any more.
    Closed {
        /// Why.
        reason: CloseReason,
    },
}

/// A candidate of ours, for the peer (W3C webrtc-pc, `RTCIceCandidate`). The peer's
/// [`add_remote_candidate`](crate::PeerConnection::add_remote_candidate) takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LocalCandidate {
    /// The line, with `candidate:` (RFC 8839, section 5.1).
    pub candidate: String,
    /// The m-section that it belongs to.
    pub mid: Option<String>,
    /// The user name fragment of its generation.
    pub ufrag: String,
}

/// How far the gathering of candidates is, as W3C's `RTCIceGatheringState` has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum IceGatheringState {
    /// There is none yet.
    #[default]
    New,
    /// Some are there, others may come.
    Gathering,
    /// All are there. The peer can be told so: by the next description, or by an empty candidate.
    Complete,
}

impl std::fmt::Display for IceGatheringState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::New => "new",
            Self::Gathering => "gathering",
            Self::Complete => "complete",
        })
    }
}

/// The state of the whole connection, as W3C's `RTCPeerConnectionState` has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ConnectionState {
    /// Nothing was begun.
    #[default]
    New,
    /// ICE or DTLS is on its way.
    Connecting,
    /// ICE has a path and DTLS is connected.
    Connected,
    /// The path gives no answer; it may come back.
    Disconnected,
    /// ICE found no path or lost it for good, or DTLS failed. An ICE restart may help in the first case.
    Failed,
    /// Closed by the application or by the peer.
    Closed,
}

impl std::fmt::Display for ConnectionState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::New => "new",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Disconnected => "disconnected",
            Self::Failed => "failed",
            Self::Closed => "closed",
        })
    }
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// The application closed it.
    Local,
    /// DTLS ended: the peer closed the connection, broke the protocol, or is not who the signalling said.
    Dtls(drywire_dtls::CloseReason),
    /// The SCTP association of the data channels failed.
    Sctp(drywire_sctp::CloseReason),
}
