//! `drywire turn`, started for a test.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Child;

use crate::server::start;

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
        let path = |path: &Path| path.to_str().expect("a plain name").to_owned();
        let user = format!("{}:{}", USER.0, USER.1);
        let fixed =
            "turn --listen 127.0.0.1:0 --tls-listen 127.0.0.1:0 --realm example.org --allow-loopback-peers";
        let (certificate, key) = (path(&certificate), path(&key));
        let own = ["--user", &user, "--cert", &certificate, "--key", &key];
        let (child, line) = start(fixed.split(' ').chain(own));
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
