//! The messages of the handshake, once for both versions (RFC 9147, section 5; RFC 6347, section 4.2).

mod certificate;
mod certificate_request;
mod certificate_verify;
mod client_hello;
mod connection_id;
mod encrypted_extensions;
pub(crate) mod extension;
mod hello_verify_request;
mod key_exchange;
mod key_update;
mod new_session_ticket;
mod server_hello;

pub(crate) use certificate::Certificate;
pub(crate) use certificate_request::CertificateRequest;
pub(crate) use certificate_verify::DigitallySigned;
pub(crate) use client_hello::ClientHello;
pub(crate) use connection_id::{NewConnectionId, RequestConnectionId};
pub(crate) use encrypted_extensions::EncryptedExtensions;
pub(crate) use extension::{ExtensionType, Extensions};
pub(crate) use hello_verify_request::HelloVerifyRequest;
pub(crate) use key_exchange::{ClientKeyExchange, ServerKeyExchange};
pub(crate) use key_update::KeyUpdate;
pub(crate) use new_session_ticket::NewSessionTicket;
pub(crate) use server_hello::ServerHello;

use drywire_core::{Reader, UnexpectedEnd};

/// A message that could not be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ParseError {
    /// It ends within a field, or goes on after the last, or a length is out of range: decode_error.
    Malformed,
    /// Each field can be read, but one has a value that is not allowed: illegal_parameter.
    Illegal,
}

impl From<UnexpectedEnd> for ParseError {
    fn from(_: UnexpectedEnd) -> Self {
        Self::Malformed
    }
}

/// The type of a handshake message (RFC 8446, section 4; RFC 6347, section 4.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HandshakeType {
    HelloRequest,
    ClientHello,
    ServerHello,
    HelloVerifyRequest,
    NewSessionTicket,
    EncryptedExtensions,
    RequestConnectionId,
    NewConnectionId,
    Certificate,
    ServerKeyExchange,
    CertificateRequest,
    ServerHelloDone,
    CertificateVerify,
    ClientKeyExchange,
    Finished,
    KeyUpdate,
    /// Only in transcripts, never on the wire.
    MessageHash,
    /// No message that we know: unexpected wherever it comes.
    Unknown(u8),
}

impl HandshakeType {
    const ALL: [Self; 17] = [
        Self::HelloRequest,
        Self::ClientHello,
        Self::ServerHello,
        Self::HelloVerifyRequest,
        Self::NewSessionTicket,
        Self::EncryptedExtensions,
        Self::RequestConnectionId,
        Self::NewConnectionId,
        Self::Certificate,
        Self::ServerKeyExchange,
        Self::CertificateRequest,
        Self::ServerHelloDone,
        Self::CertificateVerify,
        Self::ClientKeyExchange,
        Self::Finished,
        Self::KeyUpdate,
        Self::MessageHash,
    ];

    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::HelloRequest => 0,
            Self::ClientHello => 1,
            Self::ServerHello => 2,
            Self::HelloVerifyRequest => 3,
            Self::NewSessionTicket => 4,
            Self::EncryptedExtensions => 8,
            Self::RequestConnectionId => 9,
            Self::NewConnectionId => 10,
            Self::Certificate => 11,
            Self::ServerKeyExchange => 12,
            Self::CertificateRequest => 13,
            Self::ServerHelloDone => 14,
            Self::CertificateVerify => 15,
            Self::ClientKeyExchange => 16,
            Self::Finished => 20,
            Self::KeyUpdate => 24,
            Self::MessageHash => 254,
            Self::Unknown(code) => code,
        }
    }

    pub(crate) fn from_code(code: u8) -> Self {
        Self::ALL.into_iter().find(|kind| kind.code() == code).unwrap_or(Self::Unknown(code))
    }
}

/// The header of a fragment of a handshake message (RFC 9147, section 5.2):
///
/// ```text
/// struct {
///     HandshakeType msg_type;
///     uint24 length;
///     uint16 message_seq;
///     uint24 fragment_offset;
///     uint24 fragment_length;
///     /* the fragment */
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FragmentHeader {
    pub(crate) kind: u8,
    pub(crate) length: u32,
    pub(crate) message_seq: u16,
    pub(crate) offset: u32,
}

impl FragmentHeader {
    pub(crate) const LEN: usize = 12;

    /// Takes a fragment off a record.
    pub(crate) fn parse<'a>(reader: &mut Reader<'a>) -> Result<(Self, &'a [u8]), ParseError> {
        let kind = reader.u8()?;
        let length = reader.u24()?;
        let message_seq = reader.u16()?;
        let offset = reader.u24()?;
        let fragment_len = reader.u24()?;
        if offset.saturating_add(fragment_len) > length {
            return Err(ParseError::Illegal);
        }
        let fragment = reader.take(usize::try_from(fragment_len).unwrap_or(usize::MAX))?;
        Ok((Self { kind, length, message_seq, offset }, fragment))
    }

    pub(crate) fn bytes(self, fragment_len: usize) -> [u8; Self::LEN] {
        let [_, l0, l1, l2] = self.length.to_be_bytes();
        let [s0, s1] = self.message_seq.to_be_bytes();
        let [_, o0, o1, o2] = self.offset.to_be_bytes();
        let [_, f0, f1, f2] = u32::try_from(fragment_len).unwrap_or(u32::MAX).to_be_bytes();
        [self.kind, l0, l1, l2, s0, s1, o0, o1, o2, f0, f1, f2]
    }
}

/// A vector whose length stands in one byte before it.
pub(crate) fn vector_u8<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], ParseError> {
    let len = reader.u8()?;
    Ok(reader.take(len.into())?)
}

/// A vector whose length stands in two bytes before it.
pub(crate) fn vector_u16<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], ParseError> {
    let len = reader.u16()?;
    Ok(reader.take(len.into())?)
}

/// A vector whose length stands in three bytes before it.
pub(crate) fn vector_u24<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], ParseError> {
    let len = reader.u24()?;
    Ok(reader.take(usize::try_from(len).unwrap_or(usize::MAX))?)
}

/// Nothing may follow the last field.
pub(crate) fn end(reader: &Reader<'_>) -> Result<(), ParseError> {
    if reader.is_empty() { Ok(()) } else { Err(ParseError::Malformed) }
}

/// A list of 16-bit numbers, of which there is at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Codes<'a>(&'a [u8]);

impl<'a> Codes<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        if bytes.is_empty() || !bytes.len().is_multiple_of(2) {
            return Err(ParseError::Malformed);
        }
        Ok(Self(bytes))
    }

    /// The numbers as they stand in the message.
    pub(crate) const fn bytes(self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = u16> + 'a {
        self.0.chunks_exact(2).filter_map(|pair| pair.first_chunk().map(|pair| u16::from_be_bytes(*pair)))
    }

    pub(crate) fn contains(self, code: u16) -> bool {
        self.iter().any(|one| one == code)
    }
}

#[cfg(test)]
mod tests;
