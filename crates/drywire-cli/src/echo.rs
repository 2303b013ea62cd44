//! The echo: whatever a peer connection receives goes back where it came from. Files are kept on the way, if they are to be.

mod splice;
mod token;

use std::collections::HashMap;
use std::sync::Arc;

use drywire::crypto::RandomError;
use drywire::datachannel::{ChannelId, Message, SendError};
use drywire::jsep::{DescriptionType, Direction, Transceiver, TransceiverError, TransceiverId};
use drywire::sdp::SessionDescription;
use drywire::{
    Config, ConnectionState, Endpoint, Event, Instant, NegotiationError, PeerConnection, PeerId, PeerMut,
    TooManyPeers,
};
use drywire_file::PROTOCOL;
use drywire_tokio::Application;
use thiserror::Error;

use self::splice::Splice;
pub(crate) use self::token::Token;
use crate::files::{FileChannel, Uploads};

/// Below this many bytes buffered for sending, a channel that was full is read on.
const LOW_THRESHOLD: usize = 256 * 1024;

#[derive(Debug, Error)]
pub(crate) enum AnswerError {
    #[error(transparent)]
    Full(#[from] TooManyPeers),
    #[error("the offer cannot be answered: {0}")]
    Refused(#[from] NegotiationError),
    #[error("the offer cannot be answered: {0}")]
    Transceiver(#[from] TransceiverError),
    #[error("there is no such session, or no more")]
    NoSession,
    #[error("the system gives no randomness: {0}")]
    Random(#[from] RandomError),
}

/// The echo application of an endpoint.
pub(crate) struct Echo {
    config: Arc<Config>,
    sessions: HashMap<PeerId, Session>,
    /// By what their peers know.
    tokens: HashMap<Token, PeerId>,
    /// What is done with files; without it they are messages like others.
    uploads: Option<Uploads>,
    /// How many sessions there were so far.
    total: u64,
}

/// One peer connection, as the echo sees it.
pub(crate) struct Session {
    /// Counts up from 1.
    pub(crate) number: u64,
    /// Whoever knows it may renegotiate.
    token: Token,
    /// Our ICE user name fragment, which the browser knows, too.
    pub(crate) ufrag: String,
    pub(crate) started: Instant,
    pub(crate) connected: Option<Instant>,
    channels: HashMap<ChannelId, Use>,
    /// The streams that go back.
    splices: HashMap<TransceiverId, Splice>,
    pub(crate) messages_echoed: u64,
    pub(crate) bytes_echoed: u64,
    pub(crate) packets_echoed: u64,
    pub(crate) keyframes_requested: u64,
}

/// What an open channel is used for.
enum Use {
    /// Its messages go back. At most one was read and does not fit into the send buffer: while it waits, nothing more is read,
    /// so that SCTP's window closes and the peer has to wait, too.
    Echo(Option<Message>),
    File(Box<FileChannel>),
}

impl Echo {
    pub(crate) fn new(config: Arc<Config>, uploads: Option<Uploads>) -> Self {
        Self { config, sessions: HashMap::new(), tokens: HashMap::new(), uploads, total: 0 }
    }

    /// Takes an offer: makes a peer connection for it, and the answer with all candidates inside.
    pub(crate) fn answer(
        &mut self,
        now: Instant,
        endpoint: &mut Endpoint,
        offer: &SessionDescription,
    ) -> Result<(Token, SessionDescription), AnswerError> {
        let token = Token::random(&*self.config.provider)?;
        let id = endpoint.create_peer(now, self.config.clone())?;
        let result = match endpoint.peer_mut(id) {
            Some(mut peer) => negotiate(now, &mut peer, offer),
            None => Err(NegotiationError::Closed.into()),
        };
        match &result {
            Ok(answer) => {
                self.total += 1;
                self.tokens.insert(token.clone(), id);
                self.sessions.insert(id, Session::new(self.total, token.clone(), now, ufrag(answer)));
                tracing::info!(session = self.total, "offer answered");
            }
            Err(_) => {
                endpoint.remove(id);
            }
        }
        result.map(|answer| (token, answer))
    }

    /// Takes another offer of a session: more media, or an ICE restart.
    pub(crate) fn renegotiate(
        &mut self,
        now: Instant,
        endpoint: &mut Endpoint,
        token: &Token,
        offer: &SessionDescription,
    ) -> Result<SessionDescription, AnswerError> {
        let (session, mut peer) = self.find(endpoint, token)?;
        let answer = negotiate(now, &mut peer, offer)?;
        session.ufrag = ufrag(&answer);
        Ok(answer)
    }

    /// Begins an ICE restart of a session: the offer for its peer.
    pub(crate) fn restart(
        &mut self,
        now: Instant,
        endpoint: &mut Endpoint,
        token: &Token,
    ) -> Result<SessionDescription, AnswerError> {
        let (session, mut peer) = self.find(endpoint, token)?;
        peer.restart_ice(now);
        let offer = peer.create_offer(now)?;
        peer.set_local_description(now, DescriptionType::Offer, &offer)?;
        session.ufrag = ufrag(&offer);
        Ok(offer)
    }

    /// Takes the answer to an offer of ours.
    pub(crate) fn accept(
        &mut self,
        now: Instant,
        endpoint: &mut Endpoint,
        token: &Token,
        answer: &SessionDescription,
    ) -> Result<(), AnswerError> {
        let (_, mut peer) = self.find(endpoint, token)?;
        Ok(peer.set_remote_description(now, DescriptionType::Answer, answer)?)
    }

    fn find<'a>(
        &'a mut self,
        endpoint: &'a mut Endpoint,
        token: &Token,
    ) -> Result<(&'a mut Session, PeerMut<'a>), AnswerError> {
        let id = self.tokens.get(token).ok_or(AnswerError::NoSession)?;
        let session = self.sessions.get_mut(id).ok_or(AnswerError::NoSession)?;
        Ok((session, endpoint.peer_mut(*id).ok_or(AnswerError::NoSession)?))
    }

    /// The sessions, in no particular order.
    pub(crate) fn sessions(&self) -> impl Iterator<Item = (PeerId, &Session)> {
        self.sessions.iter().map(|(id, session)| (*id, session))
    }

    /// How many sessions there were so far, open ones included.
    pub(crate) const fn total(&self) -> u64 {
        self.total
    }

    fn free(&mut self, now: Instant, endpoint: &mut Endpoint, id: PeerId) {
        if let Some(mut session) = self.sessions.remove(&id) {
            self.tokens.remove(&session.token);
            if let Some(uploads) = &mut self.uploads {
                session.close_files(uploads);
            }
            let lasted = now.saturating_duration_since(session.started);
            tracing::info!(session = session.number, ?lasted, "session over");
        }
        endpoint.remove(id);
    }
}

impl Application for Echo {
    fn handle_event(&mut self, now: Instant, endpoint: &mut Endpoint, id: PeerId, event: Event) {
        match event {
            // Nobody restarts ICE here, so that a failed connection stays one.
            Event::Closed { .. } | Event::ConnectionStateChanged(ConnectionState::Failed) => {
                self.free(now, endpoint, id);
            }
            event => {
                if let (Some(session), Some(mut peer)) = (self.sessions.get_mut(&id), endpoint.peer_mut(id)) {
                    session.handle_event(now, &mut peer, event, self.uploads.as_mut());
                }
            }
        }
    }
}

fn negotiate(
    now: Instant,
    peer: &mut PeerConnection,
    offer: &SessionDescription,
) -> Result<SessionDescription, AnswerError> {
    peer.set_remote_description(now, DescriptionType::Offer, offer)?;
    // Without this the answer to what the browser sends would be "receive only".
    let transceivers: Vec<_> = peer.transceivers().map(Transceiver::id).collect();
    for id in transceivers {
        peer.set_direction(id, Direction::SendRecv)?;
    }
    let answer = peer.create_answer(now)?;
    peer.set_local_description(now, DescriptionType::Answer, &answer)?;
    Ok(answer)
}

/// The ICE user name fragment of a description.
fn ufrag(description: &SessionDescription) -> String {
    let text = description.to_string();
    let mut fragments = text.lines().filter_map(|line| line.strip_prefix("a=ice-ufrag:"));
    fragments.next().unwrap_or_default().to_owned()
}

impl Session {
    fn new(number: u64, token: Token, started: Instant, ufrag: String) -> Self {
        Self {
            number,
            token,
            ufrag,
            started,
            connected: None,
            channels: HashMap::new(),
            splices: HashMap::new(),
            messages_echoed: 0,
            bytes_echoed: 0,
            packets_echoed: 0,
            keyframes_requested: 0,
        }
    }

    /// How many data channels are open.
    pub(crate) fn open_channels(&self) -> usize {
        self.channels.len()
    }

    fn handle_event(
        &mut self,
        now: Instant,
        peer: &mut PeerConnection,
        event: Event,
        uploads: Option<&mut Uploads>,
    ) {
        match event {
            Event::ConnectionStateChanged(ConnectionState::Connected) => {
                self.connected.get_or_insert(now);
            }
            Event::RtpReceived { transceiver, ssrc, mut packet } => {
                let splice = self.splices.entry(transceiver).or_insert_with(|| Splice::new(ssrc, &packet));
                splice.apply(ssrc, &mut packet);
                // Packets that do not fit are lost, as on any network.
                match peer.write_rtp(now, transceiver, packet) {
                    Ok(()) => self.packets_echoed += 1,
                    Err(error) => tracing::debug!(session = self.number, %error, "a packet was not echoed"),
                }
            }
            // The keyframe has to come from whoever really encodes: the peer itself.
            Event::KeyframeRequested { transceiver, request } => {
                self.keyframes_requested += 1;
                if let Err(error) = peer.request_keyframe(now, transceiver, request) {
                    tracing::debug!(session = self.number, %error, "a keyframe request was not handed on");
                }
            }
            Event::DataChannelAnnounced(id) | Event::DataChannelOpened(id) => {
                if let Some(mut channel) = peer.channel(id) {
                    channel.set_buffered_amount_low_threshold(LOW_THRESHOLD);
                    let is_file = channel.info().is_some_and(|info| info.protocol() == PROTOCOL);
                    let used = if is_file && uploads.is_some() {
                        Use::File(Box::default())
                    } else {
                        Use::Echo(None)
                    };
                    self.channels.insert(id, used);
                }
                self.pump(now, peer, id, uploads);
            }
            Event::DataChannelReadable(id) => self.pump(now, peer, id, uploads),
            Event::DataChannelBufferedAmountLow(id) => {
                self.pump(now, peer, id, uploads);
                // The buffer may be the one that all channels share, so that each that waits is tried.
                let waiting: Vec<_> = self
                    .channels
                    .iter()
                    .filter(|(_, used)| matches!(used, Use::Echo(Some(_))))
                    .map(|(id, _)| *id)
                    .collect();
                for id in waiting {
                    self.pump(now, peer, id, None);
                }
            }
            Event::DataChannelClosed(id) => {
                if let (Some(Use::File(mut file)), Some(uploads)) = (self.channels.remove(&id), uploads) {
                    file.closed((self.number, id), uploads);
                }
            }
            _ => {}
        }
    }

    fn pump(
        &mut self,
        now: Instant,
        peer: &mut PeerConnection,
        id: ChannelId,
        uploads: Option<&mut Uploads>,
    ) {
        let (Some(used), Some(mut channel)) = (self.channels.get_mut(&id), peer.channel(id)) else { return };
        match used {
            Use::Echo(_) => self.echo(now, peer, id),
            Use::File(file) => {
                if let Some(uploads) = uploads {
                    file.pump(now, &mut channel, (self.number, id), uploads);
                }
            }
        }
    }

    /// Sends back what can be read from a channel, until there is no more of it or no more room.
    fn echo(&mut self, now: Instant, peer: &mut PeerConnection, id: ChannelId) {
        let Some(Use::Echo(held)) = self.channels.get_mut(&id) else { return };
        let Some(mut channel) = peer.channel(id) else { return };
        while let Some(message) = held.take().or_else(|| channel.read()) {
            let size = u64::try_from(message.data().len()).unwrap_or(u64::MAX);
            match channel.write(now, message.clone()) {
                Ok(()) => {
                    self.messages_echoed += 1;
                    self.bytes_echoed += size;
                }
                Err(SendError::Full) => {
                    *held = Some(message);
                    return;
                }
                // Closing, or larger than what the peer said that it takes: this message cannot go back.
                Err(error) => tracing::debug!(session = self.number, %error, "a message was not echoed"),
            }
        }
    }

    /// The files that come through this session have to wait for another one.
    fn close_files(&mut self, uploads: &mut Uploads) {
        for (id, used) in &mut self.channels {
            if let Use::File(file) = used {
                file.closed((self.number, *id), uploads);
            }
        }
    }
}

#[cfg(test)]
mod tests;
