use std::fmt;

use drywire_core::Rng;

/// How often something happens to a datagram, in parts per million.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Probability(u32);

impl Probability {
    /// It never happens.
    pub const NEVER: Self = Self(0);
    /// It always happens.
    pub const ALWAYS: Self = Self(1_000_000);

    /// `n` of 100; above 100 means always.
    #[must_use]
    pub const fn percent(n: u32) -> Self {
        Self::per_million(n.saturating_mul(10_000))
    }

    /// `n` of 1,000; above 1,000 means always.
    #[must_use]
    pub const fn per_mille(n: u32) -> Self {
        Self::per_million(n.saturating_mul(1_000))
    }

    /// `n` of 1,000,000; above that means always.
    #[must_use]
    pub const fn per_million(n: u32) -> Self {
        if n > Self::ALWAYS.0 { Self::ALWAYS } else { Self(n) }
    }

    /// Draws. Takes nothing from `rng` when the answer is certain, so that switching an effect off does not change
    /// the others.
    pub fn draw(self, rng: &mut Rng) -> bool {
        match self {
            Self::NEVER => false,
            Self::ALWAYS => true,
            Self(n) => rng.below(Self::ALWAYS.0) < n,
        }
    }
}

impl fmt::Display for Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:04} %", self.0 / 10_000, self.0 % 10_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_about_as_often_as_it_says() {
        let mut rng = Rng::new([1; 32]);
        let mut count = |p: Probability| (0..10_000).filter(|_| p.draw(&mut rng)).count();
        assert_eq!(count(Probability::NEVER), 0);
        assert_eq!(count(Probability::percent(250)), 10_000);
        assert!((1_800..2_200).contains(&count(Probability::percent(20))));
        assert!((50..150).contains(&count(Probability::per_mille(10))));
        assert_eq!(Probability::per_mille(15).to_string(), "1.5000 %");
    }
}
