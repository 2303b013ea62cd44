use drywire_core::Protocol;
use drywire_stun::{RetransmissionConfig, TransactionId};
use proptest::prelude::*;

use super::*;
use crate::FailureReason;
use crate::pair::Check;

#[allow(clippy::disallowed_methods, reason = "tests may read a clock")]
fn now() -> Instant {
    Instant::now()
}

fn local(index: u8) -> Candidate {
    Candidate::host(format!("10.0.0.{index}:5000").parse().unwrap(), u16::from(index))
}

fn remote(index: u8, foundation: &str) -> Candidate {
    let address = format!("10.0.1.{index}:5000").parse().unwrap();
    Candidate::remote(Protocol::Udp, CandidateKind::Host, address, 1000 + u32::from(index), foundation)
}

fn reflexive(index: u8) -> Candidate {
    Candidate { kind: CandidateKind::PeerReflexive, ..remote(index, "same") }
}

fn states(list: &Checklist) -> Vec<PairState> {
    list.pairs().iter().map(|pair| pair.state).collect()
}

#[test]
fn one_pair_of_a_foundation_goes_first_and_frees_the_others() {
    let mut list = Checklist::new(100);
    list.add_local(now(), local(1), Role::Controlling);
    for index in 1..4 {
        list.add_remote(now(), remote(index, "a"), Role::Controlling);
    }
    list.add_remote(now(), remote(9, "b"), Role::Controlling);
    use PairState::{Frozen, Succeeded, Waiting};
    assert_eq!(states(&list), [Waiting, Frozen, Frozen, Waiting]);
    let first = list.pairs()[0].id;
    list.pair_mut(first).unwrap().state = Succeeded;
    list.unfreeze(first);
    assert_eq!(states(&list), [Succeeded, Waiting, Waiting, Waiting]);
    // A pair that comes later to a foundation that has succeeded does not wait either.
    list.add_remote(now(), remote(4, "a"), Role::Controlling);
    assert_eq!(states(&list)[4], Waiting);
}

#[test]
fn a_foundation_that_failed_gives_the_next_one_a_try() {
    let mut list = Checklist::new(100);
    list.add_local(now(), local(1), Role::Controlling);
    for index in 1..4 {
        list.add_remote(now(), remote(index, "a"), Role::Controlling);
    }
    let first = list.next_ordinary(|_| true).unwrap();
    assert_eq!(first, list.pairs()[0].id);
    let config = RetransmissionConfig::default();
    let start = now();
    let mut check = Check::start(TransactionId::new([7; 12]), Role::Controlling, false, config, start);
    let pair = list.pair_mut(first).unwrap();
    (pair.state, pair.check) = (PairState::InProgress, Some(check));
    // Nothing else as long as an answer may be on its way.
    assert_eq!(list.next_ordinary(|_| true), None);
    // It had to be sent again: others are not held up any longer.
    assert!(check.schedule.expire(start + config.rto).is_some());
    list.pair_mut(first).unwrap().check = Some(check);
    assert_eq!(list.next_ordinary(|_| true), Some(list.pairs()[2].id));
    list.pair_mut(first).unwrap().fail(now(), FailureReason::Timeout);
    // The best of the rest: the highest priority.
    assert_eq!(list.next_ordinary(|_| true), Some(list.pairs()[2].id));
}

#[test]
fn what_a_check_has_shown_is_paired_with_all_once_it_is_signalled() {
    let mut list = Checklist::new(100);
    for index in 1..4 {
        list.add_local(now(), local(index), Role::Controlling);
    }
    let mut shown = remote(1, "p");
    shown.kind = CandidateKind::PeerReflexive;
    let shown = list.push_remote(shown);
    let first = list.locals[0].id;
    list.add_pair(now(), first, shown, Role::Controlling).unwrap();
    assert_eq!(list.pairs().len(), 1, "it came to one of our addresses");
    list.add_remote(now(), remote(1, "a"), Role::Controlling);
    assert_eq!((list.remotes().len(), list.pairs().len()), (1, 3));
    list.add_remote(now(), remote(1, "a"), Role::Controlling);
    assert_eq!((list.remotes().len(), list.pairs().len()), (1, 3));
}

