use std::fmt;

/// Which agent nominates (RFC 8445, section 6.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Nominates the pair to be used.
    Controlling,
    /// Follows the nomination.
    Controlled,
}

impl Role {
    /// The other role.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Controlling => Self::Controlled,
            Self::Controlled => Self::Controlling,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Controlling => "controlling",
            Self::Controlled => "controlled",
        })
    }
}

/// What a request that claims our own role means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// The peer has to switch: answer 487.
    PeerSwitches,
    /// We have to switch, and then answer as usual.
    WeSwitch,
}

/// Resolves a conflict by the tie-breakers (RFC 8445, section 7.3.1.1). `role` is ours and the peer's.
pub(crate) const fn resolve(role: Role, ours: u64, theirs: u64) -> Conflict {
    match (role, ours >= theirs) {
        (Role::Controlling, true) | (Role::Controlled, false) => Conflict::PeerSwitches,
        (Role::Controlling, false) | (Role::Controlled, true) => Conflict::WeSwitch,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_larger_tie_breaker_controls() {
        for role in [Role::Controlling, Role::Controlled] {
            // The two agents' views of one conflict: exactly one of them switches.
            for (a, b) in [(1, 2), (2, 1)] {
                let ours = resolve(role, a, b);
                assert_ne!(ours, resolve(role, b, a));
                let we_control = (role == Role::Controlling) == (ours == Conflict::PeerSwitches);
                assert_eq!(we_control, a > b);
            }
        }
        // Equal ones: both refuse as controlling, both switch as controlled; a new tie-breaker ends it.
        assert_eq!(resolve(Role::Controlling, 3, 3), Conflict::PeerSwitches);
        assert_eq!(resolve(Role::Controlled, 3, 3), Conflict::WeSwitch);
    }
}
