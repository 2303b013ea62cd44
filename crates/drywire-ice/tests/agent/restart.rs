use drywire_core::Duration;
use drywire_ice::{Candidate, CandidateError, ConnectionState, RemoteCredentialsError, Role};
use drywire_stun::{Class, Message};

use crate::net::{Net, config, host};

/// Both sides restart; the second one hears of it `later`.
fn restart(net: &mut Net, later: Duration) {
    let now = net.now;
    let offered = net.agents[0].restart(now);
    net.run(later);
    let now = net.now;
    let answered = net.agents[1].restart(now);
    net.agents[1].set_remote_credentials(now, offered).unwrap();
    net.agents[1].add_remote_candidate(now, host("10.0.0.1:5000")).unwrap();
    net.run(later);
    let now = net.now;
    net.agents[0].set_remote_credentials(now, answered).unwrap();
    net.agents[0].add_remote_candidate(now, host("10.0.0.2:5000")).unwrap();
}

#[test]
fn a_restart_keeps_the_path_until_the_new_one_is_there() {
    for (seed, loss) in [(1, 0), (2, 20), (3, 20), (4, 20), (5, 40)] {
        let mut net = Net::connected_pair(seed);
        net.loss = loss;
        net.delay = 10..40;
        let old = net.agents[0].local_credentials().clone();
        let roles = (net.agents[0].role(), net.agents[1].role());
        restart(&mut net, Duration::from_secs(4));
        let new = net.agents[0].local_credentials().clone();
        assert!(old.ufrag() != new.ufrag() && old.pwd() != new.pwd());
        // Never a moment without a path.
        for _ in 0..100 {
            assert!(net.agents.iter().all(|agent| agent.selected_path().is_some()));
            net.run(Duration::from_millis(50));
        }
        net.run_until(Duration::from_secs(20), Net::agree);
        assert!(net.agree(), "seed {seed}");
        assert_eq!(roles, (net.agents[0].role(), net.agents[1].role()));
        // From now on, all is signed with the new credentials.
        net.run(Duration::from_secs(2));
        let from = net.sent.len();
        net.run(Duration::from_secs(12));
        let name = format!("{}:{}", net.agents[1].local_credentials().ufrag(), new.ufrag());
        let requests = net.sent[from..].iter().filter(|sent| sent.by == 0);
        assert!(requests.clone().count() > 1);
        for sent in requests {
            let message = Message::parse(&sent.bytes).unwrap();
            assert!(message.class() != Class::Request || message.username() == Some(&name));
        }
    }
}

#[test]
fn a_restart_of_a_restart() {
    let mut net = Net::connected_pair(1);
    let now = net.now;
    net.agents[0].restart(now);
    net.run(Duration::from_secs(3));
    assert!(net.agents[0].selected_path().is_some());
    restart(&mut net, Duration::from_millis(100));
    net.run_until(Duration::from_secs(5), Net::agree);
    assert!(net.agree());
}

#[test]
fn a_restart_that_fails_is_tried_anew_while_the_old_path_works() {
    let mut net = Net::connected_pair(4);
    let before = net.agents[0].selected_path();
    // Whatever carries the new credentials is swallowed for longer than any check is repeated.
    let old = net.agents[0].local_credentials().ufrag().to_owned();
    net.only_ufrag = Some(old);
    restart(&mut net, Duration::ZERO);
    net.run(Duration::from_secs(50));
    assert_eq!(net.agents[0].selected_path(), before);
    assert!(net.is_connected());
    net.only_ufrag = None;
    let from = net.sent.len();
    net.run(Duration::from_secs(60));
    assert!(net.agree() && net.agents[0].selected_path() == before);
    let new = net.agents[0].local_credentials().ufrag().to_owned();
    let last = net.sent[from..].iter().rev().find_map(|sent| Message::parse(&sent.bytes).unwrap().username());
    assert!(last.unwrap().contains(&new), "the restart is complete");
}

#[test]
fn a_restart_leads_out_of_failure() {
    let mut net = Net::connected_pair(2);
    net.blocked = |_| true;
    net.run(Duration::from_secs(40));
    assert!(net.agents.iter().all(|agent| agent.state() == ConnectionState::Failed));
    net.blocked = |_| false;
    restart(&mut net, Duration::ZERO);
    net.run_until(Duration::from_secs(5), Net::agree);
    assert!(net.agree() && net.is_connected());
}

