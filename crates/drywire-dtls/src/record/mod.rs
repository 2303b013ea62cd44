//! The record layer (RFC 9147, section 4; RFC 6347, section 4.1).

mod connection_id;
mod layer;
mod number;
mod plaintext;
mod protect12;
mod protect13;
mod replay;
mod unified;

pub(crate) use connection_id::{ConnectionIds, MAX_IDS};
pub(crate) use layer::{Opened, Opening, ReadKeys, RecordLayer, WriteKeys};
pub(crate) use number::RecordNumber;
pub(crate) use plaintext::PlaintextHeader;
pub(crate) use protect12::Keys12;
pub(crate) use protect13::Keys13;
pub(crate) use unified::UnifiedHeader;

use bytes::BytesMut;

/// The longest plaintext of a record (RFC 8446, section 5.1).
pub(crate) const MAX_PLAINTEXT: usize = 1 << 14;

/// What a record carries (RFC 9147, section 4.1; RFC 8446, section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentType {
    ChangeCipherSpec,
    Alert,
    Handshake,
    ApplicationData,
    /// A protected record of DTLS 1.2 with a connection identifier, and its true type inside (RFC 9146, section 4).
    WithConnectionId,
    Ack,
}

impl ContentType {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::ChangeCipherSpec => 20,
            Self::Alert => 21,
            Self::Handshake => 22,
            Self::ApplicationData => 23,
            Self::WithConnectionId => 25,
            Self::Ack => 26,
        }
    }

    pub(crate) const fn from_code(code: u8) -> Option<Self> {
        match code {
            20 => Some(Self::ChangeCipherSpec),
            21 => Some(Self::Alert),
            22 => Some(Self::Handshake),
            23 => Some(Self::ApplicationData),
            25 => Some(Self::WithConnectionId),
            26 => Some(Self::Ack),
            _ => None,
        }
    }
}

/// The header of a record, in one of its two forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Header {
    /// `DTLSPlaintext`, and all records of DTLS 1.2.
    Plaintext(PlaintextHeader),
    /// `DTLSCiphertext` of DTLS 1.3.
    Unified(UnifiedHeader),
}

/// A record as it came, header and all.
#[derive(Debug)]
pub(crate) struct RawRecord {
    pub(crate) header: Header,
    /// Where the body begins.
    pub(crate) header_len: usize,
    pub(crate) bytes: BytesMut,
}

impl RawRecord {
    /// The connection identifier in the header, of length `id_len`, if there is one.
    fn connection_id(&self, id_len: usize) -> Option<&[u8]> {
        let start = match self.header {
            Header::Plaintext(header) if header.content == ContentType::WithConnectionId => {
                PlaintextHeader::ID_OFFSET
            }
            Header::Unified(header) if header.has_id => UnifiedHeader::ID_OFFSET,
            _ => return None,
        };
        self.bytes.get(start..start + id_len)
    }
}

/// Takes the first record off `datagram`; `id_len` is the length of our connection identifiers. `None`: what is left is
/// not a record, and is of no use.
pub(crate) fn split_record(datagram: &mut BytesMut, id_len: usize) -> Option<RawRecord> {
    let first = *datagram.first()?;
    // The ranges of RFC 9147, section 4.1: 20 to 63 is DTLS, of which 32 to 63 has the unified header.
    let (header, header_len, len) = if matches!(first, 32..=63) {
        let (header, header_len, body_len) = UnifiedHeader::parse(datagram, id_len)?;
        (Header::Unified(header), header_len, header_len + body_len)
    } else {
        let (header, header_len, body_len) = PlaintextHeader::parse(datagram, id_len)?;
        (Header::Plaintext(header), header_len, header_len + body_len)
    };
    if len > datagram.len() {
        return None;
    }
    // The last record keeps the buffer whole: nothing has to be shared then.
    let bytes = if len == datagram.len() { std::mem::take(datagram) } else { datagram.split_to(len) };
    Some(RawRecord { header, header_len, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_datagram_comes_apart_and_comes_to_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut datagram = BytesMut::from(&bytes[..]);
            let mut total = 0;
            while let Some(record) = split_record(&mut datagram, 3) {
                prop_assert!(record.header_len <= record.bytes.len() && !record.bytes.is_empty());
                total += record.bytes.len();
            }
            prop_assert!(total <= bytes.len());
        }
    }
}
