mod flying;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::io::Write;
use std::net::SocketAddr;
use std::ops::{Index, IndexMut};

use drywire_core::{Duration, Instant, Path, Rng, Transmit};

use self::flying::Flying;
use crate::link::{Arrival, LinkState};
use crate::{Fate, Link, Nat, Node, PcapWriter, Realm, Topology, TraceEntry};

/// How often a node may ask for a timeout at one instant without sending anything.
const IDLE_TIMEOUTS: u32 = 16;
/// How many datagrams a node may send in one turn.
const TURN_DATAGRAMS: u32 = 1_000_000;

/// A node of one [`Network`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(usize);

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum Outcome {
    /// What was waited for has happened.
    Reached,
    /// The time is over.
    Limit,
    /// Nothing is on the way and no node waits for a timeout: nothing will ever happen again.
    Idle,
    /// This node asks for timeouts that are due at once, and does nothing with them.
    Busy(NodeId),
    /// This node does not stop sending.
    Flood(NodeId),
}

/// What became of the datagrams, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Datagrams that nodes have sent.
    pub sent: u64,
    /// Bytes that nodes have sent.
    pub sent_bytes: u64,
    /// Datagrams that have arrived, duplicates included.
    pub delivered: u64,
    /// Bytes that have arrived.
    pub delivered_bytes: u64,
    /// Datagrams that links or the filter have dropped.
    pub dropped: u64,
    /// Datagrams to an address that nobody has, or that a filter keeps out.
    pub unroutable: u64,
    /// Datagrams from an address that their sender does not have. They are dropped.
    pub foreign_source: u64,
}

/// Nodes, the links between them, and the time.
pub struct Network<N> {
    start: Instant,
    now: Instant,
    rng: Rng,
    nodes: Vec<Slot<N>>,
    topology: Topology,
    default_link: Link,
    node_links: BTreeMap<(NodeId, NodeId), Link>,
    path_links: BTreeMap<(SocketAddr, SocketAddr), LinkState>,
    links: BTreeMap<(NodeId, NodeId), LinkState>,
    filter: Option<Filter>,
    /// What is on the way, the next arrival on top.
    flying: BinaryHeap<Reverse<Flying>>,
    arrivals: u64,
    /// Nodes that were given something since they were polled last.
    touched: BTreeSet<NodeId>,
    /// The timeout of each node that wants one.
    deadlines: BTreeSet<(Instant, NodeId)>,
    batching: bool,
    stats: Stats,
    trace: Option<Vec<TraceEntry>>,
    capture: Option<PcapWriter<Box<dyn Write + Send>>>,
    buffer: Vec<u8>,
}

/// Whether a datagram goes on: given the time since the start, the path as the sender sees it, and the bytes.
type Filter = Box<dyn FnMut(Duration, Path, &[u8]) -> bool + Send>;

struct Slot<N> {
    node: N,
    deadline: Option<Instant>,
    /// Timeouts at one instant that led to nothing.
    idle_timeouts: u32,
    last_timeout: Option<Instant>,
}

impl<N: Node> Network<N> {
    /// An empty network at the time `start`, see [`origin`](crate::origin). `seed` decides all that is random.
    #[must_use]
    pub fn new(start: Instant, seed: [u8; 32]) -> Self {
        Self {
            start,
            now: start,
            rng: Rng::new(seed),
            nodes: Vec::new(),
            topology: Topology::default(),
            default_link: Link::new(),
            node_links: BTreeMap::new(),
            path_links: BTreeMap::new(),
            links: BTreeMap::new(),
            filter: None,
            flying: BinaryHeap::new(),
            arrivals: 0,
            touched: BTreeSet::new(),
            deadlines: BTreeSet::new(),
            batching: false,
            stats: Stats::default(),
            trace: None,
            capture: None,
            buffer: Vec::new(),
        }
    }

    /// Adds a node that has these addresses. An address that another node has goes over to the new one.
    pub fn add(&mut self, node: N, addresses: &[SocketAddr]) -> NodeId {
        let id = NodeId(self.nodes.len());
        self.nodes.push(Slot { node, deadline: None, idle_timeouts: 0, last_timeout: None });
        for address in addresses {
            self.topology.add_address(Realm::PUBLIC, *address, id);
        }
        self.touched.insert(id);
        id
    }

