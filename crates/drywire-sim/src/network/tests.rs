use bytes::BytesMut;

use super::*;
use crate::{Probability, origin};
use proptest::prelude::*;

/// Sends a train at each tick, echoes what comes with one byte less, and keeps what it saw.
struct Chatter {
    path: Path,
    next: Option<Instant>,
    every: Duration,
    left: u32,
    queue: Vec<Vec<u8>>,
    train: bool,
    heard: Vec<(Instant, Vec<u8>)>,
    polls_between_inputs: Vec<u32>,
}

impl Chatter {
    fn new(path: Path, first: Option<Instant>, left: u32) -> Self {
        Self {
            path,
            next: first,
            every: Duration::from_millis(20),
            left,
            queue: Vec::new(),
            train: false,
            heard: Vec::new(),
            polls_between_inputs: vec![0],
        }
    }
}

impl Node for Chatter {
    fn handle_input(&mut self, now: Instant, path: Path, datagram: BytesMut) {
        assert_eq!(path, self.path);
        if datagram.len() > 1 {
            self.queue.push(datagram[1..].to_vec());
        }
        self.heard.push((now, datagram.to_vec()));
        self.polls_between_inputs.push(0);
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.next.is_some_and(|at| at <= now) {
            self.left -= 1;
            self.train = true;
            self.next = (self.left > 0).then(|| now + self.every);
        }
    }

    fn poll_transmit(&mut self, _now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        if let Some(polls) = self.polls_between_inputs.last_mut() {
            *polls += 1;
        }
        if std::mem::take(&mut self.train) {
            out.extend_from_slice(&[1, 2, 3, 4, 5, 6, 7]);
            return Some(Transmit { segment_size: Some(3), ..Transmit::datagram(self.path, 7) });
        }
        let datagram = self.queue.pop()?;
        out.extend_from_slice(&datagram);
        Some(Transmit::datagram(self.path, datagram.len()))
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.next
    }
}

fn path() -> Path {
    Path::udp("192.0.2.1:1".parse().unwrap(), "192.0.2.2:2".parse().unwrap())
}

fn two(start: Instant, link: Link, seed: u8, trains: u32) -> (Network<Chatter>, NodeId, NodeId) {
    let mut network = Network::new(start, [seed; 32]);
    network.set_default_link(link);
    let a = network.add(Chatter::new(path(), Some(start), trains), &[path().local]);
    let b = network.add(Chatter::new(path().reversed(), None, 0), &[path().remote]);
    (network, a, b)
}

#[test]
fn splits_trains_and_jumps_in_time() {
    let start = origin();
    let (mut network, a, b) = two(start, Link::new().delay(Duration::from_secs(3600)), 1, 1);
    assert_eq!(
        network.run_until(|network| network[a].heard.len() == 2, Duration::from_secs(7201)),
        Outcome::Reached
    );
    let at = start + Duration::from_secs(3600);
    assert_eq!(network[b].heard, [(at, vec![1, 2, 3]), (at, vec![4, 5, 6]), (at, vec![7])]);
    assert_eq!(network.elapsed(), Duration::from_secs(7200));
    assert_eq!(network.run_for(Duration::from_secs(10)), Outcome::Limit);
    assert_eq!(network.run_for(Duration::from_secs(36_000)), Outcome::Idle);
    assert_eq!(network.elapsed(), Duration::from_secs(43_210));
}

#[test]
fn delivers_batches_when_asked() {
    let start = origin();
    for batching in [false, true] {
        let (mut network, _, b) = two(start, Link::new().delay(Duration::from_millis(1)), 1, 1);
        network.set_batching(batching);
        assert_eq!(
            network.run_until(|network| network[b].heard.len() == 3, Duration::from_secs(1)),
            Outcome::Reached
        );
        assert_eq!(network[b].polls_between_inputs[1] == 0, batching);
    }
}

