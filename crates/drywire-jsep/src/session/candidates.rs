//! Candidates that come one by one (RFC 8838, RFC 9429 section 4.1.17).

use drywire_sdp::{Candidate, Invalid};

use crate::error::CandidateError as Error;
use crate::session::Session;
use crate::transport::{self, MAX_CANDIDATES};

/// The media section and ICE generation that a candidate is for (W3C `RTCIceCandidateInit`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CandidateTarget<'a> {
    /// The mid of the section. It counts more than the index.
    pub mid: Option<&'a str>,
    /// The index of the section.
    pub index: Option<usize>,
    /// The user name fragment of the generation; the one inside the candidate counts without it.
    pub ufrag: Option<&'a str>,
}

impl Session {
    /// Takes a candidate of the peer. Returns whether it is of use: one for a section that is not the one of the
    /// transport, of another component or an older generation, or one too many is not.
    ///
    /// # Errors
    /// When there is no remote description, the target is unknown, or the end was signalled before.
    pub fn add_remote_candidate(
        &mut self,
        target: CandidateTarget<'_>,
        candidate: Candidate,
    ) -> Result<bool, Error> {
        let ufrag = target.ufrag.or(candidate.ufrag());
        if !self.is_for_transport(CandidateTarget { ufrag, ..target })? {
            return Ok(false);
        }
        let Some(remote) = &mut self.state.remote_transport else { return Ok(false) };
        if remote.end_of_candidates {
            return Err(Error::Ended);
        }
        if !transport::is_wanted(&candidate)
            || remote.candidates.len() >= MAX_CANDIDATES
            || remote.candidates.contains(&candidate)
        {
            return Ok(false);
        }
        if let (Some(description), Some(section)) =
            (self.state.remote.latest_mut(), self.state.transport_section)
        {
            // A description that cannot grow is still a description; the candidate counts all the same.
            let _ = description.push_attribute(section, &candidate);
        }
        remote.candidates.push(candidate);
        Ok(true)
    }

    /// The peer has no more candidates. Returns whether this was news.
    ///
    /// # Errors
    /// When there is no remote description or the target is unknown. A target that names nothing is for all.
    pub fn end_remote_candidates(&mut self, target: CandidateTarget<'_>) -> Result<bool, Error> {
        let all = target.mid.is_none() && target.index.is_none();
        let index = if all { self.state.transport_section } else { target.index };
        if self.state.remote.latest().is_some() && index.is_none() && all {
            return Ok(false);
        }
        if !self.is_for_transport(CandidateTarget { index, ..target })? {
            return Ok(false);
        }
        let Some(remote) = &mut self.state.remote_transport else { return Ok(false) };
        if std::mem::replace(&mut remote.end_of_candidates, true) {
            return Ok(false);
        }
        if let (Some(description), Some(section)) =
            (self.state.remote.latest_mut(), self.state.transport_section)
        {
            let _ = description.push_flag(section, "end-of-candidates");
        }
        Ok(true)
    }

    /// Adds a candidate that was gathered after the local description was set to that description.
    ///
    /// # Errors
    /// When it does not fit the description.
    pub fn add_local_candidate(&mut self, candidate: &Candidate) -> Result<bool, Invalid> {
        let section = self.local_transport_section();
        match (self.state.local.latest_mut(), section) {
            (Some(description), Some(section)) => description.push_attribute(section, candidate),
            _ => Ok(false),
        }
    }

    /// Notes in the local description that there are no more candidates.
    pub fn end_local_candidates(&mut self) -> bool {
        let section = self.local_transport_section();
        match (self.state.local.latest_mut(), section) {
            (Some(description), Some(section)) => {
                let news = description
                    .media_section(section)
                    .is_some_and(|section| !section.has("end-of-candidates"));
                news && description.push_flag(section, "end-of-candidates").unwrap_or(false)
            }
            _ => false,
        }
    }

    /// The section of the local description that lists the candidates.
    fn local_transport_section(&self) -> Option<usize> {
        let description = self.state.local.latest()?;
        let bundled = super::judge::bundles(description).into_iter().flatten().next();
        bundled.or_else(|| {
            description.media_sections().find(|section| !section.is_rejected()).map(|s| s.index())
        })
    }

    fn is_for_transport(&self, target: CandidateTarget<'_>) -> Result<bool, Error> {
        let description = self.state.remote.latest().ok_or(Error::NoRemoteDescription)?;
        let index = match (target.mid, target.index) {
            (Some(mid), _) => {
                description.media_sections().find(|section| section.mid() == Some(mid)).map(|s| s.index())
            }
            (None, Some(index)) => description.media_section(index).map(|section| section.index()),
            (None, None) => None,
        };
        let index = index.ok_or(Error::UnknownSection)?;
        let latest = self.state.remote_transport.as_ref();
        if let Some(ufrag) = target.ufrag
            && latest.is_none_or(|transport| transport.ice_ufrag != ufrag)
        {
            let before = self.state.open.as_ref().and_then(|open| open.before.remote_transport.as_ref());
            let older = before.is_some_and(|transport| transport.ice_ufrag == ufrag);
            let other = description.media_sections().any(|section| section.ice_ufrag() == Some(ufrag));
            return if older || other { Ok(false) } else { Err(Error::UnknownUfrag) };
        }
        Ok(Some(index) == self.state.transport_section)
    }
}
