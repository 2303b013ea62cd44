use drywire_crypto::CtrAlgorithm;
use drywire_rtp::RtpHeader;

use super::*;

pub(crate) fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

pub(crate) fn scope(packet: &[u8]) -> Scope {
    Scope::payload(&RtpHeader::parse_encrypted(packet).unwrap())
}

/// The keystream of RFC 3711, appendix B.2 (AES-128), and RFC 6188, section 7.1 (AES-256): its first and last blocks.
#[test]
fn rfc_3711_b2_and_rfc_6188_7_1_keystream() {
    let provider = drywire_crypto_aws_lc::provider();
    let aes_128 = (
        CtrAlgorithm::Aes128,
        "2b7e151628aed2a6abf7158809cf4f3c",
        "e03ead0935c95e80e166b16dd92b4eb4 d23513162b02d0f72a43a2fe4a5f97ab 41e95b3bb0a2e8dd477901e4fca894c0",
        "ec8cdf7398607cb0f2d21675ea9ea1e4 362b7c3c6773516318a077d7fc5073ae 6a2cc3787889374fbeb4c81b17ba6c44",
    );
    let aes_256 = (
        CtrAlgorithm::Aes256,
        "57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98",
        "92bdd28a93c3f52511c677d08b5515a4 9da71b2378a854f67050756ded165bac 63c4868b7096d88421b563b8c94c9a31",
        "cea518c90fd91ced9cbb18c078a54711 3dbc4814f4da5f00a08772b63c6a046d 6eb246913062a16891433e97dd01a57f",
    );
    for (algorithm, key, first, last) in [aes_128, aes_256] {
        let key = provider.ctr_key(algorithm, &hex(key)).unwrap();
        let iv: [u8; 16] = hex("f0f1f2f3f4f5f6f7f8f9fafbfcfd0000").try_into().unwrap();
        let mut stream = vec![0; 16 * 0xFF02];
        key.apply_keystream(&iv, &mut stream);
        assert_eq!(stream[..48], hex(first));
        assert_eq!(stream[16 * 0xFEFF..], hex(last));
    }
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
