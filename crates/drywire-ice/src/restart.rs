//! ICE restart (RFC 8445, section 9).

use drywire_core::Instant;

use crate::credentials::{LocalCredentials, RemoteCredentials};
use crate::respond::Reply;
use crate::state::Condition;
use crate::timer::Timer;
use crate::{Agent, ConnectionState, Credentials};

/// What is left of the time before a restart, until a pair of the new time is nominated: with it requests are
/// answered and the consent of the old pair is kept.
#[derive(Debug)]
pub(crate) struct Previous {
    pub(crate) local: LocalCredentials,
    pub(crate) remote: RemoteCredentials,
}

impl Agent {
    /// Begins an ICE restart: fresh credentials, which are returned to be signalled; all remote candidates are
    /// forgotten, the local ones stay. The role stays. The path in use stays, with its credentials, until a new one
    /// is nominated. The peer's new credentials and candidates are to be set as at the beginning.
    ///
    /// On a closed agent it changes nothing.
    pub fn restart(&mut self, now: Instant) -> Credentials {
        let now = self.advance(now);
        if self.state() == ConnectionState::Closed {
            return self.local.credentials.clone();
        }
        let credentials = Credentials::random(&mut self.rng);
        let local = LocalCredentials::new(&*self.config.provider, credentials.clone());
        let old_local = std::mem::replace(&mut self.local, local);
        let old_remote = self.remote.take();
        match (&mut self.selected, old_remote) {
            // A restart of a restart: what is in use stays in use.
            (Some(selected), _) if selected.pair.is_none() => self.replies.retain(Reply::is_previous),
            (Some(selected), Some(remote)) => {
                selected.pair = None;
                self.previous = Some(Previous { local: old_local, remote });
                self.replies.retain_mut(Reply::outlive_restart);
            }
            _ => {
                self.selected = None;
                self.previous = None;
                self.replies.clear();
            }
        }
        self.forget_generation();
        self.transition(Condition::Restarted);
        self.settle(now);
        credentials
    }

    /// Our credentials of before a restart that has not completed: the peer's checks along the path in use still come with
    /// them.
    #[must_use]
    pub fn previous_local_credentials(&self) -> Option<&Credentials> {
        self.previous.as_ref().map(|previous| &previous.local.credentials)
    }

    /// Takes back the restarts since `local` and `remote` were negotiated: the offers that began them were rolled back
    /// (RFC 9429, section 5.7). Those credentials hold again, and the path in use, whose peer is the same, stays in use
    /// with them. The peer's candidates are to be set anew.
    ///
    /// On a closed agent it changes nothing.
    pub fn take_back_restart(&mut self, now: Instant, local: Credentials, remote: Credentials) {
        let now = self.advance(now);
        if self.state() == ConnectionState::Closed {
            return;
        }
        self.forget_generation();
        self.remote = Some(RemoteCredentials::new(&*self.config.provider, remote, &local));
        self.local = LocalCredentials::new(&*self.config.provider, local);
        self.previous = None;
        self.replies.retain_mut(Reply::survive_return);
        self.resume_selected(now);
        self.timers.arm(Timer::Patience, now + self.config.patience);
        self.transition(Condition::Restarted);
        self.settle(now);
    }

    /// Forgets what was learnt with the credentials of one generation, but for the path in use.
    fn forget_generation(&mut self) {
        self.chosen = None;
        self.checklist.restart();
        self.remote_ended = false;
        self.patience_over = false;
        self.consent_lost = false;
        self.roaming_until = None;
        self.timers.clear();
    }

    /// Makes the path in use a pair of the generation that holds.
    fn resume_selected(&mut self, now: Instant) {
        let Some(mut selected) = self.selected.take() else { return };
        let Some(local) = self.checklist.id_of(&selected.local) else { return };
        let remote = self.checklist.push_remote(selected.remote.clone());
        let Some(id) = self.checklist.add_pair(now, local, remote, self.role) else { return };
        let Some(pair) = self.checklist.pair_mut(id) else { return };
        pair.resume(&selected);
        selected.pair = Some(id);
        self.chosen = selected.nominated.then_some(id);
        self.chosen_since = self.chosen.map(|_| now);
        self.selected = Some(selected);
    }

    /// A restart whose checks have all failed while the old path still works is not given up: they are made anew,
    /// each time that patience ends.
    pub(crate) fn retry_restart(&mut self, now: Instant) {
        if self.selected.as_ref().is_some_and(|selected| selected.pair.is_none()) {
            self.checklist.retry_failed();
            self.timers.arm(Timer::Patience, now + self.config.patience);
        }
    }
}
