use std::io;
use std::net::{IpAddr, SocketAddr};

use if_addrs::IfOperStatus;

/// The addresses of this host that a peer may reach it on, loopback included.
///
/// Left out are interfaces that are down and the addresses that RFC 8445, section 5.1.1.1, keeps out of host
/// candidates: unspecified, multicast, IPv4-mapped, and link-local IPv6 (useless without a scope, which
/// candidates cannot carry). Loopback addresses come last: within one host they let two peers meet even when
/// there is no network at all. Whoever does not want them filters by [`IpAddr::is_loopback`].
///
/// # Errors
///
/// The operating system would not list its interfaces.
pub fn interfaces() -> io::Result<Vec<IpAddr>> {
    let mut addresses: Vec<IpAddr> = if_addrs::get_if_addrs()?
        .into_iter()
        .filter(|interface| !is_down(&interface.oper_status))
        .map(|interface| interface.ip())
        .filter(|address| is_usable(*address))
        .collect();
    addresses.sort_by_key(IpAddr::is_loopback);
    // An address can be listed twice, on an interface and on its alias.
    let mut unique = Vec::with_capacity(addresses.len());
    for address in addresses {
        if !unique.contains(&address) {
            unique.push(address);
        }
    }
    Ok(unique)
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

// Loopback and tunnels report "unknown" on Linux, so that only what is surely down is left out.
fn is_down(status: &IfOperStatus) -> bool {
    matches!(status, IfOperStatus::Down | IfOperStatus::NotPresent | IfOperStatus::LowerLayerDown)
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
    fn addresses_that_no_candidate_may_carry_are_left_out() {
        for text in ["0.0.0.0", "::", "224.0.0.1", "ff02::fb", "fe80::1", "::ffff:192.0.2.1"] {
            assert!(!is_usable(text.parse().unwrap()), "{text}");
        }
        for text in ["127.0.0.1", "::1", "10.0.0.1", "fd00::1", "169.254.3.4"] {
            assert!(is_usable(text.parse().unwrap()), "{text}");
        }
    }
}
