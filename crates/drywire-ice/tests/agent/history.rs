//! The agent explains itself: why a pair is in its state, why it was chosen, what failed and when.

use bytes::BytesMut;
use drywire_core::{Duration, Path};
use drywire_ice::{
    Candidate, CandidateError, CandidatePairInfo, ConnectionState, DiscardReason, FailureReason, PairState,
    Role, SelectionReason, StateReason,
};
use drywire_stun::attributes::ErrorCode;
use drywire_stun::{Class, IntegrityAlgorithm, IntegrityKey, Message, MessageBuilder, Method};

use crate::net::{Net, address, config, host};

fn pair_to(net: &Net, agent: usize, remote: &str) -> CandidatePairInfo {
    net.agents[agent].pairs().find(|pair| pair.remote.address == address(remote)).unwrap()
}

fn failure_of(pair: &CandidatePairInfo) -> FailureReason {
    assert_eq!(pair.state, PairState::Failed);
    let failure = pair.history.failure.unwrap();
    assert_eq!(pair.reason, StateReason::Failed(failure));
    failure.reason
}

#[test]
fn a_connection_tells_its_story() {
    let net = Net::connected_pair(1);
    let (a, b) = (net.agents[0].selected_pair().unwrap(), net.agents[1].selected_pair().unwrap());
    for pair in [&a, &b] {
        let history = &pair.history;
        assert!(history.formed_at <= history.first_sent_at.unwrap());
        assert!(history.first_sent_at <= history.first_answered_at);
        assert!(history.first_answered_at <= history.last_answered_at);
        assert!(history.first_answered_at <= history.nominated_at);
        assert!(history.checks_sent >= 1 && history.requests_received >= 1);
        assert_eq!((history.failures, history.failure, history.role_conflicts), (0, None, 0));
        assert!(matches!(pair.reason, StateReason::Answered(_)));
    }
    let last = |agent: usize| net.agents[agent].selections().last().copied().unwrap();
    assert_eq!((last(0).reason, last(0).path), (SelectionReason::Nominated, a.path));
    assert_eq!((last(1).reason, last(1).path), (SelectionReason::NominatedByPeer, b.path));
    assert_eq!(net.agents[0].selections().next().unwrap().reason, SelectionReason::BestValid);
}

#[test]
fn waiting_pairs_say_for_what() {
    let mut net = Net::pair(2, config(Role::Controlling), config(Role::Controlled));
    let now = net.now;
    let agent = &mut net.agents[0];
    agent.add_local_candidate(now, host("10.0.0.1:5000")).unwrap();
    for index in 1..4 {
        let mut candidate = Candidate::host(address(&format!("10.0.1.{index}:5000")), 65_535 - index);
        candidate.foundation = "same".into();
        agent.add_remote_candidate(now, candidate).unwrap();
    }
    assert!(net.agents[0].pairs().all(|pair| pair.reason == StateReason::NoCredentials));
    net.exchange_credentials();
    let reasons = |net: &Net| net.agents[0].pairs().map(|pair| pair.reason).collect::<Vec<_>>();
    assert_eq!(reasons(&net), [StateReason::Paced, StateReason::FoundationBusy, StateReason::FoundationBusy]);
    net.drain();
    assert_eq!(reasons(&net)[0], StateReason::Unanswered { since: now, sent: 1 });
    net.run(Duration::from_millis(600));
    assert_eq!(reasons(&net)[0], StateReason::Unanswered { since: now, sent: 2 });
}

#[test]
fn pairs_worse_than_the_one_in_use_say_so() {
    let mut net = Net::pair(3, config(Role::Controlling), config(Role::Controlled));
    net.introduce(&[host("10.0.0.1:5000")], &[host("10.0.1.1:5000")]);
    net.run_until(Duration::from_secs(5), |net| net.agree());
    let now = net.now;
    let worse = Candidate::host(address("10.0.1.2:5000"), 1);
    net.agents[0].add_remote_candidate(now, worse).unwrap();
    assert_eq!(pair_to(&net, 0, "10.0.1.2:5000").reason, StateReason::BetterInUse);
}

#[test]
fn nobody_answers() {
    let mut net = Net::pair(4, config(Role::Controlling), config(Role::Controlled));
    net.blocked = |path| path.local == address("10.0.1.3:5000");
    net.introduce(&[host("10.0.0.1:5000")], &[host("10.0.1.3:5000")]);
    net.run(Duration::from_secs(1));
    let path = Path::udp(address("10.0.0.1:5000"), address("10.0.1.3:5000"));
    net.agents[0].path_unreachable(net.now, path);
    // It explains; it ends nothing (anybody can forge an ICMP error).
    assert_eq!(pair_to(&net, 0, "10.0.1.3:5000").state, PairState::InProgress);
    net.run(Duration::from_secs(45));
    assert_eq!(net.agents[0].state(), ConnectionState::Failed);
    let pair = pair_to(&net, 0, "10.0.1.3:5000");
    assert_eq!(failure_of(&pair), FailureReason::Unreachable);
    let failed_at = pair.history.failure.unwrap().at - net.start;
    assert!(failed_at > Duration::from_secs(39) && failed_at < Duration::from_secs(41), "{failed_at:?}");
    assert_eq!(pair.history.checks_sent, 7);
    // The other agent was told nothing by its network.
    let other = pair_to(&net, 1, "10.0.0.1:5000");
    assert_eq!(failure_of(&other), FailureReason::Timeout);
}

