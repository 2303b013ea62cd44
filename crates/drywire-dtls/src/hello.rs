//! The ClientHello, which offers both versions, and the answer that decides between them.

use drywire_core::Writer;
use drywire_crypto::{NamedGroup, PendingKeyExchange};

use crate::agreed;
use crate::cookie::Proof;
use crate::failure::Failure;
use crate::handshake::Handshake;
use crate::machine::Machine;
use crate::message::extension::key_share::KeyShareEntry;
use crate::message::extension::{
    certificate_authorities, certificate_type, cookie, ec_point_formats, extended_master_secret, key_share,
    renegotiation_info, server_name, signature_algorithms, supported_groups, supported_versions,
};
use crate::message::{
    ClientHello, Codes, ExtensionType, Extensions, HandshakeType, HelloVerifyRequest, ServerHello,
};
use crate::reassembly::Message;
use crate::{Alert, CipherSuite, Version, v12, v13};

/// What we have offered as a client.
pub(crate) struct Offer {
    pub(crate) random: [u8; 32],
    /// Our key exchanges for DTLS 1.3, each made for this connection alone.
    pub(crate) exchanges: Vec<Box<dyn PendingKeyExchange>>,
    /// The group whose share stands beside our favourite's, if there is one: its exchange may be a part of that.
    pub(crate) second: Option<NamedGroup>,
    /// The cookie of a HelloVerifyRequest (DTLS 1.2), perhaps an empty one.
    cookie: Option<Vec<u8>>,
    /// What a HelloRetryRequest has fixed (DTLS 1.3).
    pub(crate) retry: Option<Retry>,
}

impl Offer {
    /// Our shares, in order of preference. A hybrid and its classical part share a private key, which RFC 9954, section
    /// 3.2, allows within one ClientHello.
    pub(crate) fn shares(&self) -> impl Iterator<Item = KeyShareEntry<'_>> {
        let own = self.exchanges.iter().map(|one| (one.group(), one.share()));
        let parts = self.exchanges.iter().filter_map(|one| one.classical());
        own.chain(parts.filter(|(group, _)| Some(*group) == self.second))
            .map(|(group, share)| KeyShareEntry { group: group.code(), share })
    }
}

/// What a HelloRetryRequest has fixed.
#[derive(Debug)]
pub(crate) struct Retry {
    pub(crate) suite: CipherSuite,
    pub(crate) cookie: Vec<u8>,
}

/// Makes our shares and sends the first ClientHello.
pub(crate) fn start(handshake: &mut Handshake) -> Result<Machine, Failure> {
    let provider = handshake.provider();
    let (mut exchanges, mut second) = (Vec::new(), None);
    if handshake.config.allows(Version::Dtls13) {
        // A share for our favourite, and one for the best group that every peer has: the hybrid spares no classical
        // peer a round trip then.
        let mut groups = handshake.config.groups.iter().copied();
        let first = groups.next().ok_or(Failure::NOTHING_IN_COMMON)?;
        let exchange = provider.start_key_exchange(first)?;
        let part = exchange.classical().map(|(group, _)| group);
        exchanges.push(exchange);
        second = groups.find(|_| first == NamedGroup::X25519MlKem768);
        if let Some(group) = second.filter(|group| Some(*group) != part) {
            exchanges.push(provider.start_key_exchange(group)?);
        }
    }
    let random = handshake.rng.array();
    handshake.client_random = random;
    let offer = Offer { random, exchanges, second, cookie: None, retry: None };
    handshake.begin_flight();
    send(handshake, &offer)?;
    Ok(Machine::ClientHello(Box::new(offer)))
}

/// Sends a ClientHello.
pub(crate) fn send(handshake: &mut Handshake, offer: &Offer) -> Result<(), Failure> {
    let config = handshake.config.clone();
    let (v12, v13) = (config.allows(Version::Dtls12), config.allows(Version::Dtls13));
    let mut versions = vec![Version::Dtls13, Version::Dtls12];
    versions.retain(|version| config.allows(*version));
    let mut extensions = Vec::with_capacity(1500);
    let mut w = Writer::new(&mut extensions);
    if v13 {
        supported_versions::write_offer(&mut w, &versions);
        supported_groups::write(&mut w, &config.groups);
        key_share::write_offer(&mut w, offer.shares());
        if let Some(retry) = offer.retry.as_ref().filter(|retry| !retry.cookie.is_empty()) {
            cookie::write(&mut w, &retry.cookie);
        }
    } else {
        supported_groups::write(&mut w, &handshake.groups(Version::Dtls12).collect::<Vec<_>>());
    }
    let schemes = handshake.verified_schemes(if v12 { Version::Dtls12 } else { Version::Dtls13 });
    signature_algorithms::write(&mut w, &schemes);
    agreed::offer(handshake, &mut w);
    if v12 {
        extended_master_secret::write(&mut w);
        renegotiation_info::write(&mut w);
        ec_point_formats::write(&mut w);
    }
    let mut suites = Vec::new();
    let mut writer = Writer::new(&mut suites);
    for suite in config.cipher_suites.iter().filter(|suite| config.allows(suite.version())) {
        writer.u16(suite.code());
    }
    // A configuration without suites has nothing in common with anybody.
    let cipher_suites = Codes::parse(&suites).map_err(|_| Failure::NOTHING_IN_COMMON)?;
    let extensions = Extensions::new(&extensions)?;
    let hello = ClientHello {
        legacy_version: Version::Dtls12.code(),
        random: offer.random,
        session_id: &[],
        cookie: offer.cookie.as_deref().unwrap_or_default(),
        cipher_suites,
        compression_methods: &[0],
        extensions,
    };
    handshake.send(0, HandshakeType::ClientHello, |w| hello.write(w));
    Ok(())
}

