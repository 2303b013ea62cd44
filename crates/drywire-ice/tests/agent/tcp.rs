//! Candidates over TCP (RFC 6544).

use drywire_core::{Duration, Protocol};
use drywire_ice::{Candidate, ConnectionState, FailureReason, PairState, Role, StateReason, TcpType};
use drywire_stun::{Class, Message};

use crate::net::{Net, address, config, host};

fn tcp(text: &str, tcp_type: TcpType) -> Candidate {
    Candidate::tcp_host(address(text), tcp_type, 65_535)
}

fn both(ip: &str) -> [Candidate; 2] {
    [tcp(&format!("{ip}:0"), TcpType::Active), tcp(&format!("{ip}:443"), TcpType::Passive)]
}

/// Agents between which only TCP works.
fn pair(seed: u64, a: &[Candidate], b: &[Candidate]) -> Net {
    let mut net = Net::pair(seed, config(Role::Controlling), config(Role::Controlled));
    net.blocked = |path| path.protocol == Protocol::Udp;
    net.introduce(a, b);
    net
}

#[test]
fn active_connects_to_passive() {
    for (seed, controlling_listens) in [(1, false), (2, true)] {
        let (active, passive) =
            ([tcp("10.0.0.1:0", TcpType::Active)], [tcp("10.0.0.2:443", TcpType::Passive)]);
        let mut net =
            if controlling_listens { pair(seed, &passive, &active) } else { pair(seed, &active, &passive) };
        net.run_until(Duration::from_secs(5), |net| net.agree());
        assert!(net.agree());
        assert!(net.elapsed() < Duration::from_millis(200), "{:?}", net.elapsed());
        assert_eq!(net.connections.len(), 1);
        let path = net.agents[0].selected_path().unwrap();
        assert_eq!(path.protocol, Protocol::Tcp);
        assert!(path.local.port() != 9 && path.remote.port() != 9);
        // The side that listens learnt the other by its check.
        net.run(Duration::from_secs(120));
        assert!(net.agree() && net.is_connected());
        assert_eq!(net.connections.len(), 1);
        assert_eq!(net.agents.iter().map(|agent| agent.stats().checks_retransmitted).sum::<u64>(), 0);
    }
}

#[test]
fn with_both_kinds_on_both_sides_they_agree() {
    for seed in 0..20 {
        let mut net = pair(seed, &both("10.0.0.1"), &both("10.0.0.2"));
        net.delay = 1..80;
        net.run_until(Duration::from_secs(10), |net| net.agree());
        assert!(net.agree(), "{seed}");
        net.run(Duration::from_secs(60));
        assert!(net.agree() && net.is_connected(), "{seed}");
    }
}

#[test]
fn simultaneous_open_uses_its_own_port() {
    let so = |ip: &str| [tcp(&format!("{ip}:5000"), TcpType::SimultaneousOpen)];
    let mut net = pair(3, &so("10.0.0.1"), &so("10.0.0.2"));
    net.run_until(Duration::from_secs(5), |net| net.agree());
    let path = net.agents[0].selected_path().unwrap();
    assert_eq!((path.local, path.remote), (address("10.0.0.1:5000"), address("10.0.0.2:5000")));
}

#[test]
fn udp_is_preferred_and_tcp_stays_in_reserve() {
    let mut net = Net::pair(4, config(Role::Controlling), config(Role::Controlled));
    let with_udp = |ip: &str| [&[host(&format!("{ip}:5000"))][..], &both(ip)].concat();
    net.introduce(&with_udp("10.0.0.1"), &with_udp("10.0.0.2"));
    net.run(Duration::from_secs(10));
    assert!(net.agree());
    assert_eq!(net.agents[0].selected_path().unwrap().protocol, Protocol::Udp);
    // A firewall comes up that lets no UDP through.
    net.blocked = |path| path.protocol == Protocol::Udp;
    net.run(Duration::from_secs(20));
    assert!(net.agree() && net.is_connected());
    assert_eq!(net.agents[0].selected_path().unwrap().protocol, Protocol::Tcp);
}

#[test]
fn nothing_is_sent_twice_over_tcp_and_silence_ends() {
    let mut net = pair(5, &[tcp("10.0.0.1:0", TcpType::Active)], &[tcp("10.0.0.2:443", TcpType::Passive)]);
    net.blocked = |_| true;
    net.run(Duration::from_secs(60));
    assert!(net.agents.iter().all(|agent| agent.state() == ConnectionState::Failed));
    let requests =
        net.sent.iter().filter(|sent| Message::parse(&sent.bytes).unwrap().class() == Class::Request);
    assert_eq!(requests.count(), 1);
    let pair = net.agents[0].pairs().next().unwrap();
    let failure = pair.history.failure.unwrap();
    assert_eq!(failure.reason, FailureReason::Timeout);
    assert_eq!(failure.at - net.start, Duration::from_millis(39_500));
}

#[test]
fn a_connection_that_cannot_be_opened_fails_its_pair() {
    let mut net = Net::pair(6, config(Role::Controlling), config(Role::Controlled));
    net.accepts = false;
    net.introduce(&[tcp("10.0.0.1:0", TcpType::Active)], &[tcp("10.0.0.2:443", TcpType::Passive)]);
    net.run(Duration::from_secs(1));
    let pair = net.agents[0].pairs().next().unwrap();
    assert_eq!(
        (pair.state, pair.history.failure.unwrap().reason),
        (PairState::Failed, FailureReason::ConnectFailed)
    );
    assert!(net.sent.is_empty());
    // The peer may still come by itself: nothing is given up before patience ends.
    assert_eq!(net.agents[0].state(), ConnectionState::Checking);
    net.run(Duration::from_secs(45));
    assert_eq!(net.agents[0].state(), ConnectionState::Failed);
}

