//! A server on loopback, and a peer that sends back what it gets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use drywire::stun::Credential;
use drywire_tokio::turn::{Config, Handle, ListenerTransport, Server};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

use crate::client::Transport;

/// Longer than anything here takes, on a machine that is busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct World {
    pub(crate) addresses: Vec<(ListenerTransport, SocketAddr)>,
    pub(crate) handle: Handle,
    server: JoinHandle<()>,
}

impl World {
    /// A server for alice with one listener of each kind.
    pub(crate) fn start(change: impl FnOnce(&mut Config)) -> Self {
        let mut machine = drywire_turn::server::Config::new(drywire::default_provider(), "example.org");
        machine.users.push(Credential::new("alice", "secret").unwrap());
        machine.peers.allow_loopback = true;
        machine.legacy_channels = true;
        let mut config = Config::new(machine);
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        (config.udp, config.tcp, config.tls) = (vec![any], vec![any], vec![any]);
        config.tls_config = Some(tls());
        change(&mut config);
        let server = Server::bind(config).unwrap();
        let (addresses, handle) = (server.addresses().to_vec(), server.handle());
        Self { addresses, handle, server: tokio::spawn(server.run()) }
    }

    pub(crate) fn address(&self, transport: Transport) -> SocketAddr {
        let wanted = match transport {
            Transport::Udp => ListenerTransport::Udp,
            Transport::Tcp => ListenerTransport::Tcp,
            Transport::Tls => ListenerTransport::Tls,
        };
        self.addresses.iter().find(|(transport, _)| *transport == wanted).unwrap().1
    }

    /// Waits until the server has ended by itself.
    pub(crate) async fn ended(self) {
        tokio::time::timeout(PATIENCE, self.server).await.expect("the server ends").unwrap();
    }
}

/// A certificate for localhost and its key, in DER.
pub(crate) fn certificate() -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    (made.cert.der().clone(), PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap())
}

fn tls() -> Arc<rustls::ServerConfig> {
    let (certificate, key) = certificate();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    Arc::new(config)
}

/// Starts a peer.
pub(crate) async fn echo() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = vec![0; 65_536];
        while let Ok((len, from)) = socket.recv_from(&mut buffer).await {
            let _ = socket.send_to(&buffer[..len], from).await;
        }
    });
    address
}
