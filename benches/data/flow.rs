use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use drywire_core::Instant;
use drywire_sim::Pipe;

use crate::engine::{Engine, Options, Pool};
use crate::message;

/// What DTLS 1.2 with AES-GCM adds to a packet: header, explicit nonce, tag. The link carries it, too.
const DTLS: usize = 37;

/// One end of a connection on a simulated link. The sender writes as much as there is room for.
pub(crate) struct Flow<E: Engine> {
    engine: E,
    sends: bool,
    /// When it writes its first message.
    begins: Instant,
    began: bool,
    message: Bytes,
    pool: Pool,
    queue: VecDeque<E::Packet>,
    /// Bytes of messages that were read.
    pub(crate) received: usize,
}

impl<E: Engine> Flow<E> {
    /// Of two connected ends, the first one sends.
    pub(crate) fn pair(options: &Options, now: Instant) -> [Self; 2] {
        let [a, b] = E::pair(options, now);
        [Self::new(a, true, now), Self::new(b, false, now)]
    }

    pub(crate) fn new(engine: E, sends: bool, now: Instant) -> Self {
        Self {
            engine,
            sends,
            begins: now,
            began: false,
            message: message(16 * 1024),
            pool: Pool::default(),
            queue: VecDeque::new(),
            received: 0,
        }
    }

    /// The same, but it writes nothing before this time.
    pub(crate) fn beginning(mut self, at: Instant) -> Self {
        self.begins = at;
        self
    }
}

impl<E: Engine> Pipe for Flow<E> {
    fn handle_input(&mut self, now: Instant, mut packet: BytesMut) {
        packet.truncate(packet.len().saturating_sub(DTLS));
        self.engine.handle_input(now, packet.into());
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.engine.handle_timeout(now);
    }

    fn react(&mut self, now: Instant) {
        self.received += self.engine.read(now);
        self.began |= now >= self.begins;
        if self.sends && self.began && self.engine.is_connected() {
            while self.engine.write(now, 0, &self.message) {}
        }
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        if self.queue.is_empty() {
            self.engine.transmit(now, &mut self.pool, &mut self.queue);
        }
        let packet = self.queue.pop_front()?;
        out.extend_from_slice(packet.as_ref());
        out.extend_from_slice(&[0; DTLS]);
        Some(packet.as_ref().len() + DTLS)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let begins = Some(self.begins).filter(|_| self.sends && !self.began);
        [self.engine.poll_timeout(), begins].into_iter().flatten().min()
    }
}
