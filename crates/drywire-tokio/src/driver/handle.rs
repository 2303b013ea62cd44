use std::fmt;

use drywire::{Endpoint, Instant};
use tokio::sync::{mpsc, oneshot};

use super::Application;
use crate::{IceServerConfig, IceServerConfigError, Stopped};

type Call<A> = Box<dyn FnOnce(Instant, &mut Endpoint, &mut A) + Send>;

/// What a handle wants of its driver.
pub(super) enum Command<A> {
    Call(Call<A>),
    AddIceServer(IceServerConfig, oneshot::Sender<Result<(), IceServerConfigError>>),
}

/// Reaches into the task of a [`Driver`](crate::Driver) from elsewhere. Cheap to clone; the driver ends with the last one.
pub struct Handle<A> {
    pub(super) commands: mpsc::Sender<Command<A>>,
}

impl<A> Clone for Handle<A> {
    fn clone(&self) -> Self {
        Self { commands: self.commands.clone() }
    }
}

impl<A> fmt::Debug for Handle<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

impl<A: Application> Handle<A> {
    /// Runs `command` in the driver's task, with the time, the endpoint and the application, and gives back what it
    /// returns.
    ///
    /// # Errors
    ///
    /// The driver has stopped.
    pub async fn call<R, F>(&self, command: F) -> Result<R, Stopped>
    where
        R: Send + 'static,
        F: FnOnce(Instant, &mut Endpoint, &mut A) -> R + Send + 'static,
    {
        let (answer, result) = oneshot::channel();
        let call = Box::new(move |now: Instant, endpoint: &mut Endpoint, application: &mut A| {
            // Nobody waiting for the answer is no reason not to obey.
            let _ = answer.send(command(now, endpoint, application));
        });
        self.commands.send(Command::Call(call)).await.map_err(|_| Stopped)?;
        result.await.map_err(|_| Stopped)
    }

    /// [Adds](crate::Driver::add_ice_server) STUN or TURN servers to a driver that runs already.
    ///
    /// # Errors
    ///
    /// The driver has stopped. The inner result is that of the driver.
    pub async fn add_ice_server(
        &self,
        server: IceServerConfig,
    ) -> Result<Result<(), IceServerConfigError>, Stopped> {
        let (answer, result) = oneshot::channel();
        self.commands.send(Command::AddIceServer(server, answer)).await.map_err(|_| Stopped)?;
        result.await.map_err(|_| Stopped)
    }
}
