use bytes::{Buf, BytesMut};

use crate::{FramingError, HEADER_LEN, MAGIC_COOKIE};

/// One message of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A whole STUN message, for [`Message::parse`](crate::Message::parse).
    Stun(BytesMut),
    /// ChannelData of TURN (RFC 8656, section 12.4): channel number, length and data, without padding.
    ChannelData(BytesMut),
}

/// Cuts a byte stream (TCP, TLS) into STUN messages (RFC 8489, section 6.2.2) and ChannelData (RFC 8656,
/// section 12.5), which say themselves how long they are.
///
/// ```
/// use bytes::BytesMut;
/// use drywire_stun::{Class, Frame, Message, MessageBuilder, Method, StreamFramer, TransactionId};
///
/// let mut bytes = Vec::new();
/// MessageBuilder::new(&mut bytes, Class::Request, Method::BINDING, TransactionId::new([7; 12])).finish()?;
/// bytes.extend([0x40, 0, 0, 1, b'x', 0, 0, 0]);
///
/// let mut framer = StreamFramer::default();
/// let mut frames = Vec::new();
/// for byte in bytes.chunks(1) {
///     framer.push(&mut BytesMut::from(byte));
///     frames.extend(framer.next_frame()?);
/// }
/// let [Frame::Stun(message), Frame::ChannelData(data)] = &frames[..] else { panic!() };
/// assert_eq!(Message::parse(message)?.method(), Method::BINDING);
/// assert_eq!(&data[..], [0x40, 0, 0, 1, b'x']);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct StreamFramer {
    buffer: BytesMut,
    longest: usize,
    /// The first byte of the highest channel number.
    last_channel: u8,
    error: Option<FramingError>,
}

/// What the first bytes say about the frame that they begin.
struct Shape {
    is_stun: bool,
    len: usize,
    /// The length with the padding that streams have.
    padded: usize,
}

impl Default for StreamFramer {
    fn default() -> Self {
        Self::new(Self::LONGEST)
    }
}

impl StreamFramer {
    /// The longest frame that there can be, a STUN message, in bytes.
    pub const LONGEST: usize = HEADER_LEN + 65_532;

    /// Frames of up to `longest` bytes; longer ones end the stream with an error. No more than twice as much is ever
    /// held.
    #[must_use]
    pub fn new(longest: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            longest: longest.clamp(HEADER_LEN, Self::LONGEST),
            last_channel: 0x4F,
            error: None,
        }
    }

    /// Also takes the channels from 0x5000 to 0x7FFF, which RFC 5766 had and RFC 8656 (section 12) reserves.
    #[must_use]
    pub fn with_legacy_channels(self) -> Self {
        Self { last_channel: 0x7F, ..self }
    }

    /// Takes the next bytes of the stream off the front of `bytes`; they are copied only while a frame is incomplete.
    /// Some are left only when frames wait to be taken out: come back with them after
    /// [`next_frame`](Self::next_frame). After an error all bytes are taken and dropped.
    pub fn push(&mut self, bytes: &mut BytesMut) {
        if self.error.is_some() {
            return bytes.clear();
        }
        let room = (2 * self.longest).saturating_sub(self.buffer.len());
        let taken = if bytes.len() <= room { std::mem::take(bytes) } else { bytes.split_to(room) };
        if self.buffer.is_empty() {
            self.buffer = taken;
        } else {
            self.buffer.unsplit(taken);
        }
    }

    /// From now on frames of up to `longest` bytes, as [`new`](Self::new) has it.
    pub fn set_longest(&mut self, longest: usize) {
        self.longest = longest.clamp(HEADER_LEN, Self::LONGEST);
    }

    /// The next whole frame; `None` when more bytes are needed.
    ///
    /// # Errors
    /// When what comes next is no frame. It stays so: nobody knows where in the stream the next one would begin, and
    /// the connection is to be closed.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FramingError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let shape = match shape(&self.buffer, self.last_channel) {
            Ok(Some(shape)) if shape.padded > self.longest => {
                Err(FramingError::TooLong { len: shape.padded })
            }
            other => other,
        };
        match shape {
            Err(error) => {
                self.buffer = BytesMut::new();
                self.error = Some(error);
                Err(error)
            }
            Ok(Some(shape)) if shape.padded <= self.buffer.len() => {
                let frame = self.buffer.split_to(shape.len);
                // Whatever the padding is, it is ignored.
                self.buffer.advance(shape.padded - shape.len);
                Ok(Some(if shape.is_stun { Frame::Stun(frame) } else { Frame::ChannelData(frame) }))
            }
            Ok(_) => Ok(None),
        }
    }

    /// What was pushed and not taken out: the bytes of another protocol that the stream carries from here on, such as the data
    /// of a TCP connection through a TURN server (RFC 6062, section 4.4).
    #[must_use]
    pub fn into_rest(self) -> BytesMut {
        self.buffer
    }

    /// How many bytes wait for the rest of their frame. Not 0 at the end of a stream: it was cut off.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }
}

