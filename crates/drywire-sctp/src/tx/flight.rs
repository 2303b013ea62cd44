use std::collections::VecDeque;

use drywire_core::{Instant, Serial};

use super::messages::MessageKey;
use super::queue::NextFragment;
use super::rack::LossRule;
use crate::StreamId;
use crate::packet::DataFlags;

/// Where a chunk in flight stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Sent, nothing heard of it.
    InFlight,
    /// Counted as lost, to be sent again.
    Lost,
    /// Given up with its message: not sent again, and kept until the peer knows (RFC 3758).
    Abandoned,
    /// Acknowledged by a gap block. It is kept until the cumulative TSN covers it: the peer may still drop it.
    Acknowledged,
}

/// A DATA chunk that was sent and is not acknowledged for good.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) message: MessageKey,
    pub(crate) offset: usize,
    pub(crate) len: usize,
    pub(crate) stream: StreamId,
    pub(crate) mid: u32,
    pub(crate) fsn: u32,
    pub(crate) flags: DataFlags,
    /// How many TSNs before it the fragment before it of the same message is; zero for the first one.
    back: u32,
    standing: Standing,
    /// How often it was sent.
    transmissions: u32,
    /// The number of the packet that it was last sent in.
    packet: u64,
    at: Instant,
}

impl Sent {
    pub(crate) const fn new(fragment: &NextFragment, back: u32, packet: u64, at: Instant) -> Self {
        Self {
            message: fragment.message,
            offset: fragment.offset,
            len: fragment.len,
            stream: fragment.stream,
            mid: fragment.mid,
            fsn: fragment.fsn,
            flags: fragment.flags,
            back,
            standing: Standing::InFlight,
            transmissions: 1,
            packet,
            at,
        }
    }
}

impl Sent {
    /// How often it was sent.
    pub(crate) const fn transmissions(&self) -> u32 {
        self.transmissions
    }
}

/// What an acknowledgement has brought to light.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    /// Bytes acknowledged for the first time.
    pub(crate) bytes: usize,
    /// The highest packet number among what was acknowledged for the first time.
    pub(crate) packet: Option<u64>,
    /// When the latest chunk that was sent only once, and is now acknowledged, was sent.
    pub(crate) sampled: Option<(u64, Instant)>,
    /// Something that counted as lost, and was not sent again, has arrived.
    pub(crate) revived: bool,
    /// When the latest chunk was sent again that is now acknowledged.
    pub(crate) resent: Option<Instant>,
}

/// What was found to be lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    pub(crate) bytes: usize,
    /// When the next packet counts as lost, unless it arrives before.
    pub(crate) next: Option<Instant>,
}

impl Progress {
    fn note(&mut self, sent: &Sent) {
        self.bytes += sent.len;
        self.packet = self.packet.max(Some(sent.packet));
        // Karn's rule: the round trip of a chunk that was sent again is not known (section 6.3.1, C5).
        if sent.transmissions == 1 && self.sampled.is_none_or(|(packet, _)| packet < sent.packet) {
            self.sampled = Some((sent.packet, sent.at));
        }
        self.revived |= sent.standing == Standing::Lost;
        if sent.transmissions > 1 && sent.standing == Standing::InFlight {
            self.resent = self.resent.max(Some(sent.at));
        }
    }
}

/// What is in flight: a ring indexed by the distance from the cumulative TSN. Nothing here is searched: losses are
/// found along the order of sending, gap blocks visit only what they newly cover.
#[derive(Debug)]
pub(crate) struct Flight {
    /// The TSN of the first entry: the one after the cumulative TSN.
    base: Serial<u32>,
    ring: VecDeque<Sent>,
    bytes: usize,
    /// What gap blocks have acknowledged: sorted, with a gap between any two and before the first.
    gaps: VecDeque<(Serial<u32>, Serial<u32>)>,
    /// Transmissions in the order in which they left: packet number and TSN. Those that were acknowledged or
    /// superseded since are skipped.
    order: VecDeque<(u64, Serial<u32>)>,
    /// What is to be sent again. The first entry is always [`Standing::Lost`].
    lost: VecDeque<Serial<u32>>,
    /// How many chunks at the front are given up.
    abandoned: usize,
}

