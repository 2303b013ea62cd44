//! Every combination of two NATs connects: directly where that is possible, through a relay where it is not.

use std::time::Duration;

use drywire::ice::CandidateKind;

use crate::internet::{Internet, Site};
use crate::nat::Nat;
use crate::own_turn::OwnTurn;
use crate::peer::Pair;
use crate::server::Server;

const LIMIT: Duration = Duration::from_secs(20);
const MIB: usize = 1 << 20;

/// Whether no relay is needed. Where both keep a port for all destinations, each one's first packet opens its own NAT. A
/// symmetric NAT's port is not known before, so that the other side has to let in what comes from any port.
fn is_direct(near: Nat, far: Nat) -> bool {
    let lets_in_any_port = |nat| matches!(nat, Nat::Open | Nat::FullCone | Nat::AddressRestricted);
    match (near, far) {
        (Nat::Symmetric, other) | (other, Nat::Symmetric) => lets_in_any_port(other),
        _ => true,
    }
}

fn assert_connects(near: Nat, far: Nat) {
    let Some(internet) = Internet::new([Site::behind(near), Site::behind(far)]) else { return };
    let _server = OwnTurn::start(&internet.server());
    let mut pair = Pair::with_servers(&internet, &[Server::Stun, Server::TurnUdp]);
    pair.connect(LIMIT);
    pair.send(0, MIB);
    pair.send(1, MIB);
    pair.wait_for_all(LIMIT);
    pair.settle(LIMIT);
    let [near_pair, far_pair] = [0, 1].map(|number| pair.stats(number).selected_pair.unwrap());
    let kinds = [&near_pair, &far_pair].map(|pair| (pair.local.kind, pair.remote.kind));
    println!("{near} to {far}: {kinds:?}");
    // Both have chosen the same.
    let is_relayed = |(local, remote)| local == CandidateKind::Relayed || remote == CandidateKind::Relayed;
    let relayed = kinds.map(is_relayed);
    assert_eq!(relayed, [!is_direct(near, far); 2], "{near} to {far}: {near_pair:#?} {far_pair:#?}");
}

macro_rules! combinations {
    ($($name:ident: $near:ident $far:ident;)*) => {
        $(#[test]
        fn $name() {
            assert_connects(Nat::$near, Nat::$far);
        })*
    };
}

combinations! {
    open_to_open: Open Open;
    open_to_full_cone: Open FullCone;
    open_to_address_restricted: Open AddressRestricted;
    open_to_port_restricted: Open PortRestricted;
    open_to_symmetric: Open Symmetric;
    full_cone_to_open: FullCone Open;
    full_cone_to_full_cone: FullCone FullCone;
    full_cone_to_address_restricted: FullCone AddressRestricted;
    full_cone_to_port_restricted: FullCone PortRestricted;
    full_cone_to_symmetric: FullCone Symmetric;
    address_restricted_to_open: AddressRestricted Open;
    address_restricted_to_full_cone: AddressRestricted FullCone;
    address_restricted_to_address_restricted: AddressRestricted AddressRestricted;
    address_restricted_to_port_restricted: AddressRestricted PortRestricted;
    address_restricted_to_symmetric: AddressRestricted Symmetric;
    port_restricted_to_open: PortRestricted Open;
    port_restricted_to_full_cone: PortRestricted FullCone;
    port_restricted_to_address_restricted: PortRestricted AddressRestricted;
    port_restricted_to_port_restricted: PortRestricted PortRestricted;
    port_restricted_to_symmetric: PortRestricted Symmetric;
    symmetric_to_open: Symmetric Open;
    symmetric_to_full_cone: Symmetric FullCone;
    symmetric_to_address_restricted: Symmetric AddressRestricted;
    symmetric_to_port_restricted: Symmetric PortRestricted;
    symmetric_to_symmetric: Symmetric Symmetric;
}
