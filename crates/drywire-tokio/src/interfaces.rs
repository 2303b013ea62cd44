//! The addresses of this host, and when they come and go.

mod cost;
mod told;
mod watch;

use std::cell::LazyCell;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};

use drywire::ice::gather::LocalAddress;
use drywire::ice::mdns;
use drywire::stun::attributes::NetworkCost;
use if_addrs::{IfAddr, IfOperStatus};

pub(crate) use self::told::Subscription;
pub(crate) use self::watch::{Difference, watch};

/// Somewhere beyond every link, one for each IP version: addresses of a root name server. Nothing is sent there.
const FAR_AWAY: [(IpAddr, IpAddr); 2] = [
    (IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V4(Ipv4Addr::new(198, 41, 0, 4))),
    (
        IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        IpAddr::V6(Ipv6Addr::new(0x2001, 0x0503, 0xBA3E, 0, 0, 0, 0x0002, 0x0030)),
    ),
];

/// The addresses of this host that a peer may reach it on, loopback included.
///
/// Left out are interfaces that are down; IPv6 addresses that are so new that another host may still turn
/// out to have them (RFC 4862, section 5.4), which cannot be sent from; and the addresses that RFC 8445, section 5.1.1.1,
/// keeps out of host candidates: unspecified, multicast, IPv4-mapped, and link-local IPv6 (useless without a scope, which
/// candidates cannot carry). Loopback addresses come last: within one host they let two peers meet even when
/// there is no network at all. Whoever does not want them filters by [`IpAddr::is_loopback`].
///
/// # Errors
///
/// The operating system would not list its interfaces.
pub fn interfaces() -> io::Result<Vec<IpAddr>> {
    Ok(Host::look()?.usable().map(|address| address.ip).collect())
}

/// The addresses on which a socket bound to `bound` receives: `bound` itself, or, when that is a wildcard
/// (`0.0.0.0` or `::`), each of `interfaces` of the same family with the port of `bound`.
#[must_use]
pub fn host_addresses(bound: SocketAddr, interfaces: &[IpAddr]) -> Vec<SocketAddr> {
    if !bound.ip().is_unspecified() {
        return vec![bound];
    }
    interfaces
        .iter()
        .filter(|address| address.is_ipv4() == bound.is_ipv4())
        .map(|address| SocketAddr::new(*address, bound.port()))
        .collect()
}

/// The [addresses](host_addresses) on which a socket bound to `bound` receives, with what is known of their interfaces: what
/// they cost, and whether a default route leads over them.
///
/// # Errors
///
/// The operating system would not list its interfaces.
pub fn local_addresses(bound: SocketAddr) -> io::Result<Vec<LocalAddress>> {
    Ok(Host::look()?.bases(Bound::socket(bound)).collect())
}

/// An address of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostAddress {
    pub(crate) ip: IpAddr,
    /// The bits of the address that are those of the link.
    pub(crate) prefix: u8,
    /// The number of the interface, 0 if it has none.
    pub(crate) index: u32,
    pub(crate) cost: u16,
    pub(crate) default_route: bool,
    /// Whether it can be sent from: not while it is tentative.
    pub(crate) ready: bool,
}

/// What a socket or a listener is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) address: SocketAddr,
    /// Whether `::` stands for IPv4, too.
    pub(crate) dual: bool,
}

impl Bound {
    pub(crate) const fn socket(address: SocketAddr) -> Self {
        Self { address, dual: false }
    }
}

/// All addresses of this host at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) addresses: Vec<HostAddress>,
}

