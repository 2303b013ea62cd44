//! What a driver knows of the network beyond its UDP sockets, and what the tasks in the background tell it.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::BytesMut;
use drywire::ice::TcpType;
use drywire::ice::gather::LocalAddress;
use drywire::stun::ServerUri;
use drywire::{Duration, Endpoint, IceServerError, Instant, Path};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};
use tokio::time::sleep;

use crate::ice_server::{Resolved, Resolver};
use crate::interfaces::{Bound, Difference, Host, Subscription, watch};
use crate::multicast::Multicast;
use crate::streams::Streams;
use crate::{IceServerConfig, IceServerConfigError, Socket};

/// Notices that wait for the driver.
const NOTICE_LIMIT: usize = 64;
/// The port of multicast DNS (RFC 6762, section 3).
const MULTICAST_PORT: u16 = 5353;
/// An address of IPv6 cannot be used in its first seconds (RFC 4862, section 5.4): how often, and how far apart, an interface
/// that did not take multicast is tried again.
const JOIN_RETRIES: u8 = 10;
const JOIN_RETRY: Duration = Duration::from_millis(500);

/// What has become of addresses and servers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum NetworkEvent {
    /// The name of a STUN or TURN server has been looked up, and it is used.
    IceServerResolved {
        /// The server.
        uri: ServerUri,
        /// What its name stands for.
        addresses: Vec<SocketAddr>,
    },
    /// A STUN or TURN server is not used, for now.
    IceServerFailed {
        /// The server.
        uri: ServerUri,
        /// Why.
        failure: IceServerFailure,
    },
    /// Addresses of sockets and listeners have come or gone. The endpoint knows.
    AddressesChanged {
        /// Those that are there now.
        added: Vec<SocketAddr>,
        /// Those that were there before.
        removed: Vec<SocketAddr>,
    },
}

/// Why a STUN or TURN server is not used.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum IceServerFailure {
    /// Its name was not resolved. It will be looked up again, at the latest after a minute.
    #[error("its name cannot be resolved: {0}")]
    Unresolved(Arc<io::Error>),
    /// The endpoint did not take it.
    #[error(transparent)]
    Refused(IceServerError),
}

/// What tasks in the background tell the driver.
#[derive(Debug)]
pub(crate) enum Notice {
    /// A datagram of multicast DNS.
    Heard(Path, BytesMut),
    /// The name of a server was looked up.
    Resolved(Resolved),
    /// The addresses of this host, as they are now.
    Host(Host),
    /// It is time to try again to speak multicast DNS.
    Rejoin,
}

/// A socket or a listener.
#[derive(Clone, Copy, Debug)]
struct Base {
    bound: Bound,
    tcp_type: Option<TcpType>,
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) streams: Streams,
    bases: Vec<Base>,
    /// What the endpoint was told.
    addresses: Vec<LocalAddress>,
    /// The host, when it was last looked at.
    host: Host,
    watching: bool,
    /// Has the interfaces looked at before it is time.
    look: Arc<Notify>,
    multicast: Option<Vec<Multicast>>,
    join_retries: u8,
    resolver: Resolver,
    sender: mpsc::Sender<Notice>,
    notices: mpsc::Receiver<Notice>,
}

impl Network {
    pub(crate) fn new(sockets: &[Socket]) -> Self {
        let (sender, notices) = mpsc::channel(NOTICE_LIMIT);
        let base = |socket: &Socket| Base { bound: Bound::socket(socket.local_address()), tcp_type: None };
        Self {
            streams: Streams::new(),
            bases: sockets.iter().map(base).collect(),
            addresses: Vec::new(),
            host: Host::default(),
            watching: false,
            look: Arc::default(),
            multicast: None,
            join_retries: 0,
            resolver: Resolver::new(sender.clone()),
            sender,
            notices,
        }
    }

