//! Whatever the network does, each packet is accepted once at most, and which ones are is what a model says that knows
//! the true indices.

use std::collections::BTreeSet;

use super::*;
use crate::RolloverError;

/// What has been accepted of one stream, by true index.
#[derive(Default)]
struct Model {
    accepted: BTreeSet<u64>,
    /// The rollover counter that the receiver was told.
    begins_with: u64,
}

impl Model {
    /// How far behind the highest index the receiver remembers.
    const WINDOW: u64 = 1024;
    const CYCLE: u64 = 1 << 16;

    fn accepts(&self, index: u64) -> bool {
        let Some(highest) = self.accepted.last().copied() else {
            let cycle = index / Self::CYCLE;
            let other = match index % Self::CYCLE < Self::CYCLE / 2 {
                true => self.begins_with + 1,
                false => self.begins_with.saturating_sub(1),
            };
            return cycle == self.begins_with || cycle == other;
        };
        match index.checked_sub(highest) {
            None | Some(0) => highest - index < Self::WINDOW && !self.accepted.contains(&index),
            // Up to where the same number one cycle earlier would be within the window, and might be meant. Before the
            // first cycle there is none.
            Some(ahead) if ahead < Self::CYCLE => {
                ahead <= Self::CYCLE - Self::WINDOW || highest + ahead < Self::CYCLE
            }
            Some(_) => false,
        }
    }
}

/// What happens to a stream.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The sender goes on by so many numbers; what lies between is lost.
    Skip(u16),
    /// The packet that was sent so many packets ago arrives, perhaps again.
    Deliver(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1_u16..3).prop_map(Step::Skip),
        2 => (3_u16..1200).prop_map(Step::Skip),
        1 => (1200_u16..0x8000).prop_map(Step::Skip),
        8 => (0_usize..4).prop_map(Step::Deliver),
        3 => (0_usize..400).prop_map(Step::Deliver),
    ];
    vec(step, 1..300)
}

/// Rollover counters at the begin, in the middle and shortly before the end.
fn counters() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), Just(1), any::<u32>(), (0_u32..4).prop_map(|back| u32::MAX - 4 - back)]
}

