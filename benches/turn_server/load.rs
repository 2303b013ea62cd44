//! Clients with a channel each to a peer of their own, and as many datagrams as the server takes.

use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};

use crate::client::Allocated;

/// Datagrams of one flow on their way at most: less than any buffer holds.
const WINDOW: usize = 96;
/// After so long without any arrival, what is on its way is lost.
const LOST: Duration = Duration::from_millis(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    ToPeers,
    ToClients,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ToPeers => "from clients to peers",
            Self::ToClients => "from peers to clients",
        })
    }
}

/// A socket with large buffers that nobody waits for.
pub(crate) struct Endpoint {
    pub(crate) socket: UdpSocket,
    pub(crate) state: UdpSocketState,
}

struct End {
    endpoint: Endpoint,
    destination: SocketAddr,
    /// Many of the same datagram.
    train: Vec<u8>,
    size: usize,
}

struct Flow {
    client: End,
    peer: End,
    on_the_way: usize,
    allocated: Option<Allocated>,
}

#[derive(Default)]
pub(crate) struct Load {
    flows: Vec<Flow>,
    buffers: Vec<u8>,
}

impl Load {
    pub(crate) fn new(server: SocketAddr, clients: usize, payload: usize) -> Self {
        let flows = (0..clients).map(|_| Flow::new(server, payload)).collect();
        Self { flows, buffers: vec![0; BATCH_SIZE * 65_536] }
    }

    /// Through a [`bare`](crate::bare) relay, which `start` starts when it is told the addresses of each client and its peer.
    pub(crate) fn bare(
        clients: usize,
        payload: usize,
        start: impl FnOnce(&[(SocketAddr, SocketAddr)]) -> SocketAddr,
    ) -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let bind = || UdpSocket::bind(any).expect("a free port");
        let ends: Vec<_> = (0..clients).map(|_| (bind(), bind())).collect();
        let address = |socket: &UdpSocket| socket.local_addr().expect("its address");
        let addresses: Vec<_> = ends.iter().map(|(client, peer)| (address(client), address(peer))).collect();
        let server = start(&addresses);
        let mut message = Vec::new();
        let data = vec![0x16; payload];
        drywire_turn::ChannelData { channel: 0x4000, data: &data }
            .write(false, &mut message)
            .expect("it is short");
        let flows = ends.into_iter().map(|(client, peer)| Flow {
            client: End::new(client, server, &message),
            peer: End::new(peer, server, &data),
            on_the_way: 0,
            allocated: None,
        });
        Self { flows: flows.collect(), buffers: vec![0; BATCH_SIZE * 65_536] }
    }

    /// Sends trains of so many datagrams one way for `time`: how many arrived, and in how many seconds.
    pub(crate) fn run(&mut self, direction: Direction, train: usize, time: Duration) -> (f64, f64) {
        let begin = Instant::now();
        let (mut arrived, mut last) = (0_usize, begin);
        while begin.elapsed() < time {
            for flow in &mut self.flows {
                let (from, to) = match direction {
                    Direction::ToPeers => (&flow.client, &flow.peer),
                    Direction::ToClients => (&flow.peer, &flow.client),
                };
                while flow.on_the_way + train <= WINDOW && from.send(train) {
                    flow.on_the_way += train;
                }
                let count = to.receive(&mut self.buffers);
                flow.on_the_way = flow.on_the_way.saturating_sub(count);
                arrived += count;
                if count > 0 {
                    last = Instant::now();
                }
            }
            if last.elapsed() > LOST {
                self.flows.iter_mut().for_each(|flow| flow.on_the_way = 0);
                last = Instant::now();
            }
        }
        let seconds = begin.elapsed().as_secs_f64();
        // The rest arrives, or it is lost.
        std::thread::sleep(LOST);
        for flow in &mut self.flows {
            while flow.client.receive(&mut self.buffers) + flow.peer.receive(&mut self.buffers) > 0 {}
            flow.on_the_way = 0;
        }
        (f64::from(u32::try_from(arrived).unwrap_or(u32::MAX)), seconds)
    }
}

pub(crate) fn open(socket: UdpSocket) -> Endpoint {
    socket.set_nonblocking(true).expect("any socket can");
    let state = UdpSocketState::new((&socket).into()).expect("the system has UDP");
    for result in [
        state.set_recv_buffer_size((&socket).into(), 4 << 20),
        state.set_send_buffer_size((&socket).into(), 4 << 20),
    ] {
        result.expect("large buffers");
    }
    Endpoint { socket, state }
}

impl Drop for Flow {
    /// A later flow may have the same port: a server that remembers this one refuses it.
    fn drop(&mut self) {
        if let Some(allocated) = self.allocated.take() {
            allocated.close();
        }
    }
}

impl Flow {
    fn new(server: SocketAddr, payload: usize) -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let peer = UdpSocket::bind(any).expect("a free port");
        let mut allocated = Allocated::new(server, any);
        let channel = allocated.bind(peer.local_addr().expect("its address"));
        let mut message = Vec::new();
        let data = vec![0x16; payload];
        drywire_turn::ChannelData { channel, data: &data }.write(false, &mut message).expect("it is short");
        let socket = allocated.socket.try_clone().expect("another handle");
        Self {
            client: End::new(socket, server, &message),
            peer: End::new(peer, allocated.relayed, &data),
            on_the_way: 0,
            allocated: Some(allocated),
        }
    }
}

impl End {
    fn new(socket: UdpSocket, destination: SocketAddr, datagram: &[u8]) -> Self {
        let (train, size) = (datagram.repeat(64), datagram.len());
        Self { endpoint: open(socket), destination, train, size }
    }

    fn send(&self, train: usize) -> bool {
        let contents = self.train.get(..train * self.size).expect("no longer than that");
        let transmit = Transmit {
            destination: self.destination,
            ecn: None,
            contents,
            segment_size: (train > 1).then_some(self.size),
            src_ip: None,
        };
        match self.endpoint.state.try_send((&self.endpoint.socket).into(), &transmit) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            Err(error) => panic!("{error}"),
        }
    }

    /// How many datagrams came.
    fn receive(&self, buffers: &mut [u8]) -> usize {
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let mut chunks = buffers.chunks_exact_mut(65_536);
        let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
        match self.endpoint.state.recv((&self.endpoint.socket).into(), &mut slices, &mut metas) {
            Ok(filled) => metas.iter().take(filled).map(|meta| meta.len.div_ceil(meta.stride.max(1))).sum(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => panic!("{error}"),
        }
    }
}
