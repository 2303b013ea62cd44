//! Both directions together.

use drywire_rtp::{HeaderFields, SequenceNumber, write_padding};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::{MAX_STREAMS, Outbound, ProtectError};

mod attacks;
mod model;

const PROFILES: [Profile; 4] = Profile::ALL;
const PAYLOAD: &[u8] = b"forty bytes of payload, more or less, yes";

fn pair(profile: Profile) -> (Outbound, Inbound) {
    let provider = drywire_crypto_aws_lc::provider();
    let key: Vec<u8> = (0..u8::try_from(profile.key_len()).unwrap()).collect();
    let salt: Vec<u8> = (100..100 + u8::try_from(profile.salt_len()).unwrap()).collect();
    (
        Outbound::new(&*provider, profile, &key, &salt).unwrap(),
        Inbound::new(&*provider, profile, &key, &salt).unwrap(),
    )
}

fn rtp(ssrc: u32, sequence: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    let fields = HeaderFields {
        ssrc: Ssrc(ssrc),
        sequence_number: SequenceNumber(sequence),
        timestamp: 90 * u32::from(sequence),
        ..HeaderFields::default()
    };
    fields.write(&mut packet, &[(1, b"mid"), (3, &[7])]).unwrap();
    packet.extend_from_slice(payload);
    packet
}

/// A receiver report without blocks, and a description.
fn rtcp(ssrc: u32) -> Vec<u8> {
    let mut packet = Vec::new();
    drywire_rtp::rtcp::ReceiverReport::write(&mut packet, Ssrc(ssrc), []);
    drywire_rtp::rtcp::SourceDescription::write_cnames(&mut packet, [(Ssrc(ssrc), "name")]);
    packet
}

fn protect_rtp(outbound: &mut Outbound, packet: &[u8]) -> BytesMut {
    // Something stands before the packet in the buffer.
    let mut out = [&[9; 5], packet].concat();
    let len = outbound.protect_rtp(&mut out, 5).unwrap();
    assert_eq!((out.len(), &out[..5]), (5 + len, &[9; 5][..]));
    BytesMut::from(&out[5..])
}

fn protect_rtcp(outbound: &mut Outbound, packet: &[u8]) -> BytesMut {
    let mut out = packet.to_vec();
    outbound.protect_rtcp(&mut out, 0).unwrap();
    BytesMut::from(&out[..])
}

#[test]
fn rtp_and_rtcp_arrive_as_they_were_sent() {
    for profile in PROFILES {
        let (mut outbound, mut inbound) = pair(profile);
        for payload in [&[][..], &[1], PAYLOAD, &[5; 1200]] {
            let sequence = u16::try_from(payload.len()).unwrap();
            let plain = rtp(1, sequence, payload);
            let mut packet = protect_rtp(&mut outbound, &plain);
            assert_eq!(packet.len(), plain.len() + profile.rtp_overhead());
            if payload.len() > 16 {
                assert!(!packet.windows(16).any(|window| window == &payload[..16]));
            }
            let header = inbound.unprotect_rtp(&mut packet).unwrap();
            assert_eq!(packet, plain);
            assert_eq!((header.sequence_number().0, header.payload(&packet)), (sequence, payload));
            assert_eq!(header.extension(&packet, 1), Some(&b"mid"[..]));

            let plain = rtcp(1);
            let mut packet = protect_rtcp(&mut outbound, &plain);
            assert_eq!(packet.len(), plain.len() + profile.rtcp_overhead());
            inbound.unprotect_rtcp(&mut packet).unwrap();
            assert_eq!(packet, plain);
        }
        assert_eq!(*inbound.stats(), InboundStats { accepted: 8, ..InboundStats::default() });
    }
}

#[test]
fn what_is_no_packet_is_not_protected() {
    let (mut outbound, _) = pair(Profile::AeadAes128Gcm);
    for packet in [&[][..], &[0x80; 11], &[0; 12], &[0x9F; 12]] {
        let mut out = packet.to_vec();
        assert_eq!(outbound.protect_rtp(&mut out, 0), Err(ProtectError::Malformed));
        assert_eq!(out, []);
    }
    for packet in [&[][..], &[0x80; 7], &[0; 8]] {
        let mut out = packet.to_vec();
        assert_eq!(outbound.protect_rtcp(&mut out, 0), Err(ProtectError::Malformed));
    }
    let mut out = vec![0x80; 12];
    assert_eq!(outbound.protect_rtp(&mut out, 50), Err(ProtectError::Malformed));
    assert_eq!(out.len(), 12);
}

/// Keys are in no output.
#[test]
fn debug_output_has_no_keys() {
    let provider = drywire_crypto_aws_lc::provider();
    for profile in PROFILES {
        let (key, salt) = (vec![0xA7; profile.key_len()], vec![0xA7; profile.salt_len()]);
        let outbound = Outbound::new(&*provider, profile, &key, &salt).unwrap();
        let inbound = Inbound::new(&*provider, profile, &key, &salt).unwrap();
        for output in [format!("{outbound:?}"), format!("{inbound:#?}")] {
            let lower = output.to_lowercase();
            assert!(!lower.contains("167") && !lower.contains("a7") && !lower.contains("salt"), "{output}");
        }
    }
}

#[test]
fn both_directions_can_move_between_threads() {
    fn assert_send<T: Send>(_: &T) {}
    assert_send(&pair(Profile::AeadAes128Gcm));
}

fn low_bits(n: impl Into<u64>) -> u16 {
    u16::try_from(n.into() & 0xFFFF).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_bytes_are_refused(profile in 0..PROFILES.len(), bytes in vec(any::<u8>(), 0..120)) {
        let (_, mut inbound) = pair(PROFILES[profile]);
        prop_assert!(inbound.unprotect_rtp(&mut BytesMut::from(&bytes[..])).is_err());
        prop_assert!(inbound.unprotect_rtcp(&mut BytesMut::from(&bytes[..])).is_err());
        let stats = inbound.stats();
        prop_assert_eq!((stats.accepted, stats.malformed + stats.unauthentic), (0, 2));
    }
}
