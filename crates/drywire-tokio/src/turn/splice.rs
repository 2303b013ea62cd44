//! A client's connection and a peer's, and what goes from one to the other (RFC 6062, section 5.4).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, BytesMut};
use drywire::{Duration, Instant, Path};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::admission::Admitted;
use super::ready::{ReadyList, Source, Token};
use crate::streams::Stream;

/// Reads each way before other connections have their turn.
const READS: usize = 8;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    ToPeer,
    ToClient,
}

/// What became of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It wakes when there is more to do.
    Waits,
    /// The bandwidth is used up: to be looked at again soon.
    Throttled,
    /// Both sides have said all.
    Over,
}

/// A client's connection as it was when it was taken over.
pub(super) struct ClientSide {
    pub(super) stream: Stream,
    pub(super) path: Path,
    /// What it has not taken yet: answers, no data.
    pub(super) unsent: BytesMut,
    pub(super) admitted: Admitted,
}

pub(super) struct Splice {
    client: Stream,
    peer: TcpStream,
    path: Path,
    to_peer: Pipe,
    to_client: Pipe,
    source: Arc<Source>,
    waker: Waker,
    /// When something went through last.
    moved: Instant,
    _admitted: Admitted,
}

impl Splice {
    /// `pending` came from the client behind the request.
    pub(super) fn new(
        now: Instant,
        client: ClientSide,
        peer: TcpStream,
        pending: BytesMut,
        id: u32,
        list: &Arc<ReadyList>,
    ) -> Self {
        let source = Source::new(Token::Splice(id), list);
        let waker = Waker::from(Arc::clone(&source));
        let mut to_client = Pipe::default();
        to_client.push_free(&client.unsent);
        Self {
            client: client.stream,
            peer,
            path: client.path,
            to_peer: Pipe { waiting: pending, ..Pipe::default() },
            to_client,
            source,
            waker,
            moved: now,
            _admitted: client.admitted,
        }
    }

    pub(super) const fn path(&self) -> Path {
        self.path
    }

    /// Takes an answer to the client, which goes before all data.
    pub(super) fn push(&mut self, message: &[u8]) {
        self.to_client.push_free(message);
    }

    /// Has itself looked at again.
    pub(super) fn again(&self) {
        self.waker.wake_by_ref();
    }

    /// Carries what there is, as far as the other side takes it. `grant` says how many of so many bytes may go now.
    ///
    /// # Errors
    ///
    /// One of the connections broke: both are to be closed.
    pub(super) fn poll(
        &mut self,
        now: Instant,
        scratch: &mut [u8],
        mut grant: impl FnMut(Way, usize) -> usize,
    ) -> io::Result<Turn> {
        self.source.begin();
        let waker = self.waker.clone();
        let mut cx = Context::from_waker(&waker);
        let (client, peer) = (&mut self.client, &mut self.peer);
        let before = (self.to_peer.carried, self.to_client.carried);
        let there = self.to_peer.carry(&mut cx, client, peer, scratch, |bytes| grant(Way::ToPeer, bytes))?;
        let back =
            self.to_client.carry(&mut cx, peer, client, scratch, |bytes| grant(Way::ToClient, bytes))?;
        if before != (self.to_peer.carried, self.to_client.carried) {
            self.moved = now;
        }
        let both = [there, back];
        if both == [Carried::Everything; 2] {
            return Ok(Turn::Over);
        }
        if both.contains(&Carried::Enough) {
            waker.wake();
        }
        Ok(if both.contains(&Carried::Throttled) { Turn::Throttled } else { Turn::Waits })
    }

    /// Whether one side has said all and nothing has come from the other one for too long: who is gone without a word cannot be
    /// told from who only listens.
    pub(super) fn is_stale(&self, now: Instant, timeout: Duration) -> bool {
        let is_half = self.to_peer.ended || self.to_client.ended;
        is_half && now.saturating_duration_since(self.moved) >= timeout
    }
}

/// How far a pipe came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carried {
    /// One side has no more, or the other one takes no more, for now.
    Blocked,
    /// Bandwidth is lacking.
    Throttled,
    /// It is the turn of others.
    Enough,
    /// There is nothing more to come, and the other side knows.
    Everything,
}

/// One way of two. Nothing is read before what was read last has gone: a slow side slows the other one down.
#[derive(Default)]
struct Pipe {
    /// What was read and has not gone: one read at most.
    waiting: BytesMut,
    /// How many bytes may go without asking.
    granted: usize,
    /// How many went.
    carried: u64,
    unflushed: bool,
    /// There is no more to read.
    ended: bool,
    shut: bool,
}

impl Pipe {
    /// Appends what is not charged.
    fn push_free(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
        self.granted += bytes.len();
    }

