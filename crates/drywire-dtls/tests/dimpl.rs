//! Against dimpl, the DTLS of str0m: both versions, both roles, with and without its cookie round trip.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "an integration test: time, and failures that are to be loud"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use dimpl::{Dtls, DtlsCertificate, Output};
use drywire_core::Rng;
use drywire_crypto::{CertificateOptions, CertifiedKey, Fingerprint, HashAlgorithm, KeyAlgorithm};
use drywire_dtls::{CipherSuite, Config, Connection, Event, Role, State, Version};

/// Both ends with a link between them, in virtual time.
struct Pair {
    ours: Connection,
    theirs: Dtls,
    now: Instant,
    their_timeout: Option<Instant>,
    our_events: Vec<Event>,
    their_data: Vec<Vec<u8>>,
    their_keys: Option<Vec<u8>>,
    they_connected: bool,
    they_closed: bool,
    in_flight: BTreeMap<(Instant, u64), (bool, Vec<u8>)>,
    sequence: u64,
    rng: Rng,
    loss: u32,
}

#[derive(Clone, Copy, Debug)]
enum Theirs {
    Only12,
    Only13,
    Auto,
}

impl Pair {
    fn new(config: Config, theirs: Theirs, role: Role, cookie: bool, seed: u8, loss: u32) -> Self {
        let now = Instant::now();
        let provider = drywire_crypto_aws_lc::provider();
        let certificate = dimpl::certificate::generate_self_signed_certificate().unwrap();
        let fingerprint = Fingerprint::of(&*provider, HashAlgorithm::Sha256, &certificate.certificate);
        let mut ours = Connection::new(Arc::new(config), role, now, [seed; 32]);
        ours.set_remote_fingerprints(now, vec![fingerprint]);
        let theirs = peer(theirs, certificate, role, cookie, seed, now);
        Self {
            ours,
            theirs,
            now,
            their_timeout: None,
            our_events: Vec::new(),
            their_data: Vec::new(),
            their_keys: None,
            they_connected: false,
            they_closed: false,
            in_flight: BTreeMap::new(),
            sequence: 0,
            rng: Rng::new([seed; 32]),
            loss,
        }
    }

    fn carry(&mut self, to_us: bool, datagram: &[u8]) {
        if self.rng.below(100) < self.loss {
            return;
        }
        let at =
            self.now + Duration::from_millis(10 + u64::from(self.rng.below(10)) * u64::from(self.loss > 0));
        self.sequence += 1;
        self.in_flight.insert((at, self.sequence), (to_us, datagram.to_vec()));
    }

    fn drain(&mut self) {
        let mut out = Vec::new();
        while self.ours.poll_transmit(self.now, &mut out).is_some() {
            self.carry(false, &out);
            out.clear();
        }
        while let Some(event) = self.ours.poll_event() {
            self.our_events.push(event);
        }
        let mut buffer = vec![0; 4096];
        loop {
            match self.theirs.poll_output(&mut buffer) {
                Output::Packet(packet) => {
                    let packet = packet.to_vec();
                    self.carry(true, &packet);
                }
                Output::Timeout(at) => {
                    self.their_timeout = Some(at);
                    break;
                }
                Output::Connected => self.they_connected = true,
                Output::KeyingMaterial(keys, _) => self.their_keys = Some(keys.to_vec()),
                Output::ApplicationData(data) => self.their_data.push(data.to_vec()),
                Output::CloseNotify => self.they_closed = true,
                _ => {}
            }
        }
    }

    fn run_until(&mut self, done: impl Fn(&Self) -> bool) -> bool {
        let end = self.now + Duration::from_secs(100);
        while self.now < end {
            self.drain();
            if done(self) {
                return true;
            }
            let arrival = self.in_flight.keys().next().map(|key| key.0);
            let Some(next) =
                [self.ours.poll_timeout(), self.their_timeout, arrival].into_iter().flatten().min()
            else {
                break;
            };
            self.now = self.now.max(next);
            if self.their_timeout.is_some_and(|at| at <= self.now) {
                self.theirs.handle_timeout(self.now).unwrap();
            }
            if self.ours.poll_timeout().is_some_and(|at| at <= self.now) {
                self.ours.handle_timeout(self.now);
            }
            while let Some(entry) = self.in_flight.first_entry() {
                if entry.key().0 > self.now {
                    break;
                }
                let (to_us, datagram) = entry.remove();
                if to_us {
                    self.ours.handle_input(self.now, BytesMut::from(&datagram[..]));
                } else {
                    self.theirs.handle_timeout(self.now).unwrap();
                    self.theirs.handle_packet(&datagram).unwrap();
                }
            }
        }
        false
    }

