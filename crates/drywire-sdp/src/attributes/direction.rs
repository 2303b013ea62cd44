//! `a=sendrecv`, `sendonly`, `recvonly` and `inactive` (RFC 8866 section 6.7).

use std::fmt;

/// Who sends in a media section, seen from the side that wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// Both.
    #[default]
    SendRecv,
    /// The one that wrote it.
    SendOnly,
    /// The other one.
    RecvOnly,
    /// None.
    Inactive,
}

impl Direction {
    /// The direction in which this side sends or not, and receives or not.
    #[must_use]
    pub fn new(send: bool, receive: bool) -> Self {
        match (send, receive) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// The direction of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "sendrecv" => Self::SendRecv,
            "sendonly" => Self::SendOnly,
            "recvonly" => Self::RecvOnly,
            "inactive" => Self::Inactive,
            _ => return None,
        })
    }

    /// The name of the attribute.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    pub(crate) fn name_of(name: &str) -> &'static str {
        Self::from_name(name).unwrap_or_default().name()
    }

    /// Whether the side that wrote it sends.
    #[must_use]
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the side that wrote it receives.
    #[must_use]
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same seen from the other side.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self::new(self.receives(), self.sends())
    }

    /// What both allow, seen from the same side.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self::new(self.sends() && other.sends(), self.receives() && other.receives())
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn algebra() {
        let all = [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive];
        for direction in all {
            assert_eq!(Direction::from_name(direction.name()), Some(direction));
            assert_eq!(direction.reversed().reversed(), direction);
            assert_eq!(direction.intersection(Direction::SendRecv), direction);
            assert_eq!(direction.intersection(Direction::Inactive), Direction::Inactive);
        }
        assert_eq!(Direction::SendOnly.reversed(), Direction::RecvOnly);
        assert_eq!(Direction::SendOnly.intersection(Direction::RecvOnly), Direction::Inactive);
    }
}
