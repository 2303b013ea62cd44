use thiserror::Error;

/// The [`Driver`](crate::Driver) has ended, so that nothing can be asked of it any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the driver has stopped")]
pub struct Stopped;
