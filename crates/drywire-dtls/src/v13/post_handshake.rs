//! What follows the handshake of DTLS 1.3: updates of keys and connection identifiers (RFC 8446, section 4.6; RFC
//! 9147, sections 8 and 9).

use drywire_core::Writer;
use drywire_crypto::Secret;

use crate::failure::Failure;
use crate::handshake::Handshake;
use crate::message::{HandshakeType, KeyUpdate, NewConnectionId, NewSessionTicket, RequestConnectionId};
use crate::reassembly::Message;
use crate::record::{MAX_IDS, ReadKeys, WriteKeys};
use crate::schedule;
use crate::{CipherSuite, Role};

/// The secrets of the epochs in use, which the next ones are derived from.
pub(crate) struct TrafficKeys {
    suite: CipherSuite,
    read: (u64, Secret),
    write: (u64, Secret),
    update: Update,
    /// Identifiers for the peer that are not announced yet.
    new_ids: Option<Vec<Vec<u8>>>,
    /// How many more identifiers of the peer we want, and whether it was asked for them.
    wanted_ids: u8,
    asked_ids: bool,
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
        Self {
            suite,
            read: (epoch, read),
            write: (epoch, write),
            update: Update::Idle,
            new_ids: None,
            wanted_ids: 0,
            asked_ids: false,
        }
    }

    /// The epoch that the peer writes now.
    pub(crate) const fn read_epoch(&self) -> u64 {
        self.read.0
    }

    /// Takes a message that comes after the handshake.
    pub(crate) fn step(&mut self, handshake: &mut Handshake, message: &Message) -> Result<(), Failure> {
        match message.kind {
            // We resume no sessions; it is read and acknowledged all the same.
            HandshakeType::NewSessionTicket if handshake.role == Role::Client => {
                NewSessionTicket::parse(&message.body)?;
            }
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
            HandshakeType::NewConnectionId => {
                // Only from a peer that wants to receive any (RFC 9147, section 9).
                if handshake.records.ids.remote().is_empty() {
                    return Err(Failure::UNEXPECTED);
                }
                let new = NewConnectionId::parse(&message.body, MAX_IDS)?;
                handshake.records.ids.add_remote(new.ids, new.immediate);
                self.asked_ids = false;
            }
            HandshakeType::RequestConnectionId => self.take_request(handshake, &message.body)?,
            _ => return Err(Failure::UNEXPECTED),
        }
        self.proceed(handshake)
    }

    /// The peer wants more of our identifiers. It gets them while there are few; with too many it has to do with what it
    /// has (RFC 9147, section 9).
    fn take_request(&mut self, handshake: &mut Handshake, body: &[u8]) -> Result<(), Failure> {
        let known = handshake.records.ids.local().count();
        if known == 0 {
            return Err(Failure::UNEXPECTED);
        }
        let wanted = RequestConnectionId::parse(body)?.count;
        let len = handshake.records.ids.local_len();
        let new = self.new_ids.get_or_insert_default();
        for _ in 0..usize::from(wanted).min(MAX_IDS.saturating_sub(known)) {
            let mut id = vec![0; len];
            handshake.rng.fill(&mut id);
            handshake.records.ids.add_local(id.clone());
            new.push(id);
        }
        Ok(())
    }

    /// Wants more identifiers of the peer.
    pub(crate) fn request_ids(&mut self, count: u8) {
        if !self.asked_ids && self.wanted_ids == 0 {
            self.wanted_ids = count;
        }
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
        // One message after the other: each waits until the one before it is acknowledged.
        if !handshake.flight.is_received() || handshake.flight.is_exhausted() {
            return Ok(());
        }
        let mut body = Vec::new();
        let mut writer = Writer::new(&mut body);
        let kind = if self.update == Update::Wanted {
            self.update = Update::Sent;
            KeyUpdate { requested: false }.write(&mut writer);
            HandshakeType::KeyUpdate
        } else if let Some(ids) = self.new_ids.take() {
            let ids = ids.iter().map(Vec::as_slice).collect();
            NewConnectionId { ids, immediate: false }.write(&mut writer);
            HandshakeType::NewConnectionId
        } else if self.wanted_ids > 0 {
            RequestConnectionId { count: std::mem::take(&mut self.wanted_ids) }.write(&mut writer);
            self.asked_ids = true;
            HandshakeType::RequestConnectionId
        } else {
            return Ok(());
        };
        handshake.flight.begin();
        handshake.acks.forget_named();
        handshake.flight.push(self.write.0, kind, |w| {
            w.bytes(&body);
        });
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
