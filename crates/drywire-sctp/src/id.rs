use std::fmt;

/// A stream of an association, in one direction (RFC 9260, section 1.3). 65535 is reserved (RFC 8832, section 6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u16);

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<u16> for StreamId {
    fn from(value: u16) -> Self {
        Self(value)
    }
}

/// A payload protocol identifier: what a message is, as its sender says (RFC 9260, section 3.3.1). SCTP carries it
/// and does not look at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ppid(pub u32);

impl fmt::Display for Ppid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<u32> for Ppid {
    fn from(value: u32) -> Self {
        Self(value)
    }
}
