//! Sockets for relayed addresses.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use drywire::stun::attributes::AddressFamily;
use drywire_core::Rng;
use drywire_turn::server::RelayPort;
use tokio::net::TcpListener;

use super::config::RelayHost;
use super::error::BindError;
use crate::Socket;

/// Random ports that are tried before all of them are, one by one.
const RANDOM_TRIES: u32 = 16;
/// The most ports that are then tried: whoever has nearly all in use must not stop the server.
const MORE_TRIES: u32 = 1024;
/// Connections of peers that the system holds for one relayed address until they are taken.
const BACKLOG: i32 = 64;

/// Where sockets for relayed addresses are opened.
pub(super) struct RelayPool {
    hosts: Vec<RelayHost>,
    never_fragments: bool,
    ports: RangeInclusive<u16>,
    rng: Rng,
}

impl RelayPool {
    pub(super) fn new(
        hosts: Vec<RelayHost>,
        ports: RangeInclusive<u16>,
        seed: [u8; 32],
    ) -> Result<Self, BindError> {
        if ports.is_empty() || *ports.start() == 0 {
            return Err(BindError::Ports { first: *ports.start(), last: *ports.end() });
        }
        if hosts.is_empty() {
            return Err(BindError::NoRelay);
        }
        let mut never_fragments = true;
        for (index, host) in hosts.iter().enumerate() {
            let socket = check(*host, hosts.get(..index).unwrap_or_default())
                .map_err(|error| BindError::Relay { address: host.address, error })?;
            never_fragments &= socket.never_fragments();
        }
        Ok(Self { hosts, never_fragments, ports, rng: Rng::new(seed) })
    }

    pub(super) fn has(&self, family: AddressFamily) -> bool {
        self.host(family).is_some()
    }

    /// Whether all that is relayed leaves with the DF bit, or as IPv6 without being cut.
    pub(super) const fn never_fragments(&self) -> bool {
        self.never_fragments
    }

    /// The addresses that are relayed from, as this host and as others know them.
    pub(super) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.hosts.iter().flat_map(|host| [Some(host.address), host.external]).flatten()
    }

    fn host(&self, family: AddressFamily) -> Option<RelayHost> {
        let is_v4 = family == AddressFamily::V4;
        self.hosts.iter().copied().find(|host| host.address.is_ipv4() == is_v4)
    }

    /// Opens a socket on a port that cannot be guessed (RFC 8656, section 7.2), and the one above it if that is wanted. Says
    /// by what address peers know each.
    pub(super) fn open(
        &mut self,
        family: AddressFamily,
        wanted: RelayPort,
    ) -> io::Result<Vec<(Socket, SocketAddr)>> {
        let host = self.host(family).ok_or(io::ErrorKind::AddrNotAvailable)?;
        let last = *self.ports.end();
        self.search(wanted != RelayPort::Any, |port| open_at(host, port, wanted, last))
    }

    /// Listens for TCP on a port that cannot be guessed.
    pub(super) fn listen(&mut self, family: AddressFamily) -> io::Result<(TcpListener, SocketAddr)> {
        let host = self.host(family).ok_or(io::ErrorKind::AddrNotAvailable)?;
        self.search(false, |port| {
            let port = u16::try_from(port).map_err(|_| io::ErrorKind::AddrInUse)?;
            let listener = listen_at(SocketAddr::new(host.address, port))?;
            Ok((listener, SocketAddr::new(host.external.unwrap_or(host.address), port)))
        })
    }

    /// Tries ports until one can be opened.
    fn search<T>(&mut self, even: bool, open: impl Fn(u32) -> io::Result<T>) -> io::Result<T> {
        let (first, last) = (u32::from(*self.ports.start()), u32::from(*self.ports.end()));
        let count = last - first + 1;
        let mut port = first + self.rng.below(count);
        let mut result = Err(io::Error::from(io::ErrorKind::AddrInUse));
        for index in 0..RANDOM_TRIES + MORE_TRIES.min(count) {
            if !even || port.is_multiple_of(2) {
                match open(port) {
                    Err(error) if error.kind() == io::ErrorKind::AddrInUse => result = Err(error),
                    // Out of file descriptors, say: no other port helps.
                    opened => return opened,
                }
            }
            port = if index < RANDOM_TRIES {
                first + self.rng.below(count)
            } else if port >= last {
                first
            } else {
                port + 1
            };
        }
        result
    }
}

