//! Both directions together, and what attackers do. The names begin with the row of the list of attacks.

use drywire_rtp::{HeaderFields, SequenceNumber, write_padding};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::{MAX_STREAMS, Outbound, ProtectError};

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

/// D01: no packet with one bit changed is accepted.
#[test]
fn d01_every_flipped_bit_is_noticed() {
    for profile in PROFILES {
        let (mut outbound, mut inbound) = pair(profile);
        for n in 0..50 {
            let protected = protect_rtp(&mut outbound, &rtp(1, n, PAYLOAD));
            for bit in 0..8 * protected.len() {
                let mut packet = protected.clone();
                packet[bit / 8] ^= 1 << (bit % 8);
                assert!(inbound.unprotect_rtp(&mut packet).is_err(), "{profile} RTP {n}, bit {bit}");
            }
            let protected = protect_rtcp(&mut outbound, &rtcp(1));
            for bit in 0..8 * protected.len() {
                let mut packet = protected.clone();
                packet[bit / 8] ^= 1 << (bit % 8);
                assert!(inbound.unprotect_rtcp(&mut packet).is_err(), "{profile} RTCP {n}, bit {bit}");
            }
        }
        assert_eq!(
            (inbound.stats().accepted, inbound.rtp_streams.len(), inbound.rtcp_streams.len()),
            (0, 0, 0)
        );
        // And the genuine ones still are.
        let mut packet = protect_rtp(&mut outbound, &rtp(1, 50, PAYLOAD));
        assert!(inbound.unprotect_rtp(&mut packet).is_ok());
    }
}

#[test]
fn d01_cut_and_extended_packets_are_noticed() {
    for profile in PROFILES {
        let (mut outbound, mut inbound) = pair(profile);
        let protected = protect_rtp(&mut outbound, &rtp(1, 1, PAYLOAD));
        for len in 0..protected.len() {
            assert!(inbound.unprotect_rtp(&mut BytesMut::from(&protected[..len])).is_err());
        }
        assert!(inbound.unprotect_rtp(&mut BytesMut::from(&[&protected[..], &[0]].concat()[..])).is_err());
        let protected = protect_rtcp(&mut outbound, &rtcp(1));
        for len in 0..protected.len() {
            assert!(inbound.unprotect_rtcp(&mut BytesMut::from(&protected[..len])).is_err());
        }
        assert!(inbound.unprotect_rtcp(&mut BytesMut::from(&[&protected[..], &[0]].concat()[..])).is_err());
        assert_eq!(inbound.stats().accepted, 0);
    }
}

/// D02: each packet is accepted once, whatever the order; RTP and RTCP, for each SSRC.
#[test]
fn d02_replays_are_dropped() {
    for profile in PROFILES {
        let (mut outbound, mut inbound) = pair(profile);
        for ssrc in [1, 2] {
            let packets: Vec<BytesMut> = (65_000..66_000_u32)
                .map(|n| protect_rtp(&mut outbound, &rtp(ssrc, low_bits(n), PAYLOAD)))
                .collect();
            let reports: Vec<BytesMut> = (0..100).map(|_| protect_rtcp(&mut outbound, &rtcp(ssrc))).collect();
            // A fixed shuffle: 7 has no common divisor with either count.
            let rtp_accepted = (0..3000).filter(|n| {
                let mut packet = packets[n * 7 % 1000].clone();
                inbound.unprotect_rtp(&mut packet).is_ok()
            });
            // All of them lie within the window of 1,024.
            assert_eq!(rtp_accepted.count(), 1000);
            let rtcp_accepted = (0..300).filter(|n| {
                let mut packet = reports[n * 7 % 100].clone();
                inbound.unprotect_rtcp(&mut packet).is_ok()
            });
            assert_eq!(rtcp_accepted.count(), 100);
        }
        assert_eq!((inbound.stats().accepted, inbound.stats().unauthentic), (2200, 0));
    }
}

/// D03: a forged packet far ahead does not move the rollover counter.
#[test]
fn d03_a_forged_sequence_number_changes_nothing() {
    for profile in PROFILES {
        let (mut outbound, mut inbound) = pair(profile);
        for n in [60_000, 60_001] {
            inbound.unprotect_rtp(&mut protect_rtp(&mut outbound, &rtp(1, n, PAYLOAD))).unwrap();
        }
        for ahead in [20_000_u16, 32_000, 33_000, 5535] {
            let mut forged = BytesMut::from(&rtp(1, 60_001_u16.wrapping_add(ahead), &[0; 60])[..]);
            assert_eq!(inbound.unprotect_rtp(&mut forged), Err(UnprotectError::Authentication));
        }
        inbound.unprotect_rtp(&mut protect_rtp(&mut outbound, &rtp(1, 60_002, PAYLOAD))).unwrap();
    }
}

