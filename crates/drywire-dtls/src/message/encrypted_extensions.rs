use drywire_core::{Reader, Writer};

use super::{Extensions, ParseError, end};

/// EncryptedExtensions (RFC 8446, section 4.3.1): what the server answers that is not needed to make the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EncryptedExtensions<'a> {
    pub(crate) extensions: Extensions<'a>,
}

impl<'a> EncryptedExtensions<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(body);
        let extensions = Extensions::parse(&mut reader)?;
        end(&reader)?;
        Ok(Self { extensions })
    }

    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        self.extensions.write(writer);
    }
}
