//! The least that relaying from clients to peers costs: the system calls of a server on the sockets of a server, and nothing
//! between them but the four bytes of a header that go.

use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};

use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit};
use rustix::event::{PollFd, PollFlags, poll};

use crate::load::{Endpoint, open};

/// How what is received leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sends {
    /// Each datagram in a system call: one that sends many datagrams at once sends them all from one address.
    Each,
    /// Those of one flow that wait at once as a train.
    Trains,
}

const HEADER: usize = 4;
/// Batches that are taken before anything is sent, and bytes of one flow that are.
const BATCHES: usize = 16;
const TRAIN: usize = 32_000;

struct Flow {
    client: SocketAddr,
    peer: SocketAddr,
    relay: Endpoint,
    waits: Vec<u8>,
    size: usize,
}

impl Flow {
    fn send(&mut self) {
        if !self.waits.is_empty() {
            let transmit = Transmit {
                destination: self.peer,
                ecn: None,
                contents: &self.waits,
                segment_size: (self.waits.len() > self.size).then_some(self.size),
                src_ip: None,
            };
            // What does not fit is lost, and the load counts it.
            let _ = self.relay.state.try_send((&self.relay.socket).into(), &transmit);
            self.waits.clear();
        }
    }

    fn push(&mut self, data: &[u8], sends: Sends) {
        if sends == Sends::Each || data.len() != self.size || self.waits.len() + data.len() > TRAIN {
            self.send();
        }
        self.size = data.len();
        self.waits.extend_from_slice(data);
    }
}

/// Says where it listens, and relays from each client to its peer until it is killed: `arguments` are how, and
/// pairs of addresses.
pub(crate) fn run(mut arguments: impl Iterator<Item = String>) -> ! {
    let sends = if arguments.next().as_deref() == Some("each") { Sends::Each } else { Sends::Trains };
    let addresses: Vec<SocketAddr> =
        arguments.map(|argument| argument.parse().expect("an address")).collect();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = open(UdpSocket::bind(any).expect("a free port"));
    let mut flows: Vec<Flow> = addresses
        .chunks_exact(2)
        .map(|pair| Flow {
            client: pair[0],
            peer: pair[1],
            relay: open(UdpSocket::bind(any).expect("a free port")),
            waits: Vec::with_capacity(2 * TRAIN),
            size: 0,
        })
        .collect();
    println!("UDP {}", listener.socket.local_addr().expect("its address"));
    let mut buffers = vec![0; BATCH_SIZE * 65_536];
    loop {
        poll(&mut [PollFd::new(&listener.socket, PollFlags::IN)], None).expect("it can be waited for");
        for _ in 0..BATCHES {
            let taken = take(&listener, &mut buffers, &mut flows, sends);
            if taken < BATCH_SIZE {
                break;
            }
        }
        flows.iter_mut().for_each(Flow::send);
    }
}

fn take(listener: &Endpoint, buffers: &mut [u8], flows: &mut [Flow], sends: Sends) -> usize {
    let mut metas = [RecvMeta::default(); BATCH_SIZE];
    let mut chunks = buffers.chunks_exact_mut(65_536);
    let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
        std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
    let filled = match listener.state.recv((&listener.socket).into(), &mut slices, &mut metas) {
        Ok(filled) => filled,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
        Err(error) => panic!("{error}"),
    };
    for (meta, bytes) in metas.iter().zip(&slices).take(filled) {
        let Some(flow) = flows.iter_mut().find(|flow| flow.client == meta.addr) else { continue };
        for message in bytes.get(..meta.len).unwrap_or_default().chunks(meta.stride.max(1)) {
            flow.push(message.get(HEADER..).unwrap_or_default(), sends);
        }
    }
    filled
}
