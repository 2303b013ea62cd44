//! `a=ssrc` and `a=ssrc-group` (RFC 5576 section 4).

use std::fmt;

use crate::attribute::Attribute;
use crate::error::Invalid;
use crate::grammar::{Words, is_byte_string, is_token, number};

const INVALID: Invalid = Invalid::Attribute("ssrc");
const INVALID_GROUP: Invalid = Invalid::Attribute("ssrc-group");

/// One attribute of a source of RTP packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ssrc<'a> {
    ssrc: u32,
    name: &'a str,
    value: Option<&'a str>,
}

impl<'a> Ssrc<'a> {
    /// The canonical name of a source (RFC 5576 section 6.1).
    ///
    /// # Errors
    /// [`Invalid::Attribute`] when it is empty or holds a byte that no line may hold.
    pub fn cname(ssrc: u32, cname: &'a str) -> Result<Self, Invalid> {
        let valid = !cname.is_empty() && is_byte_string(cname);
        valid.then_some(Self { ssrc, name: "cname", value: Some(cname) }).ok_or(INVALID)
    }

    /// The source.
    #[must_use]
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// The name of the attribute, as `cname`.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Its value.
    #[must_use]
    pub fn value(&self) -> Option<&'a str> {
        self.value
    }
}

impl<'a> Attribute<'a> for Ssrc<'a> {
    const NAME: &'static str = "ssrc";

    fn parse(value: &'a str) -> Result<Self, Invalid> {
        let mut words = Words::new(value);
        let ssrc = words.next().and_then(number).ok_or(INVALID)?;
        let (name, value) = match words.rest().split_once(':') {
            Some((name, value)) => (name, Some(value)),
            None => (words.rest(), None),
        };
        // Some peers list a source without an attribute.
        (name.is_empty() || is_token(name)).then_some(Self { ssrc, name, value }).ok_or(INVALID)
    }

    fn write_value(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        write!(out, "{} {}", self.ssrc, self.name)?;
        self.value.map_or(Ok(()), |value| write!(out, ":{value}"))
    }
}

/// Sources that belong together, as `FID` (a stream and its retransmissions).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SsrcGroup<'a> {
    semantics: &'a str,
    ssrcs: &'a str,
}

impl<'a> SsrcGroup<'a> {
    /// What belonging together means.
    #[must_use]
    pub fn semantics(&self) -> &'a str {
        self.semantics
    }

    /// The sources in their order.
    pub fn ssrcs(&self) -> impl Iterator<Item = u32> + use<'a> {
        Words::new(self.ssrcs).filter_map(number)
    }
}

impl<'a> Attribute<'a> for SsrcGroup<'a> {
    const NAME: &'static str = "ssrc-group";

    fn parse(value: &'a str) -> Result<Self, Invalid> {
        let mut words = Words::new(value);
        let semantics = words.next().filter(|word| is_token(word)).ok_or(INVALID_GROUP)?;
        let ssrcs = words.rest();
        let valid = words.all(|word| number::<u32>(word).is_some());
        valid.then_some(Self { semantics, ssrcs }).ok_or(INVALID_GROUP)
    }

    fn write_value(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        write!(out, "{} {}", self.semantics, self.ssrcs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads() {
        let ssrc = Ssrc::parse("1902890360 cname:Ejj/4f6j+0lutCG2").unwrap();
        assert_eq!(
            (ssrc.ssrc(), ssrc.name(), ssrc.value()),
            (1_902_890_360, "cname", Some("Ejj/4f6j+0lutCG2"))
        );
        let group = SsrcGroup::parse("FID 2742381482 2455298546").unwrap();
        assert_eq!(
            (group.semantics(), group.ssrcs().collect::<Vec<_>>()),
            ("FID", vec![2_742_381_482, 2_455_298_546])
        );
        assert!(Ssrc::parse("4294967296 cname:a").is_err() && Ssrc::parse("x cname:a").is_err());
        assert!(SsrcGroup::parse("FID x").is_err());
        assert!(Ssrc::cname(1, "a\r\nb").is_err());
    }
}
