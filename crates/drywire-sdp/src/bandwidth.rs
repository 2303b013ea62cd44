use std::fmt;

use crate::error::Invalid;
use crate::grammar::{is_token, number};

/// The line `b=` (RFC 8866 section 5.8): a limit of the bandwidth, in the unit of its type.
///
/// `AS` counts kilobits per second with all headers; `TIAS` (RFC 3890) bits per second of the media alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bandwidth<'a> {
    kind: &'a str,
    value: u64,
}

impl<'a> Bandwidth<'a> {
    pub(crate) fn parse(value: &'a str) -> Result<Self, Invalid> {
        let read = || {
            let (kind, value) = value.split_once(':')?;
            let value = number(value.trim())?;
            is_token(kind).then_some(Self { kind, value })
        };
        read().ok_or(Invalid::Line('b'))
    }

    /// The type, as `AS` or `TIAS`.
    #[must_use]
    pub fn kind(&self) -> &'a str {
        self.kind
    }

    /// The limit.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.value
    }
}

impl fmt::Display for Bandwidth<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let line = Bandwidth::parse("AS:512").unwrap();
        assert_eq!((line.kind(), line.value(), line.to_string().as_str()), ("AS", 512, "AS:512"));
        assert!(Bandwidth::parse("AS:-1").is_err() && Bandwidth::parse("AS").is_err());
    }
}
