use std::fmt;
use std::str::FromStr;

use crate::hash::{read_hex, write_hex};
use crate::{FileName, ParseError};

/// The largest file, in bytes: 2^53 - 1, up to where JavaScript counts exactly.
pub const MAX_FILE_LEN: u64 = (1 << 53) - 1;

/// What a transfer is called, so that it can be resumed: the same file has the same one each time it is offered. As text
/// it is 32 hexadecimal digits.
///
/// Random bytes name a transfer that lives as long as the program; the hash of what identifies the version of a file
/// (path, length, time of last change) names one that survives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransferId(pub [u8; 16]);

impl fmt::Display for TransferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl FromStr for TransferId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        read_hex(text).map(Self).ok_or(ParseError::TransferId)
    }
}

/// A file that one side would like to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    id: TransferId,
    len: u64,
    name: FileName,
}

impl Offer {
    /// A file of `len` bytes. None if it is longer than [`MAX_FILE_LEN`].
    #[must_use]
    pub fn new(id: TransferId, len: u64, name: FileName) -> Option<Self> {
        (len <= MAX_FILE_LEN).then_some(Self { id, len, name })
    }

    /// What the transfer is called.
    #[must_use]
    pub const fn id(&self) -> TransferId {
        self.id
    }

    /// The length of the file in bytes, at most [`MAX_FILE_LEN`].
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether the file is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The name of the file, safe to use.
    #[must_use]
    pub const fn name(&self) -> &FileName {
        &self.name
    }
}