impl Host {
    /// Asks the operating system, which takes it a fraction of a millisecond.
    pub(crate) fn look() -> io::Result<Self> {
        let default_sources: Vec<IpAddr> =
            FAR_AWAY.iter().filter_map(|(from, to)| source(*from, *to)).collect();
        let off = LazyCell::new(switched_off);
        let mut addresses: Vec<HostAddress> = Vec::new();
        for interface in if_addrs::get_if_addrs()? {
            let ip = interface.ip();
            // An address can be listed twice, on an interface and on its alias.
            let is_known = addresses.iter().any(|other| {
                other.ip == ip && (other.index == interface.index.unwrap_or(0) || !is_link_local(ip))
            });
            let is_running = interface.oper_status == IfOperStatus::Up;
            let is_off = is_down(&interface.oper_status) || !is_running && off.contains(&interface.name);
            if is_off || is_known {
                continue;
            }
            let prefix = match &interface.addr {
                IfAddr::V4(v4) => v4.prefixlen,
                IfAddr::V6(v6) => v6.prefixlen,
            };
            addresses.push(HostAddress {
                ip,
                prefix,
                index: interface.index.unwrap_or(0),
                cost: cost::cost(&interface.name),
                default_route: default_sources.contains(&ip),
                ready: is_ready(ip, interface.index.unwrap_or(0)),
            });
        }
        addresses.sort_by_key(|address| address.ip.is_loopback());
        Ok(Self { addresses })
    }

    /// Those that candidates can have.
    fn usable(&self) -> impl Iterator<Item = &HostAddress> {
        self.addresses.iter().filter(|address| address.ready && is_usable(address.ip))
    }

    /// Whether there is nothing to wait for.
    fn is_ready(&self) -> bool {
        self.addresses.iter().all(|address| address.ready)
    }

    /// The addresses that are reached on what is bound so; none while its interface is gone.
    pub(crate) fn bases(&self, bound: Bound) -> impl Iterator<Item = LocalAddress> {
        let of = move |address: &&HostAddress| match bound.address.ip() {
            ip if !ip.is_unspecified() => ip == address.ip,
            ip => bound.dual || ip.is_ipv4() == address.ip.is_ipv4(),
        };
        self.usable().filter(of).map(move |address| {
            let mut base = LocalAddress::new(SocketAddr::new(address.ip, bound.address.port()));
            base.default_route = address.default_route;
            base.network = NetworkCost::new(u16::try_from(address.index).unwrap_or(u16::MAX), address.cost);
            base
        })
    }

    /// What multicast DNS is spoken on, or tried to: an address of each link of each interface. Loopback only if there is nothing
    /// else, for two peers on one host; link-local IPv6 only if the interface has no other, as no candidate is on that link.
    pub(crate) fn multicast(&self, port: u16) -> Vec<mdns::Interface> {
        let is_networked = self.addresses.iter().any(|address| !address.ip.is_loopback());
        let mut links: Vec<&HostAddress> = Vec::new();
        for address in &self.addresses {
            let is_wanted = address.index != 0
                && !(is_networked && address.ip.is_loopback())
                && !(is_link_local(address.ip) && self.has_other_ipv6(address.index));
            if is_wanted && !links.iter().any(|link| link.shares_link(address)) {
                links.push(address);
            }
        }
        links
            .into_iter()
            .map(|HostAddress { ip, prefix, index, .. }| mdns::Interface {
                address: scoped(*ip, *index, port),
                prefix: *prefix,
                index: *index,
            })
            .collect()
    }

    fn has_other_ipv6(&self, index: u32) -> bool {
        let is_other = |address: &HostAddress| {
            address.index == index && address.ip.is_ipv6() && !is_link_local(address.ip)
        };
        self.addresses.iter().any(is_other)
    }
}

impl HostAddress {
    /// Whether both are of the same interface, IP version and subnet.
    fn shares_link(&self, other: &Self) -> bool {
        let same_subnet = match (self.ip, other.ip) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let differing = u32::from(ours) ^ u32::from(theirs);
                differing.leading_zeros() >= u32::from(self.prefix.min(32))
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                let differing = u128::from(ours) ^ u128::from(theirs);
                differing.leading_zeros() >= u32::from(self.prefix.min(128))
            }
            _ => false,
        };
        same_subnet && self.index == other.index
    }
}

