//! The handshake of DTLS 1.2 (RFC 6347, section 4.2; RFC 5246, section 7.3), with ECDHE, certificates and the extended
//! master secret (RFC 7627) only.

pub(crate) mod client;
pub(crate) mod server;

use drywire_crypto::{NamedGroup, Secret, SignatureScheme};
use subtle::ConstantTimeEq as _;

use crate::agreed::Agreed;
use crate::failure::Failure;
use crate::handshake::Handshake;
use crate::message::HandshakeType;
use crate::prf::Master;
use crate::reassembly::Message;
use crate::record::{Keys12, ReadKeys, WriteKeys};
use crate::session::{Exporter, Session};
use crate::{Alert, CipherSuite, ConnectionInfo, Role, Version};

/// The epoch after ChangeCipherSpec, the only one: nothing is renegotiated (attack C12).
pub(crate) const PROTECTED_EPOCH: u64 = 1;

/// What the hello messages have negotiated.
pub(crate) struct Negotiated {
    suite: CipherSuite,
    agreed: Agreed,
    client_random: [u8; 32],
    server_random: [u8; 32],
}

impl Negotiated {
    /// Derives the master secret, when the transcript ends with ClientKeyExchange, and the keys. The secret stays in its
    /// box from here on: the states that it goes through keep no copies of it (attack C21).
    fn master(
        &self,
        handshake: &Handshake,
        premaster: &Secret,
    ) -> Result<(Box<Master>, Keys12, Keys12), Failure> {
        let provider = handshake.provider();
        let session_hash = handshake.transcript.digest();
        let randoms = (&self.client_random, &self.server_random);
        let master = Master::extended(&*provider, self.suite.hash(), premaster, &session_hash, randoms);
        handshake.log_key("CLIENT_RANDOM", master.secret());
        let (client, server) = master.record_keys(&*provider, self.suite)?;
        Ok((Box::new(master), client, server))
    }

    fn session(&self, master: Box<Master>, group: NamedGroup, peer: Option<SignatureScheme>) -> Session {
        Session {
            info: ConnectionInfo {
                version: Version::Dtls12,
                cipher_suite: self.suite,
                group,
                srtp_profile: self.agreed.srtp,
                alpn: self.agreed.alpn.clone(),
                peer_signature_scheme: peer,
            },
            exporter: Exporter::Dtls12(master),
            traffic: None,
        }
    }
}

/// Sends ChangeCipherSpec and Finished.
fn send_finished(handshake: &mut Handshake, master: &Master, keys: Keys12) {
    handshake.flight.push_change_cipher_spec();
    handshake.records.add_write_epoch(PROTECTED_EPOCH, WriteKeys::Dtls12(keys));
    let provider = handshake.provider();
    let digest = handshake.transcript.digest();
    let data = master.verify_data(&*provider, handshake.role, &digest);
    handshake.send(PROTECTED_EPOCH, HandshakeType::Finished, |w| {
        w.bytes(&data);
    });
}

/// Checks the peer's Finished. It must come protected by the new keys; the ChangeCipherSpec before it says nothing that
/// its epoch does not say, and may be lost or come early as it likes (attack C09).
fn check_finished(handshake: &mut Handshake, message: &Message, master: &Master) -> Result<(), Failure> {
    let provider = handshake.provider();
    let digest = handshake.transcript.digest();
    let expected = master.verify_data(&*provider, handshake.role.peer(), &digest);
    if message.epoch != PROTECTED_EPOCH || !bool::from(expected.ct_eq(&message.body)) {
        return Err(Failure::Misbehaved(Alert::DECRYPT_ERROR));
    }
    handshake.note(message);
    Ok(())
}

/// Puts the peer's keys in place.
fn install_read(handshake: &mut Handshake, keys: Keys12) {
    handshake.records.add_read_epoch(PROTECTED_EPOCH, ReadKeys::Dtls12(keys));
}

/// The keys of what we write and of what we read.
fn by_role(role: Role, client: Keys12, server: Keys12) -> (Keys12, Keys12) {
    match role {
        Role::Client => (client, server),
        Role::Server => (server, client),
    }
}
