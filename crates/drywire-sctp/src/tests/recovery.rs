//! How losses are found and repaired, and how what leaves is spread over the time.

use drywire_core::Duration;

use super::link::{Pair, Weather};
use crate::{Config, CongestionControl, SendOptions, StreamId};

const CONTROLS: [CongestionControl; 3] =
    [CongestionControl::NewReno, CongestionControl::Cubic, CongestionControl::Bbr];

fn warm(control: CongestionControl, seed: u8) -> Pair {
    let config = Config { congestion_control: control, ..Config::default() };
    let mut pair = Pair::connected([config.clone(), config], seed);
    pair.delay = Duration::from_millis(25);
    transfer(&mut pair, 100_000);
    pair
}

/// Sends so many bytes and waits for them.
fn transfer(pair: &mut Pair, bytes: usize) {
    pair.write(0, 1, &vec![7; bytes], SendOptions::ordered());
    pair.run_until(|pair| pair.sides[0].tx.is_done());
    assert_eq!(pair.sides[1].read(StreamId(1)).map(|message| message.data.len()), Some(bytes));
}

#[test]
fn a_lost_tail_does_not_wait_for_the_retransmission_timer() {
    for control in CONTROLS {
        // Of a single packet the peer may be holding back the acknowledgement: that takes as long as the timer.
        for lost in 2..=4 {
            let mut pair = warm(control, lost);
            let before = pair.sides[0].stats();
            pair.write(0, 1, &[7; 5_000], SendOptions::ordered());
            let mut packets = pair.packets(0);
            let kept = packets.len() - usize::from(lost);
            packets.truncate(kept);
            for packet in packets {
                pair.fly(1, packet);
            }
            let sent = pair.now;
            pair.run_until(|pair| pair.sides[0].tx.is_done());
            let after = pair.sides[0].stats();
            assert_eq!(after.timeouts, before.timeouts, "{control:?} {lost}");
            assert_eq!(after.tail_probes, before.tail_probes + 1, "{control:?} {lost}");
            // Two round trips for the probe, two for the repair, and the last acknowledgement is a delayed one.
            let took = pair.now - sent;
            assert!(took < Duration::from_millis(4 * 50 + 60 + 200), "{control:?} {lost} {took:?}");
        }
    }
}

#[test]
fn an_outage_is_not_sent_into_and_soon_made_up_for() {
    for control in CONTROLS {
        let mut pair = warm(control, 8);
        let before = pair.sides[0].stats();
        // More waits to be sent than any window takes.
        for stream in 1..=20 {
            pair.write(0, stream, &[7; 100_000], SendOptions::ordered());
        }
        pair.run_for(Duration::from_millis(100));
        let at_outage = pair.sides[0].stats();
        assert_eq!(at_outage.timeouts, before.timeouts, "{control:?}");
        let passes = std::mem::replace(&mut pair.passes, 0);
        pair.run_for(Duration::from_secs(4));
        let after = pair.sides[0].stats();
        assert!(after.tail_probes <= at_outage.tail_probes + 1, "{control:?} {after:?}");
        assert!(after.timeouts >= at_outage.timeouts + 2, "{control:?} {after:?}");
        // What was still acknowledged at its beginning, a probe, and one packet for each timeout.
        let window = u64::try_from(at_outage.congestion_window / 1_000).unwrap();
        let sent = after.packets_sent - at_outage.packets_sent;
        assert!(sent <= 2 * window + 10, "{control:?} {sent} of {window}");

        pair.passes = passes;
        let timeouts = after.timeouts;
        pair.run_until(|pair| pair.sides[0].stats().timeouts > timeouts);
        let back = pair.now;
        pair.run_until(|pair| pair.sides[0].tx.is_done());
        let took = pair.now - back;
        assert!(took < Duration::from_secs(6), "{control:?} {took:?} {:?}", pair.sides[0].stats());
    }
}

/// Timeouts that follow each other say no more of the path than the first one.
#[test]
fn an_outage_halves_the_window_once() {
    for control in CONTROLS {
        let mut pair = warm(control, 10);
        for stream in 1..=40 {
            pair.write(0, stream, &[7; 100_000], SendOptions::ordered());
        }
        pair.run_for(Duration::from_millis(100));
        let before = pair.sides[0].stats();
        let passes = std::mem::replace(&mut pair.passes, 0);
        pair.run_until(|pair| pair.sides[0].stats().timeouts >= before.timeouts + 4);
        pair.passes = passes;
        pair.run_until(|pair| pair.sides[0].stats().timeouts >= before.timeouts + 5);
        // From one packet to half of the window, twice as much each round trip.
        pair.run_for(Duration::from_millis(12 * 50));
        let after = pair.sides[0].stats();
        assert_eq!(after.timeouts, before.timeouts + 5, "{control:?}");
        let (before, after) = (before.congestion_window, after.congestion_window);
        assert!(after * 100 > before * 48, "{control:?} {after} of {before}");
    }
}

