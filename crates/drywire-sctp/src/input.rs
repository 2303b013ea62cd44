//! What arrives: which packets are believed (RFC 9260, section 8.5) and which chunk goes where.

use bytes::Bytes;
use drywire_core::Instant;

use crate::packet::{
    Cause, Causes, Chunk, ChunkType, CookieEcho, Data, ForwardTsn, Header, IData, IForwardTsn, Packet,
    has_checksum,
};
use crate::rx::{Incoming, Received};
use crate::state::Phase;
use crate::timer::Timer;
use crate::transmit::Reply;
use crate::{Association, CloseReason};

/// What is learned of a packet on the way through its chunks.
#[derive(Debug, Default)]
struct Seen {
    data: bool,
    immediate: bool,
    /// One report of an unknown chunk for each packet (attack E14).
    reported: bool,
}

impl Association {
    /// Works through one packet.
    pub(crate) fn take_packet(&mut self, now: Instant, bytes: &Bytes) {
        let (packet, checked) = match Packet::parse_protected(bytes) {
            Ok((packet, checked))
                if packet.header.source_port == self.config.remote_port
                    && packet.header.destination_port == self.config.local_port =>
            {
                (packet, checked)
            }
            Ok(_) => {
                self.stats.packets_dropped += 1;
                return tracing::trace!("packet for other ports");
            }
            Err(error) => {
                self.stats.packets_dropped += 1;
                return tracing::trace!(%error, "packet dropped");
            }
        };
        let Some(Ok(first)) = packet.chunks().next() else {
            self.stats.packets_dropped += 1;
            return;
        };
        // Attack E05: without a checksum only what the peer was told that it may send so, by our INIT or INIT ACK: from then
        // on everything (RFC 9653, section 5.3).
        let does_without = self.config.zero_checksum && first.kind != ChunkType::INIT;
        if !checked && !does_without && !has_checksum(bytes) {
            self.stats.packets_dropped += 1;
            return tracing::trace!("packet without a checksum dropped");
        }
        if first.kind.stands_alone() && packet.chunks().nth(1).is_some() {
            self.stats.packets_dropped += 1;
            return;
        }
        let tag = packet.header.verification_tag;
        match first.kind {
            // Its packet carries no tag (section 8.5.1, A).
            ChunkType::INIT if tag == 0 => {
                self.stats.packets_received += 1;
                return self.handle_init(now, &first, bytes.len());
            }
            ChunkType::COOKIE_ECHO
                if !self.handle_cookie_echo(now, CookieEcho::parse(&first).cookie, tag) =>
            {
                self.stats.packets_dropped += 1;
                return;
            }
            ChunkType::ABORT | ChunkType::SHUTDOWN_COMPLETE if first.flags & 1 == 1 => {
                // The T bit: the tag is the one that we send with (section 8.5.1, B and C).
                if self.phase.peer().is_none_or(|peer| peer.tag != tag) {
                    self.stats.packets_dropped += 1;
                    return;
                }
                self.stats.packets_received += 1;
                return match first.kind {
                    ChunkType::ABORT if !matches!(self.phase, Phase::ShutdownAckSent { .. }) => {
                        self.handle_abort(&first);
                    }
                    // All was delivered both ways, and the peer has no association any more: its SHUTDOWN COMPLETE was lost, or
                    // overtaken by an answer to an older packet of ours.
                    _ => self.handle_shutdown_complete(),
                };
            }
            _ => (),
        }
        if matches!(self.phase, Phase::Over | Phase::Idle) || tag == 0 || tag != self.local_tag {
            self.stats.packets_dropped += 1;
            return self.answer_stray(&first, &packet.header);
        }
        self.stats.packets_received += 1;
        self.tx.heard();
        let mut seen = Seen::default();
        for chunk in packet.chunks() {
            let lone = first.kind.stands_alone();
            let Some(chunk) = chunk.ok().filter(|chunk| lone || !chunk.kind.stands_alone()) else {
                self.drop_chunk();
                break;
            };
            if !self.take_chunk(now, &chunk, bytes, &mut seen) || matches!(self.phase, Phase::Over) {
                break;
            }
        }
        self.rx.end_of_packet(seen.data, seen.immediate);
        if seen.data {
            self.perform_deferred();
            // Each packet with data is answered by SHUTDOWN too, and T2 begins anew (section 9.2): the peer is alive.
            if let Phase::ShutdownSent { repeats, .. } = &mut self.phase {
                *repeats = 0;
                self.due.shutdown = true;
                self.rx.hurry_sack();
                self.timers.arm(Timer::Shutdown, now + self.tx.rto());
            }
        }
    }

