use drywire_core::{Reader, Writer};

use super::{ExtensionType, put};
use crate::message::{ParseError, end, vector_u16};

/// A share of a key exchange: `struct { NamedGroup group; opaque key_exchange<1..2^16-1>; }` (RFC 8446, section 4.2.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyShareEntry<'a> {
    pub(crate) group: u16,
    pub(crate) share: &'a [u8],
}

impl<'a> KeyShareEntry<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        let entry = Self { group: reader.u16()?, share: vector_u16(reader)? };
        if entry.share.is_empty() { Err(ParseError::Malformed) } else { Ok(entry) }
    }

    fn put(self, writer: &mut Writer<'_>) {
        writer.u16(self.group).prefixed_u16(|w| {
            w.bytes(self.share);
        });
    }
}

/// Reads the shares of a ClientHello. There may be none; two of one group are not allowed.
pub(crate) fn parse_offer(data: &[u8]) -> Result<Vec<KeyShareEntry<'_>>, ParseError> {
    let mut reader = Reader::new(data);
    let mut list = Reader::new(vector_u16(&mut reader)?);
    end(&reader)?;
    let mut shares: Vec<KeyShareEntry<'_>> = Vec::new();
    while !list.is_empty() {
        let entry = KeyShareEntry::read(&mut list)?;
        if shares.iter().any(|share| share.group == entry.group) || shares.len() >= 16 {
            return Err(ParseError::Illegal);
        }
        shares.push(entry);
    }
    Ok(shares)
}

/// Reads the one share of a ServerHello.
pub(crate) fn parse_answer(data: &[u8]) -> Result<KeyShareEntry<'_>, ParseError> {
    let mut reader = Reader::new(data);
    let entry = KeyShareEntry::read(&mut reader)?;
    end(&reader)?;
    Ok(entry)
}

/// Reads the group that a HelloRetryRequest asks for.
pub(crate) fn parse_retry(data: &[u8]) -> Result<u16, ParseError> {
    let mut reader = Reader::new(data);
    let group = reader.u16()?;
    end(&reader)?;
    Ok(group)
}

pub(crate) fn write_offer<'a>(writer: &mut Writer<'_>, shares: impl IntoIterator<Item = KeyShareEntry<'a>>) {
    put(writer, ExtensionType::KEY_SHARE, |w| {
        w.prefixed_u16(|w| {
            for share in shares {
                share.put(w);
            }
        });
    });
}

pub(crate) fn write_answer(writer: &mut Writer<'_>, share: KeyShareEntry<'_>) {
    put(writer, ExtensionType::KEY_SHARE, |w| share.put(w));
}

pub(crate) fn write_retry(writer: &mut Writer<'_>, group: u16) {
    put(writer, ExtensionType::KEY_SHARE, |w| {
        w.u16(group);
    });
}
