use bytes::BytesMut;
use drywire_core::{Duration, Path, Protocol};
use drywire_ice::{Agent, Candidate, CandidateKind, Role, TcpType};
use drywire_stun::attributes::NetworkCost;
use proptest::prelude::*;

use crate::net::{Net, address, config, start};

/// One call of anything.
#[derive(Clone, Debug)]
enum Call {
    Input(u8, u8, Vec<u8>),
    /// What the other agent has to say, altered at a byte or not.
    Deliver(Option<(u8, u8)>, u8),
    Timeout(u32),
    Back,
    AddLocal(u8),
    AddRemote(u8, u32),
    Credentials,
    Ended,
    Role(bool),
    RemoteLite(bool),
    Restart,
    TakeBack(bool),
    Close,
    Transmit,
    Event,
    AddTcp(bool, u8),
    /// What became of the connection that is wanted, or of another one.
    Connect(u8, u8),
    Unreachable(u8, u8),
    Cost(u8, u8, bool),
    RemoveLocal(u8, bool),
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        2 => (any::<u8>(), any::<u8>(), proptest::collection::vec(any::<u8>(), 0..80))
            .prop_map(|(local, remote, bytes)| Call::Input(local, remote, bytes)),
        12 => (proptest::option::weighted(0.2, any::<(u8, u8)>()), 0..8_u8)
            .prop_map(|(edit, other)| Call::Deliver(edit, other)),
        4 => (0..20_000_u32).prop_map(Call::Timeout),
        1 => Just(Call::Back),
        3 => (0..4_u8).prop_map(Call::AddLocal),
        3 => (0..8_u8, any::<u32>()).prop_map(|(index, priority)| Call::AddRemote(index, priority)),
        3 => Just(Call::Credentials),
        1 => Just(Call::Ended),
        1 => any::<bool>().prop_map(Call::Role),
        1 => any::<bool>().prop_map(Call::RemoteLite),
        1 => Just(Call::Restart),
        1 => any::<bool>().prop_map(Call::TakeBack),
        1 => proptest::bool::weighted(0.05).prop_map(|close| if close { Call::Close } else { Call::Event }),
        6 => Just(Call::Transmit),
        2 => Just(Call::Event),
        3 => (any::<bool>(), 0..6_u8).prop_map(|(local, kind)| Call::AddTcp(local, kind)),
        1 => (any::<u8>(), any::<bool>()).prop_map(|(index, tcp)| Call::RemoveLocal(index, tcp)),
        1 => (any::<u8>(), any::<u8>(), any::<bool>()).prop_map(|(local, cost, on)| Call::Cost(local, cost, on)),
        4 => (any::<u8>(), any::<u8>()).prop_map(|(outcome, port)| Call::Connect(outcome, port)),
        1 => (any::<u8>(), any::<u8>()).prop_map(|(local, remote)| Call::Unreachable(local, remote)),
    ]
}

