use std::fmt;
use std::sync::Arc;

use drywire_crypto::{CertifiedKey, Provider};
use drywire_media::WallClock;

/// What peer connections are made of. Make one and share it among all of them: it holds the certificate, and a
/// connection made from it does no public-key work before its handshake.
#[derive(Clone)]
#[non_exhaustive]
pub struct Config {
    /// The cryptographic library.
    pub provider: Arc<dyn Provider>,
    /// The wall-clock time, for sender reports (RFC 3550, section 6.4.1): no machine reads a clock.
    pub wall_clock: WallClock,
    /// ICE: timers and limits. The role and the credentials are each connection's own.
    pub ice: drywire_ice::Config,
    /// DTLS: certificate, versions, groups, cipher suites, SRTP profiles.
    pub dtls: Arc<drywire_dtls::Config>,
    /// Offer/answer: codecs, header extensions, feedback.
    pub negotiation: Arc<drywire_jsep::Config>,
    /// Whether the DTLS handshake may ride on the checks of ICE (draft-hancke-webrtc-sped-00), which saves a round trip
    /// and makes up for loss sooner. It is offered to peers, and answered if they offer it; those that do not know it
    /// connect as ever. Checks of a peer that does are up to 1,000 bytes longer until the handshake is done. Default:
    /// `false`, as the draft is young. In Chromium it is behind a trial.
    pub sped: bool,
    /// Data channels: buffers and limits.
    pub data: drywire_datachannel::Config,
    /// The longest datagram that carries data channels, in bytes of UDP payload. Default: 1200, which crosses every
    /// path seen in practice (RFC 8831, section 5).
    pub max_datagram_size: usize,
    /// The longest datagram that carries RTP, in bytes of UDP payload. Longer packets are refused. Default: 1452, what
    /// Ethernet leaves: the packets of a peer are forwarded as long as they came, and browsers send more than 1200
    /// bytes now and then. Whoever packetises himself does well to stay below 1200.
    pub max_rtp_datagram_size: usize,
    /// The most datagrams in one train of `poll_transmit`, for sockets with segmentation offload. Default: 40;
    /// 1 turns trains off.
    pub max_train: usize,
    /// The most RTP packets that wait to be sent or to be read. Default: 2,048.
    pub max_rtp_queue: usize,
}

impl Config {
    /// The defaults, with a certificate. The certificate may serve many connections; privacy between them asks for
    /// a fresh one from time to time (RFC 8827, section 6.5).
    #[must_use]
    pub fn new(provider: Arc<dyn Provider>, certificate: Arc<CertifiedKey>, wall_clock: WallClock) -> Self {
        Self {
            wall_clock,
            ice: drywire_ice::Config::new(provider.clone(), drywire_ice::Role::Controlled),
            dtls: Arc::new(drywire_dtls::Config::new(provider.clone(), certificate)),
            negotiation: Arc::new(drywire_jsep::Config::default()),
            sped: false,
            data: drywire_datachannel::Config::default(),
            max_datagram_size: 1200,
            max_rtp_datagram_size: 1452,
            max_train: 40,
            max_rtp_queue: 2048,
            provider,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("provider", &self.provider)
            .field("sped", &self.sped)
            .field("max_datagram_size", &self.max_datagram_size)
            .field("max_rtp_datagram_size", &self.max_rtp_datagram_size)
            .field("max_train", &self.max_train)
            .finish_non_exhaustive()
    }
}
