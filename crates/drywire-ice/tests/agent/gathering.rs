//! From interfaces and servers to a connection: gatherers, names and agents together.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use bytes::BytesMut;
use drywire_core::{Duration, Path};
use drywire_ice::gather::{Config, Disclosure, Event, Gathered, Gatherer, LocalAddress, StunServer};
use drywire_ice::mdns::{self, Interface, Mdns};
use drywire_ice::{Candidate, Role};
use drywire_stun::{Message, binding};

use crate::net::{Nat, Net, address, config};

const SERVER: &str = "192.0.2.1:3478";

/// Gathers for an agent, from one address that the server sees as another. Without a mapping no server answers.
fn gather(net: &mut Net, agent: usize, local: LocalAddress, mapped: Option<SocketAddr>) -> Vec<Gathered> {
    let mut settings = Config::default();
    settings.hide_hosts = true;
    settings.servers.push(StunServer::new("stun:example.org", address(SERVER)));
    let mut gatherer = Gatherer::new(settings, net.now, [7; 32]);
    gatherer.add_addresses(net.now, &[local]);
    let mut request = Vec::new();
    let transmit = gatherer.poll_transmit(net.now, &mut request).unwrap();
    if let Some(mapped) = mapped {
        let mut response = Vec::new();
        binding::respond(&Message::parse(&request).unwrap(), mapped, None, &mut response);
        gatherer.handle_input(net.now, transmit.path, BytesMut::from(&response[..]));
    }
    let mut all = Vec::new();
    while let Some(event) = gatherer.poll_event() {
        if let Event::Candidate(gathered) = event {
            net.agents[agent].add_local_candidate(net.now, gathered.candidate.clone()).unwrap();
            all.push(gathered);
        }
    }
    all
}

/// A candidate as the peer reads it.
fn signalled(candidate: &Candidate, address: SocketAddr) -> Candidate {
    let Candidate { protocol, kind, priority, foundation, .. } = candidate.clone();
    Candidate::remote(protocol, kind, address, priority, foundation)
}

#[test]
fn two_hosts_behind_nats_connect_by_what_the_server_sees() {
    let mut net = Net::pair(1, config(Role::Controlling), config(Role::Controlled));
    for (agent, (inside, outside)) in
        [("10.0.0.1:5000", "198.51.100.1:7"), ("10.0.0.1:6000", "198.51.100.2:8")].into_iter().enumerate()
    {
        let (inside, outside) = (address(inside), address(outside));
        let open = BTreeSet::from([address(SERVER)]);
        net.nats.push(Nat { agent, inside, outside, open });
        for gathered in gather(&mut net, agent, LocalAddress::new(inside), Some(outside)) {
            if gathered.disclosure == Disclosure::Address {
                let candidate = signalled(&gathered.candidate, gathered.candidate.address);
                let now = net.now;
                net.agents[1 - agent].add_remote_candidate(now, candidate).unwrap();
            }
        }
    }
    net.exchange_credentials();
    net.run_until(Duration::from_secs(10), |net| {
        net.agents.iter().all(|agent| agent.selected_path().is_some())
    });
    let remotes: Vec<_> = net.agents.iter().map(|agent| agent.selected_path().unwrap().remote).collect();
    assert_eq!(remotes, [address("198.51.100.2:8"), address("198.51.100.1:7")]);
}

#[test]
fn two_hosts_of_one_link_connect_by_names() {
    let mut net = Net::pair(2, config(Role::Controlling), config(Role::Controlled));
    let now = net.now;
    let mut names: Vec<Mdns> = Vec::new();
    let mut candidates = Vec::new();
    for (agent, host) in ["10.0.0.1", "10.0.0.2"].into_iter().enumerate() {
        let mut machine = Mdns::new(mdns::Config::default(), now, net.rng.seed());
        let own = address(&format!("{host}:5353"));
        machine.add_interface(now, Interface { address: own, prefix: 24, index: 1 }).unwrap();
        let mut local = LocalAddress::new(address(&format!("{host}:5000")));
        local.name = Some(machine.register(now, own.ip()).unwrap());
        names.push(machine);
        candidates.push(gather(&mut net, agent, local, None).remove(0));
    }
    // The peer reads a name and a port, asks the link, and hears the address.
    for (agent, gathered) in candidates.iter().rev().enumerate() {
        let Disclosure::Name(name) = &gathered.disclosure else {
            panic!("a host candidate must not be told")
        };
        names[agent].resolve(now, name).unwrap();
    }
    let mut out = Vec::new();
    for _ in 0..4 {
        for by in 0..2 {
            while let Some(transmit) = names[by].poll_transmit(now, &mut out) {
                let datagram = BytesMut::from(&std::mem::take(&mut out)[..]);
                let local = address(["10.0.0.1:5353", "10.0.0.2:5353"][1 - by]);
                names[1 - by].handle_input(now, Path::udp(local, transmit.path.local), datagram);
            }
        }
    }
    for (agent, gathered) in candidates.iter().rev().enumerate() {
        let Some(mdns::Event::Resolved { address, .. }) = names[agent].poll_event() else {
            panic!("no answer")
        };
        let address = SocketAddr::new(address, gathered.candidate.address.port());
        net.agents[agent].add_remote_candidate(now, signalled(&gathered.candidate, address)).unwrap();
    }
    net.exchange_credentials();
    net.run_until(Duration::from_secs(5), |net| net.agree());
    assert!(net.agree());
}
