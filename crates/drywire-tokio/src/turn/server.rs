use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use drywire::stun::attributes::AddressFamily;
use drywire::{Duration, Instant};
use drywire_turn::server;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Sleep, sleep_until};

use super::accept::Door;
use super::admission::Admission;
use super::config::Config;
use super::connection::Accepted;
use super::error::{BindError, ListenerTransport};
use super::handle::{Command, Handle};
use super::hub::Hub;
use super::port::Port;
use super::ready::Token;
use super::relays::RelayPool;
use super::sockets::{Listeners, usual_relays};
use super::stats::Stats;
use crate::{ReceiveBuffers, now};

/// Connections and commands that wait for the server.
const WAITING: usize = 64;
/// System calls on one socket before others have their turn. What they bring is sent together: the more flows there are, the
/// more of them it takes to find several datagrams of one.
const TURNS: usize = 16;
/// How often connections are looked through for idle ones, and sockets that failed are tried again.
const HOUSEKEEPING: Duration = Duration::from_secs(1);
/// How long connections wait that have used up the bandwidth of their user.
const BANDWIDTH: Duration = Duration::from_millis(20);
/// What is read from a connection at once.
const SCRATCH: usize = 64 * 1024;

/// A TURN server with its sockets: [`run`](Self::run) it in a task.
pub struct Server {
    hub: Hub,
    buffers: ReceiveBuffers,
    scratch: Vec<u8>,
    taken: Vec<Token>,
    /// Sockets that failed, to be tried again.
    failed: Vec<Token>,
    addresses: Vec<(ListenerTransport, SocketAddr)>,
    idle_timeout: Duration,
    admission: Arc<Admission>,
    accepted: mpsc::Receiver<Accepted>,
    /// Tasks that take connections. They end with the server.
    doors: JoinSet<()>,
    handle: Handle,
    commands: mpsc::Receiver<Command>,
    housekeeping: Option<Instant>,
    /// When connections that lacked bandwidth may go on.
    bandwidth: Option<Instant>,
    timer: Pin<Box<Sleep>>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

impl Server {
    /// Opens the sockets. Call it within a tokio runtime.
    ///
    /// # Errors
    ///
    /// An address cannot be used, or the configuration contradicts itself.
    pub fn bind(mut config: Config) -> Result<Self, BindError> {
        let listeners = Listeners::open(&config)?;
        let reached = listeners.reached()?;
        let (mut seed, mut ports_seed) = ([0; 32], [0; 32]);
        for seed in [&mut seed, &mut ports_seed] {
            config.machine.provider.random(seed).map_err(|_| BindError::Random)?;
        }
        let hosts = if config.relays.is_empty() { usual_relays(&reached) } else { config.relays.clone() };
        let pool = RelayPool::new(hosts, config.relay_ports.clone(), ports_seed)?;
        config.machine.ipv4 = pool.has(AddressFamily::V4);
        config.machine.ipv6 = pool.has(AddressFamily::V6);
        config.machine.dont_fragment = pool.never_fragments();
        let peers = &mut config.machine.peers;
        for address in reached.into_iter().chain(pool.addresses()) {
            if !(address.is_loopback() && peers.allow_loopback) {
                peers.own.push(address);
            }
        }

        let (accepting, accepted) = mpsc::channel(WAITING);
        let (sender, commands) = mpsc::channel(WAITING);
        let admission = Admission::new(config.max_connections, config.max_connections_per_address);
        let begin = now();
        let machine = server::Server::new(config.machine, begin, seed)?;
        let mut hub = Hub::new(machine, pool, config.max_unsent, config.max_peer_connections);
        for socket in listeners.udp {
            hub.add_listener(socket);
        }
        let mut doors = JoinSet::new();
        for (listener, tls) in listeners.tcp {
            let door = Door {
                tls,
                handshake_timeout: config.handshake_timeout,
                admission: Arc::clone(&admission),
                accepted: accepting.clone(),
            };
            doors.spawn(door.run(listener));
        }
        Ok(Self {
            hub,
            buffers: ReceiveBuffers::new(),
            scratch: vec![0; SCRATCH],
            taken: Vec::new(),
            failed: Vec::new(),
            addresses: listeners.addresses,
            idle_timeout: config.idle_timeout,
            admission,
            accepted,
            doors,
            handle: Handle { commands: sender },
            commands,
            housekeeping: None,
            bandwidth: None,
            timer: Box::pin(sleep_until(begin.into())),
        })
    }

    /// What it listens on, with the ports that the system chose.
    #[must_use]
    pub fn addresses(&self) -> &[(ListenerTransport, SocketAddr)] {
        &self.addresses
    }

    /// Reaches the server while it runs.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Serves until it is told to [`stop`](Handle::stop), or is [`drain`](Handle::drain)ed.
    pub async fn run(mut self) {
        poll_fn(|cx| self.poll(cx)).await;
        self.doors.shutdown().await;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let at = now();
        if !self.poll_commands(cx, at) {
            return Poll::Ready(());
        }
        while let Poll::Ready(Some(accepted)) = self.accepted.poll_recv(cx) {
            self.hub.add_connection(at, accepted);
        }
        let mut taken = std::mem::take(&mut self.taken);
        self.hub.ready.take(cx.waker(), &mut taken);
        for token in taken.drain(..) {
            match token {
                Token::Port(id) => self.poll_port(id),
                Token::Connection(id) => self.poll_connection(id),
                Token::Listener(id) => self.poll_listener(id),
                Token::Splice(id) => {
                    let at = now();
                    self.hub.peers.poll_splice(at, &mut self.hub.machine, &mut self.scratch, id);
                    self.hub.settle(at);
                }
            }
        }
        self.taken = taken;
        // After all that can begin a connection: it is this that wakes when one is made.
        while self.hub.peers.poll_connects(cx, at, &mut self.hub.machine) {
            self.hub.settle(at);
        }
        self.poll_timers(cx);
        if self.hub.is_drained { Poll::Ready(()) } else { Poll::Pending }
    }

