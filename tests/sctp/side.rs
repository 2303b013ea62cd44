//! Either implementation behind one face: what an application writes, reads and hears of.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::{Bytes, BytesMut};
use dcsctp::api::{DcSctpSocket, Message, PpId, SendError, SocketEvent, SocketTime};
use drywire_core::Instant;
use drywire_sctp::{Association, Event, Ppid, SendOptions, StreamId};
use drywire_sim::Pipe;

const PPID: u32 = 53;

/// What a side has heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum News {
    Connected,
    Restarted,
    /// The association is over, in good order or not.
    Closed,
    Aborted,
    OutgoingReset(Vec<u16>),
    ResetFailed(Vec<u16>),
    IncomingReset(Vec<u16>),
    /// Of streams on which nothing has come since they were reset: the same reset, told once more.
    IncomingResetAgain(Vec<u16>),
}

pub(crate) enum Engine {
    Ours(Box<Association>),
    Theirs { socket: Box<dyn DcSctpSocket>, start: Instant, sending: VecDeque<Vec<u8>> },
}

/// A message to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) stream: u16,
    pub(crate) data: Bytes,
    pub(crate) options: SendOptions,
}

/// One side and its application.
pub(crate) struct Side {
    pub(crate) engine: Engine,
    /// What waits for room.
    outbox: VecDeque<Letter>,
    /// What was received, by stream.
    pub(crate) inbox: BTreeMap<u16, Vec<Bytes>>,
    pub(crate) news: Vec<News>,
    /// The streams on which something has come since they were reset.
    came: BTreeSet<u16>,
    reading: bool,
    unread: BTreeSet<u16>,
    now: Instant,
}

impl Side {
    pub(crate) fn ours(association: Association, now: Instant) -> Self {
        Self::new(Engine::Ours(Box::new(association)), now)
    }

    pub(crate) fn theirs(socket: Box<dyn DcSctpSocket>, now: Instant) -> Self {
        Self::new(Engine::Theirs { socket, start: now, sending: VecDeque::new() }, now)
    }

    fn new(engine: Engine, now: Instant) -> Self {
        Self {
            engine,
            outbox: VecDeque::new(),
            inbox: BTreeMap::new(),
            news: Vec::new(),
            came: BTreeSet::new(),
            reading: true,
            unread: BTreeSet::new(),
            now,
        }
    }

    /// Tells the time to the side that cannot be told with each call.
    pub(crate) fn at(&mut self, now: Instant) -> &mut Self {
        self.now = now;
        if let Engine::Theirs { socket, start, .. } = &mut self.engine {
            socket.advance_time(SocketTime::zero() + now.saturating_duration_since(*start));
        }
        self
    }

    pub(crate) fn connect(&mut self) {
        match &mut self.engine {
            Engine::Ours(association) => association.connect(self.now),
            Engine::Theirs { socket, .. } => socket.connect(),
        }
    }

    /// Sends a message as soon as there is room for it.
    pub(crate) fn send(&mut self, letter: Letter) {
        self.outbox.push_back(letter);
        self.send_waiting();
    }

    fn send_waiting(&mut self) {
        while let Some(letter) = self.outbox.front() {
            let sent = match &mut self.engine {
                Engine::Ours(association) => {
                    let (stream, data) = (StreamId(letter.stream), letter.data.clone());
                    match association.write(self.now, stream, Ppid(PPID), data, letter.options) {
                        Ok(()) => true,
                        Err(drywire_sctp::SendError::Full | drywire_sctp::SendError::StreamResetting) => {
                            false
                        }
                        Err(error) => panic!("a message was refused: {error}; {}", self.report()),
                    }
                }
                Engine::Theirs { socket, .. } => {
                    let stream = dcsctp::api::StreamId(letter.stream);
                    let message = Message::new(stream, PpId(PPID), letter.data.to_vec());
                    let options = dcsctp::api::SendOptions {
                        unordered: !letter.options.ordered,
                        lifetime: letter.options.lifetime,
                        max_retransmissions: letter
                            .options
                            .max_retransmits
                            .map(|count| count.try_into().expect("few retransmissions")),
                        lifecycle_id: None,
                    };
                    match socket.send(message, &options) {
                        Ok(()) => true,
                        Err(SendError::ResourceExhaustion) => false,
                        Err(error) => panic!("a message was refused: {error}"),
                    }
                }
            };
            if !sent {
                return;
            }
            self.outbox.pop_front();
        }
    }

    /// What there is to say when something goes wrong.
    pub(crate) fn report(&self) -> String {
        let came: usize = self.inbox.values().map(Vec::len).sum();
        let engine = match &self.engine {
            Engine::Ours(association) => format!("{:?} {:?}", association.state(), association.stats()),
            Engine::Theirs { socket, .. } => format!("{:?}", socket.state()),
        };
        format!("{} waiting, {came} came, {:?}, {engine}", self.outbox.len(), self.news)
    }

    /// Whether all that was to be sent was taken.
    pub(crate) fn has_sent(&self) -> bool {
        self.outbox.is_empty()
    }

    pub(crate) fn reset(&mut self, streams: &[u16]) {
        match &mut self.engine {
            Engine::Ours(association) => {
                let streams: Vec<_> = streams.iter().copied().map(StreamId).collect();
                association.reset_streams(self.now, &streams);
            }
            Engine::Theirs { socket, .. } => {
                let streams: Vec<_> = streams.iter().copied().map(dcsctp::api::StreamId).collect();
                socket.reset_streams(&streams).expect("an association that resets streams");
            }
        }
    }

