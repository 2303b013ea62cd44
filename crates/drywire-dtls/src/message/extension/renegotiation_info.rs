use drywire_core::{Reader, Writer};

use super::{ExtensionType, put};
use crate::message::{ParseError, end, vector_u8};

/// `TLS_EMPTY_RENEGOTIATION_INFO_SCSV`: a cipher suite that says the same as the empty extension (RFC 5746, section 3.3).
pub(crate) const SCSV: u16 = 0x00FF;

/// Checks that this is an initial handshake: `renegotiated_connection` is empty (RFC 5746, section 3.4).
pub(crate) fn parse(data: &[u8]) -> Result<(), ParseError> {
    let mut reader = Reader::new(data);
    let renegotiated = vector_u8(&mut reader)?;
    end(&reader)?;
    if renegotiated.is_empty() { Ok(()) } else { Err(ParseError::Illegal) }
}

pub(crate) fn write(writer: &mut Writer<'_>) {
    put(writer, ExtensionType::RENEGOTIATION_INFO, |w| {
        w.u8(0);
    });
}
