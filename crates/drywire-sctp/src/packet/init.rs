use drywire_core::{Reader, Serial, Writer};

use super::{Chunk, ChunkType, Parameters};
use crate::ParseError;

/// INIT and INIT ACK, which have the same form (RFC 9260, sections 3.3.2 and 3.3.3).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+-------------------------------+
/// | type = 1 or 2 |   flags = 0   |            length             |
/// +---------------+---------------+-------------------------------+
/// |                         initiate tag                          |
/// +---------------------------------------------------------------+
/// |           advertised receiver window credit (a_rwnd)          |
/// +-------------------------------+-------------------------------+
/// |       outbound streams        |        inbound streams        |
/// +-------------------------------+-------------------------------+
/// |                          initial TSN                          |
/// +---------------------------------------------------------------+
/// |                          parameters                           |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Init<'a> {
    /// The tag that the receiver puts into its packets; never zero.
    pub initiate_tag: u32,
    /// How many bytes the sender can receive.
    pub window: u32,
    /// How many streams the sender wants to send on.
    pub outbound_streams: u16,
    /// How many streams the sender can receive.
    pub inbound_streams: u16,
    /// The first TSN of the sender.
    pub initial_tsn: Serial<u32>,
    /// The parameters that follow.
    pub parameters: Parameters<'a>,
}

impl<'a> Init<'a> {
    /// The length of all before the parameters, in bytes.
    pub const HEADER_LEN: usize = 20;

    /// Reads a chunk.
    ///
    /// # Errors
    /// [`ParseError::Truncated`], or [`ParseError::Forbidden`] for a tag of zero (section 3.3.2).
    pub fn parse(chunk: &Chunk<'a>) -> Result<Self, ParseError> {
        let mut reader = Reader::new(chunk.value);
        let initiate_tag = reader.u32()?;
        if initiate_tag == 0 {
            return Err(ParseError::Forbidden { offset: 0 });
        }
        Ok(Self {
            initiate_tag,
            window: reader.u32()?,
            outbound_streams: reader.u16()?,
            inbound_streams: reader.u16()?,
            initial_tsn: Serial(reader.u32()?),
            parameters: Parameters::new(reader.rest()),
        })
    }

    /// Appends the chunk as `kind`, with the parameters that `more` writes after those of this value.
    pub fn write(&self, out: &mut Vec<u8>, kind: ChunkType, more: impl FnOnce(&mut Vec<u8>)) {
        Chunk::write_list(out, kind, 0, 16, |out| {
            Writer::new(out)
                .u32(self.initiate_tag)
                .u32(self.window)
                .u16(self.outbound_streams)
                .u16(self.inbound_streams)
                .u32(self.initial_tsn.0)
                .bytes(self.parameters.as_bytes());
            more(out);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::tests::one_chunk;
    use crate::packet::{Parameter, ParameterType};

    #[test]
    fn example() {
        // The SNAP draft's example of an INIT in an attribute (base64 "AQAAHols3R0AUAAA/////+B5ZR3AAAAEgAgABoLA").
        let bytes = [
            0x01, 0x00, 0x00, 0x1e, 0x89, 0x6c, 0xdd, 0x1d, 0x00, 0x50, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff,
            0xe0, 0x79, 0x65, 0x1d, 0xc0, 0x00, 0x00, 0x04, 0x80, 0x08, 0x00, 0x06, 0x82, 0xc0,
        ];
        let chunk = one_chunk(&bytes);
        assert_eq!(chunk.kind, ChunkType::INIT);
        let init = Init::parse(&chunk).unwrap();
        assert_eq!((init.initiate_tag, init.window), (0x896c_dd1d, 5 << 20));
        assert_eq!((init.outbound_streams, init.inbound_streams), (65535, 65535));
        assert_eq!(init.initial_tsn, Serial(0xe079_651d));
        let parameters: Vec<Parameter<'_>> = init.parameters.iter().map(Result::unwrap).collect();
        assert_eq!(parameters[0].kind, ParameterType::FORWARD_TSN_SUPPORTED);
        assert_eq!(parameters[1].kind, ParameterType::SUPPORTED_EXTENSIONS);
        assert_eq!(parameters[1].value, [0x82, 0xc0]);

        let mut out = Vec::new();
        init.write(&mut out, ChunkType::INIT, |_| ());
        assert_eq!(out[..30], bytes, "the padding of the last parameter does not count");
        assert_eq!(out[30..], [0, 0]);
    }

    #[test]
    fn a_tag_of_zero_is_forbidden() {
        let mut bytes = [0; 20];
        bytes[..4].copy_from_slice(&[1, 0, 0, 20]);
        assert!(Init::parse(&one_chunk(&bytes)).is_err());
        bytes[7] = 1;
        assert!(Init::parse(&one_chunk(&bytes)).is_ok());
    }
}
