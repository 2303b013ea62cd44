use std::sync::Arc;
use std::time::Duration;

use drywire::crypto::Provider;
use drywire::datachannel::{ChannelId, ChannelOptions, MessageKind, OpenError};
use drywire::jsep::DescriptionType;
use drywire::sdp::SessionDescription;
use drywire::{
    CloseReason, Config, ConnectionState, DataChannel, Endpoint, Event, Instant, NegotiationError, PeerId,
};
use drywire_file::{Control, FileName, Outcome, PROTOCOL, Progress, Reason, TransferId};
use drywire_tokio::Application;
use thiserror::Error;
use tokio::sync::oneshot;

use super::folder::Folder;
use super::incoming::{Incoming, Rules};
use super::line::Line;
use super::outgoing::Outgoing;

/// Below this many bytes buffered for sending, the file is read on.
const LOW_THRESHOLD: usize = 256 * 1024;

/// How long the peer may be silent before another connection is tried. A path that is gone for good is lost only when consent
/// expires, half a minute later (RFC 7675, section 5.1).
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a connection did not bring a transfer to its end. Another one may.
#[derive(Debug, Error)]
pub(crate) enum Interruption {
    #[error("no peer connection could be made: {0}")]
    Peer(#[from] drywire::TooManyPeers),
    #[error("no data channel could be made: {0}")]
    Channel(#[from] OpenError),
    #[error("no offer could be made: {0}")]
    Offer(NegotiationError),
    #[error("the answer cannot be used: {0}")]
    Answer(NegotiationError),
    #[error("no way to the server's UDP port was found, or it was lost")]
    NoPath,
    #[error("the connection was closed: {0:?}")]
    Closed(CloseReason),
    #[error("the data channel was closed")]
    ChannelClosed,
}

/// How a transfer ended.
#[derive(Debug)]
pub(crate) enum End {
    /// As the protocol says.
    Over(Outcome),
    /// The server sends back what it is told: it takes no files.
    OnlyEcho,
    /// The server has no such file.
    NotFound,
}

/// What is to be done.
pub(crate) enum Job {
    Send(Outgoing),
    Receive { name: FileName, folder: Folder, rules: Rules, incoming: Incoming },
}

/// The client's end of a transfer, as an application of the driver. It outlives its connections.
pub(crate) struct Courier {
    provider: Arc<dyn Provider>,
    pub(crate) job: Job,
    peer: Option<PeerId>,
    channel: Option<ChannelId>,
    line: Line,
    /// Since when nothing answers.
    silent_since: Option<Instant>,
    /// What is to be said first.
    request: Option<Control>,
    /// How it ended, while the last words are on their way.
    ended: Option<End>,
    finished: Option<oneshot::Sender<Result<End, Interruption>>>,
}

impl Courier {
    pub(crate) fn new(provider: Arc<dyn Provider>, job: Job) -> Self {
        Self {
            provider,
            job,
            peer: None,
            channel: None,
            line: Line::default(),
            silent_since: None,
            request: None,
            ended: None,
            finished: None,
        }
    }

    /// Makes a peer connection and its offer, with all candidates inside; and what tells how it went. The connection before
    /// is closed.
    #[allow(clippy::type_complexity, reason = "an offer, and what comes of it")]
    pub(crate) fn offer(
        &mut self,
        now: Instant,
        endpoint: &mut Endpoint,
        config: Arc<Config>,
    ) -> Result<(SessionDescription, oneshot::Receiver<Result<End, Interruption>>), Interruption> {
        self.disconnected();
        self.hang_up(now, endpoint);
        let id = endpoint.create_peer(now, config)?;
        (self.peer, self.silent_since) = (Some(id), None);
        let Some(mut peer) = endpoint.peer_mut(id) else {
            return Err(Interruption::Closed(CloseReason::Local));
        };
        let options = ChannelOptions { protocol: PROTOCOL.to_owned(), ..ChannelOptions::new("file") };
        self.channel = Some(peer.create_data_channel(now, options)?);
        let offer = peer.create_offer(now).map_err(Interruption::Offer)?;
        peer.set_local_description(now, DescriptionType::Offer, &offer).map_err(Interruption::Offer)?;
        let (finished, end) = oneshot::channel();
        self.finished = Some(finished);
        Ok((offer, end))
    }

    /// Takes the server's answer.
    pub(crate) fn take_answer(
        &mut self,
        now: Instant,
        endpoint: &mut Endpoint,
        answer: &SessionDescription,
    ) -> Result<(), Interruption> {
        let Some(mut peer) = self.peer.and_then(|id| endpoint.peer_mut(id)) else {
            return Err(Interruption::Closed(CloseReason::Local));
        };
        peer.set_remote_description(now, DescriptionType::Answer, answer).map_err(Interruption::Answer)
    }

    /// Gives the connection up if nothing has answered for a while, and the transfer has begun, so that another one may take it
    /// up. To be called now and then.
    pub(crate) fn check(&mut self, now: Instant) {
        let silent = self.silent_since.is_some_and(|since| now.saturating_duration_since(since) >= PATIENCE);
        if silent && self.progress().acknowledged > 0 {
            self.interrupted(Interruption::NoPath);
        }
    }

    /// Closes the connection, after what is still to be said.
    pub(crate) fn hang_up(&mut self, now: Instant, endpoint: &mut Endpoint) {
        if let Some(mut peer) = self.peer.take().and_then(|id| endpoint.peer_mut(id)) {
            peer.close(now);
        }
        self.channel = None;
    }

    /// How far the transfer has come.
    pub(crate) fn progress(&self) -> Progress {
        match &self.job {
            Job::Send(outgoing) => outgoing.sender.progress(),
            Job::Receive { incoming, .. } => incoming.receiver.progress(),
        }
    }

    fn connected(&mut self, channel: &mut DataChannel<'_>) {
        channel.set_buffered_amount_low_threshold(LOW_THRESHOLD);
        match &mut self.job {
            Job::Send(outgoing) => outgoing.sender.connected(channel.max_message_size()),
            Job::Receive { name, .. } => self.request = Some(Control::Get(name.clone())),
        }
    }

    fn disconnected(&mut self) {
        self.line = Line::default();
        match &mut self.job {
            Job::Send(outgoing) => outgoing.sender.disconnected(),
            Job::Receive { incoming, .. } => incoming.receiver.disconnected(),
        }
    }

    fn pump(&mut self, now: Instant, channel: &mut DataChannel<'_>) {
        while let Some(message) = channel.read() {
            match message.kind() {
                MessageKind::Text => {
                    if let Some(Ok(control)) = message.as_text().map(str::parse) {
                        let end = self.handle_control(control);
                        self.ended = self.ended.take().or(end);
                    }
                }
                MessageKind::Binary => {
                    if let Job::Receive { folder, rules, incoming, .. } = &mut self.job {
                        incoming.handle_data(&*self.provider, folder, *rules, message.into_data());
                    }
                }
            }
        }
        let (job, request) = (&mut self.job, &mut self.request);
        self.line.flush(now, channel, || match job {
            Job::Send(outgoing) => outgoing.next(),
            Job::Receive { incoming, .. } => request.take().map(Into::into).or_else(|| incoming.next()),
        });
        let over = match &mut self.job {
            Job::Send(outgoing) => outgoing.outcome(),
            Job::Receive { incoming, .. } => incoming.outcome(),
        };
        // What was written last has to reach the server before the connection is closed.
        self.ended = self.ended.take().or_else(|| over.map(End::Over));
        if self.ended.is_some() {
            self.farewell(channel);
        }
    }

    fn handle_control(&mut self, control: Control) -> Option<End> {
        match (&mut self.job, control) {
            (Job::Send(outgoing), Control::Offer(offer)) if offer.id() == outgoing.sender.offer().id() => {
                // A server that keeps files offers them back when they are done; nobody wants it here.
                if outgoing.sender.outcome().is_some() {
                    return None;
                }
                outgoing.sender.abandon(Reason::Cancelled);
                Some(End::OnlyEcho)
            }
            (Job::Send(outgoing), control) => {
                outgoing.sender.handle_control(&control);
                None
            }
            (Job::Receive { .. }, Control::Get(_)) => Some(End::OnlyEcho),
            (Job::Receive { .. }, Control::Abandon { id: TransferId(id), reason: Reason::NotFound })
                if id == [0; 16] =>
            {
                Some(End::NotFound)
            }
            (Job::Receive { folder, rules, incoming, .. }, control) => {
                incoming.handle_control(&*self.provider, folder, *rules, control);
                None
            }
        }
    }

    /// Waits until the server has heard the last words before the connection is closed.
    fn farewell(&mut self, channel: &mut DataChannel<'_>) {
        if channel.buffered_amount() > 0 {
            return channel.set_buffered_amount_low_threshold(0);
        }
        if let Some(end) = self.ended.take() {
            self.finish(Ok(end));
        }
    }

    fn finish(&mut self, result: Result<End, Interruption>) {
        if let Some(finished) = self.finished.take() {
            // Whoever waited may have run out of time.
            let _ = finished.send(result);
        }
    }

    /// This connection will bring nothing more.
    fn interrupted(&mut self, why: Interruption) {
        self.disconnected();
        (self.channel, self.silent_since) = (None, None);
        let result = self.ended.take().ok_or(why);
        self.finish(result);
    }
}

impl Application for Courier {
    fn handle_event(&mut self, now: Instant, endpoint: &mut Endpoint, id: PeerId, event: Event) {
        if Some(id) != self.peer {
            if matches!(event, Event::Closed { .. }) {
                endpoint.remove(id);
            }
            return;
        }
        match event {
            Event::ConnectionStateChanged(ConnectionState::Failed) => self.interrupted(Interruption::NoPath),
            Event::ConnectionStateChanged(ConnectionState::Disconnected) => {
                self.silent_since.get_or_insert(now);
            }
            Event::ConnectionStateChanged(_) => self.silent_since = None,
            Event::Closed { reason } => self.interrupted(Interruption::Closed(reason)),
            Event::DataChannelClosed(channel) if Some(channel) == self.channel => {
                self.interrupted(Interruption::ChannelClosed);
            }
            Event::DataChannelOpened(channel)
            | Event::DataChannelReadable(channel)
            | Event::DataChannelBufferedAmountLow(channel)
                if Some(channel) == self.channel =>
            {
                let Some(mut peer) = endpoint.peer_mut(id) else { return };
                let Some(mut channel) = peer.channel(channel) else { return };
                if matches!(event, Event::DataChannelOpened(_)) {
                    self.connected(&mut channel);
                }
                self.pump(now, &mut channel);
            }
            _ => {}
        }
    }
}
