use drywire_core::{Reader, Writer};

use super::{ExtensionType, put};
use crate::message::{ParseError, end, vector_u8};

/// Checks that `uncompressed(0)`, the only format in use, is in the list (RFC 8422, section 5.1.2).
pub(crate) fn parse(data: &[u8]) -> Result<(), ParseError> {
    let mut reader = Reader::new(data);
    let formats = vector_u8(&mut reader)?;
    end(&reader)?;
    if formats.contains(&0) { Ok(()) } else { Err(ParseError::Illegal) }
}

pub(crate) fn write(writer: &mut Writer<'_>) {
    put(writer, ExtensionType::EC_POINT_FORMATS, |w| {
        w.u8(1).u8(0);
    });
}