    pub(crate) fn add_ice_server(
        &mut self,
        now: Instant,
        endpoint: &mut Endpoint,
        config: &IceServerConfig,
    ) -> Result<(), IceServerConfigError> {
        for server in config.servers()? {
            if server.addresses.is_empty() {
                self.resolver.add(server);
            } else {
                endpoint.add_ice_server(now, server)?;
            }
        }
        Ok(())
    }

    pub(crate) fn looked_up(&self) -> impl Future<Output = ()> + use<> {
        self.resolver.looked_up()
    }

    pub(crate) fn listen(
        &mut self,
        now: Instant,
        endpoint: &mut Endpoint,
        listener: TcpListener,
    ) -> io::Result<()> {
        let address = listener.local_addr()?;
        let dual = address.ip().is_unspecified()
            && address.is_ipv6()
            && !socket2::SockRef::from(&listener).only_v6()?;
        let base = Base { bound: Bound { address, dual }, tcp_type: Some(TcpType::Passive) };
        self.bases.push(base);
        if self.watching {
            self.tell_addresses(now, endpoint);
        } else {
            let addresses: Vec<_> = Host::look()?.local_addresses(base).collect();
            endpoint.add_local_addresses(now, &addresses);
        }
        self.streams.listen(listener);
        Ok(())
    }

    pub(crate) fn watch(
        &mut self,
        now: Instant,
        endpoint: &mut Endpoint,
        period: Duration,
    ) -> io::Result<()> {
        // Before we look, so that nothing changes in between.
        let subscription = if self.watching { None } else { subscribe() };
        self.host = Host::look()?;
        self.tell_addresses(now, endpoint);
        if !std::mem::replace(&mut self.watching, true) {
            let (look, sender) = (self.look.clone(), self.sender.clone());
            tokio::spawn(watch(self.host.clone(), period, subscription, look, sender));
        }
        Ok(())
    }

    pub(crate) fn speak_multicast_dns(&mut self, now: Instant, endpoint: &mut Endpoint) -> io::Result<()> {
        if !self.watching {
            self.host = Host::look()?;
        }
        self.multicast.get_or_insert_default();
        self.join_retries = JOIN_RETRIES;
        self.join(now, endpoint);
        Ok(())
    }

    /// Sends a datagram of multicast DNS; `false` if it is none.
    pub(crate) fn send_multicast(&self, path: Path, datagram: &[u8]) -> bool {
        let mut all = self.multicast.iter().flatten();
        let from = all.find(|multicast| multicast.interface.address == path.local);
        if let Some(multicast) = from {
            multicast.send(path.remote, datagram);
        }
        from.is_some()
    }

    /// A datagram was not sent. If that may be because an address or a route has gone, the interfaces are looked at soon.
    pub(crate) fn not_sent(&self, error: &io::Error) {
        use io::ErrorKind::{
            AddrNotAvailable, HostUnreachable, InvalidInput, NetworkDown, NetworkUnreachable,
        };
        // Linux calls a source address that is not ours an invalid argument.
        if matches!(
            error.kind(),
            AddrNotAvailable | HostUnreachable | InvalidInput | NetworkDown | NetworkUnreachable
        ) {
            self.look.notify_one();
        }
    }

    pub(crate) fn poll_notice(&mut self, cx: &mut Context<'_>) -> Poll<Notice> {
        match self.notices.poll_recv(cx) {
            Poll::Ready(Some(notice)) => Poll::Ready(notice),
            // This holds a sender, so that there is no end.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    pub(crate) async fn next_notice(&mut self) -> Notice {
        poll_fn(|cx| self.poll_notice(cx)).await
    }

    /// Does what follows from a notice; what the application is to know of it.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        endpoint: &mut Endpoint,
        notice: Notice,
    ) -> Option<NetworkEvent> {
        match notice {
            Notice::Heard(path, datagram) => {
                endpoint.handle_input(now, path, datagram);
                None
            }
            Notice::Resolved(resolved) => Some(use_server(now, endpoint, resolved)),
            Notice::Host(host) => {
                self.host = host;
                let event = self.tell_addresses(now, endpoint);
                self.join_retries = JOIN_RETRIES;
                self.join(now, endpoint);
                // Another network may have other name servers, and lead to them again.
                self.resolver.network_changed();
                event
            }
            Notice::Rejoin => {
                self.join(now, endpoint);
                None
            }
        }
    }

