use std::time::SystemTime;

use drywire::{Duration, Instant, WallClock};

/// The time, as every drywire machine takes it.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "this adapter is where the clock is read")]
pub fn now() -> Instant {
    Instant::now()
}

/// The time of day, as the time since 1970-01-01 UTC. A system clock before 1970 counts as 1970.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "this adapter is where the clock is read")]
pub fn since_epoch() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO)
}

/// The time of day against [`now`], which peer connections need for the timestamps of RTCP.
#[must_use]
pub fn wall_clock() -> WallClock {
    WallClock::new(now(), since_epoch())
}
