//! Our own TURN server, in a namespace.

use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::channel;
use std::thread::JoinHandle;

use drywire::stun::Credential;
use drywire_tokio::turn::{Config, Handle, Server};
use tokio::runtime::Builder;

use crate::internet::{SERVER, SERVER_V6};
use crate::namespace::Namespace;
use crate::server::{CREDENTIAL, PORT};

/// Runs until this is dropped.
pub(crate) struct OwnTurn {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl OwnTurn {
    /// STUN and TURN over UDP and TCP on the server's first addresses.
    pub(crate) fn start(server: &Namespace) -> Self {
        let [user, password] = CREDENTIAL;
        let mut machine = drywire_turn::server::Config::new(drywire::default_provider(), "drywire");
        machine.users.push(Credential::new(user, password).unwrap());
        let mut config = Config::new(machine);
        let addresses = [IpAddr::from(SERVER[0]), SERVER_V6[0].into()];
        let addresses: Vec<_> = addresses.into_iter().map(|ip| SocketAddr::new(ip, PORT)).collect();
        (config.udp, config.tcp) = (addresses.clone(), addresses);
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
}

impl Drop for OwnTurn {
    fn drop(&mut self) {
        let runtime = Builder::new_current_thread().build().unwrap();
        let _ = runtime.block_on(self.handle.stop());
        let _ = self.thread.take().unwrap().join();
    }
}
