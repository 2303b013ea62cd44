use std::fmt;

use drywire::crypto::{Provider, RandomError};

/// What names a session to its peer, and to nobody else.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Token(String);

impl Token {
    /// One that nobody guesses: 128 random bits.
    pub(super) fn random(provider: &dyn Provider) -> Result<Self, RandomError> {
        let mut bytes = [0; 16];
        provider.random(&mut bytes)?;
        Ok(Self(format!("{:032x}", u128::from_be_bytes(bytes))))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Token {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}