    /// Gives a node one more address: an interface that comes up.
    pub fn add_address(&mut self, id: NodeId, address: SocketAddr) {
        self.add_address_in(id, Realm::PUBLIC, address);
    }

    /// Gives a node an address in a realm, where another node that has it loses it. A node must not have the same address
    /// in two realms.
    pub fn add_address_in(&mut self, id: NodeId, realm: Realm, address: SocketAddr) {
        self.topology.add_address(realm, address, id);
    }

    /// Takes an address away from whoever has it in a realm.
    pub fn remove_address_in(&mut self, realm: Realm, address: SocketAddr) {
        self.topology.remove_address(realm, address);
    }

    /// Adds a realm inside of another one, behind translators and firewalls: one for each IP version that leads out.
    pub fn add_realm(&mut self, outer: Realm, gateways: Vec<Nat>) -> Realm {
        self.topology.add_realm(outer, gateways)
    }

    /// Puts other translators and firewalls around a realm, which know nothing of what the old ones did.
    pub fn set_gateways(&mut self, realm: Realm, gateways: Vec<Nat>) {
        self.topology.set_gateways(realm, gateways);
    }

    /// Lets the translators and firewalls around a realm forget everything, as after a power cut. What goes out afterwards
    /// is mapped to other ports.
    pub fn reset_gateways(&mut self, realm: Realm) {
        self.topology.reset(realm);
    }

    /// Who has which address, and what lies between, as it is now: to be copied and asked.
    #[must_use]
    pub const fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Takes an address away from whoever has it: an interface that goes down. What is on the way there is lost.
    pub fn remove_address(&mut self, address: SocketAddr) {
        self.remove_address_in(Realm::PUBLIC, address);
    }

    /// The link of all directions that have none of their own. Each pair of nodes has its own queue.
    pub fn set_default_link(&mut self, link: Link) {
        self.default_link = link;
        let own = &self.node_links;
        self.links.retain(|direction, _| own.contains_key(direction));
    }

    /// The link in the direction from one node to another.
    pub fn set_link(&mut self, from: NodeId, to: NodeId, link: Link) {
        self.node_links.insert((from, to), link);
        self.links.remove(&(from, to));
    }

    /// The link from one address to another, before those between nodes.
    pub fn set_path_link(&mut self, from: SocketAddr, to: SocketAddr, link: Link) {
        self.path_links.insert((from, to), LinkState::new(link));
    }

    /// Drops the datagrams for which `keep` answers `false`. It is given the time since the start, the path as the
    /// sender sees it, and the bytes.
    pub fn set_filter(&mut self, keep: impl FnMut(Duration, Path, &[u8]) -> bool + Send + 'static) {
        self.filter = Some(Box::new(keep));
    }

    /// Drops nothing but what the links drop.
    pub fn clear_filter(&mut self) {
        self.filter = None;
    }

    /// Whether a node is given all datagrams that arrive at one instant before it is polled, as a socket that reads
    /// in batches does. Off at first: polled after each one.
    pub fn set_batching(&mut self, batching: bool) {
        self.batching = batching;
    }

    /// Records what becomes of each datagram from now on, for [`trace`](Self::trace).
    pub fn record_trace(&mut self) {
        self.trace.get_or_insert_default();
    }

    /// What was recorded.
    #[must_use]
    pub fn trace(&self) -> &[TraceEntry] {
        self.trace.as_deref().unwrap_or_default()
    }

    /// Writes every datagram that is sent from now on to a capture file, see [`PcapWriter`].
    ///
    /// # Errors
    /// What `sink` reports. An error later on ends the capture.
    pub fn capture(&mut self, sink: Box<dyn Write + Send>) -> std::io::Result<()> {
        self.capture = Some(PcapWriter::new(sink)?);
        Ok(())
    }

