//! The sending half of an association: what is queued, what is in flight, what is lost, and how much may be sent.

mod congestion;
mod flight;
mod messages;
mod partial;
mod queue;
mod rto;
mod schedule;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use bytes::Bytes;
use drywire_core::{Duration, Instant, Serial};

use crate::packet::{Data, IData, Sack};
use crate::{Config, Event, Ppid, SendError, SendOptions, Stats, StreamId};
use congestion::{Congestion, NewReno};
use flight::{Flight, Progress, Sent};
use messages::Messages;
use partial::Told;
use queue::OutboundStreams;
pub(crate) use queue::ResetStage;
use rto::Rto;

/// What a SACK meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acknowledged {
    /// It acknowledges what was never sent.
    Violation,
    /// It was overtaken by a later one.
    Stale,
    /// It was taken.
    Taken {
        /// Whether the cumulative TSN has advanced.
        advanced: bool,
        /// Whether anything was acknowledged for the first time.
        progress: bool,
        /// Whether losses were found for the first time in this window of data.
        recovery_began: bool,
    },
}

/// The sending half.
#[derive(Debug)]
pub(crate) struct Outbound {
    streams: OutboundStreams,
    messages: Messages,
    flight: Flight,
    congestion: Box<dyn Congestion>,
    rto: Rto,
    /// What the peer can take beyond what is in flight, by its latest word.
    peer_window: usize,
    /// The number of the next packet that carries data.
    packet: u64,
    /// When data was last sent.
    last_sent: Option<Instant>,
    /// While losses are repaired: the first TSN that was not yet sent when they were found.
    recovery: Option<Serial<u32>>,
    /// One packet may leave whatever the congestion window says (RFC 9260, section 7.2.4, rule 3).
    exempt: bool,
    /// One chunk may leave whatever the peer's window says (section 6.1, rule A).
    probe: bool,
    /// Whether data goes as I-DATA (RFC 8260).
    interleaved: bool,
    /// Whether the peer does without messages that are given up.
    partial: bool,
    /// Whether any message ever had a limit.
    limited: bool,
    /// What the peer was told of them last.
    told: Option<Told>,
    /// A packet of the peer came since the retransmission timer last expired.
    heard: bool,
    /// What one stream may queue.
    limit: usize,
    max_message_size: usize,
    stream_count: u16,
    mtu: usize,
}

impl Outbound {
    pub(crate) fn new(config: &Config, mtu: usize, initial_tsn: Serial<u32>) -> Self {
        Self {
            streams: OutboundStreams::new(config.initial_mid, config.scheduler),
            messages: Messages::default(),
            flight: Flight::new(initial_tsn),
            congestion: Box::new(NewReno::new(mtu)),
            rto: Rto::new(config),
            peer_window: 0,
            packet: 0,
            last_sent: None,
            recovery: None,
            exempt: false,
            probe: false,
            interleaved: false,
            partial: false,
            limited: false,
            told: None,
            heard: false,
            limit: config.send_buffer.max(1),
            max_message_size: config.max_outgoing_message_size,
            stream_count: config.max_outbound_streams.max(1),
            mtu,
        }
    }

    /// The peer's INIT or INIT ACK is known.
    pub(crate) fn begin(&mut self, peer_window: u32, stream_count: u16, interleaved: bool) {
        self.interleaved = interleaved;
        self.streams.set_interleaved(interleaved);
        self.peer_window = usize::try_from(peer_window).unwrap_or(usize::MAX);
        self.stream_count = stream_count;
        self.streams.drop_from(stream_count, &mut self.messages);
    }

    /// The association starts anew: all that is queued or in flight is lost.
    pub(crate) fn restart(&mut self, initial_tsn: Serial<u32>) {
        self.streams.clear(&mut self.messages);
        let messages = &mut self.messages;
        self.flight.clear(initial_tsn, |sent| messages.release(sent.message));
        self.congestion = Box::new(NewReno::new(self.mtu));
        self.recovery = None;
        self.told = None;
        (self.exempt, self.probe) = (false, false);
    }

    pub(crate) fn set_mtu(&mut self, mtu: usize) {
        self.mtu = mtu;
        self.congestion.set_mtu(mtu);
    }

