//! The errors of the commands.

use thiserror::Error;

/// Why a text is no name of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// It does not consist of exactly one label of 1 to 63 characters and `.local`.
    #[error("a name is one label of 1 to 63 characters, followed by .local")]
    Shape,
    /// A character is not a letter, a digit, `-` or `_`.
    #[error("only letters, digits, - and _ are allowed in a label")]
    Character,
}

/// Why an interface was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InterfaceError {
    /// Its address is unspecified or multicast: nothing can be told from such a one.
    #[error("an interface has an address of its own")]
    Address,
    /// There are 32 already.
    #[error("there are too many interfaces")]
    TooMany,
}

/// Why no name was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RegisterError {
    /// The address is unspecified or multicast.
    #[error("nobody is reached at that address")]
    Address,
    /// There are as many names as the configuration allows.
    #[error("there are too many names")]
    TooMany,
}

/// Why a name is not looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ResolveError {
    /// As many names are being looked for, or wait to be polled, as the configuration allows.
    #[error("too many names are being looked for")]
    TooMany,
}
