//! Messages that are given up after a time or a number of retransmissions (RFC 3758, RFC 7496).

use bytes::Bytes;
use drywire_core::{Duration, Rng};
use drywire_sctp::SendOptions;
use drywire_sim::Probability;

use crate::messages::{Sent, body};
use crate::side::{Letter, Side};
use crate::world::{Case, Setup, World};

/// What was sent, and whether it may be given up. Even streams are ordered; streams below 4 are reliable.
#[derive(Default)]
struct Mixed {
    sent: Sent,
}

/// The streams of messages that may be given up.
const LIMITED: std::ops::Range<u16> = 4..8;

/// What a side may give up.
#[derive(Clone, Copy)]
struct May {
    give_up: bool,
    /// Ordered messages after a time.
    expire_in_order: bool,
}

impl Mixed {
    fn send(&mut self, side: &mut Side, stream: u16, data: Bytes, limits: Option<SendOptions>) {
        let plain = if stream.is_multiple_of(2) { SendOptions::ordered() } else { SendOptions::unordered() };
        let mut options = limits.unwrap_or(plain);
        options.ordered = plain.ordered;
        self.sent.entry(stream).or_default().push(data.clone());
        side.send(Letter { stream, data, options });
    }

    fn send_some(&mut self, side: &mut Side, rng: &mut Rng, may: May) {
        let stream = u16::try_from(rng.below(8)).unwrap();
        let longest = if rng.below(4) == 0 { 12_000 } else { 900 };
        // Long enough to be told from all others.
        let len = usize::try_from(16 + rng.below(longest)).unwrap();
        let data = body(rng, len);
        let in_time = may.expire_in_order || !stream.is_multiple_of(2);
        let limits = (may.give_up && LIMITED.contains(&stream)).then(|| match in_time && rng.below(2) == 0 {
            true => {
                SendOptions::ordered().with_lifetime(Duration::from_millis(u64::from(1 + rng.below(400))))
            }
            false => SendOptions::ordered().with_max_retransmits(rng.below(3)),
        });
        self.send(side, stream, data, limits);
    }

    /// A reliable message on each stream: once it is there, nothing before it is waited for.
    fn send_last(&mut self, side: &mut Side, rng: &mut Rng) {
        for stream in 0..8 {
            let data = body(rng, 16);
            self.send(side, stream, data, None);
        }
    }

    /// What is reliable has come, the rest at most once; on even streams in order. Returns how many are missing.
    fn check(&self, side: &Side) -> usize {
        let mut missing = 0;
        for (stream, sent) in &self.sent {
            let came = side.inbox.get(stream).map_or(&[][..], Vec::as_slice);
            let mut positions: Vec<_> = came
                .iter()
                .map(|data| sent.iter().position(|sent| sent == data).expect("a message that was sent"))
                .collect();
            if !stream.is_multiple_of(2) {
                positions.sort_unstable();
            }
            assert!(positions.windows(2).all(|pair| pair[0] < pair[1]), "stream {stream}: {positions:?}");
            if !LIMITED.contains(stream) {
                assert_eq!(came.len(), sent.len(), "stream {stream}: {positions:?}, {}", side.report());
            }
            assert!(came.contains(sent.last().unwrap()), "stream {stream} is held up: {positions:?}");
            missing += sent.len() - came.len();
        }
        missing
    }
}

/// Exchanges messages of all kinds. Returns how many each side misses.
///
/// Their side does not give up everything in every way (`dcsctp` 0.1.16): without I-DATA, the TSN by which it says that the
/// rest of a message is dropped may lie between the fragments of another message, which is lost by that; and the rest of an
/// ordered message whose time is over it drops without a word, so that what is after it on its stream waits for ever.
fn exchange(case: &Case, setup: &Setup, world: &mut World) -> [usize; 2] {
    let interleaved = setup.ours.interleaving && setup.theirs.enable_message_interleaving;
    let may = [
        May { give_up: true, expire_in_order: true },
        May { give_up: interleaved && setup.theirs.enable_partial_reliability, expire_in_order: false },
    ];
    let mut rng = case.rng();
    let mut mixed = [Mixed::default(), Mixed::default()];
    for _ in 0..300 {
        let side = usize::try_from(rng.below(2)).unwrap();
        mixed[side].send_some(world.side(side), &mut rng, may[side]);
        if rng.below(3) == 0 {
            world.run_for(Duration::from_millis(u64::from(rng.below(60))));
        }
    }
    for (side, mixed) in mixed.iter_mut().enumerate() {
        mixed.send_last(world.side(side), &mut rng);
    }
    world.run_for(Duration::from_secs(1_200));
    [mixed[0].check(world.theirs()), mixed[1].check(world.ours())]
}

pub(crate) fn what_is_given_up_holds_up_nothing(case: &Case) {
    let mut setup = case.setup();
    setup.link = setup.link.loss(Probability::percent(20));
    setup.ours.interleaving = case.seed.is_multiple_of(2);
    setup.theirs.enable_message_interleaving = case.seed.is_multiple_of(2);
    let [ours, theirs] = exchange(case, &setup, &mut case.connected(&setup));
    assert!(ours > 0, "nothing was given up");
    assert_eq!(theirs > 0, case.seed.is_multiple_of(2));
}

pub(crate) fn who_does_not_know_of_it_gets_everything(case: &Case) {
    let mut setup = case.setup();
    setup.theirs.enable_partial_reliability = false;
    // With I-DATA it offers I-FORWARD-TSN all the same, and aborts when one comes (`dcsctp` 0.1.16).
    setup.theirs.enable_message_interleaving = false;
    assert_eq!(exchange(case, &setup, &mut case.connected(&setup)), [0, 0]);
}
