use std::collections::BTreeSet;

use bytes::BytesMut;
use drywire_core::{Duration, Path, Protocol};
use drywire_ice::{Candidate, CandidateError, CandidateKind, ConnectionState, Event, Role, TcpType};
use drywire_stun::{Class, Message};

use crate::net::{Nat, Net, address, config, host, seeds};

fn lossy(seed: u64, a: Role, b: Role) -> Net {
    let mut net = Net::pair(seed, config(a), config(b));
    net.loss = 20;
    net.duplication = 10;
    net.delay = 5..80;
    net
}

fn some_hosts(net: &mut Net, subnet: u8) -> Vec<Candidate> {
    let count = 1 + net.rng.below(3);
    (0..count)
        .map(|index| {
            let preference = u16::try_from(net.rng.below(65_536)).unwrap();
            Candidate::host(address(&format!("10.0.{subnet}.{}:5000", index + 1)), preference)
        })
        .collect()
}

#[test]
fn two_agents_over_a_bad_link_always_connect_and_agree() {
    for seed in seeds(300) {
        let mut net = lossy(seed, Role::Controlling, Role::Controlled);
        let (a, b) = (some_hosts(&mut net, 1), some_hosts(&mut net, 2));
        net.introduce(&a, &b);
        net.run_until(Duration::from_secs(20), |net| net.is_connected() && net.agree());
        assert!(net.is_connected() && net.agree(), "seed {seed}");
        // They stay so, but for the moments in which a pair is given up because four checks in a row were lost.
        net.run(Duration::from_secs(20));
        net.run_until(Duration::from_secs(10), Net::agree);
        assert!(net.agree(), "seed {seed}: they part");
    }
}

#[test]
fn equal_roles_are_resolved_over_a_bad_link() {
    for seed in seeds(200) {
        let role = if seed % 2 == 0 { Role::Controlling } else { Role::Controlled };
        let mut net = lossy(seed, role, role);
        let (a, b) = (some_hosts(&mut net, 1), some_hosts(&mut net, 2));
        net.introduce(&a, &b);
        net.run_until(Duration::from_secs(30), |net| net.is_connected() && net.agree());
        assert!(net.agree(), "seed {seed}");
        assert_ne!(net.agents[0].role(), net.agents[1].role());
        let changes =
            net.events.iter().flatten().filter(|event| matches!(event, Event::RoleChanged(_))).count();
        assert!((1..=2).contains(&changes), "seed {seed}: {changes} changes of role");
    }
}

#[test]
fn trickle_in_any_order() {
    for seed in seeds(300) {
        // Who controls is not always agreed on: the checks settle it, whenever they come.
        let roles = [
            (Role::Controlling, Role::Controlled),
            (Role::Controlling, Role::Controlling),
            (Role::Controlled, Role::Controlled),
        ];
        let (a, b) = roles[usize::try_from(seed % 3).unwrap()];
        let mut net = lossy(seed, a, b);
        let hosts = [some_hosts(&mut net, 1), some_hosts(&mut net, 2)];
        // Every step of the signalling on its own, shuffled.
        let mut steps: Vec<(usize, Option<Candidate>, bool)> = Vec::new();
        for (index, hosts) in hosts.iter().enumerate() {
            steps.push((index, None, false));
            for candidate in hosts {
                steps.push((index, Some(candidate.clone()), true));
                // Some candidates are never signalled: hidden behind names, say.
                if net.rng.below(4) != 0 {
                    steps.push((index, Some(candidate.clone()), false));
                }
            }
        }
        for at in (1..steps.len()).rev() {
            let other = usize::try_from(net.rng.below(u32::try_from(at + 1).unwrap())).unwrap();
            steps.swap(at, other);
        }
        // At least one side knows one address, or nobody ever can send.
        steps.push((0, Some(hosts[0][0].clone()), false));
        for (index, candidate, local) in steps {
            let now = net.now;
            match candidate {
                Some(candidate) if local => {
                    let _ = net.agents[index].add_local_candidate(now, candidate).unwrap();
                }
                Some(candidate) => net.agents[1 - index].add_remote_candidate(now, candidate).unwrap(),
                None => {
                    let credentials = net.agents[index].local_credentials().clone();
                    net.agents[1 - index].set_remote_credentials(now, credentials).unwrap();
                }
            }
            let pause = net.rng.below(300);
            net.run(Duration::from_millis(u64::from(pause)));
        }
        net.run_until(Duration::from_secs(30), |net| net.is_connected() && net.agree());
        assert!(net.agree(), "seed {seed}");
        assert_ne!(net.agents[0].role(), net.agents[1].role(), "seed {seed}");
    }
}

