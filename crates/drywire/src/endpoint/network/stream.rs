use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;
use drywire_core::{Path, Transmit};
use drywire_ice::{Deframer, frame_header};

use crate::PeerId;

/// The most connections that wait to be opened, and the most streams.
const MAX_STREAMS: usize = 10_000;

/// Names a connection that is to be opened. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectId(u64);

/// What an endpoint wants done with TCP connections.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamRequest {
    /// Open one, and tell [`connected`](super::super::Endpoint::connected) or
    /// [`connect_failed`](super::super::Endpoint::connect_failed).
    Connect {
        /// Its name, until it is open.
        id: ConnectId,
        /// The address to connect from, if that matters; port 0: any.
        local: Option<SocketAddr>,
        /// Where to.
        remote: SocketAddr,
        /// TLS is to be spoken, and the certificate must be for this name or address. `None`: no TLS.
        tls: Option<Arc<str>>,
    },
    /// Close one.
    Close {
        /// Its addresses.
        path: Path,
    },
}

/// What a connection is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To reach this relay.
    Relay(usize),
    /// For this pair of a peer connection: its path has port 9 in the place of what the connection will get.
    Pair(PeerId, Path),
}

/// What is at the other end.
#[derive(Debug)]
enum Stream {
    Relay(usize),
    Peer {
        deframer: Deframer,
        /// Something that came along it belongs to a peer connection.
        proven: bool,
    },
}

/// The TCP connections of an endpoint.
#[derive(Debug, Default)]
pub(super) struct Streams {
    next: u64,
    opening: BTreeMap<ConnectId, Purpose>,
    open: HashMap<Path, Stream>,
    requests: VecDeque<StreamRequest>,
}

impl Streams {
    pub(super) fn poll(&mut self) -> Option<StreamRequest> {
        self.requests.pop_front()
    }

    /// Asks for a connection. `None`: there are too many already.
    pub(super) fn connect(
        &mut self,
        purpose: Purpose,
        local: Option<SocketAddr>,
        remote: SocketAddr,
        tls: Option<Arc<str>>,
    ) -> Option<ConnectId> {
        if self.opening.len() + self.open.len() >= MAX_STREAMS {
            return None;
        }
        self.next += 1;
        let id = ConnectId(self.next);
        self.opening.insert(id, purpose);
        self.requests.push_back(StreamRequest::Connect { id, local, remote, tls });
        Some(id)
    }

    /// A connection is there, or not: what it was for.
    pub(super) fn concluded(&mut self, id: ConnectId) -> Option<Purpose> {
        self.opening.remove(&id)
    }

    /// Nobody waits any more for this connection.
    pub(super) fn abandon(&mut self, id: ConnectId) {
        self.opening.remove(&id);
        self.requests
            .retain(|request| !matches!(request, StreamRequest::Connect { id: other, .. } if *other == id));
    }

    pub(super) fn opened(&mut self, path: Path, purpose: Purpose) {
        let stream = match purpose {
            Purpose::Relay(relay) => Stream::Relay(relay),
            Purpose::Pair(..) => Stream::Peer { deframer: Deframer::default(), proven: true },
        };
        self.open.insert(path, stream);
    }

    /// Closes a connection, if it is there.
    pub(super) fn close(&mut self, path: Path) {
        if self.open.remove(&path).is_some() {
            self.requests.push_back(StreamRequest::Close { path });
        }
    }

    /// Closes one that is not wanted by anybody.
    pub(super) fn refuse(&mut self, path: Path) {
        self.open.remove(&path);
        self.requests.push_back(StreamRequest::Close { path });
    }

    pub(super) fn closed(&mut self, path: Path) {
        self.open.remove(&path);
    }

    pub(super) fn relay(&self, path: Path) -> Option<usize> {
        match self.open.get(&path) {
            Some(Stream::Relay(relay)) => Some(*relay),
            _ => None,
        }
    }

    /// Takes what came over a connection with a peer, and gives out the datagrams in it. Returns whether the connection
    /// may stay: `is_known` says of each datagram whether it belongs to a peer connection, and one of the first must.
    pub(super) fn take(
        &mut self,
        path: Path,
        bytes: &[u8],
        mut deliver: impl FnMut(BytesMut) -> bool,
    ) -> bool {
        let room = self.open.len() < MAX_STREAMS;
        let fresh = || Stream::Peer { deframer: Deframer::default(), proven: false };
        let entry = match self.open.get_mut(&path) {
            Some(entry) => entry,
            None if room => self.open.entry(path).or_insert_with(fresh),
            None => return false,
        };
        let Stream::Peer { deframer, proven } = entry else { return true };
        let mut rest = bytes;
        while !rest.is_empty() {
            let taken = deframer.push(rest);
            rest = rest.get(taken..).unwrap_or_default();
            while let Some(datagram) = deframer.next_frame() {
                *proven |= deliver(datagram);
                // Who connects without being expected has to say at once to whom: the check of a peer has our name in it.
                if !*proven {
                    return false;
                }
            }
        }
        true
    }
}

/// Puts the length before each of the datagrams that were just appended to `out` (RFC 4571, section 2), in the same memory.
pub(super) fn frame(transmit: Transmit, out: &mut Vec<u8>) -> Option<Transmit> {
    const HEADER: usize = 2;
    let start = out.len().saturating_sub(transmit.len);
    let size = transmit.segment_size.unwrap_or(transmit.len).max(1);
    let count = transmit.len.div_ceil(size);
    if frame_header(size).is_none() || count == 0 {
        out.truncate(start);
        return None;
    }
    out.resize(out.len() + HEADER * count, 0);
    for index in (0..count).rev() {
        let from = start + size * index;
        let len = size.min(transmit.len - size * index);
        let to = start + (HEADER + size) * index;
        out.copy_within(from..from + len, to + HEADER);
        if let (Some(place), Some(header)) = (out.get_mut(to..to + HEADER), frame_header(len)) {
            place.copy_from_slice(&header);
        }
    }
    Some(Transmit { len: out.len() - start, segment_size: None, ..transmit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_train_becomes_frames() {
        let path = Path::udp("192.0.2.1:1".parse().unwrap(), "192.0.2.2:2".parse().unwrap());
        let mut out = b"before".to_vec();
        out.extend(b"aaaabbbbcc");
        let train = Transmit { segment_size: Some(4), ..Transmit::datagram(path, 10) };
        let framed = frame(train, &mut out).unwrap();
        assert_eq!(out, b"before\0\x04aaaa\0\x04bbbb\0\x02cc");
        assert_eq!((framed.len, framed.segment_size), (16, None));

        let mut out = vec![7; 70_000];
        assert_eq!(frame(Transmit::datagram(path, 70_000), &mut out), None);
        assert!(out.is_empty());
    }

    #[test]
    fn strangers_are_refused_at_their_first_datagram() {
        let path = Path::udp("192.0.2.1:1".parse().unwrap(), "192.0.2.2:2".parse().unwrap());
        let mut streams = Streams::default();
        assert!(streams.take(path, &[0, 3, 1], |_| false), "nothing is whole yet");
        assert!(!streams.take(path, &[2, 3], |_| false));
        streams.refuse(path);
        assert_eq!(streams.poll(), Some(StreamRequest::Close { path }));

        assert!(streams.take(path, &[0, 1, 1, 0, 1, 2], |datagram| datagram[0] == 1));
        assert!(streams.take(path, &[0, 1, 3], |_| false), "later ones may be for nobody");
    }
}
