//! Interfaces that go and come while a session lives.

use std::net::SocketAddr;

use drywire_core::{Instant, Protocol};

use crate::{Agent, DiscardReason, FailureReason};

impl Agent {
    /// Removes our candidates with this base: its socket is closed, or its interface is gone. Returns how many there
    /// were. Candidates of another interface can be added before or after.
    ///
    /// If the path in use is among what is gone, another one that works takes over at once; else all other pairs are
    /// checked, and the state stays what it is for as long as it does in any other silence
    /// ([`Config::silence`](crate::Config::silence)). The peer learns of the new path by our checks: nothing has to be
    /// signalled, as long as one of its candidates can be reached from here.
    pub fn remove_local_candidates(&mut self, now: Instant, protocol: Protocol, base: SocketAddr) -> usize {
        let now = self.advance(now);
        let removed = self.checklist.remove_locals(now, DiscardReason::LocalGone, protocol, base);
        if removed == 0 || self.is_over() {
            return removed;
        }
        self.replies.retain(|reply| (reply.path().protocol, reply.path().local) != (protocol, base));
        if self.retired.is_some_and(|path| (path.protocol, path.local) == (protocol, base)) {
            self.retired = None;
        }
        let in_use = self.selected.as_ref().map(|selected| (selected.local.protocol, selected.local.base));
        if in_use == Some((protocol, base)) {
            self.lose_selected(now, FailureReason::LocalGone);
            self.roaming_until = Some(now + self.config.silence);
        }
        self.settle(now);
        removed
    }

    /// Whether the path in use went away so lately that another one may yet be found before anybody has to be told.
    pub(crate) fn is_roaming(&self, now: Instant) -> bool {
        self.roaming_until.is_some_and(|until| now < until)
    }
}
