#[cfg(any(target_os = "linux", target_os = "android"))]
mod told;

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use drywire::{Path, Transmit};
use quinn_udp::{BATCH_SIZE, EcnCodepoint, RecvMeta, UdpSocketState};
use tokio::io::Interest;

use crate::icmp::{self, IcmpError};

/// What the kernel is asked for; it gives as much as it allows. A key frame, or a window of data, arrives at once.
const BUFFER_SIZE: usize = 4 * 1024 * 1024;
/// A datagram, or a train of them that the kernel put together (GRO), is never larger.
const LARGEST_TRAIN: usize = 65_536;
/// The most bytes of one send call: an IPv6 payload (RFC 8200, section 3) without the UDP header, and some way off.
const LARGEST_SEND: usize = 65_000;

/// A UDP socket that knows on which of the host's addresses each datagram came in, and that sends and receives
/// trains of datagrams in one system call where the platform can (GSO, GRO, `recvmmsg`).
///
/// A socket serves one address family: on `[::]` it receives IPv6 only, so that no IPv4 address is ever seen in
/// its IPv6-mapped form, which candidates may not carry (RFC 8445, section 5.1.1.1). Serve both with two sockets.
#[derive(Debug)]
pub struct Socket {
    io: tokio::net::UdpSocket,
    state: UdpSocketState,
    local: SocketAddr,
}

impl Socket {
    /// Binds `address`; port 0 lets the system choose. Call it within a tokio runtime.
    ///
    /// # Errors
    ///
    /// The address is in use, is not one of this host's, or needs a permission; or the system has no such
    /// address family.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let domain = socket2::Domain::for_address(address);
        let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, Some(socket2::Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // Larger buffers are a wish: a system that refuses them still works.
        for result in [socket.set_recv_buffer_size(BUFFER_SIZE), socket.set_send_buffer_size(BUFFER_SIZE)] {
            if let Err(error) = result {
                tracing::debug!(%error, "the socket buffers stay at the system's default");
            }
        }
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        let io = tokio::net::UdpSocket::from_std(socket.into())?;
        let state = UdpSocketState::new((&io).into())?;
        let local = io.local_addr()?;
        #[cfg(any(target_os = "linux", target_os = "android"))]
        told::unsubscribe(&io, local);
        Ok(Self { io, state, local })
    }

    /// The bound address; a wildcard stays one (see [`host_addresses`](crate::host_addresses)).
    #[must_use]
    pub const fn local_address(&self) -> SocketAddr {
        self.local
    }

    /// Whether datagrams with this local address leave through this socket.
    #[must_use]
    pub fn serves(&self, local: SocketAddr) -> bool {
        local.port() == self.local.port()
            && local.is_ipv4() == self.local.is_ipv4()
            && (self.local.ip().is_unspecified() || self.local.ip() == local.ip())
    }

