use drywire_core::{Reader, Writer};

use super::{ExtensionType, put};
use crate::Version;
use crate::message::{Codes, ParseError, end, vector_u8};

/// Reads the list of a ClientHello: `ProtocolVersion versions<2..254>` (RFC 8446, section 4.2.1).
pub(crate) fn parse_offer(data: &[u8]) -> Result<Codes<'_>, ParseError> {
    let mut reader = Reader::new(data);
    let versions = Codes::parse(vector_u8(&mut reader)?)?;
    end(&reader)?;
    Ok(versions)
}

/// Reads the version that a ServerHello selects.
pub(crate) fn parse_selected(data: &[u8]) -> Result<u16, ParseError> {
    let mut reader = Reader::new(data);
    let version = reader.u16()?;
    end(&reader)?;
    Ok(version)
}

pub(crate) fn write_offer(writer: &mut Writer<'_>, versions: &[Version]) {
    put(writer, ExtensionType::SUPPORTED_VERSIONS, |w| {
        w.prefixed_u8(|w| {
            for version in versions {
                w.u16(version.code());
            }
        });
    });
}

pub(crate) fn write_selected(writer: &mut Writer<'_>, version: Version) {
    put(writer, ExtensionType::SUPPORTED_VERSIONS, |w| {
        w.u16(version.code());
    });
}