/// For how many chunks the memory is kept when none is in flight.
const KEPT: usize = 1_024;

impl Flight {
    pub(crate) const fn new(initial_tsn: Serial<u32>) -> Self {
        Self {
            base: initial_tsn,
            ring: VecDeque::new(),
            bytes: 0,
            gaps: VecDeque::new(),
            order: VecDeque::new(),
            lost: VecDeque::new(),
            abandoned: 0,
        }
    }

    /// Whether everything that was sent is acknowledged for good.
    pub(crate) fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    /// Bytes of user data in flight.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The TSN after the cumulative one.
    pub(crate) const fn base(&self) -> Serial<u32> {
        self.base
    }

    /// The TSN of the next chunk that is sent for the first time.
    pub(crate) fn next_tsn(&self) -> Serial<u32> {
        self.base.add(u32::try_from(self.ring.len()).unwrap_or(u32::MAX))
    }

    /// Adds a chunk that is sent for the first time; its TSN is [`next_tsn`](Self::next_tsn).
    pub(crate) fn push(&mut self, sent: Sent) {
        self.order.push_back((sent.packet, self.next_tsn()));
        self.bytes += sent.len;
        self.ring.push_back(sent);
    }

    /// The first chunk that is to be sent again.
    pub(crate) fn first_lost(&self) -> Option<(Serial<u32>, &Sent)> {
        let tsn = *self.lost.front()?;
        Some((tsn, self.ring.get(self.index(tsn)?)?))
    }

    /// The first lost chunk is sent again.
    pub(crate) fn resend(&mut self, packet: u64, at: Instant) {
        let Some(tsn) = self.lost.pop_front() else { return };
        if let Some(index) = self.index(tsn)
            && let Some(sent) = self.ring.get_mut(index)
        {
            sent.standing = Standing::InFlight;
            sent.transmissions = sent.transmissions.saturating_add(1);
            (sent.packet, sent.at) = (packet, at);
            self.bytes += sent.len;
            self.order.push_back((packet, tsn));
        }
        self.tidy();
    }

    /// All up to `cumulative` is acknowledged for good; each chunk is handed to `gone`.
    pub(crate) fn acknowledge_until(
        &mut self,
        cumulative: Serial<u32>,
        progress: &mut Progress,
        mut gone: impl FnMut(&Sent),
    ) {
        while self.base <= cumulative {
            let Some(sent) = self.ring.pop_front() else { break };
            self.base = self.base.next();
            self.abandoned = self.abandoned.saturating_sub(1);
            if matches!(sent.standing, Standing::InFlight | Standing::Lost) {
                progress.note(&sent);
            }
            if sent.standing == Standing::InFlight {
                self.bytes -= sent.len.min(self.bytes);
            }
            gone(&sent);
        }
        if self.ring.is_empty() && self.ring.capacity() > KEPT {
            // An idle association keeps little.
            (self.ring, self.order, self.lost) = (VecDeque::new(), VecDeque::new(), VecDeque::new());
        }
        while let Some((first, last)) = self.gaps.front_mut() {
            if *last <= cumulative {
                self.gaps.pop_front();
                continue;
            }
            if *first <= cumulative {
                *first = cumulative.next();
            }
            break;
        }
    }

