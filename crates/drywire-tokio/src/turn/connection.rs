//! A connection of a client: TCP, or TLS over it.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, BytesMut};
use drywire::{Duration, Instant, Path};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::admission::Admitted;
use super::ready::{ReadyList, Source, Token};
use super::splice::ClientSide;
use crate::streams::Stream;

/// Reads of one connection before others have their turn.
const READS: usize = 16;

/// What was accepted, with its handshake done.
pub(super) struct Accepted {
    pub(super) stream: Stream,
    pub(super) path: Path,
    pub(super) admitted: Admitted,
}

pub(super) struct Connection {
    stream: Stream,
    path: Path,
    source: Arc<Source>,
    waker: Waker,
    unsent: BytesMut,
    /// The lengths of the messages in it, for TLS: each is a record of its own, because there are clients that take what they
    /// read at once for one message.
    records: VecDeque<usize>,
    /// When the client last said something.
    heard: Instant,
    /// Since when the client does not take what is sent.
    stalled: Option<Instant>,
    admitted: Admitted,
}

impl Connection {
    pub(super) fn new(accepted: Accepted, id: u64, list: &Arc<ReadyList>, now: Instant) -> Self {
        let Accepted { stream, path, admitted } = accepted;
        let source = Source::new(Token::Connection(id), list);
        let waker = Waker::from(Arc::clone(&source));
        Self {
            stream,
            path,
            source,
            waker,
            unsent: BytesMut::new(),
            records: VecDeque::new(),
            heard: now,
            stalled: None,
            admitted,
        }
    }

    pub(super) const fn path(&self) -> Path {
        self.path
    }

    /// Reads what there is, until `receive` says that the rest is for somebody else, and goes on to send what waits. `false`: the
    /// connection is over.
    pub(super) fn poll(
        &mut self,
        now: Instant,
        scratch: &mut [u8],
        mut receive: impl FnMut(BytesMut) -> bool,
    ) -> bool {
        self.source.begin();
        let waker = self.waker.clone();
        let mut cx = Context::from_waker(&waker);
        for _ in 0..READS {
            let mut buffer = ReadBuf::new(scratch);
            match Pin::new(&mut self.stream).poll_read(&mut cx, &mut buffer) {
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => return false,
                Poll::Ready(Ok(())) => {
                    self.heard = now;
                    if !receive(BytesMut::from(buffer.filled())) {
                        return true;
                    }
                }
                Poll::Ready(Err(error)) => {
                    tracing::debug!(path = %self.path, %error, "a connection broke");
                    return false;
                }
                Poll::Pending => return self.flush(now),
            }
        }
        waker.wake();
        self.flush(now)
    }

    /// Keeps a message to be sent by [`flush`](Self::flush). `false`: dropped, because too much waits.
    pub(super) fn push(&mut self, message: &[u8], most: usize) -> bool {
        let fits = self.unsent.len() + message.len() <= most;
        if fits {
            self.unsent.extend_from_slice(message);
            if matches!(self.stream, Stream::Tls(_)) {
                self.records.push_back(message.len());
            }
        }
        fits
    }

    /// Sends what waits, as far as the client takes it. `false`: the connection is over.
    pub(super) fn flush(&mut self, now: Instant) -> bool {
        let waker = self.waker.clone();
        let mut cx = Context::from_waker(&waker);
        match self.poll_send(&mut cx) {
            Poll::Ready(Ok(())) => {
                self.stalled = None;
                if self.unsent.capacity() > 0 {
                    // Very many connections are silent: they hold no memory.
                    (self.unsent, self.records) = (BytesMut::new(), VecDeque::new());
                }
                true
            }
            Poll::Ready(Err(error)) => {
                tracing::debug!(path = %self.path, %error, "a connection broke");
                false
            }
            Poll::Pending => {
                self.stalled.get_or_insert(now);
                true
            }
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.unsent.is_empty() {
            let record = self.records.front().and_then(|len| self.unsent.get(..*len));
            let sent = ready!(Pin::new(&mut self.stream).poll_write(cx, record.unwrap_or(&self.unsent)))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unsent.advance(sent);
            if let Some(record) = self.records.front_mut() {
                *record = record.saturating_sub(sent);
                if *record == 0 {
                    self.records.pop_front();
                }
            }
            self.stalled = None;
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Whether it has been silent, or has not taken what was sent, for too long.
    pub(super) fn is_idle(&self, now: Instant, timeout: Duration, has_allocation: bool) -> bool {
        let silent = !has_allocation && now.saturating_duration_since(self.heard) >= timeout;
        silent || self.stalled.is_some_and(|since| now.saturating_duration_since(since) >= timeout)
    }

    /// Says the last word, if the client takes it at once.
    pub(super) fn close(mut self, now: Instant) {
        if self.flush(now) {
            let waker = Waker::noop();
            // Whoever does not hear of it finds out from the closed connection.
            let _ = Pin::new(&mut self.stream).poll_shutdown(&mut Context::from_waker(waker));
        }
    }

    /// Gives it away as it is, to carry data from now on.
    pub(super) fn into_client_side(self) -> ClientSide {
        ClientSide { stream: self.stream, path: self.path, unsent: self.unsent, admitted: self.admitted }
    }
}
