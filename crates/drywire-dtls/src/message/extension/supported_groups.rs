use drywire_core::{Reader, Writer};
use drywire_crypto::NamedGroup;

use super::{ExtensionType, put};
use crate::message::{Codes, ParseError, end, vector_u16};

/// Reads `NamedGroup named_group_list<2..2^16-1>` (RFC 8446, section 4.2.7).
pub(crate) fn parse(data: &[u8]) -> Result<Codes<'_>, ParseError> {
    let mut reader = Reader::new(data);
    let groups = Codes::parse(vector_u16(&mut reader)?)?;
    end(&reader)?;
    Ok(groups)
}

pub(crate) fn write(writer: &mut Writer<'_>, groups: &[NamedGroup]) {
    put(writer, ExtensionType::SUPPORTED_GROUPS, |w| {
        w.prefixed_u16(|w| {
            for group in groups {
                w.u16(group.code());
            }
        });
    });
}
