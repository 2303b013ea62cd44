//! The network goes away, comes back and changes while data flows.

use std::net::{IpAddr, Ipv4Addr};
use std::thread::sleep;
use std::time::Duration;

use drywire::ConnectionState;
use drywire::ice::CandidateKind;

use crate::internet::{Internet, Site};
use crate::nat::Nat;
use crate::peer::{Heard, Pair};
use crate::server::Server;
use crate::turn_server::{Maker, TurnServer};

const LIMIT: Duration = Duration::from_secs(40);
const OUTAGE: Duration = Duration::from_secs(5);

/// While a transfer runs in both directions, does something to the network. All arrives, both end up connected, and neither
/// says in between that it has failed.
pub(crate) fn assert_survives(mut pair: Pair, change: impl FnOnce(&mut Pair)) -> Pair {
    pair.connect(LIMIT);
    pair.stream(0);
    pair.stream(1);
    change(&mut pair);
    pair.finish(0);
    pair.finish(1);
    pair.wait_for_all(LIMIT);
    pair.wait("both are connected", LIMIT, |log| {
        [0, 1].iter().all(|number| {
            let mut states = log.iter().filter_map(|(from, heard)| match heard {
                Heard::State(state) if from == number => Some(state),
                _ => None,
            });
            states.next_back() == Some(&ConnectionState::Connected)
        })
    });
    let ended = pair.log().iter().find(|(_, heard)| {
        matches!(heard, Heard::Closed(_) | Heard::State(ConnectionState::Failed | ConnectionState::Closed))
    });
    assert_eq!(ended, None);
    pair
}

/// Somewhere on the way nothing passes; the hosts do not see why.
#[test]
fn an_outage_on_the_way() {
    let Some(internet) = Internet::new([Site::behind(Nat::Open); 2]) else { return };
    let core = internet.core();
    assert_survives(Pair::between(&internet), |_| {
        core.ip("link set site-a down\n").unwrap();
        sleep(OUTAGE);
        core.ip("link set site-a up\n").unwrap();
    });
}

/// A host's own interface goes down, and with it its routes and its IPv6 addresses.
#[test]
fn an_interface_goes_down_and_up() {
    let Some(internet) = Internet::new([Site::dual_behind(Nat::Open); 2]) else { return };
    let (host, gateway) = (internet.host(0), internet.gateway(0));
    assert_survives(Pair::between(&internet), |_| {
        host.ip("link set eth0 down\n").unwrap();
        sleep(OUTAGE);
        host.ip(&format!("link set eth0 up\nroute replace default via {gateway}\n")).unwrap();
    });
}

/// A host gets another address, as by another lease or in another network. The other one hears of it by the checks from there.
#[test]
fn the_address_of_a_host_changes() {
    let Some(internet) = Internet::new([Site::behind(Nat::Open); 2]) else { return };
    let (host, old, new, gateway) =
        (internet.host(0), internet.address(0), internet.other_address(0), internet.gateway(0));
    let pair = assert_survives(Pair::between(&internet), |_| {
        host.ip(&format!(
            "address del {old}/28 dev eth0
            address add {new}/28 dev eth0
            route replace default via {gateway}\n"
        ))
        .unwrap();
    });
    assert_eq!(pair.stats(0).path.unwrap().local.ip(), new);
    assert_eq!(pair.stats(1).path.unwrap().remote.ip(), new);
}

/// The same behind NATs, where the new address's mapping is not known either.
#[test]
fn the_address_of_a_host_behind_a_nat_changes() {
    let sites = [Site::behind(Nat::PortRestricted); 2];
    with_servers(sites, |internet, pair| {
        let (host, old, new, gateway) =
            (internet.host(0), internet.address(0), internet.other_address(0), internet.gateway(0));
        assert_survives(pair, |_| {
            host.ip(&format!(
                "address del {old}/28 dev eth0
                address add {new}/28 dev eth0
                route replace default via {gateway}\n"
            ))
            .unwrap();
        });
    });
}

/// A router gets another public address, and forgets all its mappings. A peer that lets in what comes from there follows.
#[test]
fn the_address_of_a_nat_changes() {
    for far in [Nat::Open, Nat::FullCone] {
        with_servers([Site::behind(Nat::PortRestricted), Site::behind(far)], |internet, pair| {
            let pair = assert_survives(pair, |_| renumber(internet));
            assert_eq!(pair.stats(1).path.unwrap().remote.ip(), RENUMBERED);
        });
    }
}

/// A NAT in front of the peer keeps out what comes from the new address. A relay that is allocated from there carries on, until
/// the next offer tells the peer of the address.
#[test]
fn the_address_of_a_nat_changes_before_another_one() {
    with_servers([Site::behind(Nat::PortRestricted); 2], |internet, pair| {
        let mut pair = assert_survives(pair, |_| renumber(internet));
        pair.restart(0);
        pair.settle(LIMIT);
        assert_eq!(pair.stats(1).path.unwrap().remote.ip(), RENUMBERED);
    });
}

/// The same where nothing but a relay ever works.
#[test]
fn the_address_of_a_symmetric_nat_changes() {
    with_servers([Site::behind(Nat::Symmetric); 2], |internet, pair| {
        assert_survives(pair, |_| renumber(internet));
    });
}

const RENUMBERED: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 101));

fn renumber(internet: &Internet) {
    internet
        .router(0)
        .ip(&format!(
            "address del 198.51.100.1/24 dev wan
            address add {RENUMBERED}/24 dev wan
            route replace 192.0.2.0/24 dev wan
            route replace 203.0.113.16/28 via 198.51.100.2
            route replace default via 198.51.100.254\n"
        ))
        .unwrap();
}

/// Restarts while data flows, from either side in turn. Neither loses its path.
#[test]
fn ice_restarts() {
    let sites = [Site::behind(Nat::PortRestricted); 2];
    with_servers(sites, |_, pair| {
        let pair = assert_survives(pair, |pair| {
            for number in [0, 1, 0] {
                pair.restart(number);
                sleep(Duration::from_millis(300));
            }
        });
        assert_eq!(pair.stats(0).selected_pair.unwrap().local.kind, CandidateKind::Host);
    });
}

/// The same through a relay.
#[test]
fn ice_restarts_with_relays() {
    let sites = [Site::behind(Nat::Symmetric), Site::behind(Nat::UdpBlocked)];
    with_servers(sites, |_, pair| {
        assert_survives(pair, |pair| {
            for number in [1, 0] {
                pair.restart(number);
                sleep(Duration::from_millis(300));
            }
        });
    });
}

/// With servers of ours and of others.
fn with_servers(sites: [Site; 2], run: impl Fn(&Internet, Pair)) {
    for maker in Maker::ALL {
        println!("{maker:?}");
        let Some(internet) = Internet::new(sites) else { return };
        let Some(_server) = TurnServer::start(maker, &internet.server()) else { continue };
        let pair = Pair::with_servers(&internet, &[Server::Stun, Server::TurnUdp, Server::TurnTcp]);
        run(&internet, pair);
    }
}
