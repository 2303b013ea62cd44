use drywire_core::Writer;

use super::{ExtensionType, parse_empty, put};
use crate::message::ParseError;

/// Checks that the extension is empty (RFC 7627, section 5.1).
pub(crate) fn parse(data: &[u8]) -> Result<(), ParseError> {
    parse_empty(data)
}

pub(crate) fn write(writer: &mut Writer<'_>) {
    put(writer, ExtensionType::EXTENDED_MASTER_SECRET, |_| {});
}
