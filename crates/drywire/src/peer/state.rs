use drywire_dtls::State as Dtls;
use drywire_ice::ConnectionState as Ice;

use super::PeerConnection;
use crate::{CloseReason, ConnectionState, Event};

impl PeerConnection {
    /// The state of ICE.
    #[must_use]
    pub fn ice_connection_state(&self) -> Ice {
        self.transport.ice.state()
    }

    /// Computes the state of the whole connection out of those of ICE and DTLS, and tells when it changed.
    pub(super) fn update_state(&mut self) {
        let dtls = self.transport.dtls().map_or(Dtls::New, drywire_dtls::Connection::state);
        let state = combined(self.closed, self.transport.ice.state(), dtls);
        if std::mem::replace(&mut self.state, state) != state {
            self.tell(Event::ConnectionStateChanged(state));
        }
    }
}

/// The table of W3C webrtc-pc, section 4.3.3.
fn combined(closed: Option<CloseReason>, ice: Ice, dtls: Dtls) -> ConnectionState {
    use drywire_dtls::CloseReason as Reason;
    match (closed, ice, dtls) {
        (Some(CloseReason::Local | CloseReason::Dtls(Reason::Local | Reason::Peer)), _, _) => {
            ConnectionState::Closed
        }
        (Some(_), _, _) | (None, Ice::Failed, _) | (None, _, Dtls::Failed) => ConnectionState::Failed,
        (None, Ice::Disconnected, _) => ConnectionState::Disconnected,
        (None, Ice::New | Ice::Closed, Dtls::New | Dtls::Closed) => ConnectionState::New,
        (None, Ice::Connected | Ice::Completed, Dtls::Connected) => ConnectionState::Connected,
        _ => ConnectionState::Connecting,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_the_connection_by_those_of_ice_and_dtls() {
        let ice = [
            Ice::New,
            Ice::Checking,
            Ice::Connected,
            Ice::Completed,
            Ice::Disconnected,
            Ice::Failed,
            Ice::Closed,
        ];
        let dtls = [Dtls::New, Dtls::Connecting, Dtls::Connected, Dtls::Closed, Dtls::Failed];
        let mut table = String::new();
        for ice in ice {
            let row: Vec<String> = dtls.iter().map(|dtls| combined(None, ice, *dtls).to_string()).collect();
            table.push_str(&format!("{ice:?}: {}\n", row.join(" ")));
        }
        assert_eq!(
            table,
            "New: new connecting connecting new failed\n\
             Checking: connecting connecting connecting connecting failed\n\
             Connected: connecting connecting connected connecting failed\n\
             Completed: connecting connecting connected connecting failed\n\
             Disconnected: disconnected disconnected disconnected disconnected failed\n\
             Failed: failed failed failed failed failed\n\
             Closed: new connecting connecting new failed\n"
        );
        assert_eq!(combined(Some(CloseReason::Local), Ice::Failed, Dtls::Failed), ConnectionState::Closed);
        let mismatch = CloseReason::Dtls(drywire_dtls::CloseReason::FingerprintMismatch);
        assert_eq!(combined(Some(mismatch), Ice::Connected, Dtls::Failed), ConnectionState::Failed);
    }
}
