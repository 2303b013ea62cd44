use bytes::BytesMut;
use drywire_core::{Instant, Path, Transmit};

/// Something with addresses that lives on a [`Network`](crate::Network): a machine on a socket, or an application
/// around one.
///
/// The verbs are those of every machine (see `drywire_core`). Events are not part of the trait, because their types
/// differ: drain them in [`react`](Node::react).
pub trait Node {
    /// A datagram arrived. `path` is as this node sees it: `local` is its own address.
    fn handle_input(&mut self, now: Instant, path: Path, datagram: BytesMut);

    /// The time that [`poll_timeout`](Node::poll_timeout) asked for has come.
    fn handle_timeout(&mut self, now: Instant);

    /// The application's turn, after each input and timeout: drain the events and act on them. Does nothing by
    /// default.
    fn react(&mut self, now: Instant) {
        let _ = now;
    }

    /// Appends one datagram, or one train of datagrams, to `out`. The network splits trains.
    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit>;

    /// When this node wants [`handle_timeout`](Node::handle_timeout) to be called; `None` is never.
    fn poll_timeout(&self) -> Option<Instant>;
}

impl<T: Node + ?Sized> Node for Box<T> {
    fn handle_input(&mut self, now: Instant, path: Path, datagram: BytesMut) {
        (**self).handle_input(now, path, datagram);
    }

    fn handle_timeout(&mut self, now: Instant) {
        (**self).handle_timeout(now);
    }

    fn react(&mut self, now: Instant) {
        (**self).react(now);
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        (**self).poll_transmit(now, out)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        (**self).poll_timeout()
    }
}
