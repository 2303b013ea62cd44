/// Where an association stands (RFC 9260, section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// Not begun, or over.
    Closed,
    /// INIT was sent.
    CookieWait,
    /// COOKIE ECHO was sent.
    CookieEchoed,
    /// Data flows.
    Established,
    /// We want to shut down and still have data to deliver.
    ShutdownPending,
    /// SHUTDOWN was sent.
    ShutdownSent,
    /// The peer wants to shut down and we still have data to deliver.
    ShutdownReceived,
    /// SHUTDOWN ACK was sent.
    ShutdownAckSent,
}
