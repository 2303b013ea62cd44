use drywire_core::{Reader, Writer};

use super::{ParseError, end, vector_u16};

/// A signature with its scheme: the whole of CertificateVerify in both versions (RFC 8446, section 4.4.3; RFC 5246,
/// section 7.4.8), and the end of ServerKeyExchange.
///
/// ```text
/// struct {
///     SignatureScheme algorithm;
///     opaque signature<0..2^16-1>;
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DigitallySigned<'a> {
    pub(crate) scheme: u16,
    pub(crate) signature: &'a [u8],
}

impl<'a> DigitallySigned<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(body);
        let signed = Self::read(&mut reader)?;
        end(&reader)?;
        Ok(signed)
    }

    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        Ok(Self { scheme: reader.u16()?, signature: vector_u16(reader)? })
    }

    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        writer.u16(self.scheme).prefixed_u16(|w| {
            w.bytes(self.signature);
        });
    }
}