    /// Tells the endpoint the addresses that have come and gone.
    fn tell_addresses(&mut self, now: Instant, endpoint: &mut Endpoint) -> Option<NetworkEvent> {
        let bases = &self.bases;
        let addresses: Vec<LocalAddress> =
            bases.iter().flat_map(|base| self.host.local_addresses(*base)).collect();
        let key = |local: &LocalAddress| (local.address, local.tcp_type);
        let difference = Difference::new(&self.addresses, &addresses, key);
        self.addresses = addresses;
        let Difference { added, removed, changed } = difference;
        // What comes first may take over from what goes. A policy may want, or not want any more, those of which something has
        // changed.
        let told: Vec<LocalAddress> = added.iter().chain(&changed).cloned().collect();
        if !told.is_empty() {
            endpoint.add_local_addresses(now, &told);
        }
        if added.is_empty() && removed.is_empty() {
            return None;
        }
        let sockets = |list: Vec<LocalAddress>| -> Vec<SocketAddr> {
            list.into_iter().map(|local| local.address).collect()
        };
        let (added, removed) = (sockets(added), sockets(removed));
        for address in &removed {
            endpoint.remove_local_address(now, *address);
        }
        tracing::info!(?added, ?removed, "local addresses");
        Some(NetworkEvent::AddressesChanged { added, removed })
    }

    /// Speaks multicast DNS on the interfaces that are there now, and tries those again soon that do not let us.
    fn join(&mut self, now: Instant, endpoint: &mut Endpoint) {
        let Some(joined) = &mut self.multicast else { return };
        let before: Vec<_> = joined.iter().map(|multicast| multicast.interface).collect();
        let after = self.host.multicast(MULTICAST_PORT);
        let difference = Difference::new(&before, &after, |interface| *interface);
        for interface in &difference.removed {
            endpoint.remove_multicast_interface(now, interface.address);
        }
        joined.retain(|multicast| !difference.removed.contains(&multicast.interface));
        let mut failed = false;
        for interface in difference.added {
            let result = Multicast::join(interface, &self.sender).and_then(|multicast| {
                endpoint.add_multicast_interface(now, interface).map_err(io::Error::other)?;
                joined.push(multicast);
                Ok(())
            });
            if let Err(error) = result {
                tracing::info!(address = %interface.address, %error, "no multicast DNS on this interface");
                failed = true;
            }
        }
        if failed && self.join_retries > 0 {
            self.join_retries -= 1;
            let sender = self.sender.clone();
            tokio::spawn(async move {
                sleep(JOIN_RETRY).await;
                // Without a driver there is nothing to join.
                let _ = sender.send(Notice::Rejoin).await;
            });
        }
    }
}

/// Has the system tell of changes of the network, if it does.
fn subscribe() -> Option<Subscription> {
    let told = Subscription::new();
    told.inspect_err(|error| tracing::debug!(%error, "the system does not tell of changes of the network"))
        .ok()
}

fn use_server(now: Instant, endpoint: &mut Endpoint, resolved: Resolved) -> NetworkEvent {
    let Resolved { uri, result } = resolved;
    let server = match result {
        Ok(server) => server,
        Err(error) => {
            return NetworkEvent::IceServerFailed { uri, failure: IceServerFailure::Unresolved(error) };
        }
    };
    let addresses = server.addresses.clone();
    match endpoint.add_ice_server(now, server) {
        Ok(()) => NetworkEvent::IceServerResolved { uri, addresses },
        Err(error) => {
            tracing::warn!(%error, "a server is not used");
            NetworkEvent::IceServerFailed { uri, failure: IceServerFailure::Refused(error) }
        }
    }
}

