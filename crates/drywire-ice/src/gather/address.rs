//! The host's addresses and their order.

use std::net::{IpAddr, SocketAddr};

use drywire_stun::attributes::NetworkCost;

use crate::TcpType;
use crate::candidate::is_usable;
use crate::mdns::Name;

/// An address of the host with a socket bound to it: the base of candidates.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LocalAddress {
    /// The address that the socket is bound to, never an unspecified one.
    pub address: SocketAddr,
    /// Whether a default route leads over its interface, with this source address.
    pub default_route: bool,
    /// The number of its interface, and what it costs, 0 best: cheaper ones are preferred. libwebrtc's costs are
    /// 0 Ethernet, 10 Wi-Fi, 50 unknown, 900 cellular, 999 at most.
    pub network: NetworkCost,
    /// The name that stands for it, if there is one.
    pub name: Option<Name>,
    /// Which kind of TCP candidate it gives (RFC 6544), with a listening socket if that is passive. `None`: it is one of a
    /// UDP socket. Servers are asked about those only.
    pub tcp_type: Option<TcpType>,
}

impl LocalAddress {
    /// An address that a default route leads over, of an interface without cost.
    #[must_use]
    pub const fn new(address: SocketAddr) -> Self {
        Self { address, default_route: true, network: NetworkCost(0), name: None, tcp_type: None }
    }
}

impl From<SocketAddr> for LocalAddress {
    fn from(address: SocketAddr) -> Self {
        Self::new(address)
    }
}

/// Whether an address can be a host candidate's (RFC 8445, section 5.1.1.1): not a deprecated kind of IPv6.
pub(crate) fn is_host(address: SocketAddr) -> bool {
    let deprecated = match address.ip() {
        IpAddr::V4(_) => false,
        IpAddr::V6(ip) => {
            let site_local = ip.segments().first().is_some_and(|first| first & 0xFFC0 == 0xFEC0);
            site_local || ip.to_ipv4_mapped().is_some() || (ip.to_ipv4().is_some() && !ip.is_loopback())
        }
    };
    is_usable(address) && !deprecated
}

/// Puts addresses in order, best first: by their cost, and then IPv6 and IPv4 in turns, so that with one version
/// broken the other's turn comes soon (RFC 8421, section 4).
pub(crate) fn order(addresses: &mut Vec<LocalAddress>) {
    addresses.sort_by_key(|local| local.network.cost());
    let (four, six): (Vec<_>, Vec<_>) = addresses.drain(..).partition(|local| local.address.is_ipv4());
    let (mut four, mut six) = (four.into_iter(), six.into_iter());
    loop {
        let (first, second) = (six.next(), four.next());
        if first.is_none() && second.is_none() {
            break;
        }
        addresses.extend(first);
        addresses.extend(second);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_take_turns() {
        let mut list: Vec<_> =
            ["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1", "[2001:db8::1]:1", "[2001:db8::2]:1"]
                .into_iter()
                .map(|text| LocalAddress::new(text.parse().unwrap()))
                .collect();
        list[0].network = NetworkCost::new(1, 900);
        order(&mut list);
        let order: Vec<_> = list.iter().map(|local| local.address.to_string()).collect();
        assert_eq!(order, ["[2001:db8::1]:1", "10.0.0.2:1", "[2001:db8::2]:1", "10.0.0.3:1", "10.0.0.1:1"]);
    }

    #[test]
    fn deprecated_kinds() {
        for wrong in ["[fec0::1]:1", "[::ffff:10.0.0.1]:1", "[::10.0.0.1]:1", "0.0.0.0:1", "10.0.0.1:0"] {
            assert!(!is_host(wrong.parse().unwrap()), "{wrong}");
        }
        for right in ["[fe80::1]:1", "[fd00::1]:1", "[::1]:1", "127.0.0.1:1"] {
            assert!(is_host(right.parse().unwrap()), "{right}");
        }
    }
}
