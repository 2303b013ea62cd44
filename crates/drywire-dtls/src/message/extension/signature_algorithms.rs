use drywire_core::{Reader, Writer};
use drywire_crypto::SignatureScheme;

use super::{ExtensionType, put};
use crate::message::{Codes, ParseError, end, vector_u16};

/// Reads `SignatureScheme supported_signature_algorithms<2..2^16-2>` (RFC 8446, section 4.2.3).
pub(crate) fn parse(data: &[u8]) -> Result<Codes<'_>, ParseError> {
    let mut reader = Reader::new(data);
    let schemes = Codes::parse(vector_u16(&mut reader)?)?;
    end(&reader)?;
    Ok(schemes)
}

pub(crate) fn write(writer: &mut Writer<'_>, schemes: &[SignatureScheme]) {
    put(writer, ExtensionType::SIGNATURE_ALGORITHMS, |w| {
        w.prefixed_u16(|w| {
            for scheme in schemes {
                w.u16(scheme.code());
            }
        });
    });
}