#[test]
fn new_credentials_need_a_restart_and_old_candidates_are_told_apart() {
    let mut net = Net::connected_pair(3);
    let now = net.now;
    let old = net.agents[1].local_credentials().clone();
    let other = drywire_ice::Credentials::new("abcdefgh", "a".repeat(22)).unwrap();
    let agent = &mut net.agents[0];
    assert_eq!(agent.set_remote_credentials(now, old.clone()), Ok(()));
    assert_eq!(
        agent.set_remote_credentials(now, other.clone()),
        Err(RemoteCredentialsError::RestartRequired)
    );
    agent.restart(now);
    // A late candidate of the old generation, before and after the new credentials are known.
    let mut late: Candidate = host("10.0.0.9:1");
    late.ufrag = Some(old.ufrag().to_owned());
    agent.add_remote_candidate(now, late.clone()).unwrap();
    agent.set_remote_credentials(now, other.clone()).unwrap();
    assert_eq!(agent.remote_candidates().count(), 0);
    assert_eq!(agent.add_remote_candidate(now, late.clone()), Err(CandidateError::Generation));
    late.ufrag = Some(other.ufrag().to_owned());
    assert_eq!(agent.add_remote_candidate(now, late), Ok(()));
}

#[test]
fn a_lite_agent_keeps_its_path_while_the_restart_is_signalled() {
    let mut lite = config(Role::Controlled);
    lite.lite = true;
    let mut net = Net::pair(6, config(Role::Controlling), lite);
    net.agents[0].set_remote_lite(true);
    net.introduce(&[host("10.0.0.1:5000")], &[host("10.0.0.2:5000")]);
    net.run(Duration::from_secs(5));
    let now = net.now;
    net.agents[1].restart(now);
    // The client's checks of before keep coming.
    net.run(Duration::from_secs(60));
    assert!(net.is_connected() && net.agents[1].selected_path().is_some());
    net.blocked = |_| true;
    net.run(Duration::from_secs(31));
    assert_eq!(net.agents[1].selected_path(), None);
}

#[test]
fn a_restart_can_be_taken_back() {
    for (seed, loss) in [(1, 0), (2, 20), (3, 20)] {
        let mut net = Net::connected_pair(seed);
        net.delay = 5..30;
        net.loss = loss;
        let before: Vec<_> = net.agents.iter().map(|agent| agent.local_credentials().clone()).collect();
        let path = net.agents[0].selected_path();
        // One side restarts alone, or both do and even agree: what was negotiated before holds again.
        for both in [false, true] {
            let now = net.now;
            net.agents[0].restart(now);
            if both {
                net.agents[1].restart(now);
                net.agents[0].add_remote_candidate(now, host("10.0.0.2:5000")).unwrap();
                net.exchange_credentials();
            }
            net.run(Duration::from_secs(7));
            for index in 0..1 + usize::from(both) {
                let now = net.now;
                let (ours, theirs) = (before[index].clone(), before[1 - index].clone());
                net.agents[index].take_back_restart(now, ours.clone(), theirs.clone());
                assert_eq!(net.agents[index].local_credentials(), &ours);
                assert_eq!(net.agents[index].remote_credentials(), Some(&theirs));
                net.agents[index]
                    .add_remote_candidate(now, host(["10.0.0.2:5000", "10.0.0.1:5000"][index]))
                    .unwrap();
                assert!(
                    net.agents[index].selected_path()
                        == path.map(|path| if index == 0 { path } else { path.reversed() })
                );
            }
            for _ in 0..600 {
                net.run(Duration::from_millis(100));
                assert!(net.agents.iter().all(|agent| agent.selected_path().is_some()));
            }
            assert!(net.agree() && net.is_connected(), "{seed} {both}");
        }
        // And the next restart succeeds.
        restart(&mut net, Duration::from_millis(100));
        net.run_until(Duration::from_secs(20), Net::agree);
        assert!(net.agree());
    }
}

#[test]
fn a_restart_out_of_failure_can_be_taken_back() {
    let mut net = Net::connected_pair(2);
    let before: Vec<_> = net.agents.iter().map(|agent| agent.local_credentials().clone()).collect();
    net.blocked = |_| true;
    net.run(Duration::from_secs(40));
    net.blocked = |_| false;
    let now = net.now;
    for index in 0..2 {
        net.agents[index].restart(now);
        net.agents[index].take_back_restart(now, before[index].clone(), before[1 - index].clone());
        net.agents[index].add_remote_candidate(now, host(["10.0.0.2:5000", "10.0.0.1:5000"][index])).unwrap();
    }
    net.run_until(Duration::from_secs(5), Net::agree);
    assert!(net.agree() && net.is_connected());
}
