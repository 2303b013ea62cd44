use drywire_core::Writer;
use drywire_crypto::{NamedGroup, SignatureScheme};
use proptest::prelude::*;

use super::extension::{cookie, key_share, supported_groups, supported_versions, use_srtp};
use super::*;
use crate::{SrtpProfile, Version};

fn written(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut Writer::new(&mut out));
    out
}

#[test]
fn types_have_their_numbers() {
    for code in 0..=255 {
        assert_eq!(HandshakeType::from_code(code).code(), code);
    }
    assert_eq!(HandshakeType::from_code(2), HandshakeType::ServerHello);
    assert_eq!(HandshakeType::from_code(5), HandshakeType::Unknown(5));
}

#[test]
fn fragments_stay_within_their_message() {
    let header = FragmentHeader { kind: 1, length: 10, message_seq: 3, offset: 4 };
    let mut bytes = header.bytes(6).to_vec();
    bytes.extend_from_slice(b"abcdef");
    assert_eq!(FragmentHeader::parse(&mut Reader::new(&bytes)), Ok((header, &b"abcdef"[..])));
    assert_eq!(FragmentHeader::parse(&mut Reader::new(&bytes[..17])), Err(ParseError::Malformed));
    bytes[8] = 5;
    assert_eq!(FragmentHeader::parse(&mut Reader::new(&bytes)), Err(ParseError::Illegal));
}

#[test]
fn extensions_are_there_once() {
    let list = [0, 23, 0, 0, 0, 14, 0, 1, 9];
    let extensions = Extensions::new(&list).unwrap();
    assert_eq!(extensions.find(ExtensionType::EXTENDED_MASTER_SECRET), Some(&[][..]));
    assert_eq!(extensions.find(ExtensionType::USE_SRTP), Some(&[9][..]));
    assert_eq!(extensions.find(ExtensionType::COOKIE), None);
    assert_eq!(Extensions::new(&[0, 23, 0, 0, 0, 23, 0, 0]), Err(ParseError::Malformed));
    assert_eq!(Extensions::new(&list[..8]), Err(ParseError::Malformed));
    let many: Vec<u8> = (0..65_u8).flat_map(|at| [9, at, 0, 0]).collect();
    assert_eq!(Extensions::new(&many), Err(ParseError::Malformed));
}

/// Attack C19: a profile that was not offered, an MKI, none, two.
#[test]
fn c19_use_srtp_answers_are_strict() {
    let offered = [SrtpProfile::AeadAes128Gcm, SrtpProfile::Aes128CmSha1_80];
    let answer = |data: &[u8]| UseSrtpAnswer::of(data, &offered);
    assert_eq!(answer(&[0, 2, 0, 7, 0]), Ok(SrtpProfile::AeadAes128Gcm));
    assert_eq!(answer(&[0, 2, 0, 1, 0]), Ok(SrtpProfile::Aes128CmSha1_80));
    assert_eq!(answer(&[0, 2, 0, 8, 0]), Err(ParseError::Illegal));
    assert_eq!(answer(&[0, 2, 0, 2, 0]), Err(ParseError::Illegal));
    assert_eq!(answer(&[0, 2, 0, 7, 1, 5]), Err(ParseError::Illegal));
    assert_eq!(answer(&[0, 4, 0, 7, 0, 1, 0]), Err(ParseError::Illegal));
    assert_eq!(answer(&[0, 0, 0]), Err(ParseError::Malformed));
    assert_eq!(answer(&[0, 2, 0, 7]), Err(ParseError::Malformed));
}

struct UseSrtpAnswer;

impl UseSrtpAnswer {
    fn of(data: &[u8], offered: &[SrtpProfile]) -> Result<SrtpProfile, ParseError> {
        use_srtp::UseSrtp::parse(data)?.selected(offered)
    }
}

#[test]
fn key_shares_name_each_group_once() {
    let entry = |group, share| key_share::KeyShareEntry { group, share };
    let offer = written(|w| key_share::write_offer(w, [entry(29, &b"abc"[..]), entry(23, b"de")]));
    assert_eq!(key_share::parse_offer(&offer[4..]), Ok(vec![entry(29, b"abc"), entry(23, b"de")]));
    let twice = written(|w| key_share::write_offer(w, [entry(29, &b"abc"[..]), entry(29, b"de")]));
    assert_eq!(key_share::parse_offer(&twice[4..]), Err(ParseError::Illegal));
    assert_eq!(key_share::parse_offer(&[0, 0]), Ok(Vec::new()));
    assert_eq!(key_share::parse_answer(&[0, 29, 0, 0]), Err(ParseError::Malformed));
    let answer = written(|w| key_share::write_answer(w, entry(29, b"abc")));
    assert_eq!(key_share::parse_answer(&answer[4..]), Ok(entry(29, b"abc")));
    let retry = written(|w| key_share::write_retry(w, 23));
    assert_eq!(key_share::parse_retry(&retry[4..]), Ok(23));
    assert_eq!(key_share::parse_retry(&answer[4..]), Err(ParseError::Malformed));
}

