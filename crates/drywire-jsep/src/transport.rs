use std::fmt;

use drywire_sdp::{Candidate, IceOptions, MediaSection, SessionDescription, Setup};

use crate::error::RemoteDescriptionError as Error;

/// What the local transport has to say in a description.
#[derive(Clone, Default)]
pub struct LocalTransport {
    /// The ICE user name fragment.
    pub ice_ufrag: String,
    /// The ICE password.
    pub ice_pwd: String,
    /// Whether this side is an ICE lite agent.
    pub ice_lite: bool,
    /// Whether this side takes DTLS inside STUN (draft-hancke-webrtc-sped-00). Offers say so; answers do if the offer
    /// does.
    pub sped: bool,
    /// Whether this side numbers its nominations, and follows numbered ones (draft-thatcher-ice-renomination-01). Offers
    /// say so; answers do if the offer does.
    pub renomination: bool,
    /// The INIT chunk of the SCTP association, if it may begin without a handshake (draft-hancke-tsvwg-snap-00). Offers tell
    /// it; answers do if the offer does.
    pub sctp_init: Option<Vec<u8>>,
    /// The fingerprints of the certificates, as `sha-256 6A:CA:…`. Where there are several certificates, each has one
    /// with the same hash function (RFC 8122 section 5).
    pub fingerprints: Vec<String>,
    /// The candidates that are known.
    pub candidates: Vec<Candidate>,
    /// Whether these are all.
    pub end_of_candidates: bool,
}

/// What a remote description says about the transport.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemoteTransport {
    /// The ICE user name fragment.
    pub ice_ufrag: String,
    /// The ICE password.
    pub ice_pwd: String,
    /// Whether the peer is an ICE lite agent.
    pub ice_lite: bool,
    /// Whether the peer takes DTLS inside STUN (draft-hancke-webrtc-sped-00).
    pub sped: bool,
    /// Whether the peer numbers its nominations, and follows numbered ones (draft-thatcher-ice-renomination-01).
    pub renomination: bool,
    /// Whether the peer takes candidates one by one (RFC 8838). One that does not must be told all of them in a
    /// description, and has told all of its own.
    pub trickle: bool,
    /// Whether the peer follows RFC 8445, not only RFC 5245, whose agents may nominate each pair that they check.
    pub ice2: bool,
    /// The fingerprints, as `sha-256 6A:CA:…` (small letters and capitals as here).
    pub fingerprints: Vec<String>,
    /// The name of the DTLS association (RFC 8842). Most peers give none.
    pub tls_id: Option<String>,
    /// Whether the peer receives packets whose headers are encrypted with Cryptex (RFC 9335), in all sections of media.
    pub cryptex: bool,
    /// The candidates of component 1 that stood in the description or came later.
    pub candidates: Vec<Candidate>,
    /// Whether these are all.
    pub end_of_candidates: bool,
    /// The DTLS role of *this* side, once it is decided.
    pub dtls_role: Option<DtlsRole>,
}

// Without the password.
impl fmt::Debug for LocalTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalTransport")
            .field("ice_ufrag", &self.ice_ufrag)
            .field("ice_lite", &self.ice_lite)
            .field("sped", &self.sped)
            .field("renomination", &self.renomination)
            .field("sctp_init", &self.sctp_init.is_some())
            .field("fingerprints", &self.fingerprints)
            .field("candidates", &self.candidates)
            .field("end_of_candidates", &self.end_of_candidates)
            .finish_non_exhaustive()
    }
}

// Without the password.
impl fmt::Debug for RemoteTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteTransport")
            .field("ice_ufrag", &self.ice_ufrag)
            .field("ice_lite", &self.ice_lite)
            .field("sped", &self.sped)
            .field("renomination", &self.renomination)
            .field("trickle", &self.trickle)
            .field("ice2", &self.ice2)
            .field("fingerprints", &self.fingerprints)
            .field("tls_id", &self.tls_id)
            .field("cryptex", &self.cryptex)
            .field("candidates", &self.candidates)
            .field("end_of_candidates", &self.end_of_candidates)
            .field("dtls_role", &self.dtls_role)
            .finish_non_exhaustive()
    }
}

/// Who begins the DTLS handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DtlsRole {
    /// Begins: `a=setup:active`.
    Client,
    /// Waits: `a=setup:passive`.
    Server,
}

/// How many candidates of the peer are kept. More do not help, and each is paired with every local one.
pub(crate) const MAX_CANDIDATES: usize = 100;

/// How many fingerprints of the peer are kept.
const MAX_FINGERPRINTS: usize = 16;

