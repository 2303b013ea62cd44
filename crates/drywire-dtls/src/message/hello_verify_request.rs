use drywire_core::{Reader, Writer};

use super::{ParseError, end, vector_u8};

/// HelloVerifyRequest (RFC 6347, section 4.2.1), which only servers of DTLS 1.2 send:
///
/// ```text
/// struct {
///     ProtocolVersion server_version;
///     opaque cookie<0..2^8-1>;
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HelloVerifyRequest<'a> {
    /// Says nothing about what will be negotiated; servers of DTLS 1.2 send DTLS 1.0.
    pub(crate) server_version: u16,
    pub(crate) cookie: &'a [u8],
}

impl<'a> HelloVerifyRequest<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(body);
        let server_version = reader.u16()?;
        let cookie = vector_u8(&mut reader)?;
        end(&reader)?;
        Ok(Self { server_version, cookie })
    }

    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        writer.u16(self.server_version).prefixed_u8(|w| {
            w.bytes(self.cookie);
        });
    }
}
