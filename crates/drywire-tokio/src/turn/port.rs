//! A UDP socket of the server, and what it could not take yet.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use drywire::{Path, Transmit};

use super::ready::{ReadyList, Source, Token};
use crate::icmp::IcmpError;
use crate::{ReceiveBuffers, Socket};

/// The most bytes that wait for a socket that is full: what comes then is dropped, as on any full link.
const UNSENT: usize = 512 * 1024;
/// ICMP errors that are taken at once. Clients need to hear of a peer once, not for each datagram.
const ERRORS: usize = 32;
/// Calls that may fail one after the other because of what was sent to peers: each tells of one error, also of one for which the
/// system had no room to say more.
const FAILURES: usize = 8;

pub(super) struct Port {
    socket: Socket,
    /// The address that peers know it by, if it is not the one it is bound to.
    external: Option<SocketAddr>,
    source: Arc<Source>,
    waker: Waker,
    unsent: VecDeque<(Transmit, Vec<u8>)>,
    unsent_bytes: usize,
    /// ICMP errors for what was sent to peers.
    errors: Vec<IcmpError>,
    /// Something was sent since errors were looked for.
    has_sent: bool,
    /// Receiving has failed so many times in a row.
    failures: usize,
}

impl Port {
    pub(super) fn new(socket: Socket, external: Option<SocketAddr>, id: u64, list: &Arc<ReadyList>) -> Self {
        let source = Source::new(Token::Port(id), list);
        let waker = Waker::from(Arc::clone(&source));
        Self {
            socket,
            external,
            source,
            waker,
            unsent: VecDeque::new(),
            unsent_bytes: 0,
            errors: Vec::new(),
            has_sent: false,
            failures: 0,
        }
    }

    /// The address that others know it by.
    pub(super) fn known_as(&self) -> SocketAddr {
        self.external.unwrap_or(self.socket.local_address())
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
        let received = self.socket.poll_receive_trains(&mut cx, buffers);
        let failures = std::mem::take(&mut self.failures);
        match received {
            Poll::Pending => Ok(None),
            Poll::Ready(Err(error)) if failures == FAILURES => Err(error),
            Poll::Ready(Err(_)) => {
                self.failures = failures + 1;
                self.find_errors();
                self.again();
                Ok(None)
            }
            Poll::Ready(Ok(trains)) => Ok(Some(trains.map(move |(path, train, size)| {
                (Path { local: external.unwrap_or(path.local), ..path }, train, size)
            }))),
        }
    }

    /// Has itself looked at again, after the others.
    pub(super) fn again(&self) {
        self.waker.wake_by_ref();
    }

    /// Looks for ICMP errors, and has itself looked at again if there are some: nothing wakes for them alone. To be called now and
    /// then.
    pub(super) fn look_for_errors(&mut self) {
        if std::mem::take(&mut self.has_sent) && self.find_errors() {
            self.again();
        }
    }

    /// Takes the ICMP errors that were found.
    pub(super) fn take_errors(&mut self) -> Vec<IcmpError> {
        std::mem::take(&mut self.errors)
    }

    /// Whether there were any.
    fn find_errors(&mut self) -> bool {
        let mut found = false;
        for _ in 0..ERRORS {
            let Ok(Some(error)) = self.socket.next_icmp() else { break };
            found = true;
            if self.errors.len() < ERRORS {
                self.errors.push(error);
            }
        }
        found
    }

    /// Sends, or keeps for later. `false`: dropped, because too much waits.
    pub(super) fn send(&mut self, transmit: &Transmit, contents: &[u8]) -> bool {
        if self.unsent.is_empty() && self.try_send(transmit, contents) {
            return true;
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

    /// `false`: the socket is full.
    fn try_send(&mut self, transmit: &Transmit, contents: &[u8]) -> bool {
        match self.send_now(transmit, contents) {
            Ok(()) => return true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            // This destination only: no route, or too large for the link.
            Err(error) => tracing::debug!(path = %transmit.path, %error, "a datagram was not sent"),
        }
        // Those that the kernel refused together are not alike: the last one of a train may be smaller than the others.
        for datagram in transmit.segment_size.into_iter().flat_map(|size| contents.chunks(size.max(1))) {
            let alone = Transmit { len: datagram.len(), segment_size: None, ..*transmit };
            let _ = self.send_now(&alone, datagram);
        }
        true
    }

    /// What an earlier datagram has met is no reason not to send.
    fn send_now(&mut self, transmit: &Transmit, contents: &[u8]) -> io::Result<()> {
        self.has_sent = true;
        match self.socket.try_send(transmit, contents) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock && self.external.is_some() => {
                if self.find_errors() {
                    self.again();
                }
                self.socket.try_send(transmit, contents)
            }
            result => result,
        }
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let mut was_full = false;
        while let Some((transmit, contents)) = self.unsent.pop_front() {
            if !self.try_send(&transmit, &contents) {
                self.unsent.push_front((transmit, contents));
                match self.socket.poll_writable(cx) {
                    Poll::Pending => return Ok(()),
                    // A socket that had an error may be called writable for ever: others have their turn first.
                    Poll::Ready(Ok(())) if was_full => {
                        self.again();
                        return Ok(());
                    }
                    Poll::Ready(result) => result?,
                }
                was_full = true;
                continue;
            }
            self.unsent_bytes = self.unsent_bytes.saturating_sub(contents.len());
        }
        Ok(())
    }
}
