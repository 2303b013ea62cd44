//! The one transport of a peer connection: ICE finds the path, DTLS secures it and gives the keys of SRTP.

mod early;
mod handshake;
mod keys;
mod sped;

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use drywire_core::{Instant, Path, Rng, Transmit};
use drywire_rtp::RtpHeader;
use drywire_srtp::{HeaderEncryption, Inbound, Outbound, ProtectError, UnprotectError};

use self::early::EarlyRecords;
use self::keys::SrtpKeys;
use self::sped::Sped;
use crate::{Config, TransportStats};

/// What the transport tells the peer connection.
#[derive(Debug)]
pub(crate) enum Event {
    /// The state of ICE changed.
    Ice(drywire_ice::ConnectionState),
    /// What is sent takes another path.
    PathChanged,
    /// DTLS is connected and the peer is the one whose fingerprint was signalled: media and data may flow.
    Secured,
    /// A plaintext from DTLS: an SCTP packet.
    Data(Bytes),
    /// DTLS ended.
    Closed(drywire_dtls::CloseReason),
}

/// ICE, DTLS and SRTP of one peer connection.
pub(crate) struct Transport {
    config: Arc<Config>,
    pub(crate) ice: drywire_ice::Agent,
    dtls: Option<drywire_dtls::Connection>,
    /// Whether a ClientHello may come before the answer that tells the peer's fingerprints.
    expects_client: bool,
    /// Whether DTLS began without the answer, so that it may turn out to be the wrong thing.
    provisional: bool,
    srtp: Option<SrtpKeys>,
    /// How the headers of packets are encrypted, of those that we send and of those that we receive.
    header_encryption: [HeaderEncryption; 2],
    early: EarlyRecords,
    /// DTLS inside STUN, if it is configured.
    sped: Option<Sped>,
    /// Whether DTLS was told the round-trip time of the path in use.
    timed: bool,
    /// Seeds the connections of DTLS: two at most.
    rng: Rng,
    /// ICE falls silent once DTLS has said goodbye.
    closing: bool,
    pub(crate) stats: TransportStats,
}

impl Transport {
    pub(crate) fn new(config: Arc<Config>, now: Instant, ice_seed: [u8; 32], seed: [u8; 32]) -> Self {
        let mut ice = drywire_ice::Agent::new(config.ice.clone(), now, ice_seed);
        ice.want_attachments(config.sped);
        Self {
            sped: config.sped.then(Sped::new),
            config,
            ice,
            dtls: None,
            expects_client: false,
            provisional: false,
            srtp: None,
            header_encryption: Default::default(),
            early: EarlyRecords::default(),
            timed: false,
            rng: Rng::new(seed),
            closing: false,
            stats: TransportStats::default(),
        }
    }

    pub(crate) fn dtls(&self) -> Option<&drywire_dtls::Connection> {
        self.dtls.as_ref()
    }

    pub(crate) fn handle_stun(&mut self, now: Instant, path: Path, datagram: BytesMut) {
        self.ice.handle_input(now, path, datagram);
        self.replay_early(now);
        self.proceed(now);
    }

    /// Takes a datagram of DTLS records. Only the address of a valid pair is believed: anybody else could send a
    /// ClientHello and win a race against the peer.
    pub(crate) fn handle_dtls(&mut self, now: Instant, path: Path, datagram: BytesMut) {
        let is_valid = self.ice.is_valid_path(path);
        if is_valid {
            self.meet_client(now, &datagram);
        }
        if is_valid && self.dtls.is_some() {
            self.take_datagram(now, datagram);
            self.proceed(now);
        } else {
            // The peer may be ready before our own check is answered, or before the answer is applied.
            self.early.hold(path, datagram);
        }
    }

    /// Decrypts an RTP packet in place.
    pub(crate) fn unprotect_rtp(&mut self, path: Path, packet: &mut BytesMut) -> Option<RtpHeader> {
        self.unprotect(path, |inbound| inbound.unprotect_rtp(packet))
    }

    /// Decrypts an RTCP datagram in place; returns whether it is authentic.
    pub(crate) fn unprotect_rtcp(&mut self, path: Path, packet: &mut BytesMut) -> bool {
        self.unprotect(path, |inbound| inbound.unprotect_rtcp(packet)).is_some()
    }

    fn unprotect<T>(
        &mut self,
        path: Path,
        open: impl FnOnce(&mut Inbound) -> Result<T, UnprotectError>,
    ) -> Option<T> {
        if !self.ice.is_valid_path(path) {
            self.stats.packets_from_unknown_path += 1;
            return None;
        }
        let opened = open(&mut self.srtp.as_mut()?.inbound);
        if let Err(error) = &opened {
            tracing::trace!(%error, "a packet of media was dropped");
            self.stats.srtp_packets_dropped += 1;
        }
        opened.ok()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.ice.handle_timeout(now);
        if !self.rests_dtls()
            && let Some(dtls) = &mut self.dtls
        {
            dtls.handle_timeout(now);
        }
        self.replay_early(now);
        self.proceed(now);
    }

    /// The path that media and data take now; `None` when nothing may be sent (RFC 7675, section 5.1).
    pub(crate) fn path(&self) -> Option<Path> {
        self.ice.selected_path()
    }

