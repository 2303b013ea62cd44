use drywire_core::{Reader, Writer};

use super::{ParseError, end};

/// KeyUpdate (RFC 8446, section 4.6.3): the sender is about to write with its next keys.
///
/// ```text
/// enum { update_not_requested(0), update_requested(1), (255) } KeyUpdateRequest;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyUpdate {
    /// Whether the receiver must update its keys, too.
    pub(crate) requested: bool,
}

impl KeyUpdate {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(body);
        let requested = match reader.u8()? {
            0 => false,
            1 => true,
            _ => return Err(ParseError::Illegal),
        };
        end(&reader)?;
        Ok(Self { requested })
    }

    pub(crate) fn write(self, writer: &mut Writer<'_>) {
        writer.u8(u8::from(self.requested));
    }
}