#[test]
fn routes_filters_and_counts() {
    let start = origin();
    let (mut network, a, b) = two(start, Link::new(), 1, 1);
    network.record_trace();
    network.set_filter(|_, _, datagram| datagram.len() != 1);
    network[a].queue.push(vec![9; 4]);
    network.inject(Path::udp("192.0.2.1:1".parse().unwrap(), "192.0.2.9:9".parse().unwrap()), b"nobody");
    assert_eq!(network.run_for(Duration::from_secs(1)), Outcome::Idle);
    assert_eq!(network.stats().unroutable, 1);
    assert!(network.stats().dropped >= 1);
    assert!(network.trace().iter().any(|entry| entry.fate == Fate::Filtered && entry.len == 1));
    assert_eq!(network.stats().sent, network.stats().delivered + network.stats().dropped + 1);

    network.clear_filter();
    network[a].path.local = "192.0.2.7:7".parse().unwrap();
    network[a].queue.push(vec![9; 4]);
    assert_eq!(network.run_for(Duration::from_secs(1)), Outcome::Idle);
    assert_eq!(network.stats().foreign_source, 1);

    network.remove_address(path().remote);
    network[a].path.local = path().local;
    network[a].queue.push(vec![9; 4]);
    let heard = network[b].heard.len();
    assert_eq!(network.run_for(Duration::from_secs(1)), Outcome::Idle);
    assert_eq!(network[b].heard.len(), heard);
}

#[test]
fn links_can_differ_by_direction_and_path() {
    let start = origin();
    let (mut network, a, b) = two(start, Link::new(), 1, 1);
    network.set_link(b, a, Link::down());
    assert_eq!(network.run_for(Duration::from_secs(1)), Outcome::Idle);
    assert_eq!((network[b].heard.len(), network[a].heard.len()), (3, 0));
    network.set_path_link(path().remote, path().local, Link::new());
    network[b].queue.push(vec![1]);
    assert_eq!(network.run_for(Duration::from_secs(1)), Outcome::Idle);
    assert_eq!(network[a].heard.len(), 1);
}

/// Asks to be woken at once, for ever; and maybe sends, for ever.
struct Restless {
    now: Instant,
    sends: bool,
}

impl Node for Restless {
    fn handle_input(&mut self, _now: Instant, _path: Path, _datagram: BytesMut) {}
    fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
    }
    fn poll_transmit(&mut self, _now: Instant, _out: &mut Vec<u8>) -> Option<Transmit> {
        self.sends.then(|| Transmit::datagram(path(), 0))
    }
    fn poll_timeout(&self) -> Option<Instant> {
        Some(self.now)
    }
}

#[test]
fn finds_nodes_that_do_not_rest() {
    let start = origin();
    let mut network: Network<Box<dyn Node>> = Network::new(start, [1; 32]);
    let id = network.add(Box::new(Restless { now: start, sends: false }), &[path().local]);
    assert_eq!(network.run_for(Duration::from_secs(1)), Outcome::Busy(id));
    let mut network: Network<Box<dyn Node>> = Network::new(start, [1; 32]);
    let id = network.add(Box::new(Restless { now: start, sends: true }), &[path().local]);
    assert_eq!(network.run_for(Duration::from_secs(1)), Outcome::Flood(id));
}

#[test]
fn captures_what_is_sent() {
    /// A sink that others can look into.
    #[derive(Clone, Default)]
    struct Shared(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);
    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let sink = Shared::default();
    let (mut network, _, b) = two(origin(), Link::down(), 1, 1);
    network.capture(Box::new(sink.clone())).unwrap();
    assert_eq!(network.run_for(Duration::from_secs(1)), Outcome::Idle);
    assert!(network[b].heard.is_empty());
    assert_eq!(sink.0.lock().unwrap().len(), 24 + 3 * (16 + 28) + 7);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_same_seed_gives_the_same_run(
        seed in any::<u8>(), other in any::<u8>(), loss in 0_u32..60, reorder in 0_u32..60, duplicate in 0_u32..60, corrupt in 0_u32..60, jitter in 0_u64..50,
    ) {
        let start = origin();
        let link = Link::new().delay(Duration::from_millis(10)).jitter(Duration::from_millis(jitter))
            .loss(Probability::percent(loss)).duplicate(Probability::percent(duplicate)).corrupt(Probability::percent(corrupt))
            .reorder(Probability::percent(reorder), Duration::from_millis(30)).bandwidth(1_000_000, 10_000);
        let run = |seed| {
            let (mut network, a, b) = two(start, link.clone(), seed, 30);
            network.record_trace();
            let outcome = network.run_for(Duration::from_secs(60));
            (outcome, network.trace().to_vec(), network.stats(), network[a].heard.clone(), network[b].heard.clone())
        };
        let first = run(seed);
        prop_assert_eq!(first.0, Outcome::Idle);
        prop_assert_eq!(&first, &run(seed));
        if jitter > 10 && seed != other {
            prop_assert_ne!(&first.1, &run(other).1);
        }
    }
}
