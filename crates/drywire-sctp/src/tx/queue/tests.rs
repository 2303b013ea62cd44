use std::collections::VecDeque;

use bytes::Bytes;
use drywire_core::Instant;
use proptest::prelude::*;

use super::{OutboundStreams, QUANTUM};
use crate::config::Scheduler;
use crate::tx::messages::Messages;
use crate::{Ppid, SendOptions, StreamId};

/// What a packet takes.
const SPACE: usize = 1_100;

/// The queues of a sender whose peer has room for all.
struct Sender {
    streams: OutboundStreams,
    messages: Messages,
    now: Instant,
}

impl Sender {
    #[allow(clippy::disallowed_methods, reason = "tests may read a clock")]
    fn new(policy: Scheduler, interleaved: bool, window: usize) -> Self {
        let mut streams = OutboundStreams::new(0, policy);
        streams.begin(interleaved, 1 << 24);
        streams.set_window(window);
        Self { streams, messages: Messages::default(), now: Instant::now() }
    }

    fn push(&mut self, stream: u16, len: usize) {
        let (data, options) = (Bytes::from(vec![0; len]), SendOptions::ordered());
        let message = self.messages.insert(self.now, data, Ppid(53), options, (true, true)).unwrap();
        self.streams.push(StreamId(stream), &mut self.messages, message, len, None);
    }

    /// Sends a fragment: the stream, and how long it is.
    fn send(&mut self) -> Option<(u16, usize)> {
        let fragment = self.streams.peek(&self.messages, SPACE, SPACE)?;
        self.streams.advance(&mut self.messages, &fragment, usize::MAX, &mut VecDeque::new());
        Some((fragment.stream.0, fragment.len))
    }

    /// Which streams send so many fragments, and how many each in a row.
    fn runs(&mut self, fragments: usize) -> Vec<(u16, usize)> {
        let mut runs: Vec<(u16, usize)> = Vec::new();
        for _ in 0..fragments {
            let Some((stream, _)) = self.send() else { break };
            match runs.last_mut() {
                Some((last, count)) if *last == stream => *count += 1,
                _ => runs.push((stream, 1)),
            }
        }
        runs
    }
}

/// 8 KiB are eight fragments, the last of which goes beyond it.
#[test]
fn a_turn_takes_some_packets_of_a_message() {
    for policy in [Scheduler::RoundRobin, Scheduler::WeightedFair] {
        let mut sender = Sender::new(policy, true, 1 << 20);
        sender.push(1, 100_000);
        sender.push(2, 100_000);
        sender.push(3, 2_000);
        sender.push(3, 2_000);
        let runs = sender.runs(36);
        let expected = [(1, 8), (2, 8), (3, 2), (1, 8), (2, 8), (3, 2)];
        match policy {
            Scheduler::RoundRobin => assert_eq!(runs, expected),
            // One that sends less in its turn has it sooner again.
            _ => assert_eq!(runs[..5], [(1, 8), (2, 8), (3, 4), (1, 8), (2, 8)]),
        }
    }
}

#[test]
fn where_few_turns_fit_into_the_window_they_are_short() {
    let mut sender = Sender::new(Scheduler::WeightedFair, true, 12_000);
    sender.push(1, 100_000);
    sender.push(2, 100_000);
    assert_eq!(sender.runs(4), [(1, 1), (2, 1), (1, 1), (2, 1)]);
    sender.streams.set_window(48_000);
    assert_eq!(sender.runs(6), [(1, 3), (2, 3)]);
}

#[test]
fn one_that_was_idle_waits_for_no_turn_to_end() {
    let mut sender = Sender::new(Scheduler::WeightedFair, true, 1 << 20);
    sender.push(1, 100_000);
    assert_eq!(sender.runs(2), [(1, 2)]);
    sender.push(2, 500);
    // More of the one whose turn it is, or of one that waits, changes nothing.
    sender.push(1, 500);
    sender.push(2, 500);
    assert_eq!(sender.runs(10), [(2, 2), (1, 8)]);
}

/// RFC 8260, section 3.4: the highest priority first, always.
#[test]
fn priorities_know_no_turns() {
    let mut sender = Sender::new(Scheduler::Priority, true, 1 << 20);
    for (stream, weight) in [(1, 256), (2, 256), (3, 512)] {
        sender.streams.set_weight(StreamId(stream), weight);
    }
    sender.push(1, 100_000);
    sender.push(2, 100_000);
    assert_eq!(sender.runs(3), [(1, 1), (2, 1), (1, 1)]);
    sender.push(3, 3_000);
    assert_eq!(sender.runs(4), [(3, 3), (2, 1)]);
}

#[test]
fn without_interleaving_a_message_is_never_interrupted() {
    let mut sender = Sender::new(Scheduler::WeightedFair, false, 12_000);
    sender.push(1, 11_000);
    assert_eq!(sender.runs(1), [(1, 1)]);
    sender.push(2, 500);
    assert_eq!(sender.runs(10), [(1, 9), (2, 1)]);
}

#[test]
fn a_message_that_is_dropped_in_its_turn_holds_up_nobody() {
    let mut sender = Sender::new(Scheduler::WeightedFair, true, 1 << 20);
    sender.push(1, 100_000);
    sender.push(2, 2_000);
    assert_eq!(sender.runs(1), [(1, 1)]);
    sender.streams.drop_first(StreamId(1), &mut sender.messages, usize::MAX, &mut VecDeque::new());
    assert_eq!(sender.runs(10), [(2, 2)]);
    assert!(sender.streams.is_empty());
    sender.push(1, 100_000);
    sender.push(2, 2_000);
    sender.runs(1);
    sender.streams.drop_from(1, &mut sender.messages);
    assert!(sender.streams.is_empty() && sender.send().is_none());
}

proptest! {
    /// Whatever is written when, all of it is sent, and nobody who has something to send falls behind another by more
    /// than a turn of each and the length of a fragment.
    #[test]
    fn everybody_has_a_fair_part(
        steps in proptest::collection::vec((0_u16..4, 1_usize..40_000, 0_usize..30), 1..60),
        window in 1_000_usize..400_000,
    ) {
        let mut sender = Sender::new(Scheduler::WeightedFair, true, window);
        let (mut left, mut sent) = ([0_usize; 4], [0_usize; 4]);
        // What each had sent when it last began to have something to send, of itself and of the others.
        let mut began = [[0_usize; 4]; 4];
        for (stream, len, fragments) in steps.into_iter().chain([(0, 1, usize::MAX)]) {
            let at = usize::from(stream);
            if left[at] == 0 {
                began[at] = sent;
                for (began, sent) in began.iter_mut().zip([sent[at]; 4]) {
                    began[at] = sent;
                }
            }
            sender.push(stream, len);
            left[at] += len;
            for _ in 0..fragments {
                let Some((stream, len)) = sender.send() else { break };
                let at = usize::from(stream);
                left[at] -= len;
                sent[at] += len;
                for other in (0..4).filter(|other| left[*other] > 0 && left[at] > 0) {
                    let (ours, theirs) = (sent[at] - began[other][at], sent[other] - began[other][other]);
                    let most = 2 * (QUANTUM + SPACE);
                    prop_assert!(ours <= theirs + most, "{at} {ours}, {other} {theirs}");
                }
            }
        }
        prop_assert_eq!(left, [0; 4]);
        prop_assert!(sender.streams.is_empty());
    }
}