#[test]
fn an_application_that_never_connects_stalls_nothing() {
    let mut net = Net::pair(7, config(Role::Controlling), config(Role::Controlled));
    let now = net.now;
    let agent = &mut net.agents[0];
    agent.add_local_candidate(now, tcp("10.0.0.1:0", TcpType::Active)).unwrap();
    agent.add_remote_candidate(now, tcp("10.0.0.2:443", TcpType::Passive)).unwrap();
    let peer = net.agents[1].local_credentials().clone();
    let agent = &mut net.agents[0];
    agent.set_remote_credentials(now, peer).unwrap();
    let mut out = Vec::new();
    assert_eq!(agent.poll_transmit(now, &mut out), None);
    assert!(agent.poll_timeout().unwrap() > now);
    assert_eq!(agent.pairs().next().unwrap().reason, StateReason::Connecting);
    agent.handle_timeout(now + Duration::from_secs(40));
    assert_eq!(agent.pairs().next().unwrap().history.failure.unwrap().reason, FailureReason::Timeout);
    assert_eq!(agent.poll_connect(), None);
}

#[test]
fn a_connection_that_is_lost_is_opened_again() {
    for seed in 0..10 {
        let mut net =
            pair(seed, &[tcp("10.0.0.1:0", TcpType::Active)], &[tcp("10.0.0.2:443", TcpType::Passive)]);
        net.run_until(Duration::from_secs(5), |net| net.agree());
        net.run(Duration::from_secs(100));
        let before = net.agents[0].selected_path().unwrap();
        net.cut();
        assert!(net.agents.iter().all(|agent| agent.selected_path().is_none()));
        assert!(net.agents.iter().all(|agent| agent.state() == ConnectionState::Disconnected));
        net.run_until(Duration::from_secs(5), |net| net.agree());
        assert!(net.agree() && net.is_connected(), "{seed}");
        assert_ne!(net.agents[0].selected_path().unwrap().local, before.local);
        net.run(Duration::from_secs(60));
        assert!(net.agree() && net.is_connected(), "{seed}");
    }
}

#[test]
fn a_restart_keeps_the_old_connection_until_the_new_one_is_chosen() {
    let mut net = pair(8, &[tcp("10.0.0.1:0", TcpType::Active)], &[tcp("10.0.0.2:443", TcpType::Passive)]);
    net.run_until(Duration::from_secs(5), |net| net.agree());
    let now = net.now;
    for index in 0..2 {
        net.agents[index].restart(now);
    }
    // The signalling takes its time; consent of the old pair lives.
    net.run(Duration::from_secs(60));
    assert!(net.agents.iter().all(|agent| agent.selected_path().is_some()));
    let now = net.now;
    net.agents[0].add_remote_candidate(now, tcp("10.0.0.2:443", TcpType::Passive)).unwrap();
    net.exchange_credentials();
    net.run_until(Duration::from_secs(5), |net| net.agree());
    assert!(net.agree());
    assert_eq!(net.connections.len(), 2);
}

#[test]
fn the_check_of_the_peer_may_come_before_the_report_that_the_connection_is_open() {
    // Of two that connect at once, one may take the other's connection for one that was opened to it.
    let so = |ip: &str| tcp(&format!("{ip}:5000"), TcpType::SimultaneousOpen);
    let mut net = Net::pair(9, config(Role::Controlling), config(Role::Controlled));
    let now = net.now;
    net.introduce(&[so("10.0.0.1")], &[so("10.0.0.2")]);
    let mut out = Vec::new();
    assert_eq!(net.agents[1].poll_transmit(now, &mut out), None);
    assert!(net.agents[1].poll_connect().is_some());
    assert_eq!(net.agents[0].poll_transmit(now, &mut out), None);
    let path = net.agents[0].poll_connect().unwrap();
    net.agents[0].connected(now, path, path.local);
    net.connections.push((0, path.local, 1, path.remote));
    net.run(Duration::from_secs(5));
    assert!(net.agree() && net.is_connected());
}

#[test]
fn who_listens_never_connects() {
    let mut net = Net::pair(10, config(Role::Controlling), config(Role::Controlled));
    net.blocked = |path| path.protocol == Protocol::Udp;
    net.introduce(
        &[host("10.0.0.1:5000"), tcp("10.0.0.1:0", TcpType::Active)],
        &[host("10.0.0.2:5000"), tcp("10.0.0.2:443", TcpType::Passive)],
    );
    // The controlled side knows the connection by the peer's check, and has checked it in return.
    let tcp = |agent: &drywire_ice::Agent| {
        agent.pairs().find(|pair| pair.path.protocol == Protocol::Tcp && pair.state == PairState::Succeeded)
    };
    net.run_until(Duration::from_secs(5), |net| net.agents.iter().all(|agent| tcp(agent).is_some()));
    assert!(tcp(&net.agents[1]).is_some());
    net.blocked = |_| false;
    net.run(Duration::from_secs(10));
    assert_eq!(net.agents[1].selected_path().unwrap().protocol, Protocol::Udp);
    net.accepts = false;
    net.cut();
    // Now that other ways are sought, that one is none for it.
    net.blocked = |_| true;
    net.run(Duration::from_secs(20));
    let failures = net.agents[1].pairs().filter_map(|pair| pair.history.failure);
    let reasons: Vec<_> = failures.map(|failure| failure.reason).collect();
    assert!(reasons.contains(&FailureReason::ConnectionLost), "{reasons:?}");
    assert!(!reasons.contains(&FailureReason::ConnectFailed), "{reasons:?}");
}
