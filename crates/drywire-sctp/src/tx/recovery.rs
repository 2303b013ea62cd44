//! What acknowledgements and the time say of what is in flight: what has arrived, what is lost, and what was not lost after all.

use drywire_core::{Duration, Instant, Serial};

use super::Outbound;
use super::congestion::Ack;
use super::flight::Progress;
use super::pacer::Pacer;
use crate::packet::{GapBlock, Sack};

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

/// How long a peer may hold back an acknowledgement: what RFC 9260, section 6.2, proposes.
const PEER_SACK_DELAY: Duration = Duration::from_millis(200);

impl Outbound {
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
        let full = self.flight.bytes() + self.mtu >= self.congestion.window();
        let paced = self.pacer.wait(now).is_some() && !self.streams.is_empty() && self.may_send_new(1);
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
            (self.recovery, self.timeout) = (None, None);
        }
        self.tail_end = self.tail_end.filter(|end| cumulative.next() < *end);
        let rtt = progress.sampled.map(|(_, at)| now.saturating_duration_since(at));
        if let Some(rtt) = rtt {
            self.rto.measured(now, rtt);
        }
        if progress.bytes > 0 {
            self.last_acknowledged = Some(now);
        }
        self.judge(now, sack, &progress);
        // The window grows only when the cumulative TSN does (sections 7.2.1 and 7.2.2).
        let advanced = self.flight.base() != base;
        let (lost, recovery_began) = self.detect_losses(now, false);
        let round = progress.packet.is_some_and(|packet| packet >= self.next_round);
        if round {
            self.next_round = self.packet;
        }
        let rate =
            self.rate.as_mut().and_then(|rate| rate.acknowledged(now, progress.bytes, progress.packet));
        self.congestion.acknowledged(&Ack {
            now,
            bytes: progress.bytes,
            lost: lost + std::mem::take(&mut self.overdue_bytes),
            in_flight: self.flight.bytes(),
            limited: (full || paced) && advanced,
            // After a timeout the window grows from one packet on while the losses are repaired (RFC 9260, section 7.2.3).
            recovering: self.recovery.is_some() && self.timeout.is_none(),
            round,
            rtt,
            smoothed: self.rto.smoothed().unwrap_or_default(),
            rate,
        });
        if recovery_began {
            self.congestion.lost(now);
        }
        self.flight.tidy();
        // The peer has taken what it was told: what is given up behind that is news.
        self.told = self.told.filter(|told| told.cumulative > cumulative);
        self.take_window(sack);
        Acknowledged::Taken { advanced, progress: progress.bytes > 0, recovery_began }
    }

    /// What the peer has room for beyond what is in flight (section 6.2.1, rule D). An acknowledgement that was overtaken by a
    /// newer one tells of a time at which less had arrived: what has arrived since, and is in flight no more, would be room.
    fn take_window(&mut self, sack: &Sack<'_>) {
        let len = |gap: GapBlock| u32::from(gap.end.saturating_sub(gap.start)) + 1;
        let this = (sack.cumulative, sack.gaps().map(len).sum());
        let overtaken = self
            .newest_sack
            .is_some_and(|newest| this.0 < newest.0 || this.0 == newest.0 && this.1 < newest.1);
        let window = usize::try_from(sack.window).unwrap_or(usize::MAX);
        let room = window.saturating_sub(self.flight.bytes());
        if overtaken {
            self.peer_window = self.peer_window.min(room);
        } else {
            (self.newest_sack, self.peer_window) = (Some(this), room);
        }
        self.streams.set_room(self.peer_window);
    }

    /// Finds what is lost: by what an acknowledgement says, or because its time has come. Returns how many bytes, and whether
    /// these are the first losses of this window of data.
    fn detect_losses(&mut self, now: Instant, tell: bool) -> (usize, bool) {
        self.overdue = None;
        let Some(rule) = self.rack.rule(&self.rto) else { return (0, false) };
        let losses = self.flight.detect_losses(now, &rule);
        self.overdue = losses.next;
        // What the last chunk, sent again, has repaired was lost too (RFC 8985, section 7.4).
        let repaired = self.tail.is_some_and(|tsn| self.flight.waiting(tsn).is_none());
        if repaired {
            self.tail = None;
        }
        let began = (losses.bytes > 0 || repaired) && self.recovery.is_none();
        if began {
            if tell {
                self.congestion.lost(now);
            }
            self.rack.recovers();
            self.tail_end = None;
            self.recovery = Some(self.flight.next_tsn());
            self.undo = Some(u32::from(repaired));
            self.exempt = losses.bytes > 0;
        }
        (losses.bytes, began)
    }

    /// Whether losses that were believed were none.
    fn judge(&mut self, now: Instant, sack: &Sack<'_>, progress: &Progress) {
        if let Some(packet) = progress.packet {
            self.rack.arrived(packet);
        }
        if progress.revived {
            self.rack.reordered();
        }
        // An answer to what was sent again cannot be here so soon: it is one to what was sent first (RFC 3522).
        let too_soon = progress.resent.zip(self.rto.least()).is_some_and(|(at, least)| at + least > now);
        if too_soon && self.timeout.is_some() {
            self.flight.revive_all();
            return self.undo_recovery();
        }
        // What was sent again was there already (RFC 3708).
        for _ in sack.duplicates() {
            if let Some(left) = self.undo.as_mut().filter(|left| **left > 0) {
                *left -= 1;
                if *left == 0 && self.flight.first_lost().is_none() {
                    self.rack.was_spurious();
                    return self.undo_recovery();
                }
            }
        }
        // It came before it could be sent again.
        if progress.revived && self.undo == Some(0) && self.flight.first_lost().is_none() {
            self.undo_recovery();
        }
    }

    fn undo_recovery(&mut self) {
        self.congestion.undo();
        (self.recovery, self.undo, self.timeout) = (None, None, None);
    }

    /// The time of a packet that was overtaken is over. Returns whether these are the first losses of this window of data.
    pub(crate) fn overdue(&mut self, now: Instant) -> bool {
        let (lost, began) = self.detect_losses(now, true);
        self.return_room(lost);
        self.overdue_bytes += lost;
        self.flight.tidy();
        began
    }

    /// When the next packet that was overtaken counts as lost.
    pub(crate) const fn overdue_at(&self) -> Option<Instant> {
        self.overdue
    }

    /// When it is time to send something again so as to hear of what is in flight: sooner than the retransmission timer, once,
    /// and without a verdict on what was lost (RFC 8985, section 7.2).
    pub(crate) fn tail_probe_at(&self) -> Option<Instant> {
        let probed = self.tail_wanted || self.tail.is_some() || self.tail_end.is_some();
        if self.flight.is_empty() || self.recovery.is_some() || probed {
            return None;
        }
        let smoothed = self.rto.smoothed()?;
        // The peer may hold back its acknowledgement of a single packet.
        let delay = if self.flight.bytes() <= self.mtu { PEER_SACK_DELAY } else { Duration::ZERO };
        let wait = smoothed * 2 + delay + Duration::from_millis(1);
        let since = self.last_sent.max(self.last_acknowledged)?;
        (wait < self.rto.current()).then(|| since + wait)
    }

    /// That time has come.
    pub(crate) const fn want_tail_probe(&mut self) {
        self.tail_wanted = true;
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

    /// The peer has room for what was lost (section 6.2.1, rule C).
    const fn return_room(&mut self, lost: usize) {
        self.peer_window = self.peer_window.saturating_add(lost);
        self.streams.set_room(self.peer_window);
    }

    /// What is in flight went to an association that did not come to be.
    pub(crate) fn lose_all(&mut self) {
        self.return_room(self.flight.bytes());
        self.flight.lose_all();
        self.flight.tidy();
        self.overdue = None;
    }

    /// The retransmission timer has expired (section 6.3.3). Returns whether this counts as an error of the peer:
    /// it does not while a peer that is alive keeps its window closed (section 6.1, rule A).
    pub(crate) fn timed_out(&mut self, now: Instant) -> bool {
        let closed = self.peer_window == 0 && self.heard;
        self.heard = false;
        self.rto.back_off();
        self.told = None;
        if self.flight.is_empty() {
            self.probe = true;
            return false;
        }
        // What was sent again for the timer already says nothing new of the path (RFC 5681, section 3.1).
        let first = self.flight.base();
        self.congestion.timed_out(now, self.timeout == Some(first));
        self.lose_all();
        // Until then what is lost is not news.
        self.recovery = Some(self.flight.next_tsn());
        (self.undo, self.timeout) = (Some(0), Some(first));
        (self.tail_wanted, self.tail, self.tail_end) = (false, None, None);
        self.pacer = Pacer::default();
        self.exempt = false;
        !closed
    }
}
