//! What waits to be sent, and how it is written.

use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::BytesMut;
use drywire_core::{Ecn, Path, Protocol, Rng, Transmit};
use drywire_stun::attributes::{Data, XorPeerAddress};
use drywire_stun::{Class, HEADER_LEN, MessageBuilder, Method, TransactionId};

use crate::{CHANNEL_HEADER_LEN, ChannelData};

/// The longest train, in datagrams and bytes: what UDP segmentation offload takes.
pub(super) const TRAIN: usize = 64;
pub(super) const TRAIN_BYTES: usize = 64_000;

/// What each that waits counts for besides its bytes.
const EACH: usize = 64;

/// What stands before a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// Nothing: a message, or a datagram to a peer.
    Bare,
    /// The header of a channel; padded for a stream.
    Channel { number: u16, padded: bool },
    /// A Data indication.
    Data(SocketAddr),
}

impl Frame {
    /// The length of a framed payload of `len` bytes.
    pub(super) const fn framed_len(self, len: usize) -> usize {
        match self {
            Self::Bare => len,
            Self::Channel { padded: false, .. } => CHANNEL_HEADER_LEN + len,
            Self::Channel { padded: true, .. } => CHANNEL_HEADER_LEN + len.next_multiple_of(4),
            // The header, XOR-PEER-ADDRESS, the header of DATA.
            Self::Data(peer) => {
                HEADER_LEN + if peer.is_ipv4() { 12 } else { 24 } + 4 + len.next_multiple_of(4)
            }
        }
    }

    /// Appends a framed payload.
    pub(super) fn write(self, rng: &mut Rng, payload: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Bare => out.extend_from_slice(payload),
            Self::Channel { number, padded } => {
                // A datagram is never longer than 65,535 bytes.
                let _ = ChannelData { channel: number, data: payload }.write(padded, out);
            }
            Self::Data(peer) => {
                let id = TransactionId::random(rng);
                let mut indication = MessageBuilder::new(out, Class::Indication, Method::DATA, id);
                indication.attribute(&XorPeerAddress(peer)).attribute(&Data(payload));
                // Nothing is appended of what is too long; what is taken from peers is not.
                let _ = indication.finish();
            }
        }
    }
}

/// Something to send.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) path: Path,
    pub(super) frame: Frame,
    pub(super) payload: BytesMut,
}

impl Outgoing {
    fn wire_len(&self) -> usize {
        self.frame.framed_len(self.payload.len())
    }

    /// Each counts for its bookkeeping, too, so that empty ones are bounded.
    fn cost(&self) -> usize {
        self.payload.len() + EACH
    }
}

/// What waits, in its order.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: VecDeque<Outgoing>,
    bytes: usize,
    most: usize,
}

impl Queue {
    pub(super) const fn new(most: usize) -> Self {
        Self { waiting: VecDeque::new(), bytes: 0, most }
    }

    /// Whether so many bytes may wait, too.
    pub(super) const fn has_room(&self, bytes: usize) -> bool {
        self.bytes + bytes + EACH <= self.most
    }

    /// `false` when too much is waiting.
    pub(super) fn push(&mut self, outgoing: Outgoing) -> bool {
        if !self.has_room(outgoing.payload.len()) {
            return false;
        }
        self.bytes += outgoing.cost();
        self.waiting.push_back(outgoing);
        true
    }

    fn pop(&mut self) -> Option<Outgoing> {
        let outgoing = self.waiting.pop_front()?;
        self.bytes = self.bytes.saturating_sub(outgoing.cost());
        Some(outgoing)
    }

    /// Sends what is first, and what follows it of the same size to the same destination.
    pub(super) fn send(&mut self, rng: &mut Rng, out: &mut Vec<u8>) -> Option<Transmit> {
        let start = out.len();
        let first = self.pop()?;
        let (path, segment) = (first.path, first.wire_len());
        first.frame.write(rng, &first.payload, out);
        let mut count = 1;
        // A stream has no datagrams, and an empty one cannot be a part of a train.
        let mut is_whole = segment == 0 || path.protocol != Protocol::Udp;
        while !is_whole {
            let fits = |next: &&Outgoing| {
                next.path == path
                    && (1..=segment).contains(&next.wire_len())
                    && count < TRAIN
                    && out.len() - start + segment <= TRAIN_BYTES
            };
            let Some(next) = self.waiting.front().filter(fits).is_some().then(|| self.pop()).flatten() else {
                break;
            };
            next.frame.write(rng, &next.payload, out);
            count += 1;
            is_whole = next.wire_len() != segment;
        }
        let segment_size = (count > 1).then_some(segment);
        Some(Transmit { path, ecn: Ecn::NotEct, len: out.len() - start, segment_size })
    }
}
