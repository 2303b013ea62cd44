use drywire_core::{Reader, Writer};

use super::{Codes, Extensions, ParseError, end, vector_u8, vector_u16};

/// ClientHello of both versions (RFC 9147, section 5.3; RFC 6347, section 4.2.1):
///
/// ```text
/// struct {
///     ProtocolVersion legacy_version = { 254,253 };
///     Random random;
///     opaque legacy_session_id<0..32>;
///     opaque legacy_cookie<0..2^8-1>;
///     CipherSuite cipher_suites<2..2^16-2>;
///     opaque legacy_compression_methods<1..2^8-1>;
///     Extension extensions<0..2^16-1>;
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientHello<'a> {
    pub(crate) legacy_version: u16,
    pub(crate) random: [u8; 32],
    pub(crate) session_id: &'a [u8],
    pub(crate) cookie: &'a [u8],
    pub(crate) cipher_suites: Codes<'a>,
    pub(crate) compression_methods: &'a [u8],
    pub(crate) extensions: Extensions<'a>,
}

impl<'a> ClientHello<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(body);
        let legacy_version = reader.u16()?;
        let random = reader.array()?;
        let session_id = vector_u8(&mut reader)?;
        if session_id.len() > 32 {
            return Err(ParseError::Malformed);
        }
        let cookie = vector_u8(&mut reader)?;
        let cipher_suites = Codes::parse(vector_u16(&mut reader)?)?;
        let compression_methods = vector_u8(&mut reader)?;
        // Extensions may be absent in DTLS 1.2 (RFC 5246, section 7.4.1.2).
        let extensions = Extensions::parse_optional(&mut reader)?;
        end(&reader)?;
        Ok(Self {
            legacy_version,
            random,
            session_id,
            cookie,
            cipher_suites,
            compression_methods,
            extensions,
        })
    }

    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        writer
            .u16(self.legacy_version)
            .bytes(&self.random)
            .prefixed_u8(|w| {
                w.bytes(self.session_id);
            })
            .prefixed_u8(|w| {
                w.bytes(self.cookie);
            })
            .prefixed_u16(|w| {
                w.bytes(self.cipher_suites.0);
            })
            .prefixed_u8(|w| {
                w.bytes(self.compression_methods);
            });
        self.extensions.write(writer);
    }
}
