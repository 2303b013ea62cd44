mod handle;
mod setup;

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use drywire::{Duration, Endpoint, Event, Instant, PeerId, Protocol, Transmit};
use tokio::sync::mpsc;
use tokio::time::{Sleep, sleep_until, timeout_at};

pub use self::handle::Handle;

use self::handle::Command;
use crate::network::Network;
use crate::streams::StreamInput;
use crate::{NetworkEvent, ReceiveBuffers, Socket, now};

/// Datagrams taken from one socket before what follows from them is sent.
const RECEIVE_LIMIT: usize = 512;
/// Trains sent, and events told, before the sockets are looked at again.
const SETTLE_LIMIT: usize = 256;
/// What is read from connections, and told of the network, before what follows from that is sent.
const INPUT_LIMIT: usize = 64;
/// Commands that wait; whoever gives more waits himself.
const COMMAND_LIMIT: usize = 256;
/// How long a driver that ends waits for a full socket to take the last datagrams, and then for connections to take the rest.
const FAREWELL: Duration = Duration::from_millis(100);

/// What happens to the events of an endpoint. Any closure of the same signature is an application, too.
///
/// It runs in the task of the driver: it may command the endpoint at once, and must not block.
pub trait Application: Send + 'static {
    /// Takes one event of one peer connection.
    fn handle_event(&mut self, now: Instant, endpoint: &mut Endpoint, peer: PeerId, event: Event);

    /// Takes what has become of addresses and servers. There is nothing that has to be done then.
    fn handle_network_event(&mut self, _now: Instant, _endpoint: &mut Endpoint, _event: NetworkEvent) {}
}

impl<F> Application for F
where
    F: FnMut(Instant, &mut Endpoint, PeerId, Event) + Send + 'static,
{
    fn handle_event(&mut self, now: Instant, endpoint: &mut Endpoint, peer: PeerId, event: Event) {
        self(now, endpoint, peer, event);
    }
}

/// An endpoint with its sockets, its connections, its clock and its application: [`run`](Self::run) it in a task.
pub struct Driver<A> {
    endpoint: Endpoint,
    application: A,
    sockets: Vec<Socket>,
    network: Network,
    commands: mpsc::Receiver<Command<A>>,
    buffers: ReceiveBuffers,
    out: Vec<u8>,
    /// What `out` holds when a full socket did not take it.
    blocked: Option<(usize, Transmit)>,
    /// Whether a socket may hold more than was taken from it at once: then there is nothing to wait for.
    unread: bool,
}

impl<A> fmt::Debug for Driver<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("sockets", &self.sockets).finish_non_exhaustive()
    }
}

impl<A: Application> Driver<A> {
    /// Puts the parts together. The endpoint should know the addresses of `sockets`: by
    /// [`watch_interfaces`](Self::watch_interfaces), or because it was told (see
    /// [`local_addresses`](crate::local_addresses)). A datagram from an address that none of them serves is dropped.
    #[must_use]
    pub fn new(endpoint: Endpoint, sockets: Vec<Socket>, application: A) -> (Self, Handle<A>) {
        let (sender, commands) = mpsc::channel(COMMAND_LIMIT);
        let driver = Self {
            endpoint,
            application,
            network: Network::new(&sockets),
            sockets,
            commands,
            buffers: ReceiveBuffers::new(),
            out: Vec::with_capacity(65_536),
            blocked: None,
            unread: false,
        };
        (driver, Handle { commands: sender })
    }

    /// Runs until the last [`Handle`] is dropped, or a socket breaks. At its end it closes the peer connections that are still
    /// open, and gives back what servers hold for it.
    ///
    /// # Errors
    ///
    /// A socket is broken.
    pub async fn run(mut self) -> io::Result<A> {
        let mut timer = pin!(sleep_until(now().into()));
        loop {
            let more = self.settle(now());
            if std::mem::take(&mut self.unread) || more {
                // Sockets and commands have their turn now, other tasks have theirs. Among those are the runtime's clock, by
                // which ours goes, and all that has to be told of the network.
                tokio::task::yield_now().await;
            }
            let deadline = self.endpoint.poll_timeout();
            if let Some(at) = deadline
                && timer.deadline() != at.into()
            {
                timer.as_mut().reset(at.into());
            }
            let timer = deadline.map(|_| timer.as_mut());
            if !self.wait(timer, more).await? {
                break;
            }
        }
        self.say_farewell().await;
        Ok(self.application)
    }

    /// Sends and tells what there is, up to a limit; returns whether it stopped there.
    fn settle(&mut self, now: Instant) -> bool {
        for _ in 0..SETTLE_LIMIT {
            let event = self.endpoint.poll_event();
            let told = event.is_some();
            if let Some((peer, event)) = event {
                self.application.handle_event(now, &mut self.endpoint, peer, event);
            }
            let request = self.endpoint.poll_stream();
            let requested = request.is_some();
            if let Some(request) = request {
                self.network.streams.request(request);
            }
            let sent = self.blocked.is_none() && self.send_next(now);
            if !told && !requested && !sent {
                return false;
            }
        }
        true
    }

