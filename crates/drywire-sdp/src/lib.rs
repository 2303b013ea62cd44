//! Session descriptions (RFC 8866), lossless text to typed values and back.
//!
//! A [`SessionDescription`] keeps the text as it came and knows where its lines begin. Every line of a kind that this
//! crate knows is checked against its grammar once, while parsing; typed values are read from the text when they are
//! asked for, and borrow from it. So parsing allocates three times whatever the description holds, unknown lines stay
//! where they were, and writing a description is one copy.
//!
//! ```
//! use drywire_sdp::{Direction, Rtpmap, SessionDescription};
//!
//! let text = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=recvonly\r\n\
//!             m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=rtpmap:111 opus/48000/2\r\na=x-new:kept\r\n";
//! let description: SessionDescription = text.parse()?;
//! let audio = description.media_section(0).ok_or("no media section")?;
//! assert_eq!(audio.mid(), Some("0"));
//! assert_eq!(audio.direction(), Direction::RecvOnly); // inherited from the session level
//! assert_eq!(audio.all::<Rtpmap>().next().map(|map| map.clock_rate()), Some(48_000));
//! assert_eq!(description.to_string(), text);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! New descriptions come from a [`Builder`]. It reads back each line that it wrote with the parser, so a string of the
//! application can neither add a line nor break the grammar of one.

mod attribute;
mod attributes;
mod bandwidth;
mod builder;
mod connection;
mod description;
mod error;
mod grammar;
mod media;
mod origin;
mod section;

pub use attribute::Attribute;
pub use attributes::candidate::{Candidate, CandidateAddress, CandidateKind, TcpType, Transport};
pub use attributes::direction::Direction;
pub use attributes::extmap::Extmap;
pub use attributes::fingerprint::Fingerprint;
pub use attributes::fmtp::Fmtp;
pub use attributes::group::Group;
pub use attributes::ice::{IceOptions, IcePwd, IceUfrag};
pub use attributes::mid::Mid;
pub use attributes::msid::Msid;
pub use attributes::rid::{Rid, RidDirection};
pub use attributes::rtcp::Rtcp;
pub use attributes::rtcp_fb::RtcpFb;
pub use attributes::rtpmap::{PayloadType, Rtpmap};
pub use attributes::sctp::{MaxMessageSize, SctpInit, SctpPort, Sctpmap};
pub use attributes::setup::Setup;
pub use attributes::simulcast::Simulcast;
pub use attributes::ssrc::{Ssrc, SsrcGroup};
pub use attributes::tls_id::TlsId;
pub use bandwidth::Bandwidth;
pub use builder::Builder;
pub use connection::Connection;
pub use description::{
    MAX_LINE, MAX_LINES, MAX_MEDIA_SECTIONS, MAX_SECTION_LINES, MAX_TEXT, SessionDescription,
};
pub use error::{Invalid, ParseError};
pub use media::{MediaKind, MediaLine};
pub use origin::Origin;
pub use section::{AttributeLine, Line, MediaSection, Section};