#[test]
fn the_best_pair_goes_first() {
    let mut list = Checklist::new(100);
    list.add_local(now(), local(1), Role::Controlled);
    list.add_local(now(), local(2), Role::Controlled);
    for index in 1..4 {
        list.add_remote(now(), remote(index, &index.to_string()), Role::Controlled);
    }
    let mut order = Vec::new();
    while let Some(id) = list.next_ordinary(|_| true) {
        let pair = list.pair_mut(id).unwrap();
        pair.state = PairState::Failed;
        order.push(pair.priority);
    }
    assert_eq!(order.len(), 6);
    assert!(order.windows(2).all(|two| two[0] > two[1]));
}

#[test]
fn peer_reflexive_candidates_share_no_foundation() {
    let mut list = Checklist::new(100);
    list.add_local(now(), local(1), Role::Controlled);
    for index in 1..4 {
        list.add_remote(now(), reflexive(index), Role::Controlled);
    }
    assert!(states(&list).iter().all(|state| *state == PairState::Waiting));
}

#[test]
fn the_worst_pair_gives_way_and_busy_ones_stay() {
    let mut list = Checklist::new(3);
    list.add_local(now(), local(1), Role::Controlling);
    for index in 1..4 {
        list.add_remote(now(), remote(index, &index.to_string()), Role::Controlling);
    }
    let worst = list.pairs()[0].id;
    // A worse one is not taken, a better one is, in place of the worst.
    list.add_remote(now(), remote(0, "0"), Role::Controlling);
    assert_eq!(list.pairs().len(), 3);
    list.add_remote(now(), remote(9, "9"), Role::Controlling);
    assert!(list.pair(worst).is_none());
    // Valid and triggered ones stay, whatever comes.
    let kept: Vec<PairId> = list.pairs().iter().map(|pair| pair.id).collect();
    list.pair_mut(kept[0]).unwrap().valid = true;
    list.trigger(kept[1]);
    list.pair_mut(kept[2]).unwrap().valid = true;
    list.add_remote(now(), remote(10, "10"), Role::Controlling);
    assert_eq!(list.pairs().iter().map(|pair| pair.id).collect::<Vec<_>>(), kept);
    // A failed one goes even for a worse one.
    list.pair_mut(kept[2]).unwrap().fail(now(), FailureReason::Timeout);
    list.add_remote(now(), remote(11, "11"), Role::Controlling);
    assert!(list.pair(kept[2]).is_none());
}

#[test]
fn a_restart_forgets_the_peer_and_keeps_our_sockets() {
    let mut list = Checklist::new(100);
    list.add_local(now(), local(1), Role::Controlling);
    let mut seen = local(2);
    seen.kind = CandidateKind::PeerReflexive;
    list.add_local(now(), seen, Role::Controlling);
    list.add_remote(now(), remote(1, "a"), Role::Controlling);
    let id = list.pairs()[0].id;
    list.trigger(id);
    list.restart();
    assert_eq!(list.locals().count(), 1);
    assert!(list.pairs().is_empty() && list.remotes().is_empty() && !list.has_triggered());
}

proptest! {
    /// Whatever is added in whatever order, there is one pair per path, and never too many.
    #[test]
    fn pairs_are_unique_and_bounded(steps in proptest::collection::vec((any::<bool>(), 0..12_u8, any::<bool>()), 0..60), max in 1..20_usize) {
        let mut list = Checklist::new(max);
        for (ours, index, flag) in steps {
            if ours {
                list.add_local(now(), local(index), Role::Controlling);
            } else {
                list.add_remote(now(), if flag { reflexive(index) } else { remote(index, "f") }, Role::Controlling);
            }
            prop_assert!(list.pairs().len() <= max);
        }
        let mut paths: Vec<Path> = list.pairs().iter().map(|pair| pair.path).collect();
        paths.sort();
        paths.dedup();
        prop_assert_eq!(paths.len(), list.pairs().len());
    }
}
