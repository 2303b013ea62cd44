//! coturn's `turnserver`, in a namespace.

use std::fs::write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::internet::{SERVER, SERVER_V6};
use crate::namespace::Namespace;
use crate::server::{CREDENTIAL, PORT, TLS_PORT, certificate};

/// Runs until this is dropped.
pub(crate) struct Coturn(Child);

impl Coturn {
    /// STUN and TURN on the server's first addresses.
    pub(crate) fn start(server: &Namespace) -> Result<Self, String> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let file = |end: &str| folder.join(format!("{}.{end}", server.name()));
        let (certificate_file, key_file) = (file("certificate.pem"), file("key.pem"));
        write(&certificate_file, certificate().cert.pem()).unwrap();
        write(&key_file, certificate().signing_key.serialize_pem()).unwrap();
        let [v4, _] = SERVER.map(|address| address.to_string());
        let [v6, _] = SERVER_V6.map(|address| address.to_string());
        let user = CREDENTIAL.join(":");
        let child = server.run(|| {
            Command::new("turnserver")
                .args([
                    "-n",
                    "--no-cli",
                    "--no-dtls",
                    "--lt-cred-mech",
                    "--log-file",
                    "stdout",
                    "--user",
                    &user,
                ])
                .args(["--realm", "drywire", "--userdb"])
                .arg(file("database"))
                .args(["--listening-ip", &v4, "--listening-ip", &v6, "--relay-ip", &v4, "--relay-ip", &v6])
                .args(["--listening-port", &PORT.to_string(), "--tls-listening-port", &TLS_PORT.to_string()])
                .arg("--cert")
                .arg(&certificate_file)
                .arg("--pkey")
                .arg(&key_file)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .map_err(|error| format!("no `turnserver`: {error}"))
        })?;
        let this = Self(child);
        for _ in 0..200 {
            let listens = |port| std::net::TcpStream::connect((SERVER[0], port)).is_ok();
            if server.run(|| Ok(listens(PORT) && listens(TLS_PORT))) == Ok(true) {
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
