//! What a server opens when it begins.

use std::io;
use std::net::{IpAddr, SocketAddr};

use drywire::stun::discovery::Responder;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::accept::listen;
use super::config::{Config, RelayHost};
use super::error::{BindError, ListenerTransport};
use crate::{Socket, host_addresses, interfaces};

/// Sockets that wait for clients.
pub(super) struct Listeners {
    pub(super) udp: Vec<Socket>,
    pub(super) tcp: Vec<(TcpListener, Option<TlsAcceptor>)>,
    /// Their addresses, as they are bound.
    pub(super) addresses: Vec<(ListenerTransport, SocketAddr)>,
}

impl Listeners {
    pub(super) fn open(config: &Config) -> Result<Self, BindError> {
        let mut listeners = Self { udp: Vec::new(), tcp: Vec::new(), addresses: Vec::new() };
        let mut udp = config.udp.clone();
        if let Some(responder) = config.machine.discovery {
            check(responder)?;
            udp.extend(responder.addresses());
        }
        for address in udp {
            let serves = |socket: &Socket| socket.serves(address) && address.port() != 0;
            if !listeners.udp.iter().any(serves) {
                listeners.open_udp(address).map_err(failed(ListenerTransport::Udp, address))?;
            }
        }
        for address in &config.tcp {
            listeners.open_tcp(*address, None).map_err(failed(ListenerTransport::Tcp, *address))?;
        }
        for address in &config.tls {
            let tls = config.tls_config.clone().ok_or(BindError::NoCertificate)?;
            let tls = Some(TlsAcceptor::from(tls));
            listeners.open_tcp(*address, tls).map_err(failed(ListenerTransport::Tls, *address))?;
        }
        if listeners.addresses.is_empty() { Err(BindError::NoListener) } else { Ok(listeners) }
    }

    fn open_udp(&mut self, address: SocketAddr) -> io::Result<()> {
        let socket = Socket::bind(address)?;
        self.addresses.push((ListenerTransport::Udp, socket.local_address()));
        self.udp.push(socket);
        Ok(())
    }

    fn open_tcp(&mut self, address: SocketAddr, tls: Option<TlsAcceptor>) -> io::Result<()> {
        let listener = listen(address)?;
        let transport = if tls.is_some() { ListenerTransport::Tls } else { ListenerTransport::Tcp };
        self.addresses.push((transport, listener.local_addr()?));
        self.tcp.push((listener, tls));
        Ok(())
    }

    /// The addresses that clients reach: those of the interfaces in the place of wildcards.
    pub(super) fn reached(&self) -> Result<Vec<IpAddr>, BindError> {
        let interfaces = interfaces().map_err(BindError::Interfaces)?;
        let each = self.addresses.iter().flat_map(|(_, bound)| host_addresses(*bound, &interfaces));
        let mut reached = Vec::new();
        for address in each.map(|address| address.ip()) {
            if !reached.contains(&address) {
                reached.push(address);
            }
        }
        Ok(reached)
    }
}

/// Where to relay from when nobody says: the first address of each IP version, others before loopback.
pub(super) fn usual_relays(reached: &[IpAddr]) -> Vec<RelayHost> {
    let mut sorted = reached.to_vec();
    sorted.sort_by_key(IpAddr::is_loopback);
    [IpAddr::is_ipv4, IpAddr::is_ipv6]
        .into_iter()
        .filter_map(|is_version| sorted.iter().copied().find(is_version))
        .map(|address| RelayHost { address, external: None })
        .collect()
}

fn check(responder: Responder) -> Result<(), BindError> {
    let Responder { primary, alternate } = responder;
    let is_certain = |address: SocketAddr| !address.ip().is_unspecified() && address.port() != 0;
    let differs = primary.ip() != alternate.ip() && primary.port() != alternate.port();
    if is_certain(primary) && is_certain(alternate) && differs && primary.is_ipv4() == alternate.is_ipv4() {
        return Ok(());
    }
    Err(BindError::Discovery { primary, alternate })
}

fn failed(transport: ListenerTransport, address: SocketAddr) -> impl FnOnce(io::Error) -> BindError {
    move |error| BindError::Listen { transport, address, error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_relay_of_each_version_and_loopback_last() {
        let addresses: Vec<IpAddr> =
            ["127.0.0.1", "192.0.2.1", "192.0.2.2", "::1"].map(|text| text.parse().unwrap()).into();
        let relays: Vec<IpAddr> = usual_relays(&addresses).iter().map(|host| host.address).collect();
        assert_eq!(relays, [addresses[1], addresses[3]]);
    }

    #[test]
    fn behaviour_discovery_wants_two_addresses_and_two_ports() {
        let is_good = |primary: &str, alternate: &str| {
            check(Responder { primary: primary.parse().unwrap(), alternate: alternate.parse().unwrap() })
                .is_ok()
        };
        assert!(is_good("192.0.2.1:3478", "192.0.2.2:3479"));
        for (primary, alternate) in [
            ("192.0.2.1:3478", "192.0.2.1:3479"),
            ("192.0.2.1:3478", "192.0.2.2:3478"),
            ("0.0.0.0:3478", "192.0.2.2:3479"),
            ("192.0.2.1:0", "192.0.2.2:3479"),
            ("192.0.2.1:3478", "[2001:db8::1]:3479"),
        ] {
            assert!(!is_good(primary, alternate), "{primary} {alternate}");
        }
    }
}