/// The address that the system would send from to reach `to`. To connect a UDP socket is to look into the routing table.
fn source(from: IpAddr, to: IpAddr) -> Option<IpAddr> {
    let socket = UdpSocket::bind(SocketAddr::new(from, 0)).ok()?;
    socket.connect(SocketAddr::new(to, 53)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// Whether a socket can have the address. One of IPv6 that was just added is listed, but it is nobody's until it is sure that no
/// other host has it.
fn is_ready(ip: IpAddr, index: u32) -> bool {
    let bound = || UdpSocket::bind(scoped(ip, index, 0));
    ip.is_ipv4() || !bound().is_err_and(|error| error.kind() == io::ErrorKind::AddrNotAvailable)
}

/// The address, with the number of its interface where it means nothing without.
fn scoped(ip: IpAddr, index: u32, port: u16) -> SocketAddr {
    match ip {
        IpAddr::V4(v4) => (v4, port).into(),
        IpAddr::V6(v6) => SocketAddrV6::new(v6, port, 0, if is_link_local(ip) { index } else { 0 }).into(),
    }
}

// On Unix, "unknown" says that an interface is not running: it has no carrier, has none yet, or is down. Where it cannot be told
// which, only what is surely down is left out.
fn is_down(status: &IfOperStatus) -> bool {
    matches!(status, IfOperStatus::Down | IfOperStatus::NotPresent | IfOperStatus::LowerLayerDown)
}

/// The names of interfaces that are down, and keep their addresses of IPv4 nevertheless.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn switched_off() -> Vec<String> {
    use nix::net::if_::InterfaceFlags;

    let all = nix::ifaddrs::getifaddrs().into_iter().flatten();
    let down = all.filter(|interface| !interface.flags.contains(InterfaceFlags::IFF_UP));
    down.map(|interface| interface.interface_name).collect()
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
const fn switched_off() -> Vec<String> {
    Vec::new()
}

const fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local())
}

