use super::bbr::Phase;
use super::*;

const MTU: usize = 1_000;

#[allow(clippy::disallowed_methods, reason = "tests may read a clock")]
fn start() -> Instant {
    Instant::now()
}

fn ack(now: Instant, bytes: usize) -> Ack {
    Ack {
        now,
        bytes,
        lost: 0,
        in_flight: 0,
        limited: true,
        recovering: false,
        round: false,
        rtt: None,
        smoothed: Duration::from_millis(100),
        rate: None,
    }
}

#[test]
fn new_reno_grows_fast_then_slowly_and_falls_on_loss() {
    let now = start();
    let mut control = NewReno::new(MTU);
    assert_eq!(control.window(), 10_000);
    control.acknowledged(&ack(now, 10_000));
    assert_eq!(control.window(), 20_000);
    control.acknowledged(&Ack { limited: false, ..ack(now, 10_000) });
    control.acknowledged(&Ack { recovering: true, ..ack(now, 10_000) });
    assert_eq!(control.window(), 20_000);
    control.lost(now);
    assert_eq!(control.window(), 10_000);
    control.acknowledged(&ack(now, 5_000));
    assert_eq!(control.window(), 10_000);
    control.acknowledged(&ack(now, 5_000));
    assert_eq!(control.window(), 11_000);
    control.timed_out(now, false);
    assert_eq!(control.window(), 1_000);
    control.lost(now);
    assert_eq!(control.window(), 4_000);
    control.idle();
    assert_eq!(control.window(), 4_000);
}

#[test]
fn a_loss_that_was_none_costs_nothing() {
    let now = start();
    for kind in [CongestionControl::NewReno, CongestionControl::Cubic] {
        for timeout in [false, true] {
            let mut control = controller(kind, MTU);
            control.acknowledged(&ack(now, 90_000));
            let before = control.window();
            if timeout {
                control.timed_out(now, false)
            } else {
                control.lost(now)
            }
            assert!(control.window() < before);
            control.undo();
            assert_eq!(control.window(), before, "{kind:?}");
            control.undo();
            assert_eq!(control.window(), before, "{kind:?}");
        }
    }
}

/// RFC 5681, section 3.1: what the first timeout has set is held by those that follow it.
#[test]
fn a_timeout_that_repeats_lowers_the_threshold_once() {
    let now = start();
    for (kind, kept) in [(CongestionControl::NewReno, 50), (CongestionControl::Cubic, 70)] {
        let mut control = controller(kind, MTU);
        control.acknowledged(&ack(now, 90_000));
        for again in [false, true, true, true] {
            control.timed_out(now, again);
            assert_eq!(control.window(), MTU, "{kind:?}");
        }
        // Slow start up to it, then one packet for each window, or about so.
        let kept = kept * MTU;
        while control.window() < kept {
            let missing = kept - control.window();
            control.acknowledged(&ack(now, control.window().min(missing)));
        }
        let end = rounds(&mut *control, now, 1);
        assert!((kept..=kept + 2 * MTU).contains(&control.window()), "{kind:?} {}", control.window());
        // It is lowered again by another timeout, and all of them count for nothing when they were none.
        control.timed_out(end, false);
        control.timed_out(end, true);
        control.undo();
        assert!(control.window() >= kept, "{kind:?} {}", control.window());
    }
    let mut control = Bbr::new(MTU);
    let mut now = now;
    bbr_over(&mut control, &mut now, 40, 0);
    let before = control.window();
    for again in [false, true, true] {
        control.timed_out(now, again);
        assert_eq!(control.window(), 4 * MTU);
    }
    control.undo();
    assert_eq!(control.window(), before);
}

