//! Two peers, each in a namespace of its own and on a thread of its own, and the signalling between them.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use drywire::datachannel::{ChannelId, ChannelOptions, Message, MessageKind};
use drywire::jsep::DescriptionType;
use drywire::{
    CloseReason, Config, ConnectionState, Endpoint, EndpointConfig, Event, IceGatheringState, Instant,
    LocalCandidate, PeerId, PeerMut, Stats, crypto,
};
use drywire_tokio::{Driver, Handle, Socket, now, since_epoch, wall_clock};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use crate::internet::{Family, Internet};
use crate::namespace::Namespace;
use crate::server::{Server, tls};

const MESSAGE: usize = 16 * 1024;
/// Never, as tests go: the system tells of all changes.
const PERIOD: Duration = Duration::from_secs(3_600);

/// What a peer tells the test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Heard {
    /// The data channel is open.
    Opened,
    /// So many bytes have arrived in all, and a message that was the last for now.
    Received(usize),
    /// The state of the connection.
    State(ConnectionState),
    /// The end.
    Closed(CloseReason),
}

/// What a peer's thread tells the test's.
enum Told {
    Heard(Heard),
    /// For the other peer.
    Candidate(LocalCandidate),
    /// There are no more of them.
    NoMoreCandidates,
}

/// What distinguishes a peer from the others.
#[derive(Clone)]
pub(crate) struct Setup {
    /// Which addresses its host has.
    pub(crate) family: Family,
    /// The servers that it asks for candidates.
    pub(crate) servers: Vec<Server>,
    /// Whether it connects to peers over TCP.
    pub(crate) tcp: bool,
    /// Whether it listens for peers on TCP.
    pub(crate) listens: bool,
    /// Whether it tells names in the place of addresses.
    pub(crate) hides: bool,
    /// The port of its UDP sockets; 0 any.
    pub(crate) port: u16,
    /// Changes its configuration.
    pub(crate) adjust: fn(&mut Config),
}

impl Setup {
    /// UDP and these servers.
    pub(crate) fn new(family: Family, servers: &[Server]) -> Self {
        let servers = servers.to_vec();
        Self { family, servers, tcp: false, listens: false, hides: false, port: 0, adjust: |_| () }
    }

    /// A socket for each family, and all that a driver does to get out of the host.
    async fn start(self, number: usize, app: App) -> (Driver<App>, Handle<App>) {
        let wildcards = match self.family {
            Family::V4 => vec!["0.0.0.0:0"],
            Family::V6 => vec!["[::]:0"],
            Family::Dual => vec!["[::]:0", "0.0.0.0:0"],
        };
        let wildcards = wildcards.into_iter().map(|address| address.parse::<SocketAddr>().unwrap());
        let bound = |mut address: SocketAddr| {
            address.set_port(self.port);
            Socket::bind(address).unwrap()
        };
        let sockets: Vec<_> = wildcards.clone().map(bound).collect();
        let mut config = EndpointConfig::default();
        config.tcp = self.tcp;
        // Sooner than by default, so that tests need not wait for it.
        config.gathering.keepalive = Some(Duration::from_secs(1));
        config.gathering.filter = |local| !local.address.ip().is_loopback();
        if self.hides {
            config.gathering.hide_hosts = true;
            config.multicast_dns = Some(drywire::ice::mdns::Config::default());
        }
        let endpoint = Endpoint::new(config, now(), [u8::try_from(number).unwrap(); 32]);
        let (mut driver, handle) = Driver::new(endpoint, sockets, app);
        driver.watch_interfaces(PERIOD).unwrap();
        if self.hides {
            driver.multicast_dns().unwrap();
        }
        if self.listens {
            for address in wildcards {
                driver.listen(TcpListener::bind(address).await.unwrap()).unwrap();
            }
        }
        driver.set_tls(tls());
        for server in &self.servers {
            driver.add_ice_server(server.config(self.family)).unwrap();
        }
        (driver, handle)
    }
}

/// A peer, as the test sees it.
struct Peer {
    /// `None` when it is told to end.
    handle: Option<Handle<App>>,
    thread: Option<JoinHandle<()>>,
}

