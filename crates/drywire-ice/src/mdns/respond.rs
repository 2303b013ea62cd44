//! Answering for our names (RFC 6762, section 6).

use std::net::{IpAddr, SocketAddr};

use drywire_core::{Duration, Instant, Path};

use super::message::{A, AAAA, ANY, Message, Response, Section};
use super::{Interface, Mdns, Name};

/// How long others may believe an address, in seconds (RFC 6762, section 10).
const TTL: u32 = 120;
/// A record is not multicast again within this time (RFC 6762, section 6).
const PAUSE: Duration = Duration::from_secs(1);
/// How often a new name is announced, with a pause between (RFC 6762, section 8.3). Nobody is asked before whether
/// the name is taken: a random UUID is not (draft-ietf-mmusic-mdns-ice-candidates, section 3.1.1).
const ANNOUNCEMENTS: u8 = 2;
/// If a record was multicast within a quarter of its life, a unicast answer is enough (RFC 6762, section 5.4).
const FRESH: Duration = Duration::from_secs(30);
/// The most answers that wait to be sent.
const MAX_REPLIES: usize = 64;

/// A name of ours.
#[derive(Debug)]
pub(crate) struct Registered {
    pub(crate) name: Name,
    pub(crate) address: IpAddr,
    /// The interfaces that the address is valid on. Others are not told of it (RFC 6762, section 6.2).
    presences: Vec<Presence>,
}

/// What an interface was told about a name by multicast.
#[derive(Clone, Copy, Debug)]
struct Presence {
    interface: Interface,
    last: Option<Instant>,
    /// When it is to be told again.
    due: Option<Instant>,
    announcements: u8,
}

/// An answer to one who asked, or the farewell to a name.
#[derive(Debug)]
pub(crate) struct Reply {
    interface: Interface,
    /// `None`: to the group.
    to: Option<SocketAddr>,
    name: Name,
    address: IpAddr,
    ttl: u32,
    positive: bool,
    negative: bool,
    legacy: Option<(u16, u16, u16)>,
}

impl Reply {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let Self { name, address, ttl, positive, negative, legacy, .. } = self;
        let (address, ttl, positive, negative, legacy) = (*address, *ttl, *positive, *negative, *legacy);
        Response { name, address, ttl, positive, negative, legacy }.write(out);
    }

    pub(crate) const fn local(&self) -> SocketAddr {
        self.interface.address
    }

    pub(crate) fn path(&self, group: impl Fn(&Interface) -> SocketAddr) -> Path {
        Path::udp(self.interface.address, self.to.unwrap_or_else(|| group(&self.interface)))
    }
}

impl Registered {
    pub(crate) const fn new(name: Name, address: IpAddr) -> Self {
        Self { name, address, presences: Vec::new() }
    }

    /// An interface is there: if the address is one of its link, the name is announced, unless it was.
    pub(crate) fn appear(&mut self, now: Instant, interface: Interface, all: &[Interface]) {
        let valid = all.iter().any(|other| other.index == interface.index && other.is_on_link(self.address));
        let known = self.presences.iter().any(|presence| presence.interface == interface);
        if valid && !known {
            let due = Some(now);
            self.presences.push(Presence { interface, last: None, due, announcements: ANNOUNCEMENTS });
        }
    }

    pub(crate) fn disappear(&mut self, interface: SocketAddr) {
        self.presences.retain(|presence| presence.interface.address != interface);
    }

    pub(crate) fn due(&self) -> Option<Instant> {
        self.presences.iter().filter_map(|presence| presence.due).min()
    }

    /// Takes an interface that is to be told by multicast now.
    pub(crate) fn speak(&mut self, now: Instant) -> Option<Interface> {
        let is_due = |presence: &&mut Presence| presence.due.is_some_and(|at| at <= now);
        let presence = self.presences.iter_mut().find(is_due)?;
        presence.announcements = presence.announcements.saturating_sub(1);
        presence.last = Some(now);
        presence.due = (presence.announcements > 0).then(|| now + PAUSE);
        Some(presence.interface)
    }

