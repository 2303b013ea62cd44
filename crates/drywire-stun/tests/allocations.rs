//! What a server does for every request allocates nothing.

use bytes::BytesMut;
use std::net::SocketAddr;

use drywire_stun::attributes::{
    Nonce, PasswordAlgorithm, PasswordAlgorithmAttribute, PasswordAlgorithms, Realm, Username,
};
use drywire_stun::{
    Class, Credential, IntegrityAlgorithm, IntegrityKey, Message, MessageBuilder, Method, StreamFramer,
    TransactionId, User, Validator, ValidatorConfig,
};

#[test]
fn a_request_is_validated_and_answered_without_allocation() {
    let provider = drywire_crypto_aws_lc::provider();
    let now = drywire_sim::origin();
    let source: SocketAddr = "198.51.100.7:40000".parse().unwrap();
    let validator = Validator::new(&*provider, ValidatorConfig::new("example.org"), now, [1; 32]).unwrap();
    let key: IntegrityKey = Credential::new("ada", "secret")
        .unwrap()
        .key(&*provider, PasswordAlgorithm::SHA256, "example.org")
        .unwrap();

    let mut bare = Vec::new();
    MessageBuilder::new(&mut bare, Class::Request, Method::BINDING, TransactionId::new([1; 12]))
        .finish()
        .unwrap();
    let mut challenge = Vec::with_capacity(1500);
    let info = allocation_counter::measure(|| {
        let request = Message::parse(&bare).unwrap();
        let rejection =
            validator.validate(now, source, &request, |_, _| Some(&key)).expect_err("no credentials");
        validator.reject(now, source, &request, rejection, &mut challenge).unwrap();
    });
    assert_eq!(info.count_total, 0, "a challenge");

    let nonce = Message::parse(&challenge).unwrap().attribute::<Nonce<'_>>().unwrap();
    let mut request = Vec::new();
    let mut builder =
        MessageBuilder::new(&mut request, Class::Request, Method::BINDING, TransactionId::new([2; 12]));
    builder
        .attribute(&Username("ada"))
        .attribute(&Realm("example.org"))
        .attribute(&nonce)
        .attribute(&PasswordAlgorithms::ALL)
        .attribute(&PasswordAlgorithmAttribute(PasswordAlgorithm::SHA256))
        .integrity(&key, IntegrityAlgorithm::Sha256);
    builder.finish().unwrap();
    let mut response = Vec::with_capacity(1500);
    let info = allocation_counter::measure(|| {
        let request = Message::parse(&request).unwrap();
        let authenticated = validator
            .validate(now, source, &request, |user, _| (user == User::Name("ada")).then_some(&key))
            .expect("the right credentials");
        let id = request.transaction_id();
        let mut builder = MessageBuilder::new(&mut response, Class::Success, request.method(), id);
        authenticated.protect(&mut builder);
        builder.finish().unwrap();
    });
    assert_eq!(info.count_total, 0, "a request and its response");
    assert_eq!(Message::parse(&response).unwrap().check_integrity(&key), Ok(IntegrityAlgorithm::Sha256));
}

#[test]
fn a_stream_is_cut_with_few_allocations() {
    // Reads of 50 frames, cut anywhere.
    let frame = [vec![0x40, 0, 0, 200], vec![7; 200]].concat();
    let stream = frame.repeat(1000);
    let mut reads: Vec<BytesMut> = stream.chunks(50 * frame.len() + 13).map(BytesMut::from).collect();
    let mut framer = StreamFramer::new(1500);
    let mut cut = 0;
    let info = allocation_counter::measure(|| {
        for read in &mut reads {
            while !read.is_empty() {
                framer.push(read);
                while framer.next_frame().unwrap().is_some() {
                    cut += 1;
                }
            }
        }
    });
    assert_eq!(cut, 1000);
    // What is cut across two reads is copied together.
    assert!(info.count_total <= 100, "{} allocations for 20 reads", info.count_total);
}
