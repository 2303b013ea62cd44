use drywire_crypto::CtrAlgorithm;
use drywire_rtp::RtpHeader;
use zeroize::Zeroizing;

use super::*;

pub(crate) fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn scope(packet: &[u8]) -> Scope {
    Scope::payload(&RtpHeader::parse_encrypted(packet).unwrap())
}

/// RFC 3711, appendix B.2.
#[test]
fn rfc_3711_b2_keystream() {
    let provider = drywire_crypto_aws_lc::provider();
    let key = provider.ctr_key(CtrAlgorithm::Aes128, &hex("2b7e151628aed2a6abf7158809cf4f3c")).unwrap();
    let iv: [u8; 16] = hex("f0f1f2f3f4f5f6f7f8f9fafbfcfd0000").try_into().unwrap();
    let mut stream = vec![0; 16 * 0xFF02];
    key.apply_keystream(&iv, &mut stream);
    for (block, expected) in [
        (0x0000, "e03ead0935c95e80e166b16dd92b4eb4"),
        (0x0001, "d23513162b02d0f72a43a2fe4a5f97ab"),
        (0x0002, "41e95b3bb0a2e8dd477901e4fca894c0"),
        (0xFEFF, "ec8cdf7398607cb0f2d21675ea9ea1e4"),
        (0xFF00, "362b7c3c6773516318a077d7fc5073ae"),
        (0xFF01, "6a2cc3787889374fbeb4c81b17ba6c44"),
    ] {
        assert_eq!(stream[16 * block..][..16], hex(expected));
    }
}

/// The session keys of RFC 7714, sections 16 and 17: 00 01 … 0f and the salt "Quid pro quo".
fn rfc_7714() -> Transform {
    let provider = drywire_crypto_aws_lc::provider();
    let keys = SessionKeys {
        cipher_key: Zeroizing::new((0..16).collect()),
        auth_key: Zeroizing::new([0; 20]),
        salt: Zeroizing::new(*b"Quid pro quo\0\0"),
    };
    Transform::from_session_keys(&*provider, Profile::AeadAes128Gcm, Use::Rtp, &keys).unwrap()
}

/// RFC 7714, sections 16.1.1 and 16.1.2.
#[test]
fn rfc_7714_16_rtp() {
    let keys = rfc_7714();
    let plain = [&hex("8040f17b8041f8d35501a0b2")[..], b"Gallia est omnis divisa in partes tres"].concat();
    let protected = hex(
        "8040f17b8041f8d35501a0b2 f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833
         899d7f27beb16a9152cf765ee4390cce",
    );
    let mut packet = plain.clone();
    keys.seal_rtp(&mut packet, 0, scope(&plain), Ssrc(0x5501_a0b2), 0xf17b).unwrap();
    assert_eq!(packet, protected);
    let len = keys.open_rtp(&mut packet, scope(&plain), Ssrc(0x5501_a0b2), 0xf17b).unwrap();
    assert_eq!(packet[..len], plain);
}

/// The RTCP packet of RFC 7714, sections 17.1 to 17.4, as encrypted there.
const MARS: &str =
    "81c8000d4d617273 4e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeef
                    deadbeef";

/// RFC 7714, sections 17.1 and 17.2: encrypted.
#[test]
fn rfc_7714_17_rtcp_encrypted() {
    let keys = rfc_7714();
    let (plain, ssrc) = (hex(MARS), Ssrc(0x4d61_7273));
    let protected = hex(
        "81c8000d4d617273 63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275b
         c84aa45896cf4d2fc5abf87245d9eade 800005d4",
    );
    let mut packet = plain.clone();
    keys.seal_rtcp(&mut packet, 0, ssrc, 0x5d4).unwrap();
    assert_eq!(packet, protected);
    let word = keys.rtcp_word(&packet).unwrap();
    assert_eq!((word.index(), word.is_encrypted()), (0x5d4, true));
    let len = keys.open_rtcp(&mut packet, ssrc, word).unwrap();
    assert_eq!(packet[..len], plain);
}

/// RFC 7714, sections 17.3 and 17.4: authenticated only.
#[test]
fn rfc_7714_17_rtcp_tag_only() {
    let keys = rfc_7714();
    let (plain, ssrc) = (hex(MARS), Ssrc(0x4d61_7273));
    let mut packet = [&plain[..], &hex("841dd9683dd78ec92ae58790125f62b3 000005d4")].concat();
    let word = keys.rtcp_word(&packet).unwrap();
    assert_eq!((word.index(), word.is_encrypted()), (0x5d4, false));
    let len = keys.open_rtcp(&mut packet, ssrc, word).unwrap();
    assert_eq!(packet[..len], plain);
    let mut forged = [&plain[..], &hex("841dd9683dd78ec92ae58790125f62b4 000005d4")].concat();
    assert_eq!(keys.open_rtcp(&mut forged, ssrc, word), Err(OpenError));
}

/// Whole packets in counter mode, with the master key and salt of RFC 3711 B.3: the reference packets that other
/// implementations share.
#[test]
fn counter_mode_reference_packets() {
    let provider = drywire_crypto_aws_lc::provider();
    let (key, salt) = (hex("e1f97a0d3e018be0d64fa32c06de4139"), hex("0ec675ad498afeebb6960b3aabe6"));
    let profile = Profile::Aes128CmSha1_80;
    let master = MasterKey::new(&*provider, profile, &key, &salt).unwrap();
    let keys = |usage| Transform::new(&*provider, profile, usage, &master).unwrap();
    let ssrc = Ssrc(0xcafe_babe);

    let plain = hex("800f1234decafbadcafebabe abababababababababababababababab");
    let protected = hex("800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb");
    let (rtp, mut packet) = (keys(Use::Rtp), plain.clone());
    rtp.seal_rtp(&mut packet, 0, scope(&plain), ssrc, 0x1234).unwrap();
    assert_eq!(packet, protected);
    let len = rtp.open_rtp(&mut packet, scope(&plain), ssrc, 0x1234).unwrap();
    assert_eq!(packet[..len], plain);

    let plain = hex("81c8000bcafebabe abababababababababababababababab");
    let protected = hex("81c8000bcafebabe 7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798");
    let (rtcp, mut packet) = (keys(Use::Rtcp), plain.clone());
    rtcp.seal_rtcp(&mut packet, 0, ssrc, 1).unwrap();
    assert_eq!(packet, protected);
    let word = rtcp.rtcp_word(&packet).unwrap();
    let len = rtcp.open_rtcp(&mut packet, ssrc, word).unwrap();
    assert_eq!(packet[..len], plain);
}
