//! The servers, as programs of their own on one core.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::bare::Sends;

/// The argument that makes this program a bare relay.
pub(crate) const BARE: &str = "bare";

/// A running server; it ends with this value.
pub(crate) struct Program {
    pub(crate) address: SocketAddr,
    child: Child,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Pins this process to a core, if there is more than one.
pub(crate) fn pin(core: u8) {
    let _ = Command::new("taskset")
        .args(["-p", "-c", &core.to_string(), &std::process::id().to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

/// A command that runs on the first core.
fn pinned(program: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", "0", program]).stdin(Stdio::null()).stderr(Stdio::null());
    command
}

impl Program {
    /// `drywire turn` of this source tree.
    pub(crate) fn drywire() -> Self {
        let path = std::env::var("DRYWIRE_PROGRAM").unwrap_or_else(|_| build());
        let arguments = "turn --listen 127.0.0.1:0 --realm example.org --user alice:secret --allow-loopback-peers --drain 0 \
                         --max-allocations 20000 --max-allocations-per-user 20000 --max-allocations-per-source 20000";
        let mut child = pinned(&path)
            .args(arguments.split_whitespace())
            .stdout(Stdio::piped())
            .spawn()
            .expect("taskset and the program start");
        let address = announced(&mut child);
        Self { address, child }
    }

    /// A [`bare`](crate::bare) relay between these clients and peers.
    pub(crate) fn bare(sends: Sends, pairs: &[(SocketAddr, SocketAddr)]) -> Self {
        let this = std::env::current_exe().expect("this program has a path");
        let how = if sends == Sends::Each { "each" } else { "trains" };
        let addresses = pairs.iter().flat_map(|(client, peer)| [client.to_string(), peer.to_string()]);
        let mut child = pinned(this.to_str().expect("a path of text"))
            .args([BARE, how])
            .args(addresses)
            .stdout(Stdio::piped())
            .spawn()
            .expect("taskset and the program start");
        let address = announced(&mut child);
        Self { address, child }
    }

    /// coturn's server with one relay thread, if it is installed.
    pub(crate) fn coturn() -> Option<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let address = socket.local_addr().expect("its address");
        drop(socket);
        let database = std::env::temp_dir().join(format!("drywire-bench-turndb-{}", std::process::id()));
        let arguments = format!(
            "-n --no-cli --no-tls --no-dtls --lt-cred-mech --user alice:secret --realm example.org --listening-ip 127.0.0.1 \
             --relay-ip 127.0.0.1 --listening-port {} --allow-loopback-peers --log-file stdout -m 1 --userdb {}",
            address.port(),
            database.display()
        );
        let child =
            pinned("turnserver").args(arguments.split_whitespace()).stdout(Stdio::null()).spawn().ok()?;
        let mut program = Self { address, child };
        for _ in 0..100 {
            if program.child.try_wait().ok()?.is_some() {
                return None;
            }
            if TcpStream::connect(address).is_ok() {
                return Some(program);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        None
    }

    /// The time that the threads of the program have had of its core.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let Ok(threads) = std::fs::read_dir(format!("/proc/{}/task", self.child.id())) else {
            return f64::NAN;
        };
        let nanoseconds = threads.flatten().filter_map(|thread| {
            let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<f64>().ok()
        });
        nanoseconds.sum::<f64>() / 1e9
    }

    /// The memory that the program has, in bytes.
    pub(crate) fn memory(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        line.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(f64::NAN) * 1024.0
    }
}

/// Others on the core of the servers, which leave a server less of it than the load of one core asks for: it always finds
/// datagrams waiting, however fast it is.
pub(crate) struct Crowd(Vec<Child>);

impl Crowd {
    pub(crate) fn gather() -> Self {
        let busy = || pinned("sh").args(["-c", "while :; do :; done"]).stdout(Stdio::null()).spawn();
        Self((0..3).map(|_| busy().expect("taskset and a shell start")).collect())
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The UDP address on the first line that a program prints.
fn announced(child: &mut Child) -> SocketAddr {
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line).expect("a first line");
    let address = line.split("UDP ").nth(1).and_then(|rest| rest.split(',').next()).expect("its address");
    address.trim().parse().expect("an address")
}

fn build() -> String {
    let output = Command::new(env!("CARGO"))
        .args([
            "build",
            "--release",
            "--package",
            "drywire-cli",
            "--message-format",
            "json-render-diagnostics",
        ])
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs");
    let messages = String::from_utf8_lossy(&output.stdout).into_owned();
    let executable = messages.lines().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let is_program = message["target"]["name"] == "drywire" && message["executable"].is_string();
        is_program.then(|| message["executable"].as_str().map(ToOwned::to_owned))?
    });
    executable.expect("cargo says where the program is")
}
