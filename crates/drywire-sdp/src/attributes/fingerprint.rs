//! `a=fingerprint` (RFC 8122 section 5).

use std::fmt;

use crate::attribute::Attribute;
use crate::error::Invalid;
use crate::grammar::{Words, is_token};

const INVALID: Invalid = Invalid::Attribute("fingerprint");

/// The hash of a certificate.
///
/// `Display` gives the one form to compare: the name of the hash in small letters and the digits in capitals. Peers
/// write both ways (RFC 8122 section 5 demands capitals, but some send small letters).
#[derive(Debug, Clone, Copy)]
pub struct Fingerprint<'a> {
    hash: &'a str,
    digest: &'a str,
}

impl<'a> Fingerprint<'a> {
    /// A fingerprint as `sha-256 6A:CA:…`.
    ///
    /// # Errors
    /// [`Invalid::Attribute`] when it does not have this form.
    pub fn new(text: &'a str) -> Result<Self, Invalid> {
        Self::parse(text)
    }

    /// The name of the hash as it is written.
    #[must_use]
    pub fn hash(&self) -> &'a str {
        self.hash
    }

    /// The bytes of the hash.
    pub fn digest(&self) -> impl Iterator<Item = u8> + use<'a> {
        self.digest.split(':').filter_map(|pair| u8::from_str_radix(pair, 16).ok())
    }
}

impl PartialEq for Fingerprint<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.hash.eq_ignore_ascii_case(other.hash) && self.digest.eq_ignore_ascii_case(other.digest)
    }
}

impl Eq for Fingerprint<'_> {}

impl<'a> Attribute<'a> for Fingerprint<'a> {
    const NAME: &'static str = "fingerprint";

    fn parse(value: &'a str) -> Result<Self, Invalid> {
        let mut words = Words::new(value);
        let mut read = || {
            let hash = words.next().filter(|word| is_token(word))?;
            // SHA-512 is the longest hash of the registry.
            let digest = words.next().filter(|digest| digest.len() <= 64 * 3)?;
            let pairs = digest
                .split(':')
                .all(|pair| pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit()));
            (pairs && words.is_empty()).then_some(Self { hash, digest })
        };
        read().ok_or(INVALID)
    }

    fn write_value(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        write!(out, "{self}")
    }
}

impl fmt::Display for Fingerprint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        self.hash.bytes().try_for_each(|byte| f.write_char(char::from(byte.to_ascii_lowercase())))?;
        f.write_char(' ')?;
        self.digest.bytes().try_for_each(|byte| f.write_char(char::from(byte.to_ascii_uppercase())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_both_sizes_are_the_same() {
        let (a, b) = (Fingerprint::new("SHA-256 6a:CA").unwrap(), Fingerprint::new("sha-256 6A:ca").unwrap());
        assert_eq!(a, b);
        assert_eq!(a.to_string(), "sha-256 6A:CA");
        assert_eq!(a.digest().collect::<Vec<_>>(), [0x6a, 0xca]);
        for wrong in
            ["sha-256", "sha-256 6", "sha-256 6A:", "sha-256 6A:XY", "sha-256 6A CA", "sha-256 +A", ""]
        {
            assert!(Fingerprint::new(wrong).is_err(), "{wrong}");
        }
        assert!(Fingerprint::new(&format!("sha-256 {}", "AA:".repeat(65).trim_end_matches(':'))).is_err());
    }
}
