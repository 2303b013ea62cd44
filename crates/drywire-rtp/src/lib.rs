//! RTP and RTCP wire formats (RFC 3550, RFC 4585, RFC 8285).
//!
//! Nothing here has state. A packet is looked at once: [`RtpHeader`] keeps where its parts are, so that it can be
//! passed along while the packet itself is decrypted in place, cut and shared; [`RtpPacket`] is the header together
//! with the bytes. RTCP is read with [`rtcp::Compound`] and written with one function per packet type.
//!
//! ```
//! use drywire_rtp::{HeaderFields, PayloadType, RtpPacket, SequenceNumber, Ssrc, extension::Mid};
//!
//! let fields = HeaderFields {
//!     payload_type: PayloadType::new(96).unwrap(),
//!     sequence_number: SequenceNumber(17),
//!     timestamp: 3000,
//!     ssrc: Ssrc(0xcafe_babe),
//!     marker: true,
//!     ..HeaderFields::default()
//! };
//! let mut out = Vec::new();
//! fields.write(&mut out, &[(4, b"video")])?; // element 4 was negotiated to be the MID
//! out.extend_from_slice(b"payload");
//!
//! let packet = RtpPacket::parse(&out)?;
//! assert_eq!(packet.header().ssrc(), Ssrc(0xcafe_babe));
//! assert_eq!(packet.extension(4).and_then(Mid::parse).unwrap().as_str(), "video");
//! assert_eq!(packet.payload(), b"payload");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
pub mod extension;
mod header;
mod ntp;
mod number;
mod packet;
pub mod rtcp;

pub use error::{ParseError, ParseErrorKind, WriteError};
pub use header::{HeaderFields, RtpHeader, write_padding};
pub use ntp::NtpTime;
pub use number::{PayloadType, SequenceNumber, Ssrc};
pub use packet::RtpPacket;
pub use rtcp::is_rtcp;
