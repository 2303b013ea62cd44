//! How an association ends: in good order (RFC 9260, section 9.2), or at once (section 9.1).

use drywire_core::Instant;

use crate::packet::{Cause, Causes, Chunk, Shutdown};
use crate::state::{Peer, Phase};
use crate::timer::Timer;
use crate::transmit::Reply;
use crate::{Association, CloseReason, Event};

impl Association {
    /// The user wants to end in good order.
    pub(crate) fn begin_shutdown(&mut self, now: Instant) {
        match self.phase {
            Phase::Idle => self.close(CloseReason::Local),
            Phase::Established { peer } => {
                self.phase = Phase::ShutdownPending { peer };
                self.continue_shutdown(now);
            }
            _ => self.shutdown_wanted = true,
        }
    }

    /// Goes on as soon as all data is acknowledged.
    pub(crate) fn continue_shutdown(&mut self, now: Instant) {
        if !self.tx.is_done() {
            return;
        }
        match self.phase {
            Phase::ShutdownPending { peer } => {
                self.phase = Phase::ShutdownSent { peer, repeats: 0 };
                self.due.shutdown = true;
                self.timers.arm(Timer::Shutdown, now + self.tx.rto());
            }
            Phase::ShutdownReceived { peer } => self.send_shutdown_ack(now, peer),
            _ => (),
        }
    }

    fn send_shutdown_ack(&mut self, now: Instant, peer: Peer) {
        self.phase = Phase::ShutdownAckSent { peer, repeats: 0 };
        (self.due.shutdown, self.due.shutdown_ack) = (false, true);
        self.timers.arm(Timer::Shutdown, now + self.tx.rto());
    }

    /// T2 has expired.
    pub(crate) fn shutdown_timed_out(&mut self, now: Instant) {
        let repeats = match &mut self.phase {
            Phase::ShutdownSent { repeats, .. } => {
                self.due.shutdown = true;
                repeats
            }
            Phase::ShutdownAckSent { repeats, .. } => {
                self.due.shutdown_ack = true;
                repeats
            }
            _ => return,
        };
        *repeats += 1;
        if *repeats > self.config.max_retransmits {
            return self.close(CloseReason::PeerUnreachable);
        }
        self.tx.back_off();
        self.timers.arm(Timer::Shutdown, now + self.tx.rto());
    }

    /// SHUTDOWN.
    pub(crate) fn handle_shutdown(&mut self, now: Instant, chunk: &Chunk<'_>) {
        let Ok(shutdown) = Shutdown::parse(chunk) else { return self.drop_chunk() };
        match self.phase {
            Phase::Established { peer } | Phase::ShutdownPending { peer } => {
                self.acknowledge_shutdown(now, &shutdown);
                self.phase = Phase::ShutdownReceived { peer };
            }
            Phase::ShutdownReceived { .. } => self.acknowledge_shutdown(now, &shutdown),
            // Both sides shut down at once.
            Phase::ShutdownSent { peer, .. } => self.send_shutdown_ack(now, peer),
            Phase::ShutdownAckSent { .. } => self.due.shutdown_ack = true,
            Phase::Idle | Phase::CookieWait { .. } | Phase::CookieEchoed { .. } | Phase::Over => {
                self.drop_chunk()
            }
        }
    }

    fn acknowledge_shutdown(&mut self, now: Instant, shutdown: &Shutdown) {
        if self.tx.acknowledge_shutdown(shutdown.cumulative) {
            self.errors = 0;
            self.rearm_retransmit(now);
        }
    }

    /// SHUTDOWN ACK.
    pub(crate) fn handle_shutdown_ack(&mut self) {
        match self.phase {
            Phase::ShutdownSent { peer, .. } | Phase::ShutdownAckSent { peer, .. } => {
                self.close(CloseReason::Shutdown);
                self.reply(Reply::ShutdownComplete { tag: peer.tag, reflected: false });
            }
            // It is not this association that the peer means (section 8.5.1, E).
            Phase::CookieWait { .. } | Phase::CookieEchoed { .. } => {
                self.reply(Reply::ShutdownComplete { tag: self.local_tag, reflected: true });
            }
            _ => self.drop_chunk(),
        }
    }

    /// SHUTDOWN COMPLETE.
    pub(crate) fn handle_shutdown_complete(&mut self) {
        match self.phase {
            Phase::ShutdownAckSent { .. } => self.close(CloseReason::Shutdown),
            _ => self.drop_chunk(),
        }
    }

    /// ABORT, whose tag was checked.
    pub(crate) fn handle_abort(&mut self, chunk: &Chunk<'_>) {
        let cause = Causes::parse(chunk).first().map(|cause| cause.0);
        self.close(CloseReason::PeerAborted { cause });
    }

    /// Ends the association and tells the peer the cause with what it carries.
    pub(crate) fn abort_with(&mut self, cause: Cause, value: &[u8], reason: CloseReason) {
        let peer = self.phase.peer();
        self.close(reason);
        if let Some(peer) = peer {
            self.reply(Reply::abort(peer.tag, cause, value));
        }
    }

    /// Ends the association. What can be read stays.
    pub(crate) fn close(&mut self, reason: CloseReason) {
        if matches!(self.phase, Phase::Over) {
            return;
        }
        tracing::debug!(?reason, "association closed");
        self.phase = Phase::Over;
        self.due = Default::default();
        self.replies.clear();
        self.timers.clear();
        self.tx.restart(self.local_tsn);
        self.rx.end(&mut self.events);
        self.reset = crate::reset::Reset::new(self.local_tsn);
        self.beat = None;
        self.events.push_back(Event::Closed { reason });
    }
}
