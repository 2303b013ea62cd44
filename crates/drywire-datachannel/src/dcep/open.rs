use drywire_core::{Reader, Writer};

use crate::{ParseError, Reliability};

/// DATA_CHANNEL_OPEN (RFC 8832, section 5.1): the properties of a channel that the sender uses from now on.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |  Message Type |  Channel Type |            Priority           |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                    Reliability Parameter                      |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |         Label Length          |       Protocol Length         |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// \                             Label                             /
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// \                            Protocol                           /
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open<'a> {
    /// Whether messages arrive in the order in which they were sent.
    pub ordered: bool,
    /// When a message is given up. The field on the wire has 32 bits; what does not fit into 16 is read as 65,535.
    pub reliability: Reliability,
    /// The priority of the channel (RFC 8831, section 6.4).
    pub priority: u16,
    /// The label; at most 65,535 bytes.
    pub label: &'a str,
    /// The subprotocol; at most 65,535 bytes.
    pub protocol: &'a str,
}

/// Set in the channel type of an unordered channel (RFC 8832, section 8.2.2).
const UNORDERED: u8 = 0x80;
const RELIABLE: u8 = 0x00;
const PARTIAL_RELIABLE_REXMIT: u8 = 0x01;
const PARTIAL_RELIABLE_TIMED: u8 = 0x02;

impl<'a> Open<'a> {
    pub(super) const MESSAGE_TYPE: u8 = 0x03;

    /// Reads what follows the message type.
    pub(super) fn parse(reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        let channel_type = reader.u8()?;
        let priority = reader.u16()?;
        let parameter = u16::try_from(reader.u32()?).unwrap_or(u16::MAX);
        let reliability = match channel_type & !UNORDERED {
            // RFC 8832, section 5.1: the parameter MUST be ignored on a reliable channel.
            RELIABLE => Reliability::Reliable,
            PARTIAL_RELIABLE_REXMIT => Reliability::MaxRetransmits(parameter),
            PARTIAL_RELIABLE_TIMED => Reliability::MaxPacketLifeTime(parameter),
            _ => return Err(ParseError::UnknownChannelType(channel_type)),
        };
        let label_len = reader.u16()?;
        let protocol_len = reader.u16()?;
        let label = text(reader, label_len)?;
        let protocol = text(reader, protocol_len)?;
        Ok(Self { ordered: channel_type & UNORDERED == 0, reliability, priority, label, protocol })
    }

    pub(super) fn write(&self, out: &mut Writer<'_>) {
        let (channel_type, parameter) = match self.reliability {
            Reliability::Reliable => (RELIABLE, 0),
            Reliability::MaxRetransmits(count) => (PARTIAL_RELIABLE_REXMIT, count),
            Reliability::MaxPacketLifeTime(milliseconds) => (PARTIAL_RELIABLE_TIMED, milliseconds),
        };
        let (label, label_len) = bounded(self.label);
        let (protocol, protocol_len) = bounded(self.protocol);
        out.u8(Self::MESSAGE_TYPE)
            .u8(if self.ordered { channel_type } else { channel_type | UNORDERED })
            .u16(self.priority)
            .u32(u32::from(parameter))
            .u16(label_len)
            .u16(protocol_len)
            .bytes(label.as_bytes())
            .bytes(protocol.as_bytes());
    }
}

fn text<'a>(reader: &mut Reader<'a>, len: u16) -> Result<&'a str, ParseError> {
    let offset = reader.offset();
    std::str::from_utf8(reader.take(usize::from(len))?).map_err(|_| ParseError::InvalidText { offset })
}

/// A text that the length field can count: a longer one is refused when a channel is opened, and left out here.
fn bounded(text: &str) -> (&str, u16) {
    u16::try_from(text.len()).map_or(("", 0), |len| (text, len))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dcep::Dcep;

    fn captured(bytes: &[u8], expected: Open<'_>) {
        assert_eq!(Dcep::parse(bytes), Ok(Dcep::Open(expected)));
        let mut out = Vec::new();
        Dcep::Open(expected).write(&mut out);
        assert_eq!(out, bytes);
    }

    /// What Chromium 156 sends for `createDataChannel` with various options.
    #[test]
    fn captured_from_chromium() {
        captured(
            &[3, 0, 1, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0x63, 0x68, 0x61, 0x74],
            Open {
                ordered: true,
                reliability: Reliability::Reliable,
                priority: 256,
                label: "chat",
                protocol: "",
            },
        );
        captured(
            &[
                3, 0x80, 1, 0, 0, 0, 0, 0, 0, 7, 0, 6, 0x67, 0x72, 0xc3, 0xb6, 0xc3, 0x9f, 0x65, 0x65, 0x63,
                0x68, 0x6f, 0x2e, 0x31,
            ],
            Open {
                ordered: false,
                reliability: Reliability::Reliable,
                priority: 256,
                label: "größe",
                protocol: "echo.1",
            },
        );
        captured(
            &[3, 0x81, 1, 0, 0, 0, 0, 3, 0, 5, 0, 0, 0x6c, 0x6f, 0x73, 0x73, 0x79],
            Open {
                ordered: false,
                reliability: Reliability::MaxRetransmits(3),
                priority: 256,
                label: "lossy",
                protocol: "",
            },
        );
        captured(
            &[3, 2, 1, 0, 0, 0, 0, 0xfa, 0, 0, 0, 0],
            Open {
                ordered: true,
                reliability: Reliability::MaxPacketLifeTime(250),
                priority: 256,
                label: "",
                protocol: "",
            },
        );
    }

    #[test]
    fn what_cannot_be_used_is_refused() {
        let open = [3, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0x61, 0x62, 0x63];
        assert!(Dcep::parse(&open).is_ok());
        let with = |at: usize, byte: u8| {
            let mut open = open;
            open[at] = byte;
            open
        };
        assert_eq!(Dcep::parse(&with(1, 3)), Err(ParseError::UnknownChannelType(3)));
        assert_eq!(Dcep::parse(&with(1, 0x83)), Err(ParseError::UnknownChannelType(0x83)));
        assert_eq!(Dcep::parse(&with(12, 0xff)), Err(ParseError::InvalidText { offset: 12 }));
        assert_eq!(Dcep::parse(&with(14, 0xff)), Err(ParseError::InvalidText { offset: 14 }));
        // Lengths past the end, each and together (attack E09).
        for (at, byte) in [(8, 0xff), (9, 3), (9, 4), (10, 0xff), (11, 2)] {
            assert!(matches!(Dcep::parse(&with(at, byte)), Err(ParseError::Truncated(_))), "{at} {byte}");
        }
        // A parameter of a reliable channel is ignored; one that is too large is read as the largest.
        assert!(matches!(
            Dcep::parse(&with(7, 9)),
            Ok(Dcep::Open(Open { reliability: Reliability::Reliable, .. }))
        ));
        let mut huge = with(1, 1);
        huge[4] = 1;
        assert!(matches!(
            Dcep::parse(&huge),
            Ok(Dcep::Open(Open { reliability: Reliability::MaxRetransmits(u16::MAX), .. }))
        ));
    }
}
