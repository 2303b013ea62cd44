//! `a=tls-id` (RFC 8842 section 4).

use std::fmt;

use crate::attribute::Attribute;
use crate::error::Invalid;

const INVALID: Invalid = Invalid::Attribute("tls-id");

/// Names a DTLS association, so that a description tells whether it means the one that is there or a new one: 20 to 255
/// letters, digits, `+`, `/`, `-` or `_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TlsId<'a>(&'a str);

impl<'a> TlsId<'a> {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        self.0
    }
}

impl<'a> Attribute<'a> for TlsId<'a> {
    const NAME: &'static str = "tls-id";

    fn parse(value: &'a str) -> Result<Self, Invalid> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
        let valid = (20..=255).contains(&value.len()) && value.bytes().all(allowed);
        valid.then_some(Self(value)).ok_or(INVALID)
    }

    fn write_value(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        out.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_a_length_and_an_alphabet() {
        let id = "abc3de65cddef001be82+/-_";
        let mut out = String::new();
        TlsId::parse(id).unwrap().write_value(&mut out).unwrap();
        assert_eq!(out, id);
        for wrong in ["", &id[..19], "abc3de65cddef001be82 ", "abc3de65cddef001be82\u{e9}", &"a".repeat(256)]
        {
            assert_eq!(TlsId::parse(wrong), Err(INVALID), "{wrong}");
        }
    }
}