#[test]
fn the_first_check_and_each_triggered_one_leave_in_the_same_call() {
    // Whichever becomes known last: the peer's credentials, its candidate, or ours.
    for last in 0..3 {
        let mut net = Net::pair(3, config(Role::Controlling), config(Role::Controlled));
        let (now, theirs) = (net.now, net.agents[1].local_credentials().clone());
        for step in (0..3).filter(|step| *step != last).chain([last]) {
            let mut nothing = Vec::new();
            assert_eq!(net.agents[0].poll_transmit(now, &mut nothing), None);
            match step {
                0 => net.agents[0].set_remote_credentials(now, theirs.clone()).unwrap(),
                1 => net.agents[0].add_remote_candidate(now, host("10.0.0.2:5000")).unwrap(),
                _ => drop(net.agents[0].add_local_candidate(now, host("10.0.0.1:5000"))),
            }
        }
        assert!(net.agents[0].poll_timeout().is_some_and(|at| at <= now));
        let mut check = Vec::new();
        let transmit = net.agents[0].poll_transmit(now, &mut check).expect("a check");
        assert_eq!(Message::parse(&check).unwrap().class(), Class::Request);
        // The other one knows nothing but its own address and the credentials: it answers, and checks in return.
        let ours = net.agents[0].local_credentials().clone();
        net.agents[1].add_local_candidate(now, host("10.0.0.2:5000")).unwrap();
        net.agents[1].set_remote_credentials(now, ours).unwrap();
        net.agents[1].handle_input(now, transmit.path.reversed(), BytesMut::from(&check[..]));
        for class in [Class::Success, Class::Request] {
            let mut sent = Vec::new();
            assert!(net.agents[1].poll_transmit(now, &mut sent).is_some());
            assert_eq!(Message::parse(&sent).unwrap().class(), class);
        }
    }
}

#[test]
fn a_check_that_was_lost_leaves_again_when_the_peers_comes_along() {
    // As behind a NAT or a relay that lets the peer through only after we have sent.
    let mut net = Net::pair(4, config(Role::Controlling), config(Role::Controlled));
    net.introduce(&[host("10.0.0.1:5000")], &[host("10.0.0.2:5000")]);
    let mut lost = Vec::new();
    assert!(net.agents[0].poll_transmit(net.now, &mut lost).is_some());
    let mut check = Vec::new();
    let transmit = net.agents[1].poll_transmit(net.now, &mut check).expect("the peer's check");
    for (after, classes) in [(10, &[Class::Success, Class::Request][..]), (11, &[Class::Success])] {
        // The second time it has to wait: the peer's checks cannot make us send without end.
        let now = net.now + Duration::from_millis(after);
        net.agents[0].handle_input(now, transmit.path.reversed(), BytesMut::from(&check[..]));
        let mut seen = Vec::new();
        let mut sent = Vec::new();
        while net.agents[0].poll_transmit(now, &mut sent).is_some() {
            seen.push(Message::parse(&sent).unwrap().class());
            sent.clear();
        }
        assert_eq!(seen, classes, "after {after} ms");
    }
}

