//! Finding the addresses behind the names of others (RFC 6762, section 5).

use std::net::{IpAddr, SocketAddr};

use drywire_core::{Duration, Instant};

use super::message::{Message, Section};
use super::{Event, Mdns, Name};
use crate::candidate::is_usable;

/// The wait for the first answer (RFC 6762, section 5.2: at least one second, then at least doubled).
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// How long an answer is believed at most, whatever it says: as long as we say of ours.
const MAX_TTL: u32 = 120;
/// The most answers that are kept.
const MAX_CACHED: usize = 64;

/// A name that is looked for.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) name: Name,
    /// The sockets that the query has still to go to.
    pub(crate) unsent: Vec<SocketAddr>,
    wait: Duration,
    next: Instant,
    rounds: u32,
    gives_up: Instant,
}

impl Query {
    /// The first round goes at once: a candidate is waited for by somebody (the random delay of RFC 6762, section 5.2,
    /// is for what many hosts ask at the same moment).
    pub(crate) fn new(name: Name, now: Instant, timeout: Duration, interfaces: Vec<SocketAddr>) -> Self {
        Self {
            name,
            unsent: interfaces,
            wait: FIRST_WAIT,
            next: now + FIRST_WAIT,
            rounds: 0,
            gives_up: now + timeout,
        }
    }

    /// Whether the answer shall come by unicast: in the first round, when nobody else can have asked for it (RFC 6762,
    /// section 5.4).
    pub(crate) const fn wants_unicast(&self) -> bool {
        self.rounds == 0
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.next.min(self.gives_up)
    }
}

/// What was found out about a name.
#[derive(Clone, Debug)]
pub(crate) struct Cached {
    name: Name,
    address: IpAddr,
    expires: Instant,
}

impl Mdns {
    /// The address behind a name that need not be asked for: one of ours, or one found out lately.
    pub(crate) fn known_address(&mut self, now: Instant, name: &Name) -> Option<IpAddr> {
        self.cache.retain(|cached| cached.expires > now);
        let own = self.names.iter().find(|own| own.name == *name).map(|own| own.address);
        own.or_else(|| self.cache.iter().find(|cached| cached.name == *name).map(|cached| cached.address))
    }

    /// Takes what a response says about names that are looked for. All else is not even remembered: nobody but us
    /// decides what we know.
    pub(crate) fn take_answers(&mut self, now: Instant, message: &Message<'_>) {
        for record in message.records() {
            let Some(address) = record.address().filter(|_| record.section != Section::Authority) else {
                continue;
            };
            if record.ttl == 0 {
                // RFC 6762, section 10.1: the name is taken back.
                self.cache.retain(|cached| !record.name.is(&cached.name));
                continue;
            }
            let Some(at) = self.queries.iter().position(|query| record.name.is(&query.name)) else {
                continue;
            };
            // Attack A10: an answer does not lead where a candidate could not.
            if !is_usable((address, 9).into()) {
                continue;
            }
            let name = self.queries.swap_remove(at).name;
            if self.cache.len() >= MAX_CACHED {
                self.cache.remove(0);
            }
            let expires = now + Duration::from_secs(u64::from(record.ttl.min(MAX_TTL)));
            self.cache.push(Cached { name: name.clone(), address, expires });
            self.events.push_back(Event::Resolved { name, address });
        }
    }

    /// Asks again, or gives up.
    pub(crate) fn expire_queries(&mut self, now: Instant) {
        let events = &mut self.events;
        self.queries.retain(|query| {
            let lives = query.gives_up > now;
            if !lives {
                tracing::debug!(name = %query.name, "no answer to an mDNS query");
                events.push_back(Event::Unresolved { name: query.name.clone() });
            }
            lives
        });
        for query in self.queries.iter_mut().filter(|query| query.next <= now) {
            query.wait *= 2;
            query.next = now + query.wait;
            query.rounds += 1;
            query.unsent.clear();
            query.unsent.extend(self.interfaces.iter().map(|interface| interface.address));
        }
    }
}
