use std::fmt;
use std::str::FromStr;

use drywire_crypto::{HashAlgorithm, Hasher, Provider};

use crate::ParseError;

/// The SHA-256 of a whole file. As text it is 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileHash(pub [u8; 32]);

impl fmt::Display for FileHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl FromStr for FileHash {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        read_hex(text).map(Self).ok_or(ParseError::FileHash)
    }
}

/// The first bytes of a file, as their number and their hash: what a receiver has of it already.
///
/// A program that was started anew reads what it has stored into one of these, and the transfer goes on from there:
///
/// ```
/// use drywire_file::Prefix;
///
/// let provider = drywire_crypto_aws_lc::provider();
/// let mut prefix = Prefix::new(&*provider);
/// prefix.update(b"the first by");
/// prefix.update(b"tes");
/// assert_eq!(prefix.len(), 15);
/// ```
pub struct Prefix {
    hasher: Box<dyn Hasher>,
    len: u64,
}

impl Prefix {
    /// Nothing of the file.
    #[must_use]
    pub fn new(provider: &dyn Provider) -> Self {
        Self { hasher: provider.hasher(HashAlgorithm::Sha256), len: 0 }
    }

    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.len = self.len.saturating_add(len(bytes));
    }

    /// How many bytes there are.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The hash of these bytes.
    #[must_use]
    pub fn hash(&self) -> FileHash {
        let mut hash = [0; 32];
        for (to, from) in hash.iter_mut().zip(self.hasher.digest().as_bytes()) {
            *to = *from;
        }
        FileHash(hash)
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prefix({} bytes)", self.len)
    }
}

/// The length of bytes as a position in a file.
pub(crate) fn len(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

pub(crate) fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// Exactly `N` bytes as hexadecimal digits, in either case.
pub(crate) fn read_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = [0; N];
    let mut digits = text.bytes();
    for byte in &mut bytes {
        *byte = digit(digits.next()?)? << 4 | digit(digits.next()?)?;
    }
    digits.next().is_none().then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_is_read_and_written() {
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let mut prefix = Prefix::new(&*drywire_crypto_aws_lc::provider());
        prefix.update(b"abc");
        assert_eq!(prefix.hash().to_string(), text);
        assert_eq!(text.to_uppercase().parse(), Ok(prefix.hash()));
        for wrong in
            ["", "ba", &text[1..], &format!("{text}0"), &text.replace('b', "g"), &text.replace("ba", "ä")]
        {
            assert_eq!(wrong.parse::<FileHash>(), Err(ParseError::FileHash), "{wrong}");
        }
    }
}
