//! Whole connections over a virtual link.

mod acknowledgements;
mod attacks;
mod certificates;
mod connection_ids;
mod cookies;
mod features;
mod handshakes;
mod loss;
mod misuse;
mod negotiation;
mod nonces;
mod peer;
mod records;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use bytes::BytesMut;
use drywire_core::{Duration, Instant, Rng};
use drywire_crypto::{CertificateOptions, CertifiedKey, NamedGroup, Provider};

use crate::{CipherSuite, Config, Connection, Event, Role, Version};

/// Certificates are made once: keys are dear.
pub(crate) fn certificate(at: usize) -> Arc<CertifiedKey> {
    static CERTIFICATES: OnceLock<Vec<Arc<CertifiedKey>>> = OnceLock::new();
    let all = CERTIFICATES.get_or_init(|| {
        let options = CertificateOptions::new(Duration::from_secs(1_750_000_000));
        (0..3).map(|_| Arc::new(CertifiedKey::self_signed(&*provider(), &options).unwrap())).collect()
    });
    Arc::clone(&all[at])
}

pub(crate) fn provider() -> Arc<dyn Provider> {
    drywire_crypto_aws_lc::provider()
}

pub(crate) fn config(at: usize) -> Config {
    Config::new(provider(), certificate(at))
}

pub(crate) fn only(mut config: Config, version: Version) -> Config {
    (config.min_version, config.max_version) = (version, version);
    config
}

#[allow(clippy::disallowed_methods, reason = "tests may read a clock")]
pub(crate) fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}

/// What the link does to datagrams, in percent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Link {
    pub(crate) loss: u32,
    pub(crate) duplicate: u32,
    /// Up to so many milliseconds are added to the 20 of each datagram, which reorders them.
    pub(crate) jitter: u32,
}

/// A client and a server with a link between them, in virtual time.
pub(crate) struct Pair {
    pub(crate) ends: [Connection; 2],
    pub(crate) events: [Vec<Event>; 2],
    pub(crate) now: Instant,
    pub(crate) link: Link,
    /// The longest datagram that arrives.
    pub(crate) longest: usize,
    /// Whether all that an end sends is lost.
    pub(crate) muted: [bool; 2],
    /// How many datagrams each end has sent.
    pub(crate) sent: [usize; 2],
    rng: Rng,
    in_flight: BTreeMap<(Instant, u64), (usize, Vec<u8>)>,
    sequence: u64,
}

pub(crate) const CLIENT: usize = 0;
pub(crate) const SERVER: usize = 1;

impl Pair {
    /// A pair whose ends know each other's fingerprints.
    pub(crate) fn new(client: Config, server: Config, seed: u64, link: Link) -> Self {
        let mut pair = Self::strangers(client, server, seed, link);
        pair.introduce();
        pair
    }

