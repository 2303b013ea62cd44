//! `drywire turn`: a TURN and STUN server.

mod error;
mod metrics;
mod options;
mod settings;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use drywire_tokio::turn::{Handle, Server};
use tokio::net::TcpListener;

pub(crate) use self::error::TurnError;
pub(crate) use self::options::TurnOptions;
use crate::http;
use crate::interrupt::Interrupts;
use crate::print_line;

/// How long the last allocations may take to end, in seconds, unless the user says.
const DRAIN: u32 = 60;

/// Serves until it is interrupted (ctrl-c, or SIGTERM) and the last allocation has ended, or it is interrupted again.
pub(crate) async fn run(options: TurnOptions) -> Result<(), TurnError> {
    let options = settings::with_file(options)?;
    more_files();
    let server = Server::bind(settings::config(&options)?)?;
    let handle = server.handle();
    let mut line = String::from("listening on");
    for (index, (transport, address)) in server.addresses().iter().enumerate() {
        // A string takes everything.
        let _ = write!(line, "{} {transport} {address}", if index > 0 { "," } else { "" });
    }
    if let Some(address) = options.metrics {
        let failed = |error| TurnError::Metrics { address, error };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let _ = write!(line, "; metrics at http://{address}/metrics");
        let router = metrics::router(handle.clone());
        tokio::spawn(http::serve(listener, router));
    }
    // Signals are listened for before anybody is told that the server runs.
    let interrupts = Interrupts::listen();
    let running = tokio::spawn(server.run());
    print_line(&line);
    let drain = Duration::from_secs(options.drain.unwrap_or(DRAIN).into());
    let mut ending = pin!(end(interrupts, handle, drain, options.drain_to));
    tokio::select! {
        _ = running => {}
        () = &mut ending => {}
    }
    Ok(())
}

/// The first interrupt: no more allocations. The second one: the end.
async fn end(mut interrupts: Interrupts, handle: Handle, drain: Duration, others: Vec<SocketAddr>) {
    interrupts.next().await;
    tracing::info!(seconds = drain.as_secs(), "waiting for the last allocations to end");
    if handle.drain(drain, others).await.is_ok() {
        interrupts.next().await;
        tracing::info!("not waiting any longer");
    }
}

/// Each allocation needs a socket: as many open files as the system lets this program have.
fn more_files() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        // It is a wish: a server with few clients works all the same.
        if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
            tracing::debug!(%error, "the number of open files stays as it is");
        }
    }
}