    /// Waits for datagrams and hands up to `limit` of them, roughly, to `receive`, with the path of each, in memory of its
    /// own: a slice that a machine holds on to (an SCTP chunk that waits for an earlier one) keeps one datagram alive, not
    /// a whole train.
    ///
    /// Returns how many came. Never more than one wait; what is left in the kernel is there for the next call.
    ///
    /// # Errors
    ///
    /// The socket is broken. A datagram that could not be delivered to some peer is not such an error.
    pub fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut ReceiveBuffers,
        limit: usize,
        mut receive: impl FnMut(Path, BytesMut),
    ) -> Poll<io::Result<usize>> {
        let mut received = 0;
        while received < limit {
            let (filled, has_more) = self.try_fill(buffers)?;
            // A flood of empty datagrams counts, too.
            let mut count = 0;
            for (path, train, size) in buffers.trains(filled, self.local) {
                for datagram in train.chunks(size) {
                    receive(path, BytesMut::from(datagram));
                    count += 1;
                }
            }
            received += count.max(filled);
            if !has_more {
                if received > 0 {
                    break;
                }
                ready!(self.io.poll_recv_ready(cx))?;
            }
        }
        Poll::Ready(Ok(received))
    }

    /// Waits for datagrams and gives what one system call takes of them, as trains, in the form that the kernel has them and
    /// without a copy: the path, the bytes, and the size of each datagram but the last, which may be shorter.
    ///
    /// # Errors
    ///
    /// Those of [`poll_receive`](Self::poll_receive).
    pub fn poll_receive_trains<'b>(
        &self,
        cx: &mut Context<'_>,
        buffers: &'b mut ReceiveBuffers,
    ) -> Poll<io::Result<impl Iterator<Item = (Path, &'b [u8], usize)> + use<'b>>> {
        loop {
            let (filled, has_more) = self.try_fill(buffers)?;
            if filled > 0 {
                return Poll::Ready(Ok(buffers.trains(filled, self.local)));
            }
            if !has_more {
                ready!(self.io.poll_recv_ready(cx))?;
            }
        }
    }

    /// How many buffers were filled, and whether there may be more in the kernel.
    fn try_fill(&self, buffers: &mut ReceiveBuffers) -> io::Result<(usize, bool)> {
        let mut filled = 0;
        let result = self.io.try_io(Interest::READABLE, || {
            filled = buffers.fill(&self.state, &self.io)?;
            // The kernel had no more to give: to wait for the next to come at once saves asking again.
            if filled < BATCH_SIZE { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        });
        match result {
            Ok(()) => Ok((filled, true)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok((filled, false)),
            // The peer's host said "port unreachable" about something sent before: ICE finds that out itself.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok((0, true)),
            Err(error) => Err(error),
        }
    }

    /// Sends what `transmit` describes, whose bytes are `contents`.
    ///
    /// A train that the system cannot send in one call is sent in as few as possible. On
    /// [`io::ErrorKind::WouldBlock`] part of a train may have been sent already; to send it again is harmless.
    ///
    /// # Errors
    ///
    /// `WouldBlock`: try again once [`poll_writable`](Self::poll_writable) is ready. Anything else concerns this
    /// destination (no route, datagram too large for the link): drop it, as the network would have.
    pub fn try_send(&self, transmit: &Transmit, contents: &[u8]) -> io::Result<()> {
        let limit = self.state.max_gso_segments();
        match self.send_trains(transmit, contents, limit) {
            // The network card or its driver does not do segmentation after all, and quinn-udp has noticed.
            Err(error)
                if error.kind() != io::ErrorKind::WouldBlock && self.state.max_gso_segments() < limit =>
            {
                self.send_trains(transmit, contents, self.state.max_gso_segments())
            }
            result => result,
        }
    }

    fn send_trains(&self, transmit: &Transmit, contents: &[u8], max_segments: usize) -> io::Result<()> {
        let segment = transmit.segment_size.filter(|size| (1..contents.len()).contains(size));
        let per_call = match segment {
            Some(size) => size.saturating_mul(max_segments.min(LARGEST_SEND / size).max(1)),
            None => contents.len().max(1),
        };
        // An empty datagram is one, too.
        let mut rest = contents;
        loop {
            let (train, next) = rest.split_at_checked(per_call).unwrap_or((rest, &[]));
            let outgoing = quinn_udp::Transmit {
                destination: transmit.path.remote,
                ecn: EcnCodepoint::from_bits(transmit.ecn.bits()),
                contents: train,
                segment_size: segment.filter(|size| *size < train.len()),
                // With a wildcard socket the routing table would choose the source, and the peer drop the answer.
                src_ip: self.local.ip().is_unspecified().then(|| transmit.path.local.ip()),
            };
            self.io.try_io(Interest::WRITABLE, || self.state.try_send((&self.io).into(), &outgoing))?;
            if next.is_empty() {
                return Ok(());
            }
            rest = next;
        }
    }

    /// Sends as [`try_send`](Self::try_send) does, and waits while the socket is full.
    ///
    /// # Errors
    ///
    /// Those of `try_send`, but `WouldBlock`.
    pub async fn send(&self, transmit: &Transmit, contents: &[u8]) -> io::Result<()> {
        loop {
            match self.try_send(transmit, contents) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.io.writable().await?,
                result => return result,
            }
        }
    }

    /// Whether all datagrams leave with the DF bit, or as IPv6 has it without being cut.
    pub(crate) fn never_fragments(&self) -> bool {
        !self.state.may_fragment()
    }

    /// Has ICMP errors kept for [`next_icmp`](Self::next_icmp). From then on sending and receiving may fail once for each.
    pub(crate) fn report_icmp(&self) -> io::Result<()> {
        icmp::report(&self.io)
    }

    /// Takes an ICMP error that came for what was sent.
    pub(crate) fn next_icmp(&self) -> io::Result<Option<IcmpError>> {
        icmp::next(&self.io)
    }

    /// Ready when [`try_send`](Self::try_send) is worth another try.
    ///
    /// # Errors
    ///
    /// The socket is broken.
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_send_ready(cx)
    }
}

/// The memory that the kernel writes received datagrams to. One set serves many sockets, in turn.
#[derive(Debug)]
pub struct ReceiveBuffers {
    bytes: Vec<u8>,
    metas: [RecvMeta; BATCH_SIZE],
}

impl Default for ReceiveBuffers {
    fn default() -> Self {
        Self::new()
    }
}

impl ReceiveBuffers {
    /// Buffers for a batch of trains: about 2 MiB, touched only as far as datagrams come.
    #[must_use]
    pub fn new() -> Self {
        Self { bytes: vec![0; BATCH_SIZE * LARGEST_TRAIN], metas: [RecvMeta::default(); BATCH_SIZE] }
    }

