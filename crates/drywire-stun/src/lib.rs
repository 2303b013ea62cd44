//! STUN messages (RFC 8489), authentication and transactions without I/O.
//!
//! A [`Message`] is a view of the bytes of one datagram, validated once; a [`MessageBuilder`] writes one to the end of
//! the caller's buffer. Neither allocates. An [`IntegrityKey`] is a credential prepared for many messages.
//!
//! ```
//! use drywire_stun::attributes::{Priority, Username};
//! use drywire_stun::{Class, IntegrityAlgorithm, IntegrityKey, Message, MessageBuilder, Method, TransactionId};
//!
//! let provider = drywire_crypto_aws_lc::provider();
//! let key = IntegrityKey::short_term(&*provider, "VOkJxbRl1RmTxUk/WvJxBt");
//!
//! let mut out = Vec::new();
//! let mut check = MessageBuilder::new(&mut out, Class::Request, Method::BINDING, TransactionId::new([7; 12]));
//! check.attribute(&Username("evtj:h6vY")).attribute(&Priority(1)).integrity(&key, IntegrityAlgorithm::Sha1);
//! check.fingerprint();
//! check.finish()?;
//!
//! let message = Message::parse(&out)?;
//! assert_eq!(message.username(), Some("evtj:h6vY"));
//! assert_eq!(message.check_integrity(&key), Ok(IntegrityAlgorithm::Sha1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Parts
//!
//! - Messages: [`Message`], [`MessageBuilder`], [`attributes`]; over TCP and TLS cut out of the stream by a
//!   [`StreamFramer`].
//! - Short-term credentials, which ICE uses: [`IntegrityKey::short_term`].
//! - Long-term credentials, which TURN uses: [`LongTerm`] is the client's side, [`Validator`] the server's.
//! - Requests over UDP: [`Transaction`], or [`Retransmission`] alone. Plain answers: [`binding`].
//! - Where servers are: [`ServerUri`]. What a NAT does: [`discovery`].
//!
//! # Trust
//!
//! Before anything in a message is acted upon, the caller checks it: [`Message::check_fingerprint`] tells STUN from
//! what only looks like it, [`Message::check_integrity`] tells who sent it. Attributes behind the integrity attribute
//! cannot be seen at all.

pub mod attributes;
pub mod binding;
mod builder;
mod credential;
pub mod discovery;
mod error;
mod fingerprint;
mod framing;
mod header;
mod integrity;
mod long_term;
mod message;
mod nonce;
mod opaque_string;
mod plausible;
mod retransmission;
mod transaction;
mod uri;
mod validator;

pub use attributes::AttributeType;
pub use builder::MessageBuilder;
pub use credential::Credential;
pub use error::{
    BuildError, CredentialError, FramingError, IntegrityError, InvalidAttribute, OpaqueStringError,
    ParseError, Refusal, UriError,
};
pub use framing::{Frame, StreamFramer};
pub use header::{Class, HEADER_LEN, MAGIC_COOKIE, Method, TransactionId, is_stun};
pub use integrity::{IntegrityAlgorithm, IntegrityKey};
pub use long_term::{Attempt, LongTerm, Verdict};
pub use message::Message;
pub use opaque_string::opaque_string;
pub use retransmission::{Expired, Retransmission, RetransmissionConfig};
pub use transaction::{Transaction, TransactionState};
pub use uri::{Host, Scheme, ServerUri, UriTransport};
pub use validator::{Authenticated, Rejection, User, Validator, ValidatorConfig};
