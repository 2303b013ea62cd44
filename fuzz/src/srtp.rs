//! SRTP: forged packets are never accepted, what was protected comes out as it was, and each packet comes out once.

use std::collections::BTreeSet;

use bytes::BytesMut;
use drywire_rtp::{HeaderFields, RtpHeader, SequenceNumber, Ssrc, is_rtcp};
use drywire_srtp::{ExtensionIds, HeaderEncryption, Inbound, Outbound, Profile};

/// The first byte chooses the profile and the header encryption, the second one the way; the rest is the packet.
pub fn run(data: &[u8]) {
    let [choice, way, packet @ ..] = data else { return };
    match way & 1 {
        0 => forged(*choice, packet),
        _ => round_trip(*choice, packet),
    }
}

/// The lowest two bits are the profile, the next two the header encryption.
fn contexts(choice: u8) -> Option<(Outbound, Inbound)> {
    let profile = match choice & 3 {
        0 => Profile::AeadAes128Gcm,
        1 => Profile::Aes128CmSha1_80,
        2 => Profile::Aes128CmSha1_32,
        _ => Profile::AeadAes256Gcm,
    };
    // All identifiers but every fourth, in both forms.
    let ids: ExtensionIds = (1..=255).filter(|id| id % 4 != 0).collect();
    let header_encryption = match choice >> 2 & 3 {
        0 => HeaderEncryption::None,
        1 => HeaderEncryption::Cryptex,
        2 => HeaderEncryption::Extensions(ids),
        _ => HeaderEncryption::CryptexOrExtensions(ids),
    };
    let provider = drywire_crypto_aws_lc::provider();
    let (key, salt) = (vec![1; profile.key_len()], vec![2; profile.salt_len()]);
    let mut outbound = Outbound::new(&*provider, profile, &key, &salt).ok()?;
    let mut inbound = Inbound::new(&*provider, profile, &key, &salt).ok()?;
    outbound.set_header_encryption(header_encryption);
    inbound.set_header_encryption(header_encryption);
    Some((outbound, inbound))
}

/// Nobody who does not know the key makes a packet that is accepted.
fn forged(choice: u8, packet: &[u8]) {
    let Some((_, mut inbound)) = contexts(choice) else { return };
    let mut rtp = BytesMut::from(packet);
    assert!(inbound.unprotect_rtp(&mut rtp).is_err(), "a forged RTP packet was accepted");
    let mut rtcp = BytesMut::from(packet);
    assert!(inbound.unprotect_rtcp(&mut rtcp).is_err(), "a forged RTCP packet was accepted");
    assert_eq!(inbound.stats().accepted, 0);
}

/// The packet as it is, if it is one; and as the payload of one.
fn round_trip(choice: u8, packet: &[u8]) {
    let Some((mut outbound, mut inbound)) = contexts(choice) else { return };
    let mut out = b"before".to_vec();
    let before = out.len();
    out.extend_from_slice(packet);
    let protected = if is_rtcp(packet) {
        outbound.protect_rtcp(&mut out, before)
    } else {
        outbound.protect_rtp(&mut out, before)
    };
    assert!(out.starts_with(b"before"), "the caller's bytes were changed");
    match protected {
        Err(_) => assert_eq!(out.len(), before, "a packet that was not protected was left behind"),
        Ok(len) => {
            assert_eq!(len, out.len() - before);
            let mut received = BytesMut::from(out.get(before..).unwrap_or_default());
            if is_rtcp(packet) {
                assert!(inbound.unprotect_rtcp(&mut received).is_ok(), "a genuine packet was not accepted");
                assert_eq!(received, packet);
            } else if let Ok(header) = inbound.unprotect_rtp(&mut received) {
                same(&header, &received, packet);
            } else {
                // What lies in the encrypted part may still be malformed: the padding.
                assert!(RtpHeader::parse(packet).is_err(), "a genuine packet was not accepted");
            }
        }
    }

    let fields =
        HeaderFields { sequence_number: SequenceNumber(7), ssrc: Ssrc(0xfeed), ..HeaderFields::default() };
    let mut out = Vec::new();
    if fields.write(&mut out, &[(1, b"encrypted"), (4, b"not")]).is_ok() {
        out.extend_from_slice(packet);
        let plain = out.clone();
        if outbound.protect_rtp(&mut out, 0).is_ok() {
            let mut received = BytesMut::from(&out[..]);
            assert!(inbound.unprotect_rtp(&mut received).is_ok(), "a genuine packet was not accepted");
            assert_eq!(received, plain);
            let mut again = BytesMut::from(&out[..]);
            assert!(inbound.unprotect_rtp(&mut again).is_err(), "a replayed packet was accepted");
        }
    }
}

