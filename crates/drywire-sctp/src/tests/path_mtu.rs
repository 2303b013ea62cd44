//! How large packets may be (RFC 8899).

use bytes::Bytes;
use drywire_core::Duration;

use super::link::Pair;
use crate::packet::{ChunkType, Packet};
use crate::{Config, Ppid, SendOptions, State, StreamId};

/// A pair over a path that lets packets of up to `passes` bytes through.
fn searching(max_mtu: usize, passes: usize) -> Pair {
    let config = Config { max_mtu, heartbeat_interval: None, ..Config::default() };
    let mut pair = Pair::new([config.clone(), config], 1);
    pair.passes = passes;
    for side in [0, 1] {
        pair.sides[side].connect(pair.now);
    }
    pair.run_until(Pair::is_established);
    pair.run_for(Duration::from_secs(60));
    pair
}

#[test]
fn the_size_that_passes_is_found() {
    for (passes, least) in [(2_000, 1_460), (1_452, 1_420), (1_300, 1_268), (1_200, 1_160), (1_160, 1_160)] {
        let pair = searching(1_460, passes);
        for side in &pair.sides {
            let found = side.mtu();
            assert!(found >= least && found <= passes.min(1_460), "{found} of {passes}");
            assert_eq!(side.stats().timeouts, 0, "a probe is no loss");
        }
    }
    let pair = searching(1_160, 2_000);
    assert_eq!(pair.sides[0].mtu(), 1_160);
}

#[test]
fn larger_packets_are_full_and_their_chunks_fit_smaller_ones() {
    let mut pair = searching(1_460, 2_000);
    pair.write(0, 1, &[7; 100_000], SendOptions::ordered());
    let packets = pair.packets(0);
    for packet in &packets[..packets.len() - 1] {
        assert_eq!(packet.len(), 1_460);
        for chunk in Packet::parse(packet).unwrap().chunks().map(Result::unwrap) {
            assert!(chunk.whole.len() <= 1_148, "{}", chunk.whole.len());
        }
    }
    for packet in packets {
        pair.fly(1, packet);
    }
    pair.run_until(|pair| pair.sides[0].tx.is_done());
    assert_eq!(pair.sides[1].read(StreamId(1)).unwrap().data.len(), 100_000);
}

#[test]
fn a_path_that_becomes_narrow_is_noticed_and_nothing_is_lost() {
    let mut pair = searching(1_460, 2_000);
    pair.write(0, 1, &[7; 50_000], SendOptions::ordered());
    pair.drain();
    pair.passes = 1_200;
    for _ in 0..10 {
        pair.write(0, 1, &[8; 50_000], SendOptions::ordered());
    }
    pair.run_until(|pair| pair.sides[0].tx.is_done());
    assert_eq!(pair.sides[0].mtu(), 1_160);
    let lens: Vec<_> =
        std::iter::from_fn(|| pair.sides[1].read(StreamId(1))).map(|all| all.data.len()).collect();
    assert_eq!(lens, [50_000; 11]);
    // After a while it is tried again.
    pair.run_for(Duration::from_secs(30));
    pair.passes = 2_000;
    pair.run_for(Duration::from_secs(700));
    assert_eq!(pair.sides[0].mtu(), 1_460);
}

#[test]
fn a_probe_is_a_heartbeat_that_is_padded() {
    let config = Config { max_mtu: 1_460, ..Config::default() };
    let mut pair = Pair::connected([config, Config::default()], 2);
    let probes: Vec<Bytes> = {
        let now = pair.now;
        pair.sides[0].set_mtu(now, 1_160, 1_400);
        pair.packets(0)
    };
    let probe = probes.iter().find(|packet| packet.len() > 1_160).unwrap();
    let packet = Packet::parse(probe).unwrap();
    let kinds: Vec<_> = packet.chunks().map(|chunk| chunk.unwrap().kind).collect();
    assert_eq!(kinds, [ChunkType::HEARTBEAT, ChunkType::PAD]);
    assert_eq!(probe.len(), 1_396, "two chunks of the same size fill it");
}

#[test]
fn acknowledgements_pass_a_path_that_becomes_narrow() {
    for delay in [50, 10_000] {
        // With losses in a large window acknowledgements have many gaps to tell.
        let mut pair = searching(1_412, 1_335);
        pair.delay = Duration::from_micros(delay);
        for len in [5_000_000, 1_000_000] {
            let (mut left, mut got) = (len, 0);
            while got < len || !pair.sides[0].tx.is_done() {
                let data = Bytes::from_static(&[7; 10_000]);
                let ordered = SendOptions::ordered();
                while left > 0
                    && pair.sides[0].write(pair.now, StreamId(1), Ppid(53), data.clone(), ordered).is_ok()
                {
                    left -= data.len();
                }
                assert!(pair.step());
                while let Some(message) = pair.sides[1].read(StreamId(1)) {
                    got += message.data.len();
                }
                assert_eq!(pair.sides[0].state(), State::Established, "{delay}");
            }
            pair.passes = 1_219;
        }
        pair.run_for(Duration::from_secs(20));
        let found = pair.sides[0].mtu();
        assert!((1_160..=1_219).contains(&found), "{found}");
    }
}