    fn check(&mut self, version: Version) {
        assert!(
            self.run_until(|pair| pair.ours.is_connected()
                && pair.they_connected
                && pair.their_keys.is_some()),
            "not connected: ours {:?} {:?}, theirs {}",
            self.ours,
            self.our_events,
            self.they_connected,
        );
        let info = self.ours.info().unwrap();
        assert_eq!(info.version, version);
        let mut keys = vec![0; self.their_keys.as_ref().unwrap().len()];
        self.ours.export_keying_material("EXTRACTOR-dtls_srtp", None, &mut keys).unwrap();
        assert_eq!(Some(keys), self.their_keys);
        self.loss = 0;
        for len in [1, 100, 1100] {
            let mut out = Vec::new();
            self.ours.write(&vec![7; len], &mut out).unwrap();
            self.carry(false, &out);
            self.theirs.send_application_data(&vec![9; len]).unwrap();
            let before = self.their_data.len();
            assert!(self.run_until(|pair| pair.their_data.len() > before
                && matches!(pair.our_events.last(), Some(Event::ApplicationData(data)) if data.len() == len)));
            assert_eq!(self.their_data.last(), Some(&vec![7; len]));
        }
    }
}

fn peer(
    kind: Theirs,
    certificate: DtlsCertificate,
    role: Role,
    cookie: bool,
    seed: u8,
    now: Instant,
) -> Dtls {
    let config = dimpl::Config::builder()
        .mtu(1200)
        .use_server_cookie(cookie)
        .dangerously_set_rng_seed(seed.into())
        .build()
        .unwrap();
    let config = Arc::new(config);
    let mut dtls = match kind {
        Theirs::Only12 => Dtls::new_12(config, certificate, now),
        Theirs::Only13 => Dtls::new_13(config, certificate, now),
        Theirs::Auto => Dtls::new_auto(config, certificate, now),
    };
    dtls.set_active(role == Role::Server);
    dtls.handle_timeout(now).unwrap();
    dtls
}

fn config() -> Config {
    let provider = drywire_crypto_aws_lc::provider();
    let options = CertificateOptions::new(Duration::from_secs(1_750_000_000));
    let certificate = Arc::new(CertifiedKey::self_signed(&*provider, &options).unwrap());
    Config::new(provider, certificate)
}

#[test]
fn both_roles_both_versions() {
    for role in [Role::Client, Role::Server] {
        for (theirs, version) in [
            (Theirs::Only12, Version::Dtls12),
            (Theirs::Only13, Version::Dtls13),
            (Theirs::Auto, Version::Dtls13),
        ] {
            for cookie in [false, true] {
                println!("{role:?} {theirs:?} cookie {cookie}");
                Pair::new(config(), theirs, role, cookie, 1, 0).check(version);
            }
        }
    }
}

#[test]
fn each_suite() {
    for role in [Role::Client, Role::Server] {
        // Its certificate has a key of ECDSA P-256, as ours has.
        for suite in CipherSuite::ALL.into_iter().filter(|suite| suite.fits(KeyAlgorithm::EcdsaP256)) {
            let mut config = config();
            config.cipher_suites = vec![suite];
            (config.min_version, config.max_version) = (suite.version(), suite.version());
            let theirs = if suite.version() == Version::Dtls12 { Theirs::Only12 } else { Theirs::Only13 };
            println!("{role:?} {suite}");
            let mut pair = Pair::new(config, theirs, role, false, 2, 0);
            pair.check(suite.version());
            assert_eq!(pair.ours.info().unwrap().cipher_suite, suite);
        }
    }
}

#[test]
fn with_loss_and_reordering() {
    for seed in 0..20 {
        for role in [Role::Client, Role::Server] {
            for (theirs, version) in [(Theirs::Only12, Version::Dtls12), (Theirs::Only13, Version::Dtls13)] {
                println!("{seed} {role:?} {theirs:?}");
                Pair::new(config(), theirs, role, true, seed, 10).check(version);
            }
        }
    }
}

#[test]
fn closing() {
    for (theirs, version) in [(Theirs::Only12, Version::Dtls12), (Theirs::Only13, Version::Dtls13)] {
        let mut pair = Pair::new(config(), theirs, Role::Client, false, 3, 0);
        pair.check(version);
        let now = pair.now;
        pair.ours.close(now);
        assert!(pair.run_until(|pair| pair.they_closed));

        let mut pair = Pair::new(config(), theirs, Role::Server, false, 3, 0);
        pair.check(version);
        pair.theirs.close().unwrap();
        assert!(pair.run_until(|pair| pair.ours.state() == State::Closed));
    }
}