    /// A gap block from `first` to `last`, both within what is in flight. Only what no block has covered before is
    /// visited.
    pub(crate) fn acknowledge_gap(&mut self, first: Serial<u32>, last: Serial<u32>, progress: &mut Progress) {
        // Blocks that end before `first`, and do not touch it, are not concerned.
        let from = self.gaps.partition_point(|(_, end)| end.next() < first);
        let mut to = from;
        let (mut start, mut end, mut at) = (first, last, first);
        while at <= last {
            match self.gaps.get(to).copied() {
                Some((block_first, block_last)) if block_first <= last.next() => {
                    self.mark(at, block_first, progress);
                    start = if block_first < start { block_first } else { start };
                    end = if block_last > end { block_last } else { end };
                    at = if block_last >= at { block_last.next() } else { at };
                    to += 1;
                }
                _ => {
                    self.mark(at, last.next(), progress);
                    at = last.next();
                }
            }
        }
        // The usual case: one block grows, or a new one comes at the end.
        match self.gaps.get_mut(from) {
            Some(block) if to > from => {
                *block = (start, end);
                if to > from + 1 {
                    self.gaps.drain(from + 1..to);
                }
            }
            _ => self.gaps.insert(from, (start, end)),
        }
    }

    /// Finds what is lost by the rule.
    pub(crate) fn detect_losses(&mut self, now: Instant, rule: &LossRule) -> Losses {
        let mut losses = Losses::default();
        while let Some((number, tsn)) = self.order.front().copied() {
            let index = self.index(tsn);
            match index.and_then(|index| self.ring.get_mut(index)) {
                Some(sent) if sent.standing == Standing::InFlight && sent.packet == number => {
                    if number >= rule.newest {
                        break;
                    }
                    let passed = rule.threshold.is_some_and(|threshold| number + threshold <= rule.newest);
                    let until = rule.wait.map(|wait| sent.at + wait);
                    if !passed && until.is_none_or(|until| until > now) {
                        losses.next = until;
                        break;
                    }
                    sent.standing = Standing::Lost;
                    self.bytes -= sent.len.min(self.bytes);
                    losses.bytes += sent.len;
                    self.lost.push_back(tsn);
                }
                _ => (),
            }
            self.order.pop_front();
        }
        losses
    }

    /// The last chunk that is in flight.
    pub(crate) fn last_in_flight(&self) -> Option<(Serial<u32>, Sent)> {
        let index = self.ring.iter().rposition(|sent| sent.standing == Standing::InFlight)?;
        Some((self.base.add(u32::try_from(index).unwrap_or(u32::MAX)), *self.ring.get(index)?))
    }

    /// A chunk that is in flight is sent again.
    pub(crate) fn resend_in_flight(&mut self, tsn: Serial<u32>, packet: u64, at: Instant) {
        if let Some(index) = self.index(tsn)
            && let Some(sent) = self.ring.get_mut(index)
        {
            sent.transmissions = sent.transmissions.saturating_add(1);
            (sent.packet, sent.at) = (packet, at);
            self.order.push_back((packet, tsn));
        }
    }

    /// The chunk with this TSN, if it is not acknowledged.
    pub(crate) fn waiting(&self, tsn: Serial<u32>) -> Option<&Sent> {
        self.ring.get(self.index(tsn)?).filter(|sent| sent.standing != Standing::Acknowledged)
    }

    /// The retransmission timer has expired too soon: what was counted as lost then, and not sent again since, is in flight.
    pub(crate) fn revive_all(&mut self) {
        self.order.clear();
        let mut tsn = self.base;
        for sent in &mut self.ring {
            if sent.standing == Standing::Lost {
                sent.standing = Standing::InFlight;
                self.bytes += sent.len;
            }
            if sent.standing == Standing::InFlight {
                self.order.push_back((sent.packet, tsn));
            }
            tsn = tsn.next();
        }
        self.lost.clear();
        self.order.make_contiguous().sort_unstable_by_key(|(packet, _)| *packet);
    }

    /// The retransmission timer expired: all that is in flight counts as lost (RFC 9260, section 6.3.3).
    pub(crate) fn lose_all(&mut self) {
        self.lost.clear();
        self.order.clear();
        self.bytes = 0;
        let mut tsn = self.base;
        for sent in &mut self.ring {
            if matches!(sent.standing, Standing::InFlight | Standing::Lost) {
                sent.standing = Standing::Lost;
                self.lost.push_back(tsn);
            }
            tsn = tsn.next();
        }
    }

