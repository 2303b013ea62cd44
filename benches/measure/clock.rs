use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A reading of the clock that counts the CPU time of this thread: what others do on the machine hardly moves it.
#[derive(Clone, Copy, Debug)]
pub(super) struct ThreadTime(Duration);

impl ThreadTime {
    pub(super) fn now() -> Self {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
        Self(Duration::new(seconds, nanos))
    }

    pub(super) fn elapsed(self) -> Duration {
        Self::now().0.saturating_sub(self.0)
    }
}
