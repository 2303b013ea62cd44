use drywire_core::{Reader, Writer};

use super::{DigitallySigned, ParseError, end, vector_u8};

/// `named_curve` of `ECCurveType` (RFC 8422, section 5.4).
const NAMED_CURVE: u8 = 3;

/// ServerKeyExchange of the ECDHE_ECDSA suites of DTLS 1.2 (RFC 8422, section 5.4):
///
/// ```text
/// struct {
///     ECCurveType curve_type = named_curve(3);
///     NamedCurve namedcurve;
///     opaque point<1..2^8-1>;
///     SignatureAndHashAlgorithm algorithm;
///     opaque signature<0..2^16-1>;
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ServerKeyExchange<'a> {
    pub(crate) group: u16,
    pub(crate) share: &'a [u8],
    /// The bytes up to the signature, which the signature is over.
    pub(crate) params: &'a [u8],
    pub(crate) signed: DigitallySigned<'a>,
}

impl<'a> ServerKeyExchange<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(body);
        if reader.u8()? != NAMED_CURVE {
            return Err(ParseError::Illegal);
        }
        let group = reader.u16()?;
        let share = vector_u8(&mut reader)?;
        let params = body.get(..reader.offset()).ok_or(ParseError::Malformed)?;
        let signed = DigitallySigned::read(&mut reader)?;
        end(&reader)?;
        Ok(Self { group, share, params, signed })
    }

    /// The bytes up to the signature.
    pub(crate) fn params(group: u16, share: &[u8]) -> Vec<u8> {
        let mut params = Vec::with_capacity(share.len() + 4);
        Writer::new(&mut params).u8(NAMED_CURVE).u16(group).prefixed_u8(|w| {
            w.bytes(share);
        });
        params
    }

    pub(crate) fn write(writer: &mut Writer<'_>, params: &[u8], signed: &DigitallySigned<'_>) {
        writer.bytes(params);
        signed.write(writer);
    }
}

/// ClientKeyExchange of the ECDHE suites of DTLS 1.2: `opaque point<1..2^8-1>` (RFC 8422, section 5.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientKeyExchange<'a> {
    pub(crate) share: &'a [u8],
}

impl<'a> ClientKeyExchange<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(body);
        let share = vector_u8(&mut reader)?;
        end(&reader)?;
        if share.is_empty() { Err(ParseError::Malformed) } else { Ok(Self { share }) }
    }

    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        writer.prefixed_u8(|w| {
            w.bytes(self.share);
        });
    }
}
