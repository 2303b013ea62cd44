//! The sending half of an association: what is queued, what is in flight, what is lost, and how much may be sent.

mod congestion;
mod flight;
mod messages;
mod pacer;
mod partial;
mod queue;
mod rack;
mod rate;
mod recovery;
mod rto;
mod schedule;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use bytes::Bytes;
use drywire_core::{Duration, Instant, Serial};

use crate::packet::{Data, Header, IData};
use crate::{Config, CongestionControl, Event, Ppid, SendError, SendOptions, Stats, StreamId};
use congestion::{Congestion, controller};
use flight::{Flight, Sent};
use messages::Messages;
use pacer::Pacer;
use partial::Told;
pub(crate) use queue::ResetStage;
use queue::{OpenMessage, OutboundStreams};
use rack::Rack;
use rate::RateSampler;
pub(crate) use recovery::Acknowledged;
use rto::Rto;

/// The sending half.
#[derive(Debug)]
pub(crate) struct Outbound {
    streams: OutboundStreams,
    messages: Messages,
    flight: Flight,
    control: CongestionControl,
    congestion: Box<dyn Congestion>,
    pacer: Pacer,
    /// For controllers that want to know.
    rate: Option<RateSampler>,
    rto: Rto,
    rack: Rack,
    /// When a packet that was overtaken counts as lost.
    overdue: Option<Instant>,
    /// Bytes that were found to be lost because their time had come, of which the controller hears with the next
    /// acknowledgement.
    overdue_bytes: usize,
    /// The first packet of the next round trip.
    next_round: u64,
    /// What the peer can take beyond what is in flight, by its latest word.
    peer_window: usize,
    /// The newest acknowledgement: how far it went, and how many TSNs beyond a gap it had.
    newest_sack: Option<(Serial<u32>, u32)>,
    /// The number of the next packet that carries data.
    packet: u64,
    /// When data was last sent.
    last_sent: Option<Instant>,
    /// While losses are repaired: the first TSN that was not yet sent when they were found.
    recovery: Option<Serial<u32>>,
    /// How much was sent again since losses were last found, and is not known to have been needless.
    undo: Option<u32>,
    /// The losses that are repaired are those of a timeout: the first TSN that was in flight then.
    timeout: Option<Serial<u32>>,
    /// The last chunk is to be sent again, or another one, to hear of those before it.
    tail_wanted: bool,
    /// It was, and this is not acknowledged.
    tail: Option<Serial<u32>>,
    /// Something was sent to hear of what is in flight, be it new or sent again: no second time before all until here is
    /// acknowledged (RFC 8985, section 7.2).
    tail_end: Option<Serial<u32>>,
    /// When anything was last acknowledged.
    last_acknowledged: Option<Instant>,
    /// One packet may leave whatever the congestion window says (RFC 9260, section 7.2.4, rule 3).
    exempt: bool,
    /// The first chunk that is outstanding was sent again.
    first_resent: bool,
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
    chunk_len: usize,
}

impl Outbound {
    pub(crate) fn new(config: &Config, mtu: usize, initial_tsn: Serial<u32>) -> Self {
        let congestion = controller(config.congestion_control, mtu);
        Self {
            streams: OutboundStreams::new(config.initial_mid, config.scheduler),
            messages: Messages::default(),
            flight: Flight::new(initial_tsn),
            control: config.congestion_control,
            rate: congestion.wants_rate().then(|| RateSampler::new(0)),
            congestion,
            pacer: Pacer::default(),
            rto: Rto::new(config),
            rack: Rack::new(),
            overdue: None,
            overdue_bytes: 0,
            next_round: 0,
            peer_window: 0,
            newest_sack: None,
            packet: 0,
            last_sent: None,
            recovery: None,
            undo: None,
            timeout: None,
            tail_wanted: false,
            tail: None,
            tail_end: None,
            last_acknowledged: None,
            exempt: false,
            first_resent: false,
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
            chunk_len: mtu.saturating_sub(Header::LEN),
        }
    }

    /// The peer's INIT or INIT ACK is known.
    pub(crate) fn begin(&mut self, peer_window: u32, stream_count: u16, interleaved: bool) {
        self.interleaved = interleaved;
        self.peer_window = usize::try_from(peer_window).unwrap_or(usize::MAX);
        self.streams.begin(interleaved, self.peer_window);
        self.stream_count = stream_count;
        self.streams.drop_from(stream_count, &mut self.messages);
    }

    /// The association starts anew: all that is queued or in flight is lost.
    pub(crate) fn restart(&mut self, initial_tsn: Serial<u32>) {
        self.streams.clear(&mut self.messages);
        let messages = &mut self.messages;
        self.flight.clear(initial_tsn, |sent| messages.release(sent.message));
        self.congestion = controller(self.control, self.mtu);
        self.rate = self.congestion.wants_rate().then(|| RateSampler::new(self.packet));
        self.rack = Rack::new();
        (self.recovery, self.undo, self.timeout) = (None, None, None);
        (self.tail_wanted, self.tail, self.tail_end, self.overdue) = (false, None, None, None);
        (self.told, self.newest_sack) = (None, None);
        self.overdue_bytes = 0;
        (self.exempt, self.probe) = (false, false);
    }

    /// Sets the size of packets, and that of the largest chunk.
    pub(crate) fn set_mtu(&mut self, mtu: usize, chunk_len: usize) {
        (self.mtu, self.chunk_len) = (mtu, chunk_len);
        self.congestion.set_mtu(mtu);
    }

