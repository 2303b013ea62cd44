//! ICE agent (RFC 8445) without I/O: finds the path between two peers, keeps the peer's consent, survives changes.
//!
//! One [`Agent`] serves one data stream with one component, as WebRTC uses it. It follows the RFCs 8445 (ICE), 8838
//! (trickle ICE), 7675 (consent), 8863 (patience) and 6544 (TCP candidates). Candidates come from
//! [`gather`], or from who has them otherwise; a relayed one is just a candidate. Checks can carry payloads
//! for somebody else (draft-hancke-webrtc-sped-00): see [`Attach`].
//!
//! ```
//! # #[allow(clippy::disallowed_methods)] fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use bytes::BytesMut;
//! use drywire_core::Instant;
//! use drywire_ice::{Agent, Candidate, Config, ConnectionState, Role};
//!
//! let now = Instant::now();
//! let provider = drywire_crypto_aws_lc::provider();
//! let mut offerer = Agent::new(Config::new(provider.clone(), Role::Controlling), now, [1; 32]);
//! let mut answerer = Agent::new(Config::new(provider, Role::Controlled), now, [2; 32]);
//!
//! // Signalling carries the credentials and the candidates. Candidates may even stay away on one side: what the
//! // peer's checks reveal is enough.
//! let (a, b) = (Candidate::host("192.0.2.1:5000".parse()?, 65_535), Candidate::host("192.0.2.2:5000".parse()?, 65_535));
//! offerer.add_local_candidate(now, a)?;
//! answerer.add_local_candidate(now, b.clone())?;
//! offerer.set_remote_credentials(now, answerer.local_credentials().clone())?;
//! answerer.set_remote_credentials(now, offerer.local_credentials().clone())?;
//! offerer.add_remote_candidate(now, b)?;
//!
//! // The network: what one sends, the other receives.
//! let mut datagram = Vec::new();
//! while offerer.state() != ConnectionState::Connected || answerer.state() != ConnectionState::Connected {
//!     while let Some(transmit) = offerer.poll_transmit(now, &mut datagram) {
//!         answerer.handle_input(now, transmit.path.reversed(), BytesMut::from(&datagram[..]));
//!         datagram.clear();
//!     }
//!     while let Some(transmit) = answerer.poll_transmit(now, &mut datagram) {
//!         offerer.handle_input(now, transmit.path.reversed(), BytesMut::from(&datagram[..]));
//!         datagram.clear();
//!     }
//! }
//! assert_eq!(offerer.selected_path(), answerer.selected_path().map(|path| path.reversed()));
//! # Ok(()) }
//! ```
//!
//! # What it never does
//!
//! It never does anything on a message that is not authentic, and answers none. It never names a path that none of our
//! own checks proved (but on a lite agent, which has no other choice than to follow the peer). It never resolves
//! names: who has a name like `….local` for a candidate resolves it first, with [`mdns`], or leaves it away.

mod agent;
mod attachment;
mod candidate;
mod check;
mod checklist;
mod config;
mod confirm;
mod consent;
mod credentials;
mod error;
mod event;
mod framing;
pub mod gather;
mod history;
pub mod mdns;
mod nominate;
mod pace;
mod pair;
mod respond;
mod restart;
mod roam;
mod role;
mod select;
mod state;
mod tcp;
mod timer;

pub use agent::Agent;
pub use attachment::{Attach, Attachment, Carrier, ReceivedAttachment};
pub use candidate::{Candidate, CandidateKind};
pub use config::Config;
pub use credentials::Credentials;
pub use error::{CandidateError, CredentialsError, RemoteCredentialsError};
pub use event::{Event, Stats};
pub use framing::{Deframer, frame_header};
pub use history::{
    DiscardReason, Discarded, Failure, FailureReason, PairHistory, Selection, SelectionReason, StateReason,
};
pub use pair::{CandidatePairInfo, PairState};
pub use role::Role;
pub use state::ConnectionState;
pub use tcp::TcpType;
