//! One allocation, made by the client of `drywire-turn`.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use drywire_core::Path;
use drywire_stun::Credential;
use drywire_turn::client::{Client, Config, Event};

/// How long a request may take, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Allocated {
    pub(crate) socket: UdpSocket,
    pub(crate) relayed: SocketAddr,
    machine: Client,
    path: Path,
}

impl Allocated {
    pub(crate) fn new(server: SocketAddr, local: SocketAddr) -> Self {
        let socket = UdpSocket::bind(local).expect("a free port");
        socket.set_read_timeout(Some(Duration::from_millis(20))).expect("a timeout");
        let path = Path::udp(socket.local_addr().expect("an address"), server);
        let provider = drywire_crypto_aws_lc::provider();
        let mut seed = [0; 32];
        provider.random(&mut seed).expect("randomness");
        let credential = Credential::new("alice", "secret").expect("plain text");
        let machine = Client::new(Config::new(provider, path, credential), Instant::now(), seed);
        let mut allocated = Self { socket, relayed: server, machine, path };
        allocated.until(|client| client.allocation().is_some());
        allocated.relayed = allocated.machine.allocation().expect("it is there").relayed;
        allocated
    }

    /// Binds a channel to a peer, and gives its number.
    pub(crate) fn bind(&mut self, peer: SocketAddr) -> u16 {
        self.machine.bind_channel(Instant::now(), peer).expect("there is an allocation");
        let mut bound = None;
        self.until(|client| {
            while let Some(event) = client.poll_event() {
                if let Event::ChannelBound { channel, .. } = event {
                    bound = Some(channel);
                }
            }
            bound.is_some()
        });
        bound.expect("it was waited for")
    }

    pub(crate) fn close(mut self) {
        self.machine.close(Instant::now());
        self.until(|client| std::iter::from_fn(|| client.poll_event()).any(|event| event == Event::Closed));
    }

    fn until(&mut self, mut ready: impl FnMut(&mut Client) -> bool) {
        let (end, mut out, mut buffer) = (Instant::now() + PATIENCE, Vec::new(), [0; 2_048]);
        while !ready(&mut self.machine) {
            assert!(Instant::now() < end, "{} does not answer: {:?}", self.path.remote, self.machine.stats());
            self.machine.handle_timeout(Instant::now());
            while self.machine.poll_transmit(Instant::now(), &mut out).is_some() {
                self.socket.send_to(&out, self.path.remote).expect("it can be sent");
                out.clear();
            }
            match self.socket.recv(&mut buffer) {
                Ok(len) => {
                    let datagram = BytesMut::from(buffer.get(..len).unwrap_or_default());
                    self.machine.handle_input(Instant::now(), self.path, datagram);
                }
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}
