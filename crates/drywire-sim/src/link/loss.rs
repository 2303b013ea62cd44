use std::collections::BTreeSet;

use drywire_core::Rng;

use crate::Probability;

/// Which datagrams a link loses.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Loss {
    /// None.
    #[default]
    None,
    /// Each one independently of the others.
    Random(Probability),
    /// In bursts: a link that is well gets `bad` with one probability per datagram and well again with another, and
    /// loses everything in between (the model of Gilbert).
    Burst {
        /// How often a datagram finds the link going bad.
        bad: Probability,
        /// How often a datagram finds the link well again.
        well: Probability,
    },
    /// The datagrams with these positions, counted from 0 for the first one that was sent over the link.
    Exactly(BTreeSet<u64>),
    /// All from this position on.
    From(u64),
}

#[derive(Debug, Default)]
pub(super) struct State {
    count: u64,
    bad: bool,
}

impl State {
    /// Whether the next datagram is lost.
    pub(super) fn loses(&mut self, loss: &Loss, rng: &mut Rng) -> bool {
        let position = self.count;
        self.count += 1;
        match loss {
            Loss::None => false,
            Loss::Random(probability) => probability.draw(rng),
            Loss::Burst { bad, well } => {
                let turns = if self.bad { *well } else { *bad };
                self.bad ^= turns.draw(rng);
                self.bad
            }
            Loss::Exactly(positions) => positions.contains(&position),
            Loss::From(first) => position >= *first,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(loss: &Loss, count: usize) -> Vec<bool> {
        let (mut state, mut rng) = (State::default(), Rng::new([3; 32]));
        (0..count).map(|_| state.loses(loss, &mut rng)).collect()
    }

    #[test]
    fn loses_what_it_says() {
        assert!(lost(&Loss::None, 10).iter().all(|lost| !lost));
        assert_eq!(lost(&Loss::Exactly([0, 2].into()), 4), [true, false, true, false]);
        assert_eq!(lost(&Loss::From(2), 4), [false, false, true, true]);
        let random = lost(&Loss::Random(Probability::percent(30)), 10_000);
        assert!((2_700..3_300).contains(&random.iter().filter(|lost| **lost).count()));
    }

    #[test]
    fn bursts_are_longer_than_chance() {
        let burst = Loss::Burst { bad: Probability::percent(1), well: Probability::percent(20) };
        let lost = lost(&burst, 100_000);
        let total = lost.iter().filter(|lost| **lost).count();
        let bursts = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count();
        // The mean length of a burst is 1 / 20 %.
        assert!((4..=6).contains(&(total / bursts)));
    }
}
