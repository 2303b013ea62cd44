use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use drywire_core::Instant;

/// Datagrams are received into blocks of this size, as an application does that reads many from its socket.
const BLOCK: usize = 256 * 1024;

/// What a pair of endpoints is set to. Everything else is as each rival comes.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// How many bytes the application keeps written and not yet received.
    pub(crate) window: usize,
    /// The receive window of SCTP.
    pub(crate) receive_window: u32,
    /// Whether SCTP does without checksums, where it can.
    pub(crate) zero_checksum: bool,
    /// How many channels the messages are spread over.
    pub(crate) channels: u16,
    /// The largest SCTP packet in bytes, if all are to send the same; else each as it comes.
    pub(crate) packet: Option<u16>,
    /// Whether drywire acknowledges soon. A delay that is the only time to pass would be taken for a queue that fills, which
    /// ends the growth of the window.
    pub(crate) acknowledges_soon: bool,
    /// Decides what is random; those that draw from the operating system ignore it.
    pub(crate) seed: u8,
}

impl Options {
    /// One channel, a receive window of 4 MiB or more, with checksums.
    pub(crate) fn new(window: usize) -> Self {
        let receive_window = u32::try_from(window.saturating_mul(2)).unwrap_or(u32::MAX).max(4 << 20);
        Self {
            window,
            receive_window,
            zero_checksum: false,
            channels: 1,
            packet: None,
            acknowledges_soon: false,
            seed: 1,
        }
    }

    pub(crate) fn seeds(&self) -> [[u8; 32]; 2] {
        [[self.seed; 32], [self.seed ^ 0x80; 32]]
    }
}

/// One end of a connection that carries messages: drywire, or a rival. Side 0 sends them.
pub(crate) trait Engine: Sized {
    const NAME: &'static str;
    /// In what it takes datagrams.
    type Packet: AsRef<[u8]> + From<BytesMut>;

    /// Both ends, connecting.
    fn pair(options: &Options, now: Instant) -> [Self; 2];

    /// Whether messages can be written, on all channels.
    fn is_connected(&self) -> bool;

    /// Writes a message; `false` if its channel has no room.
    fn write(&mut self, now: Instant, channel: u16, message: &Bytes) -> bool;

    /// Reads all messages, and says how many bytes they have.
    fn read(&mut self, now: Instant) -> usize;

    fn handle_input(&mut self, now: Instant, packet: Self::Packet);

    fn handle_timeout(&mut self, now: Instant);

    /// Sends one datagram, or one train of them; `false` if there is none.
    fn transmit(&mut self, now: Instant, pool: &mut Pool, sent: &mut VecDeque<Self::Packet>) -> bool;

    fn poll_timeout(&self) -> Option<Instant>;
}

/// Where datagrams are received into: a buffer that is used again when nobody holds a part of it any more.
#[derive(Default)]
pub(crate) struct Pool {
    block: BytesMut,
    /// What a machine sends into.
    pub(crate) out: Vec<u8>,
}

impl Pool {
    /// A datagram with these bytes.
    pub(crate) fn copy(&mut self, bytes: &[u8]) -> BytesMut {
        if self.block.capacity() < bytes.len() {
            self.block.reserve(BLOCK.max(bytes.len()));
        }
        self.block.extend_from_slice(bytes);
        self.block.split()
    }

    /// Makes datagrams of `segment` bytes of what is in [`out`](Self::out).
    pub(crate) fn split(&mut self, segment: usize, mut sent: impl FnMut(BytesMut)) {
        let out = std::mem::take(&mut self.out);
        for bytes in out.chunks(segment.max(1)) {
            sent(self.copy(bytes));
        }
        self.out = out;
    }
}
