//! What connections leave in the memory of the process when they are gone.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use drywire::dtls::{KeyLog, Version};
use drywire::jsep::{MediaKind, TransceiverInit};

use crate::harness::{call_with, config, connected, open, pass, text};

/// How much of a secret is looked for: its end, because whoever frees memory writes into its beginning.
const NEEDLE_LEN: usize = 16;

/// The ends of secrets, in disguise: they are not to be found here themselves.
#[derive(Debug, Default)]
struct Needles(Mutex<Vec<(&'static str, [u8; NEEDLE_LEN])>>);

impl KeyLog for Needles {
    fn log(&self, label: &'static str, _: &[u8; 32], secret: &[u8]) {
        let mut needle = [0; NEEDLE_LEN];
        for (to, from) in needle.iter_mut().zip(secret.iter().rev()) {
            *to = !from;
        }
        self.0.lock().unwrap().push((label, needle));
    }
}

impl Needles {
    /// Which of the secrets stand somewhere in memory that can be written to, other than the stack of this thread.
    fn found(&self) -> Vec<&'static str> {
        // On the stack, which is not looked at: it sees every secret that there is.
        let mut window = [0; 64 * 1024];
        let here = window.as_ptr().addr();
        let needles = self.0.lock().unwrap();
        let mut begins = [false; 256];
        for (_, needle) in needles.iter() {
            begins[usize::from(!needle[NEEDLE_LEN - 1])] = true;
        }
        let mut found = Vec::new();
        let memory = File::open("/proc/self/mem").expect("the memory of this process");
        for line in fs::read_to_string("/proc/self/maps").expect("what is where").lines() {
            let mut words = line.split([' ', '-']);
            let mut bound =
                || usize::from_str_radix(words.next().expect("an address"), 16).expect("a number");
            let (mut at, end) = (bound(), bound());
            let writable = words.next().expect("permissions").starts_with("rw");
            if !writable || (at..end).contains(&here) {
                continue;
            }
            while at < end {
                let len = window.len().min(end - at);
                // What another thread gives back in the meantime is not there any more.
                let Ok(len) = memory.read_at(&mut window[..len], at.try_into().expect("an offset")) else {
                    break;
                };
                for candidate in window[..len].windows(NEEDLE_LEN) {
                    if !begins[usize::from(candidate[0])] {
                        continue;
                    }
                    let same = |needle: &[u8]| candidate.iter().rev().zip(needle).all(|(a, b)| *a == !b);
                    found.extend(needles.iter().filter(|(_, needle)| same(needle)).map(|(label, _)| *label));
                }
                if len < window.len() {
                    break;
                }
                at += window.len() - NEEDLE_LEN + 1;
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// Attack C21: somebody reads the memory of the process after the session, in a core dump or by a flaw elsewhere.
#[test]
fn c21_connections_that_are_gone_leave_no_secrets_behind() {
    for (version, kept) in [
        (Version::Dtls12, &["CLIENT_RANDOM"][..]),
        (Version::Dtls13, &["CLIENT_TRAFFIC_SECRET_0", "EXPORTER_SECRET", "SERVER_TRAFFIC_SECRET_0"]),
    ] {
        let needles = Arc::new(Needles::default());
        let mut config = config();
        config.dtls_mut().key_log = Some(needles.clone());
        (config.dtls_mut().min_version, config.dtls_mut().max_version) = (version, version);
        let config = Arc::new(config);
        let (mut network, offerer, answerer, id) = call_with(&config, &config, [21; 32], |peer, now| {
            let audio = TransceiverInit::default();
            peer.connection.add_transceiver(now, MediaKind::Audio, audio).expect("a transceiver");
            open(peer, now, "data", true)
        });
        connected(&mut network, offerer);
        connected(&mut network, answerer);
        let now = network.now();
        network[offerer].send(now, id, text("said in confidence"));
        pass(&mut network, Duration::from_secs(1));
        assert_eq!(network[offerer].messages(id), [text("said in confidence")]);
        // What the session lives on is there, or this test could not see anything. Those of the handshake are gone.
        assert_eq!(needles.found(), kept, "{version}");
        drop(network);
        assert_eq!(needles.found(), [""; 0], "{version}");
    }
}