impl Peer {
    fn start(number: usize, namespace: &Namespace, setup: Setup, heard: Sender<(usize, Told)>) -> Self {
        let (sender, started) = channel();
        let thread = namespace.spawn(move || {
            Builder::new_current_thread().enable_all().build().unwrap().block_on(async move {
                let app = App::new(number, setup.adjust, heard);
                let (driver, handle) = setup.start(number, app).await;
                sender.send(handle).unwrap();
                driver.run().await.unwrap();
            });
        });
        let handle = started.recv().unwrap();
        Self { handle: Some(handle), thread: Some(thread) }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.handle.take());
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking(), "a peer has panicked");
    }
}

/// Two peers. The first one offers.
pub(crate) struct Pair {
    peers: [Peer; 2],
    heard: Receiver<(usize, Told)>,
    /// All that was heard, in order.
    log: Vec<(usize, Heard)>,
    /// Candidates that wait for the descriptions: from whom, and the lines.
    candidates: Vec<(usize, Option<String>, String)>,
    negotiated: bool,
    /// Bytes that each was told to send.
    sent: [usize; 2],
    runtime: Runtime,
}

impl Pair {
    /// One on each host.
    pub(crate) fn between(internet: &Internet) -> Self {
        Self::with_servers(internet, &[])
    }

    /// One on each host; both are given these servers.
    pub(crate) fn with_servers(internet: &Internet, servers: &[Server]) -> Self {
        let setup = |number| Setup::new(internet.family(number), servers);
        Self::start([&internet.host(0), &internet.host(1)], [setup(0), setup(1)])
    }

    /// Starts them.
    pub(crate) fn start(namespaces: [&Namespace; 2], setups: [Setup; 2]) -> Self {
        let (sender, heard) = channel();
        let [near, far] = setups;
        let peers =
            [Peer::start(0, namespaces[0], near, sender.clone()), Peer::start(1, namespaces[1], far, sender)];
        let runtime = Builder::new_current_thread().build().unwrap();
        Self {
            peers,
            heard,
            log: Vec::new(),
            candidates: Vec::new(),
            negotiated: false,
            sent: [0; 2],
            runtime,
        }
    }

