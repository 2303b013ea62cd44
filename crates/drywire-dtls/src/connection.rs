use std::sync::Arc;

use bytes::BytesMut;
use drywire_core::{Duration, Instant, Monotonic, Rng};
use drywire_crypto::Fingerprint;

use crate::{
    Config, ConnectionInfo, Event, NotConnected, RecordError, Role, SrtpKeyingMaterial, State, Stats,
};

/// One end of a DTLS session.
#[derive(Debug)]
pub struct Connection {
    config: Arc<Config>,
    role: Role,
    clock: Monotonic,
    rng: Rng,
    fingerprints: Option<Vec<Fingerprint>>,
    stats: Stats,
}

/// A record that was begun and not yet finished: see [`Connection::begin_record`].
#[derive(Debug)]
#[must_use = "a record that is not finished is not encrypted"]
pub struct Record {
    start: usize,
    header_len: usize,
}

impl Connection {
    /// Makes one end of a session. Nothing is computed and nothing is sent: a client has its ClientHello ready at the
    /// first [`poll_transmit`](Self::poll_transmit).
    #[must_use]
    pub fn new(config: Arc<Config>, role: Role, now: Instant, seed: [u8; 32]) -> Self {
        Self {
            config,
            role,
            clock: Monotonic::new(now),
            rng: Rng::new(seed),
            fingerprints: None,
            stats: Stats::default(),
        }
    }

    /// Takes a datagram from the peer: one UDP payload, with one record or more. They are decrypted in place.
    pub fn handle_input(&mut self, now: Instant, datagram: BytesMut) {
        self.clock.observe(now);
        drop(datagram);
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.clock.observe(now);
    }

    /// Says which fingerprints the peer's certificate may have, from the session description. It may come before or
    /// after the certificate: until one matches, the connection does not become connected (RFC 8827, section 6.5).
    pub fn set_remote_fingerprints(&mut self, now: Instant, fingerprints: Vec<Fingerprint>) {
        self.clock.observe(now);
        self.fingerprints = Some(fingerprints);
    }

    /// Sets the longest datagram of the handshake, in bytes of UDP payload.
    pub fn set_mtu(&mut self, mtu: usize) {
        let _ = mtu;
    }

    /// Tells the round-trip time of the path, as ICE measured it: flights that are lost are sent again the sooner.
    pub fn set_initial_rtt(&mut self, rtt: Duration) {
        let _ = rtt;
    }

    /// Which side of the handshake this is.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The state.
    #[must_use]
    pub const fn state(&self) -> State {
        State::New
    }

    /// Whether records can be sent now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.state() == State::Connected
    }

    /// What was negotiated, once connected.
    #[must_use]
    pub const fn info(&self) -> Option<&ConnectionInfo> {
        None
    }

    /// Counters.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Begins a record of application data at the end of `out`: leaves room for its header. Append the plaintext to
    /// `out`, then call [`finish_record`](Self::finish_record). To give up, truncate `out` to where it was.
    pub fn begin_record(&mut self, out: &mut Vec<u8>) -> Result<Record, NotConnected> {
        let _ = out;
        Err(NotConnected)
    }

    /// Encrypts the plaintext that was appended since [`begin_record`](Self::begin_record) where it stands and appends
    /// the tag. Returns the length of the record. On an error `out` is truncated to where the record began.
    pub fn finish_record(&mut self, out: &mut Vec<u8>, record: Record) -> Result<usize, RecordError> {
        let _ = record.header_len;
        out.truncate(record.start);
        Err(NotConnected.into())
    }

    /// How many bytes a record adds to its plaintext. Before the connection is connected: the most that it can be.
    #[must_use]
    pub const fn record_overhead(&self) -> usize {
        37
    }

    /// Appends a record with `data` to `out` and returns its length.
    pub fn write(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<usize, RecordError> {
        let record = self.begin_record(out)?;
        out.extend_from_slice(data);
        self.finish_record(out, record)
    }

    /// Fills `out` with keying material (RFC 5705; RFC 8446, section 7.5).
    pub fn export_keying_material(
        &self,
        label: &str,
        context: Option<&[u8]>,
        out: &mut [u8],
    ) -> Result<(), NotConnected> {
        let _ = (label, context, out);
        Err(NotConnected)
    }

    /// The keys for SRTP, once connected with a profile.
    #[must_use]
    pub fn srtp_keying_material(&self) -> Option<SrtpKeyingMaterial> {
        None
    }

    /// Closes the session: the peer is told so with a close_notify.
    pub fn close(&mut self, now: Instant) {
        self.clock.observe(now);
    }

    /// Appends one datagram of the handshake, an acknowledgement or an alert to `out` and returns its length.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        self.clock.observe(now);
        let _ = (out, &self.config, &mut self.rng);
        None
    }

    /// What happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        None
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}
