use std::fmt;

use drywire_crypto::{Provider, SealError};
use drywire_rtp::{RtpHeader, Ssrc};

use crate::derive::{MasterKey, Use};
use crate::replay::{MAX_RTP_INDEX, ReplayWindow, estimate_index, join_index, rollover_counter};
use crate::rollover::RolloverCounters;
use crate::table::Table;
use crate::transform::{ExtensionCipher, RTCP_HEADER_LEN, Scope, Transform};
use crate::{HeaderEncryption, KeyError, Profile, ProtectError, RolloverError};

/// How many packets were protected, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutboundStats {
    /// RTP and RTCP packets.
    pub protected: u64,
    /// Those of them whose header was encrypted with [Cryptex](HeaderEncryption::Cryptex).
    pub cryptex: u64,
}

/// Protects the RTP and RTCP packets that one side sends.
///
/// A sequence number is used once for each SSRC: a packet with a number that was used before, or that is more than
/// 1,024 behind, is refused. So when two senders choose the same SSRC by mistake, no keystream is used twice: the second
/// of two packets with the same number is an error. That the peer uses the SSRC, too, is harmless, because each direction
/// has its own keys (RFC 3711, section 9.1).
pub struct Outbound {
    profile: Profile,
    rtp: Transform,
    rtcp: Transform,
    extensions: ExtensionCipher,
    header_encryption: HeaderEncryption,
    streams: Table<ReplayWindow<16>>,
    rollover_counters: RolloverCounters,
    /// The index of the next RTCP packet. One for all senders' SSRCs keeps the pairs of SSRC and index unique, with
    /// nothing to remember for each SSRC.
    rtcp_index: u32,
    stats: OutboundStats,
}

impl Outbound {
    const MAX_RTCP_INDEX: u32 = (1 << 31) - 1;

    /// Prepares the keys of one direction. `key` and `salt` are the master key and master salt.
    pub fn new(provider: &dyn Provider, profile: Profile, key: &[u8], salt: &[u8]) -> Result<Self, KeyError> {
        let master = MasterKey::new(provider, profile, key, salt)?;
        Ok(Self {
            profile,
            rtp: Transform::new(provider, profile, Use::Rtp, &master)?,
            rtcp: Transform::new(provider, profile, Use::Rtcp, &master)?,
            extensions: ExtensionCipher::new(provider, &master)?,
            header_encryption: HeaderEncryption::None,
            streams: Table::default(),
            rollover_counters: RolloverCounters::default(),
            // As other implementations do; 0 stands for "none yet" in some receivers.
            rtcp_index: 1,
            stats: OutboundStats::default(),
        })
    }

    /// The profile.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// How many packets were protected, and how.
    #[must_use]
    pub const fn stats(&self) -> &OutboundStats {
        &self.stats
    }

    /// How often the sequence number of a stream has wrapped around, `None` before its first packet (RFC 3711, section
    /// 3.3.1). A receiver that joins a stream late has to be told.
    #[must_use]
    pub fn rollover_counter(&self, ssrc: Ssrc) -> Option<u32> {
        Some(rollover_counter(self.streams.get(ssrc)?.highest()))
    }

    /// Sets with which rollover counter a stream begins, instead of 0: for a sender that goes on with the keys of
    /// another one, from whom it knows the counter.
    ///
    /// It must be higher than the last one that was used with these keys, or the sequence numbers must go on where they
    /// were: what was sent before is not known here, so [`Reused`](ProtectError::Reused) does not guard it.
    pub fn set_rollover_counter(&mut self, ssrc: Ssrc, counter: u32) -> Result<(), RolloverError> {
        match self.streams.get(ssrc) {
            Some(_) => Err(RolloverError::Begun),
            None => self.rollover_counters.set(ssrc, counter),
        }
    }

    /// Which parts of the headers of RTP packets are encrypted: what the peer said it can receive.
    #[must_use]
    pub const fn header_encryption(&self) -> HeaderEncryption {
        self.header_encryption
    }

    /// Sets which parts of the headers of RTP packets are encrypted, for all packets from now on.
    pub const fn set_header_encryption(&mut self, header_encryption: HeaderEncryption) {
        self.header_encryption = header_encryption;
    }

    /// Protects the RTP packet at `out[start..]`: encrypts its payload in place, appends the tag and returns the new
    /// length of the packet. On `Err` the packet is removed from `out`, so that it cannot be sent in the clear.
    pub fn protect_rtp(&mut self, out: &mut Vec<u8>, start: usize) -> Result<usize, ProtectError> {
        let protected = self.try_protect_rtp(out, start);
        Self::finish(protected, out, start)
    }

