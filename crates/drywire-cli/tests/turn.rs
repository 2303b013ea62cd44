//! `drywire turn` and `drywire stun`, run.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may fail, and waits for others"
)]

mod started;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use started::PROGRAM;

/// Longer than anything here takes, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server and its first line; it ends with this value.
struct Server {
    child: Child,
    line: String,
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        let (child, _, line) = started::start(["turn"].iter().chain(arguments));
        Self { child, line }
    }

    /// The address that stands behind `what` in the first line.
    fn address(&self, what: &str) -> &str {
        let rest = self.line.split(what).nth(1).unwrap_or_else(|| panic!("{what}: {}", self.line));
        rest.split([',', ';', '/', '\n']).next().unwrap()
    }

    fn ends(mut self) {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "{status}");
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the server does not end");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn a_server_of_a_file_answers_counts_and_ends_in_peace() {
    let path = std::env::temp_dir().join(format!("drywire-turn-{}.toml", std::process::id()));
    let file = "listen = [\"127.0.0.1:0\"]\nuser = [\"alice:secret\"]\nmetrics = \"127.0.0.1:0\"\n\
                tcp-allocations = true\nmobility = true\n";
    std::fs::write(&path, file).unwrap();
    let server = Server::start(&["--config", path.to_str().unwrap(), "--allow-loopback-peers"]);
    std::fs::remove_file(&path).unwrap();

    for (what, more) in [("UDP ", None), ("TCP ", Some("--tcp"))] {
        let mut arguments = vec!["stun", server.address(what), "--json"];
        arguments.extend(more);
        let output = run(&arguments);
        let report = json(&output);
        assert!(output.status.success(), "{report}");
        assert_eq!(report["mapped"], report["local"]);
        assert_eq!(report["error"], serde_json::Value::Null);
    }

    let mut stream = TcpStream::connect(server.address("metrics at http://")).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    assert!(page.contains("\ndrywire_turn_allocations 0\n"), "{page}");
    let bindings = page.lines().find_map(|line| line.strip_prefix("drywire_turn_bindings_total "));
    // The client asks more than once, and over both transports.
    assert!(bindings.unwrap().parse::<u32>().unwrap() >= 2, "{page}");

    let id = server.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    server.ends();
}

#[test]
fn a_server_with_two_addresses_tells_that_there_is_no_nat() {
    let server = Server::start(&[
        "--listen",
        "127.0.0.1:29170",
        "--alternate",
        "127.0.0.2:29171",
        "--secret",
        "north",
        "--relay",
        "127.0.0.1",
    ]);
    let report = json(&run(&["stun", "stun:127.0.0.1:29170", "--json"]));
    assert_eq!(report["nat"]["mapping"], "no NAT", "{report}");
    assert_eq!(report["nat"]["filtering"], "endpoint-independent");
    assert_eq!(report["nat"]["other_address"], "127.0.0.2:29171");
    let text = run(&["stun", "127.0.0.1:29170"]);
    assert!(String::from_utf8_lossy(&text.stdout).contains("\nNAT mapping     no NAT\n"));
    drop(server);
}

#[test]
fn mistakes_are_told_and_end_the_program() {
    for (arguments, told) in [
        (&["turn", "--listen", "127.0.0.1:0"][..], "--user NAME:PASS"),
        (&["turn", "--user", "alice"], "NAME:PASS"),
        (&["turn", "--user", "a:b", "--listen", "192.0.2.1:0"], "192.0.2.1:0 cannot be listened on"),
        (&["turn", "--config", "/no/such.toml"], "/no/such.toml"),
        (&["turn", "--relay-ports", "9-1"], "FIRST-LAST"),
        (&["stun", "127.0.0.1:1", "--tcp"], "no connection"),
        (&["stun", "no such host"], "HOST[:PORT]"),
    ] {
        let output = run(arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(told), "{arguments:?}: {error}");
    }
}