/// The client has sent its ClientHello: what comes decides the version.
pub(crate) fn answered(
    mut offer: Box<Offer>,
    handshake: &mut Handshake,
    message: &Message,
) -> Result<Machine, Failure> {
    match message.kind {
        _ if message.epoch != 0 => Err(Failure::UNEXPECTED),
        HandshakeType::HelloVerifyRequest => {
            let request = HelloVerifyRequest::parse(&message.body)?;
            if !handshake.config.allows(Version::Dtls12) {
                return Err(Failure::Incompatible(Alert::PROTOCOL_VERSION));
            }
            // Once, and only from a server of DTLS 1.2 (RFC 6347, section 4.2.1).
            if offer.cookie.is_some() || offer.retry.is_some() {
                return Err(Failure::UNEXPECTED);
            }
            offer.cookie = Some(request.cookie.to_vec());
            handshake.transcript.restart();
            handshake.begin_flight();
            send(handshake, &offer)?;
            Ok(Machine::ClientHello(offer))
        }
        HandshakeType::ServerHello => {
            let hello = ServerHello::parse(&message.body)?;
            let selected = hello.extensions.find(ExtensionType::SUPPORTED_VERSIONS);
            match selected.map(supported_versions::parse_selected).transpose()? {
                Some(code) => {
                    // RFC 8446, section 4.2.1: only DTLS 1.3 is selected this way.
                    let known =
                        code == Version::Dtls13.code() && hello.legacy_version == Version::Dtls12.code();
                    if !known || !handshake.config.allows(Version::Dtls13) || offer.cookie.is_some() {
                        return Err(Failure::ILLEGAL);
                    }
                    if hello.is_retry_request() {
                        v13::client::retry(offer, handshake, message, &hello)
                    } else {
                        v13::client::start(*offer, handshake, message, &hello)
                    }
                }
                None => {
                    let known = hello.legacy_version == Version::Dtls12.code();
                    if !known || !handshake.config.allows(Version::Dtls12) {
                        return Err(Failure::Incompatible(Alert::PROTOCOL_VERSION));
                    }
                    // RFC 8446, section 4.1.3: somebody has removed our offer of DTLS 1.3 (attack C12).
                    if handshake.config.allows(Version::Dtls13) && hello.is_downgraded()
                        || offer.retry.is_some()
                        || hello.is_retry_request()
                    {
                        return Err(Failure::ILLEGAL);
                    }
                    v12::client::start(&offer, handshake, message, &hello)
                }
            }
        }
        _ => Err(Failure::UNEXPECTED),
    }
}

/// The server has received a ClientHello with a valid cookie.
pub(crate) fn proved(handshake: &mut Handshake, message: &Message, proof: Proof) -> Result<Machine, Failure> {
    let hello = ClientHello::parse(&message.body)?;
    handshake.client_random = hello.random;
    // Our messages have the numbers of those that they answer: message 0 was the request for the cookie.
    handshake.flight.set_next_message_seq(message.message_seq);
    match proof {
        Proof::Dtls12 => v12::server::start(handshake, message, &hello),
        Proof::Dtls13(retried) => v13::server::resume(handshake, message, &hello, &retried),
    }
}

/// Reads the first message to a server: it can only be a ClientHello.
pub(crate) fn first<'a>(message: &'a Message<'_>) -> Result<ClientHello<'a>, Failure> {
    if message.kind != HandshakeType::ClientHello || message.epoch != 0 {
        return Err(Failure::UNEXPECTED);
    }
    Ok(ClientHello::parse(&message.body)?)
}

/// The server has received its first ClientHello.
pub(crate) fn offered(handshake: &mut Handshake, message: &Message) -> Result<Machine, Failure> {
    let hello = first(message)?;
    handshake.client_random = hello.random;
    match select_version(handshake, &hello)? {
        Version::Dtls13 => v13::server::start(handshake, message, &hello),
        Version::Dtls12 => v12::server::start(handshake, message, &hello),
    }
}

/// Checks what does not belong to the version or to what is negotiated.
fn check_offer(hello: &ClientHello<'_>) -> Result<(), Failure> {
    for (kind, data) in hello.extensions.iter() {
        match kind {
            ExtensionType::SERVER_NAME => server_name::check(data)?,
            ExtensionType::CERTIFICATE_AUTHORITIES => certificate_authorities::check(data)?,
            ExtensionType::SERVER_CERTIFICATE_TYPE if !certificate_type::accepts_x509(data)? => {
                return Err(Failure::NOTHING_IN_COMMON);
            }
            _ => {}
        }
    }
    Ok(())
}

/// Checks a ClientHello and selects the version.
pub(crate) fn select_version(handshake: &Handshake, hello: &ClientHello<'_>) -> Result<Version, Failure> {
    check_offer(hello)?;
    let allows = |version| handshake.config.allows(version);
    let selected = match hello.extensions.find(ExtensionType::SUPPORTED_VERSIONS) {
        Some(data) => {
            let offered = supported_versions::parse_offer(data)?;
            [Version::Dtls13, Version::Dtls12]
                .into_iter()
                .find(|version| allows(*version) && offered.contains(version.code()))
        }
        // The numbers of DTLS count down: DTLS 1.0 is 0xFEFF.
        None => (hello.legacy_version <= Version::Dtls12.code() && allows(Version::Dtls12))
            .then_some(Version::Dtls12),
    };
    selected.ok_or(Failure::Incompatible(Alert::PROTOCOL_VERSION))
}