#[test]
fn small_extensions_round_trip() {
    let groups = written(|w| supported_groups::write(w, &[NamedGroup::X25519MlKem768, NamedGroup::X25519]));
    assert_eq!(groups, [0, 10, 0, 6, 0, 4, 0x11, 0xEC, 0, 0x1D]);
    assert!(supported_groups::parse(&groups[4..]).unwrap().contains(0x11EC));
    let versions = written(|w| supported_versions::write_offer(w, &[Version::Dtls13, Version::Dtls12]));
    assert_eq!(versions, [0, 43, 0, 5, 4, 0xFE, 0xFC, 0xFE, 0xFD]);
    assert!(supported_versions::parse_offer(&versions[4..]).unwrap().contains(0xFEFD));
    let selected = written(|w| supported_versions::write_selected(w, Version::Dtls13));
    assert_eq!(supported_versions::parse_selected(&selected[4..]), Ok(0xFEFC));
    let bytes = written(|w| cookie::write(w, b"cookie"));
    assert_eq!(cookie::parse(&bytes[4..]), Ok(&b"cookie"[..]));
    assert_eq!(cookie::parse(&[0, 0]), Err(ParseError::Malformed));
}

#[test]
fn requests_and_signatures_round_trip() {
    let schemes = [SignatureScheme::EcdsaP256Sha256, SignatureScheme::RsaPssSha256];
    for version in [Version::Dtls12, Version::Dtls13] {
        let bytes = written(|w| CertificateRequest::write(w, version, &schemes));
        let request = CertificateRequest::parse(&bytes, version).unwrap();
        assert_eq!(request.signature_algorithms.iter().collect::<Vec<_>>(), [0x0403, 0x0804]);
        for end_entity in [None, Some(&b"certificate"[..])] {
            let certificate = Certificate { context: &[], end_entity, chain: &[] };
            let bytes = written(|w| certificate.write(w, version));
            assert_eq!(Certificate::parse(&bytes, version), Ok(certificate));
        }
    }
    let signed = DigitallySigned { scheme: 0x0403, signature: b"signature" };
    let bytes = written(|w| signed.write(w));
    assert_eq!(DigitallySigned::parse(&bytes), Ok(signed));
    let params = ServerKeyExchange::params(29, b"share");
    let bytes = written(|w| ServerKeyExchange::write(w, &params, &signed));
    let exchange = ServerKeyExchange::parse(&bytes).unwrap();
    assert_eq!((exchange.group, exchange.share, exchange.params), (29, &b"share"[..], &params[..]));
    assert_eq!(exchange.signed, signed);
    let bytes = written(|w| ClientKeyExchange { share: b"share" }.write(w));
    assert_eq!(ClientKeyExchange::parse(&bytes), Ok(ClientKeyExchange { share: b"share" }));
    assert_eq!(KeyUpdate::parse(&[1]), Ok(KeyUpdate { requested: true }));
    assert_eq!(KeyUpdate::parse(&[2]), Err(ParseError::Illegal));
    assert_eq!(KeyUpdate::parse(&[0, 0]), Err(ParseError::Malformed));
    let request = HelloVerifyRequest { server_version: 0xFEFF, cookie: b"cookie" };
    assert_eq!(HelloVerifyRequest::parse(&written(|w| request.write(w))), Ok(request));
}

fn extension_list() -> impl Strategy<Value = Vec<u8>> {
    let one = (any::<u16>(), proptest::collection::vec(any::<u8>(), 0..20));
    proptest::collection::btree_map(any::<u16>(), one.prop_map(|one| one.1), 0..10).prop_map(|map| {
        written(|w| {
            for (kind, data) in map {
                w.u16(kind).prefixed_u16(|w| {
                    w.bytes(&data);
                });
            }
        })
    })
}

proptest! {
    #[test]
    fn client_hellos_round_trip(
        random in any::<[u8; 32]>(),
        session_id in proptest::collection::vec(any::<u8>(), 0..=32),
        cookie in proptest::collection::vec(any::<u8>(), 0..=255),
        suites in proptest::collection::vec(any::<[u8; 2]>(), 1..20),
        extensions in extension_list(),
    ) {
        let suites = suites.concat();
        let hello = ClientHello {
            legacy_version: 0xFEFD,
            random,
            session_id: &session_id,
            cookie: &cookie,
            cipher_suites: Codes::parse(&suites).unwrap(),
            compression_methods: &[0],
            extensions: Extensions::new(&extensions).unwrap(),
        };
        let bytes = written(|w| hello.write(w));
        prop_assert_eq!(ClientHello::parse(&bytes), Ok(hello));
        let answer = ServerHello {
            legacy_version: 0xFEFD,
            random,
            session_id: &session_id,
            cipher_suite: 0x1301,
            extensions: Extensions::new(&extensions).unwrap(),
        };
        let bytes = written(|w| answer.write(w));
        prop_assert_eq!(ServerHello::parse(&bytes), Ok(answer));
        for end in 0..bytes.len() {
            prop_assert!(ServerHello::parse(&bytes[..end]).is_err() || end + 2 + extensions.len() == bytes.len());
        }
    }

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        let _ = ClientHello::parse(&bytes);
        let _ = ServerHello::parse(&bytes);
        let _ = HelloVerifyRequest::parse(&bytes);
        let _ = EncryptedExtensions::parse(&bytes);
        for version in [Version::Dtls12, Version::Dtls13] {
            let _ = Certificate::parse(&bytes, version);
            let _ = CertificateRequest::parse(&bytes, version);
        }
        let _ = DigitallySigned::parse(&bytes);
        let _ = ServerKeyExchange::parse(&bytes);
        let _ = ClientKeyExchange::parse(&bytes);
        let _ = KeyUpdate::parse(&bytes);
        let _ = FragmentHeader::parse(&mut Reader::new(&bytes));
    }
}
