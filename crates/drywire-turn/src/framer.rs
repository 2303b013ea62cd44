use bytes::BytesMut;
use drywire_core::Reader;
use drywire_stun::{HEADER_LEN, MAGIC_COOKIE};

use crate::CHANNEL_HEADER_LEN;

/// Cuts a stream into STUN messages and ChannelData, which the first two bits tell apart (RFC 8656, section 12.5).
#[derive(Debug, Default)]
pub(crate) struct Framer {
    buffer: BytesMut,
}

/// The stream carries something else: nobody can tell where the next message begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutOfStep;

impl Framer {
    /// Takes what was read. It is not copied unless a message is still incomplete.
    pub(crate) fn push(&mut self, bytes: BytesMut) {
        if self.buffer.is_empty() {
            self.buffer = bytes;
        } else {
            self.buffer.unsplit(bytes);
        }
    }

    /// Takes the next complete message, without its padding. One of more than `longest` bytes is not waited for.
    pub(crate) fn next(&mut self, longest: usize) -> Result<Option<BytesMut>, OutOfStep> {
        let mut reader = Reader::new(&self.buffer);
        let (Ok(first), Ok(len)) = (reader.u16(), reader.u16()) else { return Ok(None) };
        let len = usize::from(len);
        let (message, framed) = match first >> 14 {
            0 => {
                let wrong_cookie = reader.u32().is_ok_and(|cookie| cookie != MAGIC_COOKIE);
                if wrong_cookie || !len.is_multiple_of(4) {
                    return Err(OutOfStep);
                }
                (HEADER_LEN + len, HEADER_LEN + len)
            }
            1 => (CHANNEL_HEADER_LEN + len, CHANNEL_HEADER_LEN + len.next_multiple_of(4)),
            _ => return Err(OutOfStep),
        };
        if framed > longest {
            return Err(OutOfStep);
        }
        if self.buffer.len() < framed {
            return Ok(None);
        }
        let mut taken = self.buffer.split_to(framed);
        taken.truncate(message);
        Ok(Some(taken))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ChannelData;
    use drywire_stun::{Class, MessageBuilder, Method, TransactionId};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_division_of_the_stream_gives_the_messages(
            lens in proptest::collection::vec(0_usize..50, 1..10), cuts in proptest::collection::vec(1_usize..30, 1..100),
        ) {
            let (mut stream, mut messages) = (Vec::new(), Vec::new());
            for (index, len) in lens.iter().enumerate() {
                let mut message = Vec::new();
                if index % 2 == 0 {
                    ChannelData { channel: 0x4001, data: &vec![7; *len] }.write(true, &mut stream);
                    ChannelData { channel: 0x4001, data: &vec![7; *len] }.write(false, &mut message);
                } else {
                    MessageBuilder::new(&mut message, Class::Request, Method::BINDING, TransactionId::new([1; 12])).finish().unwrap();
                    stream.extend(&message);
                }
                messages.push(message);
            }
            let (mut framer, mut rest, mut seen) = (Framer::default(), &stream[..], Vec::new());
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break }
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                framer.push(now.into());
                while let Some(message) = framer.next(usize::MAX).unwrap() {
                    seen.push(message.to_vec());
                }
                rest = later;
            }
            prop_assert_eq!(seen, messages);
            prop_assert!(framer.is_empty());
        }
    }

    #[test]
    fn what_is_neither_is_out_of_step() {
        for bytes in [&[0x80, 0, 0, 0][..], &[0, 1, 0, 1], &[0, 1, 0, 0, 1, 2, 3, 4]] {
            let mut framer = Framer::default();
            framer.push(bytes.into());
            assert_eq!(framer.next(usize::MAX), Err(OutOfStep));
        }
    }
}
