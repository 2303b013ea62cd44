use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use bytes::BytesMut;
use drywire_core::{Duration, Instant, Path, Rng};
use drywire_crypto::{CertificateOptions, CertifiedKey, Fingerprint};
use drywire_dtls::{Config, Connection, Event, Role, Version};

use crate::drive::Drive;
use crate::machine::Machine;

/// What the applications say to each other. Nothing else may ever come out.
const TEXT: &[u8] = b"said by an application";

struct Dtls {
    connection: Connection,
    /// What the peer's certificate is, and what it is not.
    fingerprints: [Fingerprint; 2],
    /// Set once the wrong fingerprint alone was announced: then it must never connect.
    deceived: bool,
    told: bool,
    arrived: bool,
    closed: bool,
    records: VecDeque<Vec<u8>>,
}

impl Machine for Dtls {
    fn handle_input(&mut self, now: Instant, _path: Path, datagram: BytesMut) {
        self.connection.handle_input(now, datagram);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.connection.handle_timeout(now);
    }

    fn command(&mut self, now: Instant, rng: &mut Rng) {
        match rng.below(16) {
            0..=3 => {
                // Once right is right, and the other way around: what is announced first counts for the oracle.
                if !self.told {
                    self.told = true;
                    self.deceived = rng.below(8) == 0;
                }
                let fingerprint = self.fingerprints[usize::from(self.deceived)];
                self.connection.set_remote_fingerprints(now, vec![fingerprint]);
            }
            4..=8 => {
                let mut out = b"before".to_vec();
                match self.connection.begin_record(&mut out) {
                    Err(_) => assert_eq!(out, b"before", "begun although not connected"),
                    Ok(record) => {
                        assert!(self.connection.is_connected());
                        out.extend_from_slice(TEXT);
                        let sealed = self.connection.finish_record(&mut out, record);
                        assert!(out.starts_with(b"before"));
                        match sealed {
                            Ok(len) => {
                                assert_eq!(out.len(), 6 + len);
                                assert!(len <= TEXT.len() + self.connection.record_overhead());
                                if self.records.len() < 8 {
                                    self.records.push_back(out.split_off(6));
                                }
                            }
                            Err(_) => assert_eq!(out, b"before"),
                        }
                    }
                }
            }
            9 => {
                // A record that is begun and then forgotten, and one whose buffer was tampered with.
                let mut out = Vec::new();
                if let Ok(record) = self.connection.begin_record(&mut out) {
                    out.clear();
                    let _ = self.connection.finish_record(&mut out, record);
                }
            }
            10 => self.connection.set_mtu(usize::try_from(rng.below(3_000)).unwrap()),
            11 => self.connection.set_initial_rtt(now, Duration::from_millis(u64::from(rng.below(100_000)))),
            12 if rng.below(20) == 0 => self.connection.close(now),
            _ => {
                let mut keys = [0; 32];
                let exported = self.connection.export_keying_material("EXPERIMENTAL", None, &mut keys);
                assert!(exported.is_err() || self.arrived || self.connection.is_connected());
                assert!(exported.is_ok() || keys == [0; 32], "keys without a connection");
                let _ =
                    (self.connection.srtp_keying_material(), self.connection.info(), self.connection.state());
            }
        }
        assert!(!self.deceived || !self.connection.is_connected(), "connected with a wrong fingerprint");
        assert!(self.told || !self.connection.is_connected(), "connected without a fingerprint");
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<(Option<Path>, usize)> {
        if let Some(record) = self.records.pop_front() {
            out.extend_from_slice(&record);
            return Some((None, record.len()));
        }
        self.connection.poll_transmit(now, out).map(|len| (None, len))
    }

    fn poll_event(&mut self, _now: Instant) -> bool {
        match self.connection.poll_event() {
            None => return false,
            Some(Event::Connected) => {
                assert!(self.told && !self.deceived && !self.closed && !self.arrived);
                self.arrived = true;
            }
            Some(Event::ApplicationData(data)) => {
                assert!(self.arrived, "data before the connection");
                assert_eq!(&data[..], TEXT, "data that nobody sent");
            }
            Some(Event::Closed { .. }) => {
                assert!(!self.closed, "closed twice");
                self.closed = true;
            }
            Some(_) => {}
        }
        true
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.connection.poll_timeout()
    }

    fn arrived(&self) -> bool {
        self.arrived
    }
}

/// Certificates are made once: they cost most of the time.
fn certificates() -> &'static [Arc<CertifiedKey>; 2] {
    static CERTIFICATES: OnceLock<[Arc<CertifiedKey>; 2]> = OnceLock::new();
    CERTIFICATES.get_or_init(|| {
        let provider = drywire_crypto_aws_lc::provider();
        let options = CertificateOptions::new(Duration::from_secs(1_750_000_000));
        [(); 2].map(|()| Arc::new(CertifiedKey::self_signed(&*provider, &options).unwrap()))
    })
}

fn pair(seed: u64) -> Drive<Dtls> {
    let start = drywire_sim::origin();
    let provider = drywire_crypto_aws_lc::provider();
    let certificates = certificates();
    let fingerprint = |side: usize| certificates[side].fingerprint(&*provider);
    let side = |side: usize, role, max_version| {
        let mut config = Config::new(provider.clone(), certificates[side].clone());
        config.max_version = max_version;
        let mut bytes = [u8::try_from(side).unwrap(); 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        Dtls {
            connection: Connection::new(Arc::new(config), role, start, bytes),
            fingerprints: [fingerprint(1 - side), fingerprint(side)],
            deceived: false,
            told: false,
            arrived: false,
            closed: false,
            records: VecDeque::new(),
        }
    };
    let versions = match seed % 3 {
        0 => [Version::Dtls12, Version::Dtls13],
        1 => [Version::Dtls13, Version::Dtls12],
        _ => [Version::Dtls13, Version::Dtls13],
    };
    let mut sides = [side(0, Role::Client, versions[0]), side(1, Role::Server, versions[1])];
    if seed % 4 < 2 {
        for side in &mut sides {
            side.told = true;
            let fingerprint = side.fingerprints[0];
            side.connection.set_remote_fingerprints(start, vec![fingerprint]);
        }
    }
    Drive::new(sides, start, seed)
}

#[test]
fn any_order_of_calls() {
    crate::drive::run_all(crate::seeds(60), 300, pair);
}

#[test]
fn a_flood_does_not_fill_the_memory() {
    for seed in 0..3 {
        let mut drive = pair(seed);
        drive.run(200);
        let grown = drive.flood(0, 10_000) + drive.flood(1, 10_000);
        assert!(grown < 1_000_000, "grew by {grown} bytes");
    }
}