    /// The response that tells the address.
    pub(crate) const fn response(&self) -> Response<'_> {
        Response {
            name: &self.name,
            address: self.address,
            ttl: TTL,
            positive: true,
            negative: false,
            legacy: None,
        }
    }
}

/// What a message asks about one of our names.
#[derive(Clone, Copy, Debug, Default)]
struct Asked {
    existing: bool,
    missing: bool,
    unicast: bool,
    multicast: bool,
    question: (u16, u16),
}

impl Mdns {
    /// Answers a query.
    pub(crate) fn answer(&mut self, now: Instant, interface: Interface, path: Path, message: &Message<'_>) {
        let is_legacy = path.remote.port() != self.config.port;
        for index in 0..self.names.len() {
            let Some(name) = self.names.get(index) else { return };
            if !name.presences.iter().any(|presence| presence.interface == interface) {
                continue;
            }
            let asked = name.asked(message);
            if !asked.unicast && !asked.multicast {
                continue;
            }
            let presence = name.presences.iter().find(|known| known.interface == interface);
            let last = presence.and_then(|presence| presence.last);
            let fresh = last.is_some_and(|last| now < last + FRESH);
            if is_legacy || asked.unicast || !asked.existing {
                let (kind, class) = asked.question;
                let reply = Reply {
                    interface,
                    to: (is_legacy || asked.unicast).then_some(path.remote),
                    name: name.name.clone(),
                    address: name.address,
                    ttl: TTL,
                    positive: asked.existing,
                    negative: asked.missing,
                    legacy: is_legacy.then_some((message.id, kind, class)),
                };
                self.queue(reply);
            }
            // By multicast, too, if nobody was told for long: on some links that is all that gets through.
            let wanted = !is_legacy && asked.existing && (asked.multicast || !fresh);
            if let Some(name) = self.names.get_mut(index).filter(|_| wanted) {
                name.tell(now, interface);
            }
        }
    }

    /// Tells all interfaces that a name is no longer true.
    pub(crate) fn bid_farewell(&mut self, gone: &Registered) {
        self.replies.retain(|reply| reply.name != gone.name);
        for presence in gone.presences.iter().filter(|presence| presence.last.is_some()) {
            self.queue(Reply {
                interface: presence.interface,
                to: None,
                name: gone.name.clone(),
                address: gone.address,
                ttl: 0,
                positive: true,
                negative: false,
                legacy: None,
            });
        }
    }

    fn queue(&mut self, reply: Reply) {
        if self.replies.len() < MAX_REPLIES {
            self.replies.push_back(reply);
        } else {
            self.stats.responses_dropped += 1;
        }
    }
}

impl Registered {
    /// Tells an interface by multicast, but not too often.
    fn tell(&mut self, now: Instant, interface: Interface) {
        if let Some(presence) = self.presences.iter_mut().find(|known| known.interface == interface) {
            let at = presence.last.map_or(now, |last| now.max(last + PAUSE));
            presence.due = Some(presence.due.map_or(at, |due| due.min(at)));
        }
    }

    /// What a query asks about this name, less what the querier knows already (RFC 6762, section 7.1).
    fn asked(&self, message: &Message<'_>) -> Asked {
        let mut asked = Asked::default();
        let own = if self.address.is_ipv4() { A } else { AAAA };
        for question in message.questions().filter(|question| question.is_internet()) {
            if !question.name.is(&self.name) {
                continue;
            }
            match question.kind {
                ANY => asked.existing = true,
                kind if kind == own => asked.existing = true,
                _ => asked.missing = true,
            }
            asked.question = (question.kind, question.class);
            if question.wants_unicast() {
                asked.unicast = true;
            } else {
                asked.multicast = true;
            }
        }
        let known = asked.existing
            && message.records().any(|record| {
                record.section == Section::Answer
                    && record.ttl >= TTL / 2
                    && record.address() == Some(self.address)
                    && record.name.is(&self.name)
            });
        if known { Asked::default() } else { asked }
    }
}
