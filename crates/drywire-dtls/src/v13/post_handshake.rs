//! What follows the handshake of DTLS 1.3: updates of keys (RFC 8446, section 4.6; RFC 9147, section 8).

use crate::CipherSuite;
use crate::failure::Failure;
use crate::handshake::Handshake;
use crate::message::{HandshakeType, KeyUpdate};
use crate::reassembly::Message;
use crate::record::{ReadKeys, WriteKeys};
use crate::schedule;
use crate::secret::Secret;

/// The secrets of the epochs in use, which the next ones are derived from.
pub(crate) struct TrafficKeys {
    suite: CipherSuite,
    read: (u64, Secret),
    write: (u64, Secret),
    update: Update,
}

/// How far an update of our own keys is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Update {
    Idle,
    /// To be sent when the flight before it is acknowledged.
    Wanted,
    /// Sent, not acknowledged: the old keys still write (RFC 9147, section 8).
    Sent,
}

impl TrafficKeys {
    pub(crate) const fn new(suite: CipherSuite, epoch: u64, read: Secret, write: Secret) -> Self {
        Self { suite, read: (epoch, read), write: (epoch, write), update: Update::Idle }
    }

    /// The epoch that the peer writes now.
    pub(crate) const fn read_epoch(&self) -> u64 {
        self.read.0
    }

    /// Takes a message that comes after the handshake.
    pub(crate) fn step(&mut self, handshake: &mut Handshake, message: &Message) -> Result<(), Failure> {
        match message.kind {
            // We resume no sessions; it is acknowledged all the same.
            HandshakeType::NewSessionTicket => {}
            HandshakeType::KeyUpdate => {
                let update = KeyUpdate::parse(&message.body)?;
                if message.epoch != self.read.0 {
                    return Err(Failure::UNEXPECTED);
                }
                self.next_read(handshake)?;
                if update.requested && self.update == Update::Idle {
                    self.update = Update::Wanted;
                }
            }
            _ => return Err(Failure::UNEXPECTED),
        }
        handshake.acks.send_now();
        self.proceed(handshake)
    }

    /// Wants new keys for what we write.
    pub(crate) fn request(&mut self) {
        if self.update == Update::Idle {
            self.update = Update::Wanted;
        }
    }

    /// Does what the acknowledgements so far allow.
    pub(crate) fn proceed(&mut self, handshake: &mut Handshake) -> Result<(), Failure> {
        if self.update == Update::Sent && handshake.flight.is_received() {
            self.next_write(handshake)?;
            self.update = Update::Idle;
        }
        if self.update == Update::Wanted && handshake.flight.is_received() {
            handshake.flight.begin();
            let mut body = Vec::new();
            KeyUpdate { requested: false }.write(&mut drywire_core::Writer::new(&mut body));
            handshake.flight.push(self.write.0, HandshakeType::KeyUpdate, body);
            self.update = Update::Sent;
        }
        Ok(())
    }

    fn next_read(&mut self, handshake: &mut Handshake) -> Result<(), Failure> {
        let provider = handshake.provider();
        let next = schedule::next_secret(&*provider, self.suite.hash(), &self.read.1)?;
        let keys = schedule::record_keys(&*provider, self.suite, &next)?;
        // The old keys stay for what was overtaken on the way, those before them go (RFC 9147, section 8).
        handshake.records.retire_read_before(self.read.0);
        self.read = (self.read.0 + 1, next);
        handshake.records.add_read_epoch(self.read.0, ReadKeys::Dtls13(keys));
        handshake.stats.key_updates += 1;
        Ok(())
    }

    fn next_write(&mut self, handshake: &mut Handshake) -> Result<(), Failure> {
        let provider = handshake.provider();
        let next = schedule::next_secret(&*provider, self.suite.hash(), &self.write.1)?;
        let keys = schedule::record_keys(&*provider, self.suite, &next)?;
        self.write = (self.write.0 + 1, next);
        handshake.records.add_write_epoch(self.write.0, WriteKeys::Dtls13(keys));
        handshake.records.retire_write_before(self.write.0);
        handshake.stats.key_updates += 1;
        Ok(())
    }
}
