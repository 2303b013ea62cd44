//! What we send of the handshake, until the peer has it (RFC 9147, section 5.8; RFC 6347, section 4.2.4).

use std::collections::VecDeque;
use std::ops::Range;

use drywire_core::{Duration, Instant, Writer};

use crate::message::{FragmentHeader, HandshakeType};
use crate::ranges::Ranges;
use crate::record::{ContentType, RecordLayer, RecordNumber};
use crate::{RecordError, Stats, v13};

/// The longest time between two sendings of a flight (RFC 9147, section 5.8.2).
const MAX_RTO: Duration = Duration::from_secs(60);
/// The shortest, whatever is configured: time goes on between two sendings.
const MIN_RTO: Duration = Duration::from_millis(10);
/// The shortest time between two answers to a peer that sends its flight again.
const MIN_REPEAT: Duration = Duration::from_millis(50);
/// After so many timeouts in a row the path may not carry datagrams as long as ours (RFC 9147, section 4.4).
const TIMEOUTS_BEFORE_FALLBACK: u32 = 2;
/// The longest datagrams then: what every host takes in IPv4 (RFC 1122, section 3.3.2), less the headers of IP and UDP.
const FALLBACK_DATAGRAM: usize = 576 - 28;
/// Room for most messages, in bytes: with a share of the hybrid it is the hello that is longer.
const USUAL_MESSAGE: usize = 512;
/// How many fragments of a flight are remembered for their acknowledgements.
const MAX_SENT: usize = 128;

#[derive(Debug)]
enum Content {
    Message {
        kind: HandshakeType,
        message_seq: u16,
        /// Where its body stands among the bytes of the flight.
        body: Range<usize>,
    },
    /// DTLS 1.2 only.
    ChangeCipherSpec,
}

#[derive(Debug)]
struct Item {
    epoch: u64,
    content: Content,
    /// The ranges of the body that the peer has acknowledged.
    acknowledged: Ranges,
    done: bool,
    /// Whether what is acknowledged may be somebody else's word.
    doubtful: bool,
}

impl Item {
    fn len(&self) -> usize {
        match &self.content {
            Content::Message { body, .. } => body.len(),
            Content::ChangeCipherSpec => 1,
        }
    }

    /// The next range to send from `offset` on.
    fn missing(&self, offset: usize) -> Option<(usize, usize)> {
        if self.done {
            return None;
        }
        let mut start = offset;
        for (from, to) in self.acknowledged.iter() {
            if start < from {
                return Some((start, from));
            }
            start = start.max(to);
        }
        // An empty message has one empty fragment.
        (start < self.len() || (self.len() == 0 && offset == 0)).then_some((start, self.len()))
    }
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    number: RecordNumber,
    item: usize,
    range: (usize, usize),
}

/// Our latest flight: sent, sent again, and kept to answer the peer when it repeats its own.
#[derive(Debug)]
pub(crate) struct Flight {
    items: Vec<Item>,
    /// The bodies of all messages, one behind the other.
    bytes: Vec<u8>,
    /// Where sending stands: an item and an offset in its body. `None`: all is sent.
    cursor: Option<(usize, usize)>,
    sent: VecDeque<Sent>,
    next_message_seq: u16,
    /// Whether nobody will acknowledge this flight: it is sent again only when the peer repeats its own.
    last: bool,
    /// Whether the peer has all of it.
    received: bool,
    base_rto: Duration,
    rto: Duration,
    last_sent: Option<Instant>,
    deadline: Option<Instant>,
    /// Whether the peer has told that it misses the hello.
    missed: bool,
    /// Whether the peer has said something that it could not say without the hello.
    keyed: bool,
    /// Whether the peer itself was answered when it repeated its flight.
    answered: bool,
    /// How often the timer has run out since the peer was last heard.
    timeouts: u32,
    /// Whether long datagrams do not seem to arrive.
    fallback: bool,
}

impl Flight {
    pub(crate) fn new(rto: Duration) -> Self {
        let rto = rto.clamp(MIN_RTO, MAX_RTO);
        Self {
            items: Vec::new(),
            bytes: Vec::new(),
            cursor: None,
            sent: VecDeque::new(),
            next_message_seq: 0,
            last: false,
            received: true,
            base_rto: rto,
            rto,
            last_sent: None,
            deadline: None,
            missed: false,
            keyed: false,
            answered: false,
            timeouts: 0,
            fallback: false,
        }
    }