    /// Queues a message, or a part of one: `ends` says that it is the last part.
    pub(crate) fn write(
        &mut self,
        now: Instant,
        stream: StreamId,
        ppid: Ppid,
        data: Bytes,
        options: SendOptions,
        ends: bool,
    ) -> Result<(), SendError> {
        if data.is_empty() {
            return Err(SendError::Empty);
        }
        let written = self.streams.open_len(stream);
        let limited = options.lifetime.is_some() || options.max_retransmits.is_some();
        if limited && (written.is_some() || !ends) {
            return Err(SendError::LimitedPart);
        }
        if data.len().saturating_add(written.unwrap_or(0)) > self.max_message_size {
            return Err(SendError::TooLarge);
        }
        if stream.0 >= self.stream_count {
            return Err(SendError::InvalidStream);
        }
        if self.streams.reset_stage(stream) != ResetStage::None {
            return Err(SendError::StreamResetting);
        }
        if !self.streams.has_room(stream, self.limit) {
            self.streams.refused(stream);
            return Err(SendError::Full);
        }
        self.limited |= limited;
        let len = data.len();
        let place = (written.is_none(), ends);
        let message = self.messages.insert(now, data, ppid, options, place).ok_or(SendError::Full)?;
        self.streams.push(stream, message, len, !ends);
        Ok(())
    }

    pub(crate) const fn stream_count(&self) -> u16 {
        self.stream_count
    }

    /// The queues, for the reset of streams.
    pub(crate) const fn streams_mut(&mut self) -> &mut OutboundStreams {
        &mut self.streams
    }

    /// The queues.
    pub(crate) const fn streams(&self) -> &OutboundStreams {
        &self.streams
    }

    /// Whether everything that was written is acknowledged.
    pub(crate) fn is_done(&self) -> bool {
        self.streams.is_empty() && self.flight.is_empty()
    }

