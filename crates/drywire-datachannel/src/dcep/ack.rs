use drywire_core::Writer;

/// DATA_CHANNEL_ACK (RFC 8832, section 5.2): the answer to DATA_CHANNEL_OPEN.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+
/// |  Message Type |
/// +-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack;

impl Ack {
    pub(super) const MESSAGE_TYPE: u8 = 0x02;

    pub(super) fn write(self, out: &mut Writer<'_>) {
        out.u8(Self::MESSAGE_TYPE);
    }
}

#[cfg(test)]
mod tests {
    use super::Ack;
    use crate::dcep::Dcep;

    /// Chromium 156 sends the one byte; older drafts, and those who followed them, sent four.
    #[test]
    fn one_byte_is_enough() {
        assert_eq!(Dcep::parse(&[2]), Ok(Dcep::Ack(Ack)));
        assert_eq!(Dcep::parse(&[2, 0, 0, 0]), Ok(Dcep::Ack(Ack)));
        let mut out = Vec::new();
        Dcep::Ack(Ack).write(&mut out);
        assert_eq!(out, [2]);
    }
}