    /// The virtual time.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// How much virtual time has passed.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.now.saturating_duration_since(self.start)
    }

    /// What became of the datagrams so far.
    #[must_use]
    pub const fn stats(&self) -> Stats {
        self.stats
    }

    /// The nodes, in the order in which they were added.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &N)> {
        self.nodes.iter().enumerate().map(|(index, slot)| (NodeId(index), &slot.node))
    }

    /// Sends a datagram in nobody's name, over the link of its path: what an attacker or a stranger does. `path` is
    /// as a sender at `path.local` would see it.
    pub fn inject(&mut self, path: Path, datagram: &[u8]) {
        let from = self.topology.public_owner(path.local);
        self.send(from, path, datagram);
    }

    /// Runs until `reached` says so, but for no longer than `limit` of virtual time.
    pub fn run_until(&mut self, mut reached: impl FnMut(&Self) -> bool, limit: Duration) -> Outcome {
        let end = self.now + limit;
        loop {
            if let Err(outcome) = self.settle() {
                return outcome;
            }
            if reached(self) {
                return Outcome::Reached;
            }
            match self.next_deadline() {
                None => return Outcome::Idle,
                Some(at) if at > end => {
                    self.now = end;
                    return Outcome::Limit;
                }
                Some(at) => self.now = self.now.max(at),
            }
            if let Err(outcome) = self.act() {
                return outcome;
            }
        }
    }

    /// Runs for as long as `duration` of virtual time: to [`Outcome::Limit`], or to [`Outcome::Idle`] with the time
    /// gone by all the same.
    pub fn run_for(&mut self, duration: Duration) -> Outcome {
        let end = self.now + duration;
        let outcome = self.run_until(|_| false, duration);
        if outcome == Outcome::Idle {
            self.now = end;
        }
        outcome
    }

    /// When something happens next.
    fn next_deadline(&self) -> Option<Instant> {
        let arrival = self.flying.peek().map(|Reverse(flying)| flying.at);
        let timeout = self.deadlines.first().map(|(at, _)| *at);
        [arrival, timeout].into_iter().flatten().min()
    }

    /// Lets what is due happen: arrivals first, then one timeout.
    fn act(&mut self) -> Result<(), Outcome> {
        if self.deliver() {
            while self.batching && self.deliver() {}
            return Ok(());
        }
        let Some((_, id)) = self.deadlines.first().copied().filter(|(at, _)| *at <= self.now) else {
            return Ok(());
        };
        if let Some(slot) = self.nodes.get_mut(id.0) {
            if slot.last_timeout != Some(self.now) {
                slot.last_timeout = Some(self.now);
                slot.idle_timeouts = 0;
            }
            slot.idle_timeouts += 1;
            if slot.idle_timeouts > IDLE_TIMEOUTS {
                return Err(Outcome::Busy(id));
            }
            slot.node.handle_timeout(self.now);
            self.touched.insert(id);
        }
        Ok(())
    }

    /// Delivers one datagram that is due.
    fn deliver(&mut self) -> bool {
        if self.flying.peek().is_none_or(|Reverse(flying)| flying.at > self.now) {
            return false;
        }
        let Some(Reverse(Flying { to, hop, datagram, .. })) = self.flying.pop() else { return false };
        // The address may have gone since, and filters may be closed.
        if let Some((_, path)) = self.topology.inbound(self.now, hop).filter(|(owner, _)| *owner == to)
            && let Some(slot) = self.nodes.get_mut(to.0)
        {
            self.stats.delivered += 1;
            self.stats.delivered_bytes += u64::try_from(datagram.len()).unwrap_or(0);
            slot.idle_timeouts = 0;
            slot.node.handle_input(self.now, path, datagram);
            self.touched.insert(to);
        } else {
            self.stats.unroutable += 1;
        }
        true
    }

    /// Gives the nodes that were touched their turn: they react, send, and say when they want to be woken.
    fn settle(&mut self) -> Result<(), Outcome> {
        while let Some(id) = self.touched.pop_first() {
            let mut sent = 0_u32;
            if let Some(slot) = self.nodes.get_mut(id.0) {
                slot.node.react(self.now);
            }
            let mut buffer = std::mem::take(&mut self.buffer);
            loop {
                buffer.clear();
                let Some(slot) = self.nodes.get_mut(id.0) else { break };
                let Some(transmit) = slot.node.poll_transmit(self.now, &mut buffer) else { break };
                slot.idle_timeouts = 0;
                sent += self.send_train(id, transmit, &buffer);
                if sent > TURN_DATAGRAMS {
                    return Err(Outcome::Flood(id));
                }
            }
            self.buffer = buffer;
            if let Some(slot) = self.nodes.get_mut(id.0) {
                if let Some(old) = slot.deadline.take() {
                    self.deadlines.remove(&(old, id));
                }
                slot.deadline = slot.node.poll_timeout();
                self.deadlines.extend(slot.deadline.map(|at| (at, id)));
            }
        }
        Ok(())
    }

    /// Sends what a node appended, datagram by datagram, and counts them (at least one).
    fn send_train(&mut self, from: NodeId, transmit: Transmit, bytes: &[u8]) -> u32 {
        let bytes = bytes.get(..transmit.len).unwrap_or(bytes);
        match transmit.segment_size.filter(|size| *size > 0) {
            None => {
                self.send(Some(from), transmit.path, bytes);
                1
            }
            Some(size) => {
                let mut count = 0;
                for segment in bytes.chunks(size) {
                    self.send(Some(from), transmit.path, segment);
                    count += 1;
                }
                count.max(1)
            }
        }
    }

    fn send(&mut self, from: Option<NodeId>, path: Path, datagram: &[u8]) {
        let elapsed = self.elapsed();
        self.stats.sent += 1;
        self.stats.sent_bytes += u64::try_from(datagram.len()).unwrap_or(0);
        if let Some(capture) = &mut self.capture
            && capture.write(elapsed, path, datagram).is_err()
        {
            self.capture = None;
        }
        let mut entry = TraceEntry {
            at: elapsed,
            path,
            len: datagram.len(),
            checksum: self.trace.as_ref().map_or(0, |_| crate::trace::checksum(datagram)),
            fate: Fate::Lost,
        };
        let mut record = |fate| {
            entry.fate = fate;
            match fate {
                Fate::Sent(_) | Fate::Damaged(_) => {}
                Fate::Unroutable => self.stats.unroutable += 1,
                Fate::ForeignSource => self.stats.foreign_source += 1,
                _ => self.stats.dropped += 1,
            }
            if let Some(trace) = &mut self.trace {
                trace.push(entry);
            }
        };

        let realm = match from {
            Some(from) => self.topology.realm_of(from, path.local),
            None => Some(Realm::PUBLIC),
        };
        let Some(realm) = realm else {
            return record(Fate::ForeignSource);
        };
        let hop = self.topology.outbound(self.now, realm, path);
        let Some((hop, to)) = hop.and_then(|hop| Some((hop, self.topology.owner(self.now, hop)?))) else {
            return record(Fate::Unroutable);
        };
        if self.filter.as_mut().is_some_and(|keep| !keep(elapsed, path, datagram)) {
            return record(Fate::Filtered);
        }
        let link = match self.path_links.get_mut(&(path.local, path.remote)) {
            Some(link) => link,
            None => {
                // A stranger's datagrams share the link of the receiver to itself.
                let direction = (from.unwrap_or(to), to);
                let own = self.node_links.get(&direction);
                self.links
                    .entry(direction)
                    .or_insert_with(|| LinkState::new(own.unwrap_or(&self.default_link).clone()))
            }
        };
        let (flying, arrivals) = (&mut self.flying, &mut self.arrivals);
        link.carry(self.now, &mut self.rng, path.protocol, datagram, |fate, arrival| {
            record(fate);
            if let Some(Arrival { at, datagram }) = arrival {
                *arrivals += 1;
                flying.push(Reverse(Flying { at, order: *arrivals, to, hop, datagram }));
            }
        });
    }
}

impl<N> Index<NodeId> for Network<N> {
    type Output = N;

    #[allow(clippy::indexing_slicing, reason = "an id is an index that this network gave out")]
    fn index(&self, id: NodeId) -> &N {
        &self.nodes[id.0].node
    }
}

/// A node that is borrowed mutably gets its turn in the next run.
impl<N> IndexMut<NodeId> for Network<N> {
    #[allow(clippy::indexing_slicing, reason = "an id is an index that this network gave out")]
    fn index_mut(&mut self, id: NodeId) -> &mut N {
        self.touched.insert(id);
        &mut self.nodes[id.0].node
    }
}

impl<N> std::fmt::Debug for Network<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network")
            .field("nodes", &self.nodes.len())
            .field("flying", &self.flying.len())
            .field("elapsed", &self.now.saturating_duration_since(self.start))
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