/// What was received is what was sent; only an empty header extension may have come in, which marks encrypted sources.
fn same(header: &RtpHeader, received: &[u8], sent: &[u8]) {
    if received == sent {
        return;
    }
    let original = RtpHeader::parse(sent).expect("it was read after it was received");
    assert!(original.extension_profile().is_none() && !original.csrcs_range().is_empty());
    assert_eq!(header.extension_range().len(), 0);
    assert_eq!(header.payload(received), original.payload(sent));
    assert!(header.csrcs(received).eq(original.csrcs(sent)));
    assert_eq!((header.ssrc(), header.timestamp()), (original.ssrc(), original.timestamp()));
}

/// A stream through a network: the first byte chooses the profile and the header encryption, the next three where the
/// stream begins; then each two bytes are a step: to send, to deliver what was sent some time ago, or to damage it before.
pub fn network(data: &[u8]) {
    let [choice, counter, high, low, steps @ ..] = data else { return };
    let Some((mut outbound, mut inbound)) = contexts(*choice) else { return };
    let ssrc = Ssrc(7);
    assert!(outbound.set_rollover_counter(ssrc, u32::from(*counter)).is_ok());
    assert!(inbound.set_rollover_counter(ssrc, u32::from(*counter)).is_ok());
    let mut index = u64::from(*counter) << 16 | u64::from(u16::from_be_bytes([*high, *low]));
    let mut sent: Vec<(u64, Vec<u8>)> = Vec::new();
    let mut accepted = BTreeSet::new();
    for [step, argument] in steps.as_chunks::<2>().0.iter().take(500) {
        let argument = u64::from(*argument);
        match step & 3 {
            0 => {
                index += match step >> 2 {
                    0..16 => 1,
                    16..48 => 1 + argument,
                    // Fewer than half of all numbers.
                    48.. => 1 + 128 * argument,
                };
                let [.., a, b] = index.to_be_bytes();
                let fields = HeaderFields {
                    sequence_number: SequenceNumber(u16::from_be_bytes([a, b])),
                    ssrc,
                    csrcs: &[Ssrc(1)],
                    ..HeaderFields::default()
                };
                let mut packet = Vec::new();
                fields.write(&mut packet, &[(1, b"mid")]).expect("a valid header");
                packet.extend_from_slice(&index.to_be_bytes());
                outbound.protect_rtp(&mut packet, 0).expect("numbers ascend");
                sent.push((index, packet));
            }
            kind => {
                let back = usize::try_from(argument).unwrap_or(0);
                let Some((index, packet)) = sent.iter().rev().nth(back) else { continue };
                let mut packet = BytesMut::from(&packet[..]);
                let at = usize::from(step >> 2) % packet.len();
                if kind == 3 {
                    packet[at] ^= 1 << (argument % 8);
                }
                if let Ok(header) = inbound.unprotect_rtp(&mut packet) {
                    assert_ne!(kind, 3, "a damaged packet was accepted");
                    assert_eq!(header.payload(&packet), index.to_be_bytes());
                    assert_eq!(header.extension(&packet, 1), Some(&b"mid"[..]));
                    assert!(accepted.insert(*index), "a replayed packet was accepted");
                } else if kind != 3
                    && accepted.last().is_some_and(|last| *index > *last && index - last < 0x8000)
                {
                    panic!("a new packet was not accepted");
                }
            }
        }
    }
}
