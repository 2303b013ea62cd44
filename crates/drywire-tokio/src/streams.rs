//! Connections over TCP and TLS, for candidates (RFC 6544) and to TURN servers (RFC 8656, section 3.1).
//!
//! Each has a task of its own, so that what the driver has to do when it wakes depends on what came, not on how many
//! connections there are. They share one bounded queue to the driver; each has one of its own the other way.

mod connect;
mod connection;
mod listen;
mod outbox;
mod stream;
mod tls;

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::BytesMut;
use drywire::{ConnectId, Path, StreamRequest};
use rustls::ClientConfig;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use self::connect::Destination;
use self::connection::{Connection, Patience};
use self::listen::{Accepted, accept};
use self::outbox::Outbox;
use self::tls::Tls;

pub(crate) use self::stream::Stream;
pub use self::tls::tls_config;

/// Events that wait for the driver; connections that have more stop reading.
const EVENT_LIMIT: usize = 64;
/// The most connections that are being established or are established on request.
const CONNECT_LIMIT: usize = 1_000;

/// Numbers a connection: two that follow each other on one path are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Serial(u64);

/// What a task needs that makes a connection.
#[derive(Clone, Debug)]
struct Tasks {
    next: Arc<AtomicU64>,
    events: mpsc::Sender<StreamEvent>,
    /// Whoever holds it has something to write.
    _alive: mpsc::Sender<()>,
}

impl Tasks {
    fn next_serial(&self) -> Serial {
        Serial(self.next.fetch_add(1, Ordering::Relaxed))
    }
}

/// What the tasks of connections tell the driver.
#[derive(Debug)]
enum StreamEvent {
    Connected { id: ConnectId, path: Path, serial: Serial, outbox: Arc<Outbox> },
    ConnectFailed { id: ConnectId },
    Accepted { path: Path, serial: Serial, outbox: Arc<Outbox> },
    Data { path: Path, serial: Serial, bytes: BytesMut },
    Disconnected { path: Path, serial: Serial },
}

/// What the endpoint has to know.
#[derive(Debug)]
pub(crate) enum StreamInput {
    Connected { id: ConnectId, path: Path },
    ConnectFailed { id: ConnectId },
    Data { path: Path, bytes: BytesMut },
    Disconnected { path: Path },
}

/// The queues of the connections that are established.
#[derive(Debug, Default)]
struct Open(HashMap<Path, (Serial, Arc<Outbox>)>);

/// All connections of a driver.
#[derive(Debug)]
pub(crate) struct Streams {
    open: Open,
    /// Cloned for each that was asked for and has neither failed nor ended.
    requested: Arc<()>,
    accepted: Accepted,
    tls: Tls,
    tasks: Tasks,
    events: mpsc::Receiver<StreamEvent>,
    ended: mpsc::Receiver<()>,
}

impl Streams {
    pub(crate) fn new() -> Self {
        let (sender, events) = mpsc::channel(EVENT_LIMIT);
        let (alive, ended) = mpsc::channel(1);
        Self {
            open: Open::default(),
            requested: Arc::default(),
            accepted: Accepted::default(),
            tls: Tls::default(),
            tasks: Tasks { next: Arc::default(), events: sender, _alive: alive },
            events,
            ended,
        }
    }

    /// How TLS servers are verified from now on.
    pub(crate) fn set_tls(&mut self, config: Arc<ClientConfig>) {
        self.tls = Tls::new(config);
    }

    /// Accepts connections as long as this lives.
    pub(crate) fn listen(&self, listener: TcpListener) {
        tokio::spawn(accept(listener, self.accepted.clone(), self.tasks.clone()));
    }

    /// Does what the endpoint wants.
    pub(crate) fn request(&mut self, request: StreamRequest) {
        match request {
            StreamRequest::Connect { id, local, remote, tls } => {
                self.connect(id, Destination { local, remote, tls });
            }
            StreamRequest::Close { path } => self.open.close(path),
            other => tracing::warn!(?other, "the endpoint wants what is not known here"),
        }
    }

