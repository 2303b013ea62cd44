use std::fmt;

use bytes::BytesMut;
use drywire_crypto::{OpenError, Provider};
use drywire_rtp::{RtpHeader, Ssrc};

use crate::derive::{MasterKey, Use};
use crate::outbound::rtcp_sender;
use crate::replay::{MAX_RTP_INDEX, ReplayWindow, estimate_index, join_index, rollover_counter};
use crate::rollover::RolloverCounters;
use crate::table::Table;
use crate::transform::{ExtensionCipher, RTCP_HEADER_LEN, Scope, Transform};
use crate::{HeaderEncryption, KeyError, Profile, RolloverError, UnprotectError};

#[cfg(test)]
mod tests;

/// How often packets were accepted or not, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct InboundStats {
    /// RTP and RTCP packets that were authentic and new.
    pub accepted: u64,
    /// Those of them whose header was encrypted with [Cryptex](HeaderEncryption::Cryptex).
    pub cryptex: u64,
    /// Packets that could not be read.
    pub malformed: u64,
    /// Packets that came again, or too late to tell.
    pub replayed: u64,
    /// Packets whose tag was wrong.
    pub unauthentic: u64,
    /// Streams that were forgotten for new ones, because there were too many.
    pub displaced_streams: u64,
}

/// Takes the protection off the RTP and RTCP packets that one side receives.
///
/// Nothing that is not authentic changes any state. Any number of bad packets does no more than count.
pub struct Inbound {
    profile: Profile,
    rtp: Transform,
    rtcp: Transform,
    extensions: ExtensionCipher,
    header_encryption: HeaderEncryption,
    rtp_streams: Table<ReplayWindow<16>>,
    rtcp_streams: Table<ReplayWindow<2>>,
    rollover_counters: RolloverCounters,
    /// The first packet of a stream, while its rollover counter is guessed.
    copy: Vec<u8>,
    stats: InboundStats,
}

impl Inbound {
    /// Prepares the keys of one direction. `key` and `salt` are the master key and master salt.
    pub fn new(provider: &dyn Provider, profile: Profile, key: &[u8], salt: &[u8]) -> Result<Self, KeyError> {
        let master = MasterKey::new(provider, profile, key, salt)?;
        Ok(Self {
            profile,
            rtp: Transform::new(provider, profile, Use::Rtp, &master)?,
            rtcp: Transform::new(provider, profile, Use::Rtcp, &master)?,
            extensions: ExtensionCipher::new(provider, &master)?,
            header_encryption: HeaderEncryption::None,
            rtp_streams: Table::default(),
            rtcp_streams: Table::default(),
            rollover_counters: RolloverCounters::default(),
            copy: Vec::new(),
            stats: InboundStats::default(),
        })
    }

    /// Verifies an RTP packet, decrypts it in place, cuts the tag off and returns its header. Whether the packet is
    /// RTP or RTCP is told apart by the caller, with [`drywire_rtp::is_rtcp`].
    pub fn unprotect_rtp(&mut self, packet: &mut BytesMut) -> Result<RtpHeader, UnprotectError> {
        let result = self.try_unprotect_rtp(packet);
        self.count(result.as_ref().err());
        result
    }

    /// Verifies an RTCP datagram, decrypts it in place and cuts index and tag off.
    pub fn unprotect_rtcp(&mut self, packet: &mut BytesMut) -> Result<(), UnprotectError> {
        let result = self.try_unprotect_rtcp(packet);
        self.count(result.as_ref().err());
        result
    }

    /// How often the sequence number of a stream has wrapped around, `None` before its first packet (RFC 3711, section
    /// 3.3.1).
    #[must_use]
    pub fn rollover_counter(&self, ssrc: Ssrc) -> Option<u32> {
        Some(rollover_counter(self.rtp_streams.get(ssrc)?.highest()))
    }

    /// Sets with which rollover counter a stream begins, instead of 0: for a receiver that joins late, and was told.
    /// It may be one too high or too low, when the sequence number wraps around meanwhile.
    pub fn set_rollover_counter(&mut self, ssrc: Ssrc, counter: u32) -> Result<(), RolloverError> {
        match self.rtp_streams.get(ssrc) {
            Some(_) => Err(RolloverError::Begun),
            None => self.rollover_counters.set(ssrc, counter),
        }
    }

    /// Which parts of the headers of RTP packets may be encrypted: what we told the peer that we can receive.
    #[must_use]
    pub const fn header_encryption(&self) -> HeaderEncryption {
        self.header_encryption
    }

    /// Sets which parts of the headers of RTP packets may be encrypted, for all packets from now on. What the other side
    /// protected in another way is still authentic: it is accepted, with parts of the header that look like noise. So
    /// this is to be called when an offer or answer of ours says what we can receive, not later.
    pub const fn set_header_encryption(&mut self, header_encryption: HeaderEncryption) {
        self.header_encryption = header_encryption;
    }

    /// The profile.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// How often packets were accepted or not, and why.
    #[must_use]
    pub const fn stats(&self) -> &InboundStats {
        &self.stats
    }

