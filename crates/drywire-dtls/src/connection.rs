mod application;
mod farewell;
mod input;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;
use drywire_core::{Duration, Instant, Monotonic, Rng, Writer};
use drywire_crypto::{CertifiedKey, Fingerprint};

use farewell::{AlertLevel, Farewell};

use crate::ack::Acks;
use crate::failure::Failure;
use crate::flight::Flight;
use crate::handshake::{Handshake, Verdict};
use crate::hello;
use crate::machine::Machine;
use crate::queue::{Early, Events};
use crate::reassembly::Reassembler;
use crate::record::{self, ContentType, RecordLayer};
use crate::transcript::Transcript;
use crate::{Alert, CloseReason, Config, ConnectionInfo, Event, RecordError, Role, State, Stats};

/// The shortest datagram that the handshake is cut for, in bytes.
const MIN_MTU: usize = 256;
/// The longest: within what one record can hold.
const MAX_MTU: usize = 16 * 1024;
/// The longest connection identifier that we want to receive, in bytes.
const MAX_ID_LEN: usize = 32;
/// How long the keys of an epoch are kept after the next has begun: twice the time that the network may hold a packet
/// (RFC 9293, section 3.4.1).
const OLD_KEYS: Duration = Duration::from_secs(240);

/// One end of a DTLS session. See the [crate] for an example, and `drywire_core` for the contract that it keeps.
pub struct Connection {
    clock: Monotonic,
    pub(crate) handshake: Handshake,
    pub(crate) machine: Machine,
    pub(crate) reassembler: Reassembler,
    early: Early,
    events: Events,
    /// Whether it was said that fingerprints are awaited.
    held: bool,
    farewell: Farewell,
    /// Whether records may be sent to a client that has not finished the handshake.
    early_records: bool,
    mtu: usize,
    /// Since when acknowledgements wait for the rest of a flight.
    acks_since: Option<Instant>,
    /// The epoch that the peer writes, and when it was first seen.
    epoch_since: (u64, Instant),
    handshake_deadline: Option<Instant>,
    /// How many more messages are taken, for tests that stop in the middle of a flight.
    #[cfg(test)]
    pub(crate) patience: Option<usize>,
}

/// A record that was begun and not yet finished: see [`Connection::begin_record`].
#[derive(Debug)]
#[must_use = "a record that is not finished is not encrypted"]
pub struct Record {
    start: usize,
    header_len: usize,
}

impl Connection {
    /// Makes one end of a session. Nothing is computed and nothing is sent: a client has its ClientHello ready at the
    /// first [`poll_transmit`](Self::poll_transmit).
    #[must_use]
    pub fn new(config: Arc<Config>, role: Role, now: Instant, seed: [u8; 32]) -> Self {
        let (mut rng, mut records) = (Rng::new(seed), RecordLayer::new());
        if let Some(len) = config.connection_id {
            let mut id = vec![0; usize::from(len).min(MAX_ID_LEN)];
            rng.fill(&mut id);
            records.ids.offer(id);
        }
        let (mtu, rto) = (config.mtu.clamp(MIN_MTU, MAX_MTU), config.initial_rto);
        Self {
            clock: Monotonic::new(now),
            handshake: Handshake {
                config,
                role,
                rng,
                records,
                flight: Flight::new(rto),
                transcript: Transcript::new(),
                acks: Acks::default(),
                peer_address: None,
                client_random: [0; 32],
                fingerprints: None,
                local_certificate: None,
                peer_certificate: None,
                stats: Stats::default(),
                #[cfg(test)]
                fouls: Vec::new(),
                #[cfg(test)]
                late: None,
            },
            machine: Machine::new(role),
            reassembler: Reassembler::default(),
            early: Early::default(),
            events: Events::default(),
            held: false,
            farewell: Farewell::default(),
            early_records: false,
            mtu,
            acks_since: None,
            epoch_since: (0, now),
            handshake_deadline: None,
            #[cfg(test)]
            patience: None,
        }
    }

    /// Takes a datagram from the peer: one UDP payload, with one record or more. They are decrypted in place.
    pub fn handle_input(&mut self, now: Instant, datagram: BytesMut) {
        let now = self.clock.observe(now);
        self.handshake.stats.datagrams_received += 1;
        if self.is_ended() {
            self.remind(now, datagram);
            return;
        }
        self.retire_keys(now);
        let mut rest = datagram;
        while !self.is_ended() {
            let Some(record) = record::split_record(&mut rest, self.handshake.records.ids.local_len()) else {
                break;
            };
            self.take_record(now, record);
        }
        if !rest.is_empty() {
            self.handshake.stats.records_discarded += 1;
        }
        self.settle(now);
    }