    /// Runs `command` in one of them.
    pub(crate) fn call<R: Send + 'static>(
        &self,
        number: usize,
        command: impl FnOnce(Instant, &mut Endpoint, &mut App) -> R + Send + 'static,
    ) -> R {
        let handle = self.peers[number].handle.as_ref().unwrap();
        self.runtime.block_on(handle.call(command)).unwrap()
    }

    /// Offer and answer; until the data channel is open on both sides.
    pub(crate) fn connect(&mut self, limit: Duration) {
        self.call(0, |now, endpoint, app| app.create_peer(now, endpoint));
        self.negotiate(0);
        self.wait("both are open", limit, |log| {
            [0, 1].iter().all(|number| log.contains(&(*number, Heard::Opened)))
        });
    }

    /// An offer of one of them, and the answer.
    fn negotiate(&mut self, offerer: usize) {
        self.negotiated = false;
        let offer = self.call(offerer, |now, endpoint, app| {
            let mut peer = app.peer(endpoint);
            let offer = peer.create_offer(now).unwrap();
            peer.set_local_description(now, DescriptionType::Offer, &offer).unwrap();
            offer.to_string()
        });
        let answer = self.call(1 - offerer, move |now, endpoint, app| {
            if app.peer.is_none() {
                app.peer = Some(endpoint.create_peer(now, app.config.clone()).unwrap());
            }
            app.peer(endpoint).accept_offer(now, &offer.parse().unwrap()).unwrap().to_string()
        });
        self.call(offerer, move |now, endpoint, app| {
            let answer = answer.parse().unwrap();
            app.peer(endpoint).set_remote_description(now, DescriptionType::Answer, &answer).unwrap();
        });
        self.negotiated = true;
        self.trickle();
    }

    /// Restarts ICE.
    pub(crate) fn restart(&mut self, offerer: usize) {
        self.call(offerer, |now, endpoint, app| app.peer(endpoint).restart_ice(now));
        self.negotiate(offerer);
    }

    /// Has one of them send so many bytes.
    pub(crate) fn send(&mut self, number: usize, bytes: usize) {
        self.sent[number] += bytes;
        self.call(number, move |now, endpoint, app| {
            app.left += bytes;
            app.fill(now, endpoint);
        });
    }

    /// Has one of them send until it is told to [finish](Self::finish).
    pub(crate) fn stream(&mut self, number: usize) {
        self.call(number, move |now, endpoint, app| {
            app.left = usize::MAX;
            app.fill(now, endpoint);
        });
    }

    /// Has one of them send one more message, the last one.
    pub(crate) fn finish(&mut self, number: usize) {
        self.sent[number] = self.call(number, move |now, endpoint, app| {
            app.left = MESSAGE;
            let sent = app.sent + app.left;
            app.fill(now, endpoint);
            sent
        });
    }

    /// Waits until all that was sent has arrived.
    pub(crate) fn wait_for_all(&mut self, limit: Duration) {
        let sent = self.sent;
        self.wait("all has arrived", limit, |log| {
            [0, 1]
                .iter()
                .all(|from| sent[*from] == 0 || log.contains(&(1 - from, Heard::Received(sent[*from]))))
        });
    }

    /// Waits until what was heard satisfies `done`.
    pub(crate) fn wait(&mut self, what: &str, limit: Duration, done: impl Fn(&[(usize, Heard)]) -> bool) {
        let end = now() + limit;
        while !done(&self.log) {
            match self.heard.recv_timeout(end.saturating_duration_since(now())) {
                Ok((number, told)) => self.take(number, told),
                Err(error) => self.fail(&format!("{error} before {what}")),
            }
        }
    }

    /// Waits until `is_so`.
    pub(crate) fn wait_until(&mut self, what: &str, limit: Duration, is_so: impl Fn(&Self) -> bool) {
        let end = now() + limit;
        while !is_so(self) {
            if now() > end {
                self.fail(&format!("too late: {what}"));
            }
            // Candidates still come.
            if let Ok((number, told)) = self.heard.recv_timeout(Duration::from_millis(20)) {
                self.take(number, told);
            }
        }
    }

    /// Waits until both use the same path, and use it for a second: ICE goes on to better ones while data flows.
    pub(crate) fn settle(&mut self, limit: Duration) {
        let end = now() + limit;
        let mut last = None;
        loop {
            let pairs = [0, 1].map(|number| {
                self.stats(number)
                    .selected_pair
                    .map(|pair| (pair.nominated, pair.local.address, pair.remote.address))
            });
            if let [Some((true, ..)), Some((true, ..))] = pairs {
                if last == Some(pairs) {
                    return;
                }
                last = Some(pairs);
            }
            if now() > end {
                self.fail("no pair is nominated for good");
            }
            // Candidates still come.
            while let Ok((number, told)) = self.heard.recv_timeout(Duration::from_secs(1)) {
                self.take(number, told);
            }
        }
    }

    fn take(&mut self, number: usize, told: Told) {
        match told {
            Told::Heard(heard) => self.log.push((number, heard)),
            Told::Candidate(candidate) => {
                self.candidates.push((number, candidate.mid, candidate.candidate));
                self.trickle();
            }
            Told::NoMoreCandidates => {
                self.candidates.push((number, None, String::new()));
                self.trickle();
            }
        }
    }

    /// Tells each the other's candidates.
    fn trickle(&mut self) {
        if !self.negotiated {
            return;
        }
        for (number, mid, candidate) in std::mem::take(&mut self.candidates) {
            self.call(1 - number, move |now, endpoint, app| {
                app.peer(endpoint).add_remote_candidate(now, mid.as_deref(), &candidate).unwrap();
            });
        }
    }

    fn fail(&self, why: &str) -> ! {
        let stats = [0, 1].map(|number| {
            let stats = self.stats(number);
            (stats.state, stats.ice_state, stats.path, stats.selected_pair)
        });
        panic!("{why}: {:?}\n{stats:#?}", self.log);
    }

    /// What has been heard until now.
    pub(crate) fn log(&mut self) -> &[(usize, Heard)] {
        while let Ok((number, told)) = self.heard.try_recv() {
            self.take(number, told);
        }
        &self.log
    }

    /// Whether one of them has a candidate with this address.
    pub(crate) fn has(&self, number: usize, address: IpAddr) -> bool {
        self.call(number, move |_, endpoint, app| {
            let peer = endpoint.peer(app.peer.unwrap()).unwrap();
            peer.ice().local_candidates().any(|candidate| candidate.address.ip() == address)
        })
    }

    /// The figures of one of them.
    pub(crate) fn stats(&self, number: usize) -> Stats {
        self.call(number, |_, endpoint, app| app.peer(endpoint).stats())
    }
}

