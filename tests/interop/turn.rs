//! `drywire turn`, started for a test.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::server::program;

/// The one user of the server.
pub(crate) const USER: (&str, &str) = ("alice", "wonderland");

/// A running TURN server on the loopback interface; it ends with this value.
pub(crate) struct TurnServer {
    child: Child,
    folder: PathBuf,
    /// Where it takes UDP.
    pub(crate) udp: SocketAddr,
    /// Where it takes TCP.
    pub(crate) tcp: SocketAddr,
    /// Where it takes TLS, with a certificate that nobody trusts.
    pub(crate) tls: SocketAddr,
}

impl TurnServer {
    pub(crate) fn start() -> Self {
        let folder = std::env::temp_dir().join(format!("drywire-{}-turn", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for the certificate");
        let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        std::fs::write(&certificate, made.cert.pem()).expect("the certificate is written");
        std::fs::write(&key, made.signing_key.serialize_pem()).expect("the key is written");
        let mut child = Command::new(program())
            .args(["turn", "--listen", "127.0.0.1:0", "--tls-listen", "127.0.0.1:0"])
            .args(["--realm", "example.org", "--allow-loopback-peers", "--user"])
            .arg(format!("{}:{}", USER.0, USER.1))
            .arg("--cert")
            .arg(certificate)
            .arg("--key")
            .arg(key)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("the program says something");
        let address = |transport: &str| -> SocketAddr {
            let mut words = line.split([' ', ',', ';', '\n']).skip_while(|word| *word != transport);
            let text = words.nth(1).unwrap_or_else(|| panic!("the first line is {line:?}"));
            text.parse().expect("an address")
        };
        Self { udp: address("UDP"), tcp: address("TCP"), tls: address("TLS"), child, folder }
    }

    /// The URLs of all the ways to it.
    pub(crate) fn urls(&self) -> [String; 3] {
        let Self { udp, tcp, tls, .. } = self;
        [
            format!("turn:{udp}?transport=udp"),
            format!("turn:{tcp}?transport=tcp"),
            format!("turns:{tls}?transport=tcp"),
        ]
    }
}

impl Drop for TurnServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
