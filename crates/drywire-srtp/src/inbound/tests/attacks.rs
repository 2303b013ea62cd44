//! What attackers do. The names begin with the row of the list of attacks.

use drywire_rtp::RtpPacket;

use super::*;
use crate::ExtensionIds;

/// All ways in which headers are encrypted. The packets of these tests have elements 1 and 3.
fn modes() -> [HeaderEncryption; 4] {
    let ids: ExtensionIds = [1].into_iter().collect();
    [
        HeaderEncryption::None,
        HeaderEncryption::Cryptex,
        HeaderEncryption::Extensions(ids),
        HeaderEncryption::CryptexOrExtensions(ids),
    ]
}

fn pair_with(profile: Profile, mode: HeaderEncryption) -> (Outbound, Inbound) {
    let (mut outbound, mut inbound) = pair(profile);
    outbound.set_header_encryption(mode);
    inbound.set_header_encryption(mode);
    (outbound, inbound)
}

/// D01: no packet with one bit changed is accepted.
#[test]
fn d01_every_flipped_bit_is_noticed() {
    for (profile, mode) in PROFILES.into_iter().flat_map(|profile| modes().map(|mode| (profile, mode))) {
        let (mut outbound, mut inbound) = pair_with(profile, mode);
        for n in 0..50 {
            let payload = &PAYLOAD[..usize::from(n) % PAYLOAD.len()];
            let protected = protect_rtp(&mut outbound, &rtp(1, n, payload));
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
        // And the genuine ones still are accepted.
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

/// D05: a million bad packets are counted and do no more: bits flipped in a genuine one, junk of any length, numbers far
/// ahead, other sources.
#[test]
fn d05_any_number_of_bad_packets_leaves_the_session_alive() {
    const EACH: u32 = 250_000;
    for profile in PROFILES {
        let (mut outbound, mut inbound) = pair_with(profile, modes()[3]);
        let media = protect_rtp(&mut outbound, &rtp(1, 7, PAYLOAD));
        let report = protect_rtcp(&mut outbound, &rtcp(1));
        assert!(inbound.unprotect_rtp(&mut media.clone()).is_ok());
        let mut packet = BytesMut::with_capacity(200);
        for n in 0..EACH {
            packet.clear();
            let genuine = if n % 4 == 0 { &report } else { &media };
            packet.extend_from_slice(genuine);
            match n % 8 {
                0 | 1 => packet[9] ^= u8::try_from(n % 255).unwrap() + 1,
                2 => packet[3] ^= 0x40,
                3 => packet[12 + usize::try_from(n / 8).unwrap() % 40] ^= 0xFF,
                4 => packet.truncate(usize::try_from(n / 8).unwrap() % report.len()),
                // A replay.
                5 => {}
                6 => packet[8..12].copy_from_slice(&n.to_be_bytes()),
                _ => packet[0] = u8::try_from(n / 8 % 256).unwrap(),
            }
            if n % 4 == 0 {
                assert!(inbound.unprotect_rtcp(&mut packet).is_err());
            } else {
                assert!(inbound.unprotect_rtp(&mut packet).is_err());
            }
        }
        let stats = *inbound.stats();
        assert_eq!(stats.accepted, 1);
        assert_eq!(stats.malformed + stats.replayed + stats.unauthentic, u64::from(EACH));
        assert!(stats.malformed > 0 && stats.replayed > 0 && stats.unauthentic > 0);
        assert_eq!((inbound.rtp_streams.len(), inbound.rtcp_streams.len()), (1, 0));
        assert!(inbound.unprotect_rtp(&mut protect_rtp(&mut outbound, &rtp(1, 8, PAYLOAD))).is_ok());
        assert!(inbound.unprotect_rtcp(&mut report.clone()).is_ok());
    }
}

/// D06: no combination of length, contributing sources and header extension makes anything reach past the packet, on
/// either side; what is protected comes back.
#[test]
fn d06_every_short_packet_is_handled_within_its_bounds() {
    let profiles = [bytes::Bytes::from_static(&[0xBE, 0xDE]), bytes::Bytes::from_static(&[0x10, 0x00])];
    for (profile, mode) in PROFILES.into_iter().flat_map(|profile| modes().map(|mode| (profile, mode))) {
        let (mut outbound, mut inbound) = pair_with(profile, mode);
        let mut sequence = 0_u16;
        for len in 0..=64_usize {
            for (csrc_count, extension_words) in (0..16_u8).flat_map(|count| {
                [None, Some(0), Some(1), Some(4), Some(16), Some(0xFFFF)].map(|words| (count, words))
            }) {
                let mut plain = vec![0x15; len];
                sequence += 1;
                let head = [0x80 | csrc_count | u8::from(extension_words.is_some()) << 4, 96];
                for (to, from) in plain.iter_mut().zip(head.into_iter().chain(sequence.to_be_bytes())) {
                    *to = from;
                }
                let at = 12 + 4 * usize::from(csrc_count);
                if let Some(words) = extension_words {
                    let words: u16 = words;
                    let head = profiles[usize::from(sequence % 2)].iter().copied().chain(words.to_be_bytes());
                    for (to, from) in plain.iter_mut().skip(at).zip(head) {
                        *to = from;
                    }
                }
                let fits = at + extension_words.map_or(0, |words| 4 + 4 * usize::from(words)) <= len;

                // As it is, it is never accepted.
                let mut received = BytesMut::from(&plain[..]);
                assert!(inbound.unprotect_rtp(&mut received).is_err());
                let mut received = BytesMut::from(&plain[..]);
                assert!(inbound.unprotect_rtcp(&mut received).is_err());

                let mut out = plain.clone();
                let protected = outbound.protect_rtp(&mut out, 0);
                assert_eq!(
                    protected.is_ok(),
                    fits,
                    "{profile} {mode:?} {len} {csrc_count} {extension_words:?}"
                );
                if fits {
                    let mut received = BytesMut::from(&out[..]);
                    let header = inbound.unprotect_rtp(&mut received).unwrap();
                    let packet = RtpPacket::parse(&plain).unwrap();
                    assert_eq!(header.payload(&received), packet.payload());
                    assert!(header.csrcs(&received).eq(packet.csrcs()));
                    assert!(header.extensions(&received).eq(packet.extensions()));
                }
            }
        }
        // RTCP: the shortest there is, and all below.
        for len in 0..=64_usize {
            let mut out = vec![0x80; len];
            assert_eq!(outbound.protect_rtcp(&mut out, 0).is_ok(), len >= 8);
            for cut in 0..out.len() {
                assert!(inbound.unprotect_rtcp(&mut BytesMut::from(&out[..cut])).is_err());
            }
        }
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

/// D08: two senders that chose the same SSRC by mistake never send two packets with the same keystream: the second of
/// each two is an error. The same SSRC in both directions does no harm, because their keys differ (RFC 3711, section
/// 9.1).
#[test]
fn d08_colliding_ssrcs_are_an_error() {
    for profile in PROFILES {
        let (mut outbound, mut inbound) = pair(profile);
        let mut sent = Vec::new();
        for n in 0..400_u16 {
            for (sender, number) in [(b"A", 1000 + n), (b"B", 1200 - n)] {
                let mut out = rtp(1, number, &sender.repeat(40));
                match outbound.protect_rtp(&mut out, 0) {
                    Ok(_) => sent.push((number, out)),
                    Err(error) => assert_eq!((error, out), (ProtectError::Reused, Vec::new())),
                }
            }
        }
        let numbers: std::collections::BTreeSet<u16> = sent.iter().map(|(number, _)| *number).collect();
        assert_eq!((numbers.len(), sent.len()), (599, 599));
        for (_, packet) in &mut sent {
            inbound.unprotect_rtp(&mut BytesMut::from(&packet[..])).unwrap();
        }

        let provider = drywire_crypto_aws_lc::provider();
        let (key, salt) = (vec![77; profile.key_len()], vec![78; profile.salt_len()]);
        let mut theirs = Outbound::new(&*provider, profile, &key, &salt).unwrap();
        let ours = protect_rtp(&mut outbound, &rtp(1, 2000, PAYLOAD));
        let same_number = protect_rtp(&mut theirs, &rtp(1, 2000, PAYLOAD));
        let keystreams_differ = ours[20..].iter().zip(&same_number[20..]).filter(|(a, b)| a != b).count();
        assert!(keystreams_differ > 30);
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
