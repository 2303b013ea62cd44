//! DTLS 1.3 (RFC 9147) and DTLS 1.2 (RFC 6347) without I/O, as WebRTC uses them: both sides show a certificate, the
//! certificate's fingerprint is what is trusted, and the session keys SRTP (RFC 5764).
//!
//! A [`Connection`] is one end of a session. Datagrams and the time go in; datagrams, events and the next timeout come
//! out. It speaks both versions: a client offers what its [`Config`] allows in one ClientHello, and the first message
//! of the peer decides.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::{Duration, Instant};
//!
//! use bytes::BytesMut;
//! use drywire_crypto::{CertificateOptions, CertifiedKey};
//! use drywire_dtls::{Config, Connection, Event, Role};
//!
//! let provider = drywire_crypto_aws_lc::provider();
//! let options = CertificateOptions::new(Duration::from_secs(1_750_000_000));
//! let certificate = Arc::new(CertifiedKey::self_signed(&*provider, &options)?);
//! let fingerprint = certificate.fingerprint(&*provider);
//! let config = Arc::new(Config::new(provider, certificate));
//!
//! let now = Instant::now();
//! let mut client = Connection::new(Arc::clone(&config), Role::Client, now, [1; 32]);
//! let mut server = Connection::new(config, Role::Server, now, [2; 32]);
//! client.set_remote_fingerprints(now, vec![fingerprint]);
//! server.set_remote_fingerprints(now, vec![fingerprint]);
//!
//! // Instead of a network: carry datagrams until nobody has anything to say.
//! let mut datagram = Vec::new();
//! loop {
//!     datagram.clear();
//!     if client.poll_transmit(now, &mut datagram).is_some() {
//!         server.handle_input(now, BytesMut::from(&datagram[..]));
//!     } else if server.poll_transmit(now, &mut datagram).is_some() {
//!         client.handle_input(now, BytesMut::from(&datagram[..]));
//!     } else {
//!         break;
//!     }
//! }
//! assert!(matches!(client.poll_event(), Some(Event::Connected)));
//!
//! // One record, encrypted where it stands: header, payload and tag in one buffer.
//! datagram.clear();
//! let record = client.begin_record(&mut datagram)?;
//! datagram.extend_from_slice(b"hello");
//! client.finish_record(&mut datagram, record)?;
//! server.handle_input(now, BytesMut::from(&datagram[..]));
//! assert!(matches!(server.poll_event(), Some(Event::Connected)));
//! assert!(matches!(server.poll_event(), Some(Event::ApplicationData(data)) if &data[..] == b"hello"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it deliberately does not do
//!
//! No sessions are resumed, no early data is sent, nothing is renegotiated, no certificate chains are built: WebRTC has no
//! use for them. Nothing is compressed, and there are no ciphers without authentication or forward secrecy.
//!
//! Off unless the [`Config`] says otherwise, because it is of no use behind ICE, which has validated the path before the
//! first byte of DTLS (RFC 8445): [`Cookies`], and connection identifiers (RFC 9146). Off, too, is what WebRTC does not
//! need: application protocols (RFC 7301), limits of records (RFC 8449), and the [`KeyLog`].

mod ack;
mod agreed;
mod alert;
mod cipher_suite;
mod config;
mod connection;
mod cookie;
mod credential;
mod error;
mod event;
mod failure;
mod flight;
mod handshake;
mod hello;
mod key_log;
mod machine;
mod message;
mod prf;
mod queue;
mod ranges;
mod reassembly;
mod record;
mod schedule;
mod session;
mod srtp;
mod transcript;
mod v12;
mod v13;

pub use alert::Alert;
pub use cipher_suite::CipherSuite;
pub use config::{Authentication, Config, Role, Version};
pub use connection::{Connection, Record};
pub use cookie::Cookies;
pub use error::{NotConnected, RecordError};
pub use event::{CloseReason, ConnectionInfo, Event, State, Stats};
pub use key_log::KeyLog;
pub use srtp::{SrtpKeyingMaterial, SrtpProfile};

#[cfg(test)]
mod tests;