#[test]
fn refused_asymmetric_and_badly_signed_answers_are_told_apart() {
    for (case, expected) in
        [FailureReason::Refused(400), FailureReason::Asymmetric, FailureReason::Unauthentic]
            .into_iter()
            .enumerate()
    {
        let mut net = Net::pair(5, config(Role::Controlling), config(Role::Controlled));
        net.blocked = |_| true;
        net.introduce(&[host("10.0.0.1:5000")], &[host("10.0.1.1:5000")]);
        net.drain();
        let sent = net.sent.iter().find(|sent| sent.by == 0).unwrap();
        let request = Message::parse(&sent.bytes).unwrap();
        let peer = net.agents[1].local_credentials();
        let password = if case == 2 { "0123456789012345678901" } else { peer.pwd() };
        let key = IntegrityKey::short_term(&*drywire_crypto_aws_lc::provider(), password);
        let mut out = Vec::new();
        let mut response =
            MessageBuilder::new(&mut out, Class::Error, Method::BINDING, request.transaction_id());
        response.attribute(&ErrorCode::BAD_REQUEST).integrity(&key, IntegrityAlgorithm::Sha1).fingerprint();
        response.finish().unwrap();
        let mut path = sent.path;
        if case == 1 {
            path.remote = address("10.0.1.1:5001");
        }
        let now = net.now;
        net.agents[0].handle_input(now, path, BytesMut::from(&out[..]));
        net.run(Duration::from_secs(45));
        assert_eq!(failure_of(&pair_to(&net, 0, "10.0.1.1:5000")), expected);
    }
}

#[test]
fn a_fallback_is_explained() {
    let mut net = Net::pair(6, config(Role::Controlling), config(Role::Controlled));
    net.introduce(
        &[host("10.0.0.1:5000")],
        &[host("10.0.1.1:5000"), Candidate::host(address("10.0.1.2:5000"), 7)],
    );
    net.run_until(Duration::from_secs(5), |net| net.agree());
    net.run(Duration::from_secs(2));
    net.blocked = |path| [path.local, path.remote].contains(&address("10.0.1.1:5000"));
    net.run(Duration::from_secs(20));
    let reasons: Vec<_> = net.agents[0].selections().map(|selection| selection.reason).collect();
    assert!(reasons.contains(&SelectionReason::Fallback), "{reasons:?}");
    assert_eq!(pair_to(&net, 0, "10.0.1.1:5000").history.failure.unwrap().reason, FailureReason::Silent);
}

#[test]
fn consent_that_expires_is_the_reason() {
    let mut net = Net::connected_pair(7);
    net.blocked = |_| true;
    net.run(Duration::from_secs(40));
    assert_eq!(net.agents[0].state(), ConnectionState::Failed);
    assert_eq!(failure_of(&pair_to(&net, 0, "10.0.0.2:5000")), FailureReason::ConsentExpired);
}

#[test]
fn what_was_not_taken_is_remembered_within_bounds() {
    let mut policy = config(Role::Controlling);
    policy.accept_remote = |address| !address.ip().is_loopback();
    policy.max_pairs = 2;
    let mut net = Net::pair(8, policy, config(Role::Controlled));
    let now = net.now;
    let agent = &mut net.agents[0];
    agent.add_local_candidate(now, host("10.0.0.1:5000")).unwrap();
    let reflexive = Candidate::server_reflexive(address("192.0.2.9:5000"), address("10.0.0.1:5000"));
    agent.add_local_candidate(now, reflexive).unwrap();
    assert_eq!(agent.add_remote_candidate(now, host("127.0.0.1:5000")), Err(CandidateError::Unusable));
    assert!(agent.add_remote_candidate(now, host("224.0.0.251:5353")).is_err());
    for index in 1..4 {
        let candidate = Candidate::host(address(&format!("10.0.1.{index}:5000")), index);
        agent.add_remote_candidate(now, candidate).unwrap();
    }
    let reasons: Vec<_> = agent.discarded().map(|discarded| discarded.reason).collect();
    assert_eq!(
        reasons,
        [
            DiscardReason::Redundant,
            DiscardReason::PolicyDenied,
            DiscardReason::Unusable,
            DiscardReason::TooManyPairs
        ]
    );
    let dropped = agent.discarded().last().unwrap();
    assert_eq!(dropped.remote, Some(address("10.0.1.1:5000")));
    for _ in 0..1000 {
        let _ = agent.add_remote_candidate(now, host("127.0.0.1:5000"));
    }
    assert_eq!(agent.discarded().count(), 32);
}
