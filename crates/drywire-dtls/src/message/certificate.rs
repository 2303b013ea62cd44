use drywire_core::{Reader, Writer};
use drywire_crypto::CertifiedKey;

use super::{Extensions, ParseError, end, vector_u8, vector_u24};
use crate::Version;

/// A Certificate message. Of the peer's chain all but the end-entity certificate is skipped, because its fingerprint is
/// what is trusted.
///
/// ```text
/// DTLS 1.3 (RFC 8446, section 4.4.2)          DTLS 1.2 (RFC 5246, section 7.4.2)
/// opaque certificate_request_context<0..2^8-1>;
/// struct {                                     opaque ASN.1Cert<1..2^24-1>;
///     opaque cert_data<1..2^24-1>;
///     Extension extensions<0..2^16-1>;
/// } CertificateEntry;
/// CertificateEntry certificate_list<0..2^24-1>; ASN.1Cert certificate_list<0..2^24-1>;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Certificate<'a> {
    /// The context of the request that this answers; always empty in a handshake.
    pub(crate) context: &'a [u8],
    /// The certificate in DER; `None` when the list is empty.
    pub(crate) end_entity: Option<&'a [u8]>,
    /// What is written after it.
    pub(crate) chain: &'a [Vec<u8>],
}

impl<'a> Certificate<'a> {
    /// Our own certificate, or none.
    pub(crate) fn of(certified: Option<&'a CertifiedKey>) -> Self {
        Self {
            context: &[],
            end_entity: certified.map(CertifiedKey::certificate),
            chain: certified.map(CertifiedKey::chain).unwrap_or_default(),
        }
    }

    pub(crate) fn parse(body: &'a [u8], version: Version) -> Result<Self, ParseError> {
        let mut reader = Reader::new(body);
        let context = match version {
            Version::Dtls13 => vector_u8(&mut reader)?,
            Version::Dtls12 => &[],
        };
        let mut list = Reader::new(vector_u24(&mut reader)?);
        end(&reader)?;
        let mut end_entity = None;
        while !list.is_empty() {
            let certificate = vector_u24(&mut list)?;
            if certificate.is_empty() {
                return Err(ParseError::Malformed);
            }
            if version == Version::Dtls13 {
                Extensions::parse(&mut list)?;
            }
            end_entity = end_entity.or(Some(certificate));
        }
        Ok(Self { context, end_entity, chain: &[] })
    }

    pub(crate) fn write(&self, writer: &mut Writer<'_>, version: Version) {
        if version == Version::Dtls13 {
            writer.prefixed_u8(|w| {
                w.bytes(self.context);
            });
        }
        writer.prefixed_u24(|w| {
            for certificate in self.end_entity.into_iter().chain(self.chain.iter().map(Vec::as_slice)) {
                w.prefixed_u24(|w| {
                    w.bytes(certificate);
                });
                if version == Version::Dtls13 {
                    w.u16(0);
                }
            }
        });
    }
}