fn local(index: u8) -> std::net::SocketAddr {
    address(&format!("10.0.{}.1:5000", index % 4))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_call_in_any_order(calls in proptest::collection::vec((0..2_usize, call()), 1..250), lite in any::<bool>(), seed in any::<[u8; 32]>()) {
        let mut now = start();
        let first = now;
        let mut a = config(Role::Controlling);
        a.lite = lite;
        a.renomination = seed[0] & 1 == 0;
        let mut agents = [
            Agent::new(a, now, seed),
            Agent::new(config(Role::Controlled), now, [7; 32]),
        ];
        let negotiated = agents.each_ref().map(|agent| agent.local_credentials().clone());
        let mut flying: Vec<(usize, Path, Vec<u8>)> = Vec::new();
        for (who, call) in calls {
            match call {
                Call::Input(local_index, remote, bytes) => {
                    let path = Path::udp(local(local_index), local(remote));
                    agents[who].handle_input(now, path, BytesMut::from(&bytes[..]));
                }
                Call::Deliver(edit, other) => {
                    if let Some((to, path, mut bytes)) = flying.pop() {
                        if let Some((at, value)) = edit {
                            let len = bytes.len();
                            bytes[usize::from(at) % len] ^= value;
                        }
                        let from = if other == 0 { address("10.9.9.9:9") } else { path.remote };
                        let path = Path { remote: from, ..path };
                        agents[to].handle_input(now, path, BytesMut::from(&bytes[..]));
                    }
                }
                Call::Timeout(millis) => {
                    now += Duration::from_millis(u64::from(millis));
                    agents[who].handle_timeout(now);
                }
                Call::Back => agents[who].handle_timeout(first),
                Call::AddLocal(index) => {
                    let candidate = Candidate::host(local(index), u16::from(index));
                    let _ = agents[who].add_local_candidate(now, candidate);
                }
                Call::AddRemote(index, priority) => {
                    let candidate = Candidate::remote(Protocol::Udp, CandidateKind::Host, local(index), priority, "f");
                    let _ = agents[who].add_remote_candidate(now, candidate);
                }
                Call::Credentials => {
                    let credentials = agents[1 - who].local_credentials().clone();
                    let _ = agents[who].set_remote_credentials(now, credentials);
                }
                Call::Ended => agents[who].remote_candidates_ended(now),
                Call::Role(controlling) => {
                    agents[who].set_role(if controlling { Role::Controlling } else { Role::Controlled });
                }
                Call::RemoteLite(lite) => agents[who].set_remote_lite(lite),
                Call::Restart => drop(agents[who].restart(now)),
                Call::TakeBack(first) => {
                    let theirs = agents[1 - who].local_credentials().clone();
                    let theirs = if first { negotiated[1 - who].clone() } else { theirs };
                    agents[who].take_back_restart(now, negotiated[who].clone(), theirs);
                }
                Call::Close => agents[who].close(now),
                Call::Transmit => {
                    let mut out = vec![0xEE; 3];
                    if let Some(transmit) = agents[who].poll_transmit(now, &mut out) {
                        prop_assert_eq!(out.len(), 3 + transmit.len);
                        flying.push((1 - who, transmit.path.reversed(), out[3..].to_vec()));
                    } else {
                        // Drained: what is next is later.
                        prop_assert!(agents[who].poll_timeout().is_none_or(|at| at > now));
                    }
                    prop_assert_eq!(&out[..3], &[0xEE; 3]);
                }
                Call::Event => drop(agents[who].poll_event()),
                Call::AddTcp(ours, kind) => {
                    let tcp_type =
                        [TcpType::Active, TcpType::Passive, TcpType::SimultaneousOpen][usize::from(kind % 3)];
                    let candidate = Candidate::tcp_host(local(kind), tcp_type, 7);
                    if ours {
                        let _ = agents[who].add_local_candidate(now, candidate);
                    } else {
                        let _ = agents[who].add_remote_candidate(now, candidate);
                    }
                }
                Call::Connect(outcome, port) => {
                    let any = Path { protocol: Protocol::Tcp, local: local(port), remote: local(outcome) };
                    let wanted = agents[who].poll_connect();
                    let known = agents[who].pairs().map(|pair| pair.path).nth(usize::from(port % 4));
                    match outcome % 4 {
                        0 => agents[who].connect_failed(now, wanted.unwrap_or(any)),
                        1 => agents[who].disconnected(now, known.unwrap_or(any)),
                        _ => {
                            let path = wanted.or(known).unwrap_or(any);
                            let mut actual = path.local;
                            actual.set_port(40_000 + u16::from(port));
                            agents[who].connected(now, path, actual);
                        }
                    }
                }
                Call::RemoveLocal(index, tcp) => {
                    let protocol = if tcp { Protocol::Tcp } else { Protocol::Udp };
                    agents[who].remove_local_candidates(now, protocol, local(index));
                }
                Call::Cost(index, cost, on) => {
                    let network = NetworkCost::new(1, u16::from(cost));
                    agents[who].set_network_cost(now, local(index), network);
                    agents[who].set_remote_renomination(on);
                }
                Call::Unreachable(ours, theirs) => {
                    agents[who].path_unreachable(now, Path::udp(local(ours), local(theirs)));
                }
            }
            let agent = &agents[who];
            prop_assert!(agent.pairs().count() <= 100 && agent.remote_candidates().count() <= 100);
            if let Some(path) = agent.selected_path() {
                prop_assert!(agent.is_valid_path(path));
                prop_assert!(agent.selected_pair().is_some_and(|pair| pair.path == path));
            }
        }
        // Whatever happened, draining comes to an end, and the time passes without a busy loop.
        for agent in &mut agents {
            for _ in 0..1000 {
                let mut out = Vec::new();
                let mut count = 0;
                while agent.poll_transmit(now, &mut out).is_some() {
                    count += 1;
                    prop_assert!(count < 300);
                }
                let Some(next) = agent.poll_timeout() else { break };
                prop_assert!(next > now);
                now = next;
                agent.handle_timeout(now);
            }
        }
    }

    #[test]
    fn the_same_inputs_give_the_same_outputs(seed in any::<u64>(), loss in 0..40_u32) {
        let run = || {
            let mut net = Net::pair(seed, config(Role::Controlling), config(Role::Controlling));
            net.loss = loss;
            net.delay = 1..90;
            let hosts = |subnet: u8| -> Vec<Candidate> {
                (1..3).map(|host| Candidate::host(address(&format!("10.0.{subnet}.{host}:5000")), 7)).collect()
            };
            net.introduce(&hosts(1), &hosts(2));
            net.run(Duration::from_secs(15));
            net.sent.iter().map(|sent| (sent.at - net.start, sent.path, sent.bytes.clone())).collect::<Vec<_>>()
        };
        prop_assert_eq!(run(), run());
    }
}
