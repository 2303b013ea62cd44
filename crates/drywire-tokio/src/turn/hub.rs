//! The machine and its sockets: does what the machine wants after each input.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;
use drywire::stun::attributes::AddressFamily;
use drywire::{Instant, Path, Protocol, Transmit};
use drywire_turn::server::{AllocationId, Event, RelayPort, Server};

use super::connection::{Accepted, Connection};
use super::peers::Peers;
use super::port::Port;
use super::ready::ReadyList;
use super::relays::RelayPool;
use super::stats::Stats;
use super::trains::{Relayed, Trains};
use crate::Socket;

pub(super) struct Hub {
    pub(super) machine: Server,
    pub(super) ready: Arc<ReadyList>,
    /// Sockets of UDP: listeners and relayed addresses.
    pub(super) ports: BTreeMap<u64, Port>,
    pub(super) connections: BTreeMap<u64, Connection>,
    pub(super) peers: Peers,
    pub(super) stats: Stats,
    pub(super) is_drained: bool,
    listeners: Vec<u64>,
    relays: BTreeMap<SocketAddr, u64>,
    by_path: BTreeMap<Path, u64>,
    pool: RelayPool,
    /// Connections with something new to send.
    unflushed: Vec<u64>,
    max_unsent: usize,
    next_id: u64,
    out: Vec<u8>,
    /// What is relayed, until all that came at once is.
    trains: Trains,
}

impl Hub {
    pub(super) fn new(
        machine: Server,
        pool: RelayPool,
        max_unsent: usize,
        max_peer_connections: usize,
    ) -> Self {
        Self {
            machine,
            ready: Arc::default(),
            ports: BTreeMap::new(),
            connections: BTreeMap::new(),
            peers: Peers::new(max_peer_connections),
            stats: Stats::default(),
            is_drained: false,
            listeners: Vec::new(),
            relays: BTreeMap::new(),
            by_path: BTreeMap::new(),
            pool,
            unflushed: Vec::new(),
            max_unsent,
            next_id: 0,
            out: Vec::with_capacity(65_536),
            trains: Trains::new(),
        }
    }

    pub(super) fn add_listener(&mut self, socket: Socket) {
        let id = self.add_port(socket, None);
        self.listeners.push(id);
    }

    pub(super) fn add_connection(&mut self, now: Instant, accepted: Accepted) {
        let id = self.fresh_id();
        self.by_path.insert(accepted.path, id);
        self.connections.insert(id, Connection::new(accepted, id, &self.ready, now));
    }

    /// Whether there is nothing to look after but listeners.
    pub(super) fn is_quiet(&self) -> bool {
        self.connections.is_empty() && self.relays.is_empty() && self.peers.len() == 0
    }

    fn add_port(&mut self, socket: Socket, external: Option<SocketAddr>) -> u64 {
        let id = self.fresh_id();
        self.ports.insert(id, Port::new(socket, external, id, &self.ready));
        id
    }

    const fn fresh_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Takes datagrams of a client or a peer. What is relayed leaves with the next [`flush`](Self::flush), at the latest.
    pub(super) fn take_train(&mut self, now: Instant, path: Path, mut train: &[u8], size: usize) {
        if train.is_empty() {
            // An empty datagram is relayed like any other, but is no train.
            self.machine.handle_input(now, path, BytesMut::new());
            return self.settle(now);
        }
        loop {
            let machine = &mut self.machine;
            let len = train.len();
            match self.trains.relay(&path, len, size, |out| machine.relay(now, path, &mut train, size, out)) {
                Relayed::Nothing => return,
                Relayed::Waits => {}
                Relayed::Enough => self.flush(),
            }
        }
    }

    /// Sends what is relayed and waits.
    pub(super) fn flush(&mut self) {
        let mut trains = std::mem::take(&mut self.trains);
        trains.flush(|transmit, bytes| self.send(transmit, bytes));
        self.trains = trains;
    }