/// D04: the sequence number wraps around while packets are lost.
#[test]
fn d04_the_rollover_counter_survives_loss() {
    for profile in PROFILES {
        // The last one before the wrap is lost.
        let (mut outbound, mut inbound) = pair(profile);
        for (n, lost) in [(65_534, false), (65_535, true), (0, true), (1, false), (2, false)] {
            let mut packet = protect_rtp(&mut outbound, &rtp(1, n, PAYLOAD));
            assert!(lost || inbound.unprotect_rtp(&mut packet).is_ok(), "{profile} {n}");
        }
        // The very first ones are lost, so that the first to arrive is in the second cycle already.
        let (mut outbound, mut inbound) = pair(profile);
        for (n, lost) in [(65_535, true), (0, true), (1, false), (2, false)] {
            let mut packet = protect_rtp(&mut outbound, &rtp(1, n, PAYLOAD));
            assert!(lost || inbound.unprotect_rtp(&mut packet).is_ok(), "{profile} {n}");
        }
        // Across the wrap in the wrong order.
        let (mut outbound, mut inbound) = pair(profile);
        let mut packets: Vec<BytesMut> =
            [65_533, 65_534, 65_535, 0, 1].map(|n| protect_rtp(&mut outbound, &rtp(1, n, PAYLOAD))).into();
        packets.swap(1, 3);
        packets.swap(2, 4);
        assert!(packets.iter_mut().all(|packet| inbound.unprotect_rtp(packet).is_ok()));
        // A gap of more than half of the numbers, in the first cycle and in a later one.
        let (mut outbound, mut inbound) = pair(profile);
        for n in 0..120_000_u32 {
            let received = !(100..49_990).contains(&n) && !(70_000..110_000).contains(&n);
            // Of what is lost, the sender needs to have sent only some.
            if received || n % 1000 == 0 {
                let mut packet = protect_rtp(&mut outbound, &rtp(1, low_bits(n), &[]));
                assert!(!received || inbound.unprotect_rtp(&mut packet).is_ok(), "{profile} {n}");
            }
        }
    }
}

/// D05: bad packets are counted and do no more.
#[test]
fn d05_any_number_of_bad_packets_leaves_the_session_alive() {
    for profile in PROFILES {
        let (mut outbound, mut inbound) = pair(profile);
        let junk = rtp(1, 7, &[0x55; 30]);
        for n in 0..50_000_u32 {
            let mut packet = BytesMut::from(&junk[..]);
            packet[8..12].copy_from_slice(&(n % 7).to_be_bytes());
            assert!(inbound.unprotect_rtp(&mut packet).is_err());
        }
        assert_eq!(inbound.stats().unauthentic, 50_000);
        assert!(inbound.unprotect_rtp(&mut protect_rtp(&mut outbound, &rtp(1, 7, PAYLOAD))).is_ok());
    }
}

/// D07: the padding is judged when it is decrypted.
#[test]
fn d07_padding_is_validated_after_decryption() {
    for profile in PROFILES {
        let (mut outbound, mut inbound) = pair(profile);
        let mut send = |sequence: u16, payload: &[u8]| {
            let mut packet = rtp(1, sequence, payload);
            packet[0] |= 0x20;
            let mut packet = protect_rtp(&mut outbound, &packet);
            let header = inbound.unprotect_rtp(&mut packet)?;
            Ok::<_, UnprotectError>(header.payload(&packet).to_vec())
        };
        let mut padded = PAYLOAD.to_vec();
        write_padding(&mut padded, 200);
        assert_eq!(send(1, &padded).unwrap(), PAYLOAD);
        assert_eq!(send(2, &[0, 0, 3]).unwrap(), []);
        for (sequence, payload) in [(3, &[][..]), (4, &[1, 0]), (5, &[1, 3]), (6, &[1, 255]), (7, &[14; 13])]
        {
            assert!(matches!(send(sequence, payload), Err(UnprotectError::Header(_))), "{payload:?}");
        }
    }
}

/// D08: no pair of SSRC and index is used twice, and an error leaves no plaintext behind.
#[test]
fn d08_no_keystream_is_used_twice() {
    for profile in PROFILES {
        let (mut outbound, _) = pair(profile);
        for n in [10, 12, 11, 2000] {
            protect_rtp(&mut outbound, &rtp(1, n, PAYLOAD));
        }
        for n in [10, 11, 12, 2000, 900] {
            let mut out = [&[9; 5], &rtp(1, n, b"another payload")[..]].concat();
            assert_eq!(outbound.protect_rtp(&mut out, 5), Err(ProtectError::Reused));
            assert_eq!(out, [9; 5]);
        }
        // Another stream has numbers of its own.
        protect_rtp(&mut outbound, &rtp(2, 10, PAYLOAD));
    }
}

