//! Our own TURN server, in a namespace.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::mpsc::channel;
use std::thread::JoinHandle;

use drywire::stun::Credential;
use drywire_tokio::turn::{Config, Handle, Server};
use tokio::runtime::Builder;

use crate::internet::{SERVER, SERVER_V6};
use crate::namespace::Namespace;
use crate::server::{CREDENTIAL, PORT, TLS_PORT, server_tls};

/// Runs until this is dropped.
pub(crate) struct OwnTurn {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl OwnTurn {
    /// STUN and TURN over UDP, TCP and TLS on the server's first addresses.
    pub(crate) fn start(server: &Namespace) -> Self {
        Self::start_at(server, [IpAddr::from(SERVER[0]), SERVER_V6[0].into()])
    }

    /// The same on all addresses of the server.
    pub(crate) fn start_everywhere(server: &Namespace) -> Self {
        Self::start_at(server, [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()])
    }

    fn start_at(server: &Namespace, addresses: [IpAddr; 2]) -> Self {
        let [user, password] = CREDENTIAL;
        let mut machine = drywire_turn::server::Config::new(drywire::default_provider(), "drywire");
        machine.users.push(Credential::new(user, password).unwrap());
        let mut config = Config::new(machine);
        let at = |port| addresses.map(|ip| SocketAddr::new(ip, port)).to_vec();
        (config.udp, config.tcp, config.tls) = (at(PORT), at(PORT), at(TLS_PORT));
        config.tls_config = Some(server_tls());
        let (sender, started) = channel();
        let thread = server.spawn(move || {
            Builder::new_current_thread().enable_all().build().unwrap().block_on(async move {
                let server = Server::bind(config).unwrap();
                sender.send(server.handle()).unwrap();
                server.run().await;
            });
        });
        Self { handle: started.recv().unwrap(), thread: Some(thread) }
    }

    /// How many allocations there are.
    pub(crate) fn allocations(&self) -> usize {
        let runtime = Builder::new_current_thread().build().unwrap();
        runtime.block_on(self.handle.stats()).unwrap().allocations
    }
}

impl Drop for OwnTurn {
    fn drop(&mut self) {
        let runtime = Builder::new_current_thread().build().unwrap();
        let _ = runtime.block_on(self.handle.stop());
        let _ = self.thread.take().unwrap().join();
    }
}