/// RFC 9438, section 4.8: the curve does not lead back to where the window was.
#[test]
fn cubic_begins_at_its_plateau_after_a_timeout() {
    let now = start();
    let (mut lost, mut timed_out) = (Cubic::new(MTU), Cubic::new(MTU));
    for control in [&mut lost, &mut timed_out] {
        control.acknowledged(&ack(now, 990_000));
    }
    lost.lost(now);
    timed_out.timed_out(now, false);
    while timed_out.window() < lost.window() {
        let missing = lost.window() - timed_out.window();
        let window = timed_out.window();
        timed_out.acknowledged(&ack(now, window.min(missing)));
    }
    rounds(&mut lost, now, 20);
    rounds(&mut timed_out, now, 20);
    let (lost, timed_out) = (lost.window(), timed_out.window());
    assert!(timed_out < 730_000 && lost > timed_out + 50_000, "{lost} {timed_out}");
}

/// One round trip after the other, each acknowledging the whole window.
fn rounds(control: &mut dyn Congestion, mut now: Instant, count: u32) -> Instant {
    for _ in 0..count {
        now += Duration::from_millis(100);
        let window = control.window();
        control.acknowledged(&Ack { round: true, ..ack(now, window) });
    }
    now
}

#[test]
fn cubic_comes_back_to_where_it_lost_and_then_looks_for_more() {
    let now = start();
    let mut control = Cubic::new(MTU);
    rounds(&mut control, now, 5);
    let most = control.window();
    assert_eq!(most, 320_000);
    control.lost(now);
    assert_eq!(control.window(), 224_000);
    // RFC 9438, section 4.2: K = cbrt((320 - 224) / 0.4) = 6.2 s.
    let near = rounds(&mut control, now, 45);
    assert!((300_000..320_000).contains(&control.window()), "{}", control.window());
    rounds(&mut control, near, 16);
    assert!((317_000..323_000).contains(&control.window()), "{}", control.window());
    let end = rounds(&mut control, near, 80);
    assert!(control.window() > 400_000, "{}", control.window());
    // A flow that loses before it is back makes room (section 4.7).
    control.lost(end);
    let lower = control.window();
    control.lost(end);
    assert_eq!(control.window(), lower * 7 / 10);
    assert!(control.most < bytes_of(lower), "{}", control.most);
}

fn bytes_of(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap())
}

#[test]
fn cubic_is_no_slower_than_new_reno_on_short_paths() {
    let now = start();
    let (mut cubic, mut reno) = (Cubic::new(MTU), NewReno::new(MTU));
    let controls: [&mut dyn Congestion; 2] = [&mut cubic, &mut reno];
    for control in controls {
        control.acknowledged(&ack(now, 30_000));
        control.lost(now);
        let mut now = now;
        for _ in 0..400 {
            now += Duration::from_millis(2);
            let window = control.window();
            let smoothed = Duration::from_millis(2);
            control.acknowledged(&Ack { round: true, smoothed, ..ack(now, window) });
        }
    }
    assert!(cubic.window() > reno.window() * 8 / 10, "{} {}", cubic.window(), reno.window());
}

#[test]
fn cubic_does_not_grow_while_there_is_nothing_to_send() {
    let now = start();
    let (mut idle, mut busy) = (Cubic::new(MTU), Cubic::new(MTU));
    for control in [&mut idle, &mut busy] {
        control.acknowledged(&ack(now, 300_000));
        control.lost(now);
        rounds(control, now, 1);
    }
    // An hour of small messages.
    let mut later = now + Duration::from_millis(100);
    for _ in 0..3_600 {
        later += Duration::from_secs(1);
        idle.acknowledged(&Ack { limited: false, ..ack(later, 100) });
    }
    rounds(&mut idle, later, 20);
    rounds(&mut busy, now + Duration::from_millis(100), 20);
    assert!(idle.window().abs_diff(busy.window()) < 2 * MTU, "{} {}", idle.window(), busy.window());
}

