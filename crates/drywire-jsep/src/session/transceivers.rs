//! The commands of the application on transceivers and on the data section.

use drywire_sdp::{Direction, Msid};

use crate::error::TransceiverError;
use crate::session::Session;
use crate::signaling::SignalingState;
use crate::transceiver::{Created, MediaKind, RemoteMedia, Transceiver, TransceiverId, TransceiverInit};

/// Of what names are made.
pub(super) const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

impl Session {
    /// Adds a transceiver that gets a media section of its own with the next offer (W3C `addTransceiver`).
    ///
    /// # Errors
    /// When the session is closed or full, or a name does not fit a description.
    pub fn add_transceiver(
        &mut self,
        kind: MediaKind,
        init: TransceiverInit,
    ) -> Result<TransceiverId, TransceiverError> {
        self.create_transceiver(kind, init, Created::Transceiver)
    }

    /// Sends a track: on a transceiver that has nothing to send yet, else on a new one, which also a section of a
    /// remote offer may take (W3C `addTrack`).
    ///
    /// # Errors
    /// When the session is closed or full, or a name does not fit a description.
    pub fn add_track(
        &mut self,
        kind: MediaKind,
        streams: Vec<String>,
    ) -> Result<TransceiverId, TransceiverError> {
        check_names(&streams, None)?;
        if self.state.signaling == SignalingState::Closed {
            return Err(TransceiverError::Closed);
        }
        let free = self.state.transceivers.iter_mut().find(|transceiver| {
            transceiver.kind == kind
                && !transceiver.is_stopping()
                && !transceiver.tracked
                && !transceiver.current_direction.is_some_and(Direction::sends)
        });
        if let Some(transceiver) = free {
            transceiver.tracked = true;
            transceiver.streams = streams;
            transceiver.direction = Direction::new(true, transceiver.direction.receives());
            return Ok(transceiver.id);
        }
        self.create_transceiver(
            kind,
            TransceiverInit { streams, ..TransceiverInit::default() },
            Created::Track,
        )
    }

    /// No longer sends the track of a transceiver (W3C `removeTrack`).
    ///
    /// # Errors
    /// When there is no such transceiver or it is stopped.
    pub fn remove_track(&mut self, id: TransceiverId) -> Result<(), TransceiverError> {
        let transceiver = self.running(id)?;
        transceiver.tracked = false;
        transceiver.direction = Direction::new(false, transceiver.direction.receives());
        Ok(())
    }

    /// Wants another direction from the next negotiation on. In an open remote offer it already counts for the answer.
    ///
    /// # Errors
    /// When there is no such transceiver or it is stopped.
    pub fn set_direction(&mut self, id: TransceiverId, direction: Direction) -> Result<(), TransceiverError> {
        self.running(id)?.direction = direction;
        Ok(())
    }

    /// Names the media streams that the track of a transceiver belongs to.
    ///
    /// # Errors
    /// When there is no such transceiver, it is stopped, or a name does not fit a description.
    pub fn set_streams(&mut self, id: TransceiverId, streams: Vec<String>) -> Result<(), TransceiverError> {
        check_names(&streams, None)?;
        self.running(id)?.streams = streams;
        Ok(())
    }

    /// Stops a transceiver for good with the next negotiation (W3C `stop`); at once when it has no section yet.
    ///
    /// # Errors
    /// When there is no such transceiver.
    pub fn stop_transceiver(&mut self, id: TransceiverId) -> Result<(), TransceiverError> {
        let transceiver = self.state.transceiver_mut(id).ok_or(TransceiverError::Unknown)?;
        transceiver.stopping = true;
        if transceiver.section.is_none() {
            transceiver.stop();
        }
        Ok(())
    }

    /// Wants a section for data channels, which the next offer has then. A remote offer with one is always accepted.
    pub fn enable_data(&mut self) {
        self.state.data_wanted = true;
    }

    /// Wants an ICE restart: negotiation is needed until a description of this side has other credentials. Before the first
    /// one there is nothing to restart.
    pub fn restart_ice(&mut self) {
        self.state.ice_restart_wanted |= self.state.local.latest().and_then(super::local::ufrag).is_some();
    }

    /// Whether a restart is wanted, so that the next offer is to have other ICE credentials than the current local
    /// description.
    #[must_use]
    pub const fn ice_restart_wanted(&self) -> bool {
        self.state.ice_restart_wanted
    }

    pub(super) fn create_transceiver(
        &mut self,
        kind: MediaKind,
        init: TransceiverInit,
        created: Created,
    ) -> Result<TransceiverId, TransceiverError> {
        if self.state.signaling == SignalingState::Closed {
            return Err(TransceiverError::Closed);
        }
        check_names(&init.streams, init.track.as_deref())?;
        // Those that stopped before they had a section are of no use to anybody.
        self.state.transceivers.retain(|transceiver| !transceiver.stopped || transceiver.section.is_some());
        if self.state.transceivers.len() >= self.config.max_media_sections {
            return Err(TransceiverError::TooMany);
        }
        let id = TransceiverId(self.next_transceiver);
        self.next_transceiver = self.next_transceiver.wrapping_add(1);
        let transceiver = Transceiver {
            id,
            kind,
            created,
            tracked: created == Created::Track,
            section: None,
            direction: init.direction,
            current_direction: None,
            stopping: false,
            stopped: false,
            streams: init.streams,
            track: init.track.unwrap_or_else(|| self.rng.string(24, ALPHABET)),
            ssrc: self.fresh_ssrc(),
            remote: RemoteMedia::default(),
            negotiated: None,
        };
        self.state.transceivers.push(transceiver);
        Ok(id)
    }

    /// A source that is not in use on this side (RFC 3550 section 8.1).
    fn fresh_ssrc(&mut self) -> u32 {
        let in_use = |ssrc: u32| {
            let taken = |transceiver: &Transceiver| {
                transceiver.ssrc == ssrc || transceiver.remote.ssrcs.contains(&ssrc)
            };
            ssrc == 0 || self.state.transceivers.iter().any(taken)
        };
        // The loop ends: few of the 2^32 numbers are in use.
        std::iter::repeat_with(|| self.rng.u32()).find(|ssrc| !in_use(*ssrc)).unwrap_or(1)
    }

    fn running(&mut self, id: TransceiverId) -> Result<&mut Transceiver, TransceiverError> {
        let transceiver = self.state.transceiver_mut(id).ok_or(TransceiverError::Unknown)?;
        if transceiver.is_stopping() { Err(TransceiverError::Stopped) } else { Ok(transceiver) }
    }
}

/// Attack F03: a name of the application must fit into a line.
fn check_names(streams: &[String], track: Option<&str>) -> Result<(), TransceiverError> {
    let track = track.unwrap_or("-");
    let mut all = streams.iter().map(String::as_str).chain(["-"]);
    all.try_for_each(|stream| Msid::new(stream, Some(track)).map(drop)).map_err(|_| TransceiverError::Name)
}