    /// Opens and closes what the machine asks for, and sends what it has to say.
    pub(super) fn settle(&mut self, now: Instant) {
        loop {
            while let Some(event) = self.machine.poll_event() {
                // A relayed address that is given up sends what it had taken before.
                self.flush();
                self.obey(now, event);
            }
            self.out.clear();
            if let Some(transmit) = self.machine.poll_transmit(now, &mut self.out) {
                // In the order in which it came.
                self.flush();
                let out = std::mem::take(&mut self.out);
                self.send(&transmit, &out);
                self.out = out;
                continue;
            }
            // What goes over a connection is written at once, not message by message.
            let Some(id) = self.unflushed.pop() else { return };
            if self.connections.get_mut(&id).is_some_and(|connection| !connection.flush(now)) {
                self.forget_connection(now, id);
            }
        }
    }

    /// Lets a connection go that has ended, and what depends on it.
    pub(super) fn forget_connection(&mut self, now: Instant, id: u64) {
        if let Some(connection) = self.connections.remove(&id) {
            let path = connection.path();
            self.by_path.remove(&path);
            connection.close(now);
            self.machine.disconnected(now, path);
        }
    }

    fn obey(&mut self, now: Instant, event: Event) {
        match event {
            Event::RelayWanted { allocation, family, port, transport: Protocol::Udp } => {
                self.open_relay(now, allocation, family, port);
            }
            Event::RelayWanted { allocation, family, .. } => {
                let id = self.fresh_id();
                let (wanted, place) = ((allocation, family), (id, &self.ready));
                if !self.peers.listen(now, &mut self.machine, &mut self.pool, wanted, place) {
                    self.stats.relays_failed += 1;
                }
            }
            Event::RelayReleased { relayed, transport: Protocol::Udp } => {
                if let Some(id) = self.relays.remove(&relayed) {
                    self.ports.remove(&id);
                }
            }
            Event::RelayReleased { relayed, .. } => self.peers.unlisten(relayed),
            Event::ConnectWanted { connection, relayed, peer } => {
                self.peers.connect(now, &mut self.machine, connection, (relayed, peer));
            }
            Event::ConnectionBound { connection, path } => {
                let client = self.by_path.remove(&path).and_then(|id| self.connections.remove(&id));
                let client = client.map(Connection::into_client_side);
                self.peers.bind(now, &mut self.machine, connection, client, &self.ready);
            }
            Event::ConnectionReleased { connection } => self.peers.release(connection.0),
            Event::Disconnect { path } => {
                if let Some(id) = self.by_path.get(&path) {
                    self.forget_connection(now, *id);
                }
            }
            Event::Drained => self.is_drained = true,
            other => tracing::warn!(event = ?other, "nobody does this"),
        }
    }

    fn open_relay(&mut self, now: Instant, allocation: AllocationId, family: AddressFamily, port: RelayPort) {
        let opened = self.pool.open(family, port);
        let told = match &opened {
            Ok(sockets) => match sockets.first() {
                Some((_, relayed)) => self.machine.relay_opened(now, allocation, *relayed),
                None => self.machine.relay_unavailable(now, allocation, family),
            },
            Err(error) => {
                tracing::warn!(%error, "a relayed address cannot be opened");
                self.stats.relays_failed += 1;
                self.machine.relay_unavailable(now, allocation, family)
            }
        };
        // On an error the allocation is over already, and the sockets are closed.
        if let (Ok(sockets), Ok(())) = (opened, told) {
            for (socket, relayed) in sockets {
                let id = self.add_port(socket, Some(relayed));
                self.relays.insert(relayed, id);
            }
        }
    }

    fn send(&mut self, transmit: &Transmit, contents: &[u8]) {
        let path = transmit.path;
        let is_taken = if path.protocol == Protocol::Udp {
            let serves = |id: &&u64| self.ports.get(*id).is_some_and(|port| port.serves(path.local));
            let id = self.listeners.iter().find(serves).or_else(|| self.relays.get(&path.local));
            let Some(port) = id.and_then(|id| self.ports.get_mut(id)) else { return };
            port.send(transmit, contents)
        } else {
            let Some(id) = self.by_path.get(&path) else {
                // The answer by which a connection begins to carry data, or nobody's.
                self.peers.push(&path, contents);
                return;
            };
            let Some(connection) = self.connections.get_mut(id) else { return };
            if self.unflushed.last() != Some(id) {
                self.unflushed.push(*id);
            }
            connection.push(contents, self.max_unsent)
        };
        if !is_taken {
            self.stats.unsent += 1;
        }
    }
}