    /// Forgets the keys of the epochs before the peer's current one when nothing of them can still be on its way
    /// (RFC 9147, section 4.2.1). Until then the peer may repeat what it said with them.
    fn retire_keys(&mut self, now: Instant) {
        let epoch = self.machine.expected_epoch();
        let (known, since) = self.epoch_since;
        if epoch != known {
            self.epoch_since = (epoch, now);
        } else if self.is_connected() && now >= since + OLD_KEYS {
            self.handshake.records.retire_read_before(epoch);
        }
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.clock.observe(now);
        if self.acks_deadline().is_some_and(|at| at <= now) {
            self.acks_since = None;
            if self.misses_hello() {
                self.handshake.acks.send_empty();
            } else {
                self.handshake.acks.send_now();
            }
        }
        self.handshake.flight.handle_timeout(now, &mut self.handshake.stats);
        if self.handshake_deadline.is_some_and(|at| at <= now) {
            self.handshake_deadline = None;
            self.give_up(CloseReason::Timeout);
        }
        self.settle(now);
    }

    /// Says which fingerprints the peer's certificate may have, from the session description. It may come before or
    /// after the certificate: until one matches, the connection does not become connected, and when none does, it ends
    /// (RFC 8827, section 6.5). Once connected, it has no effect: another certificate needs another connection.
    pub fn set_remote_fingerprints(&mut self, now: Instant, fingerprints: Vec<Fingerprint>) {
        let now = self.clock.observe(now);
        self.handshake.fingerprints = Some(fingerprints);
        if !self.is_connected()
            && let Some(certificate) = &self.handshake.peer_certificate
            && self.handshake.verdict(certificate) == Verdict::Mismatch
        {
            self.fail(Failure::Fingerprint);
        }
        self.settle(now);
    }

    /// Tells a server where its client is, for [`Cookies`](crate::Cookies): they are worth nothing at another address.
    /// To be called before the first input.
    pub const fn set_peer_address(&mut self, address: SocketAddr) {
        self.handshake.peer_address = Some(address);
    }

    /// Sets the longest datagram of the handshake, in bytes of UDP payload: 256 to 16,384. What is sent again is cut anew.
    /// While datagrams do not seem to arrive, shorter ones are sent, whatever is set (RFC 9147, section 4.4).
    pub fn set_mtu(&mut self, mtu: usize) {
        self.mtu = mtu.clamp(MIN_MTU, MAX_MTU);
        self.handshake.flight.forget_fallback();
    }

    /// Tells the round-trip time of the path, as ICE measured it: flights that are lost are sent again the sooner. That
    /// counts for the flight that is on its way, too, which from `now` on waits no longer than a flight that begins now.
    pub fn set_initial_rtt(&mut self, now: Instant, rtt: Duration) {
        let now = self.clock.observe(now);
        let rto = rtt.saturating_mul(2).max(self.handshake.config.min_rto);
        self.handshake.flight.set_rto(now, rto);
    }

