//! A peer connection: the composition of all protocols towards one peer.

mod candidates;
mod data;
mod media;
mod negotiation;
mod restart;
mod state;

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::BytesMut;
use drywire_core::{Instant, Monotonic, Path, Rng, Transmit};
use drywire_media::Streams;

pub use self::data::DataChannel;
use self::media::Media;
use crate::demux::Kind;
use crate::transport::{self, Transport};
use crate::{CloseReason, Config, ConnectionState, Event, Stats};

/// Events of data channels and media are taken from their rooms up to this many; the rooms bound the rest.
const MAX_EVENTS: usize = 1024;
/// Events that come with time alone (ICE is lost and comes back) are kept up to this many; older ones are dropped,
/// because the getters are right at any time.
const MAX_WAITING: usize = 4 * MAX_EVENTS;

/// A connection to one peer: data channels and media over one transport.
///
/// It is a machine on a socket. Give it host candidates with [`add_local_candidate`](Self::add_local_candidate), exchange
/// descriptions with the peer, and then only carry datagrams and time. The [contract](drywire_core) of all machines
/// holds: any call, in any order, any number of times.
pub struct PeerConnection {
    config: Arc<Config>,
    clock: Monotonic,
    negotiation: drywire_jsep::Session,
    local: negotiation::Local,
    pub(crate) transport: Transport,
    media: Media,
    data: drywire_datachannel::Transport,
    events: VecDeque<Event>,
    state: ConnectionState,
    closed: Option<CloseReason>,
}

impl PeerConnection {
    /// A connection that has not begun. `seed` must be fresh from the operating system's randomness: all that the peer
    /// must not guess derives from it, apart from keys.
    #[must_use]
    pub fn new(config: Arc<Config>, now: Instant, seed: [u8; 32]) -> Self {
        let mut rng = Rng::new(seed);
        let negotiation = drywire_jsep::Session::new(config.negotiation.clone(), rng.seed());
        Self {
            clock: Monotonic::new(now),
            local: negotiation::Local::new(&config),
            transport: Transport::new(config.clone(), now, rng.seed(), rng.seed()),
            media: Media::new(&config, negotiation.cname(), now, rng.seed()),
            data: drywire_datachannel::Transport::new(config.data.clone(), now, rng.seed()),
            events: VecDeque::new(),
            state: ConnectionState::New,
            closed: None,
            negotiation,
            config,
        }
    }

    /// Takes a datagram that arrived on `path`.
    pub fn handle_input(&mut self, now: Instant, path: Path, datagram: BytesMut) {
        let now = self.clock.observe(now);
        self.transport.stats.datagrams_received += 1;
        self.transport.stats.bytes_received += u64::try_from(datagram.len()).unwrap_or(u64::MAX);
        if self.closed.is_some() {
            return;
        }
        match Kind::of(&datagram) {
            Some(Kind::Stun) => self.transport.handle_stun(now, path, datagram),
            Some(Kind::Dtls) => self.transport.handle_dtls(now, path, datagram),
            Some(Kind::Rtp) => self.handle_rtp(now, path, datagram),
            Some(Kind::Rtcp) => self.handle_rtcp(now, path, datagram),
            None => self.transport.stats.datagrams_unknown += 1,
        }
        self.settle(now);
    }

