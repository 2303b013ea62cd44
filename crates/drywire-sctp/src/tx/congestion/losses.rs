use drywire_core::Duration;

use super::Ack;

/// Tells the losses of a full queue from those that the path has whoever sends how much: the former come only where there is a
/// queue. What is lost while there is none says how much the path loses anyway; where a queue loses no more than that, nobody
/// is in anybody's way.
#[derive(Debug, Default)]
pub(super) struct Losses {
    /// What was told of without a queue, the older the less.
    clear: Tally,
    /// What was told of in this round, and how much of it had met a queue.
    round: Tally,
    queued: Tally,
    /// The least round trip of this round.
    rtt: Option<Duration>,
    /// The latest round trip showed a queue.
    queue: bool,
    /// All that was told of in the round before.
    before: usize,
}

/// Bytes that have arrived, and bytes that have not.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    arrived: usize,
    lost: usize,
}

/// What a round trip was like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) loss: Loss,
    /// All its round trips met a queue.
    pub(super) queue: bool,
    /// How much it had in flight, or the one before if that was more: losses are found a round later.
    pub(super) flight: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// None that says anything.
    Harmless,
    /// A queue has overflowed: others are there, or this flow fills it alone.
    Crowded,
    /// There is no queue, and yet it is too much to go on.
    Excessive,
}

/// A path that loses more than this part without a queue, in percent, is not only unlucky: a short queue, or a policer.
const LIMIT: usize = 10;
/// A round trip longer than the least one by this part of it, and by this much, has met a queue.
const QUEUE_PART: u32 = 10;
const QUEUE_LEAST: Duration = Duration::from_millis(2);
/// Of how many packets without a queue it is counted how many were lost.
const MEMORY: usize = 4_000;
/// By how many standard deviations there must be more losses than there would be by chance: than usual, and than the limit.
const UNUSUAL: usize = 3;
const BEYOND_LIMIT: usize = 2;

impl Tally {
    const fn all(self) -> usize {
        self.arrived.saturating_add(self.lost)
    }

    const fn add(&mut self, ack: &Ack) {
        self.arrived = self.arrived.saturating_add(ack.bytes);
        self.lost = self.lost.saturating_add(ack.lost);
    }
}

impl Losses {
    /// An acknowledgement on a path of which the shortest round trip took `least`.
    pub(super) fn note(&mut self, ack: &Ack, least: Option<Duration>, mtu: usize) {
        if let Some(rtt) = ack.rtt {
            self.rtt = Some(self.rtt.map_or(rtt, |least| least.min(rtt)));
            self.queue = is_queue(rtt, least);
        }
        self.round.add(ack);
        if self.queue {
            return self.queued.add(ack);
        }
        self.clear.add(ack);
        if self.clear.all() > MEMORY.saturating_mul(mtu) {
            self.clear = Tally { arrived: self.clear.arrived / 2, lost: self.clear.lost / 2 };
        }
    }

    /// A round trip is over.
    pub(super) fn end_round(&mut self, least: Option<Duration>, mtu: usize) -> Verdict {
        let (round, queued) = (std::mem::take(&mut self.round), std::mem::take(&mut self.queued));
        let before = std::mem::replace(&mut self.before, round.all());
        let queue = self.rtt.take().is_some_and(|rtt| is_queue(rtt, least));
        // Losses are independent of each other, so that the variance of their number is the number that is expected.
        let deviation = |expected: usize| expected.saturating_mul(mtu).isqrt();
        let usual = queued.all().saturating_mul(self.clear.lost) / self.clear.all().max(1);
        // Where there are losses without a queue a single one means nothing.
        let single = if self.clear.lost >= mtu { mtu } else { 0 };
        let limit = round.all() / 100 * LIMIT;
        let loss = if queued.lost > usual + UNUSUAL * deviation(usual) + single {
            Loss::Crowded
        } else if round.lost > limit + BEYOND_LIMIT * deviation(limit) + mtu {
            Loss::Excessive
        } else {
            Loss::Harmless
        };
        Verdict { loss, queue, flight: round.all().max(before) }
    }
}

fn is_queue(rtt: Duration, least: Option<Duration>) -> bool {
    least.is_some_and(|least| rtt > least.saturating_add((least / 100 * QUEUE_PART).max(QUEUE_LEAST)))
}

#[cfg(test)]
mod tests {
    use drywire_core::Instant;

    use super::*;

    const MTU: usize = 1_000;
    const LEAST: Duration = Duration::from_millis(50);

    /// A round of 100 packets of which these were lost.
    #[allow(clippy::disallowed_methods, reason = "tests may read a clock")]
    fn round(losses: &mut Losses, rtt: u64, lost: usize) -> Verdict {
        let rtt = Duration::from_millis(rtt);
        let ack = Ack {
            now: Instant::now(),
            bytes: (100 - lost) * MTU,
            lost: lost * MTU,
            in_flight: 0,
            limited: true,
            recovering: false,
            round: true,
            rtt: Some(rtt),
            smoothed: rtt,
            rate: None,
        };
        losses.note(&ack, Some(LEAST), MTU);
        losses.end_round(Some(LEAST), MTU)
    }

    #[test]
    fn a_path_that_loses_nothing_is_crowded_when_its_queue_does() {
        let mut losses = Losses::default();
        assert_eq!(round(&mut losses, 50, 0).loss, Loss::Harmless);
        assert_eq!(
            round(&mut losses, 70, 0),
            Verdict { loss: Loss::Harmless, queue: true, flight: 100 * MTU }
        );
        assert_eq!(round(&mut losses, 70, 1).loss, Loss::Crowded);
        // Without a queue it is bad luck.
        assert_eq!(
            round(&mut losses, 51, 1),
            Verdict { loss: Loss::Harmless, queue: false, flight: 100 * MTU }
        );
    }

    #[test]
    fn a_path_that_loses_anyway_is_crowded_when_its_queue_loses_more() {
        let mut losses = Losses::default();
        for _ in 0..30 {
            assert_eq!(round(&mut losses, 50, 5).loss, Loss::Harmless);
        }
        for lost in [0, 5, 10, 12] {
            assert_eq!(round(&mut losses, 70, lost).loss, Loss::Harmless, "{lost}");
        }
        for lost in [14, 30, 100] {
            assert_eq!(round(&mut losses, 70, lost).loss, Loss::Crowded, "{lost}");
        }
    }

    #[test]
    fn what_the_path_loses_is_learned_anew() {
        let mut losses = Losses::default();
        for _ in 0..30 {
            round(&mut losses, 50, 5);
        }
        for _ in 0..400 {
            round(&mut losses, 50, 0);
        }
        assert_eq!(round(&mut losses, 70, 1).loss, Loss::Crowded);
    }

    #[test]
    fn nothing_excuses_excessive_losses() {
        let mut losses = Losses::default();
        assert_eq!(round(&mut losses, 50, 15).loss, Loss::Harmless);
        assert_eq!(round(&mut losses, 50, 25).loss, Loss::Excessive);
    }
}