/// Reads the first bytes: `None` when there are too few to tell.
fn shape(bytes: &[u8], last_channel: u8) -> Result<Option<Shape>, FramingError> {
    let Some(first) = bytes.first() else { return Ok(None) };
    let is_stun = match first {
        0x00..=0x3F => true,
        first if (0x40..=last_channel).contains(first) => false,
        _ => return Err(FramingError::NotStun),
    };
    let Some(&[_, _, high, low]) = bytes.first_chunk::<4>() else { return Ok(None) };
    let len = usize::from(u16::from_be_bytes([high, low]));
    if !is_stun {
        return Ok(Some(Shape { is_stun, len: 4 + len, padded: (4 + len).next_multiple_of(4) }));
    }
    if !len.is_multiple_of(4) {
        return Err(FramingError::NotStun);
    }
    // As soon as it is there: what is not STUN is not worth waiting for.
    if bytes.get(4..8).is_some_and(|cookie| cookie != MAGIC_COOKIE.to_be_bytes()) {
        return Err(FramingError::NotStun);
    }
    Ok(Some(Shape { is_stun, len: HEADER_LEN + len, padded: HEADER_LEN + len }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::attributes::Padding;
    use crate::{Class, MessageBuilder, Method, TransactionId};

    fn stun(padding: usize) -> Vec<u8> {
        let mut out = Vec::new();
        let mut message =
            MessageBuilder::new(&mut out, Class::Indication, Method::BINDING, TransactionId::new([9; 12]));
        message.attribute(&Padding { len: padding });
        message.finish().unwrap();
        out
    }

    fn channel_data(data: &[u8]) -> Vec<u8> {
        let len = u16::try_from(data.len()).unwrap();
        [&[0x4F, 0xFF], &len.to_be_bytes()[..], data].concat()
    }

    fn padded(mut frame: Vec<u8>) -> Vec<u8> {
        frame.resize(frame.len().next_multiple_of(4), 0xEE);
        frame
    }

    proptest! {
        #[test]
        fn any_pieces_give_the_same_frames(
            frames in proptest::collection::vec((any::<bool>(), 0_usize..70), 0..20),
            cuts in proptest::collection::vec(1_usize..50, 1..30),
        ) {
            let mut expected = Vec::new();
            let mut bytes = Vec::new();
            for (is_stun, len) in frames {
                let frame = if is_stun { stun(len) } else { channel_data(&vec![7; len]) };
                bytes.extend(padded(frame.clone()));
                let frame = BytesMut::from(&frame[..]);
                expected.push(if is_stun { Frame::Stun(frame) } else { Frame::ChannelData(frame) });
            }
            let mut framer = StreamFramer::new(120);
            let (mut found, mut rest, mut cuts) = (Vec::new(), &bytes[..], cuts.iter().cycle());
            while !rest.is_empty() {
                let piece = rest.len().min(*cuts.next().unwrap());
                let mut bytes = BytesMut::from(&rest[..piece]);
                framer.push(&mut bytes);
                let taken = piece - bytes.len();
                prop_assert!(framer.buffered() <= 240);
                rest = &rest[taken..];
                // Sometimes nobody asks, until no more is taken.
                if taken < piece || piece.is_multiple_of(2) || rest.is_empty() {
                    while let Some(frame) = framer.next_frame().unwrap() { found.push(frame); }
                }
            }
            prop_assert_eq!(found, expected);
            prop_assert_eq!(framer.buffered(), 0);
        }

        #[test]
        fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200), piece in 1_usize..20) {
            let mut framer = StreamFramer::new(64);
            for piece in bytes.chunks(piece) {
                framer.push(&mut piece.into());
                let _ = framer.next_frame();
                prop_assert!(framer.buffered() <= 128);
            }
        }
    }

    #[test]
    fn the_longest_frames_fit() {
        for frame in [channel_data(&[1; 65_535]), stun(65_528)] {
            let mut framer = StreamFramer::default();
            let bytes = padded(frame.clone());
            framer.push(&mut bytes[..].into());
            assert_eq!(framer.buffered(), bytes.len());
            let (Frame::Stun(found) | Frame::ChannelData(found)) = framer.next_frame().unwrap().unwrap();
            assert_eq!(found, frame);
        }
    }

    #[test]
    fn what_is_no_frame_ends_the_stream() {
        let cases: [&[u8]; 6] = [
            b"SSH-2.0",
            &[0x50, 0, 0, 0],
            &[0x80],
            &[0xFF],
            &[0, 1, 0, 3],
            &[0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x43],
        ];
        for bytes in cases {
            let mut framer = StreamFramer::default();
            framer.push(&mut bytes.into());
            for _ in 0..2 {
                assert_eq!(framer.next_frame(), Err(FramingError::NotStun));
                let mut more = BytesMut::from(&stun(0)[..]);
                framer.push(&mut more);
                assert!(more.is_empty());
                assert_eq!(framer.buffered(), 0);
            }
        }
        let mut framer = StreamFramer::new(100);
        framer.push(&mut channel_data(&[0; 97])[..4].into());
        assert_eq!(framer.next_frame(), Err(FramingError::TooLong { len: 104 }));
        let mut framer = StreamFramer::default().with_legacy_channels();
        framer.push(&mut [0x7F, 0xFF, 0, 0, 0x80][..].into());
        assert!(framer.next_frame().is_ok_and(|frame| frame.is_some()));
        assert_eq!(framer.next_frame(), Err(FramingError::NotStun));
    }

    #[test]
    fn channel_data_is_cut_to_its_length() {
        let mut framer = StreamFramer::default();
        framer.push(&mut padded(channel_data(&[1]))[..].into());
        framer.push(&mut [0x40, 0, 0, 9, 1, 2, 3][..].into());
        assert_eq!(
            framer.next_frame(),
            Ok(Some(Frame::ChannelData(BytesMut::from(&channel_data(&[1])[..]))))
        );
        assert_eq!(framer.next_frame(), Ok(None), "the data is not all there");
        assert_eq!(framer.buffered(), 7);
    }
}
