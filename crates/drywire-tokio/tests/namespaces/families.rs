//! IPv4 and IPv6: hosts that have one of them, and hosts that have both.

use std::time::Duration;

use drywire::ice::CandidateKind;

use crate::internet::{Family, Internet, Site};
use crate::nat::Nat;
use crate::peer::Pair;
use crate::server::Server;
use crate::turn_server::{Maker, TurnServer};

const LIMIT: Duration = Duration::from_secs(20);
const MIB: usize = 1 << 20;

fn assert_carries(pair: &mut Pair) {
    pair.connect(LIMIT);
    pair.send(0, MIB);
    pair.send(1, MIB);
    pair.wait_for_all(LIMIT);
    pair.settle(LIMIT);
}

/// Hosts with addresses of these families connect without help of a server, and use IPv6 if `v6`.
fn assert_direct(sites: [Site; 2], v6: bool) {
    let Some(internet) = Internet::new(sites) else { return };
    let mut pair = Pair::between(&internet);
    assert_carries(&mut pair);
    for number in [0, 1] {
        let path = pair.stats(number).path.unwrap();
        assert_eq!(path.local.is_ipv6(), v6, "{path}");
    }
}

const fn site(nat: Nat, family: Family) -> Site {
    Site { family, ..Site::behind(nat) }
}

#[test]
fn ipv4_only() {
    assert_direct([site(Nat::Open, Family::V4); 2], false);
}

/// Behind firewalls that let only answers in (RFC 6092).
#[test]
fn ipv6_only() {
    assert_direct([site(Nat::PortRestricted, Family::V6); 2], true);
}

/// RFC 8421: where both have IPv6, it is preferred.
#[test]
fn dual_stack() {
    assert_direct([site(Nat::Open, Family::Dual); 2], true);
}

/// IPv6 behind a firewall, beside IPv4 behind a NAT.
#[test]
fn ipv6_only_to_dual_stack() {
    assert_direct([site(Nat::PortRestricted, Family::V6), site(Nat::Symmetric, Family::Dual)], true);
}

#[test]
fn dual_stack_to_ipv6_only() {
    assert_direct([site(Nat::Symmetric, Family::Dual), site(Nat::PortRestricted, Family::V6)], true);
}

#[test]
fn dual_stack_to_ipv4_only() {
    assert_direct([site(Nat::Symmetric, Family::Dual), site(Nat::Open, Family::V4)], false);
}

/// A relay has the address that a host lacks (RFC 8656, section 7.2).
fn assert_relayed(sites: [Site; 2]) {
    for maker in Maker::ALL {
        assert_relayed_by(maker, sites);
    }
}

fn assert_relayed_by(maker: Maker, sites: [Site; 2]) {
    let Some(internet) = Internet::new(sites) else { return };
    let Some(_server) = TurnServer::start(maker, &internet.server()) else { return };
    let mut pair = Pair::with_servers(&internet, &[Server::Stun, Server::TurnUdp]);
    assert_carries(&mut pair);
    let selected = pair.stats(0).selected_pair.unwrap();
    let kinds = [selected.local.kind, selected.remote.kind];
    assert!(kinds.contains(&CandidateKind::Relayed), "{selected:#?}");
}

#[test]
fn ipv6_only_to_ipv4_only() {
    assert_relayed([site(Nat::PortRestricted, Family::V6), site(Nat::Open, Family::V4)]);
}

#[test]
fn ipv4_only_to_ipv6_only() {
    assert_relayed([site(Nat::Symmetric, Family::V4), site(Nat::PortRestricted, Family::V6)]);
}
