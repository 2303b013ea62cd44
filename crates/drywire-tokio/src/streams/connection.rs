use std::io;
use std::sync::Arc;

use bytes::BytesMut;
use drywire::{Duration, Path};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::outbox::Outbox;
use super::{Serial, StreamEvent, Tasks};

/// What one call reads at most; and at least there is room for a quarter of it.
const READ_SIZE: usize = 16 * 1024;
/// How long the last bytes of a connection that is closed may take.
const LINGER: Duration = Duration::from_secs(1);

/// How long a connection may be of no use before it is closed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// From its begin until it is sent something: who is not answered is no peer.
    pub(super) unanswered: Duration,
    /// Between bytes from the peer.
    pub(super) silent: Duration,
}

impl Patience {
    /// For what the endpoint has asked for: it knows itself whom it waits for.
    pub(super) const ENDLESS: Self = Self { unanswered: Duration::MAX, silent: Duration::MAX };
}

/// A connection that is established.
#[derive(Debug)]
pub(super) struct Connection<S> {
    stream: S,
    path: Path,
    serial: Serial,
    outbox: Arc<Outbox>,
    patience: Patience,
    tasks: Tasks,
}

impl<S: AsyncRead + AsyncWrite> Connection<S> {
    pub(super) fn new(stream: S, path: Path, patience: Patience, tasks: Tasks) -> Self {
        Self { stream, path, serial: tasks.next_serial(), outbox: Arc::default(), patience, tasks }
    }

    /// What the driver writes to it by.
    pub(super) fn queue(&self) -> (Serial, Arc<Outbox>) {
        (self.serial, self.outbox.clone())
    }

    /// Tells of itself by `greeting`, carries bytes in both directions until one of them ends, and tells that.
    pub(super) async fn run(self, greeting: StreamEvent) {
        let Self { stream, path, serial, outbox, patience, tasks } = self;
        let events = &tasks.events;
        if events.send(greeting).await.is_err() {
            return;
        }
        let (mut reader, mut writer) = tokio::io::split(stream);
        let end = tokio::select! {
            end = read(&mut reader, path, serial, patience.silent, events) => end,
            end = write(&mut writer, &outbox) => end,
            () = unanswered(&outbox, patience.unanswered) => Err(io::ErrorKind::TimedOut.into()),
            () = lingered(&outbox) => Err(io::ErrorKind::TimedOut.into()),
            () = abandoned(events, &outbox) => Ok(()),
        };
        match end {
            Ok(()) => tracing::debug!(%path, "a connection has ended"),
            Err(error) => tracing::debug!(%path, %error, "a connection has ended"),
        }
        // A peer that does not take the end of the stream, with TLS its farewell, has seen enough.
        let _ = timeout(LINGER, writer.shutdown()).await;
        let _ = events.send(StreamEvent::Disconnected { path, serial }).await;
    }
}

async fn read(
    reader: &mut (impl AsyncRead + Unpin),
    path: Path,
    serial: Serial,
    limit: Duration,
    events: &mpsc::Sender<StreamEvent>,
) -> io::Result<()> {
    let mut buffer = BytesMut::with_capacity(READ_SIZE);
    loop {
        if buffer.capacity() < READ_SIZE / 4 {
            buffer.reserve(READ_SIZE);
        }
        if timeout(limit, reader.read_buf(&mut buffer)).await?? == 0 {
            return Ok(());
        }
        // While the driver is behind, TCP holds the peer back.
        let data = StreamEvent::Data { path, serial, bytes: buffer.split() };
        if events.send(data).await.is_err() {
            // Nobody listens any more. What is still to be written is.
            std::future::pending::<()>().await;
        }
    }
}

async fn write(writer: &mut (impl AsyncWrite + Unpin), outbox: &Outbox) -> io::Result<()> {
    let mut buffer = Vec::new();
    while outbox.take(&mut buffer).await {
        writer.write_all(&buffer).await?;
        // With TLS, what was written may still be here.
        writer.flush().await?;
    }
    Ok(())
}

/// Waits until it is late for the first answer and there was none.
async fn unanswered(outbox: &Outbox, limit: Duration) {
    sleep(limit).await;
    if outbox.was_used() {
        std::future::pending().await
    }
}

/// Waits until the driver has gone, which may be before it heard of this connection; closes it then.
async fn abandoned(events: &mpsc::Sender<StreamEvent>, outbox: &Outbox) {
    events.closed().await;
    outbox.close();
    std::future::pending().await
}

/// Waits until a connection that is closed has had its time to write what was left.
async fn lingered(outbox: &Outbox) {
    outbox.closed().await;
    sleep(LINGER).await;
}
