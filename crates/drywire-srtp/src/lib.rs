//! SRTP and SRTCP (RFC 3711, RFC 7714), in place, with encrypted headers (RFC 9335, RFC 6904).
//!
//! [`Outbound`] protects what one side sends, [`Inbound`] takes the protection off what it receives. Keys come as
//! bytes, one pair of key and salt for each direction, as DTLS-SRTP exports them (RFC 5764, section 4.2). Packets are
//! changed where they are: no copy, and no allocation per packet once a stream is known.
//!
//! ```
//! use bytes::BytesMut;
//! use drywire_srtp::{Inbound, Outbound, Profile};
//!
//! let provider = drywire_crypto_aws_lc::provider();
//! let profile = Profile::AeadAes128Gcm;
//! let (key, salt) = ([1; 16], [2; 12]); // from DTLS
//! let mut sender = Outbound::new(&*provider, profile, &key, &salt)?;
//! let mut receiver = Inbound::new(&*provider, profile, &key, &salt)?;
//!
//! let mut out = Vec::new();
//! let packet = b"\x80\x60\x00\x01\x00\x00\x00\x00\xca\xfe\xba\xbepayload";
//! out.extend_from_slice(packet);
//! let len = sender.protect_rtp(&mut out, 0)?;
//! assert_eq!(len, packet.len() + profile.rtp_overhead());
//!
//! let mut received = BytesMut::from(&out[..]);
//! let header = receiver.unprotect_rtp(&mut received)?;
//! assert_eq!(header.payload(&received), b"payload");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod derive;
mod error;
mod header_encryption;
mod inbound;
mod outbound;
mod profile;
mod replay;
mod rollover;
mod table;
mod transform;

pub use error::{KeyError, ProtectError, RolloverError, UnprotectError};
pub use header_encryption::{ExtensionIds, HeaderEncryption};
pub use inbound::{Inbound, InboundStats};
pub use outbound::{Outbound, OutboundStats};
pub use profile::Profile;

/// The most streams that are kept in each direction, for RTP and for RTCP each.
pub const MAX_STREAMS: usize = 1024;
