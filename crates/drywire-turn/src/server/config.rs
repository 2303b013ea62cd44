use std::fmt;
use std::sync::Arc;

use drywire_core::Duration;
use drywire_crypto::Provider;
use drywire_stun::Credential;
use drywire_stun::discovery::Responder;

use super::PeerPolicy;
use crate::TimeLimited;

/// How a server behaves.
#[derive(Clone)]
#[non_exhaustive]
pub struct Config {
    /// Where HMACs come from.
    pub provider: Arc<dyn Provider>,
    /// The realm of the credentials: best the domain name of who runs the server.
    pub realm: String,
    /// The users with a password of their own. More can come and go: [`Server::add_user`](super::Server::add_user).
    pub users: Vec<Credential>,
    /// Takes credentials that end at a time of day, made with a shared secret. Default none.
    pub time_limited: Option<TimeLimited>,
    /// Asks clients to hide user names behind hashes (USERHASH; RFC 8489, section 9.2). Only names that the server knows are
    /// found by their hash, so it is of no effect together with [`time_limited`](Self::time_limited). Default no.
    pub username_anonymity: bool,
    /// Whether relayed addresses of IPv4 are given. Default yes.
    pub ipv4: bool,
    /// Whether relayed addresses of IPv6 are given. Default no.
    pub ipv6: bool,
    /// The two addresses and ports of NAT behaviour discovery (RFC 5780), whose requests are then answered, too: from one
    /// of the four, which the adapter must all have. Default none.
    pub discovery: Option<Responder>,
    /// Which peers clients may reach.
    pub peers: PeerPolicy,
    /// Whether channels may have the numbers of RFC 5766, up to 0x7FFF, for clients that have not followed RFC 8656.
    /// Default no.
    pub legacy_channels: bool,
    /// Whether the sockets of relayed addresses send all datagrams with the DF bit, so that clients may ask for it
    /// (DONT-FRAGMENT; RFC 8656, section 18.9). Default no: requests that insist on it get 420.
    pub dont_fragment: bool,
    /// Whether clients that come over TCP or TLS may have relayed addresses of TCP (RFC 6062). Default no: 442.
    pub tcp_allocations: bool,
    /// Whether clients may take their allocations along to another address of theirs (RFC 8016). Default no: 405.
    pub mobility: bool,
    /// The most allocations in all (508). Default 10,000.
    pub max_allocations: usize,
    /// The most allocations of one user (486). Default 100.
    pub max_allocations_per_user: usize,
    /// The most allocations of clients at one address, of IPv6 in one network of 64 bits (486). Default 1,000.
    pub max_allocations_per_source: usize,
    /// The most permissions, and the most channels, of one allocation (508). Default 256.
    pub max_peers: usize,
    /// The most streams with an incomplete message. Default 10,000.
    pub max_streams: usize,
    /// The most bytes of payload that are relayed in a second, each way, for all users together. More is dropped. Bursts of half
    /// a second pass. Default no limit.
    pub max_bytes_per_second: Option<u64>,
    /// The same for each user. Default no limit.
    pub max_user_bytes_per_second: Option<u64>,
    /// How long an allocation lasts at least from one refresh to the next. Default 600 s.
    pub default_lifetime: Duration,
    /// How long it lasts at most. Default 3,600 s.
    pub max_lifetime: Duration,
    /// How long a nonce is taken. Default 3,600 s.
    pub nonce_lifetime: Duration,
    /// How long the adapter may take to open a relayed address. Default 5 s.
    pub open_timeout: Duration,
    /// The most bytes that one source is sent in a second before it has proven, by a nonce, to be where it says: what forged
    /// requests can make of a server. Default 8 KiB: some 50 challenges.
    pub unproven_bytes_per_second: usize,
    /// The most bytes that wait to be sent. Default 4 MiB.
    pub max_queued: usize,
}

impl Config {
    /// The defaults, with a realm and without users.
    #[must_use]
    pub fn new(provider: Arc<dyn Provider>, realm: impl Into<String>) -> Self {
        Self {
            provider,
            realm: realm.into(),
            users: Vec::new(),
            time_limited: None,
            username_anonymity: false,
            ipv4: true,
            ipv6: false,
            discovery: None,
            peers: PeerPolicy::default(),
            legacy_channels: false,
            dont_fragment: false,
            tcp_allocations: false,
            mobility: false,
            max_allocations: 10_000,
            max_allocations_per_user: 100,
            max_allocations_per_source: 1_000,
            max_peers: 256,
            max_streams: 10_000,
            max_bytes_per_second: None,
            max_user_bytes_per_second: None,
            default_lifetime: Duration::from_secs(600),
            max_lifetime: Duration::from_secs(3600),
            nonce_lifetime: Duration::from_secs(3600),
            open_timeout: Duration::from_secs(5),
            unproven_bytes_per_second: 8 * 1024,
            max_queued: 4 * 1024 * 1024,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let users = self.users.len();
        f.debug_struct("Config").field("realm", &self.realm).field("users", &users).finish_non_exhaustive()
    }
}
