//! A TURN server, whoever made it.

use crate::coturn::Coturn;
use crate::namespace::Namespace;
use crate::own_turn::OwnTurn;
use crate::skipped;

/// Whose server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Maker {
    Coturn,
    Drywire,
}

impl Maker {
    pub(crate) const ALL: [Self; 2] = [Self::Coturn, Self::Drywire];
}

/// Runs until this is dropped.
pub(crate) struct TurnServer {
    drywire: Option<OwnTurn>,
    _coturn: Option<Coturn>,
}

impl TurnServer {
    /// STUN and TURN over UDP, TCP and TLS on the server's first addresses. `None` if there is none of this kind, which is said.
    pub(crate) fn start(maker: Maker, server: &Namespace) -> Option<Self> {
        match maker {
            Maker::Coturn => match Coturn::start(server) {
                Ok(coturn) => Some(Self { drywire: None, _coturn: Some(coturn) }),
                Err(reason) => skipped(&reason),
            },
            Maker::Drywire => Some(Self { drywire: Some(OwnTurn::start(server)), _coturn: None }),
        }
    }

    /// How many allocations there are; `None` where nobody tells.
    pub(crate) fn allocations(&self) -> Option<usize> {
        self.drywire.as_ref().map(OwnTurn::allocations)
    }
}