    /// Appends `frames` to what the connection of `path` has to write; what finds no room, or no connection, is dropped.
    pub(crate) fn send(&self, path: Path, frames: &[u8]) {
        let taken = self.open.0.get(&path).is_some_and(|(_, outbox)| outbox.push(frames));
        if !taken {
            tracing::debug!(%path, len = frames.len(), "a connection that is full or gone takes nothing");
        }
    }

    /// The next thing that the endpoint has to know.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<StreamInput> {
        loop {
            match self.events.poll_recv(cx) {
                Poll::Ready(Some(event)) => {
                    if let Some(input) = self.take(event) {
                        return Poll::Ready(input);
                    }
                }
                // This holds a sender, so that there is no end.
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Closes all connections, and waits until what they had to write is written.
    pub(crate) async fn finish(&mut self) {
        let Self { mut open, tasks, mut events, mut ended, .. } = std::mem::replace(self, Self::new());
        drop(tasks);
        events.close();
        open.close_all();
        while ended.recv().await.is_some() {}
    }

    fn connect(&self, id: ConnectId, destination: Destination) {
        let (tasks, tls, requested) = (self.tasks.clone(), self.tls.clone(), self.requested.clone());
        let full = Arc::strong_count(&requested) > CONNECT_LIMIT + 1;
        tokio::spawn(async move {
            let _requested = requested;
            let connecting = async {
                if full {
                    return Err(io::Error::other("there are too many connections"));
                }
                destination.connect(&tls).await
            };
            let result = tokio::select! {
                result = connecting => result,
                () = tasks.events.closed() => return,
            };
            match result {
                Ok((stream, path)) => {
                    tracing::debug!(%path, "connected");
                    let connection = Connection::new(stream, path, Patience::ENDLESS, tasks);
                    let (serial, outbox) = connection.queue();
                    connection.run(StreamEvent::Connected { id, path, serial, outbox }).await;
                }
                Err(error) => {
                    match destination {
                        // Somebody may have to trust another root.
                        Destination { remote, tls: Some(name), .. } => {
                            tracing::warn!(%remote, name = &*name, %error, "no connection by TLS");
                        }
                        Destination { remote, .. } => tracing::info!(%remote, %error, "no connection"),
                    }
                    // Without a driver nobody wants to know.
                    let _ = tasks.events.send(StreamEvent::ConnectFailed { id }).await;
                }
            }
        });
    }

    fn take(&mut self, event: StreamEvent) -> Option<StreamInput> {
        match event {
            StreamEvent::Connected { id, path, serial, outbox } => {
                self.open.insert(path, serial, outbox);
                Some(StreamInput::Connected { id, path })
            }
            StreamEvent::ConnectFailed { id } => Some(StreamInput::ConnectFailed { id }),
            StreamEvent::Accepted { path, serial, outbox } => {
                let replaced = self.open.insert(path, serial, outbox);
                replaced.then_some(StreamInput::Disconnected { path })
            }
            StreamEvent::Data { path, serial, bytes } => {
                self.open.is_current(path, serial).then_some(StreamInput::Data { path, bytes })
            }
            StreamEvent::Disconnected { path, serial } => self.open.is_current(path, serial).then(|| {
                self.open.close(path);
                StreamInput::Disconnected { path }
            }),
        }
    }
}

impl Open {
    /// Returns whether there was one, whose end is not known yet, with the same addresses.
    fn insert(&mut self, path: Path, serial: Serial, outbox: Arc<Outbox>) -> bool {
        let replaced = self.0.insert(path, (serial, outbox));
        if let Some((_, outbox)) = &replaced {
            outbox.close();
        }
        replaced.is_some()
    }

    fn is_current(&self, path: Path, serial: Serial) -> bool {
        self.0.get(&path).is_some_and(|(current, _)| *current == serial)
    }

    fn close(&mut self, path: Path) {
        if let Some((_, outbox)) = self.0.remove(&path) {
            outbox.close();
        }
    }

    fn close_all(&mut self) {
        for (_, (_, outbox)) in self.0.drain() {
            outbox.close();
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.close_all();
    }
}

#[cfg(test)]
mod tests;
