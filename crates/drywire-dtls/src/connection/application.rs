//! What a connection is for once it is connected: records of the application, and keys for others.

use zeroize::Zeroizing;

use super::{Connection, Record};
use crate::record::ContentType;
use crate::{CloseReason, NotConnected, RecordError, Role, SrtpKeyingMaterial};

/// The most bytes that a record adds to its plaintext: header, explicit nonce and tag of DTLS 1.2.
const MAX_OVERHEAD: usize = 13 + 8 + 16;
/// The label of the exporter for SRTP (RFC 5764, section 4.2).
const SRTP_LABEL: &str = "EXTRACTOR-dtls_srtp";

impl Connection {
    /// Lets records be sent before the connection is connected, as soon as they can be
    /// ([`may_send_early`](Self::may_send_early)): half a round trip sooner. Nobody knows then who receives them. So send
    /// only what everybody may know, as the beginning of another handshake.
    pub const fn allow_early_records(&mut self) {
        self.early_records = true;
    }

    /// Whether records can be sent although the client has not finished the handshake. It takes
    /// [`allow_early_records`](Self::allow_early_records), a server of DTLS 1.3 that has sent its Finished (RFC 8446,
    /// section 4.4.4), and the fingerprints of the peer, which will be held to them.
    #[must_use]
    pub fn may_send_early(&self) -> bool {
        self.early_records && self.machine.awaits_client() && self.handshake.knows_peer()
    }

    /// Begins a record of application data at the end of `out`: leaves room for its header. Append the plaintext to
    /// `out`, then call [`finish_record`](Self::finish_record). To give up, truncate `out` to where it was.
    pub fn begin_record(&mut self, out: &mut Vec<u8>) -> Result<Record, NotConnected> {
        if !self.is_connected() && !self.may_send_early() {
            return Err(NotConnected);
        }
        let start = out.len();
        let header_len = self.handshake.records.header_len(self.handshake.records.write_epoch());
        out.resize(start + header_len, 0);
        Ok(Record { start, header_len })
    }

    /// Encrypts the plaintext that was appended since [`begin_record`](Self::begin_record) where it stands and appends
    /// the tag. Returns the length of the record. On an error `out` is truncated to where the record began.
    pub fn finish_record(&mut self, out: &mut Vec<u8>, record: Record) -> Result<usize, RecordError> {
        if !self.is_connected() && !self.may_send_early() {
            out.truncate(record.start);
            return Err(NotConnected.into());
        }
        let plaintext_len = out.len().saturating_sub(record.start + record.header_len);
        let records = &mut self.handshake.records;
        let epoch = records.write_epoch();
        match records.finish(epoch, ContentType::ApplicationData, out, record.start, record.header_len) {
            Ok(_) => {
                self.handshake.stats.records_sent += 1;
                self.handshake.stats.bytes_sent += u64::try_from(plaintext_len).unwrap_or(u64::MAX);
                if self.handshake.records.wants_key_update() {
                    self.update_keys();
                }
                Ok(out.len().saturating_sub(record.start))
            }
            Err(error) => {
                if error == RecordError::KeyLimit {
                    self.end(CloseReason::KeyLimit, &[]);
                }
                Err(error)
            }
        }
    }

    /// How many bytes a record adds to its plaintext. Before the connection is connected: the most that it can be.
    #[must_use]
    pub fn record_overhead(&self) -> usize {
        if self.is_connected() {
            self.handshake.records.overhead(self.handshake.records.write_epoch())
        } else {
            MAX_OVERHEAD + self.handshake.records.ids.remote().len()
        }
    }

    /// The longest plaintext that a record can carry to the peer: 16,384 bytes, unless the peer wants less (RFC 8449).
    #[must_use]
    pub fn max_plaintext_len(&self) -> usize {
        self.handshake.records.max_plaintext(self.handshake.records.write_epoch())
    }

