//! Captures of our connections with their key logs, read by `tshark`, the program of Wireshark. Says so and passes when
//! the program is not installed. AES-GCM in DTLS 1.2 only: the releases of Wireshark that distributions carry open
//! neither DTLS 1.3 nor ChaCha20 in DTLS; there the key log is checked inside of the crate.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::panic, reason = "an integration test")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::BytesMut;
use drywire_crypto::{CertificateOptions, CertifiedKey};
use drywire_dtls::{CipherSuite, Config, Connection, KeyLog, Role};
use drywire_sim::PcapWriter;

/// Lines of a key log file.
#[derive(Debug, Default)]
struct Lines(Mutex<String>);

impl KeyLog for Lines {
    fn log(&self, label: &'static str, client_random: &[u8; 32], secret: &[u8]) {
        writeln!(self.0.lock().unwrap(), "{label} {} {}", hex(client_random), hex(secret)).unwrap();
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Connects two ends, says something, and writes down what went over the wire. Gives the capture and the key log.
fn record(name: &str, suite: CipherSuite, connection_id: Option<u8>) -> (PathBuf, PathBuf) {
    let provider = drywire_crypto_aws_lc::provider();
    let options = CertificateOptions::new(Duration::from_secs(1_750_000_000));
    let certificate = Arc::new(CertifiedKey::self_signed(&*provider, &options).unwrap());
    let fingerprint = certificate.fingerprint(&*provider);
    let log = Arc::new(Lines::default());
    let mut config = Config::new(provider, certificate);
    (config.min_version, config.max_version) = (suite.version(), suite.version());
    config.cipher_suites = vec![suite];
    config.alpn = vec![b"webrtc".to_vec()];
    config.connection_id = connection_id;
    config.key_log = Some(log.clone());
    let config = Arc::new(config);

    let now = drywire_sim::origin();
    let mut ends = [(Role::Client, 1), (Role::Server, 2)].map(|(role, seed)| {
        let mut end = Connection::new(Arc::clone(&config), role, now, [seed; 32]);
        end.set_remote_fingerprints(now, vec![fingerprint]);
        end
    });
    let forth =
        drywire_core::Path::udp("192.0.2.1:40000".parse().unwrap(), "192.0.2.2:50000".parse().unwrap());
    let back = drywire_core::Path::udp(forth.remote, forth.local);
    let mut capture = PcapWriter::new(Vec::new()).unwrap();
    let mut at = Duration::ZERO;
    let mut said = false;
    loop {
        let mut idle = true;
        for from in [0, 1] {
            let [client, server] = &mut ends;
            let (end, other, path) = if from == 0 { (client, server, forth) } else { (server, client, back) };
            let mut out = Vec::new();
            if end.poll_transmit(now, &mut out).is_some() {
                at += Duration::from_millis(1);
                capture.write(at, path, &out).unwrap();
                other.handle_input(now, BytesMut::from(&out[..]));
                idle = false;
            }
        }
        if idle && said {
            break;
        }
        if idle {
            for (end, path, text) in [(0, forth, "said by the client"), (1, back, "said by the server")] {
                let mut out = Vec::new();
                ends.get_mut(end).unwrap().write(text.as_bytes(), &mut out).unwrap();
                at += Duration::from_millis(1);
                capture.write(at, path, &out).unwrap();
            }
            said = true;
        }
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (pcap, keys) = (folder.join(format!("{name}.pcap")), folder.join(format!("{name}.keys")));
    std::fs::write(&pcap, capture.into_inner()).unwrap();
    std::fs::write(&keys, &*log.0.lock().unwrap()).unwrap();
    (pcap, keys)
}

#[test]
fn wireshark_reads_what_the_key_log_opens() {
    if !Command::new("tshark").arg("--version").output().is_ok_and(|output| output.status.success()) {
        println!("skipped: the program `tshark` is not installed");
        return;
    }
    for (suite, connection_id) in [
        (CipherSuite::EcdheEcdsaAes128GcmSha256, None),
        (CipherSuite::EcdheEcdsaAes256GcmSha384, None),
        (CipherSuite::EcdheEcdsaAes128GcmSha256, Some(6)),
        (CipherSuite::EcdheEcdsaAes256GcmSha384, Some(20)),
    ] {
        let name = format!("{suite}-{}", connection_id.unwrap_or_default());
        let (pcap, keys) = record(&name, suite, connection_id);
        let output = Command::new("tshark")
            .args(["-o", &format!("tls.keylog_file:{}", keys.display())])
            .args(["-d", "udp.port==50000,dtls", "-V", "-r"])
            .arg(&pcap)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        for expected in [
            "Handshake Protocol: Finished",
            "Handshake Protocol: Certificate Verify",
            &format!("Data: {}", hex(b"said by the client")),
            &format!("Data: {}", hex(b"said by the server")),
        ] {
            if !text.contains(expected) {
                println!("{text}");
                panic!("{suite}: not found: {expected}");
            }
        }
    }
}
