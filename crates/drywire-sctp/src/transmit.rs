//! What leaves: one packet at a time, written straight into the caller's buffer.

use bytes::Bytes;
use drywire_core::{Instant, Serial};

use crate::Association;
use crate::association::MAX_REPLIES;
use crate::packet::{
    Cause, Chunk, ChunkType, CookieEcho, Header, Heartbeat, Init, Parameter, ParameterType, Parameters,
    Shutdown,
};
use crate::state::Phase;

/// Chunks that must be sent, each at most once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) init: bool,
    pub(crate) cookie_echo: bool,
    /// Data may go along with the COOKIE ECHO: the first time only.
    pub(crate) data_with_cookie: bool,
    pub(crate) cookie_ack: bool,
    pub(crate) shutdown: bool,
    pub(crate) shutdown_ack: bool,
    pub(crate) heartbeat: bool,
}

/// An answer that is a packet of its own.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    InitAck { tag: u32, local_tag: u32, local_tsn: Serial<u32>, cookie: Bytes, unrecognized: Bytes },
    Abort { tag: u32, reflected: bool, cause: Option<(Cause, Bytes)> },
    ShutdownComplete { tag: u32, reflected: bool },
    StaleCookie { tag: u32, by: u32 },
    HeartbeatAck { info: Bytes },
    Error { cause: Cause, value: Bytes },
}

impl Reply {
    /// An ABORT to the owner of `tag`, with a cause and what that carries.
    pub(crate) fn abort(tag: u32, cause: Cause, value: &[u8]) -> Self {
        Self::Abort { tag, reflected: false, cause: Some((cause, Bytes::copy_from_slice(value))) }
    }
}

/// The alternate error detection method of DTLS (RFC 9653, section 7).
pub(crate) const ERRORS_DETECTED_BY_DTLS: [u8; 4] = [0, 0, 0, 1];

/// The T bit of ABORT and SHUTDOWN COMPLETE: the tag is the receiver's own (RFC 9260, section 8.5.1).
const fn t_bit(reflected: bool) -> u8 {
    if reflected { 1 } else { 0 }
}

impl Association {
    /// Keeps an answer to be sent. There are few at a time, or the peer floods us: it repeats what is left out.
    pub(crate) fn reply(&mut self, reply: Reply) {
        if self.replies.len() < MAX_REPLIES {
            self.replies.push_back(reply);
        }
    }

