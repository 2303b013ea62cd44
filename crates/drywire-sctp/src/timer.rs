use drywire_core::TimerIndex;

/// The timers of an association (RFC 9260, section 16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// T1-init and T1-cookie: INIT or COOKIE ECHO is not answered.
    Connect,
    /// T2-shutdown: SHUTDOWN or SHUTDOWN ACK is not answered.
    Shutdown,
    /// T3-rtx: data is not acknowledged, or the peer's window is closed.
    Retransmit,
    /// A packet that was overtaken counts as lost (RFC 8985, section 6.3).
    Overdue,
    /// The last packet is sent again, to hear of those before it (RFC 8985, section 7).
    TailProbe,
    /// The next packet may leave.
    Pace,
    /// A probe for larger packets is not answered, or is to be sent (RFC 8899).
    PathMtu,
    /// A delayed acknowledgement.
    Acknowledge,
    /// The time for a sign of life.
    Heartbeat,
    /// A request to reset streams is not answered (RFC 6525, section 5.1.1).
    Reset,
}

impl TimerIndex for Timer {
    const ALL: &'static [Self] = &[
        Self::Connect,
        Self::Shutdown,
        Self::Retransmit,
        Self::Acknowledge,
        Self::Heartbeat,
        Self::Reset,
        Self::Overdue,
        Self::TailProbe,
        Self::Pace,
        Self::PathMtu,
    ];

    fn index(self) -> usize {
        match self {
            Self::Connect => 0,
            Self::Shutdown => 1,
            Self::Retransmit => 2,
            Self::Acknowledge => 3,
            Self::Heartbeat => 4,
            Self::Reset => 5,
            Self::Overdue => 6,
            Self::TailProbe => 7,
            Self::Pace => 8,
            Self::PathMtu => 9,
        }
    }
}
