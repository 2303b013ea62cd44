//! A UDP socket of the server, and what it could not take yet.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use drywire::{Path, Transmit};

use super::ready::{ReadyList, Source, Token};
use crate::{ReceiveBuffers, Socket};

/// The most bytes that wait for a socket that is full: what comes then is dropped, as on any full link.
const UNSENT: usize = 512 * 1024;

pub(super) struct Port {
    socket: Socket,
    /// The address that peers know it by, if it is not the one it is bound to.
    external: Option<SocketAddr>,
    source: Arc<Source>,
    waker: Waker,
    unsent: VecDeque<(Transmit, Vec<u8>)>,
    unsent_bytes: usize,
}

impl Port {
    pub(super) fn new(socket: Socket, external: Option<SocketAddr>, id: u64, list: &Arc<ReadyList>) -> Self {
        let source = Source::new(Token::Port(id), list);
        let waker = Waker::from(Arc::clone(&source));
        Self { socket, external, source, waker, unsent: VecDeque::new(), unsent_bytes: 0 }
    }

    /// The address it is bound to.
    pub(super) const fn address(&self) -> SocketAddr {
        self.socket.local_address()
    }

    /// Whether a listener sends what has this local address.
    pub(super) fn serves(&self, local: SocketAddr) -> bool {
        self.socket.serves(local)
    }

    /// Sends what waited and takes in what there is, at most as much as one system call gives, as trains: path, bytes, size of
    /// a datagram. `None`: there is no more for now.
    ///
    /// # Errors
    ///
    /// The socket does not work now.
    pub(super) fn poll<'b>(
        &mut self,
        buffers: &'b mut ReceiveBuffers,
    ) -> io::Result<Option<impl Iterator<Item = (Path, &'b [u8], usize)> + use<'b>>> {
        self.source.begin();
        let waker = self.waker.clone();
        let mut cx = Context::from_waker(&waker);
        self.flush(&mut cx)?;
        let external = self.external;
        match self.socket.poll_receive_trains(&mut cx, buffers) {
            Poll::Pending => Ok(None),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Ready(Ok(trains)) => Ok(Some(trains.map(move |(path, train, size)| {
                (Path { local: external.unwrap_or(path.local), ..path }, train, size)
            }))),
        }
    }

    /// Has itself looked at again, after the others.
    pub(super) fn again(&self) {
        self.waker.wake_by_ref();
    }

    /// Sends, or keeps for later. `false`: dropped, because too much waits.
    pub(super) fn send(&mut self, transmit: &Transmit, contents: &[u8]) -> bool {
        if self.unsent.is_empty() {
            match self.socket.try_send(transmit, contents) {
                Ok(()) => return true,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // This destination only: no route, or too large for the link.
                Err(error) => {
                    tracing::debug!(path = %transmit.path, %error, "a datagram was not sent");
                    return true;
                }
            }
        }
        if self.unsent_bytes + contents.len() > UNSENT {
            return false;
        }
        self.unsent_bytes += contents.len();
        self.unsent.push_back((*transmit, contents.to_vec()));
        // Looking at it asks to be woken when there is room.
        self.again();
        true
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while let Some((transmit, contents)) = self.unsent.front() {
            match self.socket.try_send(transmit, contents) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    match self.socket.poll_writable(cx) {
                        Poll::Pending => return Ok(()),
                        Poll::Ready(result) => result?,
                    }
                    continue;
                }
                Ok(()) => {}
                Err(error) => tracing::debug!(path = %transmit.path, %error, "a datagram was not sent"),
            }
            self.unsent_bytes = self.unsent_bytes.saturating_sub(contents.len());
            self.unsent.pop_front();
        }
        Ok(())
    }
}
