use std::net::{Ipv4Addr, SocketAddr};

use bytes::BytesMut;
use drywire_core::{Instant, Path, Transmit};

use crate::{Link, Network, Node, NodeId};

/// A machine on a pipe: it has one peer and knows no addresses (DTLS, SCTP, data channels).
pub trait Pipe {
    /// A packet arrived. Machines that take `Bytes` are given `packet.freeze()`.
    fn handle_input(&mut self, now: Instant, packet: BytesMut);

    /// The time that [`poll_timeout`](Pipe::poll_timeout) asked for has come.
    fn handle_timeout(&mut self, now: Instant);

    /// The application's turn: drain the events and act on them. Does nothing by default.
    fn react(&mut self, now: Instant) {
        let _ = now;
    }

    /// Appends one packet to `out` and says how long it is.
    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize>;

    /// When this machine wants [`handle_timeout`](Pipe::handle_timeout) to be called; `None` is never.
    fn poll_timeout(&self) -> Option<Instant>;
}

/// A [`Pipe`] made a [`Node`] by giving it a path: everything it sends goes there.
#[derive(Clone, Debug)]
pub struct OnPath<P> {
    /// The machine.
    pub pipe: P,
    /// The path that its packets take.
    pub path: Path,
}

impl<P: Pipe> Node for OnPath<P> {
    fn handle_input(&mut self, now: Instant, _path: Path, datagram: BytesMut) {
        self.pipe.handle_input(now, datagram);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.pipe.handle_timeout(now);
    }

    fn react(&mut self, now: Instant) {
        self.pipe.react(now);
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        self.pipe.poll_transmit(now, out).map(|len| Transmit::datagram(self.path, len))
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.pipe.poll_timeout()
    }
}

/// Two machines on the two ends of a pipe, with `link` as either direction of it.
///
/// ```
/// # use bytes::BytesMut;
/// # use drywire_core::{Duration, Instant};
/// # use drywire_sim::{Link, Outcome, Pipe, pair};
/// struct Ball(u32);
///
/// impl Pipe for Ball {
///     fn handle_input(&mut self, _now: Instant, packet: BytesMut) {
///         self.0 = packet.iter().map(|byte| u32::from(*byte)).sum();
///     }
///     fn handle_timeout(&mut self, _now: Instant) {}
///     fn poll_transmit(&mut self, _now: Instant, out: &mut Vec<u8>) -> Option<usize> {
///         // The packet that comes back is one shorter.
///         let len = usize::try_from(std::mem::take(&mut self.0)).ok()?.checked_sub(1)?;
///         out.extend(std::iter::repeat_n(1, len));
///         Some(len)
///     }
///     fn poll_timeout(&self) -> Option<Instant> {
///         None
///     }
/// }
///
/// let link = Link::new().delay(Duration::from_millis(10));
/// let (mut network, _, _) = pair(Ball(5), Ball(0), drywire_sim::origin(), link, [1; 32]);
/// assert_eq!(network.run_for(Duration::from_secs(1)), Outcome::Idle);
/// assert_eq!(network.stats().delivered, 5);
/// ```
pub fn pair<P: Pipe>(
    a: P,
    b: P,
    start: Instant,
    link: Link,
    seed: [u8; 32],
) -> (Network<OnPath<P>>, NodeId, NodeId) {
    // Addresses of TEST-NET-1 (RFC 5737).
    let address = |host| SocketAddr::from((Ipv4Addr::new(192, 0, 2, host), 5000));
    let path = Path::udp(address(1), address(2));
    let mut network = Network::new(start, seed);
    network.set_default_link(link);
    let a = network.add(OnPath { pipe: a, path }, &[path.local]);
    let b = network.add(OnPath { pipe: b, path: path.reversed() }, &[path.remote]);
    (network, a, b)
}
