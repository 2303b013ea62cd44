use std::fmt;

use crate::error::Invalid;
use crate::grammar::{Words, is_word, number};

/// The line `o=` (RFC 8866 section 5.2): who made the description, and which version of the session it describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin<'a> {
    username: &'a str,
    session_id: u64,
    session_version: u64,
    address: &'a str,
}

impl<'a> Origin<'a> {
    /// The origin that RFC 9429 section 5.2.1 advises: no user, and an address that says nothing.
    #[must_use]
    pub fn new(session_id: u64, session_version: u64) -> Self {
        Self { username: "-", session_id, session_version, address: "IN IP4 0.0.0.0" }
    }

    pub(crate) fn parse(value: &'a str) -> Result<Self, Invalid> {
        let mut words = Words::new(value);
        let mut read = || {
            let username = words.next().filter(|word| is_word(word))?;
            let session_id = words.next().and_then(number)?;
            let session_version = words.next().and_then(number)?;
            let address = words.rest();
            (words.clone().count() == 3).then_some(Self { username, session_id, session_version, address })
        };
        read().ok_or(Invalid::Line('o'))
    }

    /// The name of the user; `-` is none.
    #[must_use]
    pub fn username(&self) -> &'a str {
        self.username
    }

    /// The number of the session, which stays for its life.
    #[must_use]
    pub fn session_id(&self) -> u64 {
        self.session_id
    }

    /// The version, which grows with each description that differs from the one before.
    #[must_use]
    pub fn session_version(&self) -> u64 {
        self.session_version
    }

    /// Network type, address type and address, as `IN IP4 127.0.0.1`.
    #[must_use]
    pub fn address(&self) -> &'a str {
        self.address
    }
}

impl fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.username, self.session_id, self.session_version, self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_firefox_sends() {
        let text = "mozilla...THIS_IS_SDPARTA-99.0 9155633474103205646 0 IN IP4 0.0.0.0";
        let origin = Origin::parse(text).unwrap();
        assert_eq!((origin.session_id(), origin.session_version()), (9_155_633_474_103_205_646, 0));
        assert_eq!(origin.to_string(), text);
    }

    #[test]
    fn numbers_have_64_bits() {
        for wrong in [
            "- 18446744073709551616 0 IN IP4 0.0.0.0",
            "- -1 0 IN IP4 0",
            "- 1 x IN IP4 0",
            "- 1 1 IN IP4",
            "-",
            "",
        ] {
            assert_eq!(Origin::parse(wrong), Err(Invalid::Line('o')), "{wrong}");
        }
    }
}
