//! The acknowledgement of data and the retransmission timer (RFC 9260, section 6.3).

use drywire_core::Instant;

use crate::packet::{Cause, Chunk, Sack};
use crate::state::Phase;
use crate::timer::Timer;
use crate::tx::Acknowledged;
use crate::{Association, CloseReason};

impl Association {
    /// SACK.
    pub(crate) fn handle_sack(&mut self, now: Instant, chunk: &Chunk<'_>) {
        if self.phase.peer().is_none() {
            return self.drop_chunk();
        }
        let Ok(sack) = Sack::parse(chunk) else { return self.drop_chunk() };
        match self.tx.acknowledge(now, &sack) {
            Acknowledged::Violation => {
                self.abort_with(Cause::PROTOCOL_VIOLATION, CloseReason::ProtocolViolation);
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
    }

    /// T3 has expired (section 6.3.3).
    pub(crate) fn retransmit_timed_out(&mut self, now: Instant) {
        self.stats.timeouts += 1;
        if self.tx.timed_out() && self.count_error() {
            return;
        }
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
