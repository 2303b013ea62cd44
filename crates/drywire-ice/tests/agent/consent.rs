use drywire_core::Duration;
use drywire_ice::{ConnectionState, Event};
use drywire_stun::{Class, Message};

use crate::net::{Net, Sent};

fn class(sent: &Sent) -> Class {
    Message::parse(&sent.bytes).unwrap().class()
}

#[test]
fn consent_checks_come_every_five_seconds_or_so_with_fresh_ids() {
    let mut net = Net::connected_pair(1);
    net.run(Duration::from_secs(10));
    let from = net.sent.len();
    net.run(Duration::from_secs(600));
    let checks: Vec<&Sent> =
        net.sent[from..].iter().filter(|sent| sent.by == 0 && class(sent) == Class::Request).collect();
    assert!((95..=155).contains(&checks.len()), "{}", checks.len());
    let mut ids: Vec<_> =
        checks.iter().map(|sent| Message::parse(&sent.bytes).unwrap().transaction_id()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), checks.len());
    for two in checks.windows(2) {
        let gap = two[1].at - two[0].at;
        assert!((Duration::from_secs(4)..=Duration::from_secs(6)).contains(&gap), "{gap:?}");
    }
    // The controlling agent repeats its nomination, the controlled one never nominates.
    assert!(checks.iter().all(|sent| Message::parse(&sent.bytes).unwrap().has_use_candidate()));
    assert!(
        net.sent
            .iter()
            .filter(|sent| sent.by == 1)
            .all(|sent| { !Message::parse(&sent.bytes).unwrap().has_use_candidate() })
    );
    assert!(net.is_connected());
}

#[test]
fn silence_disconnects_and_then_ends_it() {
    let mut net = Net::connected_pair(2);
    net.run(Duration::from_secs(7));
    net.blocked = |_| true;
    let cut = net.now;
    net.run_until(Duration::from_secs(60), |net| net.agents[0].state() == ConnectionState::Disconnected);
    let disconnected = net.now - cut;
    assert!(disconnected <= Duration::from_secs(8), "{disconnected:?}");
    assert!(net.agents[0].selected_path().is_some(), "consent still stands");
    net.run_until(Duration::from_secs(60), |net| net.agents[0].state() == ConnectionState::Failed);
    let failed = net.now - cut;
    assert!(failed > Duration::from_secs(23) && failed <= Duration::from_secs(30), "{failed:?}");
    assert_eq!(net.agents[0].selected_path(), None);
    assert_eq!(net.agents[0].poll_timeout(), None);
    // RFC 7675, section 5.1: nothing is sent any more.
    let sent = net.sent.iter().filter(|sent| sent.by == 0).count();
    net.run(Duration::from_secs(100));
    assert_eq!(net.sent.iter().filter(|sent| sent.by == 0).count(), sent);
}

#[test]
fn a_short_outage_passes() {
    for seconds in [3, 10, 20] {
        let mut net = Net::connected_pair(seconds);
        net.delay = 10..30;
        let path = net.agents[0].selected_path();
        net.blocked = |_| true;
        net.run(Duration::from_secs(seconds));
        net.blocked = |_| false;
        let back = net.now;
        net.run_until(Duration::from_secs(10), Net::is_connected);
        net.run(Duration::from_secs(1));
        assert!(net.is_connected() && net.agree(), "{seconds}");
        assert!(net.now - back <= Duration::from_secs(4));
        assert_eq!(net.agents[0].selected_path(), path);
    }
}

#[test]
fn a11_requests_do_not_renew_consent() {
    let mut net = Net::connected_pair(4);
    net.run(Duration::from_secs(1));
    // The peer's requests arrive, its responses do not: they are dropped on the way to agent 0.
    let cut = net.now;
    net.drop_responses_to = Some(0);
    while net.now - cut < Duration::from_secs(29) && net.agents[0].selected_path().is_some() {
        net.run(Duration::from_millis(100));
    }
    net.run_until(Duration::from_secs(2), |net| net.agents[0].selected_path().is_none());
    assert!(net.now - cut <= Duration::from_secs(30));
    assert_eq!(net.agents[0].selected_path(), None);
    assert_eq!(net.agents[0].state(), ConnectionState::Failed);
    assert!(net.agents[0].stats().requests_received > 3, "requests kept coming");
}

#[test]
fn consent_ends_whatever_call_comes_first() {
    // No handle_timeout: any other call sees to it as well.
    for call in 0..3 {
        let mut net = Net::connected_pair(5);
        let late = net.now + Duration::from_secs(31);
        let agent = &mut net.agents[0];
        match call {
            0 => drop(agent.poll_transmit(late, &mut Vec::new())),
            1 => agent.handle_timeout(late),
            _ => agent.remote_candidates_ended(late),
        }
        assert_eq!(agent.selected_path(), None, "call {call}");
        assert_eq!(agent.state(), ConnectionState::Failed);
    }
}

#[test]
fn an_idle_agent_has_nothing_to_do_for_seconds() {
    let mut net = Net::connected_pair(6);
    net.run(Duration::from_secs(50));
    let wakes = net.wakes;
    net.run(Duration::from_secs(100));
    // About 20 consent checks of each side, sent and answered.
    assert!(net.wakes - wakes < 200, "{}", net.wakes - wakes);
}

#[test]
fn close_ends_it_and_the_peer_notices() {
    let mut net = Net::connected_pair(7);
    let now = net.now;
    net.agents[0].close(now);
    net.agents[0].close(now);
    net.run(Duration::from_secs(1));
    assert_eq!(net.events[0].last(), Some(&Event::StateChanged(ConnectionState::Closed)));
    assert_eq!((net.agents[0].selected_path(), net.agents[0].poll_timeout()), (None, None));
    net.run(Duration::from_secs(31));
    assert_eq!(net.agents[1].state(), ConnectionState::Failed);
    assert!(net.agents[0].restart(net.now) == *net.agents[0].local_credentials());
    assert_eq!(net.agents[0].state(), ConnectionState::Closed);
}
