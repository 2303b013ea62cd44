//! The acknowledgement of data and the retransmission timer (RFC 9260, section 6.3).

use drywire_core::{Duration, Instant};

use crate::packet::{Cause, Chunk, Sack};
use crate::state::Phase;
use crate::timer::Timer;
use crate::tx::Acknowledged;
use crate::{Association, CloseReason};

/// No timer is finer than this.
const SOON: Duration = Duration::from_millis(1);

impl Association {
    /// SACK.
    pub(crate) fn handle_sack(&mut self, now: Instant, chunk: &Chunk<'_>) {
        if self.phase.peer().is_none() {
            return self.drop_chunk();
        }
        let Ok(sack) = Sack::parse(chunk) else { return self.drop_chunk() };
        match self.tx.acknowledge(now, &sack) {
            Acknowledged::Violation => {
                self.abort_with(Cause::PROTOCOL_VIOLATION, &[], CloseReason::ProtocolViolation);
            }
            Acknowledged::Stale => (),
            Acknowledged::Taken { advanced, progress, recovery_began } => {
                if progress || advanced {
                    self.errors = 0;
                }
                self.stats.fast_retransmits += u64::from(recovery_began);
                // Rules R2 and R3, and rule 4 of section 7.2.4.
                if advanced || recovery_began {
                    self.rearm_retransmit(now);
                }
            }
        }
    }

    /// The timer starts anew if anything waits for an acknowledgement.
    pub(crate) fn rearm_retransmit(&mut self, now: Instant) {
        self.timers.disarm(Timer::Retransmit);
        self.keep_retransmit(now);
    }

    /// The timer runs exactly while something waits for an acknowledgement or for the peer's window.
    pub(crate) fn keep_retransmit(&mut self, now: Instant) {
        let needed = self.phase.sends_data() && (self.tx.is_waiting() || self.tx.is_blocked_by_peer());
        if !needed {
            self.timers.disarm(Timer::Retransmit);
        } else if !self.timers.is_armed(Timer::Retransmit) {
            self.timers.arm(Timer::Retransmit, now + self.tx.rto());
        }
        self.keep_timer(Timer::Overdue, self.tx.overdue_at().filter(|_| needed));
        // It is looked at again when it expires, so that not every packet moves it. What has become possible only now is not
        // due before.
        let probe = self.tx.tail_probe_at().filter(|_| needed);
        if probe.is_none() || !self.timers.is_armed(Timer::TailProbe) {
            self.keep_timer(Timer::TailProbe, probe.map(|at| at.max(now + SOON)));
        }
    }

    /// Data has left. What leaves later moves neither timer once they run: the one stands for the first of what is outstanding,
    /// the other is looked at again when it expires.
    pub(crate) fn keep_retransmit_after_data(&mut self, now: Instant) {
        if !(self.timers.is_armed(Timer::Retransmit) && self.timers.is_armed(Timer::TailProbe)) {
            self.keep_retransmit(now);
        }
    }

    /// The timer runs while packets wait only for their time.
    pub(crate) fn keep_pace(&mut self, now: Instant) {
        let until = self.tx.paced_until(now).filter(|_| self.phase.sends_data());
        self.keep_timer(Timer::Pace, until);
    }

    fn keep_timer(&mut self, timer: Timer, at: Option<Instant>) {
        match at {
            Some(at) => self.timers.arm(timer, at),
            None => self.timers.disarm(timer),
        }
    }

    /// A packet that was overtaken counts as lost now.
    pub(crate) fn overdue_timed_out(&mut self, now: Instant) {
        if self.tx.overdue(now) {
            self.stats.fast_retransmits += 1;
            self.rearm_retransmit(now);
        }
    }

    /// Nothing was heard for a while.
    pub(crate) fn tail_probe_timed_out(&mut self, now: Instant) {
        match self.tx.tail_probe_at() {
            Some(at) if at <= now => {
                self.tx.want_tail_probe();
                self.stats.tail_probes += 1;
                self.rearm_retransmit(now);
            }
            _ => (),
        }
    }

    /// T3 has expired (section 6.3.3).
    pub(crate) fn retransmit_timed_out(&mut self, now: Instant) {
        self.stats.timeouts += 1;
        if self.tx.timed_out(now) && self.count_error() {
            return;
        }
        self.suspect_black_hole(now);
        self.keep_retransmit(now);
    }

    /// The timer of a delayed acknowledgement.
    pub(crate) fn keep_acknowledge(&mut self, now: Instant) {
        let delayed = self.rx.is_sack_pending() && !self.rx.is_sack_due();
        if !delayed || matches!(self.phase, Phase::Over) {
            self.timers.disarm(Timer::Acknowledge);
        } else if !self.timers.is_armed(Timer::Acknowledge) {
            self.timers.arm(Timer::Acknowledge, now + self.config.sack_delay);
        }
    }
}
