//! Firewalls: where no UDP passes, a relay is reached over TCP; where nothing but the web's port is open, over TLS.

use std::time::Duration;

use drywire::Protocol;
use drywire::ice::CandidateKind;

use crate::internet::{Internet, Site};
use crate::nat::Nat;
use crate::peer::{Pair, Setup};
use crate::server::Server;
use crate::turn_server::{Maker, TurnServer};

const LIMIT: Duration = Duration::from_secs(30);
const MIB: usize = 1 << 20;
const ALL: [Server; 4] = [Server::Stun, Server::TurnUdp, Server::TurnTcp, Server::TurnTls];

/// The first host, which no UDP gets to, connects through a relay of its own; the second one has all servers, too. With servers of
/// ours and of others.
fn assert_relayed(near: Nat, far: Nat, servers: &[Server]) {
    for maker in Maker::ALL {
        assert_relayed_by(maker, near, far, servers);
    }
}

fn assert_relayed_by(maker: Maker, near: Nat, far: Nat, servers: &[Server]) {
    let Some(internet) = Internet::new([Site::behind(near), Site::behind(far)]) else { return };
    let Some(server) = TurnServer::start(maker, &internet.server()) else { return };
    let mut pair = Pair::with_servers(&internet, servers);
    pair.connect(LIMIT);
    pair.send(0, MIB);
    pair.send(1, MIB);
    pair.wait_for_all(LIMIT);
    pair.settle(LIMIT);
    let selected = pair.stats(0).selected_pair.unwrap();
    println!("{near} to {far} by {maker:?}: {:?} to {:?}", selected.local.kind, selected.remote.kind);
    assert_ne!(server.allocations(), Some(0));
    assert_eq!(selected.local.kind, CandidateKind::Relayed, "{selected:#?}");
}

#[test]
fn over_tcp_to_open() {
    assert_relayed(Nat::UdpBlocked, Nat::Open, &[Server::Stun, Server::TurnUdp, Server::TurnTcp]);
}

#[test]
fn over_tcp_to_port_restricted() {
    assert_relayed(Nat::UdpBlocked, Nat::PortRestricted, &[Server::Stun, Server::TurnUdp, Server::TurnTcp]);
}

#[test]
fn over_tcp_to_symmetric() {
    assert_relayed(Nat::UdpBlocked, Nat::Symmetric, &[Server::Stun, Server::TurnUdp, Server::TurnTcp]);
}

#[test]
fn over_tcp_to_over_tcp() {
    assert_relayed(Nat::UdpBlocked, Nat::UdpBlocked, &[Server::TurnTcp]);
}

#[test]
fn over_tls_to_open() {
    assert_relayed(Nat::OnlyTcp443, Nat::Open, &ALL);
}

#[test]
fn over_tls_to_symmetric() {
    assert_relayed(Nat::OnlyTcp443, Nat::Symmetric, &ALL);
}

#[test]
fn over_tls_to_over_tcp() {
    assert_relayed(Nat::OnlyTcp443, Nat::UdpBlocked, &ALL);
}

#[test]
fn over_tls_to_over_tls() {
    assert_relayed(Nat::OnlyTcp443, Nat::OnlyTcp443, &[Server::TurnTls]);
}

/// RFC 6544: a host that listens is reached without a relay.
#[test]
fn over_tcp_to_a_peer_that_listens() {
    let Some(internet) = Internet::new([Site::behind(Nat::UdpBlocked), Site::behind(Nat::Open)]) else {
        return;
    };
    let near = Setup { tcp: true, ..Setup::new(internet.family(0), &[]) };
    let far = Setup { listens: true, ..Setup::new(internet.family(1), &[]) };
    let mut pair = Pair::start([&internet.host(0), &internet.host(1)], [near, far]);
    pair.connect(LIMIT);
    pair.send(0, MIB);
    pair.send(1, MIB);
    pair.wait_for_all(LIMIT);
    for number in [0, 1] {
        let path = pair.stats(number).path.unwrap();
        assert_eq!(path.protocol, Protocol::Tcp, "{path}");
    }
}