    /// Gives up a message of which the fragment with the TSN `last` was sent last.
    pub(crate) fn abandon(&mut self, last: Serial<u32>) {
        let mut next = Some(last);
        while let Some(tsn) = next
            && let Some(sent) = self.index(tsn).and_then(|at| self.ring.get_mut(at))
        {
            if sent.standing == Standing::InFlight {
                self.bytes -= sent.len.min(self.bytes);
            }
            sent.standing = Standing::Abandoned;
            next = (sent.back > 0).then(|| tsn.sub(sent.back));
        }
        self.tidy();
    }

    /// Adds a chunk that is never sent: its TSN is only there to be given up.
    pub(crate) fn push_abandoned(&mut self, sent: Sent) {
        self.ring.push_back(Sent { standing: Standing::Abandoned, len: 0, ..sent });
        self.tidy();
    }

    /// What is given up at the front, which the peer waits for.
    pub(crate) fn abandoned(&self) -> impl Iterator<Item = (Serial<u32>, &Sent)> {
        let first = self.base;
        self.ring
            .iter()
            .take(self.abandoned)
            .scan(first, |tsn, sent| Some((std::mem::replace(tsn, tsn.next()), sent)))
    }

    /// The last TSN of what is given up at the front.
    pub(crate) fn abandoned_until(&self) -> Option<Serial<u32>> {
        let last = u32::try_from(self.abandoned.checked_sub(1)?).unwrap_or(u32::MAX);
        Some(self.base.add(last))
    }

    /// Drops from the front of the lists what was settled since. A first entry that a gap block has acknowledged,
    /// while the cumulative TSN stops before it, was dropped by the peer (section 6.2.1, "reneging").
    pub(crate) fn tidy(&mut self) {
        while self.ring.get(self.abandoned).is_some_and(|sent| sent.standing == Standing::Abandoned) {
            self.abandoned += 1;
        }
        if let Some(sent) = self.ring.front_mut()
            && sent.standing == Standing::Acknowledged
        {
            sent.standing = Standing::Lost;
            self.lost.push_front(self.base);
            if let Some((first, last)) = self.gaps.front_mut()
                && *first == self.base
            {
                *first = first.next();
                if *first > *last {
                    self.gaps.pop_front();
                }
            }
        }
        while let Some(tsn) = self.lost.front().copied() {
            let index = self.index(tsn);
            if index.and_then(|at| self.ring.get(at)).is_some_and(|sent| sent.standing == Standing::Lost) {
                break;
            }
            self.lost.pop_front();
        }
    }

    /// Forgets everything; the next TSN is `initial_tsn`. Each chunk is handed to `gone`.
    pub(crate) fn clear(&mut self, initial_tsn: Serial<u32>, gone: impl FnMut(&Sent)) {
        self.ring.iter().for_each(gone);
        *self = Self::new(initial_tsn);
    }

    /// Marks the TSNs from `from` to the one before `until`.
    fn mark(&mut self, from: Serial<u32>, until: Serial<u32>, progress: &mut Progress) {
        let mut tsn = from;
        while tsn < until {
            if let Some(index) = self.index(tsn)
                && let Some(sent) = self.ring.get_mut(index)
                && matches!(sent.standing, Standing::InFlight | Standing::Lost)
            {
                progress.note(sent);
                if sent.standing == Standing::InFlight {
                    self.bytes -= sent.len.min(self.bytes);
                }
                sent.standing = Standing::Acknowledged;
            }
            tsn = tsn.next();
        }
    }

    fn index(&self, tsn: Serial<u32>) -> Option<usize> {
        usize::try_from(tsn.distance_from(self.base)).ok()
    }
}