    /// Appends the chunks of the next packet, if there is one.
    pub(crate) fn write_packet(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<()> {
        while let Some(reply) = self.replies.pop_front() {
            if self.write_reply(out, &reply).is_some() {
                return Some(());
            }
        }
        if self.due.init {
            self.write_init(out);
            self.due.init = false;
            return Some(());
        }
        let peer = self.phase.peer()?;
        if let Phase::CookieEchoed { cookie, unrecognized, .. } = &self.phase {
            // Until COOKIE ACK comes nothing else is sent (section 5.1.C).
            if !std::mem::take(&mut self.due.cookie_echo) {
                return None;
            }
            let (cookie, unrecognized) = (cookie.clone(), unrecognized.clone());
            let start = self.write_header(out, peer.tag);
            CookieEcho { cookie: &cookie }.write(out);
            if !unrecognized.is_empty() {
                Chunk::write_list(out, ChunkType::ERROR, 0, 0, |out| {
                    Cause::UNRECOGNIZED_PARAMETERS.write(out, &unrecognized);
                });
            }
            if std::mem::take(&mut self.due.data_with_cookie) {
                let (used, most) = (out.len() - start, self.mtu.saturating_sub(Header::LEN));
                let space = self.mtu.saturating_sub(used);
                self.tx.write_data(now, out, space, most, &mut self.events, &mut self.stats);
            }
            return Some(());
        }
        if self.phase.sends_data() {
            self.tx.give_up(now, &mut self.events, &mut self.stats);
        }
        if self.path.is_due() && self.phase.sends_data() {
            self.write_probe(out, peer.tag);
            return Some(());
        }
        if !self.has_chunks(now) {
            return None;
        }
        let start = self.write_header(out, peer.tag);
        self.write_control(now, out, start);
        if self.phase.sends_data() {
            let space = self.mtu.saturating_sub(out.len() - start);
            let most = self.mtu.saturating_sub(Header::LEN);
            if self.tx.can_send(now) {
                self.tx.write_data(now, out, space, most, &mut self.events, &mut self.stats);
                if self.tx.take_first_resent() {
                    // Section 7.2.4, rule 4: it may have been lost again, and that shows sooner than the timer expires.
                    self.rearm_retransmit(now);
                } else {
                    self.keep_retransmit_after_data(now);
                }
            }
        }
        if out.len() == start + Header::LEN {
            out.truncate(start);
            // What could have been sent was given up: the peer is told so.
            return if self.tx.is_forward_due(now) { self.write_packet(now, out) } else { None };
        }
        Some(())
    }

    /// Whether there is anything for a packet of an association that is established. Constant time: this is what an
    /// idle poll costs.
    fn has_chunks(&self, now: Instant) -> bool {
        let due = &self.due;
        due.cookie_ack
            || due.shutdown
            || due.shutdown_ack
            || due.heartbeat
            || self.rx.is_sack_due()
            || self.reset.is_due()
            || self.phase.sends_data() && (self.tx.is_forward_due(now) || self.tx.can_send(now))
    }

    pub(crate) fn write_header(&self, out: &mut Vec<u8>, verification_tag: u32) -> usize {
        let start = out.len();
        Header {
            source_port: self.config.local_port,
            destination_port: self.config.remote_port,
            verification_tag,
        }
        .write(out);
        start
    }

    /// The chunks that stand before data.
    fn write_control(&mut self, now: Instant, out: &mut Vec<u8>, start: usize) {
        let due = std::mem::take(&mut self.due);
        let most = self.path.control_len();
        if due.cookie_ack {
            Chunk::write_empty(out, ChunkType::COOKIE_ACK, 0);
        }
        // A packet that leaves anyway takes the acknowledgement along (section 6.2).
        if self.rx.is_sack_pending() {
            let space = most.saturating_sub(out.len() - start);
            self.rx.write_sack(out, space);
            self.keep_acknowledge(now);
        }
        if due.shutdown {
            Shutdown { cumulative: self.rx.cumulative() }.write(out);
        }
        if due.shutdown_ack {
            Chunk::write_empty(out, ChunkType::SHUTDOWN_ACK, 0);
        }
        let space = most.saturating_sub(out.len() - start);
        if self.reset.is_due() {
            self.reset.write(out, space);
        }
        if self.phase.sends_data() && self.tx.is_forward_due(now) {
            let space = most.saturating_sub(out.len() - start);
            self.tx.write_forward(now, out, space);
        }
        let space = most.saturating_sub(out.len() - start);
        if due.heartbeat
            && let Some(beat) = &self.beat
        {
            if space >= 16 {
                Heartbeat { info: &beat.nonce }.write(out, ChunkType::HEARTBEAT);
            } else {
                self.due.heartbeat = true;
            }
        }
    }

    fn write_init(&mut self, out: &mut Vec<u8>) {
        self.write_header(out, 0);
        self.write_init_chunk(out);
    }

    pub(crate) fn write_init_chunk(&self, out: &mut Vec<u8>) {
        let init = self.own_init(self.local_tag, self.local_tsn);
        init.write(out, ChunkType::INIT, |out| self.write_extensions(out));
    }

    fn own_init(&self, local_tag: u32, local_tsn: Serial<u32>) -> Init<'static> {
        Init {
            initiate_tag: local_tag,
            window: self.rx.full_window(),
            outbound_streams: self.config.max_outbound_streams.max(1),
            inbound_streams: self.config.max_inbound_streams.max(1),
            initial_tsn: local_tsn,
            parameters: Parameters::new(&[]),
        }
    }