    fn send_next(&mut self, now: Instant) -> bool {
        self.out.clear();
        let Some(transmit) = self.endpoint.poll_transmit(now, &mut self.out) else { return false };
        let path = transmit.path;
        if path.protocol == Protocol::Tcp {
            self.network.streams.send(path, &self.out);
        } else if let Some(index) = self.sockets.iter().position(|socket| socket.serves(path.local)) {
            self.send(index, transmit);
        } else if !self.network.send_multicast(path, &self.out) {
            tracing::debug!(%path, "no socket serves this local address");
        }
        true
    }

    fn send(&mut self, index: usize, transmit: Transmit) {
        let Some(socket) = self.sockets.get(index) else { return };
        match socket.try_send(&transmit, &self.out) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.blocked = Some((index, transmit)),
            Err(error) => {
                tracing::debug!(path = %transmit.path, %error, "a datagram was not sent");
                self.network.not_sent(&error);
            }
        }
    }

    /// Waits for something to happen and takes it in; with `more`, only looks. `false`: nobody holds a handle.
    async fn wait(&mut self, mut timer: Option<Pin<&mut Sleep>>, more: bool) -> io::Result<bool> {
        poll_fn(|cx| match self.poll_inputs(cx, timer.as_mut().map(Pin::as_mut)) {
            Poll::Pending if more => Poll::Ready(Ok(true)),
            other => other,
        })
        .await
    }

    fn poll_inputs(
        &mut self,
        cx: &mut Context<'_>,
        timer: Option<Pin<&mut Sleep>>,
    ) -> Poll<io::Result<bool>> {
        let mut progress = false;
        if let Some((index, transmit)) = self.blocked {
            let writable = self.sockets.get(index).map(|socket| socket.poll_writable(cx));
            if let Some(Poll::Ready(result)) = writable {
                result?;
                self.blocked = None;
                self.send(index, transmit);
                progress = true;
            }
        }
        // A batch is as of one moment: acknowledgements and timers follow the batch, not the datagram.
        let at = now();
        for socket in &self.sockets {
            let endpoint = &mut self.endpoint;
            let received = socket.poll_receive(cx, &mut self.buffers, RECEIVE_LIMIT, |path, datagram| {
                endpoint.handle_input(at, path, datagram);
            });
            if let Poll::Ready(result) = received {
                self.unread |= result? >= RECEIVE_LIMIT;
                progress = true;
            }
        }
        progress |= self.poll_network(cx, at);
        for _ in 0..COMMAND_LIMIT {
            match self.commands.poll_recv(cx) {
                Poll::Ready(Some(command)) => {
                    self.obey(at, command);
                    progress = true;
                }
                Poll::Ready(None) => return Poll::Ready(Ok(false)),
                Poll::Pending => break,
            }
        }
        if timer.is_some_and(|timer| timer.poll(cx).is_ready()) {
            self.endpoint.handle_timeout(now());
            progress = true;
        }
        if progress { Poll::Ready(Ok(true)) } else { Poll::Pending }
    }

    /// Takes in what connections and background tasks have to tell.
    fn poll_network(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let mut progress = false;
        for _ in 0..INPUT_LIMIT {
            let Poll::Ready(input) = self.network.streams.poll(cx) else { break };
            match input {
                StreamInput::Connected { id, path } => self.endpoint.connected(now, id, path),
                StreamInput::ConnectFailed { id } => self.endpoint.connect_failed(now, id),
                StreamInput::Data { path, bytes } => self.endpoint.handle_input(now, path, bytes),
                StreamInput::Disconnected { path } => self.endpoint.disconnected(now, path),
            }
            progress = true;
        }
        for _ in 0..INPUT_LIMIT {
            let Poll::Ready(notice) = self.network.poll_notice(cx) else { break };
            self.take_notice(now, notice);
            progress = true;
        }
        progress
    }

    /// Sends what is left, and does not wait long for it.
    async fn say_farewell(&mut self) {
        self.endpoint.close(now());
        self.send_rest(now() + FAREWELL).await;
        let streams = self.network.streams.finish();
        if timeout_at((now() + FAREWELL).into(), streams).await.is_err() {
            tracing::debug!("not all connections took all that was left");
        }
    }

    async fn send_rest(&mut self, end: Instant) {
        loop {
            while self.settle(now()) {}
            let Some((index, transmit)) = self.blocked.take() else { return };
            let Some(socket) = self.sockets.get(index) else { return };
            let writable = poll_fn(|cx| socket.poll_writable(cx));
            if !matches!(timeout_at(end.into(), writable).await, Ok(Ok(()))) {
                return;
            }
            self.send(index, transmit);
        }
    }
}
