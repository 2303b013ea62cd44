//! No packet costs an allocation once its stream is known, and no number of streams grows the memory past its bound.
//!
//! Allocations are counted for each thread, so other tests do not disturb.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "a test may fail")]

use allocation_counter::{AllocationInfo, measure};
use bytes::BytesMut;
use drywire_rtp::{HeaderFields, SequenceNumber, Ssrc};
use drywire_srtp::{ExtensionIds, HeaderEncryption, Inbound, MAX_STREAMS, Outbound, Profile};

/// Key and salt of both directions.
fn pair(profile: Profile, header_encryption: HeaderEncryption) -> (Outbound, Inbound) {
    let provider = drywire_crypto_aws_lc::provider();
    let (key, salt) = (vec![1; profile.key_len()], vec![2; profile.salt_len()]);
    let mut outbound = Outbound::new(&*provider, profile, &key, &salt).unwrap();
    let mut inbound = Inbound::new(&*provider, profile, &key, &salt).unwrap();
    outbound.set_header_encryption(header_encryption);
    inbound.set_header_encryption(header_encryption);
    (outbound, inbound)
}

fn rtp(ssrc: u32, sequence_number: u16, csrcs: &[Ssrc]) -> Vec<u8> {
    let fields = HeaderFields {
        ssrc: Ssrc(ssrc),
        sequence_number: SequenceNumber(sequence_number),
        csrcs,
        ..HeaderFields::default()
    };
    let mut packet = Vec::new();
    fields.write(&mut packet, &[(1, b"mid"), (2, &[0; 3])]).unwrap();
    packet.extend_from_slice(&[0x5A; 1100]);
    packet
}

fn modes() -> [HeaderEncryption; 3] {
    let ids: ExtensionIds = [2].into_iter().collect();
    [HeaderEncryption::None, HeaderEncryption::Cryptex, HeaderEncryption::Extensions(ids)]
}

#[test]
fn packets_cost_no_allocation() {
    for (profile, mode) in Profile::ALL.into_iter().flat_map(|profile| modes().map(|mode| (profile, mode))) {
        let (mut outbound, mut inbound) = pair(profile, mode);
        let (mut out, mut received) = (Vec::with_capacity(1500), BytesMut::with_capacity(1500));
        let packets: Vec<_> = (0..600).map(|n| rtp(u32::from(n % 3), n / 3, &[Ssrc(7), Ssrc(8)])).collect();
        let mut exchange = |packets: &[Vec<u8>]| {
            for packet in packets {
                out.clear();
                outbound.protect_rtp_into(packet, &mut out).unwrap();
                received.clear();
                received.extend_from_slice(&out);
                inbound.unprotect_rtp(&mut received).unwrap();
                // A replayed and a forged one.
                received.clear();
                received.extend_from_slice(&out);
                assert!(inbound.unprotect_rtp(&mut received).is_err());
                received.clear();
                received.extend_from_slice(&out);
                received[3] ^= 0x80;
                assert!(inbound.unprotect_rtp(&mut received).is_err());

                out.clear();
                out.extend_from_slice(&[0x80, 201, 0, 1, 0, 0, 0, 1]);
                outbound.protect_rtcp(&mut out, 0).unwrap();
                received.clear();
                received.extend_from_slice(&out);
                inbound.unprotect_rtcp(&mut received).unwrap();
            }
        };
        // The first packets make the streams known.
        exchange(&packets[..30]);
        let counted = measure(|| exchange(&packets[30..]));
        assert_eq!(counted.count_total, 0, "{profile}, {mode:?}");
    }
}

/// What a forged packet may leave behind: one buffer, of which a copy is kept while a rollover counter is guessed.
#[test]
fn d09_forged_sources_cost_no_memory() {
    for profile in Profile::ALL {
        let (_, mut inbound) = pair(profile, HeaderEncryption::None);
        let mut forged = rtp(0, 5, &[]);
        let mut received = BytesMut::with_capacity(1500);
        let mut flood = |sources: std::ops::Range<u32>| {
            for source in sources {
                forged[8..12].copy_from_slice(&source.to_be_bytes());
                received.clear();
                received.extend_from_slice(&forged);
                assert!(inbound.unprotect_rtp(&mut received).is_err());
                assert!(inbound.unprotect_rtcp(&mut received).is_err());
            }
        };
        flood(0..10);
        assert_eq!(measure(|| flood(10..25_000)), AllocationInfo::default(), "{profile}");
    }
}

/// The peer has the keys, and sends from 100,000 sources: the memory stays what [`MAX_STREAMS`] need.
#[test]
fn d09_authentic_sources_cost_bounded_memory() {
    let profile = Profile::AeadAes128Gcm;
    let (mut outbound, mut inbound) = pair(profile, HeaderEncryption::None);
    let mut flood = |sources: std::ops::Range<u32>| {
        let mut held = 0;
        for source in sources {
            if source % 1000 == 0 {
                // The peer is not bounded as we are.
                (outbound, _) = pair(profile, HeaderEncryption::None);
            }
            let mut packet = rtp(source, 5, &[]);
            outbound.protect_rtp(&mut packet, 0).unwrap();
            let mut received = BytesMut::from(&packet[..]);
            held += measure(|| assert!(inbound.unprotect_rtp(&mut received).is_ok())).bytes_current;
        }
        held
    };
    let limit = u32::try_from(MAX_STREAMS).unwrap();
    let full = flood(0..limit);
    let more = flood(limit..100_000);
    assert!(full > 0 && full < 1_000_000, "{full}");
    assert!(more < 20_000, "{more}");
}
