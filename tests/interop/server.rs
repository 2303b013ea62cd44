//! `drywire serve`, built and started for a test.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use crate::peer::repository;

/// The `drywire` program of this source tree, as new as the tests: the one that DRYWIRE_PROGRAM names, or else it is built.
pub(crate) fn program() -> PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| std::env::var_os("DRYWIRE_PROGRAM").map_or_else(build, PathBuf::from)).clone()
}

fn build() -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--package", "drywire-cli", "--message-format", "json-render-diagnostics"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let output = cargo
        .current_dir(repository(""))
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo, which runs this test, can be run");
    assert!(output.status.success(), "drywire-cli does not build");
    let messages = String::from_utf8(output.stdout).expect("cargo writes UTF-8");
    let executable = messages.lines().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        (message["target"]["name"] == "drywire").then(|| message["executable"].as_str().map(PathBuf::from))?
    });
    executable.expect("cargo says where the program is")
}

/// Starts the program with `arguments`, and waits for the first line that it prints: then it listens.
pub(crate) fn start(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> (Child, String) {
    let mut child = Command::new(program())
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("it is piped");
    BufReader::new(stdout).read_line(&mut line).expect("the program says something");
    (child, line)
}

/// A UDP port that nobody uses just now.
pub(crate) fn free_port() -> u16 {
    let socket = std::net::UdpSocket::bind(("0.0.0.0", 0)).expect("a free port");
    socket.local_addr().expect("its address").port()
}

/// A running server; it ends with this value.
pub(crate) struct Server {
    child: Child,
    /// Like `http://127.0.0.1:40123`.
    pub(crate) url: String,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// With more arguments.
    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        let serve = ["serve", "--listen", "127.0.0.1:0"];
        let (child, line) = start(serve.iter().chain(arguments));
        let url = line.trim_end().strip_prefix("listening on ").map(ToOwned::to_owned);
        let url = url.unwrap_or_else(|| panic!("the first line is {line:?}"));
        Self { child, url }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