/// D08: the counters end, they do not wrap around.
#[test]
fn d08_keys_are_used_up() {
    for profile in PROFILES {
        let (mut outbound, _) = pair(profile);
        outbound.set_rollover_counter(Ssrc(1), u32::MAX).unwrap();
        outbound.seek_rtcp((1 << 31) - 1);
        protect_rtp(&mut outbound, &rtp(1, 65_535, PAYLOAD));
        let mut out = rtp(1, 0, PAYLOAD);
        assert_eq!(outbound.protect_rtp(&mut out, 0), Err(ProtectError::KeyExhausted));
        assert_eq!(out, []);
        protect_rtcp(&mut outbound, &rtcp(1));
        let mut out = rtcp(1);
        assert_eq!(outbound.protect_rtcp(&mut out, 0), Err(ProtectError::KeyExhausted));
        assert_eq!(out, []);
    }
}

/// D08: what is sent cannot be forgotten, so it is bounded.
#[test]
fn d08_sent_streams_are_bounded() {
    let (mut outbound, _) = pair(Profile::AeadAes128Gcm);
    for ssrc in 0..1024 {
        protect_rtp(&mut outbound, &rtp(ssrc, 0, PAYLOAD));
    }
    let mut out = rtp(1024, 0, PAYLOAD);
    assert_eq!(outbound.protect_rtp(&mut out, 0), Err(ProtectError::TooManyStreams));
    protect_rtp(&mut outbound, &rtp(5, 1, PAYLOAD));
}

/// D09: forged SSRCs cost no memory; authentic ones are bounded, and a stream that is in use stays.
#[test]
fn d09_streams_are_bounded() {
    for profile in PROFILES {
        let (_, mut inbound) = pair(profile);
        let mut forged = rtp(0, 40_000, &[1; 40]);
        for ssrc in 0..100_000_u32 {
            forged[8..12].copy_from_slice(&ssrc.to_be_bytes());
            assert!(inbound.unprotect_rtp(&mut BytesMut::from(&forged[..])).is_err());
        }
        assert_eq!(inbound.rtp_streams.len(), 0);
        let (mut outbound, mut inbound) = pair(profile);
        let (mut kept, mut kept_packets) = (0, Vec::new());
        for ssrc in 0..4000_u32 {
            if ssrc % 1000 == 999 {
                // What is sent is bounded, too; a peer that attacks has keys without that limit.
                (outbound, _) = pair(profile);
                protect_rtp(&mut outbound, &rtp(u32::MAX, kept, PAYLOAD));
                outbound.seek_rtcp(ssrc);
            }
            assert!(inbound.unprotect_rtp(&mut protect_rtp(&mut outbound, &rtp(ssrc, 0, PAYLOAD))).is_ok());
            kept += 1;
            let keep = protect_rtp(&mut outbound, &rtp(u32::MAX, kept, PAYLOAD));
            assert!(inbound.unprotect_rtp(&mut keep.clone()).is_ok());
            assert_eq!(inbound.unprotect_rtp(&mut keep.clone()), Err(UnprotectError::Replayed));
            assert!(inbound.unprotect_rtcp(&mut protect_rtcp(&mut outbound, &rtcp(ssrc))).is_ok());
            kept_packets.push(keep);
        }
        // It was never forgotten: none of its packets is accepted again.
        for packet in kept_packets.iter_mut().rev().take(1000) {
            assert_eq!(inbound.unprotect_rtp(packet), Err(UnprotectError::Replayed));
        }
        assert_eq!((inbound.rtp_streams.len(), inbound.rtcp_streams.len()), (MAX_STREAMS, MAX_STREAMS));
        assert!(inbound.stats().displaced_streams > 5000);
    }
}

/// D14: packets in the clear, and those of the other direction's keys, are dropped.
#[test]
fn d14_packets_in_the_clear_are_dropped() {
    for profile in PROFILES {
        let (_, mut inbound) = pair(profile);
        assert!(inbound.unprotect_rtp(&mut BytesMut::from(&rtp(1, 1, PAYLOAD)[..])).is_err());
        assert!(inbound.unprotect_rtp(&mut BytesMut::from(&rtp(1, 1, &[])[..])).is_err());
        assert!(inbound.unprotect_rtcp(&mut BytesMut::from(&rtcp(1)[..])).is_err());
        let provider = drywire_crypto_aws_lc::provider();
        let (key, salt) = (vec![77; profile.key_len()], vec![78; profile.salt_len()]);
        let mut other = Outbound::new(&*provider, profile, &key, &salt).unwrap();
        assert!(inbound.unprotect_rtp(&mut protect_rtp(&mut other, &rtp(1, 1, PAYLOAD))).is_err());
        assert_eq!(inbound.stats().accepted, 0);
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
