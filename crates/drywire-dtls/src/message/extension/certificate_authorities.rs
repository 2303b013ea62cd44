//! `certificate_authorities` (RFC 8446, section 4.2.4): whose certificates the peer trusts. Fingerprints are what is
//! trusted in WebRTC; it is read all the same, because what cannot be parsed is an error.

use drywire_core::Reader;

use crate::message::{ParseError, end, vector_u16};

/// Checks a list: `DistinguishedName authorities<3..2^16-1>`, none of them empty.
pub(crate) fn check(data: &[u8]) -> Result<(), ParseError> {
    let mut reader = Reader::new(data);
    let mut list = Reader::new(vector_u16(&mut reader)?);
    end(&reader)?;
    if list.is_empty() {
        return Err(ParseError::Malformed);
    }
    while !list.is_empty() {
        if vector_u16(&mut list)?.is_empty() {
            return Err(ParseError::Malformed);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_least_one_name() {
        assert_eq!(check(&[0, 3, 0, 1, 48]), Ok(()));
        for wrong in [&[][..], &[0, 0], &[0, 2, 0, 0], &[0, 3, 0, 1, 48, 0]] {
            assert_eq!(check(wrong), Err(ParseError::Malformed), "{wrong:?}");
        }
    }
}
