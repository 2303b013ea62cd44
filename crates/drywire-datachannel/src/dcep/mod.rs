//! The Data Channel Establishment Protocol (RFC 8832): two messages, sent with payload protocol identifier 50 on the
//! stream of the channel that they are about.

mod ack;
mod open;

use drywire_core::{Reader, Writer};

pub use ack::Ack;
pub use open::Open;

use crate::ParseError;

/// A message of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dcep<'a> {
    /// Opens a channel.
    Open(Open<'a>),
    /// Acknowledges that a channel was opened.
    Ack(Ack),
}

impl<'a> Dcep<'a> {
    /// Reads one user message that came with payload protocol identifier 50.
    ///
    /// Bytes behind the message are ignored: older drafts had an acknowledgement of four bytes.
    pub fn parse(message: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(message);
        match reader.u8()? {
            Open::MESSAGE_TYPE => Open::parse(&mut reader).map(Self::Open),
            Ack::MESSAGE_TYPE => Ok(Self::Ack(Ack)),
            other => Err(ParseError::UnknownMessageType(other)),
        }
    }

    /// Appends the message.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut writer = Writer::new(out);
        match self {
            Self::Open(open) => open.write(&mut writer),
            Self::Ack(ack) => ack.write(&mut writer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reliability;
    use proptest::prelude::*;

    fn reliability() -> impl Strategy<Value = Reliability> {
        prop_oneof![
            Just(Reliability::Reliable),
            any::<u16>().prop_map(Reliability::MaxRetransmits),
            any::<u16>().prop_map(Reliability::MaxPacketLifeTime),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            ordered in any::<bool>(),
            reliability in reliability(),
            priority in any::<u16>(),
            label in ".{0,40}",
            protocol in ".{0,40}",
        ) {
            let open = Dcep::Open(Open { ordered, reliability, priority, label: &label, protocol: &protocol });
            let mut out = b"before".to_vec();
            open.write(&mut out);
            prop_assert_eq!(Dcep::parse(&out[6..]), Ok(open));
            for len in 0..out.len() - 6 {
                prop_assert!(matches!(Dcep::parse(&out[6..6 + len]), Err(ParseError::Truncated(_))));
            }
        }

        #[test]
        fn bytes_are_read_or_refused(message in proptest::collection::vec(any::<u8>(), 0..64), kind in 0_u8..5) {
            let mut message = message;
            if let Some(first) = message.first_mut() {
                *first = kind;
            }
            if let Ok(parsed) = Dcep::parse(&message) {
                let mut out = Vec::new();
                parsed.write(&mut out);
                prop_assert_eq!(Dcep::parse(&out), Ok(parsed));
            }
        }
    }

    #[test]
    fn unknown_messages_are_refused() {
        for kind in [0, 1, 4, 255] {
            assert_eq!(Dcep::parse(&[kind, 0, 0, 0]), Err(ParseError::UnknownMessageType(kind)));
        }
        assert!(matches!(Dcep::parse(&[]), Err(ParseError::Truncated(_))));
    }
}
