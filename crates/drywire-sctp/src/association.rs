use std::collections::VecDeque;

use bytes::Bytes;
use drywire_core::{Duration, Instant, Monotonic, Rng, Serial, TimerTable};

use crate::cookie::CookieKey;
use crate::heartbeat::Beat;
use crate::packet::{Cause, ChunkType, Header};
use crate::path_mtu::PathMtu;
use crate::reset::Reset;
use crate::rx::Inbound;
use crate::state::Phase;
use crate::timer::Timer;
use crate::transmit::{Due, Reply};
use crate::tx::Outbound;
use crate::{
    CloseReason, Config, Event, Message, ParseError, Ppid, SendError, SendOptions, State, Stats, StreamId,
};

/// How many events may wait before the peer is refused what would add to them.
pub(crate) const MAX_EVENTS: usize = 1_024;
/// How many answers to the peer may wait.
pub(crate) const MAX_REPLIES: usize = 8;
/// The least size of packets that is taken from a caller.
const LEAST_MTU: usize = 256;

/// One side of an SCTP association (RFC 9260): the machine of this crate.
#[derive(Debug)]
pub struct Association {
    pub(crate) config: Config,
    pub(crate) stats: Stats,
    pub(crate) rng: Rng,
    pub(crate) clock: Monotonic,
    /// When the association came to be: cookies count from here.
    pub(crate) began: Instant,
    pub(crate) mtu: usize,
    pub(crate) path: PathMtu,
    pub(crate) phase: Phase,
    pub(crate) shutdown_wanted: bool,
    pub(crate) local_tag: u32,
    pub(crate) local_tsn: Serial<u32>,
    pub(crate) cookie_key: CookieKey,
    pub(crate) rx: Inbound,
    pub(crate) tx: Outbound,
    pub(crate) reset: Reset,
    pub(crate) beat: Option<Beat>,
    /// Retransmissions in a row that were not answered.
    pub(crate) errors: u32,
    pub(crate) timers: TimerTable<Timer, 10>,
    pub(crate) due: Due,
    pub(crate) replies: VecDeque<Reply>,
    pub(crate) events: VecDeque<Event>,
}

impl Association {
    /// An association that waits: for [`connect`](Self::connect), or for the INIT of the peer, which it answers.
    #[must_use]
    pub fn new(config: Config, now: Instant, seed: [u8; 32]) -> Self {
        let mut rng = Rng::new(seed);
        let cookie_key = CookieKey::new(rng.seed());
        let local_tag = rng.u32().max(1);
        let random_tsn = rng.u32();
        let local_tsn = Serial(config.initial_tsn.unwrap_or(random_tsn));
        let mtu = usable_mtu(config.mtu);
        Self {
            stats: Stats::default(),
            rng,
            clock: Monotonic::new(now),
            began: now,
            mtu,
            path: PathMtu::new(mtu, config.max_mtu),
            phase: Phase::Idle,
            shutdown_wanted: false,
            local_tag,
            local_tsn,
            cookie_key,
            rx: Inbound::new(&config, Serial(0)),
            tx: Outbound::new(&config, mtu, local_tsn),
            reset: Reset::new(local_tsn),
            beat: None,
            errors: 0,
            timers: TimerTable::default(),
            due: Due::default(),
            replies: VecDeque::new(),
            events: VecDeque::new(),
            config,
        }
    }

    /// Takes one packet of the peer.
    pub fn handle_input(&mut self, now: Instant, packet: Bytes) {
        let now = self.clock.observe(now);
        self.take_packet(now, &packet);
        self.settle(now);
    }

