//! RFC 7714, sections 16 and 17: all of their packets.

use drywire_rtp::RtpHeader;

use super::*;
use crate::Profile;
use crate::derive::Use;
use crate::transform::Transform;
use crate::transform::tests::{hex, scope};

const PROFILES: [(Profile, u8); 2] = [(Profile::AeadAes128Gcm, 16), (Profile::AeadAes256Gcm, 32)];

/// The session keys of RFC 7714: 00 01 02 … and the salt "Quid pro quo".
fn session_keys(len: u8) -> SessionKeys {
    SessionKeys {
        cipher_key: Zeroizing::new((0..len).collect()),
        auth_key: Zeroizing::new([0; 20]),
        salt: Zeroizing::new(*b"Quid pro quo\0\0"),
    }
}

fn transforms() -> [Transform; 2] {
    let provider = drywire_crypto_aws_lc::provider();
    PROFILES.map(|(profile, len)| {
        Transform::from_session_keys(&*provider, profile, Use::Rtp, &session_keys(len)).unwrap()
    })
}

/// The bare ciphers, for what SRTP packets cannot show.
fn ciphers() -> [Gcm; 2] {
    let provider = drywire_crypto_aws_lc::provider();
    [(AeadAlgorithm::Aes128Gcm, 16), (AeadAlgorithm::Aes256Gcm, 32)]
        .map(|(algorithm, len)| Gcm::new(&*provider, algorithm, &session_keys(len)).unwrap())
}

/// The RTP packet of section 16.
fn rtp() -> Vec<u8> {
    [&hex("8040f17b8041f8d35501a0b2")[..], b"Gallia est omnis divisa in partes tres"].concat()
}

/// Sections 16.1.1, 16.1.2, 16.2.1 and 16.2.2: encrypted and authenticated.
#[test]
fn rfc_7714_16_rtp_encrypted() {
    let expected = [
        "8040f17b8041f8d35501a0b2 f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833
         899d7f27beb16a9152cf765ee4390cce",
        "8040f17b8041f8d35501a0b2 32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b
         7aa3db36dfffd6b0f9bb7878d7a76c13",
    ];
    for (keys, expected) in transforms().iter().zip(expected) {
        let (mut packet, scope) = (rtp(), scope(&rtp()));
        let header = RtpHeader::parse_encrypted(&packet).unwrap();
        let index = u64::from(header.sequence_number().0);
        keys.seal_rtp(&mut packet, 0, scope, header.ssrc(), index).unwrap();
        assert_eq!(packet, hex(expected));
        let len = keys.open_rtp(&mut packet, scope, header.ssrc(), index).unwrap();
        assert_eq!(packet[..len], rtp());
    }
}

/// Sections 16.1.3, 16.1.4, 16.2.3 and 16.2.4: authenticated only. RTP is never sent like this; the nonce and the tag
/// are as they would be.
#[test]
fn rfc_7714_16_rtp_tag_only() {
    let tags = ["22493f82d2bce397e9d79e3b19aa4216", "a866d5910f887463067ceefec45215d4"];
    for (keys, expected) in ciphers().iter().zip(tags) {
        let nonce = keys.nonce(Ssrc(0x5501_a0b2), 0xf17b);
        assert_eq!(nonce[..], hex("51753c6580c2726f20718414"));
        let mut tag = keys.cipher.seal(&nonce, &rtp(), &mut []).unwrap();
        assert_eq!(tag[..], hex(expected));
        assert_eq!(keys.cipher.open(&nonce, &rtp(), &mut tag), Ok(0));
    }
}

/// The RTCP packet of section 17, as it is encrypted in its subsections.
const RTCP: &str = "81c8000d4d617273 4e5450314e545032525450200000042a0000e9304c756e61
                    deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";

const MARS: Ssrc = Ssrc(0x4d61_7273);

/// Sections 17.1 and 17.2: encrypted.
#[test]
fn rfc_7714_17_rtcp_encrypted() {
    let expected = [
        "81c8000d4d617273 63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275b
         c84aa45896cf4d2fc5abf87245d9eade 800005d4",
        "81c8000d4d617273 d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c61de0476f1b6fad
         1d1eb30c4446839f57ff6f6cb26ac3be 800005d4",
    ];
    for (keys, expected) in transforms().iter().zip(expected) {
        let mut packet = hex(RTCP);
        keys.seal_rtcp(&mut packet, 0, MARS, 0x5d4).unwrap();
        assert_eq!(packet, hex(expected));
        let word = keys.rtcp_word(&packet).unwrap();
        assert_eq!((word.index(), word.is_encrypted()), (0x5d4, true));
        let len = keys.open_rtcp(&mut packet, MARS, word).unwrap();
        assert_eq!(packet[..len], hex(RTCP));
    }
    for keys in ciphers() {
        assert_eq!(keys.nonce(MARS, 0x5d4)[..], hex("517524055203726f207170bb"));
    }
}

/// Sections 17.3 and 17.4: authenticated only.
#[test]
fn rfc_7714_17_rtcp_tag_only() {
    let tags = ["841dd9683dd78ec92ae58790125f62b3", "91db4afbfeee5a978fab4393ed2615fe"];
    for (keys, tag) in transforms().iter().zip(tags) {
        let protected = [hex(RTCP), hex(tag), hex("000005d4")].concat();
        let mut packet = protected.clone();
        let word = keys.rtcp_word(&packet).unwrap();
        assert_eq!((word.index(), word.is_encrypted()), (0x5d4, false));
        let len = keys.open_rtcp(&mut packet, MARS, word).unwrap();
        assert_eq!(packet[..len], hex(RTCP));
        for at in 0..protected.len() {
            let mut forged = protected.clone();
            forged[at] ^= 1;
            let word = keys.rtcp_word(&forged).unwrap();
            assert_eq!(keys.open_rtcp(&mut forged, MARS, word), Err(OpenError), "byte {at}");
        }
    }
}