impl RemoteTransport {
    /// Reads the transport of a bundle. In a bundle only the first section must tell it (RFC 9143 section 7.1.3), so
    /// what `section` does not say is read from `first`.
    pub(crate) fn read(
        description: &SessionDescription,
        section: &MediaSection<'_>,
        first: &MediaSection<'_>,
    ) -> Result<(Self, Option<Setup>), Error> {
        let source = if section.ice_ufrag().is_some() { section } else { first };
        let (Some(ufrag), Some(pwd)) = (source.ice_ufrag(), source.ice_pwd()) else {
            return Err(Error::IceCredentials);
        };
        let mut fingerprints: Vec<String> = Vec::new();
        let prints = if section.fingerprints().next().is_some() { section } else { first };
        for print in prints.fingerprints().take(MAX_FINGERPRINTS) {
            let print = print.to_string();
            if !fingerprints.contains(&print) {
                fingerprints.push(print);
            }
        }
        if fingerprints.is_empty() {
            return Err(Error::Fingerprint);
        }
        let options = section.ice_options().or(first.ice_options());
        let has = |option| options.is_some_and(|options: IceOptions<'_>| options.has(option));
        let transport = Self {
            ice_ufrag: ufrag.to_owned(),
            ice_pwd: pwd.to_owned(),
            ice_lite: description.session().has("ice-lite"),
            // By the name of the draft, and by that of Chromium, which listens to either.
            sped: has("sped") || has("googspedv1"),
            renomination: has("renomination"),
            trickle: has("trickle"),
            ice2: has("ice2"),
            fingerprints,
            tls_id: section.tls_id().or(first.tls_id()).map(|id| id.as_str().to_owned()),
            cryptex: false,
            candidates: source.candidates().filter(is_wanted).take(MAX_CANDIDATES).collect(),
            end_of_candidates: source.has("end-of-candidates"),
            dtls_role: None,
        };
        Ok((transport, section.setup().or(first.setup())))
    }

    /// Keeps the candidates of the same generation that came before, whether the new description repeats them or not.
    pub(crate) fn keep_candidates(&mut self, before: &Self) {
        for candidate in &before.candidates {
            if self.candidates.len() < MAX_CANDIDATES && !self.candidates.contains(candidate) {
                self.candidates.push(candidate.clone());
            }
        }
        self.end_of_candidates |= before.end_of_candidates;
    }

    /// Attack F05: what may differ from the description before. Returns whether ICE was restarted.
    pub(crate) fn check_change(&self, before: &Self) -> Result<bool, Error> {
        // Both ask for a new DTLS association (RFC 8842 section 4), with all that depends on it: another connection.
        let tls_ids = self.tls_id.as_ref().zip(before.tls_id.as_ref());
        if tls_ids.is_some_and(|(now, before)| now != before) {
            return Err(Error::TlsIdChanged);
        }
        if !self.fingerprints.iter().all(|print| before.fingerprints.contains(print)) {
            return Err(Error::FingerprintChanged);
        }
        match (self.ice_ufrag != before.ice_ufrag, self.ice_pwd != before.ice_pwd) {
            (true, true) => Ok(true),
            (false, false) => Ok(false),
            _ => Err(Error::IceCredentialsHalfChanged),
        }
    }
}

/// RTCP is multiplexed, so that the second component is of no use.
pub(crate) fn is_wanted(candidate: &Candidate) -> bool {
    candidate.component() == 1
}

impl DtlsRole {
    /// The role of this side after an offer or an answer of the peer says `remote` (RFC 8842 section 5). In doubt the
    /// answerer is the client, which saves half a round trip.
    pub(crate) fn resolve(
        remote: Option<Setup>,
        established: Option<Self>,
        is_offer: bool,
    ) -> Result<Self, Error> {
        let role = match remote {
            Some(Setup::Active) => Self::Server,
            Some(Setup::Passive) => Self::Client,
            Some(Setup::ActPass) | None if is_offer => established.unwrap_or(Self::Client),
            // RFC 4145 section 4: the absent answer is `active`, as that of every peer of ours is.
            None => established.unwrap_or(Self::Server),
            Some(Setup::ActPass | Setup::HoldConn) => return Err(Error::Setup),
        };
        match established {
            Some(before) if before != role && is_offer => Err(Error::Setup),
            // The roles stay as long as the association does. Chromium answers `active` whatever its role is once the
            // first section of the bundle was stopped, and goes on in the old role.
            Some(before) => Ok(before),
            None => Ok(role),
        }
    }

    pub(crate) fn setup(self) -> Setup {
        match self {
            Self::Client => Setup::Active,
            Self::Server => Setup::Passive,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles() {
        let resolve = DtlsRole::resolve;
        assert_eq!(resolve(Some(Setup::ActPass), None, true), Ok(DtlsRole::Client));
        assert_eq!(resolve(Some(Setup::Active), None, true), Ok(DtlsRole::Server));
        assert_eq!(resolve(Some(Setup::Passive), None, true), Ok(DtlsRole::Client));
        assert_eq!(resolve(Some(Setup::HoldConn), None, true), Err(Error::Setup));
        assert_eq!(resolve(Some(Setup::ActPass), Some(DtlsRole::Server), true), Ok(DtlsRole::Server));
        assert_eq!(resolve(Some(Setup::Active), Some(DtlsRole::Client), true), Err(Error::Setup));
        assert_eq!(resolve(Some(Setup::Active), None, false), Ok(DtlsRole::Server));
        assert_eq!(resolve(Some(Setup::ActPass), None, false), Err(Error::Setup));
        assert_eq!(resolve(None, None, false), Ok(DtlsRole::Server));
        assert_eq!(resolve(Some(Setup::Passive), Some(DtlsRole::Server), false), Ok(DtlsRole::Server));
    }
}