#[test]
fn one_address_each_connects_without_any_wait() {
    // P14: at a round-trip time of zero, no timer has to expire.
    let mut net = Net::pair(1, config(Role::Controlling), config(Role::Controlled));
    net.introduce(&[host("10.0.0.1:5000")], &[host("10.0.0.2:5000")]);
    net.run_until(Duration::from_secs(1), Net::agree);
    assert_eq!(net.elapsed(), Duration::ZERO);
    // Each checks once, the controlling one nominates once, and all are answered.
    assert_eq!(net.sent.len(), 6);
    // Over a link, data can flow after one round trip, and the nomination is done after two.
    let mut net = Net::pair(1, config(Role::Controlling), config(Role::Controlled));
    net.delay = 25..26;
    net.introduce(&[host("10.0.0.1:5000")], &[host("10.0.0.2:5000")]);
    net.run_until(Duration::from_secs(1), Net::is_connected);
    assert_eq!(net.elapsed(), Duration::from_millis(50));
    net.run_until(Duration::from_secs(1), Net::agree);
    assert_eq!(net.elapsed(), Duration::from_millis(100));
    assert_eq!(net.agents[0].rtt(), Some(Duration::from_millis(50)));
}

#[test]
fn a_peer_without_candidates_is_found_by_its_checks() {
    // A browser that hides its addresses behind names: the server learns them from its checks.
    let mut net = Net::pair(3, config(Role::Controlling), config(Role::Controlled));
    let now = net.now;
    net.delay = 5..6;
    let (browser, server) = (host("192.168.1.7:40000"), host("192.168.1.8:3478"));
    net.agents[0].add_local_candidate(now, browser.clone()).unwrap();
    net.agents[1].add_local_candidate(now, server.clone()).unwrap();
    net.agents[0].add_remote_candidate(now, server).unwrap();
    // The browser's checks come before its credentials do: the server has only its answer out.
    let credentials = net.agents[1].local_credentials().clone();
    net.agents[0].set_remote_credentials(now, credentials).unwrap();
    net.run(Duration::from_millis(200));
    assert_eq!(net.agents[1].state(), ConnectionState::New);
    assert_eq!(net.agents[1].selected_path(), None);
    assert!(matches!(net.events[1][..], [Event::RemoteCandidateDiscovered(_)]));
    let credentials = net.agents[0].local_credentials().clone();
    net.agents[1].set_remote_credentials(net.now, credentials).unwrap();
    net.run_until(Duration::from_secs(5), Net::agree);
    assert!(net.agree());
    let remote = net.agents[1].remote_candidates().next().unwrap().clone();
    assert_eq!((remote.kind, remote.address), (CandidateKind::PeerReflexive, browser.address));
    // Signalled late, it becomes what it is.
    net.agents[1].add_remote_candidate(net.now, browser.clone()).unwrap();
    assert_eq!(net.agents[1].remote_candidates().collect::<Vec<_>>(), [&browser]);
    assert_eq!(net.agents[1].pairs().count(), 1);
    assert_eq!(net.agents[1].selected_pair().unwrap().remote, browser);
}

#[test]
fn states_pass_in_order() {
    let mut net = Net::pair(4, config(Role::Controlling), config(Role::Controlled));
    net.delay = 10..11;
    net.introduce(&[host("10.0.0.1:5000")], &[host("10.0.0.2:5000")]);
    net.run(Duration::from_secs(1));
    for events in &net.events {
        let states: Vec<_> = events
            .iter()
            .filter_map(|event| if let Event::StateChanged(state) = event { Some(*state) } else { None })
            .collect();
        assert_eq!(
            states,
            [ConnectionState::Checking, ConnectionState::Connected, ConnectionState::Completed]
        );
    }
}

