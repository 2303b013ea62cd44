use bytes::BytesMut;
use drywire_core::{Instant, Path, Rng};

/// The five verbs of a machine under test, and its commands behind a random choice.
///
/// `Send` is part of the contract of every machine.
pub(crate) trait Machine: Send {
    /// `handle_input`. Machines on a pipe ignore the path.
    fn handle_input(&mut self, now: Instant, path: Path, datagram: BytesMut);

    /// `handle_timeout`.
    fn handle_timeout(&mut self, now: Instant);

    /// Some command, with arguments drawn from `rng`: usual ones, and such as only a confused caller passes.
    fn command(&mut self, now: Instant, rng: &mut Rng);

    /// `poll_transmit`: the path (none for machines on a pipe) and the number of bytes it says it has appended.
    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<(Option<Path>, usize)>;

    /// `poll_event`: whether there was one.
    fn poll_event(&mut self, now: Instant) -> bool;

    /// `poll_timeout`.
    fn poll_timeout(&self) -> Option<Instant>;

    /// Whether it has got to where it is meant to get at some time: connected, say. Some runs must, or the test tests
    /// little.
    fn arrived(&self) -> bool;
}