    /// Which side of the handshake this is.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.handshake.role
    }

    /// The state.
    #[must_use]
    pub const fn state(&self) -> State {
        self.machine.state()
    }

    /// Whether records can be sent now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.state() == State::Connected
    }

    /// What was negotiated, once connected.
    #[must_use]
    pub fn info(&self) -> Option<&ConnectionInfo> {
        self.machine.connected().map(|session| &session.info)
    }

    /// The certificate that we have shown to the peer, one of [`Config::certificates`]. `None` when we were not asked
    /// for one, or not yet.
    #[must_use]
    pub const fn local_certificate(&self) -> Option<&Arc<CertifiedKey>> {
        self.handshake.local_certificate.as_ref()
    }

    /// The certificate that the peer has shown, in DER: from the moment that it came. That the peer has its key is
    /// proved by the end of the handshake, that it is the announced one only once connected.
    #[must_use]
    pub fn peer_certificate(&self) -> Option<&[u8]> {
        self.handshake.peer_certificate.as_deref()
    }

    /// Counters.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.handshake.stats
    }

    /// Closes the session: the peer is told so with a close_notify.
    pub fn close(&mut self, now: Instant) {
        self.clock.observe(now);
        self.give_up(CloseReason::Local);
    }

    /// Ends the session at once with a fatal alert to the peer: the application has found something that it cannot
    /// go on with.
    pub fn abort(&mut self, now: Instant, alert: Alert) {
        self.clock.observe(now);
        let told = self.state() != State::New;
        let alerts = [(AlertLevel::Fatal, alert)];
        self.end(CloseReason::Local, if told { &alerts } else { &[] });
    }

    /// Appends one datagram of the handshake, an acknowledgement or an alert to `out` and returns its length.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        let now = self.clock.observe(now);
        if matches!(self.machine, Machine::ClientStart) {
            // The shares are made now: not in `new`, where nobody knows whether they will be needed.
            self.transition(|_, handshake| hello::start(handshake));
            self.start_clock(now);
        }
        let start = out.len();
        if let Err(error) = self.append_datagram(now, out, start) {
            out.truncate(start);
            let spent = error == RecordError::KeyLimit;
            self.end(if spent { CloseReason::KeyLimit } else { CloseReason::Crypto }, &[]);
        }
        let len = out.len().saturating_sub(start);
        if len == 0 {
            return None;
        }
        self.handshake.stats.datagrams_sent += 1;
        Some(len)
    }

    /// What happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let deadlines = [self.handshake.flight.deadline(), self.acks_deadline(), self.handshake_deadline];
        deadlines.into_iter().flatten().min()
    }

    fn append_datagram(&mut self, now: Instant, out: &mut Vec<u8>, start: usize) -> Result<(), RecordError> {
        let Handshake { records, flight, acks, stats, .. } = &mut self.handshake;
        records
            .set_version_open(matches!(&self.machine, Machine::ClientHello(offer) if offer.retry.is_none()));
        // An ACK is never sent in a lower epoch than what it acknowledges (RFC 9147, section 7): we write where we read.
        let epoch = records.write_epoch();
        if acks.is_due() {
            let header_len = records.header_len(epoch);
            let room = self.mtu.saturating_sub(records.overhead(epoch));
            out.resize(start + header_len, 0);
            acks.write(&mut Writer::new(out), room.min(records.max_plaintext(epoch)));
            records.finish(epoch, ContentType::Ack, out, start, header_len)?;
            stats.records_sent += 1;
            self.acks_since = None;
        }
        let end = start.saturating_add(flight.longest_datagram(self.mtu));
        flight.poll_transmit(now, records, stats, out, start..end)?;
        self.farewell.append(now, &mut self.handshake, out)
    }

    /// When to say what came of a flight although the rest is missing: after a quarter of the time in which the peer
    /// sends it again (RFC 9147, section 7.1).
    fn acks_deadline(&self) -> Option<Instant> {
        self.acks_since.map(|since| since + self.handshake.flight.current_rto() / 4)
    }

    /// Whether records have come that nobody can read without the ServerHello, and the server was not told so.
    fn misses_hello(&self) -> bool {
        matches!(self.machine, Machine::ClientHello(_))
            && self.early.has_sealed13()
            && !self.handshake.acks.has_sent_empty()
    }

    /// The handshake has begun: from now on it may take so long.
    fn start_clock(&mut self, now: Instant) {
        if self.handshake_deadline.is_none() && self.machine.is_handshaking() {
            let timeout = self.handshake.config.handshake_timeout;
            self.handshake_deadline = timeout.and_then(|timeout| now.checked_add(timeout));
        }
    }

    fn transition(&mut self, step: impl FnOnce(Machine, &mut Handshake) -> Result<Machine, Failure>) {
        let machine = std::mem::replace(&mut self.machine, Machine::Ended(CloseReason::Crypto));
        match step(machine, &mut self.handshake) {
            Ok(next) => self.machine = next,
            Err(failure) => {
                // `end` has to see a machine that has not ended.
                self.machine = Machine::ClientStart;
                self.fail(failure);
            }
        }
    }

    /// Does what the inputs have made possible.
    fn settle(&mut self, now: Instant) {
        self.take_early(now);
        let was_connected = self.is_connected();
        if !self.is_ended() {
            self.transition(|machine, handshake| machine.verified(handshake));
        }
        if matches!(self.machine, Machine::Complete(_)) && !self.held {
            self.held = true;
            self.events.push(Event::Held);
        }
        // The last flight of DTLS 1.3 has to be acknowledged, too. Whoever says anything at all is there, though.
        let awaited = matches!(self.machine, Machine::Connected(_)) && self.handshake.flight.is_awaited();
        let handshaking =
            self.machine.is_handshaking() || awaited && self.handshake.stats.bytes_received == 0;
        if !handshaking {
            self.handshake_deadline = None;
        }
        if self.is_connected() && !was_connected {
            self.handshake.transcript.restart();
            self.events.push(Event::Connected);
            while let Some(data) = self.early.pop_opened() {
                self.events.push_data(data);
            }
            self.early.clear();
        }
        if let Some(traffic) = self.machine.session_mut().and_then(|session| session.traffic.as_mut())
            && let Err(failure) = traffic.proceed(&mut self.handshake)
        {
            self.fail(failure);
        }
        if self.handshake.records.is_worn_out() {
            self.end(CloseReason::KeyLimit, &[]);
        }
        // A part of a flight came, the rest is late, or a message after the handshake came, and more may follow: say soon
        // what came (RFC 9147, section 7.1).
        let waiting = self.misses_hello() || self.machine.is_dtls13() && self.handshake.acks.has_news();
        if !waiting {
            self.acks_since = None;
        } else if !self.handshake.acks.is_due() {
            self.acks_since.get_or_insert(now);
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("role", &self.handshake.role)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