    /// The next datagram of ICE, or else of the DTLS handshake.
    pub(crate) fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        self.proceed(now);
        if let Some(transmit) = self.poll_ice(now, out) {
            return Some(transmit);
        }
        let farewell = self.path().and_then(|path| {
            let len = self.poll_dtls(now, out)?;
            Some(Transmit::datagram(path, len))
        });
        if self.closing && farewell.is_none() {
            // RFC 7675, section 5.2: consent is revoked by falling silent.
            self.ice.close(now);
        }
        farewell
    }

    /// Encrypts what `write` appends to `out` as one DTLS record, and returns the record's length; `None` when there is
    /// no connection or nothing was written. `out` then is as it was.
    pub(crate) fn seal(
        &mut self,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>) -> Option<usize>,
    ) -> Option<usize> {
        let dtls = self.dtls.as_mut()?;
        let start = out.len();
        let record = dtls.begin_record(out).ok()?;
        if write(out).is_none() {
            out.truncate(start);
            return None;
        }
        // On an error `out` is truncated to where the record began.
        let sealed = dtls.finish_record(out, record);
        sealed.inspect_err(|error| tracing::debug!(%error, "a record could not be encrypted")).ok()
    }

    /// Encrypts the RTP packet at the end of `out` in place. When that fails, the packet is removed.
    pub(crate) fn protect_rtp(&mut self, out: &mut Vec<u8>, start: usize) -> Option<usize> {
        self.protect(|outbound| outbound.protect_rtp(out, start))
    }

    /// Encrypts the RTCP datagram at the end of `out` in place. When that fails, the datagram is removed.
    pub(crate) fn protect_rtcp(&mut self, out: &mut Vec<u8>, start: usize) -> Option<usize> {
        self.protect(|outbound| outbound.protect_rtcp(out, start))
    }

    fn protect(&mut self, seal: impl FnOnce(&mut Outbound) -> Result<usize, ProtectError>) -> Option<usize> {
        let sealed = seal(&mut self.srtp.as_mut()?.outbound);
        sealed.inspect_err(|error| tracing::debug!(%error, "a packet of media could not be encrypted")).ok()
    }

    /// Sets how the headers of packets are encrypted, of those that we send and of those that we receive, as far as the
    /// descriptions say it by now.
    pub(crate) fn set_header_encryption(&mut self, outgoing: HeaderEncryption, incoming: HeaderEncryption) {
        self.header_encryption = [outgoing, incoming];
        self.apply_header_encryption();
    }

    fn apply_header_encryption(&mut self) {
        let [outgoing, incoming] = self.header_encryption;
        if let Some(srtp) = &mut self.srtp {
            srtp.outbound.set_header_encryption(outgoing);
            srtp.inbound.set_header_encryption(incoming);
        }
    }

    /// What the transport counted.
    pub(crate) fn stats(&self) -> TransportStats {
        let mut stats = self.stats;
        if let Some(srtp) = &self.srtp {
            stats.cryptex_packets_received = srtp.inbound.stats().cryptex;
            stats.cryptex_packets_sent = srtp.outbound.stats().cryptex;
        }
        stats
    }

    /// Whether media can be encrypted: DTLS is connected and agreed on a profile of SRTP.
    pub(crate) const fn has_srtp(&self) -> bool {
        self.srtp.is_some()
    }

    pub(crate) fn poll_event(&mut self, now: Instant) -> Option<Event> {
        while let Some(event) = self.ice.poll_event() {
            match event {
                drywire_ice::Event::StateChanged(state) => return Some(Event::Ice(state)),
                drywire_ice::Event::SelectedPathChanged(path) => {
                    tracing::debug!(%path, "the path for media and data");
                    self.timed = false;
                    return Some(Event::PathChanged);
                }
                other => tracing::trace!(event = ?other, "ice"),
            }
        }
        self.time_handshake(now);
        let dtls = self.dtls.as_mut()?;
        while let Some(event) = dtls.poll_event() {
            match event {
                drywire_dtls::Event::Connected => {
                    self.srtp = SrtpKeys::derive(&*self.config.provider, dtls);
                    self.apply_header_encryption();
                    return Some(Event::Secured);
                }
                drywire_dtls::Event::ApplicationData(data) => return Some(Event::Data(data)),
                drywire_dtls::Event::Closed { reason } if self.provisional => {
                    // Nobody knows yet whether that was the peer.
                    tracing::debug!(?reason, "a handshake before the answer came to nothing");
                    (self.dtls, self.provisional) = (None, false);
                    return self.poll_event(now);
                }
                drywire_dtls::Event::Closed { reason } => return Some(Event::Closed(reason)),
                other => tracing::trace!(event = ?other, "dtls"),
            }
        }
        None
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let dtls = self.dtls.as_ref().filter(|_| !self.rests_dtls());
        crate::earliest(self.ice.poll_timeout(), dtls.and_then(drywire_dtls::Connection::poll_timeout))
    }

    /// Says goodbye to the peer, and then nothing more.
    pub(crate) fn close(&mut self, now: Instant) {
        self.closing = true;
        self.end_sped();
        if let Some(dtls) = &mut self.dtls {
            dtls.close(now);
        }
    }

    /// Hands the records that came early to DTLS, as far as their path has become valid.
    fn replay_early(&mut self, now: Instant) {
        if self.dtls.is_none() || self.early.is_empty() {
            return;
        }
        for datagram in self.early.take(|path| self.ice.is_valid_path(path)) {
            self.take_datagram(now, datagram);
        }
    }
}