    fn fill(&mut self, state: &UdpSocketState, io: &tokio::net::UdpSocket) -> io::Result<usize> {
        let mut chunks = self.bytes.chunks_exact_mut(LARGEST_TRAIN);
        let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
        state.recv(io.into(), &mut slices, &mut self.metas)
    }

    /// The trains in the first `filled` buffers: path, bytes, and the size of a datagram.
    fn trains(&self, filled: usize, bound: SocketAddr) -> impl Iterator<Item = (Path, &[u8], usize)> {
        let filled = self.metas.iter().zip(self.bytes.chunks_exact(LARGEST_TRAIN)).take(filled);
        filled.map(move |(meta, buffer)| {
            let local = match meta.dst_ip {
                Some(ip) if bound.ip().is_unspecified() => SocketAddr::new(ip, bound.port()),
                _ => bound,
            };
            (Path::udp(local, meta.addr), buffer.get(..meta.len).unwrap_or_default(), meta.stride.max(1))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::IpAddr;

    use drywire::Ecn;

    use super::*;

    async fn receive(socket: &Socket, count: usize) -> Vec<(Path, BytesMut)> {
        let mut buffers = ReceiveBuffers::new();
        let mut got = Vec::new();
        while got.len() < count {
            poll_fn(|cx| socket.poll_receive(cx, &mut buffers, 64, |path, bytes| got.push((path, bytes))))
                .await
                .unwrap();
        }
        got
    }

    fn bind(address: &str) -> Socket {
        Socket::bind(address.parse().unwrap()).unwrap()
    }

    #[tokio::test]
    async fn a_wildcard_socket_learns_where_each_datagram_came_in_and_answers_from_there() {
        let server = bind("0.0.0.0:0");
        let client = bind("127.0.0.1:0");
        for host in ["127.0.0.1", "127.0.0.2"] {
            let server_address = SocketAddr::new(host.parse().unwrap(), server.local_address().port());
            let out = Path::udp(client.local_address(), server_address);
            client.send(&Transmit::datagram(out, 2), b"hi").await.unwrap();
            let (path, bytes) = receive(&server, 1).await.remove(0);
            assert_eq!((path, &bytes[..]), (out.reversed(), &b"hi"[..]));
            server.send(&Transmit::datagram(path, 2), b"ho").await.unwrap();
            let (path, bytes) = receive(&client, 1).await.remove(0);
            assert_eq!((path, &bytes[..]), (out, &b"ho"[..]));
        }
    }

    #[tokio::test]
    async fn a_train_arrives_as_its_datagrams_in_order() {
        let receiver = bind("127.0.0.1:0");
        let sender = bind("127.0.0.1:0");
        let path = Path::udp(sender.local_address(), receiver.local_address());
        // 100 datagrams are more than one GSO call takes; the last one is shorter.
        let contents: Vec<u8> = (0..99u8).flat_map(|i| [i; 1_000]).chain([99; 10]).collect();
        let transmit = Transmit { path, ecn: Ecn::NotEct, len: contents.len(), segment_size: Some(1_000) };
        sender.send(&transmit, &contents).await.unwrap();
        let got = receive(&receiver, 100).await;
        for (i, (from, bytes)) in (0u8..).zip(&got) {
            assert_eq!(*from, path.reversed());
            assert_eq!(bytes[..], vec![i; if i == 99 { 10 } else { 1_000 }]);
        }
        assert_eq!(got.len(), 100);
    }

    #[tokio::test]
    async fn a_destination_without_a_route_is_an_error_and_leaves_the_socket_usable() {
        let socket = bind("127.0.0.1:0");
        let nowhere = Path::udp(socket.local_address(), "192.0.2.1:9".parse().unwrap());
        let _ = socket.send(&Transmit::datagram(nowhere, 1), b"x").await;
        let own = Path::udp(socket.local_address(), socket.local_address());
        socket.send(&Transmit::datagram(own, 1), b"y").await.unwrap();
        assert_eq!(&receive(&socket, 1).await[0].1[..], b"y");
    }

    #[tokio::test]
    async fn a_socket_serves_its_own_addresses_only() {
        let any = bind("0.0.0.0:0");
        let one = bind("127.0.0.1:0");
        let at = |ip: &str, port| SocketAddr::new(ip.parse::<IpAddr>().unwrap(), port);
        assert!(any.serves(at("192.0.2.1", any.local_address().port())));
        assert!(!any.serves(at("::1", any.local_address().port())));
        assert!(one.serves(one.local_address()));
        assert!(!one.serves(at("127.0.0.2", one.local_address().port())));
    }
}
