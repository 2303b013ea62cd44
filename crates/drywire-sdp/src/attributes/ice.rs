//! `a=ice-ufrag`, `a=ice-pwd` and `a=ice-options` (RFC 8839 sections 5.4 and 5.6). The others are flags.

use std::fmt;

use crate::attribute::Attribute;
use crate::error::Invalid;
use crate::grammar::{Words, is_ice_string, is_word};

/// The user name fragment: 4 to 256 letters, digits, `+` or `/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IceUfrag<'a>(&'a str);

/// The password: 22 to 256 letters, digits, `+` or `/`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IcePwd<'a>(&'a str);

/// The options, as `trickle` (RFC 8838) and `ice2` (RFC 8445 section 10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IceOptions<'a>(&'a str);

impl<'a> IceUfrag<'a> {
    /// The fragment.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        self.0
    }
}

impl<'a> IcePwd<'a> {
    /// The password.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        self.0
    }
}

impl<'a> IceOptions<'a> {
    /// The options one by one.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        Words::new(self.0)
    }

    /// Whether the option is there.
    #[must_use]
    pub fn has(&self, option: &str) -> bool {
        self.iter().any(|other| other == option)
    }
}

impl<'a> Attribute<'a> for IceUfrag<'a> {
    const NAME: &'static str = "ice-ufrag";

    fn parse(value: &'a str) -> Result<Self, Invalid> {
        let valid = (4..=256).contains(&value.len()) && is_ice_string(value);
        valid.then_some(Self(value)).ok_or(Invalid::Attribute("ice-ufrag"))
    }

    fn write_value(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        out.write_str(self.0)
    }
}

impl<'a> Attribute<'a> for IcePwd<'a> {
    const NAME: &'static str = "ice-pwd";

    fn parse(value: &'a str) -> Result<Self, Invalid> {
        let valid = (22..=256).contains(&value.len()) && is_ice_string(value);
        valid.then_some(Self(value)).ok_or(Invalid::Attribute("ice-pwd"))
    }

    fn write_value(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        out.write_str(self.0)
    }
}

impl<'a> Attribute<'a> for IceOptions<'a> {
    const NAME: &'static str = "ice-options";

    fn parse(value: &'a str) -> Result<Self, Invalid> {
        let valid = Words::new(value).all(is_word) && !Words::new(value).is_empty();
        valid.then_some(Self(value)).ok_or(Invalid::Attribute("ice-options"))
    }

    fn write_value(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        out.write_str(self.0)
    }
}

impl fmt::Debug for IcePwd<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IcePwd(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_characters() {
        assert_eq!(IceUfrag::parse("zHw5").unwrap().as_str(), "zHw5");
        assert!(IceUfrag::parse("zHw").is_err() && IceUfrag::parse("zH:5").is_err());
        assert!(IceUfrag::parse(&"a".repeat(257)).is_err());
        assert!(IcePwd::parse("1pNdfoNXG9NuxdlOB6C+HfdI").is_ok() && IcePwd::parse("1pNdfo").is_err());
        let options = IceOptions::parse("trickle ice2").unwrap();
        assert!(options.has("trickle") && options.has("ice2") && !options.has("ice"));
    }
}
