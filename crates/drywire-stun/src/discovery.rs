//! NAT behaviour discovery (RFC 5780): what a NAT between the client and the Internet does with UDP.
//!
//! [`Discovery`] is the client; it needs a server with two addresses and two ports, which [`Responder`] is.

mod report;
mod responder;

use std::fmt;
use std::net::SocketAddr;

use bytes::BytesMut;
use drywire_core::{Duration, Instant, Monotonic, Path, Protocol, Rng, Transmit};

use crate::attributes::{ChangeRequest, MappedAddress, OtherAddress};
use crate::plausible::is_plausible;
use crate::{
    Class, Expired, Message, MessageBuilder, Method, Retransmission, RetransmissionConfig, TransactionId,
};

pub use report::{Filtering, Mapping, Report, Undetermined};
pub use responder::Responder;

/// What to ask whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiscoveryConfig {
    /// The address of the socket: not an unspecified one. Its port should be fresh, because what was sent from it
    /// before may have opened the NAT.
    pub local: SocketAddr,
    /// The server's primary address and port.
    pub server: SocketAddr,
    /// How long to wait for each answer. Some never come, which is an answer too; so the default is shorter than
    /// that of other requests: sent 4 times within 3.5 s, given up after 5.5 s.
    pub retransmission: RetransmissionConfig,
}

impl DiscoveryConfig {
    /// With the default waits.
    #[must_use]
    pub fn new(local: SocketAddr, server: SocketAddr) -> Self {
        let retransmission =
            RetransmissionConfig { rto: Duration::from_millis(500), max_sent: 4, last_wait: 4 };
        Self { local, server, retransmission }
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiscoveryEvent {
    /// All that can be found out is. It comes once.
    Finished(Report),
}

/// What was taken, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiscoveryStats {
    /// Datagrams that were no response to what was asked.
    pub ignored: u64,
}

/// The tests, in their order. What opens the NAT for the second address comes after what asks whether it is closed
/// (RFC 5780, section 4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    /// Ask the server: the mapped address, and whether it has another address.
    Reach,
    /// Ask it to answer from the other address and port.
    FilterAll,
    /// Ask it to answer from the other port.
    FilterPort,
    /// Ask its other address, at the same port.
    MapAddress,
    /// Ask its other address, at the other port.
    MapPort,
    /// Send to ourselves.
    Hairpin,
}

#[derive(Debug)]
enum State {
    Asking { test: Test, id: TransactionId, schedule: Option<Retransmission>, due: bool },
    Finished { told: bool },
}

/// The client: sends Binding requests from one socket, one test after the other, and draws the conclusions.
///
/// ```
/// # #[allow(clippy::disallowed_methods)] fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use bytes::BytesMut;
/// use drywire_core::Instant;
/// use drywire_stun::Message;
/// use drywire_stun::discovery::{
///     Discovery, DiscoveryConfig, DiscoveryEvent, Filtering, Mapping, Responder,
/// };
///
/// let server = Responder { primary: "192.0.2.1:3478".parse()?, alternate: "192.0.2.2:3479".parse()? };
/// let config = DiscoveryConfig::new("198.51.100.7:40000".parse()?, server.primary);
/// let now = Instant::now();
/// let mut client = Discovery::new(config, now, [7; 32]);
/// let report = loop {
///     let mut request = Vec::new();
///     if let Some(sent) = client.poll_transmit(now, &mut request) {
///         // Here the network would be, and a NAT: `poll_timeout` says how long to wait for the answer.
///         let mut response = Vec::new();
///         let request = Message::parse(&request)?;
///         let answer = server.respond(sent.path.reversed(), &request, None, &mut response).unwrap();
///         client.handle_input(now, answer.path.reversed(), BytesMut::from(&response[..]));
///     }
///     if let Some(DiscoveryEvent::Finished(report)) = client.poll_event() {
///         break report;
///     }
/// };
/// assert_eq!((report.mapping, report.filtering), (Ok(Mapping::Direct), Ok(Filtering::EndpointIndependent)));
/// # Ok(()) }
/// ```
///
/// It takes half a second on a path that answers, and up to half a minute behind a NAT that keeps everything out.
pub struct Discovery {
    clock: Monotonic,
    config: DiscoveryConfig,
    rng: Rng,
    state: State,
    report: Report,
    /// The mapping for the other address at the primary port.
    second: Option<SocketAddr>,
    stats: DiscoveryStats,
}

