use super::write_packet;

/// A packet of a type or format that is not known here, kept as it came: APP, XR, other feedback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownPacket<'a> {
    /// The packet type.
    pub packet_type: u8,
    /// The 5-bit field of the header: a count, a subtype or a format.
    pub count: u8,
    /// What follows the first four bytes, without padding; a multiple of four bytes.
    pub body: &'a [u8],
}

impl UnknownPacket<'_> {
    /// Appends the packet and returns its length. A body past 65,535 words is cut there.
    pub fn write(&self, out: &mut Vec<u8>) -> usize {
        let body = self.body.get(..4 * usize::from(u16::MAX)).unwrap_or(self.body);
        write_packet(out, self.packet_type, |writer| {
            writer.bytes(body);
            self.count
        })
    }
}
