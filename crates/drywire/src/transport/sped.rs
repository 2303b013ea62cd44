//! DTLS inside STUN (draft-hancke-webrtc-sped-00): the flights of the handshake ride on the checks of ICE and their
//! responses, so that both handshakes run at the same time.
//!
//! What is on the wire, and as Chromium has it: every message carries the checksums of the datagrams that were
//! received, and one datagram of our flight, in turn, until all of it is acknowledged. A first message without either
//! says that the peer does not know any of this; DTLS then begins as ever when ICE has a path.

use bytes::BytesMut;
use drywire_core::{Duration, Instant};
use drywire_ice::{Attach, Attachment, Carrier, ReceivedAttachment};
use drywire_stun::attributes::DtlsInStunAck;

/// The longest datagram of a handshake inside STUN, in bytes: a ClientHello with a post-quantum share makes two, and
/// with all that a check can carry besides, and what a relay adds, each fits into the 1,200 bytes of any path.
pub(super) const MTU: usize = 900;
/// The most messages with DTLS that are sent to addresses where the peer is not known to be, over the whole time. It
/// bounds what a peer that names others' addresses makes us send there; a handshake needs a few per candidate pair.
const MAX_UNPROVED: u32 = 64;
/// How long an unanswered check waits until it is sent again with what is to be said then. The schedule of ICE, half a
/// second and more, is made for checks that may never be answered; this one is made for a handshake that somebody waits
/// for. [`MAX_UNPROVED`] bounds it.
const PATIENCE: Duration = Duration::from_millis(100);
/// The most datagrams held before DTLS has begun: a ClientHello with a post-quantum share has two.
const MAX_HELD: usize = 8;

/// How far we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The peer has not said anything yet.
    Tentative,
    /// The peer knows how this goes.
    Confirmed,
    /// Our handshake is complete. The peer may not have all of our last flight, nor know that we have all of its.
    Closing,
    /// Nothing rides any more.
    Over,
}

/// A datagram of our flight that the peer has not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Packet {
    datagram: Vec<u8>,
    checksum: u32,
    /// Whether it was sent in any way.
    sent: bool,
}

/// One side of DTLS inside STUN.
#[derive(Debug)]
pub(super) struct Sped {
    stage: Stage,
    /// Our latest flight. It is what our own DTLS wrote: a few datagrams.
    flight: Vec<Packet>,
    /// Whose turn it is.
    next: usize,
    /// The latest datagrams of the peer.
    received: DtlsInStunAck,
    /// Whether the latest message of the peer carried a datagram, for whose acknowledgement it waits.
    peer_waits: bool,
    unproved: u32,
    held: Vec<BytesMut>,
    /// How many datagrams rode on messages that we sent.
    pub(super) sent_count: u64,
    /// How many datagrams rode on messages of the peer.
    pub(super) received_count: u64,
}

impl Sped {
    pub(super) const fn new() -> Self {
        Self {
            stage: Stage::Tentative,
            flight: Vec::new(),
            next: 0,
            received: DtlsInStunAck::new(),
            peer_waits: false,
            unproved: MAX_UNPROVED,
            held: Vec::new(),
            sent_count: 0,
            received_count: 0,
        }
    }

    /// Whether anything rides, and is taken.
    pub(super) fn is_active(&self) -> bool {
        self.stage != Stage::Over
    }

    /// Takes what an authentic message of the peer carried. Returns a datagram for DTLS, if there is a new one.
    pub(super) fn receive(&mut self, attachment: ReceivedAttachment) -> Option<BytesMut> {
        let ReceivedAttachment { payload, acknowledged } = attachment;
        let silent = payload.is_none() && acknowledged.is_none();
        match self.stage {
            Stage::Over => return None,
            // The peer does not know how this goes: DTLS begins beside STUN, with all that was written so far.
            Stage::Tentative if silent => {
                self.fall_back();
                return None;
            }
            // The peer is done, so it has all of ours. If not, the timers of DTLS see to it.
            Stage::Closing if silent => {
                self.end();
                return None;
            }
            Stage::Tentative => self.stage = Stage::Confirmed,
            Stage::Confirmed | Stage::Closing => {}
        }
        if let Some(acknowledged) = acknowledged {
            self.acknowledge(acknowledged);
        }
        let datagram = payload.filter(|payload| is_dtls(payload));
        self.peer_waits = datagram.is_some();
        let datagram = datagram?;
        self.received_count += 1;
        // One that came another way as well is acknowledged once more, but DTLS has it.
        self.note(&datagram).then_some(datagram)
    }

    /// Remembers a datagram that was received, to acknowledge it; says whether it is new. Those that came beside STUN
    /// count, too: the peer has them on its list all the same.
    pub(super) fn note(&mut self, datagram: &[u8]) -> bool {
        let checksum = DtlsInStunAck::checksum(datagram);
        let new = !self.received.contains(checksum);
        self.received.push(checksum);
        new
    }

