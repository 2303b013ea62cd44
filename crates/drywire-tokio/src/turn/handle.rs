use std::fmt;
use std::net::SocketAddr;

use drywire::Duration;
use tokio::sync::{mpsc, oneshot};

use super::Stats;
use crate::Stopped;

pub(super) enum Command {
    Stats(oneshot::Sender<Stats>),
    Drain { limit: Duration, alternates: Vec<SocketAddr> },
    Stop,
}

/// Reaches a running [`Server`](super::Server) from elsewhere. Cheap to clone; the server runs on without any.
#[derive(Clone)]
pub struct Handle {
    pub(super) commands: mpsc::Sender<Command>,
}

impl Handle {
    /// What was counted until now.
    ///
    /// # Errors
    ///
    /// The server has stopped.
    pub async fn stats(&self) -> Result<Stats, Stopped> {
        let (answer, stats) = oneshot::channel();
        self.commands.send(Command::Stats(answer)).await.map_err(|_| Stopped)?;
        stats.await.map_err(|_| Stopped)
    }

    /// Makes no more allocations, and ends [`Server::run`](super::Server::run) when the last one is over, or after `limit`. Who
    /// asks meanwhile is sent to the first of `alternates`, other TURN servers, that has his IP version.
    ///
    /// # Errors
    ///
    /// The server has stopped.
    pub async fn drain(&self, limit: Duration, alternates: Vec<SocketAddr>) -> Result<(), Stopped> {
        self.commands.send(Command::Drain { limit, alternates }).await.map_err(|_| Stopped)
    }

    /// Ends [`Server::run`](super::Server::run) at once, and all allocations with it.
    ///
    /// # Errors
    ///
    /// The server has stopped.
    pub async fn stop(&self) -> Result<(), Stopped> {
        self.commands.send(Command::Stop).await.map_err(|_| Stopped)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}
