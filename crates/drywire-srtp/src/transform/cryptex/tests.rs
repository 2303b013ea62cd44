//! RFC 9335, appendix A: packets in the clear and encrypted.

use bytes::BytesMut;
use drywire_rtp::Ssrc;

use crate::transform::tests::hex;
use crate::{HeaderEncryption, Inbound, Outbound, Profile, ProtectError};

/// The master key and salt of appendix A.1 and A.2.
const KEYS: [(Profile, &str, &str); 2] = [
    (Profile::Aes128CmSha1_80, "e1f97a0d3e018be0d64fa32c06de4139", "0ec675ad498afeebb6960b3aabe6"),
    (Profile::AeadAes128Gcm, "000102030405060708090a0b0c0d0e0f", "a0a1a2a3a4a5a6a7a8a9aaab"),
];

/// The cases of both appendices: in the clear; encrypted with AES-CTR (A.1); encrypted with AES-GCM (A.2).
const CASES: [(&str, [&str; 2]); 6] = [
    // One-byte header extension.
    (
        "900f1235decafbadcafebabe bede0001 51000200 abababababababababababababababab",
        [
            "900f1235decafbadcafebabe c0de0001 eb923652 51c3e036f8de27e9c27ee3e0b4651d9f
             bc4218a70244522f34a5",
            "900f1235decafbadcafebabe c0de0001 39972dc9 572c4d99e8fc355de743fb2e94f9d8ff
             54e72f4193bbc5c74ffab0fa9fa0fbeb",
        ],
    ),
    // Two-byte header extension.
    (
        "900f1236decafbadcafebabe 10000001 05020002 abababababababababababababababab",
        [
            "900f1236decafbadcafebabe c2de0001 4ed9cc4e 6a712b3096c5ca77339d4204ce0d7739
             6cab69585fbce38194a5",
            "900f1236decafbadcafebabe c2de0001 bb75a4c5 45cd1f413bdb7daa2b1e3263de313667
             c963249081b35a65f5cb6c88b394235f",
        ],
    ),
    // One-byte header extension and contributing sources.
    (
        "920f1238decafbadcafebabe 0001e240 0000b26e bede0001 51000200 abababababababababababababababab",
        [
            "920f1238decafbadcafebabe 8bb6e12b 5cff16dd c0de0001 92838c8c 09e58393e1de3a9a74734d6745671338
             c3acf11da2df8423bee0",
            "920f1238decafbadcafebabe 63bbccc4 a7f695c4 c0de0001 8ad7c71f ac70a80c92866b4c6ba98546ef913586
             e95ffaaffe956885bb0647a8bc094ac8",
        ],
    ),
    // Two-byte header extension and contributing sources.
    (
        "920f1239decafbadcafebabe 0001e240 0000b26e 10000001 05020002 abababababababababababababababab",
        [
            "920f1239decafbadcafebabe f70e513e b90b9b25 c2de0001 bbed4848 faa644665f3d7f34125914e9f4d0ae92
             3c6f479b95a0f7b53133",
            "920f1239decafbadcafebabe 3680524f 8d312b00 c2de0001 c78d1200 38422bc111a7187a18246f980c059cc6
             bc9df8b626394eca344e4b05d80fea83",
        ],
    ),
    // Empty one-byte header extension and contributing sources.
    (
        "920f123adecafbadcafebabe 0001e240 0000b26e bede0000 abababababababababababababababab",
        [
            "920f123adecafbadcafebabe 7130b6ab fe2ab0e3 c0de0000 e3d9f64b25c9e74cb4cf8e43fb92e378
             1c2c0ceab6b3a499a14c",
            "920f123adecafbadcafebabe 15b6bb43 37906fff c0de0000 b7b964537a2b03ab7ba5389ce9331712
             6b5d974df30c6884dcb651c5e120c1da",
        ],
    ),
    // Empty two-byte header extension and contributing sources.
    (
        "920f123bdecafbadcafebabe 0001e240 0000b26e 10000000 abababababababababababababababab",
        [
            "920f123bdecafbadcafebabe cbf24c12 4330e1c8 c2de0000 599dd45bc9d687b603e8b59d771fd38e
             88b170e0cd31e125eabe",
            "920f123bdecafbadcafebabe dcb38c9e 48bf95f4 c2de0000 61ee432cf920317076613258d3ce4236
             c06ac429681ad08413512dc98b5207d8",
        ],
    ),
];

fn pair(profile: Profile, key: &[u8], salt: &[u8]) -> (Outbound, Inbound) {
    let provider = drywire_crypto_aws_lc::provider();
    let mut outbound = Outbound::new(&*provider, profile, key, salt).unwrap();
    let mut inbound = Inbound::new(&*provider, profile, key, salt).unwrap();
    outbound.set_header_encryption(HeaderEncryption::Cryptex);
    inbound.set_header_encryption(HeaderEncryption::Cryptex);
    (outbound, inbound)
}

