//! What comes in: records, and what they carry.

use bytes::BytesMut;
use drywire_core::{Instant, Reader};

use super::Connection;
use super::farewell::{AlertLevel, Farewell};
use crate::cookie::{self, Cookies, Judgement};
use crate::failure::Failure;
use crate::handshake::Handshake;
use crate::machine::Machine;
use crate::message::FragmentHeader;
use crate::reassembly::Insertion;
use crate::reassembly::Message;
use crate::record::{ContentType, Opened, Opening, RawRecord, RecordNumber};
use crate::{Alert, CloseReason, ack, hello, v13};

impl Connection {
    /// Reads a record and gives what it carries to where it belongs.
    pub(super) fn take_record(&mut self, now: Instant, record: RawRecord) {
        match self.handshake.records.open(record, &mut self.handshake.stats) {
            Opening::Opened(opened) => {
                self.handshake.stats.records_received += 1;
                self.take_content(now, opened);
            }
            Opening::NoKeys(record) => {
                // It has overtaken the messages that its keys come from, or it is junk.
                if !self.machine.is_handshaking() || !self.early.keep_sealed(record) {
                    self.handshake.stats.records_dropped += 1;
                }
            }
            // RFC 8446, section 5.2.
            Opening::TooLong => self.fail(Failure::Misbehaved(Alert::RECORD_OVERFLOW)),
            Opening::Discarded => {}
        }
    }

    fn take_content(&mut self, now: Instant, opened: Opened) {
        let Opened { content, number, payload } = opened;
        let protected = number.epoch > 0;
        match content {
            ContentType::Handshake => self.take_handshake(now, number, &payload),
            // RFC 8446, section 5: the keys of the handshake protect no data.
            ContentType::ApplicationData if number.epoch == v13::HANDSHAKE_EPOCH => {
                self.fail(Failure::UNEXPECTED)
            }
            ContentType::ApplicationData if protected => self.take_data(payload),
            ContentType::Alert => self.take_alert(protected, &payload),
            // A client without keys misses our ServerHello.
            ContentType::Ack
                if !protected && payload[..] == [0, 0] && matches!(self.machine, Machine::Server13(_)) =>
            {
                self.handshake.flight.repeat_missed(now, &mut self.handshake.stats);
            }
            // DTLS 1.2 has no acknowledgements.
            ContentType::Ack if number.epoch >= v13::HANDSHAKE_EPOCH || self.machine.is_dtls13() => {
                if let Some(numbers) = ack::parse(&payload) {
                    let Handshake { flight, stats, .. } = &mut self.handshake;
                    flight.acknowledge(now, number.epoch, numbers, stats);
                } else {
                    self.handshake.stats.records_discarded += 1;
                }
            }
            // The epoch of the records after it says all that a ChangeCipherSpec could say.
            ContentType::ChangeCipherSpec => {}
            ContentType::ApplicationData | ContentType::Ack | ContentType::WithConnectionId => {
                self.handshake.stats.records_discarded += 1
            }
        }
    }

