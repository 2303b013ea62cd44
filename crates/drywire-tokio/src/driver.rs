use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use drywire::{Duration, Endpoint, Event, Instant, PeerId, Transmit};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Sleep, sleep_until};

use crate::{ReceiveBuffers, Socket, Stopped, now};

/// Datagrams taken from one socket before what follows from them is sent.
const RECEIVE_LIMIT: usize = 512;
/// Trains sent, and events told, before the sockets are looked at again.
const SETTLE_LIMIT: usize = 256;
/// Commands that wait; whoever gives more waits himself.
const COMMAND_LIMIT: usize = 256;
/// How long a driver that ends waits for a full socket to take the last datagrams.
const FAREWELL: Duration = Duration::from_millis(100);

/// What happens to the events of an endpoint. Any closure of the same signature is an application, too.
///
/// It runs in the task of the driver: it may command the endpoint at once, and must not block.
pub trait Application: Send + 'static {
    /// Takes one event of one peer connection.
    fn handle_event(&mut self, now: Instant, endpoint: &mut Endpoint, peer: PeerId, event: Event);
}

impl<F> Application for F
where
    F: FnMut(Instant, &mut Endpoint, PeerId, Event) + Send + 'static,
{
    fn handle_event(&mut self, now: Instant, endpoint: &mut Endpoint, peer: PeerId, event: Event) {
        self(now, endpoint, peer, event);
    }
}

type Command<A> = Box<dyn FnOnce(Instant, &mut Endpoint, &mut A) + Send>;

/// An endpoint with its sockets, its clock and its application: [`run`](Self::run) it in a task.
pub struct Driver<A> {
    endpoint: Endpoint,
    application: A,
    sockets: Vec<Socket>,
    commands: mpsc::Receiver<Command<A>>,
    buffers: ReceiveBuffers,
    out: Vec<u8>,
    /// What `out` holds when a full socket did not take it.
    blocked: Option<(usize, Transmit)>,
}

impl<A> fmt::Debug for Driver<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("sockets", &self.sockets).finish_non_exhaustive()
    }
}

impl<A: Application> Driver<A> {
    /// Puts the parts together. The endpoint should know the addresses of `sockets` (see
    /// [`host_addresses`](crate::host_addresses)); a datagram from an address that none of them serves is dropped.
    #[must_use]
    pub fn new(endpoint: Endpoint, sockets: Vec<Socket>, application: A) -> (Self, Handle<A>) {
        let (sender, commands) = mpsc::channel(COMMAND_LIMIT);
        let driver = Self {
            endpoint,
            application,
            sockets,
            commands,
            buffers: ReceiveBuffers::new(),
            out: Vec::with_capacity(65_536),
            blocked: None,
        };
        (driver, Handle { commands: sender })
    }

    /// Runs until the last [`Handle`] is dropped, or a socket breaks. To end politely, close the peer connections
    /// through the handle first: what they then have to say is still sent.
    ///
    /// # Errors
    ///
    /// A socket is broken.
    pub async fn run(mut self) -> io::Result<A> {
        let mut timer = pin!(sleep_until(now().into()));
        loop {
            let more = self.settle(now());
            if more {
                // Sockets and commands have their turn now, other tasks have theirs.
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
            let sent = self.blocked.is_none() && self.send_next(now);
            if !told && !sent {
                return false;
            }
        }
        true
    }

    fn send_next(&mut self, now: Instant) -> bool {
        self.out.clear();
        let Some(transmit) = self.endpoint.poll_transmit(now, &mut self.out) else { return false };
        match self.sockets.iter().position(|socket| socket.serves(transmit.path.local)) {
            Some(index) => self.send(index, transmit),
            None => tracing::debug!(path = %transmit.path, "no socket serves this local address"),
        }
        true
    }

    fn send(&mut self, index: usize, transmit: Transmit) {
        let Some(socket) = self.sockets.get(index) else { return };
        match socket.try_send(&transmit, &self.out) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.blocked = Some((index, transmit)),
            Err(error) => tracing::debug!(path = %transmit.path, %error, "a datagram was not sent"),
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
                result?;
                progress = true;
            }
        }
        for _ in 0..COMMAND_LIMIT {
            match self.commands.poll_recv(cx) {
                Poll::Ready(Some(command)) => {
                    command(at, &mut self.endpoint, &mut self.application);
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

    /// Sends what is left, and does not wait long for it.
    async fn say_farewell(&mut self) {
        let end = now() + FAREWELL;
        loop {
            self.settle(now());
            let Some((index, transmit)) = self.blocked.take() else { return };
            let Some(socket) = self.sockets.get(index) else { return };
            let writable = poll_fn(|cx| socket.poll_writable(cx));
            if !matches!(tokio::time::timeout_at(end.into(), writable).await, Ok(Ok(()))) {
                return;
            }
            self.send(index, transmit);
        }
    }
}

/// Reaches into the task of a [`Driver`] from elsewhere. Cheap to clone; the driver ends with the last one.
pub struct Handle<A> {
    commands: mpsc::Sender<Command<A>>,
}

impl<A> Clone for Handle<A> {
    fn clone(&self) -> Self {
        Self { commands: self.commands.clone() }
    }
}

impl<A> fmt::Debug for Handle<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

impl<A: Application> Handle<A> {
    /// Runs `command` in the driver's task, with the time, the endpoint and the application, and gives back what it
    /// returns.
    ///
    /// # Errors
    ///
    /// The driver has stopped.
    pub async fn call<R, F>(&self, command: F) -> Result<R, Stopped>
    where
        R: Send + 'static,
        F: FnOnce(Instant, &mut Endpoint, &mut A) -> R + Send + 'static,
    {
        let (answer, result) = oneshot::channel();
        let command = Box::new(move |now: Instant, endpoint: &mut Endpoint, application: &mut A| {
            // Nobody waiting for the answer is no reason not to obey.
            let _ = answer.send(command(now, endpoint, application));
        });
        self.commands.send(command).await.map_err(|_| Stopped)?;
        result.await.map_err(|_| Stopped)
    }
}
