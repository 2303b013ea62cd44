use std::fmt;
use std::str::FromStr;

use drywire_core::Rng;

use super::NameError;

/// What follows the label.
const LOCAL: &str = ".local";

/// The name of a candidate: one label and `.local` (draft-ietf-mmusic-mdns-ice-candidates, section 3.1.1).
///
/// Names are compared without regard to case (RFC 6762, section 16): this one is lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// A fresh name: a random UUID (RFC 9562, section 5.4). It says nothing about the host, and is unique without
    /// that anybody has to be asked.
    #[must_use]
    pub fn random(rng: &mut Rng) -> Self {
        let mut bytes: [u8; 16] = rng.array();
        if let Some(version) = bytes.get_mut(6) {
            *version = *version & 0x0F | 0x40;
        }
        if let Some(variant) = bytes.get_mut(8) {
            *variant = *variant & 0x3F | 0x80;
        }
        let mut text = String::with_capacity(36 + LOCAL.len());
        for (index, byte) in bytes.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            for digit in [byte >> 4, byte & 15] {
                text.extend(char::from_digit(u32::from(digit), 16));
            }
        }
        text.push_str(LOCAL);
        Self(text)
    }

    /// The name, with `.local`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The label before `.local`.
    pub(crate) fn label(&self) -> &str {
        self.0.strip_suffix(LOCAL).unwrap_or(&self.0)
    }

    /// Whether two labels are this name.
    pub(crate) fn is(&self, first: &[u8], second: &[u8]) -> bool {
        second.eq_ignore_ascii_case(b"local") && first.eq_ignore_ascii_case(self.label().as_bytes())
    }
}

impl FromStr for Name {
    type Err = NameError;

    /// A name with more than one label before `.local`, or of another domain, is none: the draft sends such ones
    /// elsewhere (section 3.2.1), and they are not ours to resolve.
    fn from_str(text: &str) -> Result<Self, NameError> {
        let text = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let label = text.strip_suffix(LOCAL).ok_or(NameError::Shape)?;
        if label.is_empty() || label.len() > 63 || label.contains('.') {
            return Err(NameError::Shape);
        }
        if !label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
            return Err(NameError::Character);
        }
        Ok(Self(text))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_names_are_random_uuids() {
        let mut rng = Rng::new([7; 32]);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..1000 {
            let name = Name::random(&mut rng);
            let label = name.label();
            assert_eq!(label.len(), 36);
            assert_eq!(label.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
            assert_eq!(&label[14..15], "4");
            assert!("89ab".contains(&label[19..20]));
            assert_eq!(name.as_str().parse(), Ok(name.clone()));
            assert!(seen.insert(name));
        }
    }

    #[test]
    fn names_of_one_label() {
        let name: Name = "D4DF7ACB-4c9f-4dc0-8396-275c234b4555.Local".parse().unwrap();
        assert_eq!(name.as_str(), "d4df7acb-4c9f-4dc0-8396-275c234b4555.local");
        assert!(name.is(b"d4df7acb-4C9F-4dc0-8396-275c234b4555", b"LOCAL"));
        for wrong in
            ["", ".local", "local", "a.b.local", "example.com", "a.local.com", "192.0.2.1", "a..local"]
        {
            assert_eq!(wrong.parse::<Name>(), Err(NameError::Shape), "{wrong}");
        }
        assert_eq!(format!("{}.local", "x".repeat(64)).parse::<Name>(), Err(NameError::Shape));
        assert_eq!("a b.local".parse::<Name>(), Err(NameError::Character));
        assert_eq!("ä.local".parse::<Name>(), Err(NameError::Character));
    }
}
