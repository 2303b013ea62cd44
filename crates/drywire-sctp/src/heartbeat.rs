//! Signs of life (RFC 9260, section 8), and how their absence ends the association.

use drywire_core::Instant;

use crate::packet::{Chunk, Header, Heartbeat};
use crate::timer::Timer;
use crate::transmit::Reply;
use crate::{Association, CloseReason};

/// A HEARTBEAT that is not answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beat {
    pub(crate) nonce: [u8; 8],
    pub(crate) sent: Instant,
}

impl Association {
    pub(crate) fn arm_heartbeat(&mut self, now: Instant) {
        if let Some(interval) = self.config.heartbeat_interval {
            self.timers.arm(Timer::Heartbeat, now + interval + self.tx.rto());
        }
    }

    /// The association was idle for a while, or the last heartbeat was not answered (section 8.3).
    pub(crate) fn heartbeat_timed_out(&mut self, now: Instant) {
        if !self.phase.sends_data() {
            return;
        }
        if self.beat.take().is_some() {
            self.tx.back_off();
            if self.count_error() {
                return;
            }
        }
        // Data that is in flight says as much, and so did what was sent in the meantime.
        let interval = self.config.heartbeat_interval.unwrap_or_default();
        let sent = self.tx.last_sent().filter(|at| now.saturating_duration_since(*at) < interval);
        if !self.tx.is_waiting() && sent.is_none() {
            self.beat = Some(Beat { nonce: self.rng.array(), sent: now });
            self.due.heartbeat = true;
        }
        let idle_since = sent.filter(|_| !self.tx.is_waiting()).unwrap_or(now);
        self.arm_heartbeat(idle_since);
    }

    /// HEARTBEAT: what it carries goes back.
    pub(crate) fn handle_heartbeat(&mut self, chunk: &Chunk<'_>) {
        let most = self.mtu.max(self.config.max_mtu).saturating_sub(Header::LEN);
        match Heartbeat::parse(chunk) {
            // What is longer than our packets would not arrive.
            Ok(heartbeat) if self.phase.is_open() && chunk.whole.len() <= most => {
                let info = bytes::Bytes::copy_from_slice(heartbeat.info);
                self.reply(Reply::HeartbeatAck { info });
            }
            _ => self.drop_chunk(),
        }
    }

    /// HEARTBEAT ACK, believed when it returns what was sent.
    pub(crate) fn handle_heartbeat_ack(&mut self, now: Instant, chunk: &Chunk<'_>) {
        let Ok(heartbeat) = Heartbeat::parse(chunk) else { return self.drop_chunk() };
        if self.probe_answered(now, heartbeat.info) {
            return;
        }
        if let Some(beat) = self.beat.take_if(|beat| beat.nonce == heartbeat.info) {
            self.errors = 0;
            self.tx.measured(now, now.saturating_duration_since(beat.sent));
        }
    }

    /// Something sent was not answered in time. Returns whether that ends the association (section 8.1).
    pub(crate) fn count_error(&mut self) -> bool {
        self.errors += 1;
        let over = self.errors > self.config.max_retransmits;
        if over {
            self.close(CloseReason::PeerUnreachable);
        }
        over
    }
}
