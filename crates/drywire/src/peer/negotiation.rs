use drywire_core::Instant;
use drywire_crypto::{Fingerprint, HashAlgorithm};
use drywire_ice::mdns::Name;
use drywire_ice::{Candidate, Credentials, Role};
use drywire_jsep::{Changes, DescriptionType, DtlsRole, LocalTransport, SessionDescription, SignalingState};
use drywire_srtp::{ExtensionIds, HeaderEncryption};

use super::PeerConnection;
use super::candidates::Signalled;
use crate::{Config, Event, IceGatheringState, NegotiationError};

/// What our descriptions say about the transport, and what is derived from the negotiation once.
pub(super) struct Local {
    pub(super) candidates: Vec<Signalled>,
    /// How many of them the description has that was made last.
    pub(super) described: usize,
    /// Whether it says that there are no more.
    described_end: bool,
    /// How many of them the local description has, or were told since.
    pub(super) told: usize,
    pub(super) gathering: IceGatheringState,
    /// Whether the peer was told that there are no more.
    pub(super) told_end: bool,
    /// One of each certificate for each hash function.
    fingerprints: Vec<String>,
    /// The credentials that ICE was given last.
    pub(super) remote: Option<Credentials>,
    /// The remote candidates of that generation which were looked at.
    pub(super) remote_candidates: Vec<drywire_sdp::Candidate>,
    /// Those that wait for the address behind their name.
    pub(super) named: Vec<(Name, Candidate)>,
    /// Whether we told that a negotiation is needed and none was made since.
    told_needed: bool,
    /// Whether the association has begun before DTLS was connected.
    pub(super) began_data: bool,
    /// Whether its INIT is still to be sent before that.
    pub(super) early_init: bool,
    /// How much longer than its SCTP packet a datagram is.
    pub(super) record_overhead: usize,
}

impl Local {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            candidates: Vec::new(),
            described: 0,
            described_end: false,
            told: 0,
            gathering: IceGatheringState::New,
            told_end: false,
            fingerprints: fingerprints(config),
            remote: None,
            remote_candidates: Vec::new(),
            named: Vec::new(),
            told_needed: false,
            began_data: false,
            early_init: false,
            record_overhead: 0,
        }
    }
}

impl PeerConnection {
    /// Makes an offer. It takes effect with [`set_local_description`](Self::set_local_description).
    pub fn create_offer(&mut self, now: Instant) -> Result<SessionDescription, NegotiationError> {
        let now = self.clock.observe(now);
        self.check_open()?;
        self.restart_for_offer(now);
        let local = self.local_transport();
        Ok(self.negotiation.create_offer(&local)?)
    }

    /// Makes an answer to the remote offer. It takes effect with
    /// [`set_local_description`](Self::set_local_description). Transceivers that the offer added only receive, unless
    /// [`set_direction`](Self::set_direction) says otherwise before.
    pub fn create_answer(&mut self, now: Instant) -> Result<SessionDescription, NegotiationError> {
        self.clock.observe(now);
        self.check_open()?;
        let local = self.local_transport();
        Ok(self.negotiation.create_answer(&local)?)
    }

    /// Applies a description that [`create_offer`](Self::create_offer) or [`create_answer`](Self::create_answer) made.
    pub fn set_local_description(
        &mut self,
        now: Instant,
        kind: DescriptionType,
        description: &SessionDescription,
    ) -> Result<(), NegotiationError> {
        let now = self.clock.observe(now);
        self.check_open()?;
        let before = self.negotiation.signaling_state();
        let changes = self.negotiation.set_local_description(kind, description)?;
        (self.local.told, self.local.told_end) = (self.local.described, self.local.described_end);
        self.tell_candidates();
        if kind == DescriptionType::Offer && self.local.remote.is_none() && !self.transport.ice.is_lite() {
            // RFC 8445, section 6.1.1: the offerer controls. The answerer's checks may come before its answer; a
            // conflict of roles with them would cost a round trip.
            self.transport.ice.set_role(Role::Controlling);
        }
        match kind {
            DescriptionType::Offer => self.transport.expect_client(),
            DescriptionType::Rollback => self.take_back_restart(now),
            _ => {}
        }
        self.negotiated(now, kind, before, &changes)
    }

