use std::fmt;

/// The state of an agent, as applications see it (W3C webrtc-pc, `RTCIceTransportState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectionState {
    /// Waits for the remote credentials.
    New,
    /// Checks pairs; none works yet.
    Checking,
    /// A pair works; better ones are still being checked.
    Connected,
    /// A pair was nominated, and there is nothing left to check.
    Completed,
    /// The pair in use does not answer. This may pass.
    Disconnected,
    /// No pair works, and nothing is to be sent any more. A restart begins anew.
    Failed,
    /// Closed by the application.
    Closed,
}

/// What an agent finds whenever something has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// The remote credentials are unknown, and no path works.
    Idle,
    /// No path works, and there is hope.
    Searching,
    /// A path works.
    Usable,
    /// A path works, was nominated, and all is checked.
    Settled,
    /// The selected path does not answer.
    Silent,
    /// No path works, and there is no hope; or consent has expired.
    Exhausted,
    /// The path in use went away a moment ago.
    Roaming,
    /// The application restarts ICE.
    Restarted,
    /// The application closes the agent.
    Closing,
}

impl ConnectionState {
    /// All transitions.
    pub(crate) const fn next(self, condition: Condition) -> Self {
        use Condition as C;
        match (self, condition) {
            (Self::Closed, _) | (_, C::Closing) => Self::Closed,
            // RFC 8445, section 9: only a restart leads out of failure.
            (Self::Failed, C::Restarted) => Self::New,
            (Self::Failed, _) => Self::Failed,
            // While a restart is under way, the old pair stays in use (RFC 8445, section 9), and so does its state.
            (state, C::Restarted) => state,
            // Another path may be found before anybody notices.
            (state, C::Roaming) => state,
            // RFC 8863, section 4, and RFC 7675, section 5.1.
            (_, C::Exhausted) => Self::Failed,
            (Self::New, C::Idle) => Self::New,
            (Self::New | Self::Checking, C::Idle | C::Searching | C::Silent) => Self::Checking,
            (_, C::Idle | C::Searching | C::Silent) => Self::Disconnected,
            (_, C::Usable) => Self::Connected,
            (_, C::Settled) => Self::Completed,
        }
    }
}

impl fmt::Display for ConnectionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New => "new",
            Self::Checking => "checking",
            Self::Connected => "connected",
            Self::Completed => "completed",
            Self::Disconnected => "disconnected",
            Self::Failed => "failed",
            Self::Closed => "closed",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn the_whole_table() {
        let states = [
            ConnectionState::New,
            ConnectionState::Checking,
            ConnectionState::Connected,
            ConnectionState::Completed,
            ConnectionState::Disconnected,
            ConnectionState::Failed,
            ConnectionState::Closed,
        ];
        let conditions = [
            Condition::Idle,
            Condition::Searching,
            Condition::Usable,
            Condition::Settled,
            Condition::Silent,
            Condition::Exhausted,
            Condition::Roaming,
            Condition::Restarted,
            Condition::Closing,
        ];
        let mut table = String::new();
        for state in states {
            for condition in conditions {
                let _ = writeln!(table, "{state} {condition:?} {}", state.next(condition));
            }
        }
        assert_eq!(table, include_str!("../tests/data/state-table.txt"));
    }
}
