//! The payload protocol identifiers of data channels (RFC 8831, section 8; RFC 8832, section 8.1).

use crate::MessageKind;

pub(crate) const DCEP: u32 = 50;
const STRING: u32 = 51;
const BINARY_PARTIAL: u32 = 52;
const BINARY: u32 = 53;
const STRING_PARTIAL: u32 = 54;
const STRING_EMPTY: u32 = 56;
const BINARY_EMPTY: u32 = 57;

/// What a user message is, by its identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// A message of the establishment protocol.
    Dcep,
    /// A message, or the last part of one.
    Whole(MessageKind),
    /// A part of a message that goes on: deprecated (RFC 8831, section 6.6), and still sent by old peers.
    Part(MessageKind),
    /// An empty message, which has one byte because SCTP has no empty messages.
    Empty(MessageKind),
    /// Nothing that we know.
    Unknown,
}

pub(crate) const fn content(ppid: u32) -> Content {
    match ppid {
        DCEP => Content::Dcep,
        STRING => Content::Whole(MessageKind::Text),
        BINARY => Content::Whole(MessageKind::Binary),
        STRING_PARTIAL => Content::Part(MessageKind::Text),
        BINARY_PARTIAL => Content::Part(MessageKind::Binary),
        STRING_EMPTY => Content::Empty(MessageKind::Text),
        BINARY_EMPTY => Content::Empty(MessageKind::Binary),
        _ => Content::Unknown,
    }
}

/// The identifier that a message is sent with.
pub(crate) const fn of(kind: MessageKind, empty: bool) -> u32 {
    match (kind, empty) {
        (MessageKind::Text, false) => STRING,
        (MessageKind::Binary, false) => BINARY,
        (MessageKind::Text, true) => STRING_EMPTY,
        (MessageKind::Binary, true) => BINARY_EMPTY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_understood() {
        for kind in [MessageKind::Text, MessageKind::Binary] {
            assert_eq!(content(of(kind, false)), Content::Whole(kind));
            assert_eq!(content(of(kind, true)), Content::Empty(kind));
        }
        assert_eq!(content(0), Content::Unknown);
        assert_eq!(content(55), Content::Unknown);
    }
}
