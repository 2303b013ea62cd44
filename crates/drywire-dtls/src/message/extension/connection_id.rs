use drywire_core::{Reader, Writer};

use super::{ExtensionType, put};
use crate::message::{ParseError, end, vector_u8};

/// Reads `opaque cid<0..2^8-1>`: what the sender wants to receive, nothing if it is empty (RFC 9146, section 3).
pub(crate) fn parse(data: &[u8]) -> Result<&[u8], ParseError> {
    let mut reader = Reader::new(data);
    let id = vector_u8(&mut reader)?;
    end(&reader)?;
    Ok(id)
}

pub(crate) fn write(writer: &mut Writer<'_>, id: &[u8]) {
    put(writer, ExtensionType::CONNECTION_ID, |w| {
        w.prefixed_u8(|w| {
            w.bytes(id);
        });
    });
}