    fn carry(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
        scratch: &mut [u8],
        mut grant: impl FnMut(usize) -> usize,
    ) -> io::Result<Carried> {
        for _ in 0..READS {
            if !self.waiting.is_empty() {
                let mut waiting = std::mem::take(&mut self.waiting);
                let (sent, stopped) = self.send(cx, to, &waiting, &mut grant)?;
                waiting.advance(sent);
                if let Some(stopped) = stopped {
                    self.waiting = waiting;
                    return Ok(stopped);
                }
            }
            if self.unflushed {
                if Pin::new(&mut *to).poll_flush(cx)?.is_pending() {
                    return Ok(Carried::Blocked);
                }
                self.unflushed = false;
            }
            if self.ended {
                if !self.shut && Pin::new(&mut *to).poll_shutdown(cx)?.is_pending() {
                    return Ok(Carried::Blocked);
                }
                self.shut = true;
                return Ok(Carried::Everything);
            }
            let mut buffer = ReadBuf::new(scratch);
            match Pin::new(&mut *from).poll_read(cx, &mut buffer)? {
                Poll::Pending => return Ok(Carried::Blocked),
                Poll::Ready(()) if buffer.filled().is_empty() => self.ended = true,
                Poll::Ready(()) => {
                    let (sent, stopped) = self.send(cx, to, buffer.filled(), &mut grant)?;
                    if let Some(stopped) = stopped {
                        self.waiting = BytesMut::from(buffer.filled().get(sent..).unwrap_or_default());
                        return Ok(stopped);
                    }
                }
            }
        }
        Ok(Carried::Enough)
    }

    /// Writes: how many bytes went, and why not all.
    fn send(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut (impl AsyncWrite + Unpin),
        bytes: &[u8],
        grant: &mut impl FnMut(usize) -> usize,
    ) -> io::Result<(usize, Option<Carried>)> {
        let mut sent = 0;
        while let Some(rest) = bytes.get(sent..).filter(|rest| !rest.is_empty()) {
            if self.granted == 0 {
                self.granted = grant(rest.len());
            }
            let part = rest.get(..self.granted).unwrap_or(rest);
            if part.is_empty() {
                return Ok((sent, Some(Carried::Throttled)));
            }
            match Pin::new(&mut *to).poll_write(cx, part)? {
                Poll::Pending => return Ok((sent, Some(Carried::Blocked))),
                Poll::Ready(0) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(written) => {
                    sent += written;
                    self.granted = self.granted.saturating_sub(written);
                    self.carried += u64::try_from(written).unwrap_or(u64::MAX);
                    self.unflushed = true;
                }
            }
        }
        Ok((sent, None))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    /// A pipe between two streams of which each holds so many bytes: what goes in is written to the first, what comes out read from
    /// the last.
    struct Bench {
        pipe: Pipe,
        begin: tokio::io::DuplexStream,
        from: tokio::io::DuplexStream,
        to: tokio::io::DuplexStream,
        end: tokio::io::DuplexStream,
    }

    impl Bench {
        fn new(holds: usize) -> Self {
            let (begin, from) = duplex(holds);
            let (to, end) = duplex(holds);
            Self { pipe: Pipe::default(), begin, from, to, end }
        }

        fn carry(&mut self, mut grant: impl FnMut(usize) -> usize) -> Carried {
            let mut cx = Context::from_waker(Waker::noop());
            self.pipe.carry(&mut cx, &mut self.from, &mut self.to, &mut [0; 64], &mut grant).unwrap()
        }
    }

    #[tokio::test]
    async fn nothing_is_read_that_the_other_side_does_not_take() {
        let mut bench = Bench::new(100);
        let mut written = 0;
        // As much as fits.
        while tokio::time::timeout(Duration::ZERO, bench.begin.write_all(&[7])).await.is_ok() {
            written += 1;
            assert_eq!(bench.carry(|bytes| bytes), Carried::Blocked);
            assert!(bench.pipe.waiting.len() <= 64);
        }
        assert!(written <= 100 + 64 + 100, "{written}");
        let mut buffer = vec![0; written];
        while bench.pipe.carried < u64::try_from(written).unwrap() {
            let read = bench.end.read(&mut buffer).await.unwrap();
            assert!(read > 0);
            bench.carry(|bytes| bytes);
        }
    }

    #[tokio::test]
    async fn what_is_not_granted_waits() {
        let mut bench = Bench::new(100);
        bench.begin.write_all(b"0123456789").await.unwrap();
        // An answer is not charged.
        bench.pipe.push_free(b"yes ");
        let mut left = 3;
        let take = |bytes: usize| {
            let granted = bytes.min(left);
            left -= granted;
            granted
        };
        assert_eq!(bench.carry(take), Carried::Throttled);
        assert_eq!((bench.pipe.carried, bench.pipe.waiting.len()), (7, 7));
        assert_eq!(bench.carry(|_| 0), Carried::Throttled);
        bench.begin.shutdown().await.unwrap();
        assert_eq!(bench.carry(|bytes| bytes), Carried::Everything);
        let mut text = String::new();
        bench.end.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "yes 0123456789");
    }

    #[tokio::test]
    async fn who_reads_no_more_ends_both() {
        let mut bench = Bench::new(100);
        bench.begin.write_all(b"hello").await.unwrap();
        drop(bench.end);
        let mut cx = Context::from_waker(Waker::noop());
        let ended = bench.pipe.carry(&mut cx, &mut bench.from, &mut bench.to, &mut [0; 64], |bytes| bytes);
        assert!(ended.is_err());
    }
}
