//! Two sides and the link between them.

use std::net::{Ipv4Addr, SocketAddr};

use dcsctp::api::Options;
use dcsctp::api::ZERO_CHECKSUM_ALTERNATE_ERROR_DETECTION_METHOD_LOWER_LAYER_DTLS as OVER_DTLS;
use drywire_core::{Duration, Instant, Path, Rng};
use drywire_sctp::{Association, Config};
use drywire_sim::{Link, Network, NodeId, OnPath, Outcome, Probability};

use crate::capture::Capture;
use crate::side::{News, Side};

/// The port of SCTP over UDP (RFC 6951): a capture says by it what is inside.
const PORT: u16 = 9899;
/// How long a scenario may take.
const LONG: Duration = Duration::from_secs(24 * 3_600);

/// One run of a scenario.
pub(crate) struct Case {
    pub(crate) seed: u64,
    capture: Option<(Capture, u16)>,
}

/// What both sides are set to.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) ours: Config,
    pub(crate) theirs: Options,
    pub(crate) link: Link,
}

impl Case {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, capture: None }
    }

    /// The same, written to a capture; `number` tells it from all others there.
    pub(crate) fn captured(seed: u64, capture: &Capture, number: u16) -> Self {
        Self { seed, capture: Some((capture.clone(), number)) }
    }

    /// What this case draws by chance.
    pub(crate) fn rng(&self) -> Rng {
        Rng::new(self.bytes(1))
    }

    fn bytes(&self, purpose: u8) -> [u8; 32] {
        let mut bytes = [purpose; 32];
        bytes[..8].copy_from_slice(&self.seed.to_be_bytes());
        bytes
    }

    /// Settings and a link by chance. Neither side ever gives up the other one.
    pub(crate) fn setup(&self) -> Setup {
        let mut rng = Rng::new(self.bytes(2));
        let mut ours = Config::default();
        ours.max_retransmits = u32::MAX;
        ours.max_init_retransmits = 1_000;
        ours.initial_tsn = (rng.below(2) == 0).then(|| u32::MAX - rng.below(100));
        ours.zero_checksum = rng.below(2) == 0;
        ours.interleaving = rng.below(2) == 0;
        let mut theirs = Options {
            max_retransmissions: None,
            max_init_retransmits: None,
            max_timer_backoff_duration: Some(Duration::from_secs(10)),
            enable_message_interleaving: rng.below(2) == 0,
            ..Options::default()
        };
        if rng.below(2) == 0 {
            theirs.zero_checksum_alternate_error_detection_method = OVER_DTLS;
        }
        let link = Link::new()
            .delay(Duration::from_millis(u64::from(1 + rng.below(100))))
            .jitter(Duration::from_millis(u64::from(rng.below(20))))
            .loss(Probability::percent(rng.below(15)))
            .duplicate(Probability::percent(rng.below(10)))
            .reorder(
                Probability::percent(rng.below(20)),
                Duration::from_millis(u64::from(1 + rng.below(60))),
            );
        Setup { ours, theirs, link }
    }

    /// The two sides, not connected.
    pub(crate) fn world(&self, setup: &Setup) -> World {
        fastrand::seed(self.seed);
        let start = drywire_sim::origin();
        let mut network = Network::new(start, self.bytes(3));
        network.set_default_link(setup.link.clone());
        let number = self.capture.as_ref().map_or(0, |(_, number)| *number);
        if let Some((capture, _)) = &self.capture {
            network.capture(Box::new(capture.session())).expect("the capture is written");
        }
        // Each case has addresses of its own: a dissector knows the association by them.
        let [high, low] = number.to_be_bytes();
        let address = |host| SocketAddr::from((Ipv4Addr::new(10, high, low, host), PORT));
        let path = Path::udp(address(1), address(2));
        let association = Association::new(setup.ours.clone(), start, self.bytes(4));
        let ours = network.add(OnPath { pipe: Side::ours(association, start), path }, &[path.local]);
        let socket = dcsctp::new_socket("dcsctp", &setup.theirs);
        let path = path.reversed();
        let theirs = network.add(OnPath { pipe: Side::theirs(socket, start), path }, &[path.local]);
        World { network, ours, theirs }
    }

    /// Connects the two sides: by ours, by theirs or by both at once.
    pub(crate) fn connect(&self, world: &mut World) {
        if !self.seed.is_multiple_of(3) {
            world.ours().connect();
        }
        if self.seed % 3 != 1 {
            world.theirs().connect();
        }
        world.run_until(|sides| sides.sides().iter().all(|side| side.news.contains(&News::Connected)));
    }

    /// The two sides, connected.
    pub(crate) fn connected(&self, setup: &Setup) -> World {
        let mut world = self.world(setup);
        self.connect(&mut world);
        world
    }
}

/// The two sides and the network between them.
pub(crate) struct World {
    pub(crate) network: Network<OnPath<Side>>,
    ours: NodeId,
    theirs: NodeId,
}

/// Both sides, to look at: ours first.
pub(crate) struct Sides<'a>(&'a Network<OnPath<Side>>, [NodeId; 2]);

impl<'a> Sides<'a> {
    pub(crate) fn sides(&self) -> [&'a Side; 2] {
        self.1.map(|id| &self.0[id].pipe)
    }
}

impl World {
    pub(crate) fn now(&self) -> Instant {
        self.network.now()
    }

    pub(crate) fn ours(&mut self) -> &mut Side {
        self.side(0)
    }

    pub(crate) fn theirs(&mut self) -> &mut Side {
        self.side(1)
    }

    /// Our side is 0, theirs is 1.
    pub(crate) fn side(&mut self, number: usize) -> &mut Side {
        let (now, id) = (self.now(), [self.ours, self.theirs][number]);
        self.network[id].pipe.at(now)
    }

    /// A side begins anew with nothing of what it knew.
    pub(crate) fn forget(&mut self, case: &Case, setup: &Setup, number: usize) {
        let now = self.now();
        *self.side(number) = match number {
            0 => Side::ours(Association::new(setup.ours.clone(), now, case.bytes(5)), now),
            _ => Side::theirs(dcsctp::new_socket("dcsctp", &setup.theirs), now),
        };
    }

    /// Runs until something is so.
    pub(crate) fn run_until(&mut self, mut reached: impl FnMut(&Sides<'_>) -> bool) {
        let ids = [self.ours, self.theirs];
        let outcome = self.network.run_until(|network| reached(&Sides(network, ids)), LONG);
        if outcome != Outcome::Reached {
            let sides = Sides(&self.network, ids).sides();
            panic!("{outcome:?}; {}\n{}", sides[0].report(), sides[1].report());
        }
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        let outcome = self.network.run_for(time);
        assert!(matches!(outcome, Outcome::Limit | Outcome::Idle), "{outcome:?}");
    }
}
