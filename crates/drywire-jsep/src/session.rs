use std::sync::Arc;

use drywire_core::Rng;
use drywire_sdp::SessionDescription;

use crate::changes::Changes;
use crate::config::Config;
use crate::data::DataSection;
use crate::plan::Plan;
use crate::signaling::{DescriptionType, SignalingState};
use crate::slot::Slot;
use crate::transceiver::{Transceiver, TransceiverId};
use crate::transport::{DtlsRole, RemoteTransport};

mod answer;
mod candidates;
mod check;
mod header_encryption;
mod judge;
mod local;
mod offer;
mod remote;
mod rollback;
mod transceivers;

pub use candidates::CandidateTarget;
pub use header_encryption::HeaderEncryption;

/// One side of an offer/answer exchange (RFC 9429).
///
/// It takes no time and sends nothing: the application carries the descriptions. Every command may be called at any
/// time and either does what it says or changes nothing and returns a typed error.
#[derive(Debug)]
pub struct Session {
    config: Arc<Config>,
    rng: Rng,
    session_id: u64,
    cname: String,
    /// The name of our DTLS association, of which there is one (RFC 8842).
    tls_id: String,
    next_transceiver: u32,
    next_mid: u32,
    /// The description that was created last, which alone may be set.
    created: Option<CreatedDescription>,
    state: State,
}

/// Everything that a description changes, in one piece: an error or a rollback puts the one before back.
#[derive(Debug, Clone)]
struct State {
    signaling: SignalingState,
    transceivers: Vec<Transceiver>,
    slots: Vec<Slot>,
    /// The numbers of header extensions, which stay for the session (RFC 8285 section 6).
    extension_ids: Vec<ExtensionId>,
    /// Whether our latest description says that we receive headers encrypted with Cryptex.
    cryptex: bool,
    data_wanted: bool,
    data: Option<DataSection>,
    local: Descriptions,
    remote: Descriptions,
    /// The version of the last local description.
    session_version: u64,
    remote_transport: Option<RemoteTransport>,
    /// The index of the remote section whose transport counts.
    transport_section: Option<usize>,
    dtls_role: Option<DtlsRole>,
    initiator: Option<bool>,
    ice_restart_wanted: bool,
    open: Option<OpenOffer>,
}

/// What a number stands for. A header extension has one number in the clear and another one encrypted (RFC 6904).
#[derive(Debug, Clone, PartialEq, Eq)]
struct ExtensionId {
    id: u8,
    uri: String,
    encrypted: bool,
}

/// The description that is agreed on and the one that is being negotiated (RFC 9429 section 3.2).
#[derive(Debug, Clone, Default)]
struct Descriptions {
    current: Option<SessionDescription>,
    pending: Option<SessionDescription>,
}

impl Descriptions {
    fn latest(&self) -> Option<&SessionDescription> {
        self.pending.as_ref().or(self.current.as_ref())
    }

    fn latest_mut(&mut self) -> Option<&mut SessionDescription> {
        self.pending.as_mut().or(self.current.as_mut())
    }
}

/// An offer that waits for its answer.
#[derive(Debug, Clone)]
struct OpenOffer {
    /// What this side offered; `None` when the peer did.
    plan: Option<Plan>,
    /// The stable state before, for a rollback.
    before: Box<State>,
}

#[derive(Debug)]
struct CreatedDescription {
    kind: DescriptionType,
    description: SessionDescription,
    plan: Plan,
}

impl Session {
    /// A session without media sections. The seed decides its numbers and names.
    #[must_use]
    pub fn new(config: impl Into<Arc<Config>>, seed: [u8; 32]) -> Self {
        let config = config.into();
        let mut rng = Rng::new(seed);
        // RFC 9429 section 5.2.1: the number is below 2^63.
        let session_id = rng.u64() >> 1;
        let cname = config.cname.clone().unwrap_or_else(|| rng.string(16, transceivers::ALPHABET));
        Self {
            config,
            session_id,
            cname,
            tls_id: rng.string(32, transceivers::ALPHABET),
            next_transceiver: 0,
            next_mid: 0,
            rng,
            created: None,
            state: State {
                signaling: SignalingState::Stable,
                transceivers: Vec::new(),
                slots: Vec::new(),
                extension_ids: Vec::new(),
                cryptex: false,
                data_wanted: false,
                data: None,
                local: Descriptions::default(),
                remote: Descriptions::default(),
                session_version: 0,
                remote_transport: None,
                transport_section: None,
                dtls_role: None,
                initiator: None,
                ice_restart_wanted: false,
                open: None,
            },
        }
    }

