use drywire_core::{Reader, Writer};

/// The numbers that channels have (RFC 8656, section 12). RFC 5766 allowed more, which now belong to other protocols
/// on the same port (RFC 7983).
pub const CHANNELS: std::ops::RangeInclusive<u16> = 0x4000..=0x4FFF;

/// The numbers of RFC 5766, of which some clients draw at random.
pub(crate) const LEGACY_CHANNELS: std::ops::RangeInclusive<u16> = 0x4000..=0x7FFF;

/// The length of the header of [`ChannelData`].
pub const CHANNEL_HEADER_LEN: usize = 4;

/// A datagram on a channel (RFC 8656, section 12.4).
///
/// ```text
///  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///  |         Channel Number        |            Length             |
///  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///  |      Application Data; over streams padded to 4 bytes        ..
///  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelData<'a> {
    /// The channel, one of [`CHANNELS`].
    pub channel: u16,
    /// The datagram.
    pub data: &'a [u8],
}

impl<'a> ChannelData<'a> {
    /// Reads one message. `None` when the number is not one of a channel, or the length leads beyond the end. What
    /// follows is padding, which RFC 8656 (section 12.5) allows over UDP, too.
    #[must_use]
    pub fn parse(message: &'a [u8]) -> Option<Self> {
        Self::parse_any(message).filter(|data| CHANNELS.contains(&data.channel))
    }

    /// The same, with the channel numbers of RFC 5766.
    pub(crate) fn parse_any(message: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(message);
        let (channel, len) = (reader.u16().ok()?, reader.u16().ok()?);
        let data = reader.take(usize::from(len)).ok()?;
        LEGACY_CHANNELS.contains(&channel).then_some(Self { channel, data })
    }

    /// Appends the message, padded with zeros if it goes over a stream. `None`, and nothing appended, when the data is
    /// longer than 65,535 bytes.
    pub fn write(&self, padded: bool, out: &mut Vec<u8>) -> Option<usize> {
        let len = u16::try_from(self.data.len()).ok()?;
        let mut writer = Writer::new(out);
        writer.u16(self.channel).u16(len).bytes(self.data);
        if padded {
            let len = self.data.len();
            writer.zeros(len.next_multiple_of(4) - len);
        }
        Some(writer.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn is_read_as_written(channel in CHANNELS, data in proptest::collection::vec(any::<u8>(), 0..100), padded: bool) {
            let mut out = vec![0xFF];
            let len = ChannelData { channel, data: &data }.write(padded, &mut out).unwrap();
            prop_assert_eq!(len, out.len() - 1);
            prop_assert!(!padded || len.is_multiple_of(4));
            prop_assert_eq!(ChannelData::parse(&out[1..]), Some(ChannelData { channel, data: &data }));
            for end in 0..4 + data.len() {
                prop_assert_eq!(ChannelData::parse(&out[1..1 + end]), None);
            }
        }

        #[test]
        fn b10_the_length_never_leads_beyond_the_datagram(message in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Some(ChannelData { data, .. }) = ChannelData::parse(&message) {
                prop_assert!(data.len() + 4 <= message.len());
                prop_assert_eq!(data, &message[4..4 + data.len()]);
            }
        }

        #[test]
        fn b10_padding_is_zero(data in proptest::collection::vec(1_u8.., 0..64)) {
            // What was in the buffer's memory before must not show.
            let mut out = vec![0xEE; 200];
            out.clear();
            ChannelData { channel: 0x4000, data: &data }.write(true, &mut out).unwrap();
            prop_assert!(out[4 + data.len()..].iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn numbers_of_other_protocols_are_no_channels() {
        for number in [0_u16, 0x3FFF, 0x5000, 0x7FFF, 0xFFFF] {
            let mut message = number.to_be_bytes().to_vec();
            message.extend([0, 0]);
            assert_eq!(ChannelData::parse(&message), None);
        }
    }
}
