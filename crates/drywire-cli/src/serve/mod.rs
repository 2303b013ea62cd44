//! The echo server: a page, `POST /offer` (and `/restart`, `/answer` for ICE restarts), `GET /stats`.

mod offer;
mod page;
mod reply;
mod stats;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode, Uri};
use axum::response::Response;
use axum::routing::{get, post};
use drywire_tokio::{Driver, Handle};
use thiserror::Error;
use tokio::net::TcpListener;

use self::reply::problem;
use crate::arguments::ServeOptions;
use crate::echo::Echo;
use crate::files::{Folder, Rules, Uploads};
use crate::http;
use crate::interrupt::Interrupts;
use crate::network::{self, Network, NetworkError};
use crate::print_line;

/// The longest body taken: an offer with a hundred m-sections is shorter.
const MAX_BODY: usize = 1024 * 1024;

#[derive(Debug, Error)]
pub(crate) enum ServeError {
    #[error(
        "{0} is already in use by another program. Give another address with --listen ADDR:PORT, \
         or port 0 to have a free one chosen"
    )]
    InUse(SocketAddr),
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, io::Error),
    #[error("files cannot be kept in {}: {_1}", _0.display())]
    Folder(PathBuf, io::Error),
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error("a UDP socket is broken: {0}")]
    Udp(io::Error),
}

/// Serves until it is interrupted (ctrl-c, or SIGTERM), then closes all peer connections.
pub(crate) async fn run(options: ServeOptions) -> Result<(), ServeError> {
    let listener = TcpListener::bind(options.listen).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => ServeError::InUse(options.listen),
        _ => ServeError::Listen(options.listen, error),
    })?;
    let address = listener.local_addr().map_err(|error| ServeError::Listen(options.listen, error))?;
    let Network { endpoint, sockets, mut config } = network::open(&options.network)?;
    let changed = Arc::make_mut(&mut config);
    (changed.sped, changed.snap) = (options.sped, options.snap);
    let uploads = match &options.files {
        Some(path) => {
            let folder = Folder::open(path).map_err(|error| ServeError::Folder(path.clone(), error))?;
            // What another run has left is begun anew: reading it again would hold up all sessions.
            let rules = Rules { max_len: options.max_file, rereads: false };
            Some(Uploads::new(drywire::default_provider(), folder, rules))
        }
        None => None,
    };
    let (mut driver, handle) = Driver::new(endpoint, sockets, Echo::new(config, uploads));
    network::reach(&mut driver, &options.network).await?;
    let mut driver = tokio::spawn(driver.run());
    // Signals are listened for before anybody is told that the server runs.
    let mut interrupts = Interrupts::listen();
    // Answers carry the candidates that are there when they are made.
    network::gathered(&handle, &options.network).await;
    print_line(&format!("listening on http://{address}"));

    tokio::select! {
        never = http::serve(listener, router(handle.clone())) => match never {},
        () = interrupts.next() => {}
        result = &mut driver => return Err(ServeError::Udp(stopped(result))),
    }
    let closing = handle.call(|now, endpoint, echo| {
        for id in echo.sessions().map(|(id, _)| id).collect::<Vec<_>>() {
            if let Some(mut peer) = endpoint.peer_mut(id) {
                peer.close(now);
            }
        }
    });
    // Told or not, the program ends.
    let _ = closing.await;
    drop(handle);
    let _ = driver.await;
    Ok(())
}

/// Why a driver ended that nobody told to.
fn stopped(result: Result<io::Result<Echo>, tokio::task::JoinError>) -> io::Error {
    match result {
        Ok(Ok(_)) => io::Error::other("its driver ended"),
        Ok(Err(error)) => error,
        Err(error) => io::Error::other(error),
    }
}

fn router(handle: Handle<Echo>) -> Router {
    Router::new()
        .route("/", get(page::index))
        .route("/style.css", get(page::style))
        .route("/app.js", get(page::app))
        .route("/file.js", get(page::file_transfer))
        .route("/sha256.js", get(page::sha256))
        .route("/offer", post(offer::offer).options(reply::preflight))
        .route("/restart", post(offer::restart).options(reply::preflight))
        .route("/answer", post(offer::answer).options(reply::preflight))
        .route("/stats", get(stats::list).options(reply::preflight))
        .fallback(nothing_here)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(handle)
}

async fn nothing_here(uri: Uri) -> Response {
    problem(StatusCode::NOT_FOUND, format!("there is nothing at {}; see / for the page", uri.path()))
}

async fn wrong_method(method: Method, uri: Uri) -> Response {
    let wanted = if matches!(uri.path(), "/offer" | "/answer" | "/restart") { "POST" } else { "GET" };
    problem(StatusCode::METHOD_NOT_ALLOWED, format!("{} takes {wanted}, not {method}", uri.path()))
}