    fn write_reply(&self, out: &mut Vec<u8>, reply: &Reply) -> Option<()> {
        match reply {
            Reply::InitAck { tag, local_tag, local_tsn, cookie, unrecognized } => {
                self.write_header(out, *tag);
                self.own_init(*local_tag, *local_tsn).write(out, ChunkType::INIT_ACK, |out| {
                    Parameter::write(out, ParameterType::STATE_COOKIE, cookie);
                    self.write_extensions(out);
                    out.extend_from_slice(unrecognized);
                });
            }
            Reply::Abort { tag, reflected, cause } => {
                self.write_header(out, *tag);
                Chunk::write_list(out, ChunkType::ABORT, t_bit(*reflected), 0, |out| {
                    if let Some((cause, value)) = cause {
                        cause.write(out, value);
                    }
                });
            }
            Reply::ShutdownComplete { tag, reflected } => {
                self.write_header(out, *tag);
                Chunk::write_empty(out, ChunkType::SHUTDOWN_COMPLETE, t_bit(*reflected));
            }
            Reply::StaleCookie { tag, by } => {
                self.write_header(out, *tag);
                Chunk::write_list(out, ChunkType::ERROR, 0, 0, |out| {
                    Cause::STALE_COOKIE.write(out, &by.to_be_bytes());
                });
            }
            Reply::HeartbeatAck { info } => {
                self.write_header(out, self.phase.peer()?.tag);
                Heartbeat { info }.write(out, ChunkType::HEARTBEAT_ACK);
            }
            Reply::Error { cause, value } => {
                self.write_header(out, self.phase.peer()?.tag);
                Chunk::write_list(out, ChunkType::ERROR, 0, 0, |out| cause.write(out, value));
            }
        }
        Some(())
    }

    /// The extensions that are implemented (RFC 5061, section 4.2.7): RE-CONFIG (RFC 6525, section 3.1), FORWARD TSN, which
    /// has a parameter of its own, too (RFC 3758, section 3.1), I-DATA with I-FORWARD TSN (RFC 8260, section 2.2.1), and packets without a checksum (RFC 9653, section 4).
    fn write_extensions(&self, out: &mut Vec<u8>) {
        Parameter::write(out, ParameterType::FORWARD_TSN_SUPPORTED, &[]);
        let chunks =
            [ChunkType::RE_CONFIG, ChunkType::FORWARD_TSN, ChunkType::I_DATA, ChunkType::I_FORWARD_TSN]
                .map(|kind| kind.0);
        let chunks = chunks.get(..if self.config.interleaving { 4 } else { 2 }).unwrap_or_default();
        Parameter::write(out, ParameterType::SUPPORTED_EXTENSIONS, chunks);
        if self.config.zero_checksum {
            Parameter::write(out, ParameterType::ZERO_CHECKSUM_ACCEPTABLE, &ERRORS_DETECTED_BY_DTLS);
        }
    }

    /// Puts the checksum into the packet that begins at `start` of `out` with the chunk `first`, unless the peer does without (RFC 9653, section
    /// 5.2): never in packets that begin or end an association.
    pub(crate) fn seal(&self, out: &mut [u8], start: usize, first: Option<ChunkType>) {
        let agreed = self.phase.peer().is_some_and(|peer| peer.extensions.needs_no_checksum);
        if !(self.config.zero_checksum && agreed && first.is_some_and(does_without_checksum)) {
            Header::seal(out, start);
        }
    }
}

/// Whether we leave out the checksum of packets that begin with such a chunk: their receiver may know of no agreement (RFC
/// 9653, section 5.2).
const fn does_without_checksum(kind: ChunkType) -> bool {
    !matches!(
        kind,
        ChunkType::INIT
            | ChunkType::INIT_ACK
            | ChunkType::COOKIE_ECHO
            | ChunkType::ABORT
            | ChunkType::SHUTDOWN_COMPLETE
    )
}
