use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use drywire::stun::{Host, ServerUri};
use drywire::{Duration, IceServer};
use tokio::net::lookup_host;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use crate::network::Notice;

/// How long one look-up may take.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);
/// The time from a look-up that failed to the next, which doubles.
const FIRST_RETRY: Duration = Duration::from_secs(2);
const LAST_RETRY: Duration = Duration::from_secs(60);

/// What became of the name of a server.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) uri: ServerUri,
    /// The server, with addresses.
    pub(crate) result: Result<IceServer, Arc<io::Error>>,
}

/// Looks up the names of servers: at once, again when that failed, and again when the network has changed.
#[derive(Debug)]
pub(crate) struct Resolver {
    networks: watch::Sender<u64>,
    sender: mpsc::Sender<Notice>,
    /// Held by each name that is looked up for the first time.
    first: watch::Sender<()>,
}

impl Resolver {
    pub(crate) fn new(sender: mpsc::Sender<Notice>) -> Self {
        Self { networks: watch::Sender::new(0), sender, first: watch::Sender::new(()) }
    }

    /// Looks up the name of `server`, as long as this lives.
    pub(crate) fn add(&self, server: IceServer) {
        let (networks, sender) = (self.networks.subscribe(), self.sender.clone());
        let first = self.first.subscribe();
        tokio::spawn(resolve(server, networks, sender, Some(first)));
    }

    /// Another network may have other servers of names, and other addresses for names.
    pub(crate) fn network_changed(&self) {
        self.networks.send_modify(|networks| *networks = networks.wrapping_add(1));
    }

    /// Waits until each name has been looked up once.
    pub(crate) fn looked_up(&self) -> impl Future<Output = ()> + use<> {
        let first = self.first.clone();
        async move { first.closed().await }
    }
}

async fn resolve(
    server: IceServer,
    mut networks: watch::Receiver<u64>,
    sender: mpsc::Sender<Notice>,
    mut first: Option<watch::Receiver<()>>,
) {
    let Host::Name(name) = &server.uri.host else { return };
    let (name, port) = (name.clone(), server.uri.port());
    let mut retry = FIRST_RETRY;
    let mut known: Vec<SocketAddr> = Vec::new();
    loop {
        networks.mark_unchanged();
        let found = look_up(&name, port).await;
        let failed = found.is_err();
        let result = match found {
            // What is known already needs no telling.
            Ok(addresses) if addresses == known => None,
            Ok(addresses) => {
                tracing::debug!(server = %server.uri, ?addresses, "resolved");
                known.clone_from(&addresses);
                let mut server = server.clone();
                server.addresses = addresses;
                Some(Ok(server))
            }
            Err(error) => {
                tracing::warn!(server = %server.uri, %error, "the name of a server cannot be resolved");
                Some(Err(Arc::new(error)))
            }
        };
        if let Some(result) = result
            && sender.send(Notice::Resolved(Resolved { uri: server.uri.clone(), result })).await.is_err()
        {
            return;
        }
        drop(first.take());
        let pause = async {
            if failed {
                sleep(retry).await;
            } else {
                std::future::pending().await
            }
        };
        tokio::select! {
            () = pause => retry = (retry * 2).min(LAST_RETRY),
            changed = networks.changed() => {
                if changed.is_err() {
                    return;
                }
                retry = FIRST_RETRY;
            }
            () = sender.closed() => return,
        }
    }
}

async fn look_up(name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    // The dot at the end makes a name complete; the resolver of the system takes it as it is.
    let found = timeout(LOOKUP_TIMEOUT, lookup_host((name, port))).await??;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in found {
        let address = SocketAddr::new(address.ip().to_canonical(), port);
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> IceServer {
        IceServer::stun(url.parse().unwrap(), Vec::new())
    }

    async fn next(notices: &mut mpsc::Receiver<Notice>) -> Resolved {
        match notices.recv().await {
            Some(Notice::Resolved(resolved)) => resolved,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_name_is_looked_up_and_not_told_twice() {
        let (sender, mut resolved) = mpsc::channel(8);
        let resolver = Resolver::new(sender);
        resolver.add(server("stun:localhost:7"));
        resolver.looked_up().await;
        let found = next(&mut resolved).await.result.unwrap();
        assert!(!found.addresses.is_empty());
        assert!(found.addresses.iter().all(|address| address.ip().is_loopback() && address.port() == 7));

        resolver.network_changed();
        // The next thing told is of another server.
        resolver.add(server("stun:localhost:8"));
        assert_eq!(next(&mut resolved).await.uri.port(), 8);
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_does_not_exist_is_told_and_looked_up_again() {
        let (sender, mut resolved) = mpsc::channel(8);
        let resolver = Resolver::new(sender);
        // Reserved not to exist (RFC 6761, section 6.4); a resolver that answers nothing at all serves as well.
        resolver.add(server("stun:nothing.invalid"));
        assert!(next(&mut resolved).await.result.is_err());
        resolver.network_changed();
        assert!(next(&mut resolved).await.result.is_err());
        // And after a while without a change of the network.
        assert!(next(&mut resolved).await.result.is_err());
        drop(resolved);
        resolver.looked_up().await;
    }
}
