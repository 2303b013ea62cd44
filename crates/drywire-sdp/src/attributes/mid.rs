//! `a=mid` (RFC 5888 section 4).

use std::fmt;

use crate::attribute::Attribute;
use crate::error::Invalid;
use crate::grammar::is_token;

const INVALID: Invalid = Invalid::Attribute("mid");

/// The identification tag of a media section.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mid(Box<str>);

impl Mid {
    /// A tag of this text.
    ///
    /// # Errors
    /// [`Invalid::Attribute`] when it is not a token of at most 255 bytes.
    pub fn new(text: impl Into<Box<str>>) -> Result<Self, Invalid> {
        let text = text.into();
        Self::check(&text).map(|()| Self(text))
    }

    pub(crate) fn check(text: &str) -> Result<(), Invalid> {
        if is_token(text) && text.len() <= 255 { Ok(()) } else { Err(INVALID) }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'a> Attribute<'a> for Mid {
    const NAME: &'static str = "mid";

    fn parse(value: &'a str) -> Result<Self, Invalid> {
        Self::new(value)
    }

    fn write_value(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Display for Mid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_a_token() {
        assert_eq!(Mid::new("a1").unwrap().as_str(), "a1");
        for wrong in ["", "a b", "a\r\nb"] {
            assert_eq!(Mid::new(wrong), Err(INVALID), "{wrong:?}");
        }
    }
}
