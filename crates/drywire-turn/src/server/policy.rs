//! Which peers a server relays to (RFC 8656, section 21.2.1, attacks B01 to B03).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which peer addresses clients may reach. The default lets nobody through to the server's own networks.
///
/// An IPv6 address that carries an IPv4 address (mapped, compatible, translated, 6to4, NAT64, Teredo, ISATAP) is judged
/// by that, too, however deep it hides.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct PeerPolicy {
    /// Whether peers on this host are reached by 127.0.0.0/8 and ::1. Only for tests. Default no.
    pub allow_loopback: bool,
    /// Whether peers in private networks are reached: RFC 1918, RFC 6598, unique local addresses. Default no.
    pub allow_private: bool,
    /// Addresses of the server and of what belongs to it. Only relayed addresses of this server are reached there.
    pub own: Vec<IpAddr>,
    /// Networks that are not reached, as address and prefix length.
    pub denied: Vec<(IpAddr, u8)>,
}

impl PeerPolicy {
    /// Whether clients may reach this address, without the matter of [`own`](Self::own).
    #[must_use]
    pub fn allows(&self, peer: IpAddr) -> bool {
        match peer {
            IpAddr::V4(v4) => self.allows_v4(v4),
            IpAddr::V6(v6) => {
                self.allows_v6(v6) && embedded(v6).into_iter().flatten().all(|v4| self.allows_v4(v4))
            }
        }
    }

    /// Whether it is one of the server's own, in whatever form.
    pub(super) fn is_own(&self, peer: IpAddr) -> bool {
        let hidden = match peer {
            IpAddr::V4(_) => [None; 2],
            IpAddr::V6(v6) => embedded(v6),
        };
        self.own.contains(&peer) || hidden.into_iter().flatten().any(|v4| self.own.contains(&IpAddr::V4(v4)))
    }

    fn allows_v4(&self, ip: Ipv4Addr) -> bool {
        let [a, b, c, _] = ip.octets();
        let never = a == 0
            || ip.is_link_local()
            // Multicast, reserved and broadcast.
            || a >= 224;
        let private = ip.is_private()
            || (a == 100 && b & 0xC0 == 64)
            || (a == 192 && b == 0 && c == 0)
            || (a == 198 && b & 0xFE == 18);
        !never
            && (self.allow_loopback || !ip.is_loopback())
            && (self.allow_private || !private)
            && !self.is_denied(IpAddr::V4(ip))
    }

    fn allows_v6(&self, ip: Ipv6Addr) -> bool {
        let [first, second, third, ..] = ip.segments();
        // Mapped and compatible addresses have no place on the wire: a socket that takes them sends over IPv4.
        let never = ip.is_unspecified()
            || ip.is_multicast()
            || ip.is_unicast_link_local()
            || first & 0xFFC0 == 0xFEC0
            || ip.to_ipv4_mapped().is_some()
            || (ip.to_ipv4().is_some() && !ip.is_loopback());
        let private = first & 0xFE00 == 0xFC00 || (first == 0x64 && second == 0xFF9B && third == 1);
        !never
            && (self.allow_loopback || !ip.is_loopback())
            && (self.allow_private || !private)
            && !self.is_denied(IpAddr::V6(ip))
    }

    fn is_denied(&self, ip: IpAddr) -> bool {
        self.denied.iter().any(|(network, prefix)| match (network, ip) {
            (IpAddr::V4(network), IpAddr::V4(ip)) => {
                let differs = network.to_bits() ^ ip.to_bits();
                differs.checked_shr(32_u32.saturating_sub(u32::from(*prefix))).unwrap_or(0) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(ip)) => {
                let differs = network.to_bits() ^ ip.to_bits();
                differs.checked_shr(128_u32.saturating_sub(u32::from(*prefix))).unwrap_or(0) == 0
            }
            _ => false,
        })
    }
}

/// The IPv4 addresses that an IPv6 address carries.
fn embedded(ip: Ipv6Addr) -> [Option<Ipv4Addr>; 2] {
    let [s0, s1, s2, s3, s4, s5, s6, s7] = ip.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low));
    let last = Some(v4(s6, s7));
    match (s0, s1, s2, s3, s4, s5) {
        // Mapped (RFC 4291), compatible (RFC 4291), translated (RFC 2765).
        (0, 0, 0, 0, 0, 0xFFFF | 0) | (0, 0, 0, 0, 0xFFFF, 0)
            if !ip.is_loopback() && !ip.is_unspecified() =>
        {
            [last, None]
        }
        // 6to4 (RFC 3056), whose interface identifier may hide another.
        (0x2002, high, low, ..) => [Some(v4(high, low)), isatap(ip)],
        // NAT64 with the well-known prefix (RFC 6052) and the local one (RFC 8215).
        (0x64, 0xFF9B, 0, 0, 0, 0) | (0x64, 0xFF9B, 1, ..) => [last, None],
        // Teredo (RFC 4380): the server, and the client with all bits flipped.
        (0x2001, 0, high, low, ..) => [Some(v4(high, low)), Some(v4(!s6, !s7))],
        _ => [isatap(ip), None],
    }
}

