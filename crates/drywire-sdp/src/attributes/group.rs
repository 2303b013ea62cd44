//! `a=group` (RFC 5888 section 5), as `BUNDLE` of RFC 9143.

use std::fmt;

use crate::attribute::Attribute;
use crate::error::Invalid;
use crate::grammar::{Words, is_token, is_word};

const INVALID: Invalid = Invalid::Attribute("group");

/// Media sections that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group<'a> {
    semantics: &'a str,
    mids: &'a str,
}

impl<'a> Group<'a> {
    /// The semantics of RFC 9143: one transport for all.
    pub const BUNDLE: &'static str = "BUNDLE";

    /// A bundle of these sections, written with spaces between them.
    ///
    /// # Errors
    /// [`Invalid::Attribute`] when a word is not an identification tag.
    pub fn bundle(mids: &'a str) -> Result<Self, Invalid> {
        Words::new(mids).all(is_word).then_some(Self { semantics: Self::BUNDLE, mids }).ok_or(INVALID)
    }

    /// What belonging together means.
    #[must_use]
    pub fn semantics(&self) -> &'a str {
        self.semantics
    }

    /// The identification tags of the sections. In a bundle the first one is tagged: its addresses are used.
    pub fn mids(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        Words::new(self.mids)
    }
}

impl<'a> Attribute<'a> for Group<'a> {
    const NAME: &'static str = "group";

    fn parse(value: &'a str) -> Result<Self, Invalid> {
        let mut words = Words::new(value);
        let semantics = words.next().filter(|word| is_token(word)).ok_or(INVALID)?;
        let mids = words.rest();
        words.all(is_word).then_some(Self { semantics, mids }).ok_or(INVALID)
    }

    fn write_value(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        out.write_str(self.semantics)?;
        if self.mids.is_empty() { Ok(()) } else { write!(out, " {}", self.mids) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads() {
        let group = Group::parse("BUNDLE 0 1 a1").unwrap();
        assert_eq!(group.semantics(), Group::BUNDLE);
        assert_eq!(group.mids().collect::<Vec<_>>(), ["0", "1", "a1"]);
        assert_eq!(Group::parse("BUNDLE").unwrap().mids().count(), 0);
        assert!(Group::parse("").is_err());
    }
}
