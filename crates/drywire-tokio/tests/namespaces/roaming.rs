//! The network goes away, comes back and changes while data flows.

use std::thread::sleep;
use std::time::Duration;

use drywire::ConnectionState;

use crate::internet::{Internet, Site};
use crate::nat::Nat;
use crate::peer::{Heard, Pair};

const LIMIT: Duration = Duration::from_secs(30);
const MIB: usize = 1 << 20;
const OUTAGE: Duration = Duration::from_secs(5);

/// Nothing has failed or ended.
fn assert_alive(pair: &mut Pair) {
    let ended = pair.log().iter().find(|(_, heard)| {
        matches!(heard, Heard::Closed(_) | Heard::State(ConnectionState::Failed | ConnectionState::Closed))
    });
    assert_eq!(ended, None);
}

/// While a transfer runs in both directions, takes something away, and gives it back after five seconds.
fn assert_survives(internet: &Internet, take: impl FnOnce(), give: impl FnOnce()) {
    let mut pair = Pair::between(internet);
    pair.connect(LIMIT);
    pair.send(0, 32 * MIB);
    pair.send(1, 32 * MIB);
    take();
    sleep(OUTAGE);
    give();
    pair.wait_for_all(LIMIT);
    pair.wait("both are connected", LIMIT, |log| {
        [0, 1].iter().all(|number| {
            let last = log.iter().rev().find_map(|(from, heard)| match heard {
                Heard::State(state) if from == number => Some(state),
                _ => None,
            });
            last == Some(&ConnectionState::Connected)
        })
    });
    assert_alive(&mut pair);
}

/// Somewhere on the way nothing passes; the hosts do not see why.
#[test]
fn an_outage_on_the_way() {
    let Some(internet) = Internet::new([Site::behind(Nat::Open); 2]) else { return };
    let core = internet.core();
    assert_survives(
        &internet,
        || core.ip("link set site-a down\n").unwrap(),
        || {
            core.ip("link set site-a up\n").unwrap();
        },
    );
}

/// A host's own interface goes down, and with it its routes.
#[test]
fn an_interface_goes_down_and_up() {
    let Some(internet) = Internet::new([Site::dual_behind(Nat::Open), Site::behind(Nat::Open)]) else {
        return;
    };
    let (host, gateway) = (internet.host(0), internet.gateway(0));
    assert_survives(
        &internet,
        || host.ip("link set eth0 down\n").unwrap(),
        || {
            host.ip(&format!("link set eth0 up\nroute replace default via {gateway}\n")).unwrap();
        },
    );
}