    fn take_handshake(&mut self, now: Instant, number: RecordNumber, payload: &[u8]) {
        let handshaking = self.machine.is_handshaking();
        let passes = self.passes_messages();
        let mut reader = Reader::new(payload);
        let (mut complete, mut repeated, mut passed) = (!payload.is_empty(), false, false);
        let mut kept = false;
        while !reader.is_empty() {
            let Ok((header, fragment)) = FragmentHeader::parse(&mut reader) else {
                complete = false;
                break;
            };
            let old = header.message_seq < self.reassembler.next();
            if !old && number.epoch < self.machine.expected_epoch() {
                complete = false;
                // In the epoch of the handshake nothing follows Finished (RFC 8446, section 5.1: messages do not span
                // changes of keys). What anybody could have sent is no reason to end (attack C08).
                if number.epoch == v13::HANDSHAKE_EPOCH {
                    self.fail(Failure::UNEXPECTED);
                    return;
                }
                continue;
            }
            if passes && let Some(message) = self.reassembler.pass(number.epoch, header, fragment) {
                passed = true;
                // Before the message is taken, because our answer may acknowledge it by itself.
                self.note_record(number);
                self.take_messages(now, number, Some(message));
                if self.is_ended() {
                    return;
                }
                continue;
            }
            match self.reassembler.insert(number.epoch, header, fragment) {
                Insertion::Kept => kept = true,
                Insertion::Old => repeated = true,
                Insertion::Rejected => complete = false,
            }
        }
        if !complete {
            self.handshake.stats.records_discarded += 1;
            self.handshake.acks.forget(number);
        } else if !passed {
            self.note_record(number);
        }
        if kept && handshaking && complete {
            self.note_beginning(number);
        }
        if repeated {
            // The peer misses our flight. After the handshake only the peer itself can say so (attack C17); in that of
            // DTLS 1.3 our own timer sees to what somebody says, unless it is stopped.
            let protected = number.epoch > 0;
            if !protected {
                self.handshake.flight.forget_doubtful();
            }
            let unattended = !self.machine.is_dtls13() || self.handshake.flight.is_paused();
            if protected || (handshaking && unattended) {
                self.handshake.flight.repeat(now, protected, &mut self.handshake.stats);
            }
        }
        self.take_messages(now, number, None);
    }

    /// Whether messages that come whole and in order are taken as they come. A server that asks for cookies looks first
    /// at what else has come.
    fn passes_messages(&self) -> bool {
        #[cfg(test)]
        if self.patience.is_some() {
            return false;
        }
        !matches!(self.machine, Machine::ServerStart) || self.handshake.config.cookies.is_none()
    }

    /// Remembers a record of the handshake, to acknowledge it. While the version is open, it may still be the one that
    /// acknowledges. After the handshake anybody could have sent what is not protected (attack C17).
    fn note_record(&mut self, number: RecordNumber) {
        let authentic = self.machine.is_handshaking() || number.epoch > 0;
        if authentic && self.machine.may_be_dtls13() {
            self.handshake.acks.note(number);
        }
    }

    /// A part of the peer's next flight is there: it has all of ours (RFC 9147, section 7.1). Anybody can claim that with
    /// what is not protected: it only stops the timer of a server, until the peer repeats its flight.
    fn note_beginning(&mut self, number: RecordNumber) {
        if number.epoch >= v13::HANDSHAKE_EPOCH {
            self.handshake.flight.set_received();
        } else if matches!(self.machine, Machine::Server13(_)) {
            self.handshake.flight.pause();
        }
    }

    /// Takes `next`, if it is there, and all messages after it that are complete and in order; `number` is of the record
    /// that has completed them.
    fn take_messages(&mut self, now: Instant, number: RecordNumber, mut next: Option<Message<'_>>) {
        while !self.is_ended() {
            if self.reassembler.retain_from(self.machine.expected_epoch()) == v13::HANDSHAKE_EPOCH {
                self.fail(Failure::UNEXPECTED);
                break;
            }
            #[cfg(test)]
            match &mut self.patience {
                Some(0) => break,
                Some(left) => *left -= usize::from(self.reassembler.is_ready()),
                None => {}
            }
            let cookies = self.handshake.config.cookies.clone();
            let cookies = cookies.filter(|_| matches!(self.machine, Machine::ServerStart));
            if cookies.is_some() {
                self.reassembler.skip_forgotten();
            }
            let Some(message) = next.take().or_else(|| self.reassembler.pop()) else {
                break;
            };
            if matches!(self.machine, Machine::ServerStart)
                && let Err(failure) = hello::first(&message)
            {
                // Not a ClientHello: the peer is told so. Nothing is begun, so nothing has to end: a true one may follow.
                self.handshake.stats.records_discarded += 1;
                self.refuse(failure.alert());
                break;
            }
            if let Some(cookies) = cookies {
                self.judge(now, &cookies, &message, number);
                if matches!(self.machine, Machine::ServerStart) {
                    break;
                }
                continue;
            }
            // The peer answers: it has all of our flight (RFC 9147, section 5.8.1). When it is a ServerHello of DTLS
            // 1.3, the ClientHello is sent again until more than that one comes.
            let version_open = matches!(self.machine, Machine::ClientHello(_));
            if self.machine.is_handshaking() && !version_open {
                self.handshake.flight.set_received();
            }
            self.transition(|machine, handshake| machine.step(handshake, &message));
            if version_open && matches!(self.machine, Machine::Client12(_)) {
                self.handshake.flight.set_received();
            }
            self.start_clock(now);
        }
    }

