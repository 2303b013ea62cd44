//! WebRTC without I/O: peer connections and endpoints as poll-style state machines.
//!
//! A [`PeerConnection`] speaks to one peer: ICE, DTLS, SRTP, RTP, SCTP and data channels in one machine. An
//! [`Endpoint`] holds many of them behind one UDP socket. Neither opens a socket or reads a clock: datagrams and the
//! time go in; datagrams, the next timeout and [events](Event) come out. The contract that all machines keep stands in
//! [`drywire_core`].
//!
//! # The loop
//!
//! ```no_run
//! use drywire::{ConnectionState, Duration, Event, Instant, Path, PeerConnection};
//!
//! fn drive(
//!     peer: &mut PeerConnection,
//!     socket: &std::net::UdpSocket,
//!     mut react: impl FnMut(&mut PeerConnection, Event),
//! ) -> std::io::Result<()> {
//!     let (local, mut out, mut input) = (socket.local_addr()?, Vec::new(), [0; 2048]);
//!     while peer.connection_state() != ConnectionState::Closed {
//!         let wait = peer.poll_timeout().map(|at| at.saturating_duration_since(Instant::now()));
//!         socket.set_read_timeout(wait.map(|wait| wait.max(Duration::from_millis(1))))?;
//!         if let Ok((len, remote)) = socket.recv_from(&mut input) {
//!             peer.handle_input(Instant::now(), Path::udp(local, remote), input[..len].into());
//!         }
//!         peer.handle_timeout(Instant::now());
//!         while let Some(event) = peer.poll_event() {
//!             react(peer, event);
//!         }
//!         while let Some(transmit) = peer.poll_transmit(Instant::now(), &mut out) {
//!             for datagram in out.chunks(transmit.segment_size.unwrap_or(transmit.len)) {
//!                 socket.send_to(datagram, transmit.path.remote)?;
//!             }
//!             out.clear();
//!         }
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # Candidates
//!
//! A peer connection that is alone is given its candidates ([`PeerConnection::add_local_candidate`]). An [`Endpoint`] finds
//! them for all of its peers: from the addresses of its sockets, by asking STUN servers, and by allocations on TURN servers,
//! which from then on are addresses like others. Whoever drives the endpoint carries its datagrams, and opens the TCP
//! connections that it asks for; what is TURN or ICE in them is the endpoint's business.
//!
//! ```
//! use drywire::{Endpoint, EndpointConfig, IceServer, Instant};
//! # #[allow(clippy::disallowed_methods)] fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let now = Instant::now();
//! let mut endpoint = Endpoint::new(EndpointConfig::default(), now, [7; 32]); // a random seed, rather
//! endpoint.add_local_address(now, "192.0.2.7:5000".parse::<std::net::SocketAddr>()?);
//! // The name of the server was resolved before: that is I/O.
//! let server = vec!["198.51.100.1:3478".parse()?];
//! endpoint.add_ice_server(now, IceServer::stun("stun:stun.example.org".parse()?, server.clone()))?;
//! endpoint.add_ice_server(now, IceServer::turn("turn:turn.example.org".parse()?, server, "user", "password"))?;
//!
//! let mut out = Vec::new();
//! let request = endpoint.poll_transmit(now, &mut out).expect("the first request");
//! assert_eq!(request.path.remote, "198.51.100.1:3478".parse()?);
//! # Ok(()) }
//! ```
//!
//! # What is where
//!
//! Each protocol is a crate of its own and is re-exported here: [`ice`], [`dtls`], [`srtp`], [`sctp`] and so on. The
//! names at the peer connection are those of W3C's WebRTC, the names below are those of the RFCs.

mod config;
mod demux;
mod endpoint;
mod error;
mod event;
mod packet;
mod peer;
mod stats;
mod transport;

#[cfg(feature = "aws-lc")]
use std::sync::Arc;

pub use drywire_core::{Duration, Ecn, Instant, Path, Protocol, Transmit};
pub use {
    drywire_crypto as crypto, drywire_datachannel as datachannel, drywire_dtls as dtls, drywire_ice as ice,
    drywire_jsep as jsep, drywire_media as media, drywire_rtp as rtp, drywire_sctp as sctp,
    drywire_sdp as sdp, drywire_srtp as srtp, drywire_stun as stun, drywire_turn as turn,
};

pub use config::{Config, IceTransportPolicy};
pub use drywire_media::{KeyframeRequest, WallClock};
pub use endpoint::{
    ConnectId, Endpoint, EndpointConfig, EndpointStats, IceServer, IceServerError, PeerId, PeerMut,
    StreamRequest,
};
pub use error::{KeyframeError, NegotiationError, RemoteCandidateError, TooManyPeers, WriteError};
pub use event::{CloseReason, ConnectionState, Event, IceGatheringState, LocalCandidate};
pub use packet::{Extensions, RtpPacket};
pub use peer::{DataChannel, PeerConnection};
pub use stats::{Stats, TransportStats};

/// The default cryptographic library: AWS-LC. It needs the feature `aws-lc`, which is on by default; without it, bring a
/// [`Provider`](crypto::Provider), such as the one of the crate `drywire-crypto-rust`.
#[cfg(feature = "aws-lc")]
#[must_use]
pub fn default_provider() -> Arc<dyn crypto::Provider> {
    drywire_crypto_aws_lc::provider()
}

/// The earlier of two deadlines.
pub(crate) fn earliest(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// The programs in the README are compiled with the documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
