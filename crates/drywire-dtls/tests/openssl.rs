//! Against the `openssl` program (DTLS 1.2), over UDP on the loopback interface: both roles, certificates on both sides
//! of ECDSA and of RSA, cookies, application protocols, the same exported keys. Says so and passes when the program is not installed.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "an integration test: sockets, a clock and a process"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use drywire_crypto::{CertificateOptions, CertifiedKey, KeyAlgorithm};
use drywire_dtls::{CipherSuite, Config, Connection, Cookies, Event, Role, Version};

/// A running `openssl`, ended when the test is over.
struct Program {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Program {
    fn start(arguments: &[String]) -> Self {
        let mut child = Command::new("openssl")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let stdin = child.stdin.take().unwrap();
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, stdin, lines, seen: Vec::new() }
    }

    /// Takes what the program has printed.
    fn read(&mut self) {
        while let Ok(line) = self.lines.try_recv() {
            self.seen.push(line);
        }
    }

    fn keying_material(&self) -> Option<Vec<u8>> {
        let line = self.seen.iter().find_map(|line| line.trim().strip_prefix("Keying material: "))?;
        let hex = |at: usize| u8::from_str_radix(&line[at..at + 2], 16).unwrap();
        Some((0..line.len()).step_by(2).map(hex).collect())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_installed() -> bool {
    let found = Command::new("openssl").arg("version").output().is_ok_and(|output| output.status.success());
    if !found {
        println!("skipped: the program `openssl` is not installed");
    }
    found
}

struct Scene {
    config: Config,
    key: PathBuf,
    certificate: PathBuf,
    theirs: CertifiedKey,
}

/// A key of RSA: for both sides, because keys are dear.
fn rsa() -> CertifiedKey {
    let (certificate, key) =
        (include_str!("../src/tests/data/rsa.pem"), include_str!("../src/tests/data/rsa_key.pem"));
    CertifiedKey::from_pem(&*drywire_crypto_aws_lc::provider(), certificate, key).unwrap()
}

fn scene(name: &str, suite: CipherSuite) -> Scene {
    let provider = drywire_crypto_aws_lc::provider();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let options = CertificateOptions::new(now - Duration::from_secs(24 * 3600));
    let (ours, theirs) = if suite.fits(KeyAlgorithm::Rsa) {
        (rsa(), rsa())
    } else {
        let one = || CertifiedKey::self_signed(&*provider, &options).unwrap();
        (one(), one())
    };
    let ours = Arc::new(ours);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let (key, certificate) = (folder.join(format!("{name}.key")), folder.join(format!("{name}.pem")));
    std::fs::write(&key, theirs.key_pem().unwrap().as_bytes()).unwrap();
    std::fs::write(&certificate, theirs.certificate_pem().unwrap()).unwrap();
    let cookies = Cookies::new(&*provider, Instant::now()).unwrap();
    let mut config = Config::new(provider, ours);
    config.cookies = Some(cookies);
    config.alpn = vec![b"webrtc".to_vec()];
    config.cipher_suites.retain(|one| one.version() == Version::Dtls13);
    config.cipher_suites.push(suite);
    config.srtp_profiles = vec![drywire_dtls::SrtpProfile::Aes128CmSha1_80];
    Scene { config, key, certificate, theirs }
}

fn common_arguments(scene: &Scene) -> Vec<String> {
    let mut arguments: Vec<String> = ["-dtls1_2", "-use_srtp", "SRTP_AES128_CM_SHA1_80", "-mtu", "1200"]
        .into_iter()
        .chain(["-alpn", "c-webrtc,webrtc"])
        .chain(["-keymatexport", "EXTRACTOR-dtls_srtp", "-keymatexportlen", "60"])
        .map(str::to_owned)
        .collect();
    for (name, path) in [("-key", &scene.key), ("-cert", &scene.certificate)] {
        arguments.push(name.to_owned());
        arguments.push(path.to_str().unwrap().to_owned());
    }
    arguments
}

/// Runs a handshake and an exchange of data; `peer` is known beforehand only to the client.
fn run(scene: &Scene, role: Role, socket: &UdpSocket, program: &mut Program) {
    socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let provider = drywire_crypto_aws_lc::provider();
    let start = Instant::now();
    let mut ours = Connection::new(Arc::new(scene.config.clone()), role, start, [9; 32]);
    ours.set_remote_fingerprints(start, vec![scene.theirs.fingerprint(&*provider)]);
    let mut received = Vec::new();
    let (mut peer, mut sent, mut told) = (socket.peer_addr().ok(), false, false);
    let mut buffer = [0; 2048];
    while start.elapsed() < Duration::from_secs(20) {
        let now = Instant::now();
        if ours.poll_timeout().is_some_and(|at| at <= now) {
            ours.handle_timeout(now);
        }
        let mut out = Vec::new();
        while peer.is_some() && ours.poll_transmit(now, &mut out).is_some() {
            // The server may not listen yet.
            let _ = match (socket.peer_addr(), peer) {
                (Ok(_), _) => socket.send(&out),
                (Err(_), Some(peer)) => socket.send_to(&out, peer),
                _ => Ok(0),
            };
            out.clear();
        }
        while let Some(event) = ours.poll_event() {
            if let Event::ApplicationData(data) = event {
                received.extend_from_slice(&data);
            }
        }
        program.read();
        if ours.is_connected() && !sent {
            sent = true;
            ours.write(b"from drywire\n", &mut out).unwrap();
            socket.send_to(&out, peer.unwrap()).or_else(|_| socket.send(&out)).unwrap();
        }
        if program.keying_material().is_some() && !told {
            told = true;
            program.stdin.write_all(b"from openssl\n").unwrap();
            program.stdin.flush().unwrap();
        }
        let heard = program.seen.iter().any(|line| line.contains("from drywire"));
        if heard && received.ends_with(b"from openssl\n") {
            break;
        }
        if let Ok((len, from)) = socket.recv_from(&mut buffer) {
            peer = Some(from);
            ours.set_peer_address(from);
            ours.handle_input(Instant::now(), BytesMut::from(&buffer[..len]));
        }
    }
    assert!(ours.is_connected(), "{ours:?} {:#?}", program.seen);
    let info = ours.info().unwrap();
    assert_eq!(info.version, Version::Dtls12);
    assert_eq!(ours.peer_certificate(), Some(scene.theirs.certificate()));
    assert_eq!(info.srtp_profile, Some(drywire_dtls::SrtpProfile::Aes128CmSha1_80));
    assert_eq!(info.alpn.as_deref(), Some(&b"webrtc"[..]));
    let mut keys = [0; 60];
    ours.export_keying_material("EXTRACTOR-dtls_srtp", None, &mut keys).unwrap();
    assert_eq!(program.keying_material().as_deref(), Some(&keys[..]));
    assert_eq!(received, b"from openssl\n");
    assert!(program.seen.iter().any(|line| line.contains("from drywire")), "{:#?}", program.seen);
}

const SUITES: [CipherSuite; 5] = [
    CipherSuite::EcdheEcdsaAes128GcmSha256,
    CipherSuite::EcdheEcdsaAes256GcmSha384,
    CipherSuite::EcdheEcdsaChaCha20Poly1305Sha256,
    CipherSuite::EcdheRsaAes128GcmSha256,
    CipherSuite::EcdheRsaAes256GcmSha384,
];

#[test]
fn openssl_is_the_client() {
    if !is_installed() {
        return;
    }
    for (at, suite) in SUITES.into_iter().enumerate() {
        let scene = scene(&format!("client-{at}"), suite);
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut arguments = vec!["s_client".to_owned(), "-connect".to_owned()];
        arguments.push(socket.local_addr().unwrap().to_string());
        arguments.extend(common_arguments(&scene));
        let mut program = Program::start(&arguments);
        run(&scene, Role::Server, &socket, &mut program);
    }
}

#[test]
fn openssl_is_the_server() {
    if !is_installed() {
        return;
    }
    for (at, suite) in SUITES.into_iter().enumerate() {
        let scene = scene(&format!("server-{at}"), suite);
        // A port that was free a moment ago.
        let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(free).unwrap();
        let mut arguments = vec!["s_server".to_owned(), "-accept".to_owned(), free.to_string()];
        arguments.extend(["-Verify".to_owned(), "1".to_owned()]);
        // With its cookie round trip: HelloVerifyRequest.
        if at % 2 == 0 {
            arguments.push("-listen".to_owned());
        }
        arguments.extend(common_arguments(&scene));
        let mut program = Program::start(&arguments);
        run(&scene, Role::Client, &socket, &mut program);
    }
}
