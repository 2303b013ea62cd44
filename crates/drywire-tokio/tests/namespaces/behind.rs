//! Networks that are not as they are in books: NATs behind NATs, addresses that there are twice, hosts and servers without a default
//! route.

use std::time::Duration;

use drywire::ice::CandidateKind;

use crate::internet::{Carrier, Internet, Site};
use crate::nat::Nat;
use crate::own_turn::OwnTurn;
use crate::peer::{Pair, Setup};
use crate::server::Server;

const LIMIT: Duration = Duration::from_secs(20);
const MIB: usize = 1 << 20;
const SERVERS: [Server; 2] = [Server::Stun, Server::TurnUdp];

/// Connects the two, moves data both ways and waits for the pair to be the one that stays.
fn carry(pair: &mut Pair) {
    pair.connect(LIMIT);
    pair.send(0, MIB);
    pair.send(1, MIB);
    pair.wait_for_all(LIMIT);
    pair.settle(LIMIT);
}

/// Whether what both have chosen goes through a relay.
fn is_relayed(pair: &Pair) -> bool {
    let relayed = [0, 1].map(|number| {
        let selected = pair.stats(number).selected_pair.unwrap();
        [selected.local.kind, selected.remote.kind].contains(&CandidateKind::Relayed)
    });
    assert_eq!(relayed[0], relayed[1]);
    relayed[0]
}

/// RFC 6888: the NAT of the first site is behind the one of a carrier.
fn assert_behind(home: Nat, carrier: Nat, far: Nat, relayed: bool) {
    let sites = [Site::behind(home), Site::behind(far)];
    let carrier = Carrier { nat: carrier, both: false };
    let Some(internet) = Internet::with_carrier(sites, Some(carrier)) else { return };
    let _server = OwnTurn::start(&internet.server());
    let mut pair = Pair::with_servers(&internet, &SERVERS);
    carry(&mut pair);
    assert_eq!(is_relayed(&pair), relayed, "{home} behind {} to {far}", carrier.nat);
}

#[test]
fn a_nat_behind_a_nat() {
    assert_behind(Nat::PortRestricted, Nat::PortRestricted, Nat::PortRestricted, false);
}

#[test]
fn a_nat_behind_a_wide_one() {
    assert_behind(Nat::PortRestricted, Nat::FullCone, Nat::AddressRestricted, false);
}

/// The narrower one of both counts, whichever it is.
#[test]
fn a_nat_behind_a_symmetric_one() {
    assert_behind(Nat::FullCone, Nat::Symmetric, Nat::AddressRestricted, false);
    assert_behind(Nat::FullCone, Nat::Symmetric, Nat::PortRestricted, true);
}

#[test]
fn a_symmetric_nat_behind_another_one() {
    assert_behind(Nat::Symmetric, Nat::FullCone, Nat::AddressRestricted, false);
    assert_behind(Nat::Symmetric, Nat::FullCone, Nat::PortRestricted, true);
}

/// Both sites are customers of one carrier: they meet at its public address if it hairpins, and at a relay if it does not.
fn assert_neighbours(carrier: Nat, relayed: bool) {
    let sites = [Site::behind(Nat::PortRestricted); 2];
    let carrier = Carrier { nat: carrier, both: true };
    let Some(internet) = Internet::with_carrier(sites, Some(carrier)) else { return };
    let _server = OwnTurn::start(&internet.server());
    let mut pair = Pair::with_servers(&internet, &SERVERS);
    carry(&mut pair);
    assert_eq!(is_relayed(&pair), relayed, "{}", carrier.nat);
    if !relayed {
        for number in [0, 1] {
            let remote = pair.stats(number).path.unwrap().remote.ip();
            assert_eq!(remote.to_string(), "198.51.100.1");
        }
    }
}

#[test]
fn behind_one_nat_that_hairpins() {
    assert_neighbours(Nat::Hairpinning, false);
}

#[test]
fn behind_one_nat_that_does_not_hairpin() {
    assert_neighbours(Nat::PortRestricted, true);
}

/// What each tells as its own address is the other one's own, and even the ports are the same: checks to there come back to who
/// sent them, and mean nothing.
#[test]
fn hosts_with_the_same_address() {
    for (near, far) in [(Nat::PortRestricted, Nat::PortRestricted), (Nat::Symmetric, Nat::PortRestricted)] {
        let sites = [near, far].map(|nat| Site { network: Some(7), ..Site::behind(nat) });
        let Some(internet) = Internet::new(sites) else { return };
        assert_eq!(internet.address(0), internet.address(1));
        let _server = OwnTurn::start(&internet.server());
        let setup = |number| Setup { port: 5_000, ..Setup::new(internet.family(number), &SERVERS) };
        let mut pair = Pair::start([&internet.host(0), &internet.host(1)], [setup(0), setup(1)]);
        carry(&mut pair);
        assert_eq!(is_relayed(&pair), near == Nat::Symmetric, "{near} to {far}");
    }
}

/// A server that listens on all its addresses has to find those for its relays without a default route to go by.
#[test]
fn a_server_without_a_default_route() {
    let Some(internet) = Internet::new([Site::dual_behind(Nat::Symmetric); 2]) else { return };
    internet
        .server()
        .ip("route del default via 198.51.100.254\nroute del default via 2001:db8::ff\n")
        .unwrap();
    let server = OwnTurn::start_everywhere(&internet.server());
    for servers in [[Server::Stun, Server::TurnUdp], [Server::Stun, Server::TurnTls]] {
        // Without IPv6, on which the two would meet.
        let setup = |_| Setup::new(crate::internet::Family::V4, &servers);
        let mut pair = Pair::start([&internet.host(0), &internet.host(1)], [setup(0), setup(1)]);
        carry(&mut pair);
        assert!(is_relayed(&pair));
        assert_ne!(server.allocations(), 0);
    }
}

/// A host that knows the way to its peers, and no other one.
#[test]
fn a_host_without_a_default_route() {
    for near in [Nat::PortRestricted, Nat::Symmetric] {
        let Some(internet) = Internet::new([Site::behind(near), Site::behind(Nat::PortRestricted)]) else {
            return;
        };
        let gateway = internet.gateway(1);
        internet
            .host(1)
            .ip(&format!(
                "route del default
                route add 192.0.2.0/24 via {gateway}
                route add 198.51.100.0/24 via {gateway}\n"
            ))
            .unwrap();
        let _server = OwnTurn::start(&internet.server());
        let mut pair = Pair::with_servers(&internet, &SERVERS);
        carry(&mut pair);
        assert_eq!(is_relayed(&pair), near == Nat::Symmetric, "{near}");
    }
}