fn is_usable(address: IpAddr) -> bool {
    if address.is_unspecified() || address.is_multicast() {
        return false;
    }
    match address {
        IpAddr::V4(_) => true,
        IpAddr::V6(v6) => !v6.is_unicast_link_local() && v6.to_ipv4_mapped().is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(addresses: &[(&str, u32)]) -> Host {
        let addresses = addresses.iter().map(|(ip, index)| HostAddress {
            ip: ip.parse().unwrap(),
            prefix: 24,
            index: *index,
            cost: 10,
            default_route: *index == 2,
            ready: true,
        });
        Host { addresses: addresses.collect() }
    }

    #[test]
    fn loopback_is_among_the_interfaces_and_comes_last() {
        let addresses = interfaces().unwrap();
        assert!(addresses.contains(&"127.0.0.1".parse().unwrap()));
        let first_loopback = addresses.iter().position(IpAddr::is_loopback).unwrap();
        assert!(addresses[first_loopback..].iter().all(IpAddr::is_loopback));
    }

    #[test]
    fn a_wildcard_stands_for_each_interface_of_its_family() {
        let interfaces: Vec<IpAddr> =
            ["192.0.2.1", "2001:db8::1", "127.0.0.1"].iter().map(|text| text.parse().unwrap()).collect();
        let of = |bound: &str| host_addresses(bound.parse().unwrap(), &interfaces);
        assert_eq!(of("0.0.0.0:7"), ["192.0.2.1:7".parse().unwrap(), "127.0.0.1:7".parse().unwrap()]);
        assert_eq!(of("[::]:8"), ["[2001:db8::1]:8".parse().unwrap()]);
        assert_eq!(of("198.51.100.4:9"), ["198.51.100.4:9".parse().unwrap()]);
    }

    #[test]
    fn bases_are_those_that_are_there_now() {
        let host = host(&[("192.0.2.1", 2), ("2001:db8::1", 3), ("fe80::1", 3), ("127.0.0.1", 1)]);
        let of = |bound: &str, dual| -> Vec<String> {
            let bound = Bound { address: bound.parse().unwrap(), dual };
            host.bases(bound).map(|base| base.address.to_string()).collect()
        };
        assert_eq!(of("0.0.0.0:7", false), ["192.0.2.1:7", "127.0.0.1:7"]);
        assert_eq!(of("[::]:7", false), ["[2001:db8::1]:7"]);
        assert_eq!(of("[::]:7", true), ["192.0.2.1:7", "[2001:db8::1]:7", "127.0.0.1:7"]);
        assert_eq!(of("192.0.2.1:8", false), ["192.0.2.1:8"]);
        assert!(of("192.0.2.2:8", false).is_empty());

        let bases: Vec<_> = host.bases(Bound::socket("0.0.0.0:7".parse().unwrap())).collect();
        assert!(bases[0].default_route && !bases[1].default_route);
        assert_eq!(bases[0].network, NetworkCost::new(2, 10));
    }

    #[test]
    fn an_address_that_is_not_ready_is_no_base() {
        let mut host = host(&[("192.0.2.1", 2), ("2001:db8::1", 2), ("2001:db8::2", 2)]);
        host.addresses[1].ready = false;
        let bases: Vec<_> = host.bases(Bound { address: "[::]:7".parse().unwrap(), dual: true }).collect();
        let addresses = [bases[0].address, bases[1].address].map(|address| address.to_string());
        assert_eq!((bases.len(), addresses), (2, ["192.0.2.1:7".to_owned(), "[2001:db8::2]:7".to_owned()]));
        assert!(!host.is_ready());
    }

    #[test]
    fn an_address_that_no_socket_can_have_is_not_ready() {
        if UdpSocket::bind("[::1]:0").is_err() {
            println!("skipped: there is no IPv6");
            return;
        }
        for (ip, expected) in [("127.0.0.1", true), ("::1", true), ("2001:db8::dead", false)] {
            assert_eq!(is_ready(ip.parse().unwrap(), 1), expected, "{ip}");
        }
    }

    #[test]
    fn multicast_dns_is_spoken_once_on_each_link() {
        let mut host = host(&[
            ("192.0.2.1", 2),
            ("192.0.2.2", 2),
            ("198.51.100.1", 2),
            ("fe80::1", 2),
            ("2001:db8::1", 2),
            ("fd00::1", 2),
            ("192.0.2.3", 3),
            ("fe80::2", 3),
            ("127.0.0.1", 1),
        ]);
        host.addresses
            .iter_mut()
            .filter(|address| address.ip.is_ipv6())
            .for_each(|address| address.prefix = 64);
        let addresses: Vec<_> =
            host.multicast(5353).iter().map(|interface| interface.address.to_string()).collect();
        let wanted = [
            "192.0.2.1:5353",
            "198.51.100.1:5353",
            "[2001:db8::1]:5353",
            "[fd00::1]:5353",
            "192.0.2.3:5353",
            "[fe80::2%3]:5353",
        ];
        assert_eq!(addresses, wanted);
    }

    #[test]
    fn a_host_without_a_network_speaks_to_itself() {
        let addresses = host(&[("127.0.0.1", 1)]).multicast(9);
        assert_eq!(addresses[0].address, "127.0.0.1:9".parse().unwrap());
    }

    #[test]
    fn addresses_that_no_candidate_may_carry_are_left_out() {
        for text in ["0.0.0.0", "::", "224.0.0.1", "ff02::fb", "fe80::1", "::ffff:192.0.2.1"] {
            assert!(!is_usable(text.parse().unwrap()), "{text}");
        }
        for text in ["127.0.0.1", "::1", "10.0.0.1", "fd00::1", "169.254.3.4"] {
            assert!(is_usable(text.parse().unwrap()), "{text}");
        }
    }
}
