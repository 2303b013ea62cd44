use drywire_core::{Reader, Writer};

use super::{ExtensionType, put};
use crate::message::{ParseError, end, vector_u8, vector_u16};

/// The names of `application_layer_protocol_negotiation`, checked once (RFC 7301, section 3.1):
///
/// ```text
/// opaque ProtocolName<1..2^8-1>;
/// struct { ProtocolName protocol_name_list<2..2^16-1>; } ProtocolNameList;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProtocolNames<'a>(&'a [u8]);

impl<'a> ProtocolNames<'a> {
    pub(crate) fn parse(data: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(data);
        let list = vector_u16(&mut reader)?;
        end(&reader)?;
        let mut names = Reader::new(list);
        while !names.is_empty() {
            if vector_u8(&mut names)?.is_empty() {
                return Err(ParseError::Malformed);
            }
        }
        if list.is_empty() { Err(ParseError::Malformed) } else { Ok(Self(list)) }
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        let mut reader = Reader::new(self.0);
        std::iter::from_fn(move || vector_u8(&mut reader).ok())
    }

    /// The one name of a server's answer, which must be one of `offered` (RFC 7301, section 3.2).
    pub(crate) fn selected(self, offered: &[Vec<u8>]) -> Result<&'a [u8], ParseError> {
        let mut names = self.iter();
        let name = names.next().filter(|name| offered.iter().any(|one| one == name));
        name.filter(|_| names.next().is_none()).ok_or(ParseError::Illegal)
    }
}

/// Writes an offer, or an answer with one name. Names that no one can write are left out: a name has 1 to 255 bytes.
pub(crate) fn write<'a>(writer: &mut Writer<'_>, names: impl IntoIterator<Item = &'a [u8]>) {
    put(writer, ExtensionType::ALPN, |w| {
        w.prefixed_u16(|w| {
            for name in names.into_iter().filter(|name| matches!(name.len(), 1..=255)) {
                w.prefixed_u8(|w| {
                    w.bytes(name);
                });
            }
        });
    });
}