#[test]
fn slow_start_ends_when_the_queue_grows() {
    let now = start();
    let mut control = NewReno::new(MTU);
    let mut rtt = Duration::from_millis(50);
    let mut grown = Vec::new();
    for _ in 0..12 {
        let before = control.window();
        for sample in 0..10 {
            let bytes = before / 10;
            control.acknowledged(&Ack { round: sample == 0, rtt: Some(rtt), ..ack(now, bytes) });
        }
        grown.push(control.window() * 100 / before);
        if grown.len() >= 4 {
            rtt += Duration::from_millis(8);
        }
    }
    // Twice as much each round, then a quarter more (RFC 9406), then as after a loss.
    assert_eq!(grown[..4], [200; 4]);
    assert!(grown[5..9].iter().all(|percent| (110..=130).contains(percent)), "{grown:?}");
    assert!(grown[11] < 105, "{grown:?}");
}

/// A path that carries 10 packets in each 10 ms, 50 ms long: what a flow that keeps `window` in flight sees.
fn bbr_over(control: &mut Bbr, now: &mut Instant, rounds: u32, loss_percent: usize) {
    let mut in_flight = 0_usize;
    for round in 0..rounds * 5 {
        *now += Duration::from_millis(10);
        let paced = control.pacing_rate().map_or(usize::MAX, |rate| usize::try_from(rate / 100).unwrap());
        in_flight = control.window().min((in_flight * 4 / 5).saturating_add(paced));
        // Beyond 50 packets it only queues.
        let (carried, queue) = (in_flight.min(50_000) / 5, in_flight.saturating_sub(50_000));
        let rtt = Duration::from_micros(50_000 + u64::try_from(queue).unwrap());
        let rate = u64::try_from(carried).unwrap() * 100;
        control.acknowledged(&Ack {
            lost: carried * loss_percent / 100,
            in_flight,
            round: round % 5 == 0,
            rtt: Some(rtt),
            rate: Some(Rate { bytes_per_second: rate, app_limited: false }),
            ..ack(*now, carried)
        });
    }
}

#[test]
fn bbr_finds_the_rate_and_the_length_of_the_path() {
    for loss in [0, 2] {
        let mut now = start();
        let mut control = Bbr::new(MTU);
        bbr_over(&mut control, &mut now, 40, loss);
        assert!((990_000..=1_000_000).contains(&control.rate()), "{}", control.rate());
        assert_eq!(control.least_rtt.map(|(rtt, _)| rtt), Some(Duration::from_millis(50)));
        assert!((40_000..=112_000).contains(&control.window()), "{}", control.window());
        assert!(matches!(control.phase, Phase::Cruise { .. }), "{:?}", control.phase);
        let rate = control.pacing_rate().unwrap();
        assert!((750_000..=1_250_000).contains(&rate), "{rate}");
    }
}

#[test]
fn bbr_looks_for_the_length_of_the_path_again() {
    let mut now = start();
    let mut control = Bbr::new(MTU);
    bbr_over(&mut control, &mut now, 40, 0);
    let (mut probed, mut least) = (false, usize::MAX);
    for _ in 0..300 {
        bbr_over(&mut control, &mut now, 1, 0);
        probed |= matches!(control.phase, Phase::ProbeRtt { .. });
        least = least.min(control.window());
    }
    // The queue it keeps itself hides the length: next to nothing is in flight for a moment.
    assert!(!probed || least == 4 * MTU, "{least}");
    assert!(matches!(control.phase, Phase::Cruise { .. }));
}

#[test]
fn bbr_makes_room_where_a_round_loses_much() {
    let mut now = start();
    let mut control = Bbr::new(MTU);
    bbr_over(&mut control, &mut now, 40, 0);
    let before = control.window();
    bbr_over(&mut control, &mut now, 10, 30);
    assert!(control.window() < before * 6 / 10, "{} {before}", control.window());
    // Soon there is more than fills the path again; what is beyond that is not needed.
    bbr_over(&mut control, &mut now, 60, 0);
    assert!(control.window() > 60_000 && control.rate() > 990_000, "{} {}", control.window(), control.rate());
}

#[test]
fn a_window_leaves_within_a_round_trip() {
    assert_eq!(window_rate(100_000, Some(Duration::from_millis(100)), 120), Some(1_200_000));
    assert_eq!(window_rate(100_000, Some(Duration::from_micros(500)), 120), None);
    assert_eq!(window_rate(100_000, None, 120), None);
}
