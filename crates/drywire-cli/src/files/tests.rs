//! A client that sends to a server that keeps files, in virtual time, over a network that goes away in between.

use std::net::SocketAddr;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use drywire::crypto::{CertificateOptions, CertifiedKey};
use drywire::{Config, Endpoint, EndpointConfig, Instant, Path, Transmit, WallClock};
use drywire_file::Outcome;
use drywire_sim::{Link, Network, Node, NodeId};
use drywire_tokio::Application;
use tokio::sync::oneshot;

use super::courier::{Courier, End, Interruption, Job};
use super::folder::Source;
use super::outgoing::Outgoing;
use super::*;
use crate::echo::Echo;

/// An application behind its endpoint.
struct Machine<A> {
    endpoint: Endpoint,
    application: A,
}

/// Either end.
enum Host {
    Server(Box<Machine<Echo>>),
    Client(Box<Machine<Courier>>),
}

impl Host {
    fn endpoint(&mut self) -> &mut Endpoint {
        match self {
            Self::Server(machine) => &mut machine.endpoint,
            Self::Client(machine) => &mut machine.endpoint,
        }
    }
}

impl<A: Application> Machine<A> {
    fn react(&mut self, now: Instant) {
        while let Some((id, event)) = self.endpoint.poll_event() {
            self.application.handle_event(now, &mut self.endpoint, id, event);
        }
    }
}

impl Node for Host {
    fn handle_input(&mut self, now: Instant, path: Path, datagram: BytesMut) {
        self.endpoint().handle_input(now, path, datagram);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.endpoint().handle_timeout(now);
    }

    fn react(&mut self, now: Instant) {
        match self {
            Self::Server(machine) => machine.react(now),
            Self::Client(machine) => machine.react(now),
        }
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        self.endpoint().poll_transmit(now, out)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Server(machine) => machine.endpoint.poll_timeout(),
            Self::Client(machine) => machine.endpoint.poll_timeout(),
        }
    }
}

fn address(host: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, host], 5000))
}

fn config() -> Arc<Config> {
    let provider = drywire::default_provider();
    let since_epoch = Duration::from_secs(1_760_000_000);
    let certificate = CertifiedKey::self_signed(&*provider, &CertificateOptions::new(since_epoch)).unwrap();
    let wall_clock = WallClock::new(drywire_sim::origin(), since_epoch);
    Arc::new(Config::new(provider, Arc::new(certificate), wall_clock))
}

struct World {
    network: Network<Host>,
    server: NodeId,
    client: NodeId,
}

impl World {
    fn new(file: &FilePath, kept: &FilePath) -> Self {
        let now = drywire_sim::origin();
        let endpoint = |host: u8| {
            let mut endpoint = Endpoint::new(EndpointConfig::default(), now, [host; 32]);
            endpoint.add_local_address(now, address(host));
            endpoint
        };
        let provider = drywire::default_provider();
        let rules = Rules { max_len: 1 << 30, rereads: false };
        let uploads = Uploads::new(provider.clone(), Folder::open(kept).unwrap(), rules);
        let source = Source::open(&*provider, file).unwrap();
        let job = Job::Send(Outgoing::new(&*provider, source));
        let server = Machine { endpoint: endpoint(1), application: Echo::new(config(), Some(uploads)) };
        let client = Machine { endpoint: endpoint(2), application: Courier::new(provider, job) };
        let mut network = Network::new(now, [9; 32]);
        network.set_default_link(Link::new().delay(Duration::from_millis(10)));
        let server = network.add(Host::Server(Box::new(server)), &[address(1)]);
        let client = network.add(Host::Client(Box::new(client)), &[address(2)]);
        Self { network, server, client }
    }

    fn courier(&mut self) -> &mut Machine<Courier> {
        match &mut self.network[self.client] {
            Host::Client(machine) => machine,
            Host::Server(_) => panic!("not the client"),
        }
    }

    fn connect(&mut self) -> oneshot::Receiver<Result<End, Interruption>> {
        let now = self.network.now();
        let machine = self.courier();
        let (offer, end) = machine.application.offer(now, &mut machine.endpoint, config()).unwrap();
        let Host::Server(server) = &mut self.network[self.server] else { panic!("not the server") };
        let answer = server.application.answer(now, &mut server.endpoint, &offer).unwrap();
        let machine = self.courier();
        machine.application.take_answer(now, &mut machine.endpoint, &answer.1).unwrap();
        end
    }

    /// Runs until `done` yields something.
    fn until<T>(&mut self, mut done: impl FnMut(&mut Self) -> Option<T>) -> T {
        for _ in 0..20_000 {
            let _ = self.network.run_for(Duration::from_millis(5));
            let now = self.network.now();
            self.courier().application.check(now);
            if let Some(value) = done(self) {
                return value;
            }
        }
        panic!("not within 100 seconds");
    }
}

/// A file to send, and where it is kept.
struct Files {
    folder: PathBuf,
    data: Vec<u8>,
}

impl Files {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("drywire-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let data: Vec<u8> =
            (0..4_000_000_u32).map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
        std::fs::write(folder.join("a.bin"), &data).unwrap();
        Self { folder, data }
    }

    fn world(&self) -> World {
        World::new(&self.folder.join("a.bin"), &self.folder.join("kept"))
    }

    fn assert_kept(self) {
        assert!(std::fs::read(self.folder.join("kept/a.bin")).unwrap() == self.data, "the file differs");
        std::fs::remove_dir_all(self.folder).unwrap();
    }
}

fn begun(world: &mut World) {
    world.until(|world| (world.courier().application.progress().acknowledged > 1_000_000).then_some(()));
}

#[test]
fn a_lost_connection_is_followed_by_another_and_the_transfer_goes_on() {
    let files = Files::new("lost");
    let mut world = files.world();
    let mut end = world.connect();
    begun(&mut world);
    world.network.set_default_link(Link::down());
    let before = world.network.now();
    let lost = world.until(|_| end.try_recv().ok());
    assert!(matches!(lost, Err(Interruption::NoPath)), "{lost:?}");
    // The next consent check within 6 seconds, 2 of silence, and the patience.
    let waited = world.network.now() - before;
    assert!(waited < Duration::from_secs(14), "{waited:?}");

    // The server has not noticed anything yet.
    world.network.set_default_link(Link::new().delay(Duration::from_millis(10)));
    let mut end = world.connect();
    let over = world.until(|_| end.try_recv().ok());
    assert!(matches!(over, Ok(End::Over(Outcome::Done(_)))), "{over:?}");
    let Job::Send(outgoing) = &world.courier().application.job else { panic!("not sending") };
    assert!(outgoing.offset > 1_000_000, "it began at {}", outgoing.offset);
    files.assert_kept();
}

#[test]
fn a_short_silence_is_waited_for() {
    let files = Files::new("silence");
    let mut world = files.world();
    let mut end = world.connect();
    begun(&mut world);
    world.network.set_default_link(Link::down());
    let again = world.network.now() + Duration::from_secs(4);
    world.until(|world| (world.network.now() >= again).then_some(()));
    world.network.set_default_link(Link::new().delay(Duration::from_millis(10)));
    let over = world.until(|_| end.try_recv().ok());
    assert!(matches!(over, Ok(End::Over(Outcome::Done(_)))), "{over:?}");
    let Job::Send(outgoing) = &world.courier().application.job else { panic!("not sending") };
    assert_eq!(outgoing.offset, 0, "one connection");
    files.assert_kept();
}