    /// Takes one chunk; whether to go on with the next one.
    fn take_chunk(&mut self, now: Instant, chunk: &Chunk<'_>, packet: &Bytes, seen: &mut Seen) -> bool {
        match chunk.kind {
            ChunkType::DATA | ChunkType::I_DATA => return self.handle_data(chunk, packet, seen),
            ChunkType::SACK => self.handle_sack(now, chunk),
            ChunkType::HEARTBEAT => self.handle_heartbeat(chunk),
            ChunkType::HEARTBEAT_ACK => self.handle_heartbeat_ack(now, chunk),
            ChunkType::FORWARD_TSN | ChunkType::I_FORWARD_TSN => self.handle_forward_tsn(chunk),
            ChunkType::PAD => (),
            ChunkType::RE_CONFIG => self.handle_reconfig(now, chunk),
            ChunkType::ERROR => self.handle_error(now, chunk),
            ChunkType::ABORT => self.handle_abort(chunk),
            ChunkType::SHUTDOWN => self.handle_shutdown(now, chunk),
            ChunkType::SHUTDOWN_ACK => self.handle_shutdown_ack(),
            ChunkType::SHUTDOWN_COMPLETE => self.handle_shutdown_complete(),
            ChunkType::INIT_ACK => {
                self.handle_init_ack(now, chunk);
                return false;
            }
            ChunkType::COOKIE_ACK => self.handle_cookie_ack(now),
            // COOKIE ECHO comes first and was taken; INIT is alone in its packet.
            ChunkType::COOKIE_ECHO => (),
            ChunkType::INIT => {
                self.drop_chunk();
                return false;
            }
            unknown => {
                self.drop_chunk();
                let what = unknown.when_unknown();
                if what.report && !seen.reported && self.phase.is_open() {
                    seen.reported = true;
                    let most = packet.len().saturating_sub(Header::LEN + 12).min(self.mtu / 2);
                    let chunk = chunk.whole.get(..most).unwrap_or(chunk.whole);
                    let value = Bytes::copy_from_slice(chunk);
                    self.reply(Reply::Error { cause: Cause::UNRECOGNIZED_CHUNK, value });
                }
                return what.skip;
            }
        }
        true
    }

    fn handle_data(&mut self, chunk: &Chunk<'_>, packet: &Bytes, seen: &mut Seen) -> bool {
        let interleaved = chunk.kind == ChunkType::I_DATA;
        let data: Result<Incoming<'_>, _> = match interleaved {
            true => IData::parse(chunk).map(Into::into),
            false => Data::parse(chunk).map(Into::into),
        };
        let Some(data) = data.ok().filter(|_| self.phase.takes_data()) else {
            self.drop_chunk();
            return true;
        };
        if self.phase.peer().is_some_and(|peer| peer.extensions.interleaves != interleaved) {
            // RFC 8260, section 2.2.1.
            self.abort_with(Cause::PROTOCOL_VIOLATION, &[], CloseReason::ProtocolViolation);
            return false;
        }
        if data.data.is_empty() {
            // Section 6.2.
            let tsn = data.tsn.0.to_be_bytes();
            self.abort_with(Cause::NO_USER_DATA, &tsn, CloseReason::ProtocolViolation);
            return false;
        }
        seen.data = true;
        seen.immediate |= data.flags.is_immediate();
        if self.reset.holds_back(data.stream, data.tsn) {
            self.drop_chunk();
            return true;
        }
        match self.rx.receive(&data, packet, &mut self.events, &mut self.stats) {
            Received::Acknowledged => (),
            Received::Dropped => self.drop_chunk(),
            Received::InvalidStream => {
                self.drop_chunk();
                if !seen.reported {
                    seen.reported = true;
                    let [high, low] = data.stream.0.to_be_bytes();
                    let value = Bytes::copy_from_slice(&[high, low, 0, 0]);
                    self.reply(Reply::Error { cause: Cause::INVALID_STREAM, value });
                }
            }
        }
        true
    }

    /// FORWARD TSN (RFC 3758, section 3.6), or I-FORWARD TSN (RFC 8260, section 2.3.1). Attack E07: whoever did not say that
    /// it gives up messages does not; and the TSN is one that could have been used by now.
    fn handle_forward_tsn(&mut self, chunk: &Chunk<'_>) {
        let extensions = self.phase.peer().map(|peer| peer.extensions).unwrap_or_default();
        let interleaved = chunk.kind == ChunkType::I_FORWARD_TSN;
        if !extensions.skips_messages || extensions.interleaves != interleaved || !self.phase.takes_data() {
            return self.drop_chunk();
        }
        if interleaved {
            match IForwardTsn::parse(chunk) {
                Ok(forward) if self.rx.can_forward(forward.cumulative) => {
                    self.rx.forward_interleaved(&forward, &mut self.events, &mut self.stats);
                }
                _ => return self.drop_chunk(),
            }
        } else {
            match ForwardTsn::parse(chunk) {
                Ok(forward) if self.rx.can_forward(forward.cumulative) => {
                    self.rx.forward(&forward, &mut self.events, &mut self.stats);
                }
                _ => return self.drop_chunk(),
            }
        }
        self.perform_deferred();
    }

    fn handle_error(&mut self, now: Instant, chunk: &Chunk<'_>) {
        if Causes::parse(chunk).iter().any(|(cause, _)| cause == Cause::STALE_COOKIE) {
            self.handle_stale_cookie(now);
        }
        tracing::debug!(cause = ?Causes::parse(chunk).first(), "the peer reports an error");
    }

    /// A packet of an association that we do not have (section 8.4).
    fn answer_stray(&mut self, first: &Chunk<'_>, header: &Header) {
        let tag = header.verification_tag;
        if tag == 0 || !self.replies.is_empty() {
            return;
        }
        match first.kind {
            // The peer has lost our SHUTDOWN COMPLETE.
            ChunkType::SHUTDOWN_ACK if !self.phase.is_open() => {
                self.reply(Reply::ShutdownComplete { tag, reflected: true });
            }
            // Nothing that could begin an endless exchange.
            ChunkType::ABORT
            | ChunkType::SHUTDOWN_COMPLETE
            | ChunkType::COOKIE_ACK
            | ChunkType::COOKIE_ECHO
            | ChunkType::ERROR
            | ChunkType::INIT
            | ChunkType::INIT_ACK => (),
            // The peer has lost our ABORT.
            _ if matches!(self.phase, Phase::Over) => {
                self.reply(Reply::Abort { tag, reflected: true, cause: None });
            }
            _ => (),
        }
    }

    pub(crate) fn drop_chunk(&mut self) {
        self.stats.chunks_dropped += 1;
    }
}