    /// Keeps a datagram that came before DTLS could take it; of too many the later ones are dropped.
    pub(super) fn hold(&mut self, datagram: BytesMut) {
        if self.held.len() < MAX_HELD {
            self.held.push(datagram);
        }
    }

    /// Takes what was held.
    pub(super) fn take_held(&mut self) -> Vec<BytesMut> {
        std::mem::take(&mut self.held)
    }

    /// Takes what DTLS has to send. It is a new flight, or the same one anew: either way it stands for the one before.
    pub(super) fn capture(&mut self, now: Instant, dtls: &mut drywire_dtls::Connection) {
        let mut flight = Vec::new();
        let mut datagram = Vec::new();
        while dtls.poll_transmit(now, &mut datagram).is_some() {
            flight.push(std::mem::take(&mut datagram));
        }
        self.replace(flight);
    }

    fn replace(&mut self, flight: Vec<Vec<u8>>) {
        if flight.is_empty() {
            return;
        }
        let packet = |datagram: Vec<u8>| {
            let checksum = DtlsInStunAck::checksum(&datagram);
            Packet { datagram, checksum, sent: false }
        };
        self.flight = flight.into_iter().map(packet).collect();
        self.next = 0;
    }

    /// The next datagram that was not sent yet, to be sent beside STUN: along a path that carries it there is no reason
    /// to wait for a check. It rides all the same until it is acknowledged.
    pub(super) fn next_direct(&mut self) -> Option<&[u8]> {
        let packet = self.flight.iter_mut().find(|packet| !packet.sent)?;
        packet.sent = true;
        Some(&packet.datagram)
    }

    /// DTLS is connected on our side.
    pub(super) fn handshake_complete(&mut self) {
        if self.is_active() {
            self.stage = Stage::Closing;
        }
    }

    /// Ends when there is nothing left to say: our handshake is complete, the peer has all of it, and does not wait for
    /// an acknowledgement.
    pub(super) fn conclude(&mut self) {
        if self.stage == Stage::Closing && self.flight.is_empty() && !self.peer_waits {
            self.end();
        }
    }

    /// The description of the peer says nothing of DTLS inside STUN. If its messages did, they are believed.
    pub(super) fn not_negotiated(&mut self) {
        if self.stage == Stage::Tentative {
            self.fall_back();
        }
    }

    /// Ends at once, and forgets everything.
    pub(super) fn end(&mut self) {
        self.stage = Stage::Over;
        self.flight = Vec::new();
        self.held = Vec::new();
    }

    /// Ends, and leaves the flight to be sent beside STUN: what rode was not looked at.
    fn fall_back(&mut self) {
        let mut flight = std::mem::take(&mut self.flight);
        self.end();
        for packet in &mut flight {
            packet.sent = false;
        }
        self.flight = flight;
    }

    /// Whose turn it is: what was not sent yet goes first.
    fn next_turn(&mut self) -> Option<usize> {
        let fresh = self.flight.iter().position(|packet| !packet.sent);
        let at = fresh.or(self.next.checked_rem(self.flight.len()))?;
        self.next = at + 1;
        Some(at)
    }

    fn acknowledge(&mut self, acknowledged: DtlsInStunAck) {
        // Whose turn it is, it stays.
        let before = self.flight.iter().take(self.next);
        let gone = before.filter(|packet| acknowledged.contains(packet.checksum)).count();
        self.next = self.next.saturating_sub(gone);
        self.flight.retain(|packet| !acknowledged.contains(packet.checksum));
    }
}

impl Attach for Sped {
    fn attach(&mut self, carrier: Carrier) -> Option<Attachment<'_>> {
        if !self.is_active() {
            return None;
        }
        let received = self.received;
        if !carrier.is_valid && self.unproved == 0 {
            return Some(Attachment { payload: &[], received, again: None });
        }
        self.unproved -= u32::from(!carrier.is_valid);
        let Some(at) = self.next_turn() else {
            let again = (!carrier.is_valid).then_some(PATIENCE);
            return Some(Attachment { payload: &[], received, again });
        };
        if let Some(packet) = self.flight.get_mut(at) {
            packet.sent = true;
            self.sent_count += 1;
        }
        // Along a valid path nothing waits for a check.
        let waits = self.flight.iter().any(|packet| !packet.sent);
        let again = (!carrier.is_valid).then_some(if waits { Duration::ZERO } else { PATIENCE });
        let payload = self.flight.get(at).map_or(&[][..], |packet| &packet.datagram);
        Some(Attachment { payload, received, again })
    }
}

/// Whether a datagram begins like one of DTLS (RFC 9443, section 3).
fn is_dtls(datagram: &[u8]) -> bool {
    matches!(datagram.first(), Some(20..=63))
}

#[cfg(test)]
mod tests;