/// Sequence numbers, most of them near to a wrap or to the middle.
fn starts() -> impl Strategy<Value = u16> {
    prop_oneof![(0_u16..40).prop_map(|back| 0xFFFF - back), 0_u16..40, 0x7FE0_u16..0x8020, any::<u16>()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// RTP through loss, reordering and duplication, around wraps, from any rollover counter on.
    #[test]
    fn rtp_is_accepted_once(
        profile in 0..PROFILES.len(),
        (start, counter) in (starts(), counters()),
        steps in steps(),
    ) {
        let (mut outbound, mut inbound) = pair(PROFILES[profile]);
        outbound.set_rollover_counter(Ssrc(1), counter).unwrap();
        inbound.set_rollover_counter(Ssrc(1), counter).unwrap();
        let mut model = Model { begins_with: u64::from(counter), ..Model::default() };
        let mut index = join_index(counter, start);
        let mut sent: Vec<(u64, BytesMut)> = Vec::new();
        for step in steps {
            match step {
                Step::Skip(count) => {
                    let next = if sent.is_empty() { index } else { index + u64::from(count) };
                    let mut packet = rtp(1, low_bits(next), &next.to_be_bytes());
                    if next > MAX_RTP_INDEX {
                        let error = outbound.protect_rtp(&mut packet, 0);
                        prop_assert_eq!(error, Err(ProtectError::KeyExhausted));
                        continue;
                    }
                    index = next;
                    sent.push((index, protect_rtp(&mut outbound, &packet)));
                    prop_assert_eq!(outbound.rollover_counter(Ssrc(1)), Some(rollover_counter(index)));
                }
                Step::Deliver(back) => {
                    let Some((index, packet)) = sent.iter().rev().nth(back) else { continue };
                    let mut packet = packet.clone();
                    let accepted = inbound.unprotect_rtp(&mut packet);
                    prop_assert_eq!(accepted.is_ok(), model.accepts(*index), "{} {:?}", index, accepted);
                    if let Ok(header) = accepted {
                        prop_assert_eq!(header.payload(&packet), &index.to_be_bytes());
                        model.accepted.insert(*index);
                        let highest = model.accepted.last().copied().map(rollover_counter);
                        prop_assert_eq!(inbound.rollover_counter(Ssrc(1)), highest);
                    }
                }
            }
        }
    }

    /// RTCP: the index is in the packet, so any loss is survived.
    #[test]
    fn rtcp_is_accepted_once(profile in 0..PROFILES.len(), steps in steps()) {
        let (mut outbound, mut inbound) = pair(PROFILES[profile]);
        let mut accepted = BTreeSet::new();
        let (mut index, mut sent): (u64, Vec<(u64, BytesMut)>) = (0, Vec::new());
        for step in steps {
            match step {
                Step::Skip(count) => {
                    index += u64::from(count);
                    outbound.seek_rtcp(u32::try_from(index).unwrap());
                    sent.push((index, protect_rtcp(&mut outbound, &rtcp(1))));
                }
                Step::Deliver(back) => {
                    let Some((index, packet)) = sent.iter().rev().nth(back) else { continue };
                    let highest = accepted.last().copied().unwrap_or(0);
                    let expected = !accepted.contains(index) && (accepted.is_empty() || index + 128 > highest);
                    let mut packet = packet.clone();
                    prop_assert_eq!(inbound.unprotect_rtcp(&mut packet).is_ok(), expected);
                    if expected {
                        prop_assert_eq!(&packet[..], &rtcp(1)[..]);
                        accepted.insert(*index);
                    }
                }
            }
        }
    }
}

/// A receiver that joins after many wraps has to know the rollover counter; one that knows it goes on.
#[test]
fn who_joins_late_is_told_the_rollover_counter() {
    for profile in PROFILES {
        for (first, told) in [(7 << 16, 7), ((7 << 16) + 40_000, 7), ((8 << 16) + 5, 7), ((7 << 16) - 5, 7)] {
            let (mut outbound, mut uninformed) = pair(profile);
            let (_, mut inbound) = pair(profile);
            outbound.set_rollover_counter(Ssrc(1), rollover_counter(first)).unwrap();
            inbound.set_rollover_counter(Ssrc(1), told).unwrap();
            for index in first..first + 70_000 {
                if index < first + 10 || index % 20_000 == 0 {
                    let packet = protect_rtp(&mut outbound, &rtp(1, low_bits(index), PAYLOAD));
                    inbound.unprotect_rtp(&mut packet.clone()).unwrap();
                    let error = uninformed.unprotect_rtp(&mut packet.clone());
                    assert_eq!(error, Err(UnprotectError::Authentication));
                }
            }
            assert_eq!(inbound.set_rollover_counter(Ssrc(1), 9), Err(RolloverError::Begun));
            assert_eq!(outbound.set_rollover_counter(Ssrc(1), 9), Err(RolloverError::Begun));
            assert_eq!(uninformed.rollover_counter(Ssrc(1)), None);
        }
    }
}

#[test]
fn rollover_counters_are_bounded() {
    let (mut outbound, mut inbound) = pair(Profile::AeadAes128Gcm);
    for ssrc in 0..1024 {
        outbound.set_rollover_counter(Ssrc(ssrc), 1).unwrap();
        inbound.set_rollover_counter(Ssrc(ssrc), 1).unwrap();
    }
    assert_eq!(outbound.set_rollover_counter(Ssrc(1024), 1), Err(RolloverError::TooManyStreams));
    assert_eq!(inbound.set_rollover_counter(Ssrc(1024), 1), Err(RolloverError::TooManyStreams));
    assert_eq!(inbound.set_rollover_counter(Ssrc(5), 2), Ok(()));
    // A stream that begins makes room.
    inbound.unprotect_rtp(&mut protect_rtp(&mut outbound, &rtp(7, 1, PAYLOAD))).unwrap();
    assert_eq!(outbound.set_rollover_counter(Ssrc(1024), 1), Ok(()));
    assert_eq!(inbound.set_rollover_counter(Ssrc(1024), 1), Ok(()));
}
