use std::fmt;
use std::sync::Arc;

use drywire_crypto::{CertifiedKey, HashAlgorithm, Provider};
use drywire_media::WallClock;

/// Which of our candidates are used (W3C webrtc-pc, `RTCIceTransportPolicy`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum IceTransportPolicy {
    /// All.
    #[default]
    All,
    /// Those on relays only: the peer learns no address of this host.
    Relay,
}

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
    /// Which candidates are used. Default: all.
    pub ice_transport_policy: IceTransportPolicy,
    /// DTLS: certificates, versions, groups, cipher suites, SRTP profiles, application protocols, and where keys are logged
    /// to; see [`dtls_mut`](Self::dtls_mut).
    pub dtls: Arc<drywire_dtls::Config>,
    /// The hash functions of the fingerprints in our descriptions: one line for each of them and each certificate. Of
    /// several, peers check the strongest one that they know (RFC 8122, section 5). SHA-1 is left out. Default: SHA-256.
    pub fingerprint_hashes: Vec<HashAlgorithm>,
    /// Offer/answer: codecs, header extensions and their encryption, feedback.
    pub negotiation: Arc<drywire_jsep::Config>,
    /// Whether the DTLS handshake may ride on the checks of ICE (draft-hancke-webrtc-sped-00), which saves a round trip
    /// and makes up for loss sooner. It is offered to peers, and answered if they offer it; those that do not know it
    /// connect as ever. Checks of a peer that does are up to 1,000 bytes longer until the handshake is done. Default:
    /// `false`, as the draft is young. In Chromium it is behind a trial.
    pub sped: bool,
    /// Whether the SCTP association may begin with what the descriptions tell (draft-hancke-tsvwg-snap-00), which saves a
    /// round trip before the first message. It is offered to peers, and answered if they offer it. Default: `false`, as the
    /// draft is young. In Chromium it is behind a trial.
    pub snap: bool,
    /// Data channels: buffers and limits.
    pub data: drywire_datachannel::Config,
    /// The longest datagram that carries data channels, in bytes of UDP payload. Default: 1200, which crosses every
    /// path seen in practice (RFC 8831, section 5).
    pub max_datagram_size: usize,
    /// The longest datagram to look for that carries data channels, in bytes of UDP payload: where probes of such a length pass
    /// the path, longer datagrams are used, until they do not arrive any more (RFC 8899). The sockets must not let datagrams be
    /// fragmented. Default: 1200, which looks for none.
    pub max_probed_datagram_size: usize,
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
            ice_transport_policy: IceTransportPolicy::All,
            dtls: Arc::new(drywire_dtls::Config::new(provider.clone(), certificate)),
            fingerprint_hashes: vec![HashAlgorithm::Sha256],
            negotiation: Arc::new(drywire_jsep::Config::default()),
            sped: false,
            snap: false,
            data: drywire_datachannel::Config::default(),
            max_datagram_size: 1200,
            max_probed_datagram_size: 1200,
            max_rtp_datagram_size: 1452,
            max_train: 40,
            max_rtp_queue: 2048,
            provider,
        }
    }

    /// DTLS, to change it: its certificates, for one.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use drywire::crypto::{CertificateOptions, CertifiedKey};
    /// # let provider = drywire::default_provider();
    /// # let options = CertificateOptions::new(std::time::Duration::from_secs(1_760_000_000));
    /// # let generated = CertifiedKey::self_signed(&*provider, &options)?;
    /// # let (certificate_pem, key_pem) = (generated.certificate_pem()?, generated.key_pem().unwrap());
    /// # let clock = drywire::WallClock::new(std::time::Instant::now(), std::time::Duration::ZERO);
    /// // From files; or CertifiedKey::new with a key of yours that signs elsewhere.
    /// let own = CertifiedKey::from_pem(&*provider, &certificate_pem, &key_pem)?;
    /// let mut config = drywire::Config::new(provider, Arc::new(own), clock);
    /// // Another one for peers that cannot verify the first, and the name of WebRTC (RFC 8833).
    /// config.dtls_mut().certificates.push(Arc::new(generated));
    /// config.dtls_mut().alpn = vec![b"webrtc".to_vec()];
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn dtls_mut(&mut self) -> &mut drywire_dtls::Config {
        Arc::make_mut(&mut self.dtls)
    }

    /// Offer/answer, to change it: the codecs, or what is encrypted of the headers of RTP packets.
    #[must_use]
    pub fn negotiation_mut(&mut self) -> &mut drywire_jsep::Config {
        Arc::make_mut(&mut self.negotiation)
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("provider", &self.provider)
            .field("sped", &self.sped)
            .field("snap", &self.snap)
            .field("max_datagram_size", &self.max_datagram_size)
            .field("max_probed_datagram_size", &self.max_probed_datagram_size)
            .field("max_rtp_datagram_size", &self.max_rtp_datagram_size)
            .field("max_train", &self.max_train)
            .finish_non_exhaustive()
    }
}
