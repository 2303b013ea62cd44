//! One connection as the runner drives it: its packets and its clock go in, ours come out, and what the application
//! would do is done as the flags say.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use drywire_core::Instant;
use drywire_crypto::{CertifiedKey, Fingerprint, HashAlgorithm, Provider};
use drywire_dtls::{Alert, CloseReason, Config, Connection, Event, RecordError, Role};
use thiserror::Error;

use crate::flags::Flags;
use crate::packets::{Operation, Packets};

/// What the runner expects of a client or server that writes first.
const INITIAL_WRITE: &[u8] = b"hello";
/// The alerts that the runner wants to see.
const CERTIFICATE_UNKNOWN: Alert = Alert::from_code(46);
const HANDSHAKE_FAILURE: Alert = Alert::HANDSHAKE_FAILURE;
const DECOMPRESSION_FAILURE: Alert = Alert::from_code(30);

/// Why a test is over and not well.
#[derive(Debug, Error)]
pub(crate) enum SessionError {
    #[error("the peer misbehaves: {0}")]
    Misbehaved(Alert),
    #[error("the peer is incompatible: {0}")]
    Incompatible(Alert),
    #[error("the peer gave up: {0}")]
    PeerAlert(Alert),
    #[error("the connection ended: {0:?}")]
    Closed(CloseReason),
    #[error("the application does not trust the peer")]
    Distrusted,
    #[error("the runner closed the connection in the handshake")]
    Ended,
    #[error("the next timeout is {actual:?} away, expected was {expected:?}")]
    Timeout { expected: Option<std::time::Duration>, actual: Option<std::time::Duration> },
    #[error("credential {actual:?} was shown, expected was number {expected}")]
    Credential { expected: i32, actual: Option<usize> },
    #[error("a record could not be written: {0}")]
    Write(#[from] RecordError),
    #[error("keying material could not be exported")]
    Export,
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<CloseReason> for SessionError {
    fn from(reason: CloseReason) -> Self {
        match reason {
            CloseReason::Misbehaved(alert) => Self::Misbehaved(alert),
            CloseReason::Incompatible(alert) => Self::Incompatible(alert),
            CloseReason::PeerAlert(alert) => Self::PeerAlert(alert),
            other => Self::Closed(other),
        }
    }
}

pub(crate) struct Session<'a> {
    flags: &'a Flags,
    provider: Arc<dyn Provider>,
    certificates: Vec<Arc<CertifiedKey>>,
    connection: Connection,
    packets: Packets,
    now: Instant,
    datagram: Vec<u8>,
}

impl<'a> Session<'a> {
    pub(crate) fn new(flags: &'a Flags, config: Config, packets: Packets, now: Instant) -> Self {
        let provider = Arc::clone(&config.provider);
        let certificates = config.certificates.clone();
        let role = if flags.server { Role::Server } else { Role::Client };
        let connection = Connection::new(Arc::new(config), role, now, [0x42; 32]);
        Self { flags, provider, certificates, connection, packets, now, datagram: Vec::new() }
    }

    /// Runs the test to its end, and tells whether it ended as the peer should see it.
    pub(crate) fn run(mut self) -> Result<(), SessionError> {
        let result = self.exchange();
        self.send_packets();
        self.packets.finish();
        result
    }