#[test]
fn a_better_pair_takes_over_on_both_sides() {
    let mut net = Net::pair(5, config(Role::Controlling), config(Role::Controlled));
    net.delay = 10..11;
    let now = net.now;
    let poor = Candidate::host(address("10.0.0.2:5000"), 10);
    let good = Candidate::host(address("10.0.0.3:5000"), 60_000);
    net.introduce(&[host("10.0.0.1:5000")], std::slice::from_ref(&poor));
    net.run_until(Duration::from_secs(1), Net::agree);
    assert_eq!(net.agents[0].selected_path().unwrap().remote, poor.address);
    net.agents[1].add_local_candidate(now, good.clone()).unwrap();
    net.agents[0].add_remote_candidate(now, good.clone()).unwrap();
    net.run(Duration::from_secs(1));
    assert!(net.agree());
    assert_eq!(net.agents[0].selected_path().unwrap().remote, good.address);
}

#[test]
fn the_old_path_fails_and_another_takes_over() {
    let mut net = Net::pair(6, config(Role::Controlling), config(Role::Controlled));
    net.delay = 10..11;
    let poor = Candidate::host(address("10.0.0.2:5000"), 10);
    let good = Candidate::host(address("10.0.0.3:5000"), 60_000);
    net.introduce(&[host("10.0.0.1:5000")], &[poor.clone(), good.clone()]);
    net.run(Duration::from_secs(3));
    assert_eq!(net.agents[0].selected_path().unwrap().remote, good.address);
    net.blocked = |path| [path.local, path.remote].contains(&address("10.0.0.3:5000"));
    let cut = net.now;
    net.run_until(Duration::from_secs(20), |net| {
        net.agree() && net.agents[0].selected_path().unwrap().remote == address("10.0.0.2:5000")
    });
    assert!(net.agree());
    assert!(net.now - cut < Duration::from_secs(9), "{:?}", net.now - cut);
    net.run(Duration::from_secs(60));
    assert!(net.agree() && net.is_connected());
}

#[test]
fn no_address_that_works_fails_when_patience_ends() {
    for known in [true, false] {
        let mut net = Net::pair(7, config(Role::Controlling), config(Role::Controlled));
        net.blocked = |_| true;
        if known {
            net.introduce(&[host("10.0.0.1:5000")], &[host("10.0.0.2:5000")]);
        } else {
            net.introduce(&[], &[]);
        }
        net.run(Duration::from_millis(39_400));
        assert_eq!(net.agents[0].state(), ConnectionState::Checking);
        net.run(Duration::from_millis(200));
        assert_eq!(net.agents[0].state(), ConnectionState::Failed);
        assert_eq!(net.agents[0].poll_timeout(), None);
    }
}

#[test]
fn a_late_candidate_within_patience_connects() {
    let mut net = Net::pair(8, config(Role::Controlling), config(Role::Controlled));
    net.introduce(&[host("10.0.0.1:5000")], &[]);
    net.run(Duration::from_secs(35));
    let late = host("10.0.0.2:5000");
    net.agents[1].add_local_candidate(net.now, late.clone()).unwrap();
    net.agents[0].add_remote_candidate(net.now, late).unwrap();
    net.run_until(Duration::from_secs(4), Net::agree);
    assert!(net.agree());
}

#[test]
fn a_lite_server_follows_and_a_full_client_controls() {
    let mut lite = config(Role::Controlled);
    lite.lite = true;
    // The client believes to be controlled; that the peer is lite settles it.
    let mut net = Net::pair(9, config(Role::Controlled), lite);
    net.delay = 10..11;
    net.agents[0].set_remote_lite(true);
    assert_eq!(net.agents[0].role(), Role::Controlling);
    net.introduce(&[host("10.0.0.1:5000")], &[host("10.0.0.2:5000")]);
    net.run_until(Duration::from_secs(1), Net::agree);
    assert!(net.agree());
    net.run(Duration::from_secs(60));
    assert!(net.agree() && net.is_connected());
    assert!(
        net.sent
            .iter()
            .filter(|sent| sent.by == 1)
            .all(|sent| { Message::parse(&sent.bytes).unwrap().class() == Class::Success })
    );
    // The client vanishes; the server lets go after 30 s.
    net.blocked = |_| true;
    net.run(Duration::from_secs(31));
    assert_eq!(net.agents[1].state(), ConnectionState::Failed);
    assert_eq!(net.agents[1].selected_path(), None);
}

