//! How a session ends, and what the peer is told.

use bytes::BytesMut;
use drywire_core::{Duration, Instant};

use super::Connection;
use crate::failure::Failure;
use crate::handshake::Handshake;
use crate::machine::Machine;
use crate::record::{self, ContentType, Opened, Opening};
use crate::{Alert, CloseReason, Event, RecordError, State};

/// How often a peer that goes on is told again.
const MAX_REMINDERS: u8 = 8;
/// How long it takes until it is.
const REMINDER_PAUSE: Duration = Duration::from_millis(200);

#[derive(Clone, Copy, Debug)]
pub(super) enum AlertLevel {
    Warning,
    Fatal,
}

/// The alerts that end a session.
#[derive(Debug, Default)]
pub(super) struct Farewell {
    alerts: Vec<(AlertLevel, Alert)>,
    /// The epoch that the peer can read.
    epoch: u64,
    due: bool,
    sent: Option<Instant>,
    reminders: u8,
}

impl Farewell {
    pub(super) fn new(alerts: Vec<(AlertLevel, Alert)>, epoch: u64) -> Self {
        Self { due: !alerts.is_empty(), alerts, epoch, sent: None, reminders: 0 }
    }

    /// Appends the alerts to the datagram, if they are due.
    pub(super) fn append(
        &mut self,
        now: Instant,
        handshake: &mut Handshake,
        out: &mut Vec<u8>,
    ) -> Result<(), RecordError> {
        if std::mem::take(&mut self.due) {
            self.sent = Some(now);
            for (level, alert) in &self.alerts {
                let content = [
                    match level {
                        AlertLevel::Warning => 1,
                        AlertLevel::Fatal => 2,
                    },
                    alert.code(),
                ];
                handshake.records.write(self.epoch, ContentType::Alert, &[&content], out)?;
                handshake.stats.records_sent += 1;
            }
        }
        Ok(())
    }
}

impl Connection {
    pub(super) const fn is_ended(&self) -> bool {
        matches!(self.machine, Machine::Ended(_))
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        tracing::debug!(?failure, role = ?self.handshake.role, "handshake failed");
        self.end(failure.reason(), &[(AlertLevel::Fatal, failure.alert())]);
    }

    /// Ends the session without anybody's fault. In the handshake a user_canceled says why the close_notify comes (RFC
    /// 8446, section 6.1).
    pub(super) fn give_up(&mut self, reason: CloseReason) {
        let close = (AlertLevel::Warning, Alert::CLOSE_NOTIFY);
        let canceled = (AlertLevel::Warning, Alert::USER_CANCELED);
        if self.state() == State::New {
            self.end(reason, &[]);
        } else if self.machine.is_handshaking() {
            self.end(reason, &[canceled, close]);
        } else {
            self.end(reason, &[close]);
        }
    }

    pub(super) fn end(&mut self, reason: CloseReason, alerts: &[(AlertLevel, Alert)]) {
        if self.is_ended() {
            return;
        }
        self.machine = Machine::Ended(reason);
        // What was not sent never will be: the peer is still where the flight began.
        let Handshake { flight, records, .. } = &self.handshake;
        let epoch = flight.unsent_epoch().unwrap_or_else(|| records.write_epoch());
        self.farewell = Farewell::new(alerts.to_vec(), epoch);
        self.handshake.begin_flight();
        self.early.clear();
        self.reassembler.restart();
        self.acks_since = None;
        self.handshake_deadline = None;
        self.events.push(Event::Closed { reason });
    }

    /// Takes a datagram after the end. Alerts are not sent again by a timer, but when a peer goes on as if it had not
    /// received them, it is told again, a few times (RFC 6347, section 4.2.7).
    pub(super) fn remind(&mut self, now: Instant, mut datagram: BytesMut) {
        let recent = self.farewell.sent.is_none_or(|at| now < at + REMINDER_PAUSE);
        if recent || self.farewell.alerts.is_empty() || self.farewell.reminders >= MAX_REMINDERS {
            return;
        }
        let id_len = self.handshake.records.ids.local_len();
        let Some(record) = record::split_record(&mut datagram, id_len) else {
            return;
        };
        let Opening::Opened(Opened { content, number, .. }) =
            self.handshake.records.open(record, &mut self.handshake.stats)
        else {
            return;
        };
        let goes_on = match content {
            ContentType::Handshake => number.epoch > 0 || self.farewell.epoch == 0,
            ContentType::ApplicationData => number.epoch > 0,
            _ => false,
        };
        if goes_on {
            self.farewell.due = true;
            self.farewell.reminders += 1;
        }
    }
}
