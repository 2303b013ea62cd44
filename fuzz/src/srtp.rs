//! SRTP: forged packets are never accepted, and what was protected comes out as it was.

use bytes::BytesMut;
use drywire_rtp::{HeaderFields, SequenceNumber, Ssrc, is_rtcp};
use drywire_srtp::{Inbound, Outbound, Profile};

/// The first byte chooses the profile, the second one the way; the rest is the packet.
pub fn run(data: &[u8]) {
    let [profile, way, packet @ ..] = data else { return };
    let profile = if profile & 1 == 0 { Profile::AeadAes128Gcm } else { Profile::Aes128CmSha1_80 };
    match way & 1 {
        0 => forged(profile, packet),
        _ => round_trip(profile, packet),
    }
}

fn contexts(profile: Profile) -> Option<(Outbound, Inbound)> {
    let provider = drywire_crypto_aws_lc::provider();
    let (key, salt) = (vec![1; profile.key_len()], vec![2; profile.salt_len()]);
    let outbound = Outbound::new(&*provider, profile, &key, &salt).ok()?;
    let inbound = Inbound::new(&*provider, profile, &key, &salt).ok()?;
    Some((outbound, inbound))
}

/// Nobody who does not know the key makes a packet that is accepted.
fn forged(profile: Profile, packet: &[u8]) {
    let Some((_, mut inbound)) = contexts(profile) else { return };
    let mut rtp = BytesMut::from(packet);
    assert!(inbound.unprotect_rtp(&mut rtp).is_err(), "a forged RTP packet was accepted");
    let mut rtcp = BytesMut::from(packet);
    assert!(inbound.unprotect_rtcp(&mut rtcp).is_err(), "a forged RTCP packet was accepted");
    assert_eq!(inbound.stats().accepted, 0);
}

/// The packet as it is, if it is one; and as the payload of one.
fn round_trip(profile: Profile, packet: &[u8]) {
    let Some((mut outbound, mut inbound)) = contexts(profile) else { return };
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
            let opened = if is_rtcp(packet) {
                inbound.unprotect_rtcp(&mut received).is_ok()
            } else {
                // What lies in the encrypted part, such as the padding, may still be malformed.
                inbound.unprotect_rtp(&mut received).is_ok()
            };
            if opened {
                assert_eq!(received, packet);
            }
        }
    }

    let fields =
        HeaderFields { sequence_number: SequenceNumber(7), ssrc: Ssrc(0xfeed), ..HeaderFields::default() };
    let mut out = Vec::new();
    if fields.write(&mut out, &[]).is_ok() {
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
