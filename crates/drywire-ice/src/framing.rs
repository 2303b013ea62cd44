//! Datagrams over TCP: each has its length before it (RFC 4571, section 2).

use bytes::{Buf as _, BytesMut};

/// The most bytes that wait to be taken: two whole frames.
const MAX_BUFFERED: usize = 2 * (2 + 65_535);

/// What stands before a datagram of `len` bytes; `None` if it is too long for a frame.
///
/// ```
/// assert_eq!(drywire_ice::frame_header(258), Some([1, 2]));
/// assert_eq!(drywire_ice::frame_header(70_000), None);
/// ```
#[must_use]
pub fn frame_header(len: usize) -> Option<[u8; 2]> {
    u16::try_from(len).ok().map(u16::to_be_bytes)
}

/// Takes the datagrams out of a TCP stream (RFC 4571).
///
/// ```
/// let mut deframer = drywire_ice::Deframer::default();
/// assert_eq!(deframer.push(&[0, 3, 7, 7]), 4);
/// assert_eq!(deframer.next_frame(), None);
/// deframer.push(&[7, 0, 1]);
/// assert_eq!(&deframer.next_frame().unwrap()[..], [7, 7, 7]);
/// assert_eq!(deframer.next_frame(), None);
/// ```
#[derive(Debug, Default)]
pub struct Deframer {
    buffer: BytesMut,
}

impl Deframer {
    /// Takes bytes that were received; returns how many. Fewer than all are taken when much is waiting: take frames,
    /// and push the rest.
    #[must_use = "what was not taken is to be pushed again"]
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        let room = MAX_BUFFERED.saturating_sub(self.buffer.len()).min(bytes.len());
        self.buffer.extend_from_slice(bytes.get(..room).unwrap_or_default());
        room
    }

    /// The next datagram, if all of it is there. Empty ones are skipped.
    pub fn next_frame(&mut self) -> Option<BytesMut> {
        loop {
            let header = self.buffer.first_chunk::<2>()?;
            let len = usize::from(u16::from_be_bytes(*header));
            if self.buffer.len() < 2 + len {
                return None;
            }
            self.buffer.advance(2);
            let frame = self.buffer.split_to(len);
            if !frame.is_empty() {
                return Some(frame);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_waits_is_bounded() {
        let mut deframer = Deframer::default();
        let mut taken = 0;
        for _ in 0..100 {
            taken += deframer.push(&[0xFF; 10_000]);
        }
        assert_eq!(taken, MAX_BUFFERED);
        assert_eq!(deframer.next_frame().unwrap().len(), 65_535);
        assert_eq!(deframer.push(&[0; 10]), 10);
    }

    proptest! {
        #[test]
        fn datagrams_come_out_whatever_the_pieces(
            datagrams in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..400), 0..20),
            piece in 1..200_usize,
        ) {
            let mut stream = Vec::new();
            for datagram in &datagrams {
                stream.extend(frame_header(datagram.len()).unwrap());
                stream.extend(datagram);
            }
            let mut deframer = Deframer::default();
            let mut frames = Vec::new();
            for piece in stream.chunks(piece) {
                prop_assert_eq!(deframer.push(piece), piece.len());
                frames.extend(std::iter::from_fn(|| deframer.next_frame()).map(|frame| frame.to_vec()));
            }
            let expected: Vec<_> = datagrams.into_iter().filter(|datagram| !datagram.is_empty()).collect();
            prop_assert_eq!(frames, expected);
        }
    }
}
