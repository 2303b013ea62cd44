use std::sync::Arc;

use drywire_crypto::Provider;
use proptest::prelude::*;

use super::*;
use crate::attributes::{
    ErrorCode, IceControlled, Nonce, PasswordAlgorithm, PasswordAlgorithmAttribute, Realm, Software,
    UnknownAttributes, UserHash,
};
use crate::{BuildError, Credential, MessageBuilder, binding};

const REQUEST: &[u8] = include_bytes!("../../tests/data/rfc5769-2.1.bin");
const RESPONSE_V4: &[u8] = include_bytes!("../../tests/data/rfc5769-2.2.bin");
const RESPONSE_V6: &[u8] = include_bytes!("../../tests/data/rfc5769-2.3.bin");
const LONG_TERM: &[u8] = include_bytes!("../../tests/data/rfc5769-2.4.bin");
/// The RFC printed this vector without PASSWORD-ALGORITHM and with a wrong code; erratum 6268 corrects it.
const LONG_TERM_SHA256: &[u8] = include_bytes!("../../tests/data/rfc8489-b.1-erratum-6268.bin");
const VECTORS: [&[u8]; 5] = [REQUEST, RESPONSE_V4, RESPONSE_V6, LONG_TERM, LONG_TERM_SHA256];

const PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";
const MATRIX: &str = "マトリックス";

fn provider() -> Arc<dyn Provider> {
    drywire_crypto_aws_lc::provider()
}

fn key() -> IntegrityKey {
    IntegrityKey::short_term(&*provider(), PASSWORD)
}

/// The key of the user of the long-term vectors.
fn matrix_key(algorithm: PasswordAlgorithm) -> IntegrityKey {
    Credential::new(MATRIX, "TheMatrIX").unwrap().key(&*provider(), algorithm, "example.org").unwrap()
}

fn id() -> TransactionId {
    TransactionId::new(*b"\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae")
}

/// Changes the length field to what the message really has.
fn with_length(mut bytes: Vec<u8>) -> Vec<u8> {
    let len = u16::try_from(bytes.len() - HEADER_LEN).unwrap();
    bytes[2..4].copy_from_slice(&len.to_be_bytes());
    bytes
}

#[test]
fn rfc5769_2_1_request() {
    let message = Message::parse(REQUEST).unwrap();
    assert_eq!((message.class(), message.method()), (Class::Request, Method::BINDING));
    assert_eq!(message.transaction_id(), id());
    assert_eq!(message.attribute(), Some(Software("STUN test client")));
    assert_eq!(message.priority(), Some(0x6E00_01FF));
    assert_eq!(message.attribute(), Some(IceControlled(0x932F_F9B1_5126_3B36)));
    assert_eq!(message.username(), Some("evtj:h6vY"));
    assert_eq!(message.check_integrity(&key()), Ok(IntegrityAlgorithm::Sha1));
    assert_eq!(message.check_fingerprint(), Some(true));
    let other = IntegrityKey::short_term(&*provider(), "VOkJxbRl1RmTxUk/WvJxBT");
    assert_eq!(message.check_integrity(&other), Err(IntegrityError::Mismatch));
}

