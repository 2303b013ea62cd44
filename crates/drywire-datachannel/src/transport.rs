use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;
use drywire_core::{Duration, Instant, Monotonic};
use drywire_sctp::{Association, State};

use crate::ids::Streams;
use crate::stray::Strays;
use crate::table::Channels;
use crate::{Channel, ChannelId, Config, Event, Role, Stats};

/// The data channels of one connection, and the association that carries them.
///
/// A machine on a pipe: its packets are the plaintext of DTLS records. See `drywire-core` for the contract.
#[derive(Debug)]
pub struct Transport {
    pub(crate) config: Config,
    pub(crate) clock: Monotonic,
    pub(crate) association: Association,
    pub(crate) role: Option<Role>,
    /// The peer's INIT chunk, if it was told.
    pub(crate) remote_init: Option<Vec<u8>>,
    /// The largest message that the peer takes.
    pub(crate) remote_limit: usize,
    pub(crate) phase: Phase,
    pub(crate) channels: Channels,
    pub(crate) streams: Streams<StreamUse>,
    /// Channels of ours without a stream, in the order in which they were opened.
    pub(crate) unassigned: VecDeque<ChannelId>,
    /// Channels with something in their outbox and a stream.
    pub(crate) unflushed: BTreeSet<ChannelId>,
    /// Channels whose writer waits for room.
    pub(crate) blocked: BTreeSet<ChannelId>,
    /// Streams to be reset.
    pub(crate) resets: Vec<u16>,
    pub(crate) strays: Strays,
    /// Bytes of labels and protocols of the peer's channels.
    pub(crate) announced_text: usize,
    /// Bytes of messages of which parts came.
    pub(crate) partial_bytes: usize,
    /// Bytes of messages that are held for closed channels.
    pub(crate) held_bytes: usize,
    /// Closed channels whose event was polled, the oldest first.
    pub(crate) told: VecDeque<ChannelId>,
    pub(crate) events: VecDeque<Event>,
    pub(crate) stats: Stats,
}

/// How far the association has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    New,
    Connected,
    Ended,
}

/// What a stream is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamUse {
    Channel(ChannelId),
    /// For nothing, and being reset: the peer opened what could not be taken, or reset what nobody used.
    Refused(Refused),
}

/// How far a stream has come that is being reset for nobody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) outgoing_reset: bool,
    pub(crate) incoming_reset: bool,
    /// As for a channel that is [closing](crate::channel::Closing).
    pub(crate) reset_again: bool,
}

/// The largest message that a peer takes that did not say it (RFC 8841, section 6.1).
const DEFAULT_MAX_MESSAGE_SIZE: usize = 65_536;

impl Transport {
    /// A transport without channels. It sends nothing before [`connect`](Self::connect).
    #[must_use]
    pub fn new(config: Config, now: Instant, seed: [u8; 32]) -> Self {
        let mut sctp = config.sctp.clone();
        sctp.unread_limit = config.max_unread;
        let association = Association::new(sctp, now, seed);
        Self {
            config,
            clock: Monotonic::new(now),
            association,
            role: None,
            remote_init: None,
            remote_limit: DEFAULT_MAX_MESSAGE_SIZE,
            phase: Phase::New,
            channels: Channels::default(),
            streams: Streams::new(),
            unassigned: VecDeque::new(),
            unflushed: BTreeSet::new(),
            blocked: BTreeSet::new(),
            resets: Vec::new(),
            strays: Strays::default(),
            announced_text: 0,
            partial_bytes: 0,
            held_bytes: 0,
            told: VecDeque::new(),
            events: VecDeque::new(),
            stats: Stats::default(),
        }
    }

    /// Takes one SCTP packet: the plaintext of one DTLS record.
    pub fn handle_input(&mut self, now: Instant, packet: Bytes) {
        let now = self.clock.observe(now);
        self.association.handle_input(now, packet);
        self.settle(now);
    }

