use drywire_rtp::Ssrc;

use crate::KeyframeRequest;

/// What happened to the streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The peer asks for a key frame of a stream that we send. Requests that come faster than the configuration allows
    /// are gathered into one.
    KeyframeRequested {
        /// Our stream.
        ssrc: Ssrc,
        /// How the peer asked.
        request: KeyframeRequest,
    },
    /// The peer said goodbye to a stream that we received; its statistics are gone.
    Goodbye {
        /// The peer's stream.
        ssrc: Ssrc,
    },
}
