//! The allocations, found for each datagram by one look into a map.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use drywire_core::{Path, Protocol, Rng};

use super::AllocationId;
use super::allocate::Allocation;
use crate::hash::{HashMap, Seeded};

/// Stands for the allocation that a reserved port will have.
const RESERVED: AllocationId = AllocationId { slot: u32::MAX, generation: u32::MAX };

#[derive(Debug)]
pub(super) struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
    by_client: HashMap<Path, AllocationId>,
    by_relay: HashMap<SocketAddr, AllocationId>,
    /// The relayed addresses that listen for TCP.
    by_listener: BTreeMap<SocketAddr, AllocationId>,
    /// How many relayed addresses each of our addresses has.
    relays: BTreeMap<IpAddr, usize>,
    len: usize,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    allocation: Option<Allocation>,
}

impl Table {
    pub(super) fn new(rng: &mut Rng) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            by_client: HashMap::with_hasher(Seeded::new(rng)),
            by_relay: HashMap::with_hasher(Seeded::new(rng)),
            by_listener: BTreeMap::new(),
            relays: BTreeMap::new(),
            len: 0,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn client(&self, path: &Path) -> Option<AllocationId> {
        self.by_client.get(path).copied()
    }

    pub(super) fn relay(&self, relayed: &SocketAddr) -> Option<AllocationId> {
        self.by_relay.get(relayed).copied()
    }

    pub(super) fn listener(&self, relayed: &SocketAddr) -> Option<AllocationId> {
        self.by_listener.get(relayed).copied()
    }

    /// Whether any relayed address is on this address of ours.
    pub(super) fn has_relay_on(&self, ip: &IpAddr) -> bool {
        self.relays.contains_key(ip)
    }

    pub(super) fn get(&self, id: AllocationId) -> Option<&Allocation> {
        let slot = self.slots.get(usize::try_from(id.slot).ok()?)?;
        slot.allocation.as_ref().filter(|_| slot.generation == id.generation)
    }

    pub(super) fn get_mut(&mut self, id: AllocationId) -> Option<&mut Allocation> {
        let slot = self.slots.get_mut(usize::try_from(id.slot).ok()?)?;
        slot.allocation.as_mut().filter(|_| slot.generation == id.generation)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = AllocationId> + '_ {
        self.slots
            .iter()
            .zip(0..)
            .filter(|(slot, _)| slot.allocation.is_some())
            .map(|(slot, index)| AllocationId { slot: index, generation: slot.generation })
    }

    /// `None` when there are more than can be numbered.
    pub(super) fn insert(&mut self, allocation: Allocation) -> Option<AllocationId> {
        let client = allocation.client;
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                let slot = u32::try_from(self.slots.len()).ok()?;
                self.slots.push(Slot { generation: 0, allocation: None });
                slot
            }
        };
        let place = self.slots.get_mut(usize::try_from(slot).ok()?)?;
        place.allocation = Some(allocation);
        let id = AllocationId { slot, generation: place.generation };
        self.len += 1;
        self.by_client.insert(client, id);
        Some(id)
    }

    /// Takes an allocation out. The relayed addresses are still to be [`unrelay`](Self::unrelay)ed.
    pub(super) fn remove(&mut self, id: AllocationId) -> Option<Allocation> {
        let slot = self.slots.get_mut(usize::try_from(id.slot).ok()?)?;
        if slot.generation != id.generation {
            return None;
        }
        let allocation = slot.allocation.take()?;
        // A place whose numbers are used up is not used again.
        if let Some(generation) = slot.generation.checked_add(1) {
            slot.generation = generation;
            self.free.push(id.slot);
        }
        self.len = self.len.saturating_sub(1);
        self.by_client.remove(&allocation.client);
        Some(allocation)
    }

    /// The client of an allocation has another address.
    pub(super) fn move_client(&mut self, id: AllocationId, from: &Path, to: Path) {
        self.by_client.remove(from);
        self.by_client.insert(to, id);
    }

    /// A socket belongs to an allocation from now on.
    pub(super) fn enrelay(&mut self, transport: Protocol, relayed: SocketAddr, id: AllocationId) {
        let before = match transport {
            Protocol::Tcp => self.by_listener.insert(relayed, id),
            _ => self.by_relay.insert(relayed, id),
        };
        if before.is_none() {
            *self.relays.entry(relayed.ip()).or_default() += 1;
        }
    }

    /// A socket is ours, and belongs to no allocation yet: nothing goes through it.
    pub(super) fn reserve(&mut self, relayed: SocketAddr) {
        self.enrelay(Protocol::Udp, relayed, RESERVED);
    }

    pub(super) fn unrelay(&mut self, transport: Protocol, relayed: &SocketAddr) {
        let before = match transport {
            Protocol::Tcp => self.by_listener.remove(relayed),
            _ => self.by_relay.remove(relayed),
        };
        if before.is_some()
            && let Some(count) = self.relays.get_mut(&relayed.ip())
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.relays.remove(&relayed.ip());
            }
        }
    }
}
