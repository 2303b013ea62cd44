use std::time::SystemTime;

use drywire::{Duration, Instant, WallClock};

/// The time, as every drywire machine takes it.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "this adapter is where the clock is read")]
pub fn now() -> Instant {
    Instant::now()
}

/// The system's clock against [`now`], which machines need for the timestamps of RTCP and certificates.
///
/// A system clock before 1970 counts as 1970.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "this adapter is where the clock is read")]
pub fn wall_clock() -> WallClock {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    WallClock { instant: now(), since_epoch }
}
