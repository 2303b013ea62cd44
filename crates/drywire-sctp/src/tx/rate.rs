use std::collections::VecDeque;

use drywire_core::Instant;

use super::congestion::Rate;

/// How fast data arrives, measured over the flight of each packet (draft-cheng-iccrg-delivery-rate-estimation).
#[derive(Debug)]
pub(super) struct RateSampler {
    /// The number of the first packet in `packets`.
    first: u64,
    packets: VecDeque<Packet>,
    /// Bytes that have arrived, and when the last of them were acknowledged.
    arrived: u64,
    arrived_at: Option<Instant>,
    /// When the packet was sent that was acknowledged last.
    first_sent: Option<Instant>,
    /// Until this many bytes have arrived there was not enough to send.
    limited_until: u64,
}

/// How things stood when a packet was sent.
#[derive(Clone, Copy, Debug)]
struct Packet {
    sent: Instant,
    arrived: u64,
    arrived_at: Instant,
    first_sent: Instant,
    limited: bool,
}

impl RateSampler {
    pub(super) const fn new(first: u64) -> Self {
        Self {
            first,
            packets: VecDeque::new(),
            arrived: 0,
            arrived_at: None,
            first_sent: None,
            limited_until: 0,
        }
    }

    /// The next packet with data is sent; `idle` when nothing else is in flight.
    pub(super) fn sent(&mut self, now: Instant, idle: bool) {
        if idle {
            (self.arrived_at, self.first_sent) = (Some(now), Some(now));
        }
        self.packets.push_back(Packet {
            sent: now,
            arrived: self.arrived,
            arrived_at: self.arrived_at.unwrap_or(now),
            first_sent: self.first_sent.unwrap_or(now),
            limited: self.arrived < self.limited_until,
        });
    }

    /// There is nothing more to send although `in_flight` bytes are not all that could be in flight.
    pub(super) fn limited(&mut self, in_flight: usize) {
        self.limited_until = self.arrived + u64::try_from(in_flight).unwrap_or(u64::MAX).max(1);
    }

    /// `bytes` were acknowledged for the first time, the packet `number` the latest of them.
    pub(super) fn acknowledged(&mut self, now: Instant, bytes: usize, number: Option<u64>) -> Option<Rate> {
        self.arrived += u64::try_from(bytes).unwrap_or(u64::MAX);
        self.arrived_at = Some(now);
        let behind = usize::try_from(number?.checked_sub(self.first)?).ok()?;
        let packet = *self.packets.get(behind)?;
        self.packets.drain(..=behind);
        self.first = number? + 1;
        self.first_sent = Some(packet.sent);
        // What left faster than it arrived arrived as fast as that; the other way round too.
        let sending = packet.sent.saturating_duration_since(packet.first_sent);
        let arriving = now.saturating_duration_since(packet.arrived_at);
        let micros = u64::try_from(sending.max(arriving).as_micros()).ok().filter(|micros| *micros > 0)?;
        let arrived = self.arrived - packet.arrived;
        Some(Rate {
            bytes_per_second: arrived.saturating_mul(1_000_000) / micros,
            app_limited: packet.limited,
        })
    }
}