    /// `false`: stop.
    fn poll_commands(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        // The server holds a sender itself: the channel never ends.
        while let Poll::Ready(Some(command)) = self.commands.poll_recv(cx) {
            match command {
                // Whoever asked may have gone.
                Command::Stats(answer) => _ = answer.send(self.stats()),
                Command::Drain { limit, alternates } => {
                    self.hub.machine.drain(now, now + limit, alternates);
                    self.hub.settle(now);
                }
                Command::Stop => return false,
            }
        }
        true
    }

    fn stats(&self) -> Stats {
        Stats {
            machine: self.hub.machine.stats().clone(),
            allocations: self.hub.machine.allocations(),
            connections: self.hub.connections.len(),
            peer_connections: self.hub.peers.len(),
            peer_connections_refused: self.hub.peers.refused(),
            connections_refused: self.admission.refused(),
            draining: self.hub.machine.is_draining(),
            ..self.hub.stats.clone()
        }
    }

    fn poll_port(&mut self, id: u64) {
        self.take_from_port(id);
        self.hub.flush();
    }

    fn take_from_port(&mut self, id: u64) {
        for _ in 0..TURNS {
            // It may have been closed meanwhile.
            let Some(port) = self.hub.ports.get_mut(&id) else { return };
            let turn = port.poll(&mut self.buffers);
            let (relayed, errors) = (port.known_as(), port.take_errors());
            if !errors.is_empty() {
                let at = now();
                for error in errors {
                    self.hub.machine.handle_icmp(at, relayed, error.peer, error.icmp);
                }
                self.hub.settle(at);
            }
            match turn {
                Ok(Some(trains)) => {
                    // What comes at once is as of one moment.
                    let at = now();
                    for (path, train, size) in trains {
                        self.hub.take_train(at, path, train, size);
                    }
                    self.hub.settle(at);
                }
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!(address = %relayed, %error, "a UDP socket does not work");
                    self.failed.push(Token::Port(id));
                    return;
                }
            }
        }
        if let Some(port) = self.hub.ports.get(&id) {
            port.again();
        }
    }

    fn poll_connection(&mut self, id: u64) {
        let Some(connection) = self.hub.connections.get_mut(&id) else { return };
        let (machine, path, at) = (&mut self.hub.machine, connection.path(), now());
        let lives = connection.poll(at, &mut self.scratch, |bytes| {
            machine.handle_input(at, path, bytes);
            // What follows goes to a peer.
            !machine.is_bound(path)
        });
        self.hub.settle(at);
        if !lives {
            self.hub.forget_connection(at, id);
            self.hub.settle(at);
        }
    }

    fn poll_listener(&mut self, id: u64) {
        let at = now();
        if let Err(error) = self.hub.peers.poll_listener(at, &mut self.hub.machine, id) {
            tracing::warn!(%error, "no connection of a peer can be taken");
            self.failed.push(Token::Listener(id));
        }
        self.hub.settle(at);
    }

    fn poll_timers(&mut self, cx: &mut Context<'_>) {
        loop {
            let at = now();
            if self.hub.machine.poll_timeout().is_some_and(|due| due <= at) {
                self.hub.machine.handle_timeout(at);
                self.hub.settle(at);
            }
            if self.housekeeping.is_some_and(|due| due <= at) {
                self.housekeeping = None;
                self.keep_house(at);
            }
            let is_quiet = self.hub.is_quiet() && self.failed.is_empty();
            if self.housekeeping.is_none() && !is_quiet {
                self.housekeeping = Some(at + HOUSEKEEPING);
            }
            if self.bandwidth.is_some_and(|due| due <= at) {
                self.bandwidth = None;
                self.hub.peers.retry_throttled();
            }
            if self.bandwidth.is_none() && self.hub.peers.has_throttled() {
                self.bandwidth = Some(at + BANDWIDTH);
            }
            let due = [self.hub.machine.poll_timeout(), self.housekeeping, self.bandwidth]
                .into_iter()
                .flatten()
                .min();
            let Some(due) = due else { return };
            if self.timer.deadline() != due.into() {
                self.timer.as_mut().reset(due.into());
            }
            if self.timer.as_mut().poll(cx).is_pending() {
                return;
            }
        }
    }

    fn keep_house(&mut self, now: Instant) {
        for token in std::mem::take(&mut self.failed) {
            match token {
                Token::Port(id) => self.hub.ports.get(&id).into_iter().for_each(Port::again),
                Token::Listener(id) => self.hub.peers.again(id),
                Token::Connection(_) | Token::Splice(_) => {}
            }
        }
        self.hub.ports.values_mut().for_each(Port::look_for_errors);
        self.hub.peers.keep_house(now, &mut self.hub.machine, self.idle_timeout);
        let is_idle = |path, connection: &super::connection::Connection| {
            connection.is_idle(now, self.idle_timeout, self.hub.machine.has_allocation(path))
        };
        let connections = self.hub.connections.iter();
        let idle: Vec<u64> = connections
            .filter(|(_, connection)| is_idle(connection.path(), connection))
            .map(|(id, _)| *id)
            .collect();
        for id in idle {
            self.hub.stats.connections_idle += 1;
            self.hub.forget_connection(now, id);
        }
        self.hub.settle(now);
    }
}
