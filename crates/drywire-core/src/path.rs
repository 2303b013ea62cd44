use std::fmt;
use std::net::SocketAddr;

/// The transport protocol that carries datagrams between two addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// UDP (RFC 768).
    Udp,
    /// TCP (RFC 9293), framed by a 16-bit length (RFC 4571).
    Tcp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        })
    }
}

/// The way of a datagram: the protocol, our address and the peer's.
///
/// `local` is the address that the datagram was received on or is sent from, never an unspecified one
/// (`0.0.0.0`): ICE distinguishes the interfaces of a host (RFC 8445, section 5.1.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path {
    /// The transport protocol.
    pub protocol: Protocol,
    /// Our address.
    pub local: SocketAddr,
    /// The peer's address.
    pub remote: SocketAddr,
}

impl Path {
    /// A UDP path between two addresses.
    #[must_use]
    pub const fn udp(local: SocketAddr, remote: SocketAddr) -> Self {
        Self { protocol: Protocol::Udp, local, remote }
    }

    /// The same path as the peer sees it.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self { protocol: self.protocol, local: self.remote, remote: self.local }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} -> {}", self.protocol, self.local, self.remote)
    }
}

/// The explicit congestion notification codepoint of an IP packet (RFC 3168, section 5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Ecn {
    /// Not ECN-capable: `00`.
    #[default]
    NotEct,
    /// ECN-capable, `01`: used by L4S (RFC 9331).
    Ect1,
    /// ECN-capable, `10`.
    Ect0,
    /// Congestion experienced, `11`.
    Ce,
}

impl Ecn {
    /// The two bits of the IP header.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Self::NotEct => 0,
            Self::Ect1 => 1,
            Self::Ect0 => 2,
            Self::Ce => 3,
        }
    }

    /// The codepoint of the two lowest bits of `bits`.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        match bits & 3 {
            0 => Self::NotEct,
            1 => Self::Ect1,
            2 => Self::Ect0,
            _ => Self::Ce,
        }
    }
}

/// What `poll_transmit` appended to the caller's buffer: one datagram, or a train of datagrams to one destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where to send it, and from which local address.
    pub path: Path,
    /// The ECN codepoint to send it with.
    pub ecn: Ecn,
    /// The number of bytes appended, of all datagrams together.
    pub len: usize,
    /// `Some(n)`: the bytes are a train of datagrams of `n` bytes each, the last one possibly shorter, in the shape
    /// that UDP generic segmentation offload takes. `None`: the bytes are one datagram.
    pub segment_size: Option<usize>,
}

impl Transmit {
    /// One datagram of `len` bytes, not ECN-capable.
    #[must_use]
    pub const fn datagram(path: Path, len: usize) -> Self {
        Self { path, ecn: Ecn::NotEct, len, segment_size: None }
    }
}
