//! Reliable messages.

use std::collections::BTreeMap;

use bytes::Bytes;
use drywire_core::{Duration, Rng};
use drywire_sctp::SendOptions;

use crate::side::{Letter, Side};
use crate::world::Case;

/// What was sent, by stream. Even streams are ordered.
pub(crate) type Sent = BTreeMap<u16, Vec<Bytes>>;

pub(crate) fn body(rng: &mut Rng, len: usize) -> Bytes {
    let mut data = vec![0; len];
    rng.fill(&mut data);
    data.into()
}

fn len(rng: &mut Rng) -> usize {
    let up_to = |rng: &mut Rng, most: u32| usize::try_from(1 + rng.below(most)).unwrap();
    match rng.below(16) {
        0..=5 => up_to(rng, 64),
        6..=9 => up_to(rng, 1_200),
        // About what fits into one packet.
        10..=12 => 1_100 + up_to(rng, 100),
        13..=14 => up_to(rng, 20_000),
        _ => [65_535, 65_536, 100_001, 256 << 10][up_to(rng, 4) - 1],
    }
}

/// Sends a random message on a random stream.
fn send(side: &mut Side, sent: &mut Sent, rng: &mut Rng) -> usize {
    let stream = u16::try_from(rng.below(8)).unwrap();
    let options = if stream.is_multiple_of(2) { SendOptions::ordered() } else { SendOptions::unordered() };
    let len = len(rng);
    let data = body(rng, len);
    sent.entry(stream).or_default().push(data.clone());
    side.send(Letter { stream, data, options });
    len
}

/// Whether as much has come as was sent.
pub(crate) fn has_come(sent: &Sent, side: &Side) -> bool {
    sent.iter().all(|(stream, sent)| side.inbox.get(stream).map_or(0, Vec::len) >= sent.len())
}

/// All has come that was sent, once, and on even streams in order.
pub(crate) fn assert_come(sent: &Sent, side: &Side) {
    let mut came = side.inbox.clone();
    came.retain(|_, came| !came.is_empty());
    assert!(came.keys().eq(sent.keys()), "messages on other streams");
    for (stream, mut came) in came {
        let mut sent = sent[&stream].clone();
        if !stream.is_multiple_of(2) {
            sent.sort();
            came.sort();
        }
        let lens = |messages: &[Bytes]| messages.iter().map(Bytes::len).collect::<Vec<_>>();
        let (sent_lens, came_lens) = (lens(&sent), lens(&came));
        assert!(sent == came, "stream {stream}: sent {sent_lens:?}, came {came_lens:?}; {}", side.report());
    }
}

pub(crate) fn all_sizes_arrive_whatever_is_lost(case: &Case) {
    let mut rng = case.rng();
    let mut world = case.connected(&case.setup());
    let mut sent = [Sent::new(), Sent::new()];
    let mut total = 0;
    while total < 400_000 {
        let side = usize::try_from(rng.below(2)).unwrap();
        total += send(world.side(side), &mut sent[side], &mut rng);
        if rng.below(4) == 0 {
            world.run_for(Duration::from_millis(u64::from(rng.below(200))));
        }
    }
    world.run_until(|sides| {
        let [ours, theirs] = sides.sides();
        has_come(&sent[0], theirs) && has_come(&sent[1], ours)
    });
    // What comes too often would come now.
    world.run_for(Duration::from_secs(60));
    assert_come(&sent[0], world.theirs());
    assert_come(&sent[1], world.ours());
}

pub(crate) fn a_slow_reader_loses_nothing(case: &Case) {
    let mut rng = case.rng();
    let mut setup = case.setup();
    // Little more than the longest message: the windows close.
    setup.ours.receive_window = 300_000;
    setup.theirs.max_receiver_window_buffer_size = 400_000;
    let mut world = case.connected(&setup);
    let mut sent = [Sent::new(), Sent::new()];
    for (side, sent) in sent.iter_mut().enumerate() {
        world.side(side).set_reading(false);
        let mut total = 0;
        while total < 1_500_000 {
            total += send(world.side(side), sent, &mut rng);
        }
    }
    for _ in 0..6 {
        for side in 0..2 {
            world.side(side).set_reading(rng.below(2) == 0);
        }
        world.run_for(Duration::from_millis(u64::from(rng.below(20_000))));
    }
    for side in 0..2 {
        world.side(side).set_reading(true);
    }
    world.run_until(|sides| {
        let [ours, theirs] = sides.sides();
        has_come(&sent[0], theirs) && has_come(&sent[1], ours)
    });
    world.run_for(Duration::from_secs(60));
    assert_come(&sent[0], world.theirs());
    assert_come(&sent[1], world.ours());
}