    /// Lets the time pass.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.clock.observe(now);
        self.transport.handle_timeout(now);
        if self.closed.is_none() {
            self.media.handle_timeout(now);
            if self.is_secured() {
                self.data.handle_timeout(now);
            }
        }
        self.settle(now);
    }

    /// Closes the connection: the peer is told, and consent is given up. What is left to send is one or two datagrams;
    /// poll them.
    pub fn close(&mut self, now: Instant) {
        let now = self.clock.observe(now);
        self.end(now, CloseReason::Local);
        self.settle(now);
    }

    /// The state of the whole connection.
    #[must_use]
    pub const fn connection_state(&self) -> ConnectionState {
        self.state
    }

    /// The path that media and data take; `None` while there is none.
    #[must_use]
    pub fn path(&self) -> Option<Path> {
        self.transport.path()
    }

    /// Whether ICE has validated `path`.
    #[must_use]
    pub fn is_valid_path(&self, path: Path) -> bool {
        self.transport.ice.is_valid_path(path)
    }

    /// ICE, to look at: its candidates, its pairs, why each is in its state, and why one was selected.
    #[must_use]
    pub const fn ice(&self) -> &drywire_ice::Agent {
        &self.transport.ice
    }

    /// The figures of the connection.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats::of(self)
    }

    pub(crate) const fn media(&self) -> &Streams {
        self.media.streams()
    }

    pub(crate) const fn data(&self) -> &drywire_datachannel::Transport {
        &self.data
    }

    pub(crate) const fn rtp_packets_dropped(&self) -> u64 {
        self.media.dropped
    }

    /// Appends the next datagram, or a train of datagrams, to `out`. The order is fixed: ICE, the DTLS handshake, RTCP,
    /// RTP, data channels.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        let now = self.clock.observe(now);
        let transmit = self.poll_children(now, out);
        // What is sent makes room in the channels, and may be the last thing before the end.
        self.settle(now);
        let transmit = transmit?;
        let datagrams = transmit.segment_size.map_or(1, |size| transmit.len.div_ceil(size.max(1)));
        self.transport.stats.datagrams_sent += u64::try_from(datagrams).unwrap_or(u64::MAX);
        self.transport.stats.bytes_sent += u64::try_from(transmit.len).unwrap_or(u64::MAX);
        Some(transmit)
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.events.pop_front().or_else(|| self.media.poll_received());
        if self.events.is_empty() {
            // What did not fit before.
            self.settle_data(self.clock.latest());
            self.settle_media();
        }
        event
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.closed.is_some() {
            return self.transport.poll_timeout();
        }
        let data = if self.is_secured() { self.data.poll_timeout() } else { None };
        let rest = crate::earliest(self.media.poll_timeout(), data);
        crate::earliest(self.transport.poll_timeout(), rest)
    }

    /// Whether [`poll_event`](Self::poll_event) has something to tell.
    pub(crate) fn has_events(&self) -> bool {
        !self.events.is_empty() || self.media.has_received()
    }

    fn poll_children(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        if let Some(transmit) = self.transport.poll_transmit(now, out) {
            return Some(transmit);
        }
        if self.closed.is_some() {
            return None;
        }
        let path = self.transport.path()?;
        if let Some(len) = self.media.poll_transmit(now, &mut self.transport, out) {
            return Some(Transmit::datagram(path, len));
        }
        // Early, the INIT goes out once. How long the client takes is no matter of SCTP's.
        if !self.is_secured() && !std::mem::take(&mut self.local.early_init) {
            return None;
        }
        self.poll_data(now, path, out)
    }

    /// Whether DTLS is connected.
    fn is_secured(&self) -> bool {
        self.transport.dtls().is_some_and(drywire_dtls::Connection::is_connected)
    }

    /// Appends SCTP packets, each in a DTLS record: one, or a train of full-sized ones.
    fn poll_data(&mut self, now: Instant, path: Path, out: &mut Vec<u8>) -> Option<Transmit> {
        let Self { transport, data, config, .. } = self;
        let full = data.mtu() + self.local.record_overhead;
        let mut seal = |out: &mut Vec<u8>| transport.seal(out, |out| data.poll_transmit(now, out));
        let first = seal(out)?;
        let mut transmit = Transmit::datagram(path, first);
        // Only a datagram of the full size is sure not to be followed by a longer one.
        if first < full {
            return Some(transmit);
        }
        for _ in 1..config.max_train {
            let Some(len) = seal(out) else { break };
            transmit.len += len;
            transmit.segment_size = Some(first);
            if len < first {
                break;
            }
        }
        Some(transmit)
    }

    /// Drains what the input made the rooms tell, once, so that events are ready and timers right.
    fn settle(&mut self, now: Instant) {
        while let Some(event) = self.transport.poll_event(now) {
            match event {
                transport::Event::Ice(state) => {
                    if matches!(
                        state,
                        drywire_ice::ConnectionState::Connected | drywire_ice::ConnectionState::Completed
                    ) {
                        self.data.path_changed(now);
                    }
                    self.tell(Event::IceConnectionStateChanged(state));
                }
                transport::Event::PathChanged => self.data.path_changed(now),
                transport::Event::Secured => self.secured(now),
                transport::Event::Data(packet) => self.data.handle_input(now, packet),
                transport::Event::Closed(reason) => self.end(now, CloseReason::Dtls(reason)),
            }
        }
        // Connected is told before what the connection brings.
        self.update_state();
        self.begin_data_early(now);
        self.settle_data(now);
        self.settle_media();
    }

    fn tell(&mut self, event: Event) {
        if self.events.len() >= MAX_WAITING {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// DTLS is connected: data channels begin, with packets that fit into the records.
    fn secured(&mut self, now: Instant) {
        let Some(overhead) = self.transport.dtls().map(drywire_dtls::Connection::record_overhead) else {
            return;
        };
        // SCTP packets are a multiple of four bytes long (RFC 9260, section 3.2).
        let mtu = self.config.max_datagram_size.saturating_sub(overhead) & !3;
        let max_mtu = self.config.max_probed_datagram_size.saturating_sub(overhead) & !3;
        self.local.record_overhead = overhead;
        self.data.set_mtu(now, mtu, max_mtu);
        if self.negotiation.data_section().is_some() {
            self.connect_data(now);
        }
    }

    /// As the server of DTLS 1.3 we can send before the client has finished the handshake (RFC 8446, section 4.4.4). An
    /// INIT chunk says nothing about us; with it the association is up half a round trip sooner.
    fn begin_data_early(&mut self, now: Instant) {
        let may = self.transport.dtls().is_some_and(drywire_dtls::Connection::may_send_early);
        if may && !self.local.began_data && self.negotiation.data_section().is_some() {
            (self.local.began_data, self.local.early_init) = (true, true);
            self.time_data();
            self.data.connect_early(now);
        }
    }

    /// DTLS is connected, and data was negotiated.
    fn connect_data(&mut self, now: Instant) {
        self.time_data();
        self.data.connect(now);
    }

    fn time_data(&mut self) {
        if let Some(rtt) = self.transport.ice.rtt() {
            self.data.set_initial_rtt(rtt);
        }
    }

    /// Ends the connection, once.
    fn end(&mut self, now: Instant, reason: CloseReason) {
        if self.closed.is_none() {
            self.closed = Some(reason);
            self.transport.close(now);
            self.data.abort(now);
            self.settle_data(now);
            self.update_state();
            self.tell(Event::Closed { reason });
        }
    }
}