impl Discovery {
    /// Begins with the first request. All transaction ids derive from `seed`.
    #[must_use]
    pub fn new(config: DiscoveryConfig, now: Instant, seed: [u8; 32]) -> Self {
        let mut rng = Rng::new(seed);
        let state = asking(Test::Reach, &mut rng);
        let report = Report {
            mapped: None,
            is_rewritten: false,
            other: None,
            mapping: Err(Undetermined::NoResponse),
            filtering: Err(Undetermined::NoResponse),
            hairpinning: None,
        };
        let stats = DiscoveryStats::default();
        Self { clock: Monotonic::new(now), config, rng, state, report, second: None, stats }
    }

    /// Takes a datagram.
    pub fn handle_input(&mut self, now: Instant, path: Path, datagram: BytesMut) {
        self.clock.observe(now);
        let message =
            Message::parse(&datagram).ok().filter(|message| message.check_fingerprint() != Some(false));
        let is_ours = match (&self.state, &message) {
            (State::Asking { test, id, schedule: Some(_), .. }, Some(message)) => {
                message.transaction_id() == *id
                    && message.method() == Method::BINDING
                    && path.protocol == Protocol::Udp
                    && path.local == self.config.local
                    && self.take(*test, path.remote, message)
            }
            _ => false,
        };
        if !is_ours {
            self.stats.ignored += 1;
            tracing::trace!(%path, "no answer to a test");
        }
    }

