use drywire_core::{Duration, Path};
use drywire_media::{ReceiveStats, SendStats};

use crate::{ConnectionState, PeerConnection};

/// The figures of a peer connection at one moment. Counters only grow.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stats {
    /// The state of the whole connection.
    pub state: ConnectionState,
    /// The state of ICE.
    pub ice_state: drywire_ice::ConnectionState,
    /// The path in use.
    pub path: Option<Path>,
    /// The candidate pair in use.
    pub selected_pair: Option<drywire_ice::CandidatePairInfo>,
    /// The round-trip time that ICE measured last.
    pub round_trip_time: Option<Duration>,
    /// What DTLS negotiated.
    pub dtls: Option<drywire_dtls::ConnectionInfo>,
    /// What the transport counted.
    pub transport: TransportStats,
    /// What the data channels counted.
    pub data: drywire_datachannel::Stats,
    /// What the SCTP association below them counted.
    pub sctp: drywire_sctp::Stats,
    /// The RTP streams that are received.
    pub inbound: Vec<ReceiveStats>,
    /// The RTP streams that are sent.
    pub outbound: Vec<SendStats>,
    /// RTP packets dropped because no m-section has them, because nobody took them, or because they could not be
    /// encrypted.
    pub rtp_packets_dropped: u64,
}

/// What the transport of a peer connection counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransportStats {
    /// Datagrams received.
    pub datagrams_received: u64,
    /// Bytes received: UDP payload.
    pub bytes_received: u64,
    /// Datagrams sent.
    pub datagrams_sent: u64,
    /// Bytes sent: UDP payload.
    pub bytes_sent: u64,
    /// Datagrams dropped because they belong to no protocol of WebRTC.
    pub datagrams_unknown: u64,
    /// Datagrams of DTLS that were received inside STUN messages, repetitions included.
    pub dtls_in_stun_received: u64,
    /// Datagrams of DTLS that were sent inside STUN messages, repetitions included.
    pub dtls_in_stun_sent: u64,
    /// SRTP and SRTCP packets dropped because ICE has not validated the path that they came on.
    pub packets_from_unknown_path: u64,
    /// RTP packets received whose header was encrypted with Cryptex (RFC 9335).
    pub cryptex_packets_received: u64,
    /// RTP packets sent whose header was encrypted with Cryptex.
    pub cryptex_packets_sent: u64,
    /// SRTP and SRTCP packets dropped because they were not authentic, came twice or were malformed.
    pub srtp_packets_dropped: u64,
}

impl Stats {
    pub(crate) fn of(connection: &PeerConnection) -> Self {
        let (ice, media) = (&connection.transport.ice, connection.media());
        Self {
            state: connection.connection_state(),
            ice_state: ice.state(),
            path: connection.path(),
            selected_pair: ice.selected_pair(),
            round_trip_time: ice.rtt(),
            dtls: connection.transport.dtls().and_then(drywire_dtls::Connection::info).cloned(),
            transport: connection.transport.stats(),
            data: connection.data().stats().clone(),
            sctp: connection.data().association().stats(),
            inbound: media.receivers().collect(),
            outbound: media.senders().collect(),
            rtp_packets_dropped: connection.rtp_packets_dropped(),
        }
    }
}