    /// Tells that the time of [`poll_timeout`](Self::poll_timeout) has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.clock.observe(now);
        self.association.handle_timeout(now);
        self.settle(now);
    }

    /// Tells which role this side has in DTLS: channels get their streams now. The first call counts.
    pub fn set_role(&mut self, now: Instant, role: Role) {
        let now = self.clock.observe(now);
        if self.role.is_none() {
            self.role = Some(role);
            self.assign_streams();
            self.flush_all(now);
            self.settle(now);
        }
    }

    /// Tells what the peer's description says: the largest message that it takes (`a=max-message-size`, 0 for no
    /// limit, 65536 when it says nothing), and its SCTP port (`a=sctp-port`).
    pub fn set_remote(&mut self, now: Instant, max_message_size: usize, sctp_port: u16) {
        self.clock.observe(now);
        self.remote_limit = if max_message_size == 0 { usize::MAX } else { max_message_size };
        if self.phase == Phase::New {
            self.association.set_ports(self.config.sctp.local_port, sctp_port);
        }
    }

    /// The largest message that can be sent, in bytes: what the peer takes ([`set_remote`](Self::set_remote)), and what
    /// the association takes ([`max_outgoing_message_size`](drywire_sctp::Config::max_outgoing_message_size)).
    #[must_use]
    pub fn max_message_size(&self) -> usize {
        self.remote_limit.min(self.config.sctp.max_outgoing_message_size)
    }

    /// Sets the size of the largest packet, in bytes of an SCTP packet: what fits into one DTLS record.
    /// Larger ones up to `max_mtu` are looked for (RFC 8899).
    pub fn set_mtu(&mut self, now: Instant, mtu: usize, max_mtu: usize) {
        let now = self.clock.observe(now);
        self.association.set_mtu(now, mtu, max_mtu);
    }

    /// The size of the largest packet now, in bytes of an SCTP packet.
    #[must_use]
    pub const fn mtu(&self) -> usize {
        self.association.mtu()
    }

    /// Tells the round-trip time of the path, as ICE measured it, before [`connect`](Self::connect): what is lost at the
    /// beginning is sent again the sooner.
    pub fn set_initial_rtt(&mut self, rtt: Duration) {
        self.association.set_initial_rtt(rtt);
    }

    /// Packets take another path from now on, or the path is back: what got lost on the old one is sent again at once.
    pub fn path_changed(&mut self, now: Instant) {
        let now = self.clock.observe(now);
        self.association.path_changed(now);
    }

    /// The INIT chunk of the association, for a peer that is to know it beforehand (draft-hancke-tsvwg-snap-00).
    #[must_use]
    pub fn local_init(&self) -> Vec<u8> {
        self.association.local_init()
    }

    /// Tells the INIT chunk of the peer, who was told [ours](Self::local_init): [`connect`](Self::connect) begins without a
    /// handshake. If it is not one, there is a handshake.
    pub fn set_remote_init(&mut self, chunk: Vec<u8>) {
        self.remote_init = Some(chunk);
    }

    /// Begins the association: DTLS is connected. Both sides do it; further calls change nothing.
    pub fn connect(&mut self, now: Instant) {
        let now = self.clock.observe(now);
        if let Some(init) = self.remote_init.take()
            && let Err(error) = self.association.connect_with(now, &init)
        {
            tracing::debug!(%error, "the peer's INIT that was told cannot be used");
        }
        self.association.connect(now);
        self.settle(now);
    }

    /// Begins the association before DTLS has shown who the peer is: all that goes out until [`connect`](Self::connect) is
    /// called, as long as nothing is taken in, is an INIT chunk, which says nothing that matters. With a peer whose INIT
    /// chunk was told it does nothing: such an association could send messages.
    pub fn connect_early(&mut self, now: Instant) {
        let now = self.clock.observe(now);
        if self.remote_init.is_none() {
            self.association.connect(now);
            self.settle(now);
        }
    }

    /// Whether channels are open: the association is up, or messages can go along with its COOKIE ECHO.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.phase == Phase::Connected
    }

    /// A channel; `None` when there is none with this name any more.
    #[must_use]
    pub fn channel(&self, id: ChannelId) -> Option<&Channel> {
        self.channels.get(id)
    }

    /// All channels, those included that are closed and not forgotten.
    pub fn channels(&self) -> impl Iterator<Item = (ChannelId, &Channel)> {
        self.channels.iter()
    }

    /// What was done, and what could not be used.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The association, to look at.
    #[must_use]
    pub const fn association(&self) -> &Association {
        &self.association
    }

    /// Appends one SCTP packet, to be sent in one DTLS record; returns its length.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        let now = self.clock.observe(now);
        let len = self.association.poll_transmit(now, out);
        self.settle(now);
        len
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        match &event {
            Event::Readable(id) => {
                if let Some(channel) = self.channels.get_mut(*id) {
                    channel.queued.readable = false;
                }
            }
            Event::BufferedAmountLow(id) => {
                if let Some(channel) = self.channels.get_mut(*id) {
                    channel.queued.low = false;
                }
            }
            Event::Closed(id) => self.told_closed(*id),
            _ => {}
        }
        Some(event)
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.association.poll_timeout()
    }

    /// Takes in what the association has to say.
    pub(crate) fn settle(&mut self, now: Instant) {
        loop {
            while let Some(event) = self.association.poll_event() {
                self.take_event(now, event);
            }
            // RFC 9260, section 5.1.C: data may go along with COOKIE ECHO, a round trip before COOKIE ACK comes.
            if self.phase == Phase::New && self.association.state() == State::CookieEchoed {
                self.begin(now);
            }
            if self.resets.is_empty() {
                return;
            }
            self.ask_resets(now);
        }
    }

    fn take_event(&mut self, now: Instant, event: drywire_sctp::Event) {
        use drywire_sctp::Event as Sctp;
        match event {
            Sctp::Connected => self.begin(now),
            Sctp::Restarted => self.restart(),
            Sctp::Closed { reason } => {
                if self.end() {
                    self.events.push_back(Event::Failed { reason });
                }
            }
            Sctp::Readable(stream) => self.take_in(now, stream.0),
            Sctp::BufferedAmountLow(stream) => self.amount_fell(now, stream.0),
            Sctp::UnreadLimit(stream) => self.too_much_unread(now, stream.0),
            Sctp::MessageTooLarge(stream) => self.message_too_large(now, stream.0),
            Sctp::OutgoingStreamsReset(streams) => {
                for stream in streams {
                    self.outgoing_reset(now, stream.0);
                }
            }
            Sctp::StreamResetFailed(streams) => {
                for stream in streams {
                    self.reset_failed(stream.0);
                }
            }
            // RFC 6525, section 4.1: an empty list stands for all streams.
            Sctp::IncomingStreamsReset(streams) if streams.is_empty() => {
                self.strays.clear();
                for stream in self.streams.used() {
                    self.incoming_reset(now, stream);
                }
            }
            Sctp::IncomingStreamsReset(streams) => {
                for stream in streams {
                    self.incoming_reset(now, stream.0);
                }
            }
            other => tracing::trace!(event = ?other, "association"),
        }
    }
}
