use thiserror::Error;

/// Why a text is not a session description, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("line {line}: {reason}")]
pub struct ParseError {
    pub(crate) line: usize,
    pub(crate) reason: Invalid,
}

impl ParseError {
    /// The number of the line, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// What is wrong with it.
    #[must_use]
    pub fn reason(&self) -> Invalid {
        self.reason
    }
}

/// What is wrong with a line, or with a value that was to become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Invalid {
    /// The text is longer than [`MAX_TEXT`](crate::MAX_TEXT) bytes, or the line than [`MAX_LINE`](crate::MAX_LINE).
    #[error("too long")]
    TooLong,
    /// There are more lines than [`MAX_LINES`](crate::MAX_LINES), or in one section than
    /// [`MAX_SECTION_LINES`](crate::MAX_SECTION_LINES).
    #[error("there are too many lines")]
    TooManyLines,
    /// There are more media sections than [`MAX_MEDIA_SECTIONS`](crate::MAX_MEDIA_SECTIONS).
    #[error("there are too many media sections")]
    TooManyMediaSections,
    /// The line is not a letter, `=` and a value.
    #[error("not of the form x=value")]
    Form,
    /// A byte that no line may hold: NUL, CR or LF (RFC 8866 section 9, `byte-string`).
    #[error("a byte that no line may hold")]
    Byte,
    /// The line stands where RFC 8866 section 5 does not allow it, or a second time.
    #[error("the line {0}= is out of place")]
    OutOfPlace(char),
    /// A line that RFC 8866 section 5 demands is not there.
    #[error("the line {0}= is missing")]
    Missing(char),
    /// The line of this type does not follow its grammar, or a number in it is out of range.
    #[error("the line {0}= does not follow its grammar")]
    Line(char),
    /// The attribute of this name does not follow its grammar, or a number in it is out of range.
    #[error("the attribute {0} does not follow its grammar")]
    Attribute(&'static str),
    /// The name of an attribute is not a token (RFC 8866 section 9).
    #[error("the name of the attribute is not a token")]
    AttributeName,
}
