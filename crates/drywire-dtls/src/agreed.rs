//! What both versions agree on by the same extensions: the server answers them in its ServerHello (DTLS 1.2) or in its
//! EncryptedExtensions (DTLS 1.3).

use drywire_core::Writer;

use crate::failure::Failure;
use crate::handshake::Handshake;
use crate::message::extension::alpn::ProtocolNames;
use crate::message::extension::use_srtp::UseSrtp;
use crate::message::extension::{alpn, connection_id, record_size_limit, use_srtp};
use crate::message::{ClientHello, ExtensionType};
use crate::{Alert, SrtpProfile, Version};

/// What was agreed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Agreed {
    pub(crate) srtp: Option<SrtpProfile>,
    pub(crate) alpn: Option<Vec<u8>>,
    /// How long the protected records are that the peer takes, and that we take (RFC 8449): both or neither.
    pub(crate) record_limits: Option<RecordLimits>,
    /// What the peer wants in the header of each protected record, perhaps nothing, if both sides agree to connection
    /// identifiers at all.
    pub(crate) connection_id: Option<Vec<u8>>,
}

/// The longest protected records, as their receivers have asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordLimits {
    pub(crate) write: u16,
    pub(crate) read: u16,
}

/// What DTLS itself allows: in DTLS 1.3 the type of the content counts (RFC 8449, section 4).
const fn largest(version: Version) -> u16 {
    match version {
        Version::Dtls12 => 1 << 14,
        Version::Dtls13 => (1 << 14) + 1,
    }
}

/// Writes what a client offers.
pub(crate) fn offer(handshake: &Handshake, writer: &mut Writer<'_>) {
    let config = &handshake.config;
    if !config.srtp_profiles.is_empty() {
        use_srtp::write(writer, &config.srtp_profiles);
    }
    if !config.alpn.is_empty() {
        alpn::write(writer, config.alpn.iter().map(Vec::as_slice));
    }
    if let Some(limit) = config.record_size_limit {
        record_size_limit::write(writer, limit.clamp(record_size_limit::MIN, largest(config.max_version)));
    }
    if let Some(id) = handshake.records.ids.offered() {
        connection_id::write(writer, id);
    }
}

impl Agreed {
    /// Decides, as the server, on what the client offers.
    pub(crate) fn select(
        handshake: &Handshake,
        hello: &ClientHello<'_>,
        version: Version,
    ) -> Result<Self, Failure> {
        let config = &handshake.config;
        let mut agreed = Self::default();
        for (kind, data) in hello.extensions.iter() {
            match kind {
                // The first of our profiles. An MKI of the client is ignored (RFC 5764, section 4.1.3).
                ExtensionType::USE_SRTP => {
                    let offered = UseSrtp::parse(data)?.profiles;
                    let mut ours = config.srtp_profiles.iter().copied();
                    agreed.srtp = ours.find(|profile| offered.contains(profile.code()));
                }
                // The first of our protocols; a server that has some fails with a client that has none of them (RFC
                // 7301, section 3.2).
                ExtensionType::ALPN => {
                    let offered = ProtocolNames::parse(data)?;
                    let mut ours = config.alpn.iter();
                    let common = ours.find(|name| offered.iter().any(|one| one == name.as_slice()));
                    if common.is_none() && !config.alpn.is_empty() {
                        return Err(Failure::Incompatible(Alert::NO_APPLICATION_PROTOCOL));
                    }
                    agreed.alpn = common.cloned();
                }
                // A client that wants shorter records gets them, whether we want any ourselves or not.
                ExtensionType::RECORD_SIZE_LIMIT => {
                    let read = config.record_size_limit.unwrap_or(u16::MAX);
                    let read = read.clamp(record_size_limit::MIN, largest(version));
                    agreed.record_limits =
                        Some(RecordLimits { write: record_size_limit::parse(data)?, read });
                }
                ExtensionType::CONNECTION_ID => {
                    let id = connection_id::parse(data)?;
                    agreed.connection_id = handshake.records.ids.offered().map(|_| id.to_vec());
                }
                _ => {}
            }
        }
        Ok(agreed)
    }

    /// Puts the limits into effect.
    pub(crate) fn apply(&self, handshake: &mut Handshake, version: Version) {
        if let Some(limits) = self.record_limits {
            handshake.records.set_limits(version, limits);
        }
    }

    /// Puts the connection identifiers into effect.
    pub(crate) fn apply_connection_id(&self, handshake: &mut Handshake) {
        if let Some(id) = &self.connection_id {
            handshake.records.ids.agree(id);
        }
    }

    /// Writes the server's own connection identifier, in the ServerHello of both versions.
    pub(crate) fn write_connection_id(&self, handshake: &Handshake, writer: &mut Writer<'_>) {
        if let Some(id) = handshake.records.ids.offered().filter(|_| self.connection_id.is_some()) {
            connection_id::write(writer, id);
        }
    }

    /// Takes, as the client, the server's connection identifier.
    pub(crate) fn take_connection_id(&mut self, handshake: &Handshake, data: &[u8]) -> Result<(), Failure> {
        if handshake.records.ids.offered().is_none() {
            return Err(Failure::Misbehaved(Alert::UNSUPPORTED_EXTENSION));
        }
        self.connection_id = Some(connection_id::parse(data)?.to_vec());
        Ok(())
    }

    /// Writes the server's answer.
    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        if let Some(profile) = self.srtp {
            use_srtp::write(writer, &[profile]);
        }
        if let Some(name) = &self.alpn {
            alpn::write(writer, [name.as_slice()]);
        }
        if let Some(limits) = self.record_limits {
            record_size_limit::write(writer, limits.read);
        }
    }

    /// Takes, as the client, an extension of the server's answer; says whether it is one of these and was offered.
    pub(crate) fn take(
        &mut self,
        handshake: &Handshake,
        version: Version,
        kind: ExtensionType,
        data: &[u8],
    ) -> Result<bool, Failure> {
        let config = &handshake.config;
        match kind {
            ExtensionType::USE_SRTP if !config.srtp_profiles.is_empty() => {
                self.srtp = Some(UseSrtp::parse(data)?.selected(&config.srtp_profiles)?);
            }
            ExtensionType::ALPN if !config.alpn.is_empty() => {
                self.alpn = Some(ProtocolNames::parse(data)?.selected(&config.alpn)?.to_vec());
            }
            ExtensionType::RECORD_SIZE_LIMIT => {
                let Some(read) = config.record_size_limit else {
                    return Ok(false);
                };
                let write = record_size_limit::parse(data)?;
                // RFC 8449, section 4: a server must not ask for more than its version can do.
                if write > largest(version) {
                    return Err(Failure::ILLEGAL);
                }
                let read = read.clamp(record_size_limit::MIN, largest(version));
                self.record_limits = Some(RecordLimits { write, read });
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}
