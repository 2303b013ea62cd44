use drywire_core::UnexpectedEnd;
use thiserror::Error;

/// Why a packet from the network could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{kind} at byte {offset}")]
pub struct ParseError {
    /// What is wrong.
    pub kind: ParseErrorKind,
    /// Where in the packet, in bytes.
    pub offset: usize,
}

/// What is wrong with a packet from the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// The packet ends within a field.
    #[error("unexpected end")]
    UnexpectedEnd,
    /// The version is not 2.
    #[error("unknown version")]
    Version,
    /// The count of padding is zero or more than there is.
    #[error("invalid padding")]
    Padding,
    /// A field has a value, or a list a length, that its packet type does not allow.
    #[error("malformed content")]
    Malformed,
}

impl ParseError {
    pub(crate) const fn new(kind: ParseErrorKind, offset: usize) -> Self {
        Self { kind, offset }
    }
}

impl From<UnexpectedEnd> for ParseError {
    fn from(end: UnexpectedEnd) -> Self {
        Self::new(ParseErrorKind::UnexpectedEnd, end.offset)
    }
}

/// Why a header could not be written. Nothing was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// More than 15 contributing sources (RFC 3550, section 5.1).
    #[error("a packet has at most 15 contributing sources")]
    TooManySources,
    /// The identifier of a header extension element is 0, which means padding (RFC 8285, section 4.2).
    #[error("0 does not identify a header extension element")]
    ExtensionId,
    /// A header extension element has more than 255 bytes, or all together have more than fit.
    #[error("the header extension is too long")]
    ExtensionTooLong,
}
