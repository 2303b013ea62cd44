//! `server_name` (RFC 6066, section 3): which of its names the client wants. A peer of WebRTC has none, so it says nothing
//! here; it is read all the same, because what cannot be parsed is an error.

use drywire_core::Reader;

use crate::message::{ParseError, end, vector_u16};

/// Checks what a client sends: `ServerName server_name_list<1..2^16-1>`.
pub(crate) fn check(data: &[u8]) -> Result<(), ParseError> {
    let mut reader = Reader::new(data);
    let mut list = Reader::new(vector_u16(&mut reader)?);
    end(&reader)?;
    let mut names = 0;
    while !list.is_empty() {
        let kind = list.u8()?;
        let name = vector_u16(&mut list)?;
        // A host name, and one only.
        if kind != 0 || name.is_empty() || names > 0 {
            return Err(ParseError::Malformed);
        }
        names += 1;
    }
    if names == 1 { Ok(()) } else { Err(ParseError::Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_host_name() {
        assert_eq!(check(&[0, 4, 0, 0, 1, b'a']), Ok(()));
        for wrong in [&[][..], &[0, 0], &[0, 4, 0, 0, 1, b'a', 0], &[0, 3, 0, 0, 0], &[0, 4, 1, 0, 1, b'a']] {
            assert_eq!(check(wrong), Err(ParseError::Malformed), "{wrong:?}");
        }
    }
}
