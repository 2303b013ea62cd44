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
        self.chosen = None;
        self.checklist.restart();
        self.remote_ended = false;
        self.patience_over = false;
        self.consent_lost = false;
        self.roaming_until = None;
        self.timers.clear();
        self.transition(Condition::Restarted);
        self.settle(now);
        credentials
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
