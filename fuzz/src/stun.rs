//! STUN: a message that is read holds together, and what answers it can be read again. Nobody gets in without the
//! password, and a stream is cut the same way whatever pieces it comes in.

use std::net::SocketAddr;

use bytes::BytesMut;
use drywire_core::{Instant, Path};
use drywire_stun::attributes::{
    AlternateDomain, AlternateServer, ChangeRequest, DtlsInStunAck, DtlsInStunData, ErrorCode, MappedAddress,
    NetworkCost, Nomination, Nonce, OtherAddress, Padding, PasswordAlgorithm, PasswordAlgorithmAttribute,
    PasswordAlgorithms, Priority, Realm, ResponseOrigin, ResponsePort, Software, UnknownAttributes, UserHash,
    Username, XorMappedAddress,
};
use drywire_stun::discovery::{Discovery, DiscoveryConfig, Responder};
use drywire_stun::{
    Attempt, Class, Credential, Frame, IntegrityKey, LongTerm, Message, MessageBuilder, Method, StreamFramer,
    TransactionId, Validator, ValidatorConfig, Verdict, binding, is_stun,
};

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
    let _ = message.find::<AlternateDomain<'_>>();
    let _ = message.find::<AlternateServer>();
    let _ = message.find::<ChangeRequest>();
    let _ = message.find::<DtlsInStunAck>();
    let _ = message.find::<DtlsInStunData<'_>>();
    let _ = message.find::<ErrorCode<'_>>();
    let _ = message.find::<MappedAddress>();
    let _ = message.find::<NetworkCost>();
    let _ = message.find::<Nomination>();
    let _ = message.find::<Nonce<'_>>();
    let _ = message.find::<OtherAddress>();
    let _ = message.find::<Padding>();
    let _ = message.find::<PasswordAlgorithmAttribute>();
    let _ = message.find::<PasswordAlgorithms<'_>>().map(|found| found.map(|list| list.iter().count()));
    let _ = message.find::<Priority>();
    let _ = message.find::<Realm<'_>>();
    let _ = message.find::<ResponseOrigin>();
    let _ = message.find::<ResponsePort>();
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

    client(&message);
    server(&message, source);
    discovery(&message, source);
}

/// The message as the response to requests with long-term credentials.
fn client(message: &Message<'_>) {
    let provider = drywire_crypto_aws_lc::provider();
    let credential = Credential::new("user", PASSWORD).expect("a credential");
    let mut auth = LongTerm::new(credential, SocketAddr::from(([192, 0, 2, 1], 3478)));
    let mut attempt = Attempt::default();
    for round in 0..6 {
        let mut out = Vec::new();
        let id = TransactionId::new([round; 12]);
        let mut request = MessageBuilder::new(&mut out, Class::Request, Method::BINDING, id);
        auth.protect(&mut attempt, &mut request);
        request.finish().expect("a request");
        assert_eq!(Message::parse(&out).expect("our own request").integrity().is_some(), round > 0);
        if auth.accept(&*provider, &mut attempt, message) != Verdict::Retry {
            return;
        }
        assert!(u32::from(round) < LongTerm::MAX_RETRIES, "it never ends");
    }
}

/// The message as a request to a server whose users nobody knows the passwords of.
fn server(message: &Message<'_>, source: SocketAddr) {
    let provider = drywire_crypto_aws_lc::provider();
    let now = now();
    let config = ValidatorConfig::new("example.org");
    let validator = Validator::new(&*provider, config, now, [0; 32]).expect("a realm");
    let key = IntegrityKey::new(&*provider, b"nobody knows this");
    let rejection = validator
        .validate(now, source, message, |_, algorithm| {
            assert!([PasswordAlgorithm::MD5, PasswordAlgorithm::SHA256].contains(&algorithm));
            Some(&key)
        })
        .expect_err("nobody knows the key");
    let mut out = b"before".to_vec();
    let len = validator.reject(now, source, message, rejection, &mut out).expect("it fits");
    assert_eq!((out.len(), len > 0), (6 + len, message.class() == Class::Request));
    if len > 0 {
        let response = Message::parse(out.get(6..).unwrap_or_default()).expect("our own response");
        assert_eq!(response.class(), Class::Error);
    }
}

/// The message to both sides of NAT behaviour discovery.
fn discovery(message: &Message<'_>, source: SocketAddr) {
    let primary = SocketAddr::from(([198, 51, 100, 1], 3478));
    let responder = Responder { primary, alternate: SocketAddr::from(([198, 51, 100, 2], 3479)) };
    let mut out = Vec::new();
    if let Some(transmit) = responder.respond(Path::udp(primary, source), message, None, &mut out) {
        assert!(responder.addresses().contains(&transmit.path.local));
        assert_eq!((transmit.path.remote.ip(), transmit.len), (source.ip(), out.len()));
        assert!(out.len() <= message.as_bytes().len() + 100, "an amplifier");
    }
    let now = now();
    let mut client = Discovery::new(DiscoveryConfig::new(source, primary), now, [0; 32]);
    let mut request = Vec::new();
    while client.poll_transmit(now, &mut request).is_some() {
        // The first response may be the right one by its id; the second test has another.
        let mut answer = message.as_bytes().to_vec();
        if let (Some(to), Some(from)) = (answer.get_mut(8..20), request.get(8..20)) {
            to.copy_from_slice(from);
        }
        client.handle_input(now, Path::udp(source, primary), BytesMut::from(&answer[..]));
        request.clear();
    }
}

/// A byte stream: the first byte says how long the pieces are.
pub fn stream(data: &[u8]) {
    let Some((piece, bytes)) = data.split_first() else { return };
    let whole = cut(bytes, bytes.len().max(1));
    let pieces = cut(bytes, usize::from(*piece).max(1));
    assert_eq!(whole, pieces);
    assert!(whole.0.iter().map(Vec::len).sum::<usize>() <= bytes.len());
}

/// The frames of a stream, and whether it ended with an error.
fn cut(mut bytes: &[u8], piece: usize) -> (Vec<Vec<u8>>, bool) {
    let mut framer = StreamFramer::new(256);
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let mut read = BytesMut::from(bytes.get(..piece).unwrap_or(bytes));
        let len = read.len();
        framer.push(&mut read);
        let taken = len - read.len();
        assert!(taken > 0, "nothing moves");
        assert!(framer.buffered() <= 512, "it is not bounded");
        bytes = bytes.get(taken..).unwrap_or_default();
        loop {
            match framer.next_frame() {
                Ok(Some(Frame::Stun(frame) | Frame::ChannelData(frame))) => frames.push(frame.to_vec()),
                Ok(None) => break,
                Err(_) => return (frames, true),
            }
        }
    }
    (frames, false)
}

/// Any instant: only differences count.
fn now() -> Instant {
    Instant::now()
}
