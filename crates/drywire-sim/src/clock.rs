use drywire_core::Instant;

/// An instant to begin a virtual time line at.
///
/// An [`Instant`] cannot be made out of nothing, so this reads the clock of the host, once per call. Nothing that a
/// simulation does depends on which instant it is: only differences of instants count.
#[must_use]
#[allow(
    clippy::disallowed_methods,
    reason = "the only place of the simulator that reads a clock, as an arbitrary origin"
)]
pub fn origin() -> Instant {
    Instant::now()
}