    pub(crate) fn shutdown(&mut self) {
        match &mut self.engine {
            Engine::Ours(association) => association.shutdown(self.now),
            Engine::Theirs { socket, .. } => socket.shutdown(),
        }
    }

    pub(crate) fn abort(&mut self) {
        match &mut self.engine {
            Engine::Ours(association) => association.abort(self.now),
            Engine::Theirs { socket, .. } => socket.close(),
        }
    }

    /// Whether messages are read as they come.
    pub(crate) fn set_reading(&mut self, reading: bool) {
        self.reading = reading;
        self.read();
    }

    fn read(&mut self) {
        if !self.reading {
            return;
        }
        match &mut self.engine {
            Engine::Ours(association) => {
                for stream in std::mem::take(&mut self.unread) {
                    while let Some(message) = association.read(StreamId(stream)) {
                        assert_eq!((message.stream, message.ppid), (StreamId(stream), Ppid(PPID)));
                        self.came.insert(stream);
                        self.inbox.entry(stream).or_default().push(message.data);
                    }
                }
            }
            Engine::Theirs { socket, .. } => {
                while let Some(message) = socket.get_next_message() {
                    assert_eq!(message.ppid, PpId(PPID));
                    self.came.insert(message.stream_id.0);
                    self.inbox.entry(message.stream_id.0).or_default().push(message.payload.into());
                }
            }
        }
    }

    fn take_events(&mut self) {
        match &mut self.engine {
            Engine::Ours(association) => {
                let numbers = |streams: Vec<StreamId>| streams.into_iter().map(|stream| stream.0).collect();
                while let Some(event) = association.poll_event() {
                    self.news.push(match event {
                        Event::Connected => News::Connected,
                        Event::Restarted => News::Restarted,
                        Event::Closed { reason: drywire_sctp::CloseReason::Shutdown } => News::Closed,
                        Event::Closed { reason } => {
                            println!("closed: {reason:?}");
                            News::Aborted
                        }
                        Event::OutgoingStreamsReset(streams) => News::OutgoingReset(numbers(streams)),
                        Event::IncomingStreamsReset(streams) => News::IncomingReset(numbers(streams)),
                        Event::StreamResetFailed(streams) => News::ResetFailed(numbers(streams)),
                        Event::Readable(stream) => {
                            self.unread.insert(stream.0);
                            continue;
                        }
                        Event::BufferedAmountLow(_) => continue,
                        event => panic!("{event:?}"),
                    });
                }
            }
            Engine::Theirs { socket, sending, .. } => {
                let numbers = |streams: Vec<dcsctp::api::StreamId>| {
                    streams.into_iter().map(|stream| stream.0).collect()
                };
                while let Some(event) = socket.poll_event() {
                    self.news.push(match event {
                        SocketEvent::SendPacket(packet) => {
                            sending.push_back(packet);
                            continue;
                        }
                        SocketEvent::OnConnected() => News::Connected,
                        SocketEvent::OnConnectionRestarted() => News::Restarted,
                        SocketEvent::OnClosed() => News::Closed,
                        SocketEvent::OnAborted(kind, text) => {
                            println!("aborted: {kind:?} {text}");
                            News::Aborted
                        }
                        SocketEvent::OnStreamsResetPerformed(streams) => {
                            News::OutgoingReset(numbers(streams))
                        }
                        SocketEvent::OnIncomingStreamReset(streams) => {
                            let streams: Vec<u16> = numbers(streams);
                            let before = self.came.len();
                            self.came.retain(|stream| !streams.contains(stream));
                            if self.came.len() == before {
                                News::IncomingResetAgain(streams)
                            } else {
                                News::IncomingReset(streams)
                            }
                        }
                        SocketEvent::OnStreamsResetFailed(streams) => News::ResetFailed(numbers(streams)),
                        SocketEvent::OnError(kind, text) => {
                            println!("{kind:?}: {text}");
                            continue;
                        }
                        _ => continue,
                    });
                }
            }
        }
    }
}

impl Pipe for Side {
    fn handle_input(&mut self, now: Instant, packet: BytesMut) {
        match &mut self.at(now).engine {
            Engine::Ours(association) => association.handle_input(now, packet.freeze()),
            Engine::Theirs { socket, .. } => socket.handle_input(&packet),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if let Engine::Ours(association) = &mut self.at(now).engine {
            association.handle_timeout(now);
        }
    }

    fn react(&mut self, now: Instant) {
        // What has come is read before a reset is heard of, as it came before that.
        self.at(now).read();
        self.take_events();
        self.read();
        self.send_waiting();
        self.take_events();
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        match &mut self.engine {
            Engine::Ours(association) => association.poll_transmit(now, out),
            Engine::Theirs { sending, .. } => {
                let packet = sending.pop_front()?;
                out.extend_from_slice(&packet);
                Some(packet.len())
            }
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match &self.engine {
            Engine::Ours(association) => association.poll_timeout(),
            Engine::Theirs { socket, start, .. } => {
                let at = socket.poll_timeout();
                (at != SocketTime::infinite_future()).then(|| *start + (at - SocketTime::zero()))
            }
        }
    }
}
