use drywire_core::{Reader, Writer};

use super::chunk::{Unknown, pad, padding};
use crate::ParseError;

/// The type of a parameter in INIT, INIT ACK, HEARTBEAT or RE-CONFIG (RFC 9260, section 3.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ParameterType(pub u16);

impl ParameterType {
    /// Heartbeat Info.
    pub const HEARTBEAT_INFO: Self = Self(1);
    /// State Cookie.
    pub const STATE_COOKIE: Self = Self(7);
    /// Unrecognized Parameter.
    pub const UNRECOGNIZED: Self = Self(8);
    /// Outgoing SSN Reset Request (RFC 6525, section 4.1).
    pub const OUTGOING_RESET: Self = Self(13);
    /// Incoming SSN Reset Request (RFC 6525, section 4.2).
    pub const INCOMING_RESET: Self = Self(14);
    /// SSN/TSN Reset Request (RFC 6525, section 4.3).
    pub const TSN_RESET: Self = Self(15);
    /// Re-configuration Response (RFC 6525, section 4.4).
    pub const RESET_RESPONSE: Self = Self(16);
    /// Add Outgoing Streams Request (RFC 6525, section 4.5).
    pub const ADD_OUTGOING: Self = Self(17);
    /// Add Incoming Streams Request (RFC 6525, section 4.6).
    pub const ADD_INCOMING: Self = Self(18);
    /// Supported Extensions (RFC 5061, section 4.2.7).
    pub const SUPPORTED_EXTENSIONS: Self = Self(0x8008);
    /// Forward-TSN-Supported (RFC 3758, section 3.1).
    pub const FORWARD_TSN_SUPPORTED: Self = Self(0xc000);
    /// Packets without a checksum are taken, as something else detects errors (RFC 9653, section 4).
    pub const ZERO_CHECKSUM_ACCEPTABLE: Self = Self(0x8001);

    /// What to do when the type is not known: its two highest bits say so (RFC 9260, section 3.2.1).
    #[must_use]
    pub const fn when_unknown(self) -> Unknown {
        Unknown { skip: self.0 & 0x8000 != 0, report: self.0 & 0x4000 != 0 }
    }
}

/// A parameter of any type (RFC 9260, section 3.2.1).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-------------------------------+-------------------------------+
/// |             type              | length (header included)      |
/// +-------------------------------+-------------------------------+
/// |                      value, padded to 4 bytes                 |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter<'a> {
    /// The type.
    pub kind: ParameterType,
    /// What follows the parameter's header, without padding.
    pub value: &'a [u8],
    /// The parameter with its header, without padding.
    pub whole: &'a [u8],
}

impl Parameter<'_> {
    /// The length of a parameter's header, in bytes.
    pub const HEADER_LEN: usize = 4;

    /// Appends a parameter with `value`, padded. A value past 65,531 bytes is cut there.
    pub fn write(out: &mut Vec<u8>, kind: ParameterType, value: &[u8]) {
        let value = value.get(..65_531).unwrap_or(value);
        let len = value.len() + Self::HEADER_LEN;
        Writer::new(out).u16(kind.0).u16(u16::try_from(len).unwrap_or(u16::MAX)).bytes(value);
        pad(out, len);
    }
}

/// A list of parameters. Error causes have the same form.
#[derive(Clone, Copy, Debug)]
pub struct Parameters<'a> {
    bytes: &'a [u8],
}

impl<'a> Parameters<'a> {
    /// The list that fills `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The list as it is on the wire.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The parameters in order. After an error there is nothing more.
    pub fn iter(&self) -> impl Iterator<Item = Result<Parameter<'a>, ParseError>> + use<'a> {
        let mut reader = Reader::new(self.bytes);
        std::iter::from_fn(move || {
            if reader.is_empty() {
                return None;
            }
            let parameter = read(&mut reader);
            if parameter.is_err() {
                reader.rest();
            }
            Some(parameter)
        })
    }

    /// The first parameter of type `kind`.
    #[must_use]
    pub fn find(&self, kind: ParameterType) -> Option<&'a [u8]> {
        self.iter().map_while(Result::ok).find(|parameter| parameter.kind == kind).map(|found| found.value)
    }
}

fn read<'a>(reader: &mut Reader<'a>) -> Result<Parameter<'a>, ParseError> {
    let offset = reader.offset();
    let at = reader.peek();
    let kind = ParameterType(reader.u16()?);
    let length = usize::from(reader.u16()?);
    let Some(len) = length.checked_sub(Parameter::HEADER_LEN) else {
        return Err(ParseError::WrongLength { offset });
    };
    let value = reader.take(len)?;
    reader.skip(padding(length).min(reader.remaining()))?;
    Ok(Parameter { kind, value, whole: at.get(..length).unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_length_field_moves_on() {
        for length in 0_u8..16 {
            let bytes = [0x80, 8, 0, length, 1, 2, 3, 4];
            let all: Vec<_> = Parameters::new(&bytes).iter().collect();
            assert!(all.len() <= 2, "{length}");
            assert_eq!(all.iter().all(Result::is_ok), matches!(length, 5..=8), "{length}");
        }
    }

    proptest! {
        #[test]
        fn round_trip(list in proptest::collection::vec((any::<u16>(), proptest::collection::vec(any::<u8>(), 0..9)), 0..5)) {
            let mut out = Vec::new();
            for (kind, value) in &list {
                Parameter::write(&mut out, ParameterType(*kind), value);
            }
            let read: Vec<_> =
                Parameters::new(&out).iter().map(|p| p.map(|p| (p.kind.0, p.value.to_vec())).unwrap()).collect();
            prop_assert_eq!(read, list);
        }
    }
}