#[test]
fn rfc5769_2_2_and_2_3_responses() {
    for (bytes, address) in
        [(RESPONSE_V4, "192.0.2.1:32853"), (RESPONSE_V6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853")]
    {
        let message = Message::parse(bytes).unwrap();
        assert_eq!(message.class(), Class::Success);
        assert_eq!(message.attribute(), Some(Software("test vector")));
        assert_eq!(message.xor_mapped_address(), Some(address.parse().unwrap()));
        assert_eq!(message.check_integrity(&key()), Ok(IntegrityAlgorithm::Sha1));
        assert_eq!(message.check_fingerprint(), Some(true));
    }
}

#[test]
fn rfc5769_2_4_long_term_request() {
    let message = Message::parse(LONG_TERM).unwrap();
    assert_eq!(message.username(), Some(MATRIX));
    assert_eq!(message.attribute(), Some(Nonce("f//499k954d6OL34oL9FSTvy64sA")));
    assert_eq!(message.attribute(), Some(Realm("example.org")));
    assert_eq!(message.check_fingerprint(), None);
    // MD5 of user name, realm and password, computed elsewhere.
    let md5 =
        IntegrityKey::new(&*provider(), b"\xe8\xca\x7a\xd5\x9d\x5e\xb0\x51\x8e\x31\x29\x11\xd2\xda\xb2\xa9");
    assert_eq!(message.check_integrity(&md5), Ok(IntegrityAlgorithm::Sha1));
    let key = matrix_key(PasswordAlgorithm::MD5);
    assert_eq!(message.check_integrity(&key), Ok(IntegrityAlgorithm::Sha1));
}

#[test]
fn rfc8489_b_1_long_term_request_with_sha256() {
    let message = Message::parse(LONG_TERM_SHA256).unwrap();
    assert_eq!(message.attribute(), UserHash::new(&*provider(), MATRIX, "example.org"));
    assert_eq!(message.attribute(), Some(PasswordAlgorithmAttribute(PasswordAlgorithm::SHA256)));
    let nonce: Nonce<'_> = message.attribute().unwrap();
    assert!(!nonce.security_features().unwrap().password_algorithms());
    let key = matrix_key(PasswordAlgorithm::SHA256);
    assert_eq!(message.check_integrity(&key), Ok(IntegrityAlgorithm::Sha256));
}

#[test]
fn the_builder_writes_the_vectors() {
    let mut out = b"before".to_vec();
    let mut response = MessageBuilder::new(&mut out, Class::Success, Method::BINDING, id());
    response
        .attribute(&Software("test vector"))
        .attribute(&XorMappedAddress("192.0.2.1:32853".parse().unwrap()))
        .integrity(&key(), IntegrityAlgorithm::Sha1)
        .fingerprint();
    assert_eq!(response.finish(), Ok(RESPONSE_V4.len()));
    // The RFC pads with a space, the builder with zero, so that only the padding and what protects it differ.
    assert_eq!(&out[..6 + 20 + 4 + 11], &[b"before", &RESPONSE_V4[..20 + 4 + 11]].concat()[..]);
    let message = Message::parse(&out[6..]).unwrap();
    assert_eq!(message.check_integrity(&key()), Ok(IntegrityAlgorithm::Sha1));
    assert_eq!(message.check_fingerprint(), Some(true));

    let key = matrix_key(PasswordAlgorithm::SHA256);
    let transaction = Message::parse(LONG_TERM_SHA256).unwrap().transaction_id();
    out.clear();
    let mut request = MessageBuilder::new(&mut out, Class::Request, Method::BINDING, transaction);
    request
        .attribute(&UserHash::new(&*provider(), MATRIX, "example.org").unwrap())
        .attribute(&Nonce("obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA"))
        .attribute(&Realm("example.org"))
        .attribute(&PasswordAlgorithmAttribute(PasswordAlgorithm::SHA256))
        .integrity(&key, IntegrityAlgorithm::Sha256);
    request.finish().unwrap();
    assert_eq!(out, LONG_TERM_SHA256);
}

#[test]
fn a01_every_prefix_and_every_edit_is_an_error_or_a_message() {
    let key = key();
    for vector in VECTORS {
        for end in 0..vector.len() {
            assert!(Message::parse(&vector[..end]).is_err());
            let _ = is_stun(&vector[..end]);
        }
        let has_fingerprint = Message::parse(vector).unwrap().check_fingerprint().is_some();
        let end = vector.len() - if has_fingerprint { 8 } else { 0 };
        for at in 0..vector.len() {
            for value in 0..=255 {
                let mut bytes = vector.to_vec();
                bytes[at] = value;
                let Ok(message) = Message::parse(&bytes) else { continue };
                let _ = (format!("{message:?}"), message.username(), message.xor_mapped_address());
                let _ = binding::respond(&message, "10.0.0.1:1".parse().unwrap(), None, &mut Vec::new());
                // Whatever is changed before the end of the integrity attribute shows.
                if value != vector[at] && at < end && (value == 0 || value == 0xFF) {
                    assert!(message.check_integrity(&key).is_err());
                }
            }
        }
    }
}

#[test]
fn a02_lengths_do_not_wrap() {
    let header = |len: u16| [&[0, 1][..], &len.to_be_bytes(), &[0x21, 0x12, 0xA4, 0x42], &[7; 12]].concat();
    let huge_attribute = [&header(8)[..], &[0x80, 0x22, 0xFF, 0xFF, 1, 2, 3, 4]].concat();
    assert_eq!(Message::parse(&huge_attribute).unwrap_err(), ParseError::Truncated { offset: 20 });
    assert_eq!(
        Message::parse(&header(0xFFFC)).unwrap_err(),
        ParseError::WrongLength { declared: 0xFFFC, actual: 0 }
    );
    // The value fits, its padding does not.
    let no_padding = [&header(4)[..], &[0x80, 0x22, 0, 1]].concat();
    assert_eq!(Message::parse(&no_padding).unwrap_err(), ParseError::Truncated { offset: 20 });

    let long = "x".repeat(70_000);
    let mut out = vec![1, 2, 3];
    let mut builder = MessageBuilder::new(&mut out, Class::Request, Method::BINDING, id());
    builder.attribute(&Software(&long)).fingerprint();
    assert_eq!(builder.finish(), Err(BuildError::TooLong));
    assert_eq!(out, [1, 2, 3]);
    let mut builder = MessageBuilder::new(&mut out, Class::Request, Method::BINDING, id());
    for _ in 0..2 {
        builder.attribute(&Software(&long[..40_000]));
    }
    assert_eq!(builder.finish(), Err(BuildError::TooLong));
    assert_eq!(out, [1, 2, 3]);
}

#[test]
fn a05_what_follows_the_integrity_attribute_is_not_seen() {
    let use_candidate = [0, 0x25, 0, 0];
    let priority = [0, 0x24, 0, 4, 0x7F, 0xFF, 0xFF, 0xFF];
    // REQUEST without FINGERPRINT, with and without a USE-CANDIDATE and PRIORITY behind its integrity attribute.
    let plain = with_length(REQUEST[..REQUEST.len() - 8].to_vec());
    let forged = with_length([&plain[..], &use_candidate, &priority].concat());
    for bytes in [&plain, &forged] {
        let message = Message::parse(bytes).unwrap();
        assert_eq!(message.check_integrity(&key()), Ok(IntegrityAlgorithm::Sha1));
        assert!(!message.has_use_candidate());
        assert_eq!(message.priority(), Some(0x6E00_01FF));
        assert_eq!(message.attributes().count(), 4);
    }
    // A second MESSAGE-INTEGRITY does not move the border.
    let second = [&forged[..], &plain[plain.len() - 24..]].concat();
    let second = with_length(second);
    let message = Message::parse(&second).unwrap();
    assert!(!message.has_use_candidate());
    assert_eq!(message.check_integrity(&key()), Ok(IntegrityAlgorithm::Sha1));
    // Behind FINGERPRINT, too; and the FINGERPRINT is then not right.
    let behind = with_length([REQUEST, &use_candidate].concat());
    let message = Message::parse(&behind).unwrap();
    assert!(!message.has_use_candidate());
    assert_eq!(message.check_fingerprint(), Some(false));
}

#[test]
fn a07_every_class_and_method_is_handled() {
    let mandatory = [0x7F, 0xF0, 0, 0];
    for number in 0..0x1000 {
        for class in [Class::Request, Class::Indication, Class::Success, Class::Error] {
            let mut bytes = Vec::new();
            let method = Method::new(number).unwrap();
            let builder = MessageBuilder::new(&mut bytes, class, method, id());
            builder.finish().unwrap();
            let bytes = with_length([&bytes[..], &mandatory].concat());
            let message = Message::parse(&bytes).unwrap();
            let mut out = Vec::new();
            let answered = binding::respond(&message, "10.0.0.1:9".parse().unwrap(), Some("x"), &mut out);
            let expected = class == Class::Request && method == Method::BINDING;
            assert_eq!(answered.is_some(), expected);
            if expected {
                let response = Message::parse(&out).unwrap();
                assert_eq!(response.class(), Class::Error);
                assert_eq!(response.transaction_id(), id());
                assert_eq!(response.attribute::<ErrorCode<'_>>().unwrap().code, 420);
                let unknown: UnknownAttributes = response.attribute().unwrap();
                assert_eq!(unknown.iter().collect::<Vec<_>>(), [AttributeType::new(0x7FF0)]);
            }
        }
    }
}

#[test]
fn the_first_of_duplicates_wins() {
    let mut out = Vec::new();
    let mut builder = MessageBuilder::new(&mut out, Class::Request, Method::BINDING, id());
    builder.attribute(&Priority(1)).attribute(&Priority(2));
    builder.finish().unwrap();
    assert_eq!(Message::parse(&out).unwrap().priority(), Some(1));
}

#[test]
fn padding_may_be_anything() {
    // The vectors pad with spaces. Change the padding, and the integrity must fail: it is covered as it stands.
    let mut bytes = REQUEST.to_vec();
    let padding = bytes.len() - 8 - 24 - 1;
    assert_eq!(bytes[padding], b' ');
    bytes[padding] = 0xFF;
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.username(), Some("evtj:h6vY"));
    assert_eq!(message.check_integrity(&key()), Err(IntegrityError::Mismatch));
}

#[test]
fn both_integrity_attributes_sha256_counts() {
    let key = key();
    let mut out = Vec::new();
    let mut builder = MessageBuilder::new(&mut out, Class::Request, Method::BINDING, id());
    builder
        .attribute(&Priority(1))
        .integrity(&key, IntegrityAlgorithm::Sha1)
        .integrity(&key, IntegrityAlgorithm::Sha256)
        .fingerprint();
    builder.finish().unwrap();
    let message = Message::parse(&out).unwrap();
    assert_eq!(message.check_integrity(&key), Ok(IntegrityAlgorithm::Sha256));
    assert_eq!(message.check_fingerprint(), Some(true));
    // A wrong SHA-256 is not healed by a right SHA-1.
    let at = out.len() - 8 - 1;
    out[at] ^= 1;
    assert_eq!(Message::parse(&out).unwrap().check_integrity(&key), Err(IntegrityError::Mismatch));
}

#[test]
fn a_truncated_sha256_code_counts_from_16_bytes_on() {
    let key = key();
    for (len, expected) in [
        (12, Err(IntegrityError::Mismatch)),
        (14, Err(IntegrityError::Mismatch)),
        (16, Ok(IntegrityAlgorithm::Sha256)),
        (28, Ok(IntegrityAlgorithm::Sha256)),
        (32, Ok(IntegrityAlgorithm::Sha256)),
    ] {
        let mut out = Vec::new();
        MessageBuilder::new(&mut out, Class::Request, Method::BINDING, id()).finish().unwrap();
        let padded = usize::next_multiple_of(len, 4);
        out[2..4].copy_from_slice(&u16::try_from(4 + len).unwrap().to_be_bytes());
        let digest = key.sign(IntegrityAlgorithm::Sha256, &[&out]);
        out.extend_from_slice(&[0, 0x1C, 0, u8::try_from(len).unwrap()]);
        out.extend_from_slice(&digest.as_bytes()[..padded]);
        let out = with_length(out);
        assert_eq!(Message::parse(&out).unwrap().check_integrity(&key), expected, "{len}");
    }
}

#[test]
fn nothing_is_added_behind_what_protects() {
    let key = key();
    let mut out = Vec::new();
    let mut builder = MessageBuilder::new(&mut out, Class::Request, Method::BINDING, id());
    builder.integrity(&key, IntegrityAlgorithm::Sha1).attribute(&UseCandidate);
    assert_eq!(builder.finish(), Err(BuildError::AfterIntegrity));
    let mut builder = MessageBuilder::new(&mut out, Class::Request, Method::BINDING, id());
    builder.fingerprint().integrity(&key, IntegrityAlgorithm::Sha1);
    assert_eq!(builder.finish(), Err(BuildError::AfterIntegrity));
    assert!(out.is_empty());
}

#[test]
fn missing_integrity_is_told_apart() {
    let mut out = Vec::new();
    MessageBuilder::new(&mut out, Class::Request, Method::BINDING, id()).finish().unwrap();
    let message = Message::parse(&out).unwrap();
    assert_eq!(message.check_integrity(&key()), Err(IntegrityError::Missing));
    assert_eq!(message.check_fingerprint(), None);
    assert_eq!(message.find::<Priority>(), Ok(None));
}

proptest! {
    #[test]
    fn random_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), patch in any::<bool>()) {
        if patch && bytes.len() >= 20 {
            bytes[0] &= 0x3F;
            bytes[4..8].copy_from_slice(&MAGIC.to_be_bytes());
            bytes.truncate(bytes.len() / 4 * 4);
            bytes = with_length(bytes);
        }
        if let Ok(message) = Message::parse(&bytes) {
            prop_assert!(is_stun(&bytes));
            let _ = (message.check_integrity(&key()), message.check_fingerprint(), format!("{message:?}"));
            prop_assert_eq!(message.as_bytes(), &bytes[..]);
        }
    }

    #[test]
    fn what_is_built_is_read(username in "[a-z0-9+/]{4,32}:[a-z]{4,32}", priority in any::<u32>(), id in any::<[u8; 12]>(), sha256 in any::<bool>()) {
        let algorithm = if sha256 { IntegrityAlgorithm::Sha256 } else { IntegrityAlgorithm::Sha1 };
        let (key, id) = (key(), TransactionId::new(id));
        let mut out = Vec::new();
        let mut builder = MessageBuilder::new(&mut out, Class::Request, Method::BINDING, id);
        builder.attribute(&Username(&username)).attribute(&Priority(priority)).attribute(&UseCandidate);
        builder.integrity(&key, algorithm).fingerprint();
        prop_assert_eq!(builder.finish(), Ok(out.len()));
        let message = Message::parse(&out).unwrap();
        prop_assert_eq!(message.username(), Some(&username[..]));
        prop_assert_eq!(message.priority(), Some(priority));
        prop_assert!(message.has_use_candidate());
        prop_assert_eq!(message.transaction_id(), id);
        prop_assert_eq!(message.check_integrity(&key), Ok(algorithm));
        prop_assert_eq!(message.check_fingerprint(), Some(true));
    }
}

const MAGIC: u32 = crate::MAGIC_COOKIE;