/// Listens where nobody does yet, so that connections to peers can begin on the same port (RFC 6062, section 5.2).
fn listen_at(address: SocketAddr) -> io::Result<TcpListener> {
    let open = || {
        let domain = socket2::Domain::for_address(address);
        let socket = socket2::Socket::new(domain, socket2::Type::STREAM, Some(socket2::Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        Ok::<_, io::Error>(socket)
    };
    // Who shares a port gets it even when another one listens there: first to try without sharing shows that it is free.
    open()?.bind(&address.into())?;
    let socket = open()?;
    socket.set_reuse_address(true)?;
    #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos"))))]
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn open_at(
    host: RelayHost,
    port: u32,
    wanted: RelayPort,
    last: u16,
) -> io::Result<Vec<(Socket, SocketAddr)>> {
    let count = if wanted == RelayPort::EvenAndNext { 2 } else { 1 };
    let open = |port: u32| {
        let port = u16::try_from(port).ok().filter(|port| *port <= last).ok_or(io::ErrorKind::AddrInUse)?;
        let socket = Socket::bind(SocketAddr::new(host.address, port))?;
        if let Err(error) = socket.report_icmp() {
            tracing::debug!(%error, "nobody hears of ICMP errors");
        }
        Ok((socket, SocketAddr::new(host.external.unwrap_or(host.address), port)))
    };
    (port..port + count).map(open).collect()
}

/// A socket there, if any can be opened.
fn check(host: RelayHost, others: &[RelayHost]) -> io::Result<Socket> {
    let wrong = |what| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    if host.address.is_unspecified() {
        return wrong("a relayed address must be a certain one");
    }
    if host.external.is_some_and(|external| external.is_ipv4() != host.address.is_ipv4()) {
        return wrong("its external address is of another IP version");
    }
    if others.iter().any(|other| other.address.is_ipv4() == host.address.is_ipv4()) {
        return wrong("there is already one of this IP version");
    }
    Socket::bind(SocketAddr::new(host.address, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: RelayHost =
        RelayHost { address: IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), external: None };

    #[tokio::test]
    async fn each_port_of_the_range_is_found_and_no_other() {
        let first = 29_180;
        let mut pool = RelayPool::new(vec![LOOPBACK], first..=first + 7, [1; 32]).unwrap();
        let mut open = Vec::new();
        let wanted = [RelayPort::EvenAndNext, RelayPort::Even, RelayPort::Even, RelayPort::Even];
        for wanted in wanted.into_iter().chain([RelayPort::Any; 3]) {
            let opened =
                pool.open(AddressFamily::V4, wanted).expect("another program may have one of the ports");
            for (_, relayed) in &opened {
                assert!((first..=first + 7).contains(&relayed.port()), "{relayed}");
            }
            assert!(wanted == RelayPort::Any || opened[0].1.port().is_multiple_of(2));
            if let [(_, even), (_, next)] = &opened[..] {
                assert_eq!(next.port(), even.port() + 1);
            }
            open.extend(opened);
        }
        assert_eq!(open.len(), 8);
        assert!(pool.open(AddressFamily::V4, RelayPort::Any).is_err());
        assert!(pool.open(AddressFamily::V6, RelayPort::Any).is_err());
    }

    #[tokio::test]
    async fn ports_that_listen_are_shared_by_connections_only() {
        let first = 29_190;
        let mut pool = RelayPool::new(vec![LOOPBACK], first..=first + 3, [1; 32]).unwrap();
        let mut open: Vec<_> = (0..4)
            .map(|_| pool.listen(AddressFamily::V4).expect("another program may have one of the ports"))
            .collect();
        open.sort_by_key(|(_, relayed)| relayed.port());
        open.dedup_by_key(|(_, relayed)| relayed.port());
        assert_eq!(open.len(), 4);
        let full = pool.listen(AddressFamily::V4).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::AddrInUse);
        assert!(pool.listen(AddressFamily::V6).is_err());
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[tokio::test]
    async fn nothing_is_cut_on_its_way() {
        assert!(RelayPool::new(vec![LOOPBACK], 1..=2, [1; 32]).unwrap().never_fragments());
    }

    #[tokio::test]
    async fn peers_are_told_the_external_address() {
        let external = "198.51.100.7".parse().unwrap();
        let host = RelayHost { external: Some(external), ..LOOPBACK };
        let mut pool = RelayPool::new(vec![host], 49_152..=65_535, [1; 32]).unwrap();
        let opened = pool.open(AddressFamily::V4, RelayPort::Any).unwrap();
        let (socket, relayed) = &opened[0];
        assert_eq!(*relayed, SocketAddr::new(external, socket.local_address().port()));
    }

    #[tokio::test]
    async fn what_cannot_be_relayed_from() {
        let host = |address: &str, external: Option<&str>| RelayHost {
            address: address.parse().unwrap(),
            external: external.map(|external| external.parse().unwrap()),
        };
        for wrong in [
            vec![host("0.0.0.0", None)],
            vec![host("192.0.2.1", None)],
            vec![LOOPBACK, LOOPBACK],
            vec![host("127.0.0.1", Some("2001:db8::1"))],
        ] {
            let made = RelayPool::new(wrong, 1..=2, [1; 32]);
            assert!(matches!(made, Err(BindError::Relay { .. })));
        }
        #[allow(clippy::reversed_empty_ranges, reason = "this is the mistake")]
        for wrong in [0..=9, 10..=9] {
            assert!(matches!(RelayPool::new(vec![LOOPBACK], wrong, [1; 32]), Err(BindError::Ports { .. })));
        }
    }
}
