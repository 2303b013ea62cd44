//! coturn's `turnserver`, in a namespace.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::internet::{SERVER, SERVER_V6};
use crate::namespace::Namespace;

/// Runs until this is dropped.
pub(crate) struct Coturn(Child);

impl Coturn {
    /// STUN and TURN at the usual port of the server's first addresses.
    pub(crate) fn start(server: &Namespace) -> Result<Self, String> {
        let [v4, _] = SERVER.map(|address| address.to_string());
        let [v6, _] = SERVER_V6.map(|address| address.to_string());
        let child = server.run(|| {
            Command::new("turnserver")
                .args(["-n", "--no-cli", "--no-tls", "--no-dtls", "--lt-cred-mech", "--log-file", "stdout"])
                .args(["--realm", "drywire", "--user", "user:password"])
                .args(["--listening-ip", &v4, "--listening-ip", &v6, "--relay-ip", &v4, "--relay-ip", &v6])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .map_err(|error| format!("no `turnserver`: {error}"))
        })?;
        let this = Self(child);
        for _ in 0..100 {
            if server.run(|| Ok(std::net::TcpStream::connect((SERVER[0], 3478)).is_ok())) == Ok(true) {
                return Ok(this);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err("`turnserver` does not listen".to_owned())
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
