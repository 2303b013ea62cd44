//! RTP streams in and out: reception statistics, reports, requests for key frames, and which media section a packet
//! belongs to.
//!
//! [`Streams`] is the machine: it is told of every RTP packet that is received or sent and takes in RTCP; it yields RTCP
//! datagrams in plaintext, to be protected and sent, and events. [`Demux`] finds the media section of a packet among
//! those that share a transport.
//!
//! ```
//! # #![allow(clippy::disallowed_methods, reason = "the example reads a clock, as an application does")]
//! use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
//! use drywire_media::{Config, Event, Format, Kind, Streams, WallClock};
//! use drywire_rtp::{HeaderFields, RtpHeader, Ssrc};
//!
//! let start = Instant::now();
//! let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH)?;
//! let mut streams = Streams::new(Config::new("cname", WallClock::new(start, since_1970)), start, [7; 32]);
//! let video = Format { kind: Kind::Video, clock_rate: 90_000 };
//!
//! // A packet of a stream arrives ...
//! let mut packet = Vec::new();
//! HeaderFields { ssrc: Ssrc(1), ..HeaderFields::default() }.write(&mut packet, &[])?;
//! streams.handle_rtp(start, &RtpHeader::parse(&packet)?, video);
//!
//! // ... and is reported on within a second and a half.
//! let due = streams.poll_timeout().unwrap();
//! assert!(due < start + Duration::from_millis(1500));
//! streams.handle_timeout(due);
//! let mut out = Vec::new();
//! assert_eq!(streams.poll_transmit(due, &mut out), Some(out.len()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod config;
mod demux;
mod error;
mod event;
mod keyframe;
mod receive;
mod report;
mod send;
mod streams;

pub use config::{Config, Format, Kind};
pub use demux::{Demux, Section};
pub use drywire_core::WallClock;
pub use error::{StreamError, UnknownStream};
pub use event::Event;
pub use keyframe::KeyframeRequest;
pub use receive::{ReceiveStats, SenderReportArrival};
pub use send::{RemoteReport, SendStats};
pub use streams::{Stats, Streams};
