use drywire_core::{Reader, Writer};
use drywire_crypto::SignatureScheme;

use super::extension::signature_algorithms;
use super::{Codes, ExtensionType, Extensions, ParseError, end, vector_u8, vector_u16};
use crate::Version;

/// The types of certificates that we ask for in DTLS 1.2: `ecdsa_sign`, `rsa_sign` (RFC 8422, section 5.5).
const CERTIFICATE_TYPES: [u8; 2] = [64, 1];

/// CertificateRequest: the server wants a certificate, as it always does in WebRTC.
///
/// ```text
/// DTLS 1.3 (RFC 8446, section 4.3.2)            DTLS 1.2 (RFC 5246, section 7.4.4)
/// opaque certificate_request_context<0..2^8-1>;  ClientCertificateType certificate_types<1..2^8-1>;
/// Extension extensions<2..2^16-1>;               SignatureAndHashAlgorithm supported_…<2..2^16-2>;
///                                                DistinguishedName certificate_authorities<0..2^16-1>;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CertificateRequest<'a> {
    pub(crate) context: &'a [u8],
    /// The schemes that the server can verify.
    pub(crate) signature_algorithms: Codes<'a>,
}

impl<'a> CertificateRequest<'a> {
    pub(crate) fn parse(body: &'a [u8], version: Version) -> Result<Self, ParseError> {
        let mut reader = Reader::new(body);
        let request = match version {
            Version::Dtls13 => {
                let context = vector_u8(&mut reader)?;
                let extensions = Extensions::parse(&mut reader)?;
                // "signature_algorithms" must be there (RFC 8446, section 4.3.2).
                let schemes =
                    extensions.find(ExtensionType::SIGNATURE_ALGORITHMS).ok_or(ParseError::Illegal)?;
                Self { context, signature_algorithms: signature_algorithms::parse(schemes)? }
            }
            Version::Dtls12 => {
                vector_u8(&mut reader)?;
                let signature_algorithms = Codes::parse(vector_u16(&mut reader)?)?;
                vector_u16(&mut reader)?;
                Self { context: &[], signature_algorithms }
            }
        };
        end(&reader)?;
        Ok(request)
    }

    /// Writes a request for certificates whose signatures are of one of `schemes`.
    pub(crate) fn write(writer: &mut Writer<'_>, version: Version, schemes: &[SignatureScheme]) {
        match version {
            Version::Dtls13 => {
                writer.u8(0).prefixed_u16(|w| signature_algorithms::write(w, schemes));
            }
            Version::Dtls12 => {
                writer.prefixed_u8(|w| {
                    w.bytes(&CERTIFICATE_TYPES);
                });
                writer.prefixed_u16(|w| {
                    for scheme in schemes {
                        w.u16(scheme.code());
                    }
                });
                writer.u16(0);
            }
        }
    }
}
