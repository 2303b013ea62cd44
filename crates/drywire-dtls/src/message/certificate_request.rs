use drywire_core::{Reader, Writer};
use drywire_crypto::{KeyAlgorithm, SignatureScheme};

use super::extension::{certificate_authorities, signature_algorithms};
use super::{Codes, ExtensionType, Extensions, ParseError, end, vector_u8, vector_u16};
use crate::Version;

/// `ecdsa_sign` of `ClientCertificateType` (RFC 8422, section 5.5).
const ECDSA_SIGN: u8 = 64;
/// `rsa_sign` of `ClientCertificateType` (RFC 5246, section 7.4.4).
const RSA_SIGN: u8 = 1;

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
    /// The types of certificates that the server takes, in DTLS 1.2.
    certificate_types: Option<&'a [u8]>,
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
                if let Some(authorities) = extensions.find(ExtensionType::CERTIFICATE_AUTHORITIES) {
                    certificate_authorities::check(authorities)?;
                }
                // "signature_algorithms" must be there (RFC 8446, section 4.3.2).
                let schemes =
                    extensions.find(ExtensionType::SIGNATURE_ALGORITHMS).ok_or(ParseError::Illegal)?;
                Self {
                    context,
                    certificate_types: None,
                    signature_algorithms: signature_algorithms::parse(schemes)?,
                }
            }
            Version::Dtls12 => {
                let certificate_types = Some(vector_u8(&mut reader)?);
                let signature_algorithms = Codes::parse(vector_u16(&mut reader)?)?;
                vector_u16(&mut reader)?;
                Self { context: &[], certificate_types, signature_algorithms }
            }
        };
        end(&reader)?;
        Ok(request)
    }

    /// Whether the server takes certificates with keys of this kind.
    pub(crate) fn accepts(&self, key: KeyAlgorithm) -> bool {
        let wanted = if key == KeyAlgorithm::Rsa { RSA_SIGN } else { ECDSA_SIGN };
        self.certificate_types.is_none_or(|types| types.contains(&wanted))
    }

    /// Writes a request for certificates whose signatures are of one of `schemes`.
    pub(crate) fn write(writer: &mut Writer<'_>, version: Version, schemes: &[SignatureScheme]) {
        match version {
            Version::Dtls13 => {
                writer.u8(0).prefixed_u16(|w| signature_algorithms::write(w, schemes));
            }
            Version::Dtls12 => {
                writer.prefixed_u8(|w| {
                    for (kind, key) in [(ECDSA_SIGN, KeyAlgorithm::EcdsaP256), (RSA_SIGN, KeyAlgorithm::Rsa)]
                    {
                        if schemes.iter().any(|scheme| scheme.fits(key)) {
                            w.u8(kind);
                        }
                    }
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