    /// Applies the peer's description.
    pub fn set_remote_description(
        &mut self,
        now: Instant,
        kind: DescriptionType,
        description: &SessionDescription,
    ) -> Result<(), NegotiationError> {
        let now = self.clock.observe(now);
        self.check_open()?;
        let before = self.negotiation.signaling_state();
        let changes = self.negotiation.set_remote_description(kind, description)?;
        match kind {
            // RFC 8445, section 9: the answerer restarts too, with credentials of its own.
            DescriptionType::Offer if changes.ice_restart => drop(self.transport.ice.restart(now)),
            DescriptionType::Offer | DescriptionType::Rollback => self.take_back_restart(now),
            _ => {}
        }
        self.negotiated(now, kind, before, &changes)
    }

    /// Answers an offer: applies it, makes the answer and applies that. Transceivers of the offer only receive.
    pub fn accept_offer(
        &mut self,
        now: Instant,
        offer: &SessionDescription,
    ) -> Result<SessionDescription, NegotiationError> {
        self.set_remote_description(now, DescriptionType::Offer, offer)?;
        let answer = self.create_answer(now)?;
        self.set_local_description(now, DescriptionType::Answer, &answer)?;
        Ok(answer)
    }

    /// The state of offer/answer.
    #[must_use]
    pub fn signaling_state(&self) -> SignalingState {
        self.negotiation.signaling_state()
    }

    /// Our ICE user name fragment, by which STUN requests are routed.
    pub(crate) fn local_ufrag(&self) -> &str {
        self.transport.ice.local_credentials().ufrag()
    }

    /// The one of before an ICE restart that has not completed.
    pub(crate) fn previous_ufrag(&self) -> Option<&str> {
        self.transport.ice.previous_local_credentials().map(Credentials::ufrag)
    }

    /// Tells, once, that an offer should be made, if one should.
    pub(super) fn tell_negotiation_needed(&mut self) {
        let stable = self.negotiation.signaling_state() == SignalingState::Stable;
        if !self.local.told_needed && stable && self.negotiation.negotiation_needed() {
            self.local.told_needed = true;
            self.tell(Event::NegotiationNeeded);
        }
    }

    const fn check_open(&self) -> Result<(), NegotiationError> {
        if self.closed.is_some() { Err(NegotiationError::Closed) } else { Ok(()) }
    }

    fn local_transport(&mut self) -> LocalTransport {
        self.local.described = self.local.candidates.len();
        self.local.described_end = self.local.gathering == IceGatheringState::Complete;
        let credentials = self.transport.ice.local_credentials();
        LocalTransport {
            ice_ufrag: credentials.ufrag().to_owned(),
            ice_pwd: credentials.pwd().to_owned(),
            ice_lite: self.transport.ice.is_lite(),
            sped: self.config.sped,
            renomination: self.config.ice.renomination,
            sctp_init: self.config.snap.then(|| self.data.local_init()),
            fingerprints: self.local.fingerprints.clone(),
            candidates: self.local.candidates.iter().map(|own| own.line.clone()).collect(),
            end_of_candidates: self.local.described_end,
        }
    }

    /// Carries what a description changed to the rooms.
    fn negotiated(
        &mut self,
        now: Instant,
        kind: DescriptionType,
        before: SignalingState,
        changes: &Changes,
    ) -> Result<(), NegotiationError> {
        let state = self.negotiation.signaling_state();
        if state != before {
            self.tell(Event::SignalingStateChanged(state));
        }
        for id in &changes.added {
            self.tell(Event::TransceiverAdded(*id));
        }
        self.transport.set_header_encryption(
            srtp_header_encryption(&self.negotiation.outgoing_header_encryption()),
            srtp_header_encryption(&self.negotiation.incoming_header_encryption()),
        );
        self.apply_transport(now, kind)?;
        self.media.apply(now, self.negotiation.transceivers(), self.config.max_rtp_datagram_size);
        self.apply_data(now);
        if state == SignalingState::Stable {
            self.local.told_needed = false;
            self.tell_negotiation_needed();
        }
        self.settle(now);
        Ok(())
    }