    /// Appends a record with `data` to `out` and returns its length.
    pub fn write(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<usize, RecordError> {
        let record = self.begin_record(out)?;
        out.extend_from_slice(data);
        self.finish_record(out, record)
    }

    /// The connection identifiers that the peer may write into its records to us, if it was agreed on with
    /// [`Config::connection_id`](crate::Config::connection_id): find the connection of a datagram from an unknown address by them. More may come at the
    /// peer's request (DTLS 1.3), and none goes.
    pub fn local_connection_ids(&self) -> impl Iterator<Item = &[u8]> {
        self.handshake.records.ids.local()
    }

    /// The connection identifier that we write into our records, if the peer wants one.
    #[must_use]
    pub fn remote_connection_id(&self) -> Option<&[u8]> {
        Some(self.handshake.records.ids.remote()).filter(|id| !id.is_empty())
    }

    /// Writes the peer's next spare connection identifier from now on, so that nobody on a new path can link it to the
    /// old one. Says whether there was a spare one: see [`request_connection_ids`](Self::request_connection_ids).
    pub fn change_connection_id(&mut self) -> bool {
        self.handshake.records.ids.change()
    }

    /// Asks the peer for `count` more connection identifiers (RFC 9147, section 9). Without effect in DTLS 1.2, which has
    /// no such thing, while the peer wants none, while not connected, and while an earlier request is not answered.
    pub fn request_connection_ids(&mut self, count: u8) {
        if self.is_connected()
            && let Some(traffic) = self.machine.session_mut().and_then(|session| session.traffic.as_mut())
            && !self.handshake.records.ids.remote().is_empty()
        {
            traffic.request_ids(count);
            if let Err(failure) = traffic.proceed(&mut self.handshake) {
                self.fail(failure);
            }
        }
    }

    /// Starts to replace the keys that we write with (RFC 9147, section 8). It is done by itself long before a key has
    /// reached its limit. Without effect in DTLS 1.2, which has no such thing, and while not connected.
    pub fn update_keys(&mut self) {
        if self.is_connected()
            && let Some(traffic) = self.machine.session_mut().and_then(|session| session.traffic.as_mut())
        {
            traffic.request();
            if let Err(failure) = traffic.proceed(&mut self.handshake) {
                self.fail(failure);
            }
        }
    }

    /// Fills `out` with keying material (RFC 5705; RFC 8446, section 7.5). Longer than 8,160 bytes it cannot be: then
    /// `out` is left as it was from there on and the answer is an error, too.
    pub fn export_keying_material(
        &self,
        label: &str,
        context: Option<&[u8]>,
        out: &mut [u8],
    ) -> Result<(), NotConnected> {
        let session = self.machine.connected().ok_or(NotConnected)?;
        let provider = &*self.handshake.config.provider;
        session.exporter.export(provider, label, context, out).map_err(|_| NotConnected)
    }

    /// The keys for SRTP, once connected with a profile.
    #[must_use]
    pub fn srtp_keying_material(&self) -> Option<SrtpKeyingMaterial> {
        let profile = self.info()?.srtp_profile?;
        let (key_len, salt_len) = (profile.key_len(), profile.salt_len());
        let mut block = Zeroizing::new(vec![0; 2 * (key_len + salt_len)]);
        self.export_keying_material(SRTP_LABEL, None, &mut block).ok()?;
        // The client's key, the server's key, the client's salt, the server's salt (RFC 5764, section 4.2).
        let (keys, salts) = block.split_at_checked(2 * key_len)?;
        let (client_key, server_key) = keys.split_at_checked(key_len)?;
        let (client_salt, server_salt) = salts.split_at_checked(salt_len)?;
        let client = (client_key, client_salt);
        let server = (server_key, server_salt);
        let (local, remote) = match self.handshake.role {
            Role::Client => (client, server),
            Role::Server => (server, client),
        };
        let owned = |bytes: &[u8]| Zeroizing::new(bytes.to_vec());
        Some(SrtpKeyingMaterial {
            profile,
            local_key: owned(local.0),
            local_salt: owned(local.1),
            remote_key: owned(remote.0),
            remote_salt: owned(remote.1),
        })
    }
}
