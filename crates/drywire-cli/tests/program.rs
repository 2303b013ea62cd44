//! The program as its users run it: `drywire serve` and `drywire dial` in processes of their own.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what a test expects and does not find is a failure"
)]

mod started;

use std::io::{BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use serde_json::Value;
use started::PROGRAM;

/// A TURN server for `user` with the password `pass`.
struct Turn {
    child: Child,
    /// For UDP, for TCP, and for TLS if it was asked for.
    addresses: Vec<String>,
}

impl Turn {
    fn start(arguments: &[&str]) -> Self {
        let turn = ["turn", "--listen", "127.0.0.1:0", "--user", "user:pass", "--allow-loopback-peers"];
        let (child, _, line) = started::start(turn.iter().chain(arguments));
        let addresses = ["UDP ", "TCP ", "TLS "].iter().filter_map(|transport| {
            let address = line.split(*transport).nth(1)?.split([',', '\n']).next()?;
            Some(address.to_owned())
        });
        let addresses: Vec<_> = addresses.collect();
        assert!(!addresses.is_empty(), "the first line is {line:?}");
        Self { child, addresses }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Server {
    child: Child,
    stdout: BufReader<ChildStdout>,
    address: String,
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        let (child, stdout, line) = started::start(arguments);
        let address = line.trim_end().strip_prefix("listening on http://");
        let address = address.unwrap_or_else(|| panic!("the first line is {line:?}")).to_owned();
        Self { child, stdout, address }
    }

    fn local() -> Self {
        Self::start(&["serve", "--listen", "127.0.0.1:0"])
    }

    /// One HTTP request; the status, the headers in lower case, and the body.
    fn request(&self, method: &str, path: &str, body: &[u8]) -> (u16, String, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            self.address,
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        // A server that has seen enough may close before all is written.
        let _ = stream.write_all(body);
        let mut response = Vec::new();
        let _ = stream.read_to_end(&mut response);
        let response = String::from_utf8(response).unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap_or((&response, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        (status, head.to_lowercase(), body.to_owned())
    }

    fn sessions(&self) -> Vec<Value> {
        let (status, _, body) = self.request("GET", "/stats", b"");
        assert_eq!(status, 200);
        serde_json::from_str::<Value>(&body).unwrap()["sessions"].as_array().unwrap().clone()
    }

    fn dial(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.arg("dial").arg(format!("http://{}/offer", self.address)).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn report(output: &Output) -> Value {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "one line: {text:?}");
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["result"] == "ok", output.status.success(), "{report}");
    report
}

#[test]
fn dial_gets_back_what_it_sends_to_serve() {
    let server = Server::local();
    let report = report(&server.dial(&["--timeout", "20"]).output().unwrap());
    assert_eq!(report["result"], "ok", "{report}");
    assert_eq!(report["dtls_version"], "DTLS 1.3");
    assert_eq!(report["group"], "X25519MLKEM768");
    assert!(report["srtp_profile"].is_string(), "{report}");
    assert!(report["selected_pair"]["remote"].is_string(), "{report}");
    assert_eq!(report["selected_pair"]["local_type"], "host", "{report}");
    assert_eq!(report["messages"], report["messages_echoed"]);
    assert!(report["packets_echoed"].as_u64().unwrap() > 0, "{report}");
    let times = ["offered", "answered", "connected", "opened", "echoed"];
    let times = times.map(|name| report["timings_ms"][name].as_f64().unwrap());
    assert!(times.is_sorted(), "{report}");
}

/// Dials over this server and over nothing else.
fn dial_by_relay(server: &Server, url: &str, more: &[&str]) -> Output {
    let arguments = ["--data-only", "--relay-only", "--ice-server", url];
    server.dial(&[&arguments, more].concat()).output().unwrap()
}

/// It has connected, and by the relay.
fn assert_relayed(output: &Output) {
    let report = report(output);
    assert_eq!(report["result"], "ok", "{report} {}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(report["selected_pair"]["local_type"], "relay", "{report}");
}

#[test]
fn dial_goes_by_a_relay_over_udp_and_tcp() {
    let turn = Turn::start(&[]);
    let server = Server::start(&["serve", "--listen", "127.0.0.1:0", "--udp", "127.0.0.1:0"]);
    let [udp, tcp] = &turn.addresses[..] else { panic!("{:?}", turn.addresses) };
    for url in [format!("turn:user:pass@{udp}"), format!("turn:user:pass@{tcp}?transport=tcp")] {
        assert_relayed(&dial_by_relay(&server, &url, &[]));
    }
    let credential = ["--ice-user", "user", "--ice-password", "pass"];
    assert_relayed(&dial_by_relay(&server, &format!("turn:{udp}"), &credential));
}

#[test]
fn dial_goes_by_a_relay_over_tls_if_it_trusts_it() {
    let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let folder = std::env::temp_dir().join(format!("drywire-tls-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let [certificate, key] =
        ["cert.pem", "key.pem"].map(|name| folder.join(name).to_str().unwrap().to_owned());
    std::fs::write(&certificate, certified.cert.pem()).unwrap();
    std::fs::write(&key, certified.signing_key.serialize_pem()).unwrap();

    let turn = Turn::start(&["--tls-listen", "127.0.0.1:0", "--cert", &certificate, "--key", &key]);
    let server = Server::start(&["serve", "--listen", "127.0.0.1:0", "--udp", "127.0.0.1:0"]);
    let url = format!("turns:user:pass@{}?transport=tcp", turn.addresses[2]);
    let trusting = dial_by_relay(&server, &url, &["--tls-root", &certificate]);
    let doubting = dial_by_relay(&server, &url, &["--timeout", "3"]);
    std::fs::remove_dir_all(&folder).unwrap();
    assert_relayed(&trusting);
    assert_eq!(report(&doubting)["result"], "failed");
    let said = String::from_utf8_lossy(&doubting.stderr).into_owned();
    assert!(said.contains("certificate"), "{said}");
}

#[test]
fn what_is_wrong_with_a_server_is_said() {
    let server = Server::local();
    for (arguments, wanted) in [
        (&["--ice-server", "turn:example.org"][..], "needs a user name and a password"),
        (&["--ice-server", "stuns:example.org"], "not supported"),
        (&["--relay-only", "--ice-server", "stun:127.0.0.1"], "--relay-only needs a TURN server"),
        (&["--tls-root", "/nothing"], "/nothing"),
    ] {
        let report = report(&server.dial(arguments).output().unwrap());
        let error = report["error"].as_str().unwrap();
        assert!(error.contains(wanted), "{error}");
    }
}

#[test]
fn dial_hides_its_addresses_and_connects() {
    let server = Server::local();
    let report =
        report(&server.dial(&["--data-only", "--timeout", "20", "--hide-addresses"]).output().unwrap());
    assert_eq!(report["result"], "ok", "{report}");
}

#[test]
fn several_dial_at_once_and_are_freed_afterwards() {
    let server = Server::local();
    let mut calls: Vec<Child> =
        (0..4).map(|_| server.dial(&["--data-only", "--timeout", "25"]).spawn().unwrap()).collect();
    for call in calls.drain(..) {
        let report = report(&call.wait_with_output().unwrap());
        assert_eq!(report["result"], "ok", "{report}");
        assert_eq!(report["packets"], 0);
    }
    let mut attempts = 0;
    while !server.sessions().is_empty() {
        attempts += 1;
        assert!(attempts < 500, "sessions are left: {:?}", server.sessions());
        pause();
    }
}

#[allow(clippy::disallowed_methods, reason = "this waits for another program")]
fn pause() {
    std::thread::sleep(std::time::Duration::from_millis(20));
}

#[test]
fn a_wrong_body_is_answered_with_what_is_wrong() {
    let server = Server::local();
    let session = r"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";
    let no_ice = format!(
        r#"{{"type":"offer","sdp":"{session}m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n"}}"#
    );
    let too_long = vec![b' '; 2 * 1024 * 1024];
    let cases: [(&[u8], u16); 7] = [
        (b"", 400),
        (b"hello", 400),
        (br#"{"type":"answer","sdp":""}"#, 400),
        (br#"{"type":"offer"}"#, 400),
        (br#"{"type":"offer","sdp":"nonsense"}"#, 400),
        (no_ice.as_bytes(), 422),
        (&too_long, 413),
    ];
    for (body, wanted) in cases {
        let (status, head, answer) = server.request("POST", "/offer", body);
        let shown = String::from_utf8_lossy(&body[..body.len().min(200)]);
        assert_eq!(status, wanted, "{shown}: {answer}");
        let error: Value = serde_json::from_str(&answer).unwrap();
        assert!(error["error"].as_str().is_some_and(|text| text.len() > 10), "{shown}: {answer}");
        assert!(head.contains("access-control-allow-origin: *"), "{head}");
    }
    assert!(server.sessions().is_empty(), "refused offers leave nothing behind");
}

#[test]
fn the_page_and_its_parts_are_served_and_nothing_else() {
    let server = Server::local();
    for (path, kind) in [
        ("/", "text/html"),
        ("/style.css", "text/css"),
        ("/app.js", "text/javascript"),
        ("/sha256.js", "text/javascript"),
        ("/stats", "application/json"),
    ] {
        let (status, head, body) = server.request("GET", path, b"");
        assert_eq!(status, 200, "{path}");
        assert!(head.contains(&format!("content-type: {kind}")), "{path}: {head}");
        assert!(!body.is_empty(), "{path}");
        assert!(!body.contains("https://"), "{path} names another server");
    }
    assert_eq!(server.request("GET", "/nothing", b"").0, 404);
    assert_eq!(server.request("GET", "/offer", b"").0, 405);
    assert_eq!(server.request("POST", "/", b"").0, 405);
    let (status, head, _) = server.request("OPTIONS", "/offer", b"");
    assert_eq!(status, 204);
    assert!(head.contains("access-control-allow-methods: get, post, options"), "{head}");
}

#[test]
fn without_a_command_it_serves() {
    let server = Server::start(&["--listen", "127.0.0.1:0", "--udp", "127.0.0.1:0"]);
    assert_eq!(server.request("GET", "/", b"").0, 200);
}

#[test]
fn an_address_in_use_is_explained() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = Command::new(PROGRAM).args(["--listen", &address]).output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(&address) && said.contains("already in use"), "{said}");
    assert!(output.stdout.is_empty());
}

#[test]
fn dial_explains_a_server_that_is_not_there() {
    // Bound, not listening any more: nobody else has the port, most likely.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{address}/offer");
    let output = Command::new(PROGRAM).args(["dial", &url, "--timeout", "5"]).output().unwrap();
    let report = report(&output);
    assert!(report["error"].as_str().unwrap().contains("cannot be reached"), "{report}");
    let server = Server::local();
    let url = format!("http://{}/nothing", server.address);
    let output = Command::new(PROGRAM).args(["dial", &url, "--timeout", "5"]).output().unwrap();
    assert!(crate::report(&output)["error"].as_str().unwrap().contains("404"));
}

#[test]
fn dial_does_not_wait_for_ever() {
    // Connections are taken by the system, and nobody answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/offer", silent.local_addr().unwrap());
    let output = Command::new(PROGRAM).args(["dial", &url, "--timeout", "0.5"]).output().unwrap();
    assert_eq!(report(&output)["result"], "failed");
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_it_and_closes_its_sessions() {
    let mut server = Server::local();
    let status = Command::new("kill").args(["-INT", &server.child.id().to_string()]).status().unwrap();
    assert!(status.success());
    let mut rest = String::new();
    server.stdout.read_to_string(&mut rest).unwrap();
    assert!(server.child.wait().unwrap().success());
    assert_eq!(rest, "");
}