impl Host {
    /// The addresses that a socket or a listener is reached at.
    fn local_addresses(&self, base: Base) -> impl Iterator<Item = LocalAddress> {
        self.bases(base.bound).map(move |mut local| {
            local.tcp_type = base.tcp_type;
            local
        })
    }
}

#[cfg(test)]
mod tests {
    use drywire::ice::gather::AddressPolicy;
    use drywire::{Config, EndpointConfig, crypto};

    use super::*;
    use crate::interfaces::HostAddress;
    use crate::{now, since_epoch, wall_clock};

    fn host(addresses: &[(&str, bool)]) -> Host {
        let addresses = addresses.iter().map(|(ip, default_route)| HostAddress {
            ip: ip.parse().unwrap(),
            prefix: 24,
            index: 2,
            cost: 0,
            default_route: *default_route,
            ready: true,
        });
        Host { addresses: addresses.collect() }
    }

    /// The addresses of the candidates that a new peer connection has.
    fn candidates(endpoint: &mut Endpoint) -> Vec<String> {
        let provider = drywire::default_provider();
        let options = crypto::CertificateOptions::new(since_epoch());
        let certificate = crypto::CertifiedKey::self_signed(&*provider, &options).unwrap();
        let config = Arc::new(Config::new(provider, Arc::new(certificate), wall_clock()));
        let id = endpoint.create_peer(now(), config).unwrap();
        let peer = endpoint.peer(id).unwrap();
        let addresses: Vec<_> =
            peer.ice().local_candidates().map(|candidate| candidate.address.ip().to_string()).collect();
        endpoint.remove(id);
        addresses
    }

    #[tokio::test]
    async fn the_endpoint_knows_what_is_there_now() {
        let socket = Socket::bind("0.0.0.0:0".parse().unwrap()).unwrap();
        let at = |ip: &str| SocketAddr::new(ip.parse().unwrap(), socket.local_address().port());
        let mut network = Network::new(std::slice::from_ref(&socket));
        let mut config = EndpointConfig::default();
        config.gathering.policy = AddressPolicy::DefaultRoute;
        let mut endpoint = Endpoint::new(config, now(), [5; 32]);
        let mut become_host = |addresses: &[(&str, bool)]| {
            let event = network.take(now(), &mut endpoint, Notice::Host(host(addresses)));
            (event, candidates(&mut endpoint))
        };

        let (event, known) = become_host(&[("192.0.2.1", true), ("198.51.100.1", false)]);
        let Some(NetworkEvent::AddressesChanged { added, removed }) = event else { panic!("{event:?}") };
        assert_eq!((added, removed), (vec![at("192.0.2.1"), at("198.51.100.1")], Vec::new()));
        assert_eq!(known, ["192.0.2.1"]);

        // The other one has become the way out, as when a tunnel is closed.
        let (event, known) = become_host(&[("192.0.2.1", true), ("198.51.100.1", true)]);
        assert!(event.is_none(), "{event:?}");
        assert_eq!(known, ["192.0.2.1", "198.51.100.1"]);

        // And now it is the only one.
        let (event, known) = become_host(&[("192.0.2.1", false), ("198.51.100.1", true)]);
        assert!(event.is_none(), "{event:?}");
        assert_eq!(known, ["198.51.100.1"]);

        let (event, known) =
            become_host(&[("198.51.100.1", true), ("2001:db8::1", true), ("203.0.113.1", true)]);
        let Some(NetworkEvent::AddressesChanged { added, removed }) = event else { panic!("{event:?}") };
        assert_eq!((added, removed), (vec![at("203.0.113.1")], vec![at("192.0.2.1")]));
        assert_eq!(known, ["198.51.100.1", "203.0.113.1"]);
    }
}
