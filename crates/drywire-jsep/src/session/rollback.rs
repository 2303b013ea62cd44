//! Rollback (RFC 9429 sections 4.1.10.2 and 5.7).

use crate::changes::Changes;
use crate::session::State;
use crate::transceiver::{Created, RemoteMedia};

impl State {
    /// Puts the stable state before the open offer back, with what the application did since.
    pub(super) fn roll_back(&mut self, changes: &mut Changes) {
        let Some(open) = self.open.take() else { return };
        let mut before = *open.before;
        before.data_wanted = self.data_wanted;
        before.ice_restart_wanted |= self.ice_restart_wanted;
        for mut now in self.transceivers.drain(..) {
            if let Some(old) = before.transceivers.iter_mut().find(|old| old.id == now.id) {
                old.direction = now.direction;
                old.streams = now.streams;
                old.tracked = now.tracked;
                old.stopping |= now.stopping;
                if old.stopping && old.section.is_none() {
                    old.stop();
                }
            } else if now.created == Created::Remote && !now.tracked {
                changes.removed.push(now.id);
            } else {
                // The application made it, or sends a track on it: it stays and waits for another section.
                if now.created == Created::Remote {
                    now.created = Created::Track;
                }
                now.section = None;
                now.negotiated = None;
                now.remote = RemoteMedia::default();
                if now.stopping {
                    now.stop();
                }
                before.transceivers.push(now);
            }
        }
        *self = before;
    }
}