    /// What it can negotiate.
    #[must_use]
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// The signaling state.
    #[must_use]
    pub fn signaling_state(&self) -> SignalingState {
        self.state.signaling
    }

    /// The canonical name of this side in RTCP.
    #[must_use]
    pub fn cname(&self) -> &str {
        &self.cname
    }

    /// The local description: the one being negotiated, else the one agreed on.
    #[must_use]
    pub fn local_description(&self) -> Option<&SessionDescription> {
        self.state.local.latest()
    }

    /// The local description that both sides agreed on.
    #[must_use]
    pub fn current_local_description(&self) -> Option<&SessionDescription> {
        self.state.local.current.as_ref()
    }

    /// The remote description: the one being negotiated, else the one agreed on.
    #[must_use]
    pub fn remote_description(&self) -> Option<&SessionDescription> {
        self.state.remote.latest()
    }

    /// The remote description that both sides agreed on.
    #[must_use]
    pub fn current_remote_description(&self) -> Option<&SessionDescription> {
        self.state.remote.current.as_ref()
    }

    /// What the latest remote description says about the transport. Candidates that come later are added.
    #[must_use]
    pub fn remote_transport(&self) -> Option<&RemoteTransport> {
        self.state.remote_transport.as_ref()
    }

    /// The DTLS role of this side, once an answer decided it. It stays for the session.
    #[must_use]
    pub fn dtls_role(&self) -> Option<DtlsRole> {
        self.state.dtls_role
    }

    /// Whether this side made the first offer, and so controls ICE (RFC 8445 section 6.1.1). `None` before any offer.
    #[must_use]
    pub fn is_initiator(&self) -> Option<bool> {
        self.state.initiator
    }

    /// The data section, once both sides agreed on one.
    #[must_use]
    pub fn data_section(&self) -> Option<&DataSection> {
        self.state.data.as_ref()
    }

    /// The transceivers in the order in which they were created.
    pub fn transceivers(&self) -> impl Iterator<Item = &Transceiver> {
        self.state.transceivers.iter()
    }

    /// A transceiver; `None` when it is gone.
    #[must_use]
    pub fn transceiver(&self, id: TransceiverId) -> Option<&Transceiver> {
        self.state.transceiver(id)
    }

    /// Whether an offer would change something (RFC 9429 section 4.1.8, W3C `negotiationneeded`). Always false while
    /// an offer is open.
    #[must_use]
    pub fn negotiation_needed(&self) -> bool {
        let state = &self.state;
        state.signaling == SignalingState::Stable
            && (state.ice_restart_wanted
                || (state.data_wanted && state.data.is_none())
                || state.transceivers.iter().any(Transceiver::needs_negotiation))
    }

    /// Takes the open offer back, whoever made it (RFC 9429 section 4.1.10.2). Without one nothing changes.
    pub fn rollback(&mut self) -> Changes {
        let mut changes = Changes::default();
        self.created = None;
        self.state.roll_back(&mut changes);
        changes
    }

    /// Closes the session: every transceiver stops, and nothing can be negotiated any more.
    pub fn close(&mut self) {
        self.created = None;
        let state = &mut self.state;
        state.signaling = SignalingState::Closed;
        state.open = None;
        state.data = None;
        state.transceivers.iter_mut().for_each(Transceiver::stop);
    }
}

impl State {
    fn transceiver(&self, id: TransceiverId) -> Option<&Transceiver> {
        self.transceivers.iter().find(|transceiver| transceiver.id == id)
    }

    fn transceiver_mut(&mut self, id: TransceiverId) -> Option<&mut Transceiver> {
        self.transceivers.iter_mut().find(|transceiver| transceiver.id == id)
    }

    /// The number of a header extension from now on.
    fn keep_extension_id(&mut self, id: u8, uri: &str, encrypted: bool) {
        match self.extension_ids.iter_mut().find(|known| known.id == id) {
            Some(known) => {
                known.encrypted = encrypted;
                if known.uri != uri {
                    uri.clone_into(&mut known.uri);
                }
            }
            None => self.extension_ids.push(ExtensionId { id, uri: uri.to_owned(), encrypted }),
        }
    }
}

#[cfg(test)]
mod tests;