    /// Lets the time pass.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.clock.observe(now);
        let State::Asking { test, schedule: Some(schedule), due, .. } = &mut self.state else { return };
        match schedule.expire(now) {
            None => {}
            Some(Expired::Retransmit) => *due = true,
            Some(Expired::TimedOut) => {
                let test = *test;
                self.give_up(test);
            }
        }
    }

    /// Appends the next request, when it is time to send it.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        let now = self.clock.observe(now);
        let config = self.config;
        let State::Asking { test, id, schedule, due } = &mut self.state else { return None };
        if schedule.is_some() && !*due {
            return None;
        }
        *due = false;
        schedule.get_or_insert_with(|| Retransmission::start(config.retransmission, now));
        let (test, id) = (*test, *id);
        let remote = self.destination(test)?;
        let mut request = MessageBuilder::new(out, Class::Request, Method::BINDING, id);
        match test {
            Test::FilterAll => _ = request.attribute(&ChangeRequest { ip: true, port: true }),
            Test::FilterPort => _ = request.attribute(&ChangeRequest { ip: false, port: true }),
            Test::Reach | Test::MapAddress | Test::MapPort | Test::Hairpin => {}
        }
        let len = request.finish().ok()?;
        Some(Transmit::datagram(Path::udp(config.local, remote), len))
    }

    /// What was found out, when all is.
    pub fn poll_event(&mut self) -> Option<DiscoveryEvent> {
        match &mut self.state {
            State::Finished { told } if !*told => {
                *told = true;
                Some(DiscoveryEvent::Finished(self.report))
            }
            _ => None,
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next.
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Asking { schedule: Some(schedule), .. } => Some(schedule.deadline()),
            _ => None,
        }
    }

    /// What was counted.
    #[must_use]
    pub const fn stats(&self) -> DiscoveryStats {
        self.stats
    }

    /// Where a test sends its request.
    fn destination(&self, test: Test) -> Option<SocketAddr> {
        let server = self.config.server;
        match test {
            Test::Reach | Test::FilterAll | Test::FilterPort => Some(server),
            Test::MapAddress => self.report.other.map(|other| SocketAddr::new(other.ip(), server.port())),
            Test::MapPort => self.report.other,
            Test::Hairpin => self.report.mapped,
        }
    }

    /// Where the answer to a test comes from, if the server does as it is told.
    fn origin(&self, test: Test) -> Option<SocketAddr> {
        let server = self.config.server;
        match test {
            Test::FilterAll => self.report.other,
            Test::FilterPort => self.report.other.map(|other| SocketAddr::new(server.ip(), other.port())),
            Test::Reach | Test::MapAddress | Test::MapPort | Test::Hairpin => self.destination(test),
        }
    }

    /// Takes a message with the id of the current test; `false` when it is no answer to it.
    fn take(&mut self, test: Test, from: SocketAddr, message: &Message<'_>) -> bool {
        if test == Test::Hairpin {
            // Our own request came back, from an address that depends on the NAT.
            if message.class() != Class::Request {
                return false;
            }
            self.report.hairpinning = Some(true);
            self.finish();
            return true;
        }
        if self.origin(test) != Some(from) {
            let is_filter_test = matches!(test, Test::FilterAll | Test::FilterPort);
            if !is_filter_test || from != self.config.server || message.class() == Class::Request {
                return false;
            }
            // From where we asked: an error, or a server that does not look at CHANGE-REQUEST.
            self.report.filtering = Err(refusal(message));
            self.ask_mapping();
            return true;
        }
        match message.class() {
            Class::Success => self.answered(test, message),
            Class::Error => {
                self.fail(test, refusal(message));
                true
            }
            Class::Request | Class::Indication => false,
        }
    }

    fn answered(&mut self, test: Test, message: &Message<'_>) -> bool {
        let plain = message.attribute::<MappedAddress>().map(|address| address.0);
        let masked = message.xor_mapped_address();
        let Some(mapped) = masked.or(plain) else { return false };
        self.report.is_rewritten |= plain.is_some_and(|plain| plain != mapped);
        match test {
            Test::Reach => {
                let server = self.config.server;
                self.report.mapped = Some(mapped);
                let other = message.attribute::<OtherAddress>().map(|other| other.0);
                self.report.other = other.filter(|other| {
                    is_plausible(*other, server) && other.ip() != server.ip() && other.port() != server.port()
                });
                if mapped == self.config.local {
                    self.report.mapping = Ok(Mapping::Direct);
                }
                if self.report.other.is_some() {
                    self.ask(Test::FilterAll);
                } else {
                    self.report.filtering = Err(Undetermined::Unsupported);
                    if !self.is_direct() {
                        self.report.mapping = Err(Undetermined::Unsupported);
                    }
                    self.ask_hairpin();
                }
            }
            Test::FilterAll => {
                self.report.filtering = Ok(Filtering::EndpointIndependent);
                self.ask_mapping();
            }
            Test::FilterPort => {
                self.report.filtering = Ok(Filtering::AddressDependent);
                self.ask_mapping();
            }
            Test::MapAddress if self.report.mapped == Some(mapped) => {
                self.report.mapping = Ok(Mapping::EndpointIndependent);
                self.ask_hairpin();
            }
            Test::MapAddress => {
                self.second = Some(mapped);
                self.ask(Test::MapPort);
            }
            Test::MapPort => {
                let is_same = self.second == Some(mapped);
                self.report.mapping =
                    Ok(if is_same { Mapping::AddressDependent } else { Mapping::AddressAndPortDependent });
                self.ask_hairpin();
            }
            Test::Hairpin => return false,
        }
        true
    }

    /// No answer came.
    fn give_up(&mut self, test: Test) {
        match test {
            Test::FilterAll => self.ask(Test::FilterPort),
            Test::FilterPort => {
                self.report.filtering = Ok(Filtering::AddressAndPortDependent);
                self.ask_mapping();
            }
            Test::Hairpin => {
                self.report.hairpinning = Some(false);
                self.finish();
            }
            Test::Reach | Test::MapAddress | Test::MapPort => self.fail(test, Undetermined::NoResponse),
        }
    }

    /// The test says nothing.
    fn fail(&mut self, test: Test, why: Undetermined) {
        match test {
            Test::Reach => {
                (self.report.mapping, self.report.filtering) = (Err(why), Err(why));
                self.finish();
            }
            Test::FilterAll | Test::FilterPort => {
                self.report.filtering = Err(why);
                self.ask_mapping();
            }
            Test::MapAddress | Test::MapPort => {
                self.report.mapping = Err(why);
                self.ask_hairpin();
            }
            Test::Hairpin => self.finish(),
        }
    }

    fn ask_mapping(&mut self) {
        if self.is_direct() {
            self.finish();
        } else {
            self.ask(Test::MapAddress);
        }
    }

    fn ask_hairpin(&mut self) {
        let local = self.config.local;
        if !self.is_direct() && self.report.mapped.is_some_and(|mapped| is_plausible(mapped, local)) {
            self.ask(Test::Hairpin);
        } else {
            self.finish();
        }
    }

    fn is_direct(&self) -> bool {
        self.report.mapping == Ok(Mapping::Direct)
    }

    fn ask(&mut self, test: Test) {
        self.state = asking(test, &mut self.rng);
    }

    fn finish(&mut self) {
        self.state = State::Finished { told: false };
    }
}

fn asking(test: Test, rng: &mut Rng) -> State {
    State::Asking { test, id: TransactionId::random(rng), schedule: None, due: false }
}

/// What an answer says that is not the one asked for.
fn refusal(message: &Message<'_>) -> Undetermined {
    match message.attribute::<crate::attributes::ErrorCode<'_>>() {
        Some(error) if message.class() == Class::Error => Undetermined::Refused(error.code),
        _ => Undetermined::Unsupported,
    }
}

impl fmt::Debug for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discovery")
            .field("config", &self.config)
            .field("state", &self.state)
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
