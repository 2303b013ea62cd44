//! The extensions of the handshake, one file each (RFC 8446, section 4.2).

pub(crate) mod alpn;
pub(crate) mod certificate_authorities;
pub(crate) mod certificate_type;
pub(crate) mod connection_id;
pub(crate) mod cookie;
pub(crate) mod ec_point_formats;
pub(crate) mod extended_master_secret;
pub(crate) mod key_share;
pub(crate) mod record_size_limit;
pub(crate) mod renegotiation_info;
pub(crate) mod server_name;
pub(crate) mod signature_algorithms;
pub(crate) mod supported_groups;
pub(crate) mod supported_versions;
pub(crate) mod use_srtp;

use drywire_core::{Reader, Writer};

use super::{ParseError, end, vector_u16};

/// The number of an extension in the TLS registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExtensionType(pub(crate) u16);

impl ExtensionType {
    pub(crate) const SERVER_NAME: Self = Self(0);
    pub(crate) const SUPPORTED_GROUPS: Self = Self(10);
    pub(crate) const EC_POINT_FORMATS: Self = Self(11);
    pub(crate) const SIGNATURE_ALGORITHMS: Self = Self(13);
    pub(crate) const USE_SRTP: Self = Self(14);
    pub(crate) const ALPN: Self = Self(16);
    pub(crate) const SERVER_CERTIFICATE_TYPE: Self = Self(20);
    pub(crate) const EXTENDED_MASTER_SECRET: Self = Self(23);
    pub(crate) const RECORD_SIZE_LIMIT: Self = Self(28);
    pub(crate) const SUPPORTED_VERSIONS: Self = Self(43);
    pub(crate) const COOKIE: Self = Self(44);
    pub(crate) const CERTIFICATE_AUTHORITIES: Self = Self(47);
    pub(crate) const KEY_SHARE: Self = Self(51);
    pub(crate) const CONNECTION_ID: Self = Self(54);
    pub(crate) const RENEGOTIATION_INFO: Self = Self(0xFF01);
}

/// The most extensions that a message is accepted with; browsers send about 15.
const MAX_EXTENSIONS: usize = 64;

/// The extensions of a message: `struct { ExtensionType type; opaque data<0..2^16-1>; }`, checked once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extensions<'a> {
    /// `None`: the message has no list at all.
    bytes: Option<&'a [u8]>,
}

impl<'a> Extensions<'a> {
    /// Takes a list off a message.
    pub(crate) fn parse(reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        Self::new(vector_u16(reader)?)
    }

    /// Takes a list off the end of a message, where it may be absent.
    pub(crate) fn parse_optional(reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        if reader.is_empty() { Ok(Self { bytes: None }) } else { Self::parse(reader) }
    }

    /// Checks a list that was written: no extension may be there twice (RFC 8446, section 4.2).
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(bytes);
        let mut seen = [0; MAX_EXTENSIONS];
        let mut count = 0;
        while !reader.is_empty() {
            let kind = reader.u16()?;
            vector_u16(&mut reader)?;
            let (before, after) = seen.split_at_mut(count);
            if before.contains(&kind) {
                return Err(ParseError::Malformed);
            }
            *after.first_mut().ok_or(ParseError::Malformed)? = kind;
            count += 1;
        }
        Ok(Self { bytes: Some(bytes) })
    }

    /// All extensions in their order.
    pub(crate) fn iter(self) -> impl Iterator<Item = (ExtensionType, &'a [u8])> {
        let mut reader = Reader::new(self.bytes.unwrap_or_default());
        std::iter::from_fn(move || {
            let kind = reader.u16().ok()?;
            Some((ExtensionType(kind), vector_u16(&mut reader).ok()?))
        })
    }

    /// The data of an extension.
    pub(crate) fn find(self, kind: ExtensionType) -> Option<&'a [u8]> {
        self.iter().find(|(one, _)| *one == kind).map(|(_, data)| data)
    }

    pub(crate) fn write(self, writer: &mut Writer<'_>) {
        if let Some(bytes) = self.bytes {
            writer.prefixed_u16(|w| {
                w.bytes(bytes);
            });
        }
    }
}

/// Appends one extension.
fn put(writer: &mut Writer<'_>, kind: ExtensionType, data: impl FnOnce(&mut Writer<'_>)) {
    writer.u16(kind.0).prefixed_u16(data);
}

/// An extension whose presence is all that it says.
fn parse_empty(data: &[u8]) -> Result<(), ParseError> {
    end(&Reader::new(data))
}
