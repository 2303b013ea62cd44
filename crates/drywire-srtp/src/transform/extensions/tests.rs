use bytes::BytesMut;
use drywire_rtp::{HeaderFields, SequenceNumber, Ssrc};

use super::*;
use crate::transform::tests::hex;
use crate::{HeaderEncryption, Inbound, Outbound, Profile};

/// RFC 6904, appendix A: the session keys are derived, and a header extension of 24 bytes is encrypted.
#[test]
fn rfc_6904_appendix_a() {
    let provider = drywire_crypto_aws_lc::provider();
    let (key, salt) = (hex("e1f97a0d3e018be0d64fa32c06de4139"), hex("0ec675ad498afeebb6960b3aabe6"));
    let master = MasterKey::new(&*provider, Profile::Aes128CmSha1_80, &key, &salt).unwrap();
    let keys = master.header_keys();
    assert_eq!(keys.cipher_key[..], hex("549752054d6fb708622c4a2e596a1b93"));
    assert_eq!(keys.salt[..], hex("ab01818174c40d39a3781f7c2d27"));

    let cipher = ExtensionCipher::new(&*provider, &master).unwrap();
    let plain = hex("900f1234decafbadcafebabe bede0006 17414273a475262748 220000c8 308e 4655996386b395fb 00");
    let mut packet = plain.clone();
    let header = RtpHeader::parse_encrypted(&packet).unwrap();
    // The mask of the example: elements 1, 3 and 4 are encrypted, element 2 is not.
    let ids = [1, 3, 4].into_iter().collect();
    cipher.apply(&mut packet, &header, 0x1234, ids);
    assert_eq!(packet[16..], hex("17588a9270f4e15e1c220000c8309546a994f0bc54789700"));
    cipher.apply(&mut packet, &header, 0x1234, ids);
    assert_eq!(packet, plain);
}

/// What lies behind the first chunks of keystream, in both forms and all profiles.
#[test]
fn long_header_extensions_come_back() {
    let provider = drywire_crypto_aws_lc::provider();
    let values: Vec<Vec<u8>> = (1..=40).map(|len| vec![0x11; len]).collect();
    for (profile, two_byte) in
        Profile::ALL.into_iter().flat_map(|profile| [(profile, false), (profile, true)])
    {
        let (key, salt) = (vec![1; profile.key_len()], vec![2; profile.salt_len()]);
        let ids: ExtensionIds = (1..=13).step_by(3).chain(200..=230).collect();
        let mut outbound = Outbound::new(&*provider, profile, &key, &salt).unwrap();
        let mut inbound = Inbound::new(&*provider, profile, &key, &salt).unwrap();
        outbound.set_header_encryption(HeaderEncryption::Extensions(ids));
        inbound.set_header_encryption(HeaderEncryption::CryptexOrExtensions(ids));
        let elements: Vec<(u8, &[u8])> = match two_byte {
            false => (1..=14).map(|id| (id, &values[usize::from(id)][..])).collect(),
            true => (195..=234).map(|id| (id, &values[usize::from(id - 195)][..])).collect(),
        };
        for number in 0..3 {
            let fields = HeaderFields {
                sequence_number: SequenceNumber(number),
                ssrc: Ssrc(7),
                csrcs: &[Ssrc(1), Ssrc(2)],
                ..HeaderFields::default()
            };
            let mut plain = Vec::new();
            fields.write(&mut plain, &elements).unwrap();
            plain.extend_from_slice(&[5; 20]);
            let mut packet = plain.clone();
            outbound.protect_rtp(&mut packet, 0).unwrap();

            // On the wire the chosen values, and only they, look different.
            let header = RtpHeader::parse_encrypted(&packet).unwrap();
            for ((id, wire), (_, value)) in header.extensions(&packet).zip(&elements) {
                assert!(wire.len() < 4 || (wire != *value) == ids.contains(id), "{profile} {id}");
            }
            assert_eq!(header.extensions(&packet).count(), elements.len());
            let mut received = BytesMut::from(&packet[..]);
            inbound.unprotect_rtp(&mut received).unwrap();
            assert_eq!(received, plain);
        }
    }
}

/// The values are authenticated as they are sent.
#[test]
fn changed_values_are_noticed() {
    let provider = drywire_crypto_aws_lc::provider();
    for profile in Profile::ALL {
        let (key, salt) = (vec![1; profile.key_len()], vec![2; profile.salt_len()]);
        let encryption = HeaderEncryption::Extensions([1].into_iter().collect());
        let mut outbound = Outbound::new(&*provider, profile, &key, &salt).unwrap();
        let mut inbound = Inbound::new(&*provider, profile, &key, &salt).unwrap();
        outbound.set_header_encryption(encryption);
        inbound.set_header_encryption(encryption);
        let mut packet = Vec::new();
        HeaderFields::default().write(&mut packet, &[(1, b"secret"), (2, b"public")]).unwrap();
        outbound.protect_rtp(&mut packet, 0).unwrap();
        for bit in 8 * 12..8 * packet.len() {
            let mut changed = BytesMut::from(&packet[..]);
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(inbound.unprotect_rtp(&mut changed).is_err(), "{profile}, bit {bit}");
        }
        inbound.unprotect_rtp(&mut BytesMut::from(&packet[..])).unwrap();
    }
}
