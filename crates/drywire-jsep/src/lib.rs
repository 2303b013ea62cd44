//! Offer/answer (RFC 9429) as a pure state machine over session descriptions.
//!
//! A [`Session`] knows transceivers, codecs and media sections, but no transport: it is told the facts about the
//! local one ([`LocalTransport`]) when it writes a description, and gives those about the remote one
//! ([`RemoteTransport`]) after it has read one. There is one transport for everything (the bundle policy
//! `max-bundle` and the RTCP policy `require`): a media section outside the bundle, or without `a=rtcp-mux`, is
//! rejected.
//!
//! ```
//! use drywire_jsep::{Config, DescriptionType, LocalTransport, MediaKind, Session, SignalingState, TransceiverInit};
//!
//! let transport = |ufrag: &str| LocalTransport {
//!     ice_ufrag: ufrag.into(),
//!     ice_pwd: "abcdefghijklmnopqrstuvwx".into(),
//!     fingerprints: vec!["sha-256 6A:CA".into()],
//!     ..LocalTransport::default()
//! };
//! let mut alice = Session::new(Config::default(), [1; 32]);
//! let mut bob = Session::new(Config::default(), [2; 32]);
//! alice.add_transceiver(MediaKind::Video, TransceiverInit::default())?;
//!
//! let offer = alice.create_offer(&transport("alice"))?;
//! alice.set_local_description(DescriptionType::Offer, &offer)?;
//! bob.set_remote_description(DescriptionType::Offer, &offer)?;
//! let answer = bob.create_answer(&transport("bobb"))?;
//! bob.set_local_description(DescriptionType::Answer, &answer)?;
//! alice.set_remote_description(DescriptionType::Answer, &answer)?;
//! assert_eq!(alice.signaling_state(), SignalingState::Stable);
//! assert_eq!(alice.remote_transport().map(|remote| remote.ice_ufrag.as_str()), Some("bobb"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod changes;
mod codec;
mod config;
mod data;
mod error;
mod plan;
mod session;
mod signaling;
mod slot;
mod transceiver;
mod transport;
mod write;

pub use changes::Changes;
pub use codec::{Codec, NegotiatedCodec};
pub use config::{Config, EncryptionPolicy, HeaderExtension};
pub use data::DataSection;
pub use drywire_sdp::{Candidate, Direction, Mid, PayloadType, SessionDescription};
pub use error::{
    CandidateError, CreateError, LocalDescriptionError, RemoteDescriptionError, TransceiverError,
};
pub use session::{CandidateTarget, HeaderEncryption, Session};
pub use signaling::{DescriptionType, SignalingState};
pub use transceiver::{
    MediaKind, Negotiated, NegotiatedExtension, RemoteMedia, Transceiver, TransceiverId, TransceiverInit,
};
pub use transport::{DtlsRole, LocalTransport, RemoteTransport};