    /// The longest datagram to send, where `mtu` is configured. A size that has brought an answer is kept.
    pub(crate) fn longest_datagram(&self, mtu: usize) -> usize {
        if self.fallback { mtu.min(FALLBACK_DATAGRAM) } else { mtu }
    }

    /// The path may be another one: begin again with long datagrams.
    pub(crate) const fn forget_fallback(&mut self) {
        self.timeouts = 0;
        self.fallback = false;
    }

    /// The time until a flight is sent again for the first time. One that waits already waits that long from `now` on, if
    /// that is sooner.
    pub(crate) fn set_rto(&mut self, now: Instant, rto: Duration) {
        self.base_rto = rto.clamp(MIN_RTO, MAX_RTO);
        self.rto = self.base_rto;
        self.deadline = self.deadline.map(|at| at.min(now + self.base_rto));
    }

    /// How long the peer may wait for us now before it is time to send again.
    pub(crate) const fn current_rto(&self) -> Duration {
        if self.received { self.base_rto } else { self.rto }
    }

    /// Starts a new flight; the one before has been received.
    pub(crate) fn begin(&mut self) {
        self.items.clear();
        self.bytes.clear();
        self.sent.clear();
        self.cursor = None;
        self.last = false;
        self.received = false;
        self.rto = self.base_rto;
        self.last_sent = None;
        self.deadline = None;
        self.missed = false;
        self.keyed = false;
        self.answered = false;
        self.timeouts = 0;
    }

