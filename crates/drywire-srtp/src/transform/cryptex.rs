use drywire_rtp::RtpHeader;

#[cfg(test)]
mod tests;

/// The length of the fixed part of the RTP header.
const FIXED_LEN: usize = 12;

/// The length of profile and length in front of a header extension.
const EXTENSION_HEAD_LEN: usize = 4;

/// What is "defined by profile" in front of a header extension: as in RFC 8285, and encrypted with Cryptex (RFC 9335,
/// section 5).
const ONE_BYTE: [u8; 2] = [0xBE, 0xDE];
const ONE_BYTE_ENCRYPTED: [u8; 2] = [0xC0, 0xDE];
const TWO_BYTE: [u8; 2] = [0x10, 0x00];
const TWO_BYTE_ENCRYPTED: [u8; 2] = [0xC2, 0xDE];

/// Which part of an RTP packet is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    /// Where the encrypted part begins.
    start: usize,
    /// With Cryptex, how many bytes of contributing sources there are. They are encrypted; profile and length of the
    /// header extension, which follow them, are not; the header extension, which follows those, is again.
    csrcs_len: usize,
    is_cryptex: bool,
}

impl Scope {
    /// The payload.
    pub(crate) const fn payload(header: &RtpHeader) -> Self {
        Self { start: header.header_len(), csrcs_len: 0, is_cryptex: false }
    }

    /// Contributing sources, header extension and payload.
    fn cryptex(header: &RtpHeader) -> Self {
        let csrcs_len = header.csrcs_range().len();
        Self { start: FIXED_LEN + EXTENSION_HEAD_LEN, csrcs_len, is_cryptex: true }
    }

    /// Prepares the packet at `out[start..]` for Cryptex (RFC 9335, section 5.1): marks it as encrypted, and adds an
    /// empty header extension where there are only contributing sources. `None` if the header extension is not of the
    /// kinds of RFC 8285, which must not be encrypted so, or has its application bits set, for which there is no place.
    pub(crate) fn begin_cryptex(out: &mut Vec<u8>, start: usize, header: &RtpHeader) -> Option<Self> {
        let csrcs = header.csrcs_range();
        let head = start + csrcs.end;
        if let Some(profile) = header.extension_profile() {
            let encrypted = match profile.to_be_bytes() {
                ONE_BYTE => ONE_BYTE_ENCRYPTED,
                TWO_BYTE => TWO_BYTE_ENCRYPTED,
                _ => return None,
            };
            *out.get_mut(head..)?.first_chunk_mut()? = encrypted;
        } else if csrcs.is_empty() {
            return Some(Self::payload(header));
        } else {
            let [high, low] = ONE_BYTE_ENCRYPTED;
            out.splice(head..head, [high, low, 0, 0]);
            *out.get_mut(start)? |= 0x10;
        }
        Some(Self::cryptex(header))
    }

    /// What is encrypted in a packet from a sender who may use Cryptex: the mark says it (RFC 9335, section 5.2).
    pub(crate) fn of_received(header: &RtpHeader) -> Self {
        match header.extension_profile().map(u16::to_be_bytes) {
            Some(ONE_BYTE_ENCRYPTED | TWO_BYTE_ENCRYPTED) => Self::cryptex(header),
            _ => Self::payload(header),
        }
    }

    /// Whether this is Cryptex.
    pub(crate) const fn is_cryptex(self) -> bool {
        self.is_cryptex
    }

    /// Gives a decrypted header extension the mark of one in the clear.
    pub(crate) fn finish_cryptex(self, packet: &mut [u8]) {
        let head = packet.get_mut(FIXED_LEN + self.csrcs_len..).and_then(<[u8]>::first_chunk_mut);
        if let Some(profile) = head {
            *profile = match *profile {
                TWO_BYTE_ENCRYPTED => TWO_BYTE,
                _ => ONE_BYTE,
            };
        }
    }

    /// Where the encrypted part of a gathered packet begins.
    pub(super) const fn start(self) -> usize {
        self.start
    }

    /// Brings what is encrypted together: moves profile and length of the header extension in front of the
    /// contributing sources. In this order, too, an AEAD authenticates what is in the clear (RFC 9335, section 6.2).
    #[inline]
    pub(super) fn gather(self, packet: &mut [u8]) {
        if let Some(part) = self.moved(packet) {
            part.rotate_right(EXTENSION_HEAD_LEN);
        }
    }

    /// Brings what was gathered back to its place.
    #[inline]
    pub(super) fn scatter(self, packet: &mut [u8]) {
        if let Some(part) = self.moved(packet) {
            part.rotate_left(EXTENSION_HEAD_LEN);
        }
    }

    fn moved(self, packet: &mut [u8]) -> Option<&mut [u8]> {
        if self.csrcs_len == 0 {
            return None;
        }
        packet.get_mut(FIXED_LEN..FIXED_LEN + self.csrcs_len + EXTENSION_HEAD_LEN)
    }
}