    /// Queues a message, or a part of one: `ends` says that it is the last part.
    pub(crate) fn write(
        &mut self,
        now: Instant,
        stream: StreamId,
        ppid: Ppid,
        data: Bytes,
        mut options: SendOptions,
        ends: bool,
    ) -> Result<(), SendError> {
        if data.is_empty() {
            return Err(SendError::Empty);
        }
        let open = self.streams.open(stream);
        let limited = options.lifetime.is_some() || options.max_retransmits.is_some();
        if limited && (open.is_some() || !ends) {
            return Err(SendError::LimitedPart);
        }
        let written = data.len().saturating_add(open.map_or(0, |open| open.len));
        if written > self.max_message_size {
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
        // What the first part says counts for all.
        options.ordered = open.map_or(options.ordered, |open| open.ordered);
        let place = (open.is_none(), ends);
        let open = (!ends).then_some(OpenMessage { len: written, ordered: options.ordered });
        let message = self.messages.insert(now, data, ppid, options, place).ok_or(SendError::Full)?;
        self.streams.push(stream, &mut self.messages, message, len, open);
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

    /// When data was last sent.
    pub(crate) const fn last_sent(&self) -> Option<Instant> {
        self.last_sent
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

    pub(crate) fn measured(&mut self, now: Instant, rtt: Duration) {
        self.rto.measured(now, rtt);
    }

    pub(crate) fn back_off(&mut self) {
        self.rto.back_off();
    }

    pub(crate) fn forget_back_off(&mut self) {
        self.rto.forget_back_off();
    }

    /// A packet of the peer has come.
    pub(crate) const fn heard(&mut self) {
        self.heard = true;
    }

    /// When the next packet may leave, if it only waits for that.
    pub(crate) fn paced_until(&self, now: Instant) -> Option<Instant> {
        self.pacer.wait(now).filter(|_| self.has_sendable())
    }

    /// Whether a packet with data can be sent now.
    pub(crate) fn can_send(&self, now: Instant) -> bool {
        self.tail_wanted || self.has_sendable() && self.pacer.wait(now).is_none()
    }

    /// Whether the windows let anything through that waits.
    fn has_sendable(&self) -> bool {
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
        let idle = self.flight.is_empty();
        let (start, before) = (out.len(), self.flight.bytes());
        let tail = std::mem::take(&mut self.tail_wanted);
        self.exempt |= tail;
        self.write_lost(now, out, space, most, events, stats);
        let left = space.saturating_sub(out.len() - start);
        self.write_new(now, out, left, most, events, stats);
        if tail && out.len() == start {
            self.write_tail(now, out, space, stats);
        }
        if tail {
            self.tail_end = Some(self.flight.next_tsn());
        }
        if out.len() == start {
            return false;
        }
        self.exempt = false;
        self.packet += 1;
        self.last_sent = Some(now);
        let len = self.flight.bytes().saturating_sub(before);
        self.pacer.sent(now, len, self.mtu, self.congestion.pacing_rate());
        if let Some(rate) = &mut self.rate {
            rate.sent(now, idle);
            if self.streams.is_empty() && self.flight.bytes() < self.congestion.window() {
                rate.limited(self.flight.bytes());
            }
        }
        true
    }

    /// Whether the first chunk that is outstanding was sent again since this was last asked.
    pub(crate) const fn take_first_resent(&mut self) -> bool {
        std::mem::replace(&mut self.first_resent, false)
    }

    /// Fills in the figures that this half knows.
    pub(crate) fn fill(&self, stats: &mut Stats) {
        stats.rtt = self.rto.smoothed();
        stats.congestion_window = self.congestion.window();
        stats.bytes_in_flight = self.flight.bytes();
        stats.peer_window = self.peer_window;
    }

    fn write_lost(
        &mut self,
        now: Instant,
        out: &mut Vec<u8>,
        space: usize,
        most: usize,
        events: &mut VecDeque<Event>,
        stats: &mut Stats,
    ) {
        let start = out.len();
        loop {
            // What stood behind something reliable may have come to its limit.
            self.give_up(now, events, stats);
            let Some((tsn, sent)) = self.flight.first_lost() else { break };
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
            let len = sent.len;
            self.first_resent |= tsn == self.flight.base();
            self.flight.resend(self.packet, now);
            // Section 6.2.1, rule B: what is sent again takes its room, too, or new data would be sent into it.
            self.peer_window = self.peer_window.saturating_sub(len);
            self.streams.set_room(self.peer_window);
            self.undo = self.undo.map(|count| count + 1);
            stats.retransmissions += 1;
        }
    }

    /// Sends the last chunk again, and asks for an acknowledgement at once (RFC 8985, section 7.3; RFC 7053).
    fn write_tail(&mut self, now: Instant, out: &mut Vec<u8>, space: usize, stats: &mut Stats) {
        let Some((tsn, mut sent)) = self.flight.last_in_flight() else { return };
        sent.flags = sent.flags.with_immediate();
        if self.header_len() + sent.len > space
            || write_chunk(out, &self.messages, tsn, &sent, self.interleaved).is_none()
        {
            return;
        }
        self.flight.resend_in_flight(tsn, self.packet, now);
        self.tail = Some(tsn);
        stats.retransmissions += 1;
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
        let most = most.min(self.chunk_len).saturating_sub(self.header_len());
        self.streams.set_window(self.congestion.window());
        // What is lost goes first: nothing new while the rest of it waits for the congestion window.
        while self.flight.first_lost().is_none()
            && (self.exempt || self.flight.bytes() < self.congestion.window())
        {
            self.give_up(now, events, stats);
            let left = space.saturating_sub(out.len() - start).saturating_sub(self.header_len());
            let Some(fragment) = self.streams.peek(&self.messages, left.min(most), most) else { break };
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
            self.streams.set_room(self.peer_window);
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