#[test]
fn a_lite_server_takes_candidates_one_by_one_and_over_tcp() {
    for (seed, over_tcp) in (0..20).flat_map(|seed| [(seed, false), (seed, true)]) {
        let mut lite = config(Role::Controlled);
        lite.lite = true;
        let mut net = Net::pair(seed, config(Role::Controlling), lite);
        net.delay = 10..40;
        net.agents[0].set_remote_lite(true);
        if over_tcp {
            net.blocked = |path| path.protocol == Protocol::Udp;
        }
        net.exchange_credentials();
        let tcp = |text, tcp_type| Candidate::tcp_host(address(text), tcp_type, 7);
        let client = [host("10.0.0.1:5000"), tcp("10.0.0.1:0", TcpType::Active)];
        let server = [host("10.0.0.2:5000"), tcp("10.0.0.2:443", TcpType::Passive)];
        for (ours, theirs) in client.into_iter().zip(server) {
            let now = net.now;
            net.agents[0].add_local_candidate(now, ours.clone()).unwrap();
            net.agents[1].add_local_candidate(now, theirs.clone()).unwrap();
            net.run(Duration::from_millis(seed * 13));
            let now = net.now;
            net.agents[0].add_remote_candidate(now, theirs).unwrap();
            net.run(Duration::from_millis(seed * 7));
            // What the client's addresses are is of no use to a lite agent.
            let now = net.now;
            net.agents[1].add_remote_candidate(now, ours).unwrap();
        }
        net.run_until(Duration::from_secs(10), Net::agree);
        assert!(net.agree(), "{seed} {over_tcp}");
        net.run(Duration::from_secs(60));
        assert!(net.agree() && net.is_connected(), "{seed} {over_tcp}");
        let protocol = if over_tcp { Protocol::Tcp } else { Protocol::Udp };
        assert_eq!(net.agents[1].selected_path().unwrap().protocol, protocol);
        let is_answer =
            |sent: &crate::net::Sent| Message::parse(&sent.bytes).unwrap().class() == Class::Success;
        assert!(net.sent.iter().filter(|sent| sent.by == 1).all(is_answer));
    }
}

#[test]
fn two_nats_are_punched_through() {
    for seed in seeds(50) {
        let mut net = lossy(seed, Role::Controlling, Role::Controlled);
        let (inside_a, outside_a) = (address("192.168.1.2:5000"), address("203.0.113.1:1111"));
        let (inside_b, outside_b) = (address("192.168.9.2:5000"), address("198.51.100.1:2222"));
        for (agent, inside, outside) in [(0, inside_a, outside_a), (1, inside_b, outside_b)] {
            net.nats.push(Nat { agent, inside, outside, open: BTreeSet::new() });
        }
        let both =
            |inside, outside| [Candidate::host(inside, 65_535), Candidate::server_reflexive(outside, inside)];
        net.introduce(&both(inside_a, outside_a), &both(inside_b, outside_b));
        net.run_until(Duration::from_secs(20), |net| {
            let path = net.agents[0].selected_path();
            path == Some(Path::udp(inside_a, outside_b)) && net.agents[1].selected_path().is_some()
        });
        assert_eq!(net.agents[0].selected_path(), Some(Path::udp(inside_a, outside_b)), "seed {seed}");
        assert_eq!(net.agents[1].selected_path(), Some(Path::udp(inside_b, outside_a)), "seed {seed}");
        // The address that the peer sees is the one that the server saw: nothing is discovered.
        assert_eq!(net.agents[0].local_candidates().count(), 2);
    }
}