    /// Appends an RTP packet to `out` and protects it there: for a packet that goes to several receivers, each with keys
    /// of its own. Returns the length of what was appended; on `Err` nothing is.
    pub fn protect_rtp_into(&mut self, packet: &[u8], out: &mut Vec<u8>) -> Result<usize, ProtectError> {
        let start = out.len();
        // Room for an empty header extension, too.
        out.reserve(packet.len() + self.profile.rtp_overhead() + 4);
        out.extend_from_slice(packet);
        self.protect_rtp(out, start)
    }

    /// Protects the RTCP datagram at `out[start..]`, one packet or several: encrypts all behind the first eight bytes
    /// in place, appends index and tag, and returns the new length. On `Err` the datagram is removed from `out`.
    pub fn protect_rtcp(&mut self, out: &mut Vec<u8>, start: usize) -> Result<usize, ProtectError> {
        let protected = self.try_protect_rtcp(out, start);
        Self::finish(protected, out, start)
    }

    fn try_protect_rtp(&mut self, out: &mut Vec<u8>, start: usize) -> Result<(), ProtectError> {
        let packet = out.get(start..).ok_or(ProtectError::Malformed)?;
        let header = RtpHeader::parse_encrypted(packet).map_err(|_| ProtectError::Malformed)?;
        let scope = match self.header_encryption.cryptex() {
            true => Scope::begin_cryptex(out, start, &header).ok_or(ProtectError::HeaderExtension)?,
            false => Scope::payload(&header),
        };
        let (ssrc, sequence_number) = (header.ssrc(), header.sequence_number().0);
        let index = match self.streams.get_mut(ssrc) {
            Some(window) => {
                let index = estimate_index(window.highest(), sequence_number);
                if index > MAX_RTP_INDEX {
                    return Err(ProtectError::KeyExhausted);
                }
                if !window.is_new(index) {
                    return Err(ProtectError::Reused);
                }
                window.mark(index);
                index
            }
            None => {
                let index = join_index(self.rollover_counters.of(ssrc), sequence_number);
                self.streams
                    .insert(ssrc, ReplayWindow::new(index))
                    .map_err(|_| ProtectError::TooManyStreams)?;
                self.rollover_counters.remove(ssrc);
                index
            }
        };
        if !scope.is_cryptex() {
            let packet = out.get_mut(start..).unwrap_or_default();
            self.extensions.apply(packet, &header, index, self.header_encryption.extensions());
        }
        self.rtp.seal_rtp(out, start, scope, ssrc, index).map_err(|SealError| ProtectError::TooLong)?;
        self.stats.protected += 1;
        self.stats.cryptex += u64::from(scope.is_cryptex());
        Ok(())
    }

    fn try_protect_rtcp(&mut self, out: &mut Vec<u8>, start: usize) -> Result<(), ProtectError> {
        let packet = out.get(start..).ok_or(ProtectError::Malformed)?;
        let ssrc = rtcp_sender(packet).ok_or(ProtectError::Malformed)?;
        let index = self.rtcp_index;
        if index > Self::MAX_RTCP_INDEX {
            return Err(ProtectError::KeyExhausted);
        }
        self.rtcp_index = index + 1;
        self.rtcp.seal_rtcp(out, start, ssrc, index).map_err(|SealError| ProtectError::TooLong)?;
        self.stats.protected += 1;
        Ok(())
    }

    /// Goes to the end of the numbers, which no test could reach by sending.
    #[cfg(test)]
    pub(crate) const fn seek_rtcp(&mut self, index: u32) {
        self.rtcp_index = index;
    }

    fn finish(
        protected: Result<(), ProtectError>,
        out: &mut Vec<u8>,
        start: usize,
    ) -> Result<usize, ProtectError> {
        if protected.is_err() {
            out.truncate(start);
        }
        protected.map(|()| out.len().saturating_sub(start))
    }
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound")
            .field("profile", &self.profile)
            .field("streams", &self.streams.len())
            .finish_non_exhaustive()
    }
}

/// The SSRC of the sender of an RTCP datagram: that of its first packet.
pub(crate) fn rtcp_sender(packet: &[u8]) -> Option<Ssrc> {
    let [first, _, _, _, ssrc @ ..] = packet.first_chunk::<RTCP_HEADER_LEN>()?;
    (first >> 6 == 2).then_some(Ssrc(u32::from_be_bytes(*ssrc)))
}