#[test]
fn a_path_that_is_back_is_used_at_once() {
    for control in CONTROLS {
        let mut pair = warm(control, 9);
        let calm = pair.sides[0].stats();
        pair.write(0, 1, &[7; 5_000], SendOptions::ordered());
        let now = pair.now;
        pair.sides[0].path_changed(now);
        pair.run_until(|pair| pair.sides[0].tx.is_done());
        assert_eq!(pair.sides[0].stats().retransmissions, calm.retransmissions, "nothing was lost");

        let passes = std::mem::replace(&mut pair.passes, 0);
        pair.write(0, 1, &[7; 50_000], SendOptions::ordered());
        pair.run_for(Duration::from_secs(20));
        pair.passes = passes;
        let back = pair.now;
        pair.sides[0].path_changed(back);
        pair.run_until(|pair| pair.sides[0].tx.is_done());
        let took = pair.now - back;
        assert!(took < Duration::from_secs(2), "{control:?} {took:?} {:?}", pair.sides[0].stats());
    }
}

#[test]
fn what_is_lost_twice_does_not_wait_for_the_retransmission_timer() {
    for control in CONTROLS {
        for times in 2..=4 {
            let mut pair = warm(control, 7);
            pair.delay = Duration::from_millis(100);
            for _ in 0..3 {
                transfer(&mut pair, 200_000);
            }
            let before = pair.sides[0].stats();
            pair.swallows = Some((times, b"needle"));
            let mut data = vec![7; 100_000];
            data[50_000..50_006].copy_from_slice(b"needle");
            pair.write(0, 1, &data, SendOptions::ordered());
            for _ in 0..5 {
                pair.write(0, 1, &[7; 100_000], SendOptions::ordered());
            }
            pair.run_until(|pair| pair.sides[0].tx.is_done());
            let after = pair.sides[0].stats();
            assert_eq!(pair.swallows, Some((0, b"needle".as_slice())));
            assert_eq!(after.timeouts, before.timeouts, "{control:?} {times}");
            assert!(pair.sides[1].read(StreamId(1)).is_some_and(|message| message.data == data));
        }
    }
}

#[test]
fn a_path_that_reorders_is_learned() {
    let mut pair = warm(CongestionControl::NewReno, 4);
    // Each packet is up to 10 ms late: some overtake more than ten others.
    pair.weather = Weather { jitter: Duration::from_millis(10), ..Weather::default() };
    transfer(&mut pair, 250_000);
    let learned = pair.sides[0].stats();
    for _ in 0..4 {
        transfer(&mut pair, 250_000);
    }
    let after = pair.sides[0].stats();
    assert_eq!(after.timeouts, 0);
    let again = after.retransmissions - learned.retransmissions;
    assert!(again <= 15, "{again} of 900 packets were sent again without need");
    assert!(after.congestion_window > 100_000, "what was spurious has cost nothing: {after:?}");
}

#[test]
fn a_timeout_that_was_none_is_undone() {
    for control in CONTROLS {
        let mut pair = warm(control, 5);
        let before = pair.sides[0].stats();
        // For a moment the path takes much longer: nothing is lost.
        pair.delay = Duration::from_millis(400);
        pair.write(0, 1, &[7; 30_000], SendOptions::ordered());
        pair.run_until(|pair| pair.sides[0].stats().timeouts > 0);
        pair.run_until(|pair| pair.sides[0].tx.is_done());
        let after = pair.sides[0].stats();
        assert!(after.congestion_window >= before.congestion_window, "{control:?} {after:?}");
    }
}

#[test]
fn a_window_that_opens_is_no_burst() {
    for control in CONTROLS {
        let mut pair = warm(control, 6);
        let window = pair.sides[0].stats().congestion_window;
        assert!(window > 40_000, "{control:?} {window}");
        pair.run_for(Duration::from_millis(100));
        let data = vec![7; 250_000];
        pair.write(0, 1, &data, SendOptions::ordered());
        let at_once: usize = pair.packets(0).iter().map(bytes::Bytes::len).sum();
        assert!(at_once < window / 2 && at_once <= 16 * 1160, "{control:?} {at_once} of {window}");
        // The rest follows without anything that comes.
        let (start, mut later) = (pair.now, at_once);
        while let Some(next) = pair.sides[0].poll_timeout()
            && next < start + Duration::from_millis(45)
        {
            pair.now = next;
            let now = pair.now;
            pair.sides[0].handle_timeout(now);
            let sent: usize = pair.packets(0).iter().map(bytes::Bytes::len).sum();
            assert!(sent <= 4 * 1160, "{control:?} {sent}");
            later += sent;
        }
        assert!(later > window / 2, "{control:?} {later} of {window}");
    }
}

#[test]
fn every_controller_repairs_what_is_lost() {
    for control in CONTROLS {
        for seed in 0..20 {
            let mut pair = warm(control, seed);
            pair.weather.loss = 5;
            transfer(&mut pair, 200_000);
            let stats = pair.sides[0].stats();
            assert!(stats.retransmissions > 0 && stats.bytes_in_flight == 0, "{control:?} {stats:?}");
        }
    }
}