    /// A pair whose ends do not know each other's fingerprints.
    pub(crate) fn strangers(client: Config, server: Config, seed: u64, link: Link) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        let mut rng = Rng::new(bytes);
        let now = start();
        let client = Connection::new(Arc::new(client), Role::Client, now, rng.seed());
        let server = Connection::new(Arc::new(server), Role::Server, now, rng.seed());
        Self {
            ends: [client, server],
            events: [Vec::new(), Vec::new()],
            now,
            link,
            longest: usize::MAX,
            muted: [false; 2],
            sent: [0; 2],
            rng,
            in_flight: BTreeMap::new(),
            sequence: 0,
        }
    }

    pub(crate) fn introduce(&mut self) {
        self.announce(CLIENT, 1);
        self.announce(SERVER, 0);
    }

    /// Tells an end that its peer has the certificate `at`.
    pub(crate) fn announce(&mut self, end: usize, at: usize) {
        let fingerprint = certificate(at).fingerprint(&*provider());
        self.ends[end].set_remote_fingerprints(self.now, vec![fingerprint]);
    }

    /// Puts a datagram on the link.
    pub(crate) fn carry(&mut self, from: usize, datagram: &[u8]) {
        self.sent[from] += 1;
        let copies = match self.rng.below(100) {
            _ if self.muted[from] || datagram.len() > self.longest => 0,
            dice if dice < self.link.loss => 0,
            dice if dice < self.link.loss + self.link.duplicate => 2,
            _ => 1,
        };
        for _ in 0..copies {
            let delay = 20 + self.rng.below(self.link.jitter + 1);
            let at = self.now + Duration::from_millis(delay.into());
            self.sequence += 1;
            self.in_flight.insert((at, self.sequence), (1 - from, datagram.to_vec()));
        }
    }

    /// Takes all that the ends have to say.
    pub(crate) fn drain(&mut self) {
        for end in [CLIENT, SERVER] {
            let mut out = vec![0xEE; 3];
            while let Some(len) = self.ends[end].poll_transmit(self.now, &mut out) {
                assert_eq!(out.len(), 3 + len);
                assert_eq!(out[..3], [0xEE; 3]);
                self.carry(end, &out[3..]);
                out.truncate(3);
            }
            while let Some(event) = self.ends[end].poll_event() {
                self.events[end].push(event);
            }
        }
    }

    /// Does the next thing that happens; `false` when nothing will.
    pub(crate) fn step(&mut self) -> bool {
        self.drain();
        let timeouts = self.ends.iter().filter_map(Connection::poll_timeout);
        let arrival = self.in_flight.keys().next().map(|key| key.0);
        let Some(next) = timeouts.chain(arrival).min() else {
            return false;
        };
        self.now = self.now.max(next);
        while let Some(entry) = self.in_flight.first_entry() {
            if entry.key().0 > self.now {
                break;
            }
            let (to, datagram) = entry.remove();
            self.ends[to].handle_input(self.now, BytesMut::from(&datagram[..]));
        }
        for end in &mut self.ends {
            if end.poll_timeout().is_some_and(|at| at <= self.now) {
                end.handle_timeout(self.now);
                assert!(end.poll_timeout().is_none_or(|at| at > self.now));
            }
        }
        true
    }

    /// Runs until `done`, or nothing happens any more, or ten virtual minutes are over.
    pub(crate) fn run_until(&mut self, done: impl Fn(&Self) -> bool) -> bool {
        let end = self.now + Duration::from_secs(600);
        for _ in 0..20_000 {
            self.drain();
            if done(self) {
                return true;
            }
            if self.now >= end || !self.step() {
                break;
            }
        }
        done(self)
    }

    pub(crate) fn both_connected(&self) -> bool {
        self.ends.iter().all(Connection::is_connected)
    }

    /// Runs until both ends are connected, and until they have nothing more to say.
    #[track_caller]
    pub(crate) fn connect(&mut self) {
        assert!(self.run_until(Self::both_connected), "not connected: {:?} {:?}", self.ends, self.events);
        self.settle();
    }

    /// Runs until nothing is under way.
    pub(crate) fn settle(&mut self) {
        for _ in 0..20_000 {
            self.drain();
            if self.in_flight.is_empty() && self.ends.iter().all(|end| end.poll_timeout().is_none()) {
                break;
            }
            self.step();
        }
    }

    /// Writes application data at once, past the link.
    pub(crate) fn write(&mut self, from: usize, data: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let len = self.ends[from].write(data, &mut out).unwrap();
        assert_eq!(len, out.len());
        assert_eq!(len, data.len() + self.ends[from].record_overhead());
        out
    }

    pub(crate) fn data(&self, end: usize) -> Vec<Vec<u8>> {
        let data = self.events[end].iter().filter_map(|event| match event {
            Event::ApplicationData(data) => Some(data.to_vec()),
            _ => None,
        });
        data.collect()
    }

    /// Both ends have the same keys, and data goes both ways.
    #[track_caller]
    pub(crate) fn check(&mut self) {
        self.check_with(&[b"one", &[], &[7; 1100]]);
    }

    /// The same with short records only.
    #[track_caller]
    pub(crate) fn check_short(&mut self) {
        self.check_with(&[b"one", &[], &[7; 60]]);
    }

    #[track_caller]
    fn check_with(&mut self, payloads: &[&[u8]]) {
        let mut exported = [[0; 77]; 2];
        for (end, out) in self.ends.iter().zip(&mut exported) {
            end.export_keying_material("EXPERIMENTAL test", Some(b"context"), out).unwrap();
        }
        assert_eq!(exported[0], exported[1]);
        let [client, server] = &self.ends;
        match (client.srtp_keying_material(), server.srtp_keying_material()) {
            (Some(ours), Some(theirs)) => {
                assert_eq!(ours.profile, theirs.profile);
                assert_eq!((&ours.local_key, &ours.local_salt), (&theirs.remote_key, &theirs.remote_salt));
                assert_eq!((&ours.remote_key, &ours.remote_salt), (&theirs.local_key, &theirs.local_salt));
                assert_ne!(ours.local_key, ours.remote_key);
            }
            (None, None) => {}
            _ => panic!("only one end has SRTP keys"),
        }
        let saved = std::mem::take(&mut self.link);
        for end in [CLIENT, SERVER] {
            let before = self.data(1 - end).len();
            for data in payloads {
                let record = self.write(end, data);
                self.carry(end, &record);
            }
            assert!(self.run_until(|pair| pair.data(1 - end).len() == before + payloads.len()));
            assert_eq!(self.data(1 - end)[before..], *payloads);
        }
        self.link = saved;
    }
}

/// All cipher suites of a version that our certificates, which are of ECDSA P-256, can be used with.
pub(crate) fn suites(version: Version) -> impl Iterator<Item = CipherSuite> {
    let usable = |suite: &CipherSuite| suite.fits(drywire_crypto::KeyAlgorithm::EcdsaP256);
    CipherSuite::ALL.into_iter().filter(move |suite| suite.version() == version).filter(usable)
}

pub(crate) const GROUPS: [NamedGroup; 4] =
    [NamedGroup::X25519MlKem768, NamedGroup::X25519, NamedGroup::Secp256r1, NamedGroup::Secp384r1];
