//! Any call, any order, any bytes.

use bytes::Bytes;
use drywire_core::{Duration, Rng};
use proptest::prelude::*;

use super::cases;
use super::link::Pair;
use crate::packet::Header;
use crate::{Config, Ppid, SendOptions, StreamId};

/// Damages a packet and, mostly, makes its checksum right again.
fn damage(packet: &Bytes, rng: &mut Rng) -> Bytes {
    let mut bytes = packet.to_vec();
    for _ in 0..=rng.below(4) {
        let len = u32::try_from(bytes.len()).unwrap();
        let at = usize::try_from(rng.below(len)).unwrap();
        match rng.below(4) {
            0 => bytes[at] = rng.array::<1>()[0],
            1 => bytes[at] ^= 1 << rng.below(8),
            2 => bytes.truncate(at.max(12)),
            _ => bytes.extend_from_within(at..),
        }
    }
    if bytes.len() >= 12 && rng.below(8) > 0 {
        if rng.below(4) > 0 {
            bytes[..8].copy_from_slice(&packet[..8]);
        }
        bytes[8..12].fill(0);
        Header::seal(&mut bytes, 0);
    }
    Bytes::from(bytes)
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn any_call_in_any_order(seed: u8, salt: u64, steps in 50_u32..600) {
        let config = Config {
            send_buffer: 30_000, receive_window: 1, max_message_size: 20_000, initial_tsn: Some(u32::MAX - 20),
            ..Config::default()
        };
        let mut pair = Pair::new([config.clone(), config], seed);
        let mut key = [seed; 32];
        key[..8].copy_from_slice(&salt.to_be_bytes());
        let mut rng = Rng::new(key);
        let mut seen: Vec<(usize, Bytes)> = Vec::new();
        for _ in 0..steps {
            let side = usize::from(rng.below(2) == 1);
            let stream = StreamId(u16::try_from(rng.below(4)).unwrap() * if rng.below(9) == 0 { 21_845 } else { 1 });
            match rng.below(26) {
                0 => pair.sides[side].connect(pair.now),
                1..=5 => {
                    let len = usize::try_from(rng.below(4_000)).unwrap() >> rng.below(8);
                    let options = SendOptions {
                        ordered: rng.below(2) == 0,
                        max_retransmits: (rng.below(4) == 0).then(|| rng.below(3)),
                        lifetime: (rng.below(4) == 0).then(|| Duration::from_millis(rng.below(900).into())),
                    };
                    let _ = pair.sides[side].write(pair.now, stream, Ppid(51), Bytes::from(vec![9; len]), options);
                }
                6 | 7 => {
                    pair.sides[side].read(stream);
                }
                8 => pair.sides[side].reset_streams(pair.now, &[stream, StreamId(1)]),
                9 if rng.below(20) == 0 => pair.sides[side].shutdown(pair.now),
                10 if rng.below(40) == 0 => pair.sides[side].abort(pair.now),
                11 => {
                    let [mtu, most] = [2_000, 4_000].map(|most| usize::try_from(rng.below(most)).unwrap());
                    let now = pair.now;
                    pair.sides[side].set_mtu(now, mtu, most);
                }
                13 if rng.below(2) == 0 => {
                    let now = pair.now;
                    pair.sides[side].path_changed(now);
                }
                12 => pair.sides[side].set_buffered_low_threshold(stream, 100),
                18 => pair.sides[side].set_read_in_parts(stream, rng.below(3) > 0),
                19 => {
                    let part = Bytes::from(vec![7; usize::try_from(rng.below(4_000)).unwrap()]);
                    let options = SendOptions::ordered();
                    let _ = pair.sides[side].write_part(pair.now, stream, Ppid(53), part, options, rng.below(3) == 0);
                }
                13 => {
                    pair.sides[side].handle_timeout(pair.now);
                    let next = pair.sides[side].poll_timeout();
                    prop_assert!(next.is_none_or(|at| at > pair.now));
                }
                14 => pair.now += Duration::from_millis(rng.below(3_000).into()),
                15 => pair.now = pair.now.checked_sub(Duration::from_millis(rng.below(500).into())).unwrap(),
                20 => {
                    let mut bytes = vec![0; usize::try_from(rng.below(100)).unwrap()];
                    rng.fill(&mut bytes);
                    pair.deliver(side, Bytes::from(bytes));
                }
                16 | 17 if !seen.is_empty() => {
                    let at = rng.below(u32::try_from(seen.len()).unwrap());
                    let (to, packet) = seen[usize::try_from(at).unwrap()].clone();
                    let packet = if rng.below(3) == 0 { packet } else { damage(&packet, &mut rng) };
                    pair.deliver(to, packet);
                }
                _ => {
                    for packet in pair.packets(side) {
                        if rng.below(4) > 0 {
                            pair.deliver(1 - side, packet.clone());
                        }
                        if seen.len() < 100 {
                            seen.push((1 - side, packet));
                        }
                    }
                    while pair.sides[side].poll_event().is_some() {}
                }
            }
            let _ = (pair.sides[side].state(), pair.sides[side].buffered(stream), pair.sides[side].stats());
        }
        // Whatever happened, time comes to an end: every association is idle, or closed, or waits for a timer.
        for _ in 0..2_000 {
            if !pair.step() {
                break;
            }
        }
    }
}