#[test]
fn an_address_that_only_the_peer_sees_is_learnt() {
    // A client behind a NAT that asked no STUN server, and a server on a public address.
    let mut net = Net::pair(1, config(Role::Controlling), config(Role::Controlled));
    net.delay = 5..6;
    let (inside, outside) = (address("192.168.1.2:5000"), address("203.0.113.1:1111"));
    net.nats.push(Nat { agent: 0, inside, outside, open: BTreeSet::new() });
    net.introduce(&[Candidate::host(inside, 65_535)], &[host("198.51.100.1:3478")]);
    net.run(Duration::from_secs(1));
    assert!(net.is_connected());
    let server = address("198.51.100.1:3478");
    assert_eq!(net.agents[0].selected_path(), Some(Path::udp(inside, server)));
    assert_eq!(net.agents[1].selected_path(), Some(Path::udp(server, outside)));
    let seen =
        net.agents[0].local_candidates().find(|local| local.kind == CandidateKind::PeerReflexive).unwrap();
    assert_eq!((seen.address, seen.base), (outside, inside));
    // The peer's view of its priority is what the check claimed for it.
    let remote = net.agents[1].selected_pair().unwrap().remote;
    assert_eq!((remote.kind, remote.priority), (CandidateKind::PeerReflexive, seen.priority));
}

#[test]
fn responses_leave_from_where_the_request_came_to() {
    let mut net = Net::pair(10, config(Role::Controlling), config(Role::Controlled));
    net.introduce(&[host("10.0.0.1:5000")], &[host("10.0.0.2:5000"), host("10.0.0.3:5000")]);
    net.run(Duration::from_secs(2));
    for sent in &net.sent {
        let message = Message::parse(&sent.bytes).unwrap();
        if message.class() != Class::Request {
            assert_eq!(message.xor_mapped_address(), Some(sent.path.remote));
            let asked = net.sent.iter().any(|request| {
                request.path == sent.path.reversed()
                    && Message::parse(&request.bytes).unwrap().transaction_id() == message.transaction_id()
            });
            assert!(asked);
        }
    }
}

#[test]
fn candidates_that_cannot_be_used_are_refused() {
    let mut net = Net::pair(11, config(Role::Controlling), config(Role::Controlled));
    let now = net.now;
    let remote = |text: &str| Candidate::remote(Protocol::Udp, CandidateKind::Host, address(text), 1, "1");
    let agent = &mut net.agents[0];
    for text in ["224.0.0.1:5000", "0.0.0.0:5000", "10.0.0.9:0", "[ff02::1]:5000"] {
        assert_eq!(agent.add_remote_candidate(now, remote(text)), Err(CandidateError::Unusable));
        assert_eq!(agent.add_local_candidate(now, host(text)), Err(CandidateError::Unusable));
    }
    let mut second = remote("10.0.0.9:5001");
    second.component = 2;
    assert_eq!(agent.add_remote_candidate(now, second), Err(CandidateError::Component));
    assert_eq!(agent.add_local_candidate(now, host("10.0.0.1:1")), Ok(true));
    assert_eq!(agent.add_local_candidate(now, host("10.0.0.1:1")), Ok(false));
    // A TCP candidate is known, but finds no partner.
    let mut tcp = remote("10.0.0.9:9");
    tcp.protocol = Protocol::Tcp;
    agent.add_remote_candidate(now, tcp).unwrap();
    assert_eq!(agent.pairs().count(), 0);
    // A reflexive candidate of ours is sent from its base.
    let reflexive = Candidate::server_reflexive(address("203.0.113.9:7"), address("10.0.0.1:1"));
    assert_eq!(agent.add_local_candidate(now, reflexive), Ok(true));
    // A relayed one is a base of its own.
    let relayed = Candidate::relayed(address("203.0.113.10:9"), address("203.0.113.9:7"));
    assert_eq!(agent.add_local_candidate(now, relayed), Ok(true));
    agent.add_remote_candidate(now, remote("10.0.0.9:5000")).unwrap();
    let paths: Vec<Path> = agent.pairs().map(|pair| pair.path).collect();
    let to = address("10.0.0.9:5000");
    assert_eq!(paths, [Path::udp(address("10.0.0.1:1"), to), Path::udp(address("203.0.113.10:9"), to)]);
}
