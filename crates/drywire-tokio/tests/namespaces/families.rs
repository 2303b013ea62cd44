//! IPv4 and IPv6: hosts that have one of them, and hosts that have both.

use std::time::Duration;

use crate::internet::{Family, Internet, Site};
use crate::nat::Nat;
use crate::peer::Pair;

const LIMIT: Duration = Duration::from_secs(20);
const MIB: usize = 1 << 20;

/// Hosts with addresses of these families connect without help of a server, and use IPv6 if `v6`.
fn assert_direct(sites: [Site; 2], v6: bool) {
    let Some(internet) = Internet::new(sites) else { return };
    let mut pair = Pair::between(&internet);
    pair.connect(LIMIT);
    pair.send(0, MIB);
    pair.send(1, MIB);
    pair.wait_for_all(LIMIT);
    for number in [0, 1] {
        let path = pair.stats(number).path.unwrap();
        assert_eq!(path.local.is_ipv6(), v6, "{path}");
    }
}

const fn site(nat: Nat, family: Family) -> Site {
    Site { nat, family }
}

#[test]
fn ipv4_only() {
    assert_direct([site(Nat::Open, Family::V4); 2], false);
}

#[test]
fn ipv6_only() {
    assert_direct([site(Nat::PortRestricted, Family::V6); 2], true);
}

/// RFC 8421: where both have IPv6, it is preferred.
#[test]
fn dual_stack() {
    assert_direct([site(Nat::Open, Family::Dual); 2], true);
}

/// IPv6 behind a firewall that lets only answers in, beside IPv4 behind a NAT.
#[test]
fn ipv6_only_to_dual_stack() {
    assert_direct([site(Nat::PortRestricted, Family::V6), site(Nat::Symmetric, Family::Dual)], true);
}

#[test]
fn dual_stack_to_ipv4_only() {
    assert_direct([site(Nat::Symmetric, Family::Dual), site(Nat::Open, Family::V4)], false);
}
