use drywire_core::{Reader, Serial, Writer};

use super::{Chunk, ChunkType};
use crate::{ParseError, StreamId};

/// Outgoing SSN Reset Request: the sender starts these streams anew after a TSN (RFC 6525, section 4.1).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-------------------------------+-------------------------------+
/// |           type = 13           |     length = 16 + 2 * n       |
/// +-------------------------------+-------------------------------+
/// |              re-configuration request sequence number         |
/// +---------------------------------------------------------------+
/// |              re-configuration response sequence number        |
/// +---------------------------------------------------------------+
/// |                  sender's last assigned TSN                   |
/// +-------------------------------+-------------------------------+
/// |           stream 1            |           stream 2 ...        |
/// +-------------------------------+-------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutgoingReset<'a> {
    /// The number of this request.
    pub request: Serial<u32>,
    /// The number of the peer's request that this one answers, or the last number that the peer has used.
    pub response: Serial<u32>,
    /// The last TSN that the sender has given to data.
    pub last_tsn: Serial<u32>,
    streams: &'a [u8],
}

impl<'a> OutgoingReset<'a> {
    /// The length without streams, in bytes.
    pub const LEN: usize = 16;

    /// Reads the value of the parameter.
    ///
    /// # Errors
    /// [`ParseError::Truncated`], or [`ParseError::WrongLength`] when half a stream follows.
    pub fn parse(value: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(value);
        let (request, response, last_tsn) = (reader.u32()?, reader.u32()?, reader.u32()?);
        let streams = reader.rest();
        if streams.len() % 2 != 0 {
            return Err(ParseError::WrongLength { offset: 0 });
        }
        Ok(Self { request: Serial(request), response: Serial(response), last_tsn: Serial(last_tsn), streams })
    }

    /// The streams; none stands for all.
    pub fn streams(&self) -> impl ExactSizeIterator<Item = StreamId> + use<'a> {
        self.streams.chunks_exact(2).map(|id| match id {
            [high, low] => StreamId(u16::from_be_bytes([*high, *low])),
            _ => StreamId(0),
        })
    }

    /// Appends a RE-CONFIG chunk (section 3.1) with this request alone. The streams must fit 65,000 bytes.
    pub fn write(
        out: &mut Vec<u8>,
        request: Serial<u32>,
        response: Serial<u32>,
        last_tsn: Serial<u32>,
        streams: &[StreamId],
    ) {
        let length = u16::try_from(Self::LEN + 2 * streams.len()).unwrap_or(u16::MAX);
        Chunk::write(out, ChunkType::RE_CONFIG, 0, |out| {
            let mut writer = Writer::new(out);
            writer.u16(13).u16(length).u32(request.0).u32(response.0).u32(last_tsn.0);
            for stream in streams {
                writer.u16(stream.0);
            }
        });
    }
}

/// The result in a response (RFC 6525, section 4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ResetResult(pub u32);

impl ResetResult {
    /// Success: nothing to do.
    pub const NOTHING_TO_DO: Self = Self(0);
    /// Success: performed.
    pub const PERFORMED: Self = Self(1);
    /// Denied.
    pub const DENIED: Self = Self(2);
    /// Error: wrong SSN.
    pub const WRONG_SSN: Self = Self(3);
    /// Error: another request is already in progress.
    pub const ALREADY_IN_PROGRESS: Self = Self(4);
    /// Error: bad sequence number.
    pub const BAD_SEQUENCE_NUMBER: Self = Self(5);
    /// In progress: ask again.
    pub const IN_PROGRESS: Self = Self(6);
}

/// Re-configuration Response (RFC 6525, section 4.4).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-------------------------------+-------------------------------+
/// |           type = 16           |          length = 12          |
/// +-------------------------------+-------------------------------+
/// |              re-configuration response sequence number        |
/// +---------------------------------------------------------------+
/// |                            result                             |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResetResponse {
    /// The number of the request that this answers.
    pub response: Serial<u32>,
    /// The result.
    pub result: ResetResult,
}

impl ResetResponse {
    /// Reads the value of the parameter. Next TSNs, which answer a TSN reset, are ignored.
    ///
    /// # Errors
    /// [`ParseError::Truncated`].
    pub fn parse(value: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(value);
        Ok(Self { response: Serial(reader.u32()?), result: ResetResult(reader.u32()?) })
    }

    /// Appends a RE-CONFIG chunk (section 3.1) with these responses, at most two.
    pub fn write(out: &mut Vec<u8>, responses: &[Self]) {
        Chunk::write(out, ChunkType::RE_CONFIG, 0, |out| {
            let mut writer = Writer::new(out);
            for response in responses {
                writer.u16(16).u16(12).u32(response.response.0).u32(response.result.0);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::tests::one_chunk;
    use crate::packet::{ParameterType, Parameters};
    use proptest::prelude::*;

    #[test]
    fn examples() {
        let mut out = Vec::new();
        OutgoingReset::write(&mut out, Serial(1), Serial(2), Serial(3), &[StreamId(4)]);
        assert_eq!(out, [130, 0, 0, 22, 0, 13, 0, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 4, 0, 0]);
        assert!(OutgoingReset::parse(&out[8..21]).is_err(), "half a stream");

        let mut out = Vec::new();
        let response = ResetResponse { response: Serial(1), result: ResetResult::PERFORMED };
        ResetResponse::write(&mut out, &[response]);
        assert_eq!(out, [130, 0, 0, 16, 0, 16, 0, 12, 0, 0, 0, 1, 0, 0, 0, 1]);
        assert_eq!(ResetResponse::parse(&out[8..]), Ok(response));
        assert!(ResetResponse::parse(&out[8..15]).is_err());
    }

    proptest! {
        #[test]
        fn round_trip(request: u32, response: u32, last: u32, streams in proptest::collection::vec(any::<u16>(), 0..9)) {
            let streams: Vec<_> = streams.into_iter().map(StreamId).collect();
            let mut out = Vec::new();
            OutgoingReset::write(&mut out, Serial(request), Serial(response), Serial(last), &streams);
            let value = Parameters::new(one_chunk(&out).value).find(ParameterType::OUTGOING_RESET).unwrap();
            let read = OutgoingReset::parse(value).unwrap();
            prop_assert_eq!((read.request.0, read.response.0, read.last_tsn.0), (request, response, last));
            prop_assert_eq!(read.streams().collect::<Vec<_>>(), streams);
        }
    }
}