    /// Begins the handshake if the client shows a valid cookie; else nothing is kept of its ClientHello.
    fn judge(&mut self, now: Instant, cookies: &Cookies, message: &Message, number: RecordNumber) {
        match cookie::judge(&mut self.handshake, cookies, now, message, number.sequence) {
            Ok(Judgement::Proved(proof)) => {
                self.transition(|_, handshake| hello::proved(handshake, message, proof));
                self.start_clock(now);
            }
            Ok(Judgement::Refused(alert)) => {
                self.refuse(alert);
            }
            Ok(Judgement::Undecided) => self.reassembler.restart(),
            Err(failure) => {
                tracing::debug!(?failure, "ClientHello without a cookie");
                self.handshake.stats.records_discarded += 1;
                self.reassembler.restart();
            }
        }
    }

    /// Tells a client that it cannot be served, and forgets it.
    fn refuse(&mut self, alert: Alert) {
        self.farewell = Farewell::new(vec![(AlertLevel::Fatal, alert)], 0);
        self.reassembler.restart();
    }

    fn take_data(&mut self, payload: BytesMut) {
        self.handshake.stats.bytes_received += u64::try_from(payload.len()).unwrap_or(u64::MAX);
        let kept = if self.is_connected() {
            self.events.push_data(payload.freeze())
        } else {
            self.early.keep_opened(&payload)
        };
        if !kept {
            self.handshake.stats.records_dropped += 1;
        }
    }

    fn take_alert(&mut self, protected: bool, payload: &[u8]) {
        let &[level @ 1..=2, code] = payload else {
            self.handshake.stats.records_discarded += 1;
            if protected {
                self.fail(Failure::ILLEGAL);
            }
            return;
        };
        let alert = Alert::from_code(code);
        // What is not protected has a say only while nothing can be protected (attack C08), and only the client has
        // said something by then that a server could refuse.
        let believed = protected
            || (matches!(self.machine, Machine::ClientHello(_)) && !self.handshake.records.is_keyed());
        let warning = level == 1 && !protected;
        if !believed || warning || matches!(alert, Alert::USER_CANCELED) {
            self.handshake.stats.records_discarded += 1;
        } else if alert == Alert::CLOSE_NOTIFY {
            self.end(CloseReason::Peer, &[(AlertLevel::Warning, Alert::CLOSE_NOTIFY)]);
        } else if level == 1 && self.handshake.records.write_epoch() == 1 {
            // Warnings of DTLS 1.2, as no_renegotiation, change nothing. DTLS 1.3 has none: there all other alerts are
            // fatal, whatever their level says (RFC 8446, section 6).
            tracing::debug!(%alert, "warning");
        } else {
            self.end(CloseReason::PeerAlert(alert), &[]);
        }
    }

    /// Tries the records again whose keys were missing.
    pub(super) fn take_early(&mut self, now: Instant) {
        if !self.handshake.records.is_keyed() {
            return;
        }
        // Each once for each new epoch; reading one can bring the keys of the next.
        loop {
            let (before, epoch) = (self.early.sealed_len(), self.handshake.records.write_epoch());
            for _ in 0..before {
                if let Some(record) = self.early.pop_sealed() {
                    self.take_record(now, record);
                }
            }
            if self.early.sealed_len() == 0 || self.handshake.records.write_epoch() == epoch {
                break;
            }
        }
    }
}