/// ISATAP (RFC 5214), below any prefix.
fn isatap(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let [.., s4, s5, s6, s7] = ip.segments();
    let matches = s4 & 0xFDFF == 0 && s5 == 0x5EFE;
    matches.then(|| Ipv4Addr::from_bits((u32::from(s6) << 16) | u32::from(s7)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An IPv4 address in all its IPv6 clothes.
    pub(in super::super) fn forms(ip: Ipv4Addr) -> Vec<Ipv6Addr> {
        let [a, b, c, d] = ip.octets().map(u16::from);
        let (high, low) = (a << 8 | b, c << 8 | d);
        vec![
            Ipv6Addr::new(0, 0, 0, 0, 0, 0xFFFF, high, low),
            Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0, 0, 0, 0, 0xFFFF, 0, high, low),
            Ipv6Addr::new(0x2002, high, low, 1, 0, 0, 0, 1),
            Ipv6Addr::new(0x64, 0xFF9B, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0x2001, 0, 0x0808, 0x0808, 0, 0, !high, !low),
            Ipv6Addr::new(0x2001, 0, high, low, 0, 0, !0x0808, !0x0808),
            Ipv6Addr::new(0x2001, 0xDB8, 0, 1, 0, 0x5EFE, high, low),
            Ipv6Addr::new(0x2001, 0xDB8, 0, 1, 0x0200, 0x5EFE, high, low),
            Ipv6Addr::new(0x2002, 0x0808, 0x0808, 1, 0, 0x5EFE, high, low),
        ]
    }

    #[test]
    fn b02_every_form_is_judged_by_what_it_carries() {
        let policy = PeerPolicy { own: vec!["198.51.100.7".parse().unwrap()], ..PeerPolicy::default() };
        for denied in [
            "127.0.0.1",
            "127.255.0.9",
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.0.1",
            "100.64.0.1",
            "224.0.0.251",
            "239.1.1.1",
            "255.255.255.255",
            "240.0.0.1",
            "198.18.0.1",
        ] {
            let ip: Ipv4Addr = denied.parse().unwrap();
            assert!(!policy.allows(IpAddr::V4(ip)), "{ip}");
            for form in forms(ip) {
                assert!(!policy.allows(IpAddr::V6(form)), "{ip} as {form}");
            }
        }
        for form in forms("198.51.100.7".parse().unwrap()) {
            assert!(policy.is_own(IpAddr::V6(form)) || !policy.allows(IpAddr::V6(form)), "{form}");
        }
        for denied in [
            "::",
            "::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "fc00::1",
            "fdff::1",
            "ff02::fb",
            "64:ff9b:1::808:808",
        ] {
            assert!(!policy.allows(denied.parse().unwrap()), "{denied}");
        }
        for allowed in [
            "8.8.8.8",
            "203.0.113.1",
            "100.128.0.1",
            "172.32.0.1",
            "2606:4700::1111",
            "2002:808:808::1",
            "64:ff9b::808:808",
        ] {
            assert!(policy.allows(allowed.parse().unwrap()), "{allowed}");
        }
    }

    #[test]
    fn what_is_opened_is_open_and_no_more() {
        let policy = PeerPolicy { allow_loopback: true, allow_private: true, ..PeerPolicy::default() };
        for allowed in ["127.0.0.1", "::1", "10.0.0.1", "fd00::1"] {
            assert!(policy.allows(allowed.parse().unwrap()), "{allowed}");
        }
        for denied in ["::ffff:127.0.0.1", "169.254.169.254", "0.0.0.0", "fe80::1"] {
            assert!(!policy.allows(denied.parse().unwrap()), "{denied}");
        }
        let policy = PeerPolicy {
            denied: vec![("203.0.113.0".parse().unwrap(), 24), ("2001:db8::".parse().unwrap(), 32)],
            ..PeerPolicy::default()
        };
        for denied in ["203.0.113.9", "2001:db8:1::1", "64:ff9b::203.0.113.9"] {
            assert!(!policy.allows(denied.parse().unwrap()), "{denied}");
        }
        assert!(policy.allows("203.0.112.9".parse().unwrap()));
        let nothing = PeerPolicy { denied: vec![("0.0.0.0".parse().unwrap(), 0)], ..PeerPolicy::default() };
        assert!(!nothing.allows("8.8.8.8".parse().unwrap()));
    }
}
