use drywire_core::{Reader, Writer};

use super::{ExtensionType, put};
use crate::message::{ParseError, end};

/// The smallest limit that may be asked for (RFC 8449, section 4).
pub(crate) const MIN: u16 = 64;

/// Reads `uint16 RecordSizeLimit` (RFC 8449, section 4).
pub(crate) fn parse(data: &[u8]) -> Result<u16, ParseError> {
    let mut reader = Reader::new(data);
    let limit = reader.u16()?;
    end(&reader)?;
    if limit < MIN { Err(ParseError::Illegal) } else { Ok(limit) }
}

pub(crate) fn write(writer: &mut Writer<'_>, limit: u16) {
    put(writer, ExtensionType::RECORD_SIZE_LIMIT, |w| {
        w.u16(limit);
    });
}
