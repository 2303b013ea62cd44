use crate::Instant;

/// A timer of a machine, as an index into its [`TimerTable`]. Implement it on a field-less enum.
pub trait TimerIndex: Copy + 'static {
    /// All timers, in the order of their indices.
    const ALL: &'static [Self];

    /// The position of this timer in [`ALL`](Self::ALL).
    fn index(self) -> usize;
}

/// A fixed set of timers, `N` of them, each armed or not.
///
/// `N` is the number of timers of `T` and is small; the earliest deadline is kept, so asking for it is O(1).
#[derive(Clone, Debug)]
pub struct TimerTable<T, const N: usize> {
    deadlines: [Option<Instant>; N],
    earliest: Option<Instant>,
    timer: std::marker::PhantomData<T>,
}

impl<T: TimerIndex, const N: usize> Default for TimerTable<T, N> {
    fn default() -> Self {
        Self { deadlines: [None; N], earliest: None, timer: std::marker::PhantomData }
    }
}

impl<T: TimerIndex, const N: usize> TimerTable<T, N> {
    /// Arms `timer` for `at`, in place of what it was armed for.
    pub fn arm(&mut self, timer: T, at: Instant) {
        if let Some(slot) = self.deadlines.get_mut(timer.index())
            && *slot != Some(at)
        {
            *slot = Some(at);
            self.refresh();
        }
    }

    /// Disarms `timer`.
    pub fn disarm(&mut self, timer: T) {
        if let Some(slot) = self.deadlines.get_mut(timer.index())
            && slot.take().is_some()
        {
            self.refresh();
        }
    }

    /// Disarms all timers.
    pub fn clear(&mut self) {
        self.deadlines = [None; N];
        self.earliest = None;
    }

    /// When `timer` expires, if it is armed.
    #[must_use]
    pub fn deadline(&self, timer: T) -> Option<Instant> {
        self.deadlines.get(timer.index()).copied().flatten()
    }

    /// Whether `timer` is armed.
    #[must_use]
    pub fn is_armed(&self, timer: T) -> bool {
        self.deadline(timer).is_some()
    }

    /// When the next timer expires.
    #[must_use]
    pub const fn earliest(&self) -> Option<Instant> {
        self.earliest
    }

    /// Takes one timer that has expired by `now` and disarms it; the earliest first.
    pub fn expire(&mut self, now: Instant) -> Option<T> {
        let earliest = self.earliest.filter(|at| *at <= now)?;
        let timer = *T::ALL.iter().find(|timer| self.deadline(**timer) == Some(earliest))?;
        self.disarm(timer);
        Some(timer)
    }

    fn refresh(&mut self) {
        self.earliest = self.deadlines.iter().flatten().min().copied();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Duration;

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Timer {
        A,
        B,
    }

    impl TimerIndex for Timer {
        const ALL: &'static [Self] = &[Self::A, Self::B];
        fn index(self) -> usize {
            match self {
                Self::A => 0,
                Self::B => 1,
            }
        }
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "tests may read a clock")]
    fn expires_in_order_and_once() {
        let start = Instant::now();
        let mut timers = TimerTable::<Timer, 2>::default();
        assert_eq!(timers.earliest(), None);
        timers.arm(Timer::A, start + Duration::from_secs(2));
        timers.arm(Timer::B, start + Duration::from_secs(1));
        assert_eq!(timers.expire(start), None);
        assert_eq!(timers.expire(start + Duration::from_secs(3)), Some(Timer::B));
        assert!(!timers.is_armed(Timer::B));
        assert_eq!(timers.expire(start + Duration::from_secs(3)), Some(Timer::A));
        assert_eq!(timers.expire(start + Duration::from_secs(3)), None);
        assert_eq!(timers.earliest(), None);
    }
}