    fn exchange(&mut self) -> Result<(), SessionError> {
        loop {
            self.send_packets();
            while let Some(event) = self.connection.poll_event() {
                match event {
                    Event::Held if self.flags.verify_fail => {
                        // An application that says why may choose what it says.
                        let alert =
                            if self.flags.custom_verify { CERTIFICATE_UNKNOWN } else { HANDSHAKE_FAILURE };
                        self.connection.abort(self.now, alert);
                        return Err(SessionError::Distrusted);
                    }
                    Event::Held => self.trust_peer(),
                    Event::Connected => {
                        self.check_credential()?;
                        if self.flags.send_alert {
                            self.connection.abort(self.now, DECOMPRESSION_FAILURE);
                            return Ok(());
                        }
                        self.export()?;
                        if self.flags.shim_writes_first {
                            self.write(INITIAL_WRITE)?;
                        }
                        self.before_read();
                    }
                    Event::ApplicationData(data) => {
                        self.reply(&data)?;
                        self.before_read();
                    }
                    Event::Closed { reason: CloseReason::Peer } => return Ok(()),
                    Event::Closed { reason } => return Err(reason.into()),
                    _ => {}
                }
                self.send_packets();
            }
            match self.packets.receive()? {
                Operation::Packet(datagram) => {
                    self.connection.handle_input(self.now, BytesMut::from(&datagram[..]));
                }
                Operation::AdvanceClock(time) => {
                    self.now += time;
                    self.handle_timeout();
                }
                Operation::SetMtu(mtu) => self.connection.set_mtu(mtu),
                Operation::SetInitialTimeout(timeout) => {
                    self.connection.set_initial_rtt(self.now, timeout / 2);
                }
                Operation::ExpectTimeout(expected) => {
                    let now = self.now;
                    let actual = self.connection.poll_timeout().map(|at| at.saturating_duration_since(now));
                    if actual != expected {
                        return Err(SessionError::Timeout { expected, actual });
                    }
                    self.handle_timeout();
                }
                // A connection may end without a close_notify, but not before it is one.
                Operation::End if self.connection.is_connected() => {
                    self.connection.close(self.now);
                    return Ok(());
                }
                Operation::End => return Err(SessionError::Ended),
            }
        }
    }

    fn handle_timeout(&mut self) {
        if self.connection.poll_timeout().is_some_and(|at| at <= self.now) {
            self.connection.handle_timeout(self.now);
        }
    }

    /// What an application does that learns the peer's certificate on another way: it trusts this one.
    fn trust_peer(&mut self) {
        let fingerprints = self
            .connection
            .peer_certificate()
            .map(|certificate| vec![Fingerprint::of(&*self.provider, HashAlgorithm::Sha256, certificate)]);
        self.connection.set_remote_fingerprints(self.now, fingerprints.unwrap_or_default());
    }

    fn check_credential(&self) -> Result<(), SessionError> {
        let Some(expected) = self.flags.expect_selected_credential else {
            return Ok(());
        };
        let shown = self.connection.local_certificate();
        let actual = shown.and_then(|shown| self.certificates.iter().position(|own| Arc::ptr_eq(own, shown)));
        // The default credential stands behind all others, and has the number -1.
        let wanted = usize::try_from(expected).unwrap_or(self.flags.credentials.len());
        if actual == Some(wanted) { Ok(()) } else { Err(SessionError::Credential { expected, actual }) }
    }

    fn export(&mut self) -> Result<(), SessionError> {
        if self.flags.export_len == 0 {
            return Ok(());
        }
        let mut material = vec![0; self.flags.export_len];
        let context = self.flags.use_export_context.then_some(self.flags.export_context.as_bytes());
        self.connection
            .export_keying_material(&self.flags.export_label, context, &mut material)
            .map_err(|_| SessionError::Export)?;
        self.write(&material)
    }

    fn before_read(&mut self) {
        if self.flags.key_update_before_read {
            self.connection.update_keys();
        }
    }

    /// The runner wants its bytes back, inverted.
    fn reply(&mut self, data: &Bytes) -> Result<(), SessionError> {
        let inverted: Vec<u8> = data.iter().map(|byte| byte ^ 0xFF).collect();
        self.write(&inverted)
    }

    fn write(&mut self, data: &[u8]) -> Result<(), SessionError> {
        self.send_packets();
        self.datagram.clear();
        self.connection.write(data, &mut self.datagram)?;
        self.packets.send(&self.datagram);
        Ok(())
    }

    fn send_packets(&mut self) {
        loop {
            self.datagram.clear();
            if self.connection.poll_transmit(self.now, &mut self.datagram).is_none() {
                break;
            }
            self.packets.send(&self.datagram);
        }
    }
}
