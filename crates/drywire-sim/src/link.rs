//! One direction of the way between two nodes.

mod bottleneck;
mod delay;
mod loss;

use bytes::BytesMut;
use drywire_core::{Duration, Instant, Protocol, Rng};

pub use bottleneck::Bottleneck;
pub use loss::Loss;

use crate::{Fate, Probability};
use delay::Delay;

/// What one direction of the way between two nodes does to datagrams. [`Link::new`] is perfect: at once, in order,
/// without loss.
///
/// What goes over TCP is only delayed: connections repair the rest.
///
/// A datagram meets the effects in this order: too large? lost? duplicated? does the queue before the bottleneck have
/// room? Then it is delayed, possibly out of order, and possibly damaged.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Link {
    /// How long a datagram travels.
    pub delay: Duration,
    /// Up to how much longer it travels, drawn for each datagram. Jitter alone does not reorder.
    pub jitter: Duration,
    /// How often a datagram is held back for up to [`reorder_delay`](Self::reorder_delay), so that later ones
    /// overtake it.
    pub reorder: Probability,
    /// Up to how much longer a reordered datagram travels.
    pub reorder_delay: Duration,
    /// Which datagrams are lost.
    pub loss: Loss,
    /// How often a datagram arrives twice.
    pub duplicate: Probability,
    /// How often a datagram arrives with one to eight of its bits flipped.
    pub corrupt: Probability,
    /// The longest datagram that arrives, in bytes of UDP payload.
    pub mtu: usize,
    /// The bandwidth, and the queue before it.
    pub bottleneck: Option<Bottleneck>,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            reorder: Probability::NEVER,
            reorder_delay: Duration::from_millis(20),
            loss: Loss::None,
            duplicate: Probability::NEVER,
            corrupt: Probability::NEVER,
            mtu: usize::MAX,
            bottleneck: None,
        }
    }
}

impl Link {
    /// A perfect link.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A link that carries nothing.
    #[must_use]
    pub fn down() -> Self {
        Self::new().loss(Probability::ALWAYS)
    }

    /// Sets the [`delay`](Self::delay).
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Sets the [`jitter`](Self::jitter).
    #[must_use]
    pub fn jitter(mut self, jitter: Duration) -> Self {
        self.jitter = jitter;
        self
    }

    /// Loses datagrams independently of each other; see [`Loss`] for other patterns.
    #[must_use]
    pub fn loss(mut self, probability: Probability) -> Self {
        self.loss = Loss::Random(probability);
        self
    }

    /// Sets how often datagrams are overtaken by others that were sent up to `delay` later.
    #[must_use]
    pub fn reorder(mut self, probability: Probability, delay: Duration) -> Self {
        self.reorder = probability;
        self.reorder_delay = delay;
        self
    }

    /// Sets how often datagrams arrive twice.
    #[must_use]
    pub fn duplicate(mut self, probability: Probability) -> Self {
        self.duplicate = probability;
        self
    }

    /// Sets how often datagrams arrive damaged.
    #[must_use]
    pub fn corrupt(mut self, probability: Probability) -> Self {
        self.corrupt = probability;
        self
    }

    /// Sets the longest datagram that arrives.
    #[must_use]
    pub fn mtu(mut self, bytes: usize) -> Self {
        self.mtu = bytes;
        self
    }

    /// Sets the bandwidth in bits per second and the queue before it in bytes.
    #[must_use]
    pub fn bandwidth(mut self, bits_per_second: u64, queue: usize) -> Self {
        self.bottleneck = Some(Bottleneck { bits_per_second, queue });
        self
    }
}

/// A link in use: its configuration, and what it remembers from one datagram to the next.
#[derive(Debug)]
pub(crate) struct LinkState {
    link: Link,
    loss: loss::State,
    queue: bottleneck::State,
    delay: Delay,
}

/// One arrival at the far end of a link.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) at: Instant,
    pub(crate) datagram: BytesMut,
}

impl LinkState {
    pub(crate) fn new(link: Link) -> Self {
        Self {
            link,
            loss: loss::State::default(),
            queue: bottleneck::State::default(),
            delay: Delay::default(),
        }
    }

    /// Sends `datagram`; tells `arrive` of each of its copies what became of it.
    pub(crate) fn carry(
        &mut self,
        now: Instant,
        rng: &mut Rng,
        protocol: Protocol,
        datagram: &[u8],
        mut arrive: impl FnMut(Fate, Option<Arrival>),
    ) {
        let is_down = matches!(self.link.loss, Loss::Random(Probability::ALWAYS));
        if protocol != Protocol::Udp && !is_down {
            // A connection makes good what the way does to it, and takes its time for that.
            let at = self.delay.arrival_in_order(&self.link, now, rng);
            let arrival = Arrival { at, datagram: BytesMut::from(datagram) };
            return arrive(Fate::Sent(at.saturating_duration_since(now)), Some(arrival));
        }
        if datagram.len() > self.link.mtu {
            return arrive(Fate::TooLarge, None);
        }
        if self.loss.loses(&self.link.loss, rng) {
            return arrive(Fate::Lost, None);
        }
        let copies = if self.link.duplicate.draw(rng) { 2 } else { 1 };
        for _ in 0..copies {
            let Some(leaves) = self.queue.enqueue(self.link.bottleneck, now, datagram.len()) else {
                arrive(Fate::QueueFull, None);
                continue;
            };
            let at = self.delay.arrival(&self.link, leaves, rng);
            let mut copy = BytesMut::from(datagram);
            let travels = at.saturating_duration_since(now);
            let damaged = !copy.is_empty() && self.link.corrupt.draw(rng);
            if damaged {
                flip_bits(&mut copy, rng);
            }
            let fate = if damaged { Fate::Damaged(travels) } else { Fate::Sent(travels) };
            arrive(fate, Some(Arrival { at, datagram: copy }));
        }
    }
}

