//! What connectivity there is, found without ICE: everybody sends from everywhere to every address that it knows, and
//! learns where datagrams come from, until nothing new is learnt.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use drywire_core::Path;
use drywire_turn::server::PeerPolicy;

use crate::world::{World, is_relayed};

/// Rounds of sending; each teaches addresses that only the one before has shown.
const ROUNDS: usize = 5;

/// Whether two addresses exist between which datagrams go both ways. `relays`: also those of relays.
pub fn is_connectable(world: &World, relays: bool) -> bool {
    let now = world.network.now();
    // A copy: what is tried here has no effect.
    let mut topology = world.network.topology().clone();
    let relayed = [0, 1].map(|side| {
        let mut working = Vec::new();
        for (path, allocation) in world.agent(side).allocations().filter(|_| relays) {
            // A server knows its client by the address that it had at first.
            let arrival = topology.send(now, world.sides[side].node, path);
            if arrival.is_some_and(|(_, seen)| seen.remote == allocation.mapped) {
                working.extend([Some(allocation.relayed), allocation.additional].into_iter().flatten());
            }
        }
        working
    });
    let bases: [Vec<SocketAddr>; 2] = [0, 1].map(|side| {
        let own = world.sides[side].interfaces.iter().map(|own| own.base);
        own.chain(relayed[side].iter().copied()).collect()
    });
    // What the peer has signalled is known to all of our addresses, what its datagrams show to those that they came to (RFC
    // 8445, section 7.3.1.3).
    let mut known: BTreeMap<(usize, SocketAddr), BTreeSet<SocketAddr>> = BTreeMap::new();
    for (side, bases) in bases.iter().enumerate() {
        let told = world.sides[side].known.iter().filter(|candidate| relays || !is_relayed(candidate));
        let told: BTreeSet<SocketAddr> = told.map(|candidate| candidate.address).collect();
        for base in bases {
            known.insert((side, *base), told.clone());
        }
    }
    let policy = PeerPolicy::default();
    let mut permissions: BTreeSet<(SocketAddr, IpAddr)> = BTreeSet::new();
    // From where to where something was sent, and where it arrived from where.
    let mut arrivals: BTreeMap<(usize, SocketAddr, SocketAddr), (SocketAddr, SocketAddr)> = BTreeMap::new();
    for _ in 0..ROUNDS {
        for side in 0..2 {
            for base in &bases[side] {
                for remote in known[&(side, *base)].clone() {
                    if base.is_ipv4() != remote.is_ipv4() {
                        continue;
                    }
                    let through_relay = relayed[side].contains(base);
                    if through_relay && !policy.allows(remote.ip()) {
                        continue;
                    }
                    if through_relay {
                        permissions.insert((*base, remote.ip()));
                    }
                    let from = if through_relay { world.server } else { world.sides[side].node };
                    let Some((to, path)) = topology.send(now, from, Path::udp(*base, remote)) else {
                        continue;
                    };
                    let peer = 1 - side;
                    let taken = if to == world.server {
                        relayed[peer].contains(&path.local)
                            && permissions.contains(&(path.local, path.remote.ip()))
                    } else {
                        to == world.sides[peer].node && bases[peer].contains(&path.local)
                    };
                    if taken {
                        known.entry((peer, path.local)).or_default().insert(path.remote);
                        arrivals.insert((side, *base, remote), (path.local, path.remote));
                    }
                }
            }
        }
    }
    arrivals.iter().any(|((side, base, remote), (local, source))| {
        arrivals.get(&(1 - side, *local, *source)) == Some(&(*base, *remote))
    })
}
