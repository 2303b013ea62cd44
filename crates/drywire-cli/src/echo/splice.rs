use drywire::RtpPacket;
use drywire::rtp::{SequenceNumber, Ssrc};

/// Makes one RTP stream of those that come one after the other on a transceiver.
///
/// What goes back has one SSRC, whatever the peer sends with. When the peer changes its SSRC, sequence numbers and
/// timestamps start anew; going back they go on from where they were, because a receiver takes a jump for loss, and
/// SRTP refuses a number that was used before.
#[derive(Debug)]
pub(super) struct Splice {
    ssrc: Ssrc,
    sequence_offset: u16,
    timestamp_offset: u32,
    /// The highest numbers that were sent.
    highest: (u16, u32),
}

impl Splice {
    /// Begins with the first packet, whose numbers stay what they are.
    pub(super) fn new(ssrc: Ssrc, packet: &RtpPacket) -> Self {
        let highest = (packet.sequence_number.0.wrapping_sub(1), packet.timestamp);
        Self { ssrc, sequence_offset: 0, timestamp_offset: 0, highest }
    }

    /// Gives a packet the numbers to send it back with.
    pub(super) fn apply(&mut self, ssrc: Ssrc, packet: &mut RtpPacket) {
        if ssrc != self.ssrc {
            let (sequence_number, timestamp) = self.highest;
            self.ssrc = ssrc;
            self.sequence_offset = sequence_number.wrapping_add(1).wrapping_sub(packet.sequence_number.0);
            self.timestamp_offset = timestamp.wrapping_add(1).wrapping_sub(packet.timestamp);
        }
        let sequence_number = packet.sequence_number.0.wrapping_add(self.sequence_offset);
        packet.sequence_number = SequenceNumber(sequence_number);
        packet.timestamp = packet.timestamp.wrapping_add(self.timestamp_offset);
        if sequence_number.wrapping_sub(self.highest.0) < 0x8000 {
            self.highest = (sequence_number, packet.timestamp);
        }
    }
}

#[cfg(test)]
mod tests {
    use drywire::rtp::PayloadType;
    use drywire::{Extensions, RtpPacket};

    use super::*;

    fn packet(sequence_number: u16, timestamp: u32) -> RtpPacket {
        RtpPacket {
            payload_type: PayloadType::new(96).unwrap(),
            marker: false,
            sequence_number: SequenceNumber(sequence_number),
            timestamp,
            extensions: Extensions::default(),
            payload: bytes::Bytes::new(),
        }
    }

    #[test]
    fn numbers_stay_until_the_source_changes_and_then_go_on() {
        let steps = [
            // source, numbers that came, numbers that go back
            (1, (65_534, 100), (65_534, 100)),
            (1, (0, 300), (0, 300)),
            (1, (65_535, 200), (65_535, 200)),
            (2, (5_000, 7), (1, 301)),
            (2, (5_001, 17), (2, 311)),
            (1, (9, 9), (3, 312)),
        ];
        let mut splice = Splice::new(Ssrc(1), &packet(65_534, 100));
        for (ssrc, (sequence_number, timestamp), expected) in steps {
            let mut packet = packet(sequence_number, timestamp);
            splice.apply(Ssrc(ssrc), &mut packet);
            assert_eq!((packet.sequence_number.0, packet.timestamp), expected);
        }
    }
}