/// Flips one to eight bits, never the same one back: the result always differs.
fn flip_bits(bytes: &mut [u8], rng: &mut Rng) {
    let bits = u32::try_from(bytes.len().saturating_mul(8)).unwrap_or(u32::MAX);
    let count = 1 + rng.below(8.min(bits));
    let first = rng.below(bits);
    for bit in 0..count {
        // Neighbouring bits, wrapping around: a burst, as damage on a wire is.
        let at = first.wrapping_add(bit) % bits;
        if let Some(byte) = usize::try_from(at / 8).ok().and_then(|index| bytes.get_mut(index)) {
            *byte ^= 1 << (at % 8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin;
    use drywire_core::Rng;
    use proptest::prelude::*;

    fn run(link: Link, seed: u8, sends: usize, gap: Duration) -> Vec<(Duration, Vec<u8>)> {
        let start = origin();
        let mut rng = Rng::new([seed; 32]);
        let mut state = LinkState::new(link);
        let mut arrivals = Vec::new();
        let mut now = start;
        for index in 0..sends {
            let datagram = u32::try_from(index).unwrap().to_be_bytes();
            state.carry(now, &mut rng, Protocol::Udp, &datagram, |_, arrival| {
                arrivals.extend(arrival.map(|arrival| (arrival.at - start, arrival.datagram.to_vec())));
            });
            now += gap;
        }
        arrivals.sort_by_key(|(at, _)| *at);
        arrivals
    }

    #[test]
    fn reorders_only_when_asked() {
        let jittery = Link::new().delay(Duration::from_millis(50)).jitter(Duration::from_millis(40));
        let in_order = run(jittery.clone(), 1, 500, Duration::from_millis(1));
        assert!(in_order.windows(2).all(|pair| pair[0].1 < pair[1].1));
        let reordering = jittery.reorder(Probability::percent(10), Duration::from_millis(20));
        let out_of_order = run(reordering, 1, 500, Duration::from_millis(1));
        assert_eq!(out_of_order.len(), 500);
        assert!(out_of_order.windows(2).any(|pair| pair[0].1 > pair[1].1));
    }

    #[test]
    fn duplicates_damages_and_limits_length() {
        assert_eq!(run(Link::new().duplicate(Probability::ALWAYS), 1, 10, Duration::ZERO).len(), 20);
        assert_eq!(run(Link::new().mtu(3), 1, 10, Duration::ZERO).len(), 0);
        let damaged = run(Link::new().corrupt(Probability::ALWAYS), 1, 100, Duration::from_millis(1));
        for (index, (_, bytes)) in damaged.iter().enumerate() {
            assert_ne!(*bytes, u32::try_from(index).unwrap().to_be_bytes());
        }
    }

    proptest! {
        #[test]
        fn every_datagram_has_a_fate_and_none_arrives_early(
            seed in any::<u8>(), delay in 0_u64..200, jitter in 0_u64..100, loss in 0_u32..=100, reorder in 0_u32..=100,
            duplicate in 0_u32..=100, corrupt in 0_u32..=100, mtu in 0_usize..2000, rate in 0_u64..10_000_000, len in 0_usize..2000,
        ) {
            let link = Link::new().delay(Duration::from_millis(delay)).jitter(Duration::from_millis(jitter))
                .loss(Probability::percent(loss)).reorder(Probability::percent(reorder), Duration::from_millis(30))
                .duplicate(Probability::percent(duplicate)).corrupt(Probability::percent(corrupt)).mtu(mtu).bandwidth(rate, 20_000);
            let start = origin();
            let mut rng = Rng::new([seed; 32]);
            let mut state = LinkState::new(link);
            for _ in 0..50 {
                let mut fates = 0;
                state.carry(start, &mut rng, Protocol::Udp, &vec![0x55; len], |fate, arrival| {
                    fates += 1;
                    match fate {
                        Fate::Sent(travels) | Fate::Damaged(travels) => {
                            let arrival = arrival.unwrap();
                            assert_eq!(arrival.at - start, travels);
                            assert!(travels >= Duration::from_millis(delay));
                            assert_eq!(arrival.datagram.len(), len);
                            assert_eq!(arrival.datagram.iter().all(|byte| *byte == 0x55), matches!(fate, Fate::Sent(_)));
                        }
                        _ => assert!(arrival.is_none()),
                    }
                });
                prop_assert!(fates == 1 || fates == 2);
            }
        }
    }
}
