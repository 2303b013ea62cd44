use drywire_core::{Reader, Writer};

use super::{ParseError, end, vector_u8, vector_u16};

/// NewConnectionId: identifiers that the sender wants to receive from now on (RFC 9147, section 9).
///
/// ```text
/// enum { cid_immediate(0), cid_spare(1), (255) } ConnectionIdUsage;
/// opaque ConnectionId<0..2^8-1>;
/// struct {
///     ConnectionId cids<0..2^16-1>;
///     ConnectionIdUsage usage;
/// } NewConnectionId;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewConnectionId<'a> {
    pub(crate) ids: Vec<&'a [u8]>,
    /// Whether one of them is to be used at once.
    pub(crate) immediate: bool,
}

impl<'a> NewConnectionId<'a> {
    /// Reads a message; identifiers beyond the first `most` are left out, as everybody may.
    pub(crate) fn parse(body: &'a [u8], most: usize) -> Result<Self, ParseError> {
        let mut reader = Reader::new(body);
        let mut list = Reader::new(vector_u16(&mut reader)?);
        let immediate = match reader.u8()? {
            0 => true,
            1 => false,
            _ => return Err(ParseError::Illegal),
        };
        end(&reader)?;
        let mut ids = Vec::new();
        while !list.is_empty() {
            let id = vector_u8(&mut list)?;
            if id.is_empty() {
                return Err(ParseError::Illegal);
            }
            if ids.len() < most {
                ids.push(id);
            }
        }
        if immediate && ids.is_empty() {
            return Err(ParseError::Illegal);
        }
        Ok(Self { ids, immediate })
    }

    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        writer
            .prefixed_u16(|w| {
                for id in &self.ids {
                    w.prefixed_u8(|w| {
                        w.bytes(id);
                    });
                }
            })
            .u8(u8::from(!self.immediate));
    }
}

/// RequestConnectionId: `uint8 num_cids`, how many more identifiers the sender wants to use (RFC 9147, section 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RequestConnectionId {
    pub(crate) count: u8,
}

impl RequestConnectionId {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(body);
        let count = reader.u8()?;
        end(&reader)?;
        Ok(Self { count })
    }

    pub(crate) fn write(self, writer: &mut Writer<'_>) {
        writer.u8(self.count);
    }
}
