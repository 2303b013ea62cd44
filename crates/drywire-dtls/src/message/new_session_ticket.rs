use drywire_core::Reader;

use super::{Extensions, ParseError, end, vector_u8, vector_u16};

/// NewSessionTicket of DTLS 1.3 (RFC 8446, section 4.6.1): the server offers that the session be resumed. We have no use
/// for it, but what cannot be parsed is an error.
///
/// ```text
/// struct {
///     uint32 ticket_lifetime;
///     uint32 ticket_age_add;
///     opaque ticket_nonce<0..255>;
///     opaque ticket<1..2^16-1>;
///     Extension extensions<0..2^16-2>;
/// } NewSessionTicket;
/// ```
#[derive(Debug)]
pub(crate) struct NewSessionTicket;

impl NewSessionTicket {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(body);
        reader.skip(8)?;
        vector_u8(&mut reader)?;
        if vector_u16(&mut reader)?.is_empty() {
            return Err(ParseError::Malformed);
        }
        Extensions::parse(&mut reader)?;
        end(&reader)?;
        Ok(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_ends_where_it_says() {
        let ticket = [0, 0, 28, 32, 1, 2, 3, 4, 1, 9, 0, 2, 7, 7, 0, 0];
        assert!(NewSessionTicket::parse(&ticket).is_ok());
        for len in 0..ticket.len() {
            assert!(NewSessionTicket::parse(&ticket[..len]).is_err());
        }
        assert!(NewSessionTicket::parse(&[&ticket[..], &[0]].concat()).is_err());
        assert!(NewSessionTicket::parse(&[0, 0, 28, 32, 1, 2, 3, 4, 0, 0, 0, 0, 0]).is_err());
    }
}
