//! How an association begins, also when both sides begin at once, and how it begins anew (RFC 9260, section 5).

use bytes::Bytes;
use drywire_core::{Instant, Serial};

use crate::cookie::Cookie;
use crate::packet::{Cause, Chunk, ChunkType, Chunks, Header, Init, Parameter, ParameterType, Parameters};
use crate::state::{Extensions, Peer, Phase};
use crate::timer::Timer;
use crate::transmit::{ERRORS_DETECTED_BY_DTLS, Reply};
use crate::{Association, CloseReason, Event, ParseError};

/// How many unknown parameters of an INIT or INIT ACK are reported at most.
const MAX_REPORTED: usize = 16;

impl Association {
    pub(crate) fn begin(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Idle) {
            self.send_init(now, 0);
        }
    }

    /// Begins with what both sides were told before (draft-hancke-tsvwg-snap-00, section 4).
    pub(crate) fn begin_with(&mut self, now: Instant, remote_init: &[u8]) -> Result<(), ParseError> {
        let mut chunks = Chunks::new(remote_init);
        let chunk = chunks.next().unwrap_or(Err(ParseError::WrongLength { offset: 0 }))?;
        let forbidden = ParseError::Forbidden { offset: 0 };
        if chunk.kind != ChunkType::INIT || chunks.next().is_some() {
            return Err(forbidden);
        }
        let init = Init::parse(&chunk)?;
        if init.initiate_tag == 0 || init.outbound_streams == 0 || init.inbound_streams == 0 {
            return Err(forbidden);
        }
        if !matches!(self.phase, Phase::Idle) {
            return Ok(());
        }
        let peer = Peer { tag: init.initiate_tag, extensions: self.extensions(&init) };
        let streams = init.inbound_streams.min(self.config.max_outbound_streams.max(1));
        self.know_peer(init.initial_tsn, init.window, streams, peer.extensions);
        self.establish(now, peer);
        Ok(())
    }

    fn send_init(&mut self, now: Instant, repeats: u32) {
        self.phase = Phase::CookieWait { repeats };
        self.due.init = true;
        self.arm_connect(now, repeats);
    }

    fn arm_connect(&mut self, now: Instant, repeats: u32) {
        let wait = self.config.rto_initial.saturating_mul(1 << repeats.min(16)).min(self.config.rto_max);
        self.timers.arm(Timer::Connect, now + wait);
    }

    /// T1 has expired (sections 5.1.A and 5.1.C).
    pub(crate) fn connect_timed_out(&mut self, now: Instant) {
        let repeats = match &mut self.phase {
            Phase::CookieWait { repeats } | Phase::CookieEchoed { repeats, .. } => {
                *repeats += 1;
                *repeats
            }
            _ => return,
        };
        if repeats > self.config.max_init_retransmits {
            self.close(CloseReason::ConnectTimeout);
            return;
        }
        self.due.init = matches!(self.phase, Phase::CookieWait { .. });
        self.due.cookie_echo = matches!(self.phase, Phase::CookieEchoed { .. });
        self.arm_connect(now, repeats);
    }

    /// INIT (sections 5.1.B, 5.2.1 and 5.2.2). Nothing is kept but an answer to be sent.
    pub(crate) fn handle_init(&mut self, now: Instant, chunk: &Chunk<'_>, packet_len: usize) {
        let Ok(init) = Init::parse(chunk) else { return self.drop_chunk() };
        let tag = init.initiate_tag;
        if init.outbound_streams == 0 || init.inbound_streams == 0 {
            return self.reply(Reply::abort(tag, Cause::INVALID_MANDATORY_PARAMETER, &[]));
        }
        let (local_tag, local_tsn, tie_tags) = match &self.phase {
            Phase::Over => return self.reply(Reply::Abort { tag, reflected: false, cause: None }),
            Phase::ShutdownAckSent { .. } => {
                self.due.shutdown_ack = true;
                return;
            }
            Phase::Idle | Phase::CookieWait { .. } => (self.local_tag, self.local_tsn, (0, 0)),
            Phase::CookieEchoed { peer, .. } => (self.local_tag, self.local_tsn, (self.local_tag, peer.tag)),
            // The peer may have restarted: it gets new tags, and the old ones prove later that it knew of this association.
            Phase::Established { peer }
            | Phase::ShutdownPending { peer }
            | Phase::ShutdownSent { peer, .. }
            | Phase::ShutdownReceived { peer } => {
                let ties = (self.local_tag, peer.tag);
                (self.random_tag(), Serial(self.rng.u32()), ties)
            }
        };
        let cookie = self.cookie_key.seal(&Cookie {
            created: now.saturating_duration_since(self.began),
            local_tag,
            peer_tag: tag,
            local_tsn,
            peer_tsn: init.initial_tsn,
            peer_window: init.window,
            outbound_streams: init.inbound_streams.min(self.config.max_outbound_streams.max(1)),
            extensions: self.extensions(&init),
            tie_tags,
        });
        // E14: what is reported never makes the answer longer than the question, except by what every answer has.
        let room = packet_len.saturating_sub(Header::LEN + Init::HEADER_LEN);
        let mut unrecognized = Vec::new();
        for parameter in understand(init.parameters).1 {
            if unrecognized.len() + parameter.len() + 8 <= room.min(self.mtu / 2) {
                Parameter::write(&mut unrecognized, ParameterType::UNRECOGNIZED, parameter);
            }
        }
        let (cookie, unrecognized) = (Bytes::from(cookie), Bytes::from(unrecognized));
        self.reply(Reply::InitAck { tag, local_tag, local_tsn, cookie, unrecognized });
    }

    /// INIT ACK (section 5.1.C).
    pub(crate) fn handle_init_ack(&mut self, now: Instant, chunk: &Chunk<'_>) {
        if !matches!(self.phase, Phase::CookieWait { .. }) {
            return self.drop_chunk();
        }
        let init = match Init::parse(chunk) {
            Ok(init) => init,
            // A tag of zero: nothing can be sent to such a peer (section 3.3.3).
            Err(ParseError::Forbidden { .. }) => {
                self.close(CloseReason::Incompatible);
                let tag = self.local_tag;
                return self.reply(Reply::Abort { tag, reflected: true, cause: None });
            }
            Err(_) => return self.drop_chunk(),
        };
        let tag = init.initiate_tag;
        if init.outbound_streams == 0 || init.inbound_streams == 0 {
            self.close(CloseReason::Incompatible);
            return self.reply(Reply::abort(tag, Cause::INVALID_MANDATORY_PARAMETER, &[]));
        }
        let (known, unknown) = understand(init.parameters);
        let Some(cookie) = known.find(ParameterType::STATE_COOKIE) else {
            // Section 3.3.10.2: one is missing, of type 7.
            self.close(CloseReason::Incompatible);
            return self.reply(Reply::abort(tag, Cause::MISSING_PARAMETER, &[0, 0, 0, 1, 0, 7]));
        };
        // Section 3.2.2: the peer hears of it along with its cookie.
        let mut unrecognized = Vec::new();
        for parameter in unknown {
            if cookie.len() + unrecognized.len() + parameter.len() <= self.mtu / 2 {
                unrecognized.resize(unrecognized.len().next_multiple_of(4), 0);
                unrecognized.extend_from_slice(parameter);
            }
        }
        let cookie = Bytes::copy_from_slice(cookie);
        let peer = Peer { tag: init.initiate_tag, extensions: self.extensions(&init) };
        let streams = init.inbound_streams.min(self.config.max_outbound_streams.max(1));
        self.know_peer(init.initial_tsn, init.window, streams, peer.extensions);
        self.phase = Phase::CookieEchoed { peer, cookie, unrecognized: unrecognized.into(), repeats: 0 };
        self.due.init = false;
        self.due.cookie_echo = true;
        self.due.data_with_cookie = true;
        self.arm_connect(now, 0);
    }

    /// COOKIE ECHO (sections 5.1.D and 5.2.4). Returns whether it was taken: else nothing else in its packet is (section 5.1.5).
    pub(crate) fn handle_cookie_echo(&mut self, now: Instant, bytes: &[u8], verification_tag: u32) -> bool {
        let Some(cookie) = self.cookie_key.open(bytes) else {
            self.drop_chunk();
            return false;
        };
        if cookie.local_tag != verification_tag {
            self.drop_chunk();
            return false;
        }
        if matches!(self.phase, Phase::Over) {
            // It will not begin again (section 5.1): the peer must not wait for that.
            self.reply(Reply::Abort { tag: verification_tag, reflected: true, cause: None });
            return false;
        }
        let peer = Peer { tag: cookie.peer_tag, extensions: cookie.extensions };
        let known = self.phase.peer();
        let same_local = cookie.local_tag == self.local_tag;
        let same_peer = known.is_some_and(|known| known.tag == peer.tag);
        let age = now.saturating_duration_since(self.began).saturating_sub(cookie.created);
        if age > self.config.cookie_lifetime && !(same_local && same_peer) {
            let by = age.saturating_sub(self.config.cookie_lifetime).as_micros();
            let by = u32::try_from(by).unwrap_or(u32::MAX);
            self.reply(Reply::StaleCookie { tag: peer.tag, by });
            return false;
        }
        let restarts =
            self.phase.is_open() && Some(cookie.tie_tags) == known.map(|known| (self.local_tag, known.tag));
        match &self.phase {
            Phase::Idle | Phase::CookieWait { .. } if same_local => {
                self.know_peer(cookie.peer_tsn, cookie.peer_window, cookie.outbound_streams, peer.extensions);
                self.establish(now, peer);
            }
            // Case D: both sides have begun at once, or our COOKIE ACK was lost.
            Phase::CookieEchoed { .. } if same_local && same_peer => self.establish(now, peer),
            _ if same_local && same_peer => (),
            // Case B: the peer has sent its INIT after it had answered ours, with another tag.
            Phase::CookieEchoed { .. } if same_local => {
                self.know_peer(cookie.peer_tsn, cookie.peer_window, cookie.outbound_streams, peer.extensions);
                self.establish(now, peer);
            }
            _ if same_local && self.phase.is_open() => self.phase.set_peer(peer),
            // Case A: the peer has lost everything. One that shuts down is not restarted (section 5.2.4).
            Phase::ShutdownAckSent { .. } if restarts => {
                let cause = Cause::COOKIE_WHILE_SHUTTING_DOWN;
                self.reply(Reply::Error { cause, value: Bytes::new() });
                self.due.shutdown_ack = true;
                return false;
            }
            _ if restarts => self.restart(now, &cookie, peer),
            // Case C: a cookie that came too late.
            _ => {
                self.drop_chunk();
                return false;
            }
        }
        self.due.cookie_ack = true;
        true
    }

    /// COOKIE ACK (section 5.1.E).
    pub(crate) fn handle_cookie_ack(&mut self, now: Instant) {
        if let Phase::CookieEchoed { peer, .. } = self.phase {
            self.establish(now, peer);
        }
    }

    /// The peer found our cookie too old (section 5.2.6): ask for another one. If it has sent data it has taken the cookie
    /// since, and a handshake anew could bring that data a second time.
    pub(crate) fn handle_stale_cookie(&mut self, now: Instant) {
        if self.rx.is_sack_pending() {
            return;
        }
        if let Phase::CookieEchoed { repeats, .. } = self.phase
            && repeats < self.config.max_init_retransmits
        {
            // What went along with the cookie was not taken.
            self.tx.lose_all();
            self.due.cookie_echo = false;
            // What is still on its way of the old handshake, such as the same word once more, must not disturb the new one.
            self.local_tag = self.random_tag();
            self.send_init(now, repeats + 1);
        }
    }

    /// The numbers of the peer are known.
    fn know_peer(&mut self, tsn: Serial<u32>, window: u32, streams: u16, extensions: Extensions) {
        self.rx.begin(&self.config, tsn, extensions.interleaves, &mut self.events);
        self.tx.begin(window, streams, extensions.interleaves);
        self.reset.begin(self.local_tsn, tsn);
    }

    fn establish(&mut self, now: Instant, peer: Peer) {
        self.phase = Phase::Established { peer };
        self.timers.disarm(Timer::Connect);
        (self.due.init, self.due.cookie_echo) = (false, false);
        self.errors = 0;
        self.events.push_back(Event::Connected);
        self.arm_heartbeat(now);
        self.search_mtu(now);
        self.tx.set_partial(peer.extensions.skips_messages);
        if !peer.extensions.resets_streams {
            self.refuse_resets();
        }
        if self.shutdown_wanted {
            self.phase = Phase::ShutdownPending { peer };
        }
        tracing::debug!(local_tag = self.local_tag, peer_tag = peer.tag, "association established");
    }

    /// The peer begins anew with what its cookie says (section 5.2.4.1, action A).
    fn restart(&mut self, now: Instant, cookie: &Cookie, peer: Peer) {
        let closing = matches!(self.phase, Phase::ShutdownPending { .. } | Phase::ShutdownSent { .. });
        self.shutdown_wanted |= closing;
        (self.local_tag, self.local_tsn) = (cookie.local_tag, cookie.local_tsn);
        self.tx.restart(cookie.local_tsn);
        self.timers.clear();
        // What came before must not be taken for a part of what comes now.
        self.rx.forget_unread();
        self.events.retain(|event| !matches!(event, Event::Readable(_) | Event::UnreadLimit(_)));
        let resets = self.reset.take_wishes();
        self.know_peer(cookie.peer_tsn, cookie.peer_window, cookie.outbound_streams, peer.extensions);
        self.phase = match self.shutdown_wanted {
            true => Phase::ShutdownPending { peer },
            false => Phase::Established { peer },
        };
        self.tx.set_partial(peer.extensions.skips_messages);
        self.due = Default::default();
        self.errors = 0;
        if self.events.len() < crate::association::MAX_EVENTS {
            self.events.push_back(Event::Restarted);
        }
        if !resets.is_empty() {
            // They have begun anew, as all streams.
            self.events.push_back(Event::OutgoingStreamsReset(resets));
        }
        self.arm_heartbeat(now);
    }

    /// What the sender of `init` can do (RFC 5061, section 4.2.7; RFC 3758, section 3.1: either way of saying it counts).
    fn extensions(&self, init: &Init<'_>) -> Extensions {
        let (known, _) = understand(init.parameters);
        let chunks = known.find(ParameterType::SUPPORTED_EXTENSIONS).unwrap_or_default();
        let says = |kind: ChunkType| chunks.contains(&kind.0);
        let interleaves = self.config.interleaving && says(ChunkType::I_DATA);
        Extensions {
            resets_streams: says(ChunkType::RE_CONFIG),
            skips_messages: match interleaves {
                true => says(ChunkType::I_FORWARD_TSN),
                false => {
                    says(ChunkType::FORWARD_TSN) || known.find(ParameterType::FORWARD_TSN_SUPPORTED).is_some()
                }
            },
            interleaves,
            needs_no_checksum: known.find(ParameterType::ZERO_CHECKSUM_ACCEPTABLE)
                == Some(&ERRORS_DETECTED_BY_DTLS),
        }
    }

    /// A random tag, never zero.
    pub(crate) fn random_tag(&mut self) -> u32 {
        self.rng.u32().max(1)
    }
}

/// The parameters of an INIT or INIT ACK as far as they count, and those that their sender is to hear of: behind one that is
/// not known and says so, none counts (section 3.2.1).
fn understand(parameters: Parameters<'_>) -> (Parameters<'_>, Vec<&[u8]>) {
    let (mut len, mut reported) = (0, Vec::new());
    for parameter in parameters.iter().map_while(Result::ok) {
        if !is_known(parameter.kind) {
            let unknown = parameter.kind.when_unknown();
            if unknown.report && reported.len() < MAX_REPORTED {
                reported.push(parameter.whole);
            }
            if !unknown.skip {
                break;
            }
        }
        len += parameter.whole.len().next_multiple_of(4);
    }
    let bytes = parameters.as_bytes();
    (Parameters::new(bytes.get(..len).unwrap_or(bytes)), reported)
}

/// Whether a parameter is understood, or may be passed over: addresses of the peer (types 5, 6 and 11) and what
/// concerns them (9 and 12) mean nothing over DTLS (RFC 8261, section 5).
const fn is_known(kind: ParameterType) -> bool {
    matches!(kind.0, 5..=9 | 11 | 12 | 0x8001 | 0x8008 | 0xc000)
}
