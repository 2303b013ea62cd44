//! HTTP for the page, the offers and the metrics: `axum::serve`, with limits for clients that take their time.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// The most connections at once; others wait in the kernel.
const CONNECTIONS: usize = 512;
/// How long a client may take for the head of a request.
const HEAD: Duration = Duration::from_secs(10);
/// After that a connection takes no more requests: who sends one byte a minute does not stay for ever.
const AGE: Duration = Duration::from_secs(60);
/// How long to wait when the system has no more connections to give.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves for as long as it is polled; the connections end by themselves.
pub(crate) async fn serve(listener: TcpListener, router: Router) -> Infallible {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // The semaphore is never closed.
        let place = Arc::clone(&room).acquire_owned().await;
        match listener.accept().await {
            Ok((stream, _)) => {
                let router = router.clone();
                tokio::spawn(async move {
                    answer(stream, router).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "no connection can be taken");
                sleep(PAUSE).await;
            }
        }
    }
}

/// Answers what comes over one connection.
async fn answer(stream: TcpStream, router: Router) {
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut served = pin!(served);
    let result = match timeout(AGE, served.as_mut()).await {
        Ok(result) => result,
        Err(_) => {
            served.as_mut().graceful_shutdown();
            timeout(HEAD, served).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "an HTTP connection broke");
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::{get, post};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// What a client is told that sends this and then waits.
    async fn told(request: &str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let body = |body: String| async move { body };
        let server = tokio::spawn(serve(
            listener,
            Router::new().route("/", get(|| async { "hello" })).route("/", post(body)),
        ));
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        // Until the server closes.
        client.read_to_string(&mut answer).await.unwrap();
        server.abort();
        answer
    }

    #[tokio::test(start_paused = true)]
    async fn requests_are_answered() {
        let answer = told("GET / HTTP/1.1\r\nhost: me\r\nconnection: close\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("hello"), "{answer}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_say_what_it_wants_is_not_waited_for() {
        for request in
            ["", "GET / HTTP/1.1\r\nhost:", "POST / HTTP/1.1\r\nhost: me\r\ncontent-length: 9\r\n\r\nabc"]
        {
            let answer = told(request).await;
            assert!(!answer.contains("200 OK"), "{answer}");
        }
    }
}
