use drywire_core::Path;

use crate::{Candidate, ConnectionState, Role};

/// What an agent tells.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The state changed.
    StateChanged(ConnectionState),
    /// Media and data go along this path from now on.
    SelectedPathChanged(Path),
    /// A check revealed a candidate that the peer had not signalled.
    RemoteCandidateDiscovered(Candidate),
    /// A conflict made the agent switch its role.
    RoleChanged(Role),
}

/// What an agent counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Datagrams that are not STUN messages, or carry a wrong fingerprint or an unusable attribute.
    pub malformed: u64,
    /// Messages of another class or method than ICE uses.
    pub unexpected: u64,
    /// Requests and responses that are not authentic.
    pub unauthenticated: u64,
    /// Responses that answer no check, or came along another path than the check.
    pub unmatched: u64,
    /// Requests from addresses, to sockets or of generations that the agent does not take up.
    pub refused: u64,
    /// Authentic requests.
    pub requests_received: u64,
    /// Responses, successes and errors.
    pub responses_sent: u64,
    /// Responses that were not sent because too many were waiting.
    pub responses_dropped: u64,
    /// Checks, without retransmissions and consent checks.
    pub checks_sent: u64,
    /// Retransmissions of checks.
    pub checks_retransmitted: u64,
    /// Consent checks.
    pub consent_checks_sent: u64,
    /// Authentic responses to checks, without consent checks.
    pub responses_received: u64,
    /// Authentic responses to consent checks.
    pub consent_responses_received: u64,
    /// Events that were lost because nobody polled them.
    pub events_dropped: u64,
}