    fn try_unprotect_rtp(&mut self, packet: &mut BytesMut) -> Result<RtpHeader, UnprotectError> {
        let header = RtpHeader::parse_encrypted(packet)?;
        if header.payload_len() < self.profile.rtp_overhead() {
            return Err(UnprotectError::Malformed);
        }
        let scope = match self.header_encryption.cryptex() {
            true => Scope::of_received(&header),
            false => Scope::payload(&header),
        };
        let (ssrc, sequence_number) = (header.ssrc(), header.sequence_number().0);
        let (index, len) = match self.rtp_streams.get_mut(ssrc) {
            Some(window) => {
                let mut index = estimate_index(window.highest(), sequence_number);
                if window.is_past(index) {
                    // So far back it would be dropped anyway. The other index of this sequence number lies ahead: more
                    // than 2^15 packets may have been lost. The tag decides.
                    index = index.saturating_add(1 << 16);
                } else if !window.is_new(index) {
                    return Err(UnprotectError::Replayed);
                }
                if index > MAX_RTP_INDEX {
                    // No sender gets there with these keys (RFC 3711, section 9.2).
                    return Err(UnprotectError::Authentication);
                }
                let len = self
                    .rtp
                    .open_rtp(packet, scope, ssrc, index)
                    .map_err(|OpenError| UnprotectError::Authentication)?;
                window.mark(index);
                self.rtp_streams.touch_last();
                (index, len)
            }
            None => self.open_first_rtp(packet, &header, scope)?,
        };
        packet.truncate(len);
        if scope.is_cryptex() {
            scope.finish_cryptex(packet);
            let header = RtpHeader::parse(packet)?;
            self.stats.cryptex += 1;
            return Ok(header);
        }
        self.extensions.apply(packet, &header, index, self.header_encryption.extensions());
        Ok(header.decrypted(packet)?)
    }

    /// Opens the first packet of a stream. Its rollover counter should be the one it begins with, 0 if nothing else was
    /// said; but when packets around a wrap of the sequence number were lost or overtaken, it is the next or the last.
    fn open_first_rtp(
        &mut self,
        packet: &mut BytesMut,
        header: &RtpHeader,
        scope: Scope,
    ) -> Result<(u64, usize), UnprotectError> {
        let (ssrc, sequence_number) = (header.ssrc(), header.sequence_number().0);
        let counter = self.rollover_counters.of(ssrc);
        let other = match sequence_number {
            0..0x8000 => counter.checked_add(1),
            0x8000.. => counter.checked_sub(1),
        };
        if other.is_some() {
            self.copy.clear();
            self.copy.extend_from_slice(packet);
        }
        let mut index = join_index(counter, sequence_number);
        let mut opened = self.rtp.open_rtp(packet, scope, ssrc, index);
        if let (Err(OpenError), Some(other)) = (opened, other) {
            packet.copy_from_slice(&self.copy);
            index = join_index(other, sequence_number);
            opened = self.rtp.open_rtp(packet, scope, ssrc, index);
        }
        let len = opened.map_err(|OpenError| UnprotectError::Authentication)?;
        self.rollover_counters.remove(ssrc);
        if self.rtp_streams.insert_or_replace(ssrc, ReplayWindow::new(index)) {
            self.stats.displaced_streams += 1;
        }
        Ok((index, len))
    }

    fn try_unprotect_rtcp(&mut self, packet: &mut BytesMut) -> Result<(), UnprotectError> {
        if packet.len() < RTCP_HEADER_LEN + self.profile.rtcp_overhead() {
            return Err(UnprotectError::Malformed);
        }
        let ssrc = rtcp_sender(packet).ok_or(UnprotectError::Malformed)?;
        let word = self.rtcp.rtcp_word(packet).ok_or(UnprotectError::Malformed)?;
        let index = u64::from(word.index());
        let known = match self.rtcp_streams.get_mut(ssrc) {
            Some(window) if !window.is_new(index) => return Err(UnprotectError::Replayed),
            known => known,
        };
        let len =
            self.rtcp.open_rtcp(packet, ssrc, word).map_err(|OpenError| UnprotectError::Authentication)?;
        match known {
            Some(window) => {
                window.mark(index);
                self.rtcp_streams.touch_last();
            }
            None => self.insert_rtcp_stream(ssrc, index),
        }
        packet.truncate(len);
        Ok(())
    }

    fn insert_rtcp_stream(&mut self, ssrc: Ssrc, index: u64) {
        if self.rtcp_streams.insert_or_replace(ssrc, ReplayWindow::new(index)) {
            self.stats.displaced_streams += 1;
        }
    }

    fn count(&mut self, error: Option<&UnprotectError>) {
        let counter = match error {
            None => &mut self.stats.accepted,
            Some(UnprotectError::Malformed | UnprotectError::Header(_)) => &mut self.stats.malformed,
            Some(UnprotectError::Replayed) => &mut self.stats.replayed,
            Some(UnprotectError::Authentication) => &mut self.stats.unauthentic,
        };
        *counter += 1;
        if let Some(error) = error {
            tracing::trace!(%error, "dropped a packet");
        }
    }
}

impl fmt::Debug for Inbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbound")
            .field("profile", &self.profile)
            .field("rtp_streams", &self.rtp_streams.len())
            .field("rtcp_streams", &self.rtcp_streams.len())
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