    /// Tells that the time of [`poll_timeout`](Self::poll_timeout) has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.clock.observe(now);
        while let Some(timer) = self.timers.expire(now) {
            match timer {
                Timer::Connect => self.connect_timed_out(now),
                Timer::Shutdown => self.shutdown_timed_out(now),
                Timer::Retransmit => self.retransmit_timed_out(now),
                Timer::Overdue => self.overdue_timed_out(now),
                Timer::TailProbe => self.tail_probe_timed_out(now),
                Timer::PathMtu => self.path_mtu_timed_out(now),
                // What waited leaves with the next poll.
                Timer::Pace => (),
                Timer::Acknowledge => self.rx.hurry_sack(),
                Timer::Heartbeat => self.heartbeat_timed_out(now),
                Timer::Reset => self.reset_timed_out(now),
            }
        }
        self.settle(now);
    }

    /// Begins the association: sends INIT. That both sides do so at once is normal (RFC 9260, section 5.2.1). Has no
    /// effect once begun.
    pub fn connect(&mut self, now: Instant) {
        let now = self.clock.observe(now);
        self.begin(now);
    }

    /// The INIT chunk of this side, for a peer that is to know it beforehand (draft-hancke-tsvwg-snap-00); see
    /// [`connect_with`](Self::connect_with). It is the same until the association begins.
    #[must_use]
    pub fn local_init(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write_init_chunk(&mut out);
        out
    }

    /// Begins the association without a handshake: the peer knows our [`local_init`](Self::local_init), and this is its own.
    /// Both sides must do so. Has no effect once begun.
    ///
    /// # Errors
    /// [`ParseError`] if it is not an INIT chunk that an association can begin with; then [`connect`](Self::connect) begins
    /// it, also with a peer that believes it begun.
    pub fn connect_with(&mut self, now: Instant, remote_init: &[u8]) -> Result<(), ParseError> {
        let now = self.clock.observe(now);
        self.begin_with(now, remote_init)?;
        self.settle(now);
        Ok(())
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
        self.write_part(now, stream, ppid, data, options, true)
    }

    /// Queues a part of a message, so that a long one need not be in memory at once; `ends` says that it is the last part.
    /// The `ppid` and the order of the first part count for all. Parts have no limits of time or retransmissions. A message that is not brought to its end is cut off by [`reset_streams`](Self::reset_streams).
    ///
    /// Without [interleaving](Config::interleaving) all other streams wait from the first part to the last one.
    ///
    /// # Errors
    /// See [`SendError`]. A part that is not taken leaves no trace.
    pub fn write_part(
        &mut self,
        now: Instant,
        stream: StreamId,
        ppid: Ppid,
        data: Bytes,
        options: SendOptions,
        ends: bool,
    ) -> Result<(), SendError> {
        let now = self.clock.observe(now);
        if !self.phase.takes_writes() || self.shutdown_wanted {
            return Err(SendError::Closed);
        }
        self.tx.make_room(now, stream, &mut self.events, &mut self.stats);
        self.tx.write(now, stream, ppid, data, options, ends)?;
        self.stats.messages_sent += u64::from(ends);
        self.keep_retransmit(now);
        Ok(())
    }

    /// The next message of the peer on `stream`. What is not read keeps the window closed and so slows the peer.
    pub fn read(&mut self, stream: StreamId) -> Option<Message> {
        self.rx.read(stream, self.mtu)
    }

    /// Whether ordered messages of `stream` are [read](Self::read) in parts while they come (RFC 6458, section 6.1.7, calls it partial
    /// delivery), so that a long one need not be in memory at once. Then [`Config::max_message_size`] does not bind them: what is
    /// not read yet fills the window, and no more than that is kept. The parts are as long as the peer's packets carry;
    /// [`Message::rest`] says which is the last. Unordered messages are whole always, and do not come between the parts of
    /// another one.
    pub fn set_read_in_parts(&mut self, stream: StreamId, in_parts: bool) {
        self.rx.set_read_in_parts(stream, in_parts, &mut self.events, &mut self.stats);
    }

    /// The payload protocol identifier of the message that [`read`](Self::read) would give, without taking it.
    #[must_use]
    pub fn peek(&self, stream: StreamId) -> Option<Ppid> {
        self.rx.peek(stream)
    }

    /// Resets our side of these streams once all that is queued on them was sent (RFC 6525). They cannot be written
    /// until [`Event::OutgoingStreamsReset`] or [`Event::StreamResetFailed`] names them.
    pub fn reset_streams(&mut self, now: Instant, streams: &[StreamId]) {
        let now = self.clock.observe(now);
        self.want_resets(streams);
        self.settle(now);
    }

    /// How many bytes of messages are queued on `stream` and not yet sent for the first time.
    #[must_use]
    pub fn buffered(&self, stream: StreamId) -> usize {
        self.tx.streams().buffered(stream)
    }

    /// Sets the amount of [`buffered`](Self::buffered) bytes at or below which
    /// [`Event::BufferedAmountLow`] fires when it is reached from above. Zero at first.
    pub fn set_buffered_low_threshold(&mut self, stream: StreamId, threshold: usize) {
        self.tx.streams_mut().set_low_threshold(stream, threshold);
    }

    /// Sets the priority of `stream` among those that have something to send, 256 at first. What it means is the
    /// [`Scheduler`](crate::Scheduler)'s; twice as much is twice the bandwidth where that is shared.
    pub fn set_priority(&mut self, stream: StreamId, priority: u16) {
        self.tx.streams_mut().set_weight(stream, priority);
    }

    /// Sets the size of packets that pass everywhere and the largest one to look for; see [`Config::mtu`] and
    /// [`Config::max_mtu`].
    pub fn set_mtu(&mut self, now: Instant, mtu: usize, max_mtu: usize) {
        let now = self.clock.observe(now);
        self.path = PathMtu::new(usable_mtu(mtu), max_mtu);
        self.use_mtu();
        self.search_mtu(now);
    }

    /// The size of packets now, in bytes.
    #[must_use]
    pub const fn mtu(&self) -> usize {
        self.mtu
    }

    /// Tells the round-trip time of the path, as ICE measured it: instead of [`Config::rto_initial`] three times as much is
    /// waited for the first answers, within the limits. Call it before [`connect`](Self::connect).
    pub fn set_initial_rtt(&mut self, rtt: Duration) {
        self.config.rto_initial = self.tx.expect_rtt(rtt);
    }

    /// Packets take another path from now on, or the path is back. If retransmission timers have expired, what they say of the
    /// path is forgotten, and what was sent last goes out again at once; else nothing changes.
    pub fn path_changed(&mut self, now: Instant) {
        let now = self.clock.observe(now);
        if self.errors > 0 && self.timers.is_armed(Timer::Retransmit) {
            self.errors = 0;
            self.tx.forget_back_off();
            self.timers.arm(Timer::Retransmit, now);
        }
    }

    /// Sets the ports. Call it before [`connect`](Self::connect).
    pub fn set_ports(&mut self, local: u16, remote: u16) {
        self.config.local_port = local;
        self.config.remote_port = remote;
    }

    /// Ends the association in good order: what is queued is delivered first (RFC 9260, section 9.2).
    pub fn shutdown(&mut self, now: Instant) {
        let now = self.clock.observe(now);
        self.begin_shutdown(now);
        self.settle(now);
    }

    /// Ends the association at once and tells the peer (RFC 9260, section 9.1).
    pub fn abort(&mut self, now: Instant) {
        let now = self.clock.observe(now);
        self.abort_with(Cause::USER_INITIATED_ABORT, &[], CloseReason::Local);
        self.settle(now);
    }

    /// Where the association stands.
    #[must_use]
    pub const fn state(&self) -> State {
        self.phase.state()
    }

    /// The counters.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut stats = self.stats.clone();
        self.tx.fill(&mut stats);
        stats
    }

    /// Appends one SCTP packet to `out` and returns its length; `None` when there is nothing to send now.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        let now = self.clock.observe(now);
        let (start, given_up) = (out.len(), self.stats.messages_abandoned);
        let mut written = self.write_packet(now, out);
        if self.stats.messages_abandoned != given_up {
            // A reset or the end may have waited for just that.
            self.settle(now);
            written = written.or_else(|| self.write_packet(now, out));
        }
        if written.is_none() {
            self.keep_pace(now);
            return None;
        }
        let first = out.get(start + Header::LEN).map(|kind| ChunkType(*kind));
        self.seal(out, start, first);
        self.stats.handshake_chunks_sent += u64::from(first.is_some_and(ChunkType::is_handshake));
        self.stats.packets_sent += 1;
        Some(out.len() - start)
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        match &event {
            Event::Readable(stream) => self.rx.announced(*stream),
            Event::BufferedAmountLow(stream) => self.tx.streams_mut().announced(*stream),
            _ => (),
        }
        Some(event)
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Instant> {
        self.timers.earliest()
    }

    /// Goes on with what an input, a command or the time has made possible.
    fn settle(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Over) {
            return;
        }
        self.request_resets(now);
        self.continue_shutdown(now);
        self.keep_retransmit(now);
        self.keep_pace(now);
        self.keep_acknowledge(now);
    }
}

/// The size of packets to work with.
pub(crate) fn usable_mtu(mtu: usize) -> usize {
    mtu.clamp(LEAST_MTU, 65_532) & !3
}
