//! The errors of the commands. What servers answer, or fail to, is told by events.

use thiserror::Error;

/// A relay that nobody is waiting for: it was reported already, its address is gone, or the time for it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("nobody waits for this relay")]
pub struct UnknownRelay;