#[test]
fn rfc_9335_appendix_a() {
    for (at, (profile, key, salt)) in KEYS.into_iter().enumerate() {
        let (mut outbound, mut inbound) = pair(profile, &hex(key), &hex(salt));
        for (plain, protected) in CASES {
            let (plain, protected) = (hex(plain), hex(protected[at]));
            let mut packet = [&b"before"[..], &plain].concat();
            assert_eq!(outbound.protect_rtp(&mut packet, 6), Ok(protected.len()));
            assert_eq!(packet, [&b"before"[..], &protected].concat());
            let mut received = BytesMut::from(&protected[..]);
            let header = inbound.unprotect_rtp(&mut received).unwrap();
            assert_eq!(received, plain);
            assert_eq!(header, drywire_rtp::RtpHeader::parse(&plain).unwrap());
        }
        assert_eq!((inbound.stats().accepted, inbound.stats().cryptex), (6, 6));
        assert_eq!((outbound.stats().protected, outbound.stats().cryptex), (6, 6));
    }
}

/// Without a header extension, contributing sources get an empty one: the packet is that of A.1.5 and A.2.5.
#[test]
fn sources_without_header_extension_get_an_empty_one() {
    let (with_extension, protected) = CASES[4];
    let mut plain = hex(with_extension);
    plain.drain(20..24);
    plain[0] &= !0x10;
    for (at, (profile, key, salt)) in KEYS.into_iter().enumerate() {
        let (mut outbound, mut inbound) = pair(profile, &hex(key), &hex(salt));
        let mut packet = plain.clone();
        outbound.protect_rtp(&mut packet, 0).unwrap();
        assert_eq!(packet, hex(protected[at]));
        let mut received = BytesMut::from(&packet[..]);
        let header = inbound.unprotect_rtp(&mut received).unwrap();
        assert_eq!(header.csrcs(&received).collect::<Vec<_>>(), [Ssrc(123_456), Ssrc(45_678)]);
        assert_eq!((header.extensions(&received).count(), header.payload(&received)), (0, &[0xAB; 16][..]));
    }
}

/// RFC 9335, section 4: the sender decides for each packet, so both kinds are accepted once this was agreed on.
#[test]
fn packets_in_the_clear_are_accepted_too() {
    for (profile, key, salt) in KEYS {
        let (mut outbound, mut inbound) = pair(profile, &hex(key), &hex(salt));
        for (at, (plain, _)) in CASES.into_iter().enumerate() {
            let cryptex = [HeaderEncryption::None, HeaderEncryption::Cryptex][at % 2];
            outbound.set_header_encryption(cryptex);
            assert_eq!(outbound.header_encryption(), cryptex);
            let mut packet = hex(plain);
            outbound.protect_rtp(&mut packet, 0).unwrap();
            let mut received = BytesMut::from(&packet[..]);
            inbound.unprotect_rtp(&mut received).unwrap();
            assert_eq!(received, hex(plain));
        }
    }
}

/// Without header extension and sources there is nothing to encrypt, and nothing is added.
#[test]
fn plain_headers_stay_as_they_are() {
    for (profile, key, salt) in KEYS {
        let (mut outbound, mut inbound) = pair(profile, &hex(key), &hex(salt));
        let plain = hex("800f1234decafbadcafebabe abababababababababababababababab");
        let mut packet = plain.clone();
        let len = outbound.protect_rtp(&mut packet, 0).unwrap();
        assert_eq!((len, &packet[..12]), (plain.len() + profile.rtp_overhead(), &plain[..12]));
        let mut received = BytesMut::from(&packet[..]);
        inbound.unprotect_rtp(&mut received).unwrap();
        assert_eq!(received, plain);
    }
}

/// RFC 9335, section 5.1: other header extensions than those of RFC 8285 must not be encrypted so.
#[test]
fn other_header_extensions_are_refused() {
    for (profile, key, salt) in KEYS {
        let (mut outbound, _) = pair(profile, &hex(key), &hex(salt));
        for extension in ["abac", "1001", "c0de", "c2de"] {
            let mut packet = hex(&format!("900f1234decafbadcafebabe {extension} 0001 00000000 ab"));
            assert_eq!(outbound.protect_rtp(&mut packet, 0), Err(ProtectError::HeaderExtension));
            assert_eq!(packet, []);
        }
        // The sequence number was not used.
        let mut packet = hex("800f1234decafbadcafebabe ab");
        assert!(outbound.protect_rtp(&mut packet, 0).is_ok());
    }
}

/// Where Cryptex was not agreed on, its marks mean nothing (RFC 9335, section 5.2).
#[test]
fn an_unknown_mark_is_an_unknown_header_extension() {
    for (profile, key, salt) in KEYS {
        let (mut outbound, mut inbound) = pair(profile, &hex(key), &hex(salt));
        inbound.set_header_encryption(HeaderEncryption::None);
        let mut packet = hex(CASES[0].0);
        outbound.protect_rtp(&mut packet, 0).unwrap();
        let mut received = BytesMut::from(&packet[..]);
        let header = inbound.unprotect_rtp(&mut received);
        // It is authentic in counter mode, where the whole packet is; with GCM other bytes are authenticated.
        match profile {
            Profile::Aes128CmSha1_80 => assert_eq!(header.unwrap().extensions(&received).count(), 0),
            _ => assert!(header.is_err()),
        }
    }
}
