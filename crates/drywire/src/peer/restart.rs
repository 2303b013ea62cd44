//! ICE restarts, as far as descriptions begin them and take them back (RFC 8839, section 4.4.1.1.1; RFC 9429, sections 5.2.2
//! and 5.7).

use drywire_core::Instant;
use drywire_ice::{Credentials, RemoteCredentialsError};
use drywire_jsep::DescriptionType;

use super::PeerConnection;

impl PeerConnection {
    /// Begins an ICE restart: the next offer carries new credentials
    /// ([`Event::NegotiationNeeded`](crate::Event::NegotiationNeeded)). The path in use stays until a new one is found; and
    /// until the offer is made, all stays as it is.
    pub fn restart_ice(&mut self, now: Instant) {
        let now = self.clock.observe(now);
        self.negotiation.restart_ice();
        self.tell_negotiation_needed();
        self.settle(now);
    }

    /// An offer is being made. If a restart is wanted, it needs other credentials than those that were negotiated, unless an
    /// offer that was made before has them already.
    pub(super) fn restart_for_offer(&mut self, now: Instant) {
        let negotiated = self.negotiated_credentials();
        if self.negotiation.ice_restart_wanted()
            && negotiated.as_ref() == Some(self.transport.ice.local_credentials())
        {
            self.transport.ice.restart(now);
        }
    }

    /// What is negotiated now is not the restart that was begun: its offer was rolled back, or was made and never used. What
    /// was negotiated before holds again.
    pub(super) fn take_back_restart(&mut self, now: Instant) {
        let negotiated = self.negotiated_credentials();
        let remote = self.negotiation.remote_transport();
        let remote =
            remote.and_then(|remote| Credentials::new(&remote.ice_ufrag[..], &remote.ice_pwd[..]).ok());
        if let (Some(local), Some(remote)) = (negotiated, remote)
            && local != *self.transport.ice.local_credentials()
        {
            self.transport.ice.take_back_restart(now, local, remote.clone());
            self.take_remote_generation(remote);
        }
    }

    /// Gives ICE the credentials of the peer.
    pub(super) fn set_remote_credentials(
        &mut self,
        now: Instant,
        kind: DescriptionType,
        credentials: &Credentials,
    ) {
        let ice = &mut self.transport.ice;
        let mut taken = ice.set_remote_credentials(now, credentials.clone());
        if taken == Err(RemoteCredentialsError::RestartRequired) && kind == DescriptionType::Offer {
            // The offer takes the place of one that was never answered.
            ice.restart(now);
            taken = ice.set_remote_credentials(now, credentials.clone());
        }
        if let Err(error) = taken {
            tracing::debug!(%error, "the remote ICE credentials were not taken");
        }
    }

    /// The candidates of the peer from now on are those that belong to these credentials.
    pub(super) fn take_remote_generation(&mut self, credentials: Credentials) {
        self.local.remote = Some(credentials);
        self.local.remote_candidates.clear();
        self.local.named.clear();
    }

    /// The credentials of ours that both sides agreed on.
    fn negotiated_credentials(&self) -> Option<Credentials> {
        let description = self.negotiation.current_local_description()?;
        let credentials = |section: drywire_sdp::MediaSection<'_>| {
            Credentials::new(section.ice_ufrag()?, section.ice_pwd()?).ok()
        };
        description.media_sections().find_map(credentials)
    }
}