    fn apply_transport(&mut self, now: Instant, kind: DescriptionType) -> Result<(), NegotiationError> {
        let Some(remote) = self.negotiation.remote_transport() else { return Ok(()) };
        let fingerprints = usable_fingerprints(&remote.fingerprints)?;
        let credentials = Credentials::new(remote.ice_ufrag.clone(), remote.ice_pwd.clone())?;
        let (lite, dtls_role) = (remote.ice_lite, remote.dtls_role);
        self.transport.set_remote_sped(remote.sped);
        self.transport.ice.set_remote_renomination(remote.renomination);
        // A peer that answers a restart with the credentials of before has none the less to be checked with them.
        let unknown = kind == DescriptionType::Answer && self.transport.ice.remote_credentials().is_none();
        if unknown || self.local.remote.as_ref() != Some(&credentials) {
            if self.local.remote.is_none() {
                // RFC 8445, section 6.1.1: a full agent that speaks to a lite one controls; else the offerer does.
                let controls = lite || self.negotiation.is_initiator() == Some(true);
                self.transport.ice.set_role(if controls { Role::Controlling } else { Role::Controlled });
            }
            self.transport.ice.set_remote_lite(lite);
            self.set_remote_credentials(now, kind, &credentials);
            self.take_remote_generation(credentials);
        }
        self.apply_remote_candidates(now);
        // The role is settled once the answer is; until then an offer may still be answered otherwise.
        if kind == DescriptionType::Answer
            && let Some(role) = dtls_role
        {
            let role = match role {
                DtlsRole::Client => drywire_dtls::Role::Client,
                DtlsRole::Server => drywire_dtls::Role::Server,
            };
            self.transport.begin_dtls(now, role, fingerprints);
        }
        Ok(())
    }

    fn apply_data(&mut self, now: Instant) {
        let Some(section) = self.negotiation.data_section() else { return };
        let limit = usize::try_from(section.remote_max_message_size).unwrap_or(usize::MAX);
        self.data.set_remote(now, limit, section.remote_sctp_port);
        if let Some(init) = &section.remote_sctp_init {
            self.data.set_remote_init(init.clone());
        }
        if let Some(role) = self.negotiation.remote_transport().and_then(|remote| remote.dtls_role) {
            self.data.set_role(
                now,
                match role {
                    DtlsRole::Client => drywire_datachannel::Role::Client,
                    DtlsRole::Server => drywire_datachannel::Role::Server,
                },
            );
        }
        if self.transport.dtls().is_some_and(drywire_dtls::Connection::is_connected) {
            self.connect_data(now);
        }
    }
}

/// The fingerprints of all our certificates: any of them may be the one that is shown (RFC 8122, section 5).
fn fingerprints(config: &Config) -> Vec<String> {
    let hashes = || config.fingerprint_hashes.iter().filter(|hash| **hash > HashAlgorithm::Sha1);
    let all = config.dtls.certificates.iter().flat_map(|certificate| {
        hashes().map(|hash| Fingerprint::of(&*config.provider, *hash, certificate.certificate()).to_string())
    });
    all.collect()
}

fn srtp_header_encryption(agreed: &drywire_jsep::HeaderEncryption) -> HeaderEncryption {
    let extensions: ExtensionIds = agreed.extensions.iter().copied().collect();
    match (agreed.cryptex, extensions.is_empty()) {
        (false, true) => HeaderEncryption::None,
        (true, true) => HeaderEncryption::Cryptex,
        (false, false) => HeaderEncryption::Extensions(extensions),
        (true, false) => HeaderEncryption::CryptexOrExtensions(extensions),
    }
}

/// The fingerprints that are fit to be trusted; at least one. Weak hash functions beside a strong one are ignored
/// (RFC 8122, section 5).
fn usable_fingerprints(texts: &[String]) -> Result<Vec<Fingerprint>, NegotiationError> {
    let mut usable = Vec::new();
    let mut refused = drywire_crypto::FingerprintError::Malformed;
    for text in texts {
        match text.parse() {
            Ok(fingerprint) => usable.push(fingerprint),
            Err(error) => refused = error,
        }
    }
    if usable.is_empty() { Err(refused.into()) } else { Ok(usable) }
}
