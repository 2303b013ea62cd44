use bytes::Bytes;
use drywire_core::{Instant, Rng};

use crate::{Config, Event, Message, Ppid, SendError, SendOptions, State, Stats, StreamId};

/// One side of an SCTP association (RFC 9260): the machine of this crate.
#[derive(Debug)]
pub struct Association {
    config: Config,
    stats: Stats,
    rng: Rng,
}

impl Association {
    /// An association that waits: for [`connect`](Self::connect), or for the INIT of the peer, which it answers.
    #[must_use]
    pub fn new(config: Config, now: Instant, seed: [u8; 32]) -> Self {
        let _ = now;
        Self { config, stats: Stats::default(), rng: Rng::new(seed) }
    }

    /// Takes one packet of the peer.
    pub fn handle_input(&mut self, now: Instant, packet: Bytes) {
        let _ = (now, packet);
    }

    /// Tells that the time of [`poll_timeout`](Self::poll_timeout) has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        let _ = now;
    }

    /// Begins the association: sends INIT. That both sides do so at once is normal (RFC 9260, section 5.2.1). Has no
    /// effect once begun.
    pub fn connect(&mut self, now: Instant) {
        let _ = now;
    }

    /// Queues a message, at any time from `new` to the end of the association.
    ///
    /// # Errors
    /// See [`SendError`]. A message that is not taken leaves no trace.
    pub fn write(
        &mut self,
        now: Instant,
        stream: StreamId,
        ppid: Ppid,
        data: Bytes,
        options: SendOptions,
    ) -> Result<(), SendError> {
        let _ = (now, stream, ppid, data, options);
        Err(SendError::Closed)
    }

    /// The next message of the peer on `stream`. What is not read keeps the window closed and so slows the peer.
    pub fn read(&mut self, stream: StreamId) -> Option<Message> {
        let _ = stream;
        None
    }

    /// The payload protocol identifier of the message that [`read`](Self::read) would give, without taking it.
    #[must_use]
    pub fn peek(&self, stream: StreamId) -> Option<Ppid> {
        let _ = stream;
        None
    }

    /// Resets our side of these streams once all that is queued on them was sent (RFC 6525). They cannot be written
    /// until [`Event::OutgoingStreamsReset`] or [`Event::StreamResetFailed`] names them.
    pub fn reset_streams(&mut self, now: Instant, streams: &[StreamId]) {
        let _ = (now, streams);
    }

    /// How many bytes of messages are queued on `stream` and not yet sent for the first time.
    #[must_use]
    pub fn buffered(&self, stream: StreamId) -> usize {
        let _ = stream;
        0
    }

    /// Sets the amount of [`buffered`](Self::buffered) bytes at or below which
    /// [`Event::BufferedAmountLow`] fires when it is reached from above. Zero at first.
    pub fn set_buffered_low_threshold(&mut self, stream: StreamId, threshold: usize) {
        let _ = (stream, threshold);
    }

    /// Sets the largest SCTP packet; see [`Config::mtu`].
    pub fn set_mtu(&mut self, mtu: usize) {
        let _ = mtu;
    }

    /// Sets the ports. Call it before [`connect`](Self::connect).
    pub fn set_ports(&mut self, local: u16, remote: u16) {
        self.config.local_port = local;
        self.config.remote_port = remote;
    }

    /// Ends the association in good order: what is queued is delivered first (RFC 9260, section 9.2).
    pub fn shutdown(&mut self, now: Instant) {
        let _ = now;
    }

    /// Ends the association at once and tells the peer (RFC 9260, section 9.1).
    pub fn abort(&mut self, now: Instant) {
        let _ = now;
    }

    /// Where the association stands.
    #[must_use]
    pub fn state(&self) -> State {
        State::Closed
    }

    /// The counters.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.stats.clone()
    }

    /// Appends one SCTP packet to `out` and returns its length; `None` when there is nothing to send now.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        let _ = (now, out, self.rng.u32());
        None
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        None
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}
