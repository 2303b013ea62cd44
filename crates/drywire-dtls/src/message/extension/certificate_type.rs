//! `server_certificate_type` (RFC 7250): as what the client takes the server's key. Ours is in a certificate of X.509.

use drywire_core::Reader;

use crate::message::{ParseError, end, vector_u8};

/// The number of X.509.
const X509: u8 = 0;

/// Whether a client takes certificates of X.509.
pub(crate) fn accepts_x509(data: &[u8]) -> Result<bool, ParseError> {
    let mut reader = Reader::new(data);
    let types = vector_u8(&mut reader)?;
    end(&reader)?;
    if types.is_empty() { Err(ParseError::Malformed) } else { Ok(types.contains(&X509)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_certificates() {
        assert_eq!(accepts_x509(&[2, 2, 0]), Ok(true));
        assert_eq!(accepts_x509(&[1, 2]), Ok(false));
        assert_eq!(accepts_x509(&[0]), Err(ParseError::Malformed));
        assert_eq!(accepts_x509(&[1, 0, 0]), Err(ParseError::Malformed));
    }
}
