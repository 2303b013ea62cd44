//! coturn: its clients against our server, our client against its server.

use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use drywire::stun::discovery::Responder;
use tokio::net::TcpStream;

use crate::client::{Transport, comes_back, exchange};
use crate::tcp_client::connects_there_and_back;
use crate::world::{PATIENCE, World, echo};

/// Says why a test is skipped, or fails when skipping is not allowed.
fn is_absent(program: &str) -> bool {
    let found = std::env::var_os("PATH")
        .is_some_and(|paths| std::env::split_paths(&paths).any(|folder| folder.join(program).is_file()));
    if !found {
        let required = std::env::var("DRYWIRE_REQUIRE_PEERS").is_ok_and(|value| value == "1");
        assert!(!required, "required by DRYWIRE_REQUIRE_PEERS=1, but {program} of coturn is not installed");
        println!("skipped: {program} of coturn is not installed");
    }
    !found
}

/// A program that ends with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that nobody uses just now, for UDP and TCP.
fn free_port() -> u16 {
    loop {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Runs a program of coturn to its end, and gives what it printed.
async fn output(program: &str, arguments: &[String]) -> String {
    let (name, arguments) = (program.to_owned(), arguments.to_vec());
    let run = tokio::task::spawn_blocking(move || {
        Command::new("timeout").arg("60").arg(name).args(arguments).stdin(Stdio::null()).output().unwrap()
    });
    let output = run.await.unwrap();
    [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uclient_gets_back_what_it_sends_over_every_transport() {
    if is_absent("turnutils_uclient") {
        return;
    }
    let world = World::start(|_| {});
    // Channels, and indications (-s); and with DONT-FRAGMENT (-g).
    for (transport, arguments) in [
        (Transport::Udp, ""),
        (Transport::Udp, "-s -g"),
        (Transport::Tcp, "-t"),
        (Transport::Tcp, "-t -s"),
        (Transport::Tls, "-t -S"),
        (Transport::Tls, "-t -S -s"),
    ] {
        let (server, peer) = (world.address(transport), echo().await);
        let arguments = format!(
            "{arguments} -p {} -u alice -w secret -e 127.0.0.1 -r {} -n 20 -m 3 -l 300 -c -X 127.0.0.1",
            server.port(),
            peer.port()
        );
        let arguments: Vec<String> = arguments.split_whitespace().map(ToOwned::to_owned).collect();
        let text = output("turnutils_uclient", &arguments).await;
        let is_complete = text.contains("tot_send_msgs=60, tot_recv_msgs=60");
        assert!(is_complete && text.contains("Total lost packets 0 "), "{arguments:?}\n{text}");
    }
    let stats = world.handle.stats().await.unwrap().machine;
    assert!(stats.datagrams_to_peers >= 360 && stats.datagrams_to_clients >= 360, "{stats:?}");
    assert_eq!((stats.malformed, stats.not_permitted, stats.queue_full), (0, 0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_stun_clients_find_out_where_they_are_and_that_there_is_no_nat() {
    if is_absent("turnutils_stunclient") || is_absent("turnutils_natdiscovery") {
        return;
    }
    let (port, other) = (free_port(), free_port());
    let primary = SocketAddr::from(([127, 0, 0, 1], port));
    let alternate = SocketAddr::from(([127, 0, 0, 2], other));
    let _world = World::start(|config| {
        config.machine.discovery = Some(Responder { primary, alternate });
        config.udp.clear();
    });
    let arguments = |text: String| text.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>();
    let text = output("turnutils_stunclient", &arguments(format!("-p {port} 127.0.0.1"))).await;
    assert!(text.contains("UDP reflexive addr: 127.0.0.1:"), "{text}");
    let text = output("turnutils_natdiscovery", &arguments(format!("-m -f -p {port} 127.0.0.1"))).await;
    assert!(text.contains(&format!("Other addr: : {alternate}")), "{text}");
    assert!(text.contains("NAT with Endpoint Independent Filtering!"), "{text}");
    assert!(text.contains("No ALG: Mapped == XOR-Mapped"), "{text}");
}

/// coturn's server, over UDP, TCP and TLS.
struct TurnServer {
    address: SocketAddr,
    tls: SocketAddr,
    folder: PathBuf,
    _running: Running,
}

impl TurnServer {
    async fn start(name: &str) -> Self {
        let (port, tls_port) = (free_port(), free_port());
        let folder = std::env::temp_dir().join(format!("drywire-coturn-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let [certificate, key, database] = ["cert.pem", "key.pem", "turndb"].map(|name| folder.join(name));
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let path = |path: &PathBuf| path.to_str().unwrap().to_owned();
        let arguments = format!(
            "-n --no-cli --lt-cred-mech --user alice:secret --realm example.org --listening-ip 127.0.0.1 \
             --relay-ip 127.0.0.1 --listening-port {port} --tls-listening-port {tls_port} --allow-loopback-peers \
             --no-dtls --log-file stdout --cert {} --pkey {} --userdb {}",
            path(&certificate),
            path(&key),
            path(&database)
        );
        let running = Command::new("turnserver")
            .args(arguments.split_whitespace())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map(Running)
            .unwrap();
        let end = Instant::now() + PATIENCE;
        for port in [port, tls_port] {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                assert!(Instant::now() < end, "turnserver does not listen");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        let [address, tls] = [port, tls_port].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        Self { address, tls, folder, _running: running }
    }

    fn address(&self, transport: Transport) -> SocketAddr {
        if transport == Transport::Tls { self.tls } else { self.address }
    }
}

impl Drop for TurnServer {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_client_relays_through_its_server_over_every_transport() {
    if is_absent("turnserver") {
        return;
    }
    let server = TurnServer::start("udp").await;
    for transport in [Transport::Udp, Transport::Tcp, Transport::Tls] {
        let exchanged = exchange(transport, server.address(transport), echo().await, 200).await;
        assert_eq!(exchanged.echoed, 200, "{transport:?}: {:?}", exchanged.stats);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_client_comes_back_on_its_port() {
    if is_absent("turnserver") {
        return;
    }
    let server = TurnServer::start("again").await;
    comes_back(server.address).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_client_connects_to_peers_through_its_server() {
    if is_absent("turnserver") {
        return;
    }
    let server = TurnServer::start("tcp").await;
    for transport in [Transport::Tcp, Transport::Tls] {
        connects_there_and_back(transport, server.address(transport)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_of_its_clients_connect_to_each_other_through_our_server() {
    if is_absent("turnutils_uclient") {
        return;
    }
    let world = World::start(|config| config.machine.tcp_allocations = true);
    // Each of four clients has a connection with each other one.
    for (transport, arguments) in [(Transport::Tcp, "-T"), (Transport::Tls, "-T -S")] {
        let port = world.address(transport).port();
        let arguments = format!("{arguments} -p {port} -u alice -w secret -n 20 -m 4 -l 300 -X 127.0.0.1");
        let arguments: Vec<String> = arguments.split_whitespace().map(ToOwned::to_owned).collect();
        let text = output("turnutils_uclient", &arguments).await;
        let is_complete = text.contains("12 connections are completed\n")
            && text.contains("tot_send_msgs=80, tot_recv_msgs=80");
        assert!(is_complete && text.contains("Total lost packets 0 "), "{arguments:?}\n{text}");
    }
    let stats = world.handle.stats().await.unwrap().machine;
    assert!(stats.connections_bound == 24 && stats.stream_bytes_to_peers >= 2 * 80 * 300, "{stats:?}");
}