/// What runs in a peer: sends what it is told to, and says what it has received when a text comes.
pub(crate) struct App {
    number: usize,
    config: Arc<Config>,
    heard: Sender<(usize, Told)>,
    peer: Option<PeerId>,
    channel: Option<ChannelId>,
    /// Bytes still to send.
    left: usize,
    sent: usize,
    received: usize,
}

impl App {
    fn new(number: usize, adjust: fn(&mut Config), heard: Sender<(usize, Told)>) -> Self {
        let provider = drywire::default_provider();
        let options = crypto::CertificateOptions::new(since_epoch());
        let certificate = crypto::CertifiedKey::self_signed(&*provider, &options).unwrap();
        let mut config = Config::new(provider, Arc::new(certificate), wall_clock());
        adjust(&mut config);
        let config = Arc::new(config);
        Self { number, config, heard, peer: None, channel: None, left: 0, sent: 0, received: 0 }
    }

    fn create_peer(&mut self, now: Instant, endpoint: &mut Endpoint) {
        self.peer = Some(endpoint.create_peer(now, self.config.clone()).unwrap());
        self.peer(endpoint).create_data_channel(now, ChannelOptions::new("proof")).unwrap();
    }

    /// The peer connection.
    pub(crate) fn peer<'a>(&self, endpoint: &'a mut Endpoint) -> PeerMut<'a> {
        endpoint.peer_mut(self.peer.unwrap()).unwrap()
    }

    /// Writes what there is room for; the last of it is a text.
    fn fill(&mut self, now: Instant, endpoint: &mut Endpoint) {
        let mut peer = self.peer(endpoint);
        let mut channel = peer.channel(self.channel.unwrap()).unwrap();
        while self.left > 0 {
            let last = self.left <= MESSAGE;
            let len = self.left.min(MESSAGE);
            let message = if last { Message::text("7".repeat(len)) } else { Message::binary(vec![7; len]) };
            if channel.write(now, message).is_err() {
                return;
            }
            self.left -= len;
            self.sent += len;
        }
    }

    fn read(&mut self, endpoint: &mut Endpoint, channel: ChannelId) {
        let mut peer = self.peer(endpoint);
        let mut channel = peer.channel(channel).unwrap();
        while let Some(message) = channel.read() {
            self.received += message.data().len();
            if message.kind() == MessageKind::Text {
                self.tell(Heard::Received(self.received));
            }
        }
    }

    fn tell(&self, heard: Heard) {
        self.tell_all(Told::Heard(heard));
    }

    fn tell_all(&self, told: Told) {
        // A test that has failed does not listen any more.
        let _ = self.heard.send((self.number, told));
    }
}

impl drywire_tokio::Application for App {
    fn handle_event(&mut self, now: Instant, endpoint: &mut Endpoint, _: PeerId, event: Event) {
        match event {
            Event::DataChannelOpened(channel) | Event::DataChannelAnnounced(channel) => {
                self.channel = Some(channel);
                self.tell(Heard::Opened);
            }
            Event::DataChannelBufferedAmountLow(_) => self.fill(now, endpoint),
            Event::DataChannelReadable(channel) => self.read(endpoint, channel),
            Event::ConnectionStateChanged(state) => self.tell(Heard::State(state)),
            Event::LocalCandidate(candidate) => self.tell_all(Told::Candidate(candidate)),
            Event::IceGatheringStateChanged(IceGatheringState::Complete) => {
                self.tell_all(Told::NoMoreCandidates)
            }
            Event::IceCandidateError(error) => println!("{}: {error:?}", self.number),
            Event::Closed { reason } => self.tell(Heard::Closed(reason)),
            _ => (),
        }
    }
}
