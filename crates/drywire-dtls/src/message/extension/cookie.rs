use drywire_core::{Reader, Writer};

use super::{ExtensionType, put};
use crate::message::{ParseError, end, vector_u16};

/// Reads `opaque cookie<1..2^16-1>` (RFC 8446, section 4.2.2).
pub(crate) fn parse(data: &[u8]) -> Result<&[u8], ParseError> {
    let mut reader = Reader::new(data);
    let cookie = vector_u16(&mut reader)?;
    end(&reader)?;
    if cookie.is_empty() { Err(ParseError::Malformed) } else { Ok(cookie) }
}

pub(crate) fn write(writer: &mut Writer<'_>, cookie: &[u8]) {
    put(writer, ExtensionType::COOKIE, |w| {
        w.prefixed_u16(|w| {
            w.bytes(cookie);
        });
    });
}
