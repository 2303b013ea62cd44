use std::fmt;

/// The signaling state (RFC 9429 section 3.2, W3C `RTCSignalingState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignalingState {
    /// No offer is open.
    Stable,
    /// This side has offered.
    HaveLocalOffer,
    /// The peer has offered.
    HaveRemoteOffer,
    /// This side has answered provisionally.
    HaveLocalPranswer,
    /// The peer has answered provisionally.
    HaveRemotePranswer,
    /// Closed for good.
    Closed,
}

/// What a description is (W3C `RTCSdpType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DescriptionType {
    /// An offer.
    Offer,
    /// A provisional answer.
    Pranswer,
    /// An answer.
    Answer,
    /// No description: takes the open offer back.
    Rollback,
}

/// Whose description is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Local,
    Remote,
}

impl SignalingState {
    /// The state after a description of this type is set, or `None` when it must not be (RFC 9429 section 3.2,
    /// figure 2; sections 4.1.10.2 for rollback). A remote offer in `have-local-offer` first rolls back, which is for
    /// the caller to do.
    pub(crate) fn after(self, side: Side, kind: DescriptionType) -> Option<Self> {
        use DescriptionType::{Answer, Offer, Pranswer, Rollback};
        use SignalingState::{
            HaveLocalOffer, HaveLocalPranswer, HaveRemoteOffer, HaveRemotePranswer, Stable,
        };
        Some(match (self, side, kind) {
            (Stable | HaveLocalOffer, Side::Local, Offer) => HaveLocalOffer,
            (Stable | HaveRemoteOffer, Side::Remote, Offer) => HaveRemoteOffer,
            (HaveRemoteOffer | HaveLocalPranswer, Side::Local, Answer) => Stable,
            (HaveRemoteOffer | HaveLocalPranswer, Side::Local, Pranswer) => HaveLocalPranswer,
            (HaveLocalOffer | HaveRemotePranswer, Side::Remote, Answer) => Stable,
            (HaveLocalOffer | HaveRemotePranswer, Side::Remote, Pranswer) => HaveRemotePranswer,
            // A stable session has nothing to take back, and an answer closed the offer.
            (HaveLocalOffer, Side::Local, Rollback) | (HaveRemoteOffer, Side::Remote, Rollback) => Stable,
            // W3C: either side may name the rollback.
            (HaveRemoteOffer, Side::Local, Rollback) | (HaveLocalOffer, Side::Remote, Rollback) => Stable,
            _ => return None,
        })
    }
}

impl fmt::Display for SignalingState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stable => "stable",
            Self::HaveLocalOffer => "have-local-offer",
            Self::HaveRemoteOffer => "have-remote-offer",
            Self::HaveLocalPranswer => "have-local-pranswer",
            Self::HaveRemotePranswer => "have-remote-pranswer",
            Self::Closed => "closed",
        })
    }
}

impl fmt::Display for DescriptionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Offer => "offer",
            Self::Pranswer => "pranswer",
            Self::Answer => "answer",
            Self::Rollback => "rollback",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_table() {
        let states = [
            SignalingState::Stable,
            SignalingState::HaveLocalOffer,
            SignalingState::HaveRemoteOffer,
            SignalingState::HaveLocalPranswer,
            SignalingState::HaveRemotePranswer,
            SignalingState::Closed,
        ];
        let kinds = [
            DescriptionType::Offer,
            DescriptionType::Pranswer,
            DescriptionType::Answer,
            DescriptionType::Rollback,
        ];
        let mut table = String::new();
        for state in states {
            for (side, name) in [(Side::Local, "local"), (Side::Remote, "remote")] {
                for kind in kinds {
                    let after =
                        state.after(side, kind).map_or_else(|| "-".to_owned(), |state| state.to_string());
                    table.push_str(&format!("{state} + {name} {kind} -> {after}\n"));
                }
            }
        }
        assert_eq!(table, include_str!("signaling/table.txt"));
    }
}