    /// Whether anything waits for an acknowledgement.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.flight.is_empty()
    }

    /// Whether there is data that only waits for the peer to open its window.
    pub(crate) fn is_blocked_by_peer(&self) -> bool {
        self.flight.is_empty() && !self.streams.is_empty() && self.peer_window == 0 && !self.probe
    }

    /// The last TSN that was given to data.
    pub(crate) fn last_tsn(&self) -> Serial<u32> {
        self.flight.next_tsn().sub(1)
    }

    pub(crate) const fn rto(&self) -> Duration {
        self.rto.current()
    }

    pub(crate) fn expect_rtt(&mut self, rtt: Duration) -> Duration {
        self.rto.expect(rtt)
    }

    pub(crate) fn measured(&mut self, rtt: Duration) {
        self.rto.measured(rtt);
    }

    pub(crate) fn back_off(&mut self) {
        self.rto.back_off();
    }

    /// A packet of the peer has come.
    pub(crate) const fn heard(&mut self) {
        self.heard = true;
    }

    /// Takes an acknowledgement (RFC 9260, sections 6.2.1 and 7.2).
    pub(crate) fn acknowledge(&mut self, now: Instant, sack: &Sack<'_>) -> Acknowledged {
        let (base, next_tsn) = (self.flight.base(), self.flight.next_tsn());
        let cumulative = sack.cumulative;
        if cumulative.next() < base {
            return Acknowledged::Stale;
        }
        // An acknowledgement of what was never sent is an attack on the congestion control, or nonsense.
        let beyond = |tsn: Serial<u32>| tsn.distance_from(base.sub(1)) > next_tsn.distance_from(base);
        if beyond(cumulative) || sack.gaps().any(|gap| beyond(cumulative.add(gap.end.into()))) {
            return Acknowledged::Violation;
        }
        let limited = self.flight.bytes() + self.mtu >= self.congestion.window();
        let mut progress = Progress::default();
        let (streams, messages) = (&mut self.streams, &mut self.messages);
        self.flight.acknowledge_until(cumulative, &mut progress, |sent| {
            streams.acknowledged(sent.stream);
            messages.release(sent.message);
        });
        for gap in sack.gaps() {
            if gap.start >= 2 && gap.start <= gap.end {
                let (first, last) = (cumulative.add(gap.start.into()), cumulative.add(gap.end.into()));
                self.flight.acknowledge_gap(first, last, &mut progress);
            }
        }
        if self.recovery.is_some_and(|end| cumulative.next() >= end) {
            self.recovery = None;
        }
        // The window grows only when the cumulative TSN does (sections 7.2.1 and 7.2.2).
        let advanced = self.flight.base() != base;
        self.congestion.acknowledged(progress.bytes, limited && advanced, self.recovery.is_some());
        let lost = progress.packet.is_some_and(|packet| self.flight.detect_losses(packet));
        let recovery_began = lost && self.recovery.is_none();
        if recovery_began {
            self.congestion.lost();
            self.recovery = Some(next_tsn);
            self.exempt = true;
        }
        self.flight.tidy();
        // The peer has taken what it was told: what is given up behind that is news.
        self.told = self.told.filter(|told| told.cumulative > cumulative);
        if let Some((_, at)) = progress.sampled {
            self.rto.measured(now.saturating_duration_since(at));
        }
        let window = usize::try_from(sack.window).unwrap_or(usize::MAX);
        self.peer_window = window.saturating_sub(self.flight.bytes());
        Acknowledged::Taken { advanced, progress: progress.bytes > 0, recovery_began }
    }

    /// The cumulative TSN of a SHUTDOWN, which acknowledges like a SACK (section 9.2) but says nothing of the window.
    /// Returns whether it acknowledged anything.
    pub(crate) fn acknowledge_shutdown(&mut self, cumulative: Serial<u32>) -> bool {
        let (base, next_tsn) = (self.flight.base(), self.flight.next_tsn());
        if cumulative < base || cumulative >= next_tsn {
            return false;
        }
        let (streams, messages) = (&mut self.streams, &mut self.messages);
        self.flight.acknowledge_until(cumulative, &mut Progress::default(), |sent| {
            streams.acknowledged(sent.stream);
            messages.release(sent.message);
        });
        self.flight.tidy();
        true
    }

    /// What is in flight went to an association that did not come to be.
    pub(crate) fn lose_all(&mut self) {
        self.flight.lose_all();
        self.flight.tidy();
    }

    /// The retransmission timer has expired (section 6.3.3). Returns whether this counts as an error of the peer:
    /// it does not while a peer that is alive keeps its window closed (section 6.1, rule A).
    pub(crate) fn timed_out(&mut self) -> bool {
        let closed = self.peer_window == 0 && self.heard;
        self.heard = false;
        self.rto.back_off();
        self.told = None;
        if self.flight.is_empty() {
            self.probe = true;
            return false;
        }
        self.congestion.timed_out();
        self.flight.lose_all();
        self.flight.tidy();
        self.recovery = None;
        self.exempt = false;
        !closed
    }

    /// Whether a packet with data can be sent now.
    pub(crate) fn can_send(&self) -> bool {
        let lost = self.flight.first_lost().is_some();
        if !lost && self.streams.is_empty() {
            return false;
        }
        if self.flight.bytes() >= self.congestion.window() && !(lost && self.exempt) {
            return false;
        }
        lost || self.may_send_new(1)
    }

    /// Appends as many DATA chunks as fit into `space` bytes, what was lost first; `most` is the space of an empty
    /// packet. Returns whether any was appended.
    pub(crate) fn write_data(
        &mut self,
        now: Instant,
        out: &mut Vec<u8>,
        space: usize,
        most: usize,
        events: &mut VecDeque<Event>,
        stats: &mut Stats,
    ) -> bool {
        if let Some(last) = self.last_sent
            && self.flight.is_empty()
            && now.saturating_duration_since(last) > self.rto.current()
        {
            self.congestion.idle();
        }
        let start = out.len();
        self.write_lost(now, out, space, most, stats);
        let left = space.saturating_sub(out.len() - start);
        self.write_new(now, out, left, most, events, stats);
        if out.len() == start {
            return false;
        }
        self.exempt = false;
        self.packet += 1;
        self.last_sent = Some(now);
        true
    }

    /// Fills in the figures that this half knows.
    pub(crate) fn fill(&self, stats: &mut Stats) {
        stats.rtt = self.rto.smoothed();
        stats.congestion_window = self.congestion.window();
        stats.bytes_in_flight = self.flight.bytes();
        stats.peer_window = self.peer_window;
    }

    fn write_lost(&mut self, now: Instant, out: &mut Vec<u8>, space: usize, most: usize, stats: &mut Stats) {
        let start = out.len();
        while let Some((tsn, sent)) = self.flight.first_lost() {
            let used = out.len() - start;
            let need = self.header_len() + sent.len;
            // After the MTU fell a chunk may be longer than a packet; it cannot be cut any more.
            let oversized = used == 0 && need > most && space == most;
            if need > space.saturating_sub(used) && !oversized {
                break;
            }
            if self.flight.bytes() >= self.congestion.window() && !self.exempt {
                break;
            }
            if write_chunk(out, &self.messages, tsn, sent, self.interleaved).is_none() {
                break;
            }
            self.flight.resend(self.packet, now);
            stats.retransmissions += 1;
        }
    }

    fn write_new(
        &mut self,
        now: Instant,
        out: &mut Vec<u8>,
        space: usize,
        most: usize,
        events: &mut VecDeque<Event>,
        stats: &mut Stats,
    ) {
        let start = out.len();
        let most = most.saturating_sub(self.header_len());
        // What is lost goes first: nothing new while the rest of it waits for the congestion window.
        while self.flight.first_lost().is_none() && self.flight.bytes() < self.congestion.window() {
            self.give_up(now, events, stats);
            let left = space.saturating_sub(out.len() - start).saturating_sub(self.header_len());
            let Some(fragment) = self.streams.peek(&self.messages, left, most) else { break };
            if !self.may_send_new(fragment.len) {
                break;
            }
            let tsn = self.flight.next_tsn();
            let back = self.messages.sent(fragment.message, tsn);
            let sent = Sent::new(&fragment, back, self.packet, now);
            if write_chunk(out, &self.messages, tsn, &sent, self.interleaved).is_none() {
                break;
            }
            self.streams.advance(&mut self.messages, &fragment, self.limit, events);
            self.flight.push(sent);
            self.peer_window = self.peer_window.saturating_sub(fragment.len);
            self.probe = false;
            stats.bytes_sent += u64::try_from(fragment.len).unwrap_or(u64::MAX);
        }
    }

    const fn header_len(&self) -> usize {
        if self.interleaved { IData::HEADER_LEN } else { Data::HEADER_LEN }
    }

    /// Whether the peer's window lets `len` new bytes through. One chunk may always be in flight, so that a window
    /// that opened unheard is found (section 6.1, rule A); into a closed one it is sent when the timer says so.
    fn may_send_new(&self, len: usize) -> bool {
        self.peer_window >= len || self.flight.is_empty() && (self.peer_window > 0 || self.probe)
    }
}

/// Appends the DATA or I-DATA chunk of `sent`: the one copy of the payload on this side.
fn write_chunk(
    out: &mut Vec<u8>,
    messages: &Messages,
    tsn: Serial<u32>,
    sent: &Sent,
    interleaved: bool,
) -> Option<()> {
    let outgoing = messages.get(sent.message)?;
    let data = outgoing.data.get(sent.offset..sent.offset + sent.len)?;
    let (flags, stream, ppid) = (sent.flags, sent.stream, outgoing.ppid);
    if interleaved {
        let ppid_or_fsn = if flags.is_beginning() { ppid.0 } else { sent.fsn };
        IData { flags, tsn, stream, mid: sent.mid, ppid_or_fsn, data }.write(out);
    } else {
        // Of an unordered message it means nothing.
        let ssn = if flags.is_unordered() { 0 } else { ssn(sent.mid) };
        Data { flags, tsn, stream, ssn, ppid, data }.write(out);
    }
    Some(())
}

/// The stream sequence number of the message with this identifier, where there are no identifiers on the wire.
fn ssn(mid: u32) -> u16 {
    let [_, _, high, low] = mid.to_be_bytes();
    u16::from_be_bytes([high, low])
}
