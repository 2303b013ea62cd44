//! A bad network: a relay for datagrams that loses and reorders some, by a seed, between a peer and the server.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use drywire_core::Rng;

/// How long a thread waits before it looks whether it is to end.
const TICK: Duration = Duration::from_millis(50);

/// A relay on all interfaces; it ends with this value.
pub(crate) struct Relay {
    pub(crate) port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    ends: AtomicBool,
    passed: AtomicU64,
    lost: AtomicU64,
    /// One in so many datagrams is lost, and one in so many comes after the one behind it.
    one_in: u32,
    random: Mutex<Rng>,
}

impl Relay {
    /// A relay to a port of this machine.
    #[allow(clippy::disallowed_methods, reason = "this moves datagrams while another program runs")]
    pub(crate) fn start(server: u16, one_in: u32, seed: u8) -> Self {
        let front = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a port");
        let port = front.local_addr().expect("its address").port();
        let random = Mutex::new(Rng::new([seed; 32]));
        let (ends, passed, lost) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
        let shared = Arc::new(Shared { ends, passed, lost, one_in, random });
        let thread = std::thread::spawn({
            let shared = shared.clone();
            move || shared.serve(&front, server)
        });
        Self { port, shared, thread: Some(thread) }
    }

    /// How many datagrams got through, and how many did not.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.shared.passed.load(Ordering::Relaxed), self.shared.lost.load(Ordering::Relaxed))
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// From peers to the server. Each address of a peer has a socket of its own towards the server, and a thread for the way
    /// back.
    #[allow(clippy::disallowed_methods, reason = "this moves datagrams while another program runs")]
    fn serve(self: &Arc<Self>, front: &UdpSocket, server: u16) {
        let mut backs: HashMap<SocketAddr, (UdpSocket, Option<Vec<u8>>)> = HashMap::new();
        let mut threads = Vec::new();
        self.receive(front, |from, datagram| {
            let (back, held) = backs.entry(from).or_insert_with(|| {
                let back = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
                back.connect((Ipv4Addr::LOCALHOST, server)).expect("a server of this machine");
                let (receiving, front) = (back.try_clone().expect("it"), front.try_clone().expect("it"));
                let shared = self.clone();
                threads.push(std::thread::spawn(move || {
                    let mut held = None;
                    shared.receive(&receiving, |_, datagram| {
                        shared.pass(datagram, &mut held, |datagram| drop(front.send_to(datagram, from)));
                    });
                }));
                (back, None)
            });
            self.pass(datagram, held, |datagram| drop(back.send(datagram)));
        });
        for thread in threads {
            let _ = thread.join();
        }
    }

    /// Hands on what a socket receives until the end.
    fn receive(&self, socket: &UdpSocket, mut take: impl FnMut(SocketAddr, &[u8])) {
        socket.set_read_timeout(Some(TICK)).expect("a socket can wait");
        let mut buffer = [0; 2048];
        while !self.ends.load(Ordering::Relaxed) {
            match socket.recv_from(&mut buffer) {
                Ok((len, from)) => take(from, &buffer[..len]),
                Err(error)
                    if error.kind() == ErrorKind::WouldBlock || error.kind() == ErrorKind::TimedOut => {}
                // The other end is closed, now or for good.
                Err(_) => std::thread::yield_now(),
            }
        }
    }

    /// Sends a datagram, or loses it, or holds it back until the next was sent.
    fn pass(&self, datagram: &[u8], held: &mut Option<Vec<u8>>, mut send: impl FnMut(&[u8])) {
        let (lose, hold) = {
            let mut random = self.random.lock().expect("no thread has panicked");
            (random.below(self.one_in) == 0, random.below(self.one_in) == 0)
        };
        if lose {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.passed.fetch_add(1, Ordering::Relaxed);
        if hold && held.is_none() {
            *held = Some(datagram.to_owned());
            return;
        }
        send(datagram);
        if let Some(held) = held.take() {
            send(&held);
        }
    }
}
