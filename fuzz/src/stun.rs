//! STUN: a message that is read holds together, and what answers it can be read again.

use std::net::SocketAddr;

use drywire_stun::attributes::{
    AlternateServer, DtlsInStunAck, DtlsInStunData, ErrorCode, MappedAddress, NetworkCost, Nonce,
    PasswordAlgorithms, Priority, Realm, Software, UnknownAttributes, UserHash, Username, XorMappedAddress,
};
use drywire_stun::{Class, IntegrityKey, Message, binding, is_stun};

/// The password of the request in RFC 5769, section 2.1, whose vectors are seeds.
const PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";

/// A datagram.
pub fn run(data: &[u8]) {
    let Ok(message) = Message::parse(data) else { return };
    assert!(is_stun(data), "a message that does not look like one");
    assert_eq!(message.as_bytes(), data);
    assert!(message.attributes().count() <= data.len() / 4);
    for attribute in message.attributes() {
        assert!(attribute.value.len() <= data.len());
    }
    let _ = message.find::<AlternateServer>();
    let _ = message.find::<DtlsInStunAck>();
    let _ = message.find::<DtlsInStunData<'_>>();
    let _ = message.find::<ErrorCode<'_>>();
    let _ = message.find::<MappedAddress>();
    let _ = message.find::<NetworkCost>();
    let _ = message.find::<Nonce<'_>>();
    let _ = message.find::<PasswordAlgorithms<'_>>().map(|found| found.map(|list| list.iter().count()));
    let _ = message.find::<Priority>();
    let _ = message.find::<Realm<'_>>();
    let _ = message.find::<Software<'_>>();
    let _ = message.find::<UnknownAttributes>();
    let _ = message.find::<UserHash>();
    let _ = message.find::<Username<'_>>();
    let _ = message.find::<XorMappedAddress>();
    let _ = (message.username(), message.has_use_candidate(), message.check_fingerprint());
    let key = IntegrityKey::short_term(&*drywire_crypto_aws_lc::provider(), PASSWORD);
    let _ = message.check_integrity(&key);

    let source = SocketAddr::from(([192, 0, 2, 1], 4242));
    let mut out = b"before".to_vec();
    if let Some(len) = binding::respond(&message, source, Some("fuzz"), &mut out) {
        assert!(out.starts_with(b"before"));
        assert_eq!(message.class(), Class::Request, "only requests are answered");
        let response = Message::parse(out.get(6..).unwrap_or_default()).expect("our own response");
        assert_eq!(response.as_bytes().len(), len);
        assert_eq!(response.transaction_id(), message.transaction_id());
        assert_eq!(response.check_fingerprint(), Some(true));
    } else {
        assert_eq!(out, b"before");
    }
}
