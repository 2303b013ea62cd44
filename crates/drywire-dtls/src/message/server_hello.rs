use drywire_core::{Reader, Writer};

use super::{Extensions, ParseError, end, vector_u8};

/// The `random` that makes a ServerHello a HelloRetryRequest: SHA-256 of "HelloRetryRequest" (RFC 8446, section 4.1.3).
const HELLO_RETRY_REQUEST: [u8; 32] = [
    0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91, 0xC2,
    0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
];

/// The end of the `random` of a server that could have spoken DTLS 1.3 and speaks 1.2 (RFC 8446, section 4.1.3).
const DOWNGRADE_FROM_13: [u8; 8] = *b"DOWNGRD\x01";
/// The same for a server that speaks something older.
const DOWNGRADE_FROM_12: [u8; 8] = *b"DOWNGRD\x00";

/// ServerHello of both versions, and HelloRetryRequest (RFC 8446, section 4.1.3; RFC 5246, section 7.4.1.3):
///
/// ```text
/// struct {
///     ProtocolVersion legacy_version = { 254,253 };
///     Random random;
///     opaque legacy_session_id_echo<0..32>;
///     CipherSuite cipher_suite;
///     uint8 legacy_compression_method = 0;
///     Extension extensions<6..2^16-1>;
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ServerHello<'a> {
    pub(crate) legacy_version: u16,
    pub(crate) random: [u8; 32],
    pub(crate) session_id: &'a [u8],
    pub(crate) cipher_suite: u16,
    pub(crate) extensions: Extensions<'a>,
}

impl<'a> ServerHello<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(body);
        let legacy_version = reader.u16()?;
        let random = reader.array()?;
        let session_id = vector_u8(&mut reader)?;
        if session_id.len() > 32 {
            return Err(ParseError::Malformed);
        }
        let cipher_suite = reader.u16()?;
        // Compression is not offered (attack C12).
        if reader.u8()? != 0 {
            return Err(ParseError::Illegal);
        }
        let extensions = Extensions::parse_optional(&mut reader)?;
        end(&reader)?;
        Ok(Self { legacy_version, random, session_id, cipher_suite, extensions })
    }

    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        writer
            .u16(self.legacy_version)
            .bytes(&self.random)
            .prefixed_u8(|w| {
                w.bytes(self.session_id);
            })
            .u16(self.cipher_suite)
            .u8(0);
        self.extensions.write(writer);
    }

    /// The `random` of a HelloRetryRequest.
    pub(crate) const fn retry_random() -> [u8; 32] {
        HELLO_RETRY_REQUEST
    }

    pub(crate) fn is_retry_request(&self) -> bool {
        self.random == HELLO_RETRY_REQUEST
    }

    /// Marks `random` as that of a server which could have spoken DTLS 1.3.
    pub(crate) fn mark_downgrade(random: &mut [u8; 32]) {
        if let Some(end) = random.last_chunk_mut() {
            *end = DOWNGRADE_FROM_13;
        }
    }

    /// Whether the server says that it could have spoken a higher version.
    pub(crate) fn is_downgraded(&self) -> bool {
        self.random.ends_with(&DOWNGRADE_FROM_13) || self.random.ends_with(&DOWNGRADE_FROM_12)
    }
}
