use drywire_core::{Instant, Monotonic, Path, Transmit};

use crate::{
    Class, Expired, Message, Method, ParseError, Retransmission, RetransmissionConfig, TransactionId,
};

/// The client's side of one request over UDP: sends it, sends it again, and knows its response.
///
/// ```
/// # #[allow(clippy::disallowed_methods)] fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use drywire_core::{Instant, Path};
/// use drywire_stun::{Class, MessageBuilder, Method, RetransmissionConfig, Transaction, TransactionId, binding};
///
/// let path = Path::udp("192.0.2.1:5000".parse()?, "192.0.2.2:3478".parse()?);
/// let now = Instant::now();
/// let mut request = Vec::new();
/// MessageBuilder::new(&mut request, Class::Request, Method::BINDING, TransactionId::new([7; 12])).finish()?;
/// let mut client = Transaction::new(RetransmissionConfig::default(), now, path, request)?;
///
/// let mut datagram = Vec::new();
/// client.poll_transmit(now, &mut datagram).expect("the request");
/// let mut response = Vec::new();
/// binding::respond(&drywire_stun::Message::parse(&datagram)?, path.local, None, &mut response);
/// let response = drywire_stun::Message::parse(&response)?;
/// assert!(client.accept(path, &response));
/// assert_eq!(response.xor_mapped_address(), Some(path.local));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Transaction {
    clock: Monotonic,
    config: RetransmissionConfig,
    path: Path,
    id: TransactionId,
    method: Method,
    request: Vec<u8>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The request waits to be sent for the first time.
    Fresh,
    /// It is on its way. `due` when it is to be sent again.
    Waiting {
        schedule: Retransmission,
        due: bool,
    },
    Answered,
    TimedOut,
}

/// How far a transaction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionState {
    /// The response can still come.
    Waiting,
    /// The response came.
    Answered,
    /// The request was given up.
    TimedOut,
}

impl Transaction {
    /// A transaction that will send `request`, a complete message, along `path`.
    pub fn new(
        config: RetransmissionConfig,
        now: Instant,
        path: Path,
        request: Vec<u8>,
    ) -> Result<Self, ParseError> {
        let message = Message::parse(&request)?;
        let (id, method) = (message.transaction_id(), message.method());
        Ok(Self { clock: Monotonic::new(now), config, path, id, method, request, state: State::Fresh })
    }

    /// Takes a message that came along `path`, and says whether it is the response. The first one counts; it must
    /// come from where the request went (RFC 8489, section 6.3.3). Authentication is the caller's part, before.
    pub fn accept(&mut self, path: Path, message: &Message<'_>) -> bool {
        let is_response = matches!(message.class(), Class::Success | Class::Error)
            && message.method() == self.method
            && message.transaction_id() == self.id
            && path == self.path;
        if is_response && matches!(self.state, State::Waiting { .. }) {
            self.state = State::Answered;
            return true;
        }
        false
    }

    /// Lets the time pass.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.clock.observe(now);
        if let State::Waiting { schedule, due } = &mut self.state {
            match schedule.expire(now) {
                None => {}
                Some(Expired::Retransmit) => *due = true,
                Some(Expired::TimedOut) => self.state = State::TimedOut,
            }
        }
    }

    /// The transaction's id.
    #[must_use]
    pub const fn id(&self) -> TransactionId {
        self.id
    }

    /// How far it has come.
    #[must_use]
    pub const fn state(&self) -> TransactionState {
        match self.state {
            State::Fresh | State::Waiting { .. } => TransactionState::Waiting,
            State::Answered => TransactionState::Answered,
            State::TimedOut => TransactionState::TimedOut,
        }
    }

    /// Appends the request, when it is time to send it.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        let now = self.clock.observe(now);
        match &mut self.state {
            State::Fresh => {
                let schedule = Retransmission::start(self.config, now);
                self.state = State::Waiting { schedule, due: false };
            }
            State::Waiting { due, .. } if *due => *due = false,
            _ => return None,
        }
        out.extend_from_slice(&self.request);
        Some(Transmit::datagram(self.path, self.request.len()))
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next.
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Waiting { schedule, .. } => Some(schedule.deadline()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MessageBuilder, binding};

    #[test]
    #[allow(clippy::disallowed_methods, reason = "tests may read a clock")]
    fn sends_seven_times_and_gives_up() {
        let now = Instant::now();
        let path = Path::udp("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap());
        let build = |class, id| {
            let mut out = Vec::new();
            MessageBuilder::new(&mut out, class, Method::BINDING, TransactionId::new(id)).finish().unwrap();
            out
        };
        let mut client =
            Transaction::new(RetransmissionConfig::default(), now, path, build(Class::Request, [1; 12]))
                .unwrap();
        let (mut sent, mut out) = (0, Vec::new());
        assert!(
            !client.accept(path, &Message::parse(&build(Class::Success, [1; 12])).unwrap()),
            "not sent yet"
        );
        while client.poll_transmit(now, &mut out).is_some() {
            sent += 1;
            client.handle_timeout(client.poll_timeout().unwrap());
        }
        assert_eq!((sent, client.state()), (7, TransactionState::TimedOut));
        assert_eq!(client.poll_timeout(), None);

        let mut client =
            Transaction::new(RetransmissionConfig::default(), now, path, build(Class::Request, [1; 12]))
                .unwrap();
        out.clear();
        client.poll_transmit(now, &mut out).unwrap();
        let mut response = Vec::new();
        binding::respond(&Message::parse(&out).unwrap(), path.local, Some("s"), &mut response).unwrap();
        let response = Message::parse(&response).unwrap();
        assert!(!client.accept(path.reversed(), &response), "from elsewhere");
        assert!(
            !client.accept(path, &Message::parse(&build(Class::Success, [2; 12])).unwrap()),
            "another id"
        );
        assert!(
            !client.accept(path, &Message::parse(&build(Class::Request, [1; 12])).unwrap()),
            "no response"
        );
        assert!(client.accept(path, &response));
        assert!(!client.accept(path, &response), "the first one counts");
        assert_eq!(client.state(), TransactionState::Answered);
    }
}