    /// Adds a message, whose body `write` writes; gives its number and its body.
    pub(crate) fn push(
        &mut self,
        epoch: u64,
        kind: HandshakeType,
        write: impl FnOnce(&mut Writer<'_>),
    ) -> (u16, &[u8]) {
        let message_seq = self.next_message_seq;
        self.next_message_seq = self.next_message_seq.saturating_add(1);
        let start = self.bytes.len();
        self.bytes.reserve(USUAL_MESSAGE);
        write(&mut Writer::new(&mut self.bytes));
        let body = start..self.bytes.len();
        self.add(epoch, Content::Message { kind, message_seq, body });
        (message_seq, self.bytes.get(start..).unwrap_or_default())
    }

    /// Whether the numbers of messages are used up: they do not begin again (RFC 9147, section 5.2).
    pub(crate) const fn is_exhausted(&self) -> bool {
        self.next_message_seq == u16::MAX
    }

    /// Sets the number that the next message gets.
    pub(crate) const fn set_next_message_seq(&mut self, message_seq: u16) {
        self.next_message_seq = message_seq;
    }

    /// Adds a ChangeCipherSpec.
    pub(crate) fn push_change_cipher_spec(&mut self) {
        self.add(0, Content::ChangeCipherSpec);
    }

    fn add(&mut self, epoch: u64, content: Content) {
        let at = self.items.len();
        self.items.push(Item {
            epoch,
            content,
            acknowledged: Ranges::default(),
            done: false,
            doubtful: false,
        });
        self.cursor = self.cursor.or(Some((at, 0)));
    }

    /// Says that this flight is the last of the handshake: no timer repeats it (RFC 6347, section 4.2.4).
    pub(crate) fn set_last(&mut self) {
        self.last = true;
    }

    /// Says that the peer has all of the flight: its own next flight has begun, or it has acknowledged all.
    pub(crate) fn set_received(&mut self) {
        if !self.last {
            self.received = true;
            self.cursor = None;
            self.deadline = None;
        }
    }

    /// The epoch that a flight begins in of which nothing was sent yet.
    pub(crate) fn unsent_epoch(&self) -> Option<u64> {
        let unsent = self.cursor == Some((0, 0)) && self.sent.is_empty();
        self.items.first().filter(|_| unsent).map(|item| item.epoch)
    }

    /// Whether the peer has all of it.
    pub(crate) const fn is_received(&self) -> bool {
        self.received
    }

    /// When the flight is to be sent again.
    pub(crate) const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Sends the flight again when that is due: once per tick, and each time later (attack C17).
    pub(crate) fn handle_timeout(&mut self, now: Instant, stats: &mut Stats) {
        if self.deadline.is_some_and(|at| at <= now) {
            self.deadline = None;
            self.rto = (self.rto * 2).min(MAX_RTO);
            self.timeouts = self.timeouts.saturating_add(1);
            if self.items.iter().all(|item| item.done) {
                self.forget_doubtful();
            }
            self.fallback |= self.timeouts >= TIMEOUTS_BEFORE_FALLBACK;
            self.restart(stats);
        }
    }

    /// The peer has sent its flight again: it misses ours. Anybody can claim that as long as nothing is `protected`, and
    /// is answered at most once in half a timeout (attack C17); the peer itself is answered sooner, because its own timer
    /// may be much shorter than ours, and the first time at once if there is no timer of ours.
    pub(crate) fn repeat(&mut self, now: Instant, protected: bool, stats: &mut Stats) {
        let first = protected && self.last && !std::mem::replace(&mut self.answered, true);
        let pause = match (first, protected) {
            (true, _) => Duration::ZERO,
            (false, true) => MIN_REPEAT.min(self.base_rto / 2),
            (false, false) => self.base_rto / 2,
        };
        self.restart_after(now, pause, stats);
    }

    /// The peer has sent something again that was not protected. Then it has not received what somebody may have
    /// acknowledged in its name.
    pub(crate) fn forget_doubtful(&mut self) {
        for item in self.items.iter_mut().filter(|item| item.doubtful) {
            item.acknowledged = Ranges::default();
            (item.done, item.doubtful) = (false, false);
        }
    }

    /// The peer has records that it cannot read without our hello, which it misses (RFC 9147, section 7.1). Anybody can
    /// claim that: the first time it is believed soon, later as if the peer had repeated its own hello.
    pub(crate) fn repeat_missed(&mut self, now: Instant, stats: &mut Stats) {
        if self.keyed {
            return;
        }
        self.forget_doubtful();
        if std::mem::replace(&mut self.missed, true) {
            self.repeat(now, false, stats);
        } else {
            self.restart_after(now, MIN_REPEAT.min(self.base_rto / 2), stats);
        }
    }

    /// A part of the peer's next flight has come, or is said to have: the timer has nothing more to do. Whoever misses
    /// ours all the same will say so (RFC 9147, section 7).
    pub(crate) const fn pause(&mut self) {
        if self.cursor.is_none() {
            self.deadline = None;
        }
    }

    /// Whether no timer sees to a flight that the peer does not have for sure.
    pub(crate) const fn is_paused(&self) -> bool {
        self.is_awaited() && self.cursor.is_none() && self.deadline.is_none()
    }

    /// Whether this is a ClientHello.
    fn is_hello(&self) -> bool {
        let first = self.items.first().map(|item| &item.content);
        matches!(first, Some(Content::Message { kind: HandshakeType::ClientHello, .. }))
    }

    /// Whether the peer owes us an acknowledgement.
    pub(crate) const fn is_awaited(&self) -> bool {
        !self.received && !self.last
    }

    fn restart_after(&mut self, now: Instant, pause: Duration, stats: &mut Stats) {
        let recent = self.last_sent.is_none_or(|at| now < at + pause);
        if !self.received && self.cursor.is_none() && !recent {
            self.restart(stats);
        }
    }

    fn restart(&mut self, stats: &mut Stats) {
        if self.received || self.items.iter().all(|item| item.done) {
            return;
        }
        stats.retransmissions += 1;
        self.cursor = Some((0, 0));
    }

    /// Takes the peer's word, in a record of `epoch`, for records that it has received. What it misses is sent again at
    /// once, unless it may still be on its way (RFC 9147, section 7.2). A word that was not protected has a say about
    /// what was not protected, as long as the peer does not repeat its own flight.
    pub(crate) fn acknowledge(
        &mut self,
        now: Instant,
        epoch: u64,
        numbers: impl Iterator<Item = RecordNumber>,
        stats: &mut Stats,
    ) {
        let mut news = false;
        self.keyed |= epoch > 0;
        // Nothing can be acknowledged with less protection than it had (RFC 9147, section 7). After the handshake both
        // directions count their epochs on their own.
        let reached = |number: &RecordNumber| number.epoch.min(v13::APPLICATION_EPOCH) <= epoch;
        for number in numbers.filter(reached) {
            for sent in self.sent.iter().filter(|sent| sent.number == number) {
                if let Some(item) = self.items.get_mut(sent.item) {
                    let (start, end) = sent.range;
                    news |= !item.done && (start >= end || !item.acknowledged.contains(start, end));
                    item.acknowledged.insert(start, end);
                    item.done = item.acknowledged.contains(0, item.len());
                    item.doubtful |= epoch == 0;
                }
            }
        }
        if !self.items.is_empty() && self.items.iter().all(|item| item.done) {
            self.received |= epoch > 0;
            self.cursor = None;
            // A client has nobody who would wake it up if that word was not the server's: a stateless server has no timer.
            if self.received || !self.is_hello() {
                self.deadline = None;
            }
        } else if news && epoch > 0 {
            // Only news count: an acknowledgement that is said again brings out nothing (attack C17).
            self.timeouts = 0;
            self.restart_after(now, MIN_REPEAT.min(self.base_rto / 2), stats);
        }
    }

    /// Appends records to the datagram that may fill `place` of `out`, while there is room.
    pub(crate) fn poll_transmit(
        &mut self,
        now: Instant,
        records: &mut RecordLayer,
        stats: &mut Stats,
        out: &mut Vec<u8>,
        place: Range<usize>,
    ) -> Result<(), RecordError> {
        while self.cursor.is_some() {
            let Some((at, _)) = self.seek() else {
                self.cursor = None;
                self.last_sent = Some(now);
                if !self.last {
                    self.deadline = Some(now + self.rto);
                }
                break;
            };
            let Some(item) = self.items.get(at) else {
                break;
            };
            let epoch = item.epoch;
            let taken = out.len() + records.overhead(epoch);
            let room = place.end.saturating_sub(taken).min(records.max_plaintext(epoch));
            match &item.content {
                Content::ChangeCipherSpec if room == 0 => break,
                Content::ChangeCipherSpec => {
                    records.write(epoch, ContentType::ChangeCipherSpec, &[&[1]], out)?;
                    self.cursor = Some((at + 1, 0));
                }
                // No datagram is so short that it has no room for a first record.
                Content::Message { .. } if room <= FragmentHeader::LEN && out.len() > place.start => break,
                Content::Message { .. } => {
                    let (start, header_len) = (out.len(), records.header_len(epoch));
                    out.resize(start + header_len, 0);
                    self.fill(epoch, records.next_number(epoch), out, room.max(FragmentHeader::LEN + 1));
                    records.finish(epoch, ContentType::Handshake, out, start, header_len)?;
                }
            }
            stats.records_sent += 1;
        }
        Ok(())
    }

    /// Moves the cursor to what is to be sent next, and gives the item and the range of its body.
    fn seek(&mut self) -> Option<(usize, (usize, usize))> {
        while let Some((at, offset)) = self.cursor {
            if let Some(range) = self.items.get(at)?.missing(offset) {
                return Some((at, range));
            }
            self.cursor = Some((at + 1, 0));
        }
        None
    }

    /// Fills one record with fragments: with as many as there is room for, the last of them cut to fit. Without
    /// protection a message has a record of its own, as all implementations of DTLS 1.2 are used to.
    fn fill(&mut self, epoch: u64, number: RecordNumber, out: &mut Vec<u8>, mut room: usize) {
        while let Some((at, (from, to))) = self.seek() {
            let Some(Item { epoch: own, content: Content::Message { kind, message_seq, body }, .. }) =
                self.items.get(at)
            else {
                break;
            };
            let end = to.min(from.saturating_add(room.saturating_sub(FragmentHeader::LEN)));
            if *own != epoch || room < FragmentHeader::LEN || (end == from && to > from) {
                break;
            }
            let header = FragmentHeader {
                kind: kind.code(),
                length: u32::try_from(body.len()).unwrap_or(u32::MAX),
                message_seq: *message_seq,
                offset: u32::try_from(from).unwrap_or(u32::MAX),
            };
            let fragment =
                self.bytes.get(body.clone()).and_then(|body| body.get(from..end)).unwrap_or_default();
            out.extend_from_slice(&header.bytes(fragment.len()));
            out.extend_from_slice(fragment);
            room = room.saturating_sub(FragmentHeader::LEN + fragment.len());
            // An empty message has no byte that the cursor could move over.
            self.cursor = if end >= body.len() { Some((at + 1, 0)) } else { Some((at, end)) };
            if self.sent.len() >= MAX_SENT {
                self.sent.pop_front();
            }
            self.sent.push_back(Sent { number, item: at, range: (from, end) });
            if epoch == 0 {
                break;
            }
        }
    }
}
