//! Bytes for each second of CPU, of both sides together.

use std::collections::VecDeque;

use bytes::BytesMut;

use crate::dcsctp::Dcsctp;
use crate::drywire_sctp::Drywire;
use crate::drywire_stack::DrywireStack;
use crate::engine::{Engine, Options, Pool};
use crate::measure::{Measured, Report, Row, Stopwatch, Unit};
use crate::pair::Pair;
use crate::rtc_sctp::RtcSctp;
use crate::rtc_stack::RtcStack;
use crate::sctp_proto::SctpProto;
use crate::str0m_stack::Str0mStack;
use crate::{KIB, MIB, message};

/// The window of the rows that compare: what an application keeps written and not yet received.
const WINDOW: usize = MIB;
/// What our side sends in a round. Slower ones send less, so that all take about as long.
const ROUND: usize = 8 * MIB;

pub(crate) fn measure(report: &mut Report) {
    let large = stack(report, 16 * KIB);
    let small = stack(report, KIB);
    best(report, "whole stack, 16 KiB messages: 2.5x the best rival", &large, 2.5);
    let share = ratio(ours(&small), ours(&large));
    let what = "whole stack, 1 KiB messages: 75 % of the rate of 16 KiB";
    report.goal(what, share >= 0.75, format!("{:.0} %", share * 100.0));
    default_windows(report);

    let large = sctp(report, 16 * KIB, false);
    best(report, "SCTP alone, 16 KiB messages: 1.5x the best rival", &large, 1.5);
    let small = sctp(report, KIB, false);
    best(report, "SCTP alone, 1 KiB messages: 1.5x the best rival", &small, 1.5);
    sctp(report, 16 * KIB, true);
    in_flight(report);
    channels::<Drywire>(report, "SCTP alone");
    channels::<DrywireStack>(report, "whole stack");
}

fn ours(row: &Measured) -> f64 {
    row.ours().map_or(f64::NAN, |entry| entry.best)
}

fn ratio(a: f64, b: f64) -> f64 {
    if b > 0.0 { a / b } else { f64::NAN }
}

/// A goal: so many times the best rival of the row.
fn best(report: &mut Report, goal: &str, row: &Measured, factor: f64) {
    let best = row.rivals().map(|entry| entry.best).fold(0.0, f64::max);
    let is = ratio(ours(row), best);
    report.goal(goal, is >= factor, format!("{is:.2}x"));
}

/// The round of a contestant: sends `bytes` on the clock.
fn round<E: Engine>(pair: Pair<E>, length: usize, bytes: usize) -> impl FnMut(&mut Stopwatch) -> u32 {
    let (mut pair, message) = (pair, message(length));
    move |watch| {
        watch.time(|| pair.transfer(&message, bytes));
        u32::try_from(bytes).expect("a size")
    }
}

fn stack(report: &mut Report, length: usize) -> Measured {
    let options = Options::new(WINDOW);
    let name = format!("whole stack, {} KiB messages, window {} KiB", length / KIB, WINDOW / KIB);
    let row = Row::new(name, Unit::Throughput)
        .drywire(round(Pair::<DrywireStack>::new(&options), length, ROUND))
        .rival(
            "drywire, one by one",
            round(Pair::<DrywireStack>::new(&options).one_by_one(), length, ROUND / 2),
        )
        .rival(RtcStack::NAME, round(Pair::<RtcStack>::new(&options), length, ROUND / 4))
        .rival(Str0mStack::NAME, round(Pair::<Str0mStack>::new(&options), length, ROUND / 32))
        .measure();
    report.add(&row);
    row.without("drywire, one by one")
}

/// At 128 KiB, the window that str0m has if it is not told another one.
fn default_windows(report: &mut Report) {
    let (options, length) = (Options::new(128 * KIB), 16 * KIB);
    let row = Row::new("whole stack, 16 KiB messages, window 128 KiB", Unit::Throughput)
        .drywire(round(Pair::<DrywireStack>::new(&options), length, ROUND))
        .rival(RtcStack::NAME, round(Pair::<RtcStack>::new(&options), length, ROUND / 4))
        .rival(Str0mStack::NAME, round(Pair::<Str0mStack>::new(&options), length, ROUND / 16));
    report.add(&row.measure());
}

/// `sctp-proto` and `rtc-sctp` know no packets without a checksum.
fn sctp(report: &mut Report, length: usize, zero_checksum: bool) -> Measured {
    let mut options = Options::new(WINDOW);
    options.zero_checksum = zero_checksum;
    let checksum = if zero_checksum { "without" } else { "with" };
    let name = format!("SCTP alone, {} KiB messages, {checksum} checksum", length / KIB);
    let mut row = Row::new(name, Unit::Throughput)
        .drywire(round(Pair::<Drywire>::new(&options), length, ROUND))
        .rival("drywire, one by one", round(Pair::<Drywire>::new(&options).one_by_one(), length, ROUND));
    if !zero_checksum {
        row = row
            .rival(RtcSctp::NAME, round(Pair::<RtcSctp>::new(&options), length, ROUND / 2))
            .rival(SctpProto::NAME, round(Pair::<SctpProto>::new(&options), length, ROUND / 8));
    }
    let row = row.rival(Dcsctp::NAME, round(Pair::<Dcsctp>::new(&options), length, ROUND / 64)).measure();
    report.add(&row);
    row.without("drywire, one by one")
}

/// The cost of a byte must not grow with what is in flight. That the bytes leave the caches of the machine is no fault of
/// the protocol, so that the same copies are measured without it.
fn in_flight(report: &mut Report) {
    let length = 16 * KIB;
    let windows = [64 * KIB, MIB, 4 * MIB, 16 * MIB, 64 * MIB];
    let mut most = windows.map(|_| 0);
    let mut row = Row::new("SCTP alone, 16 KiB messages, with bytes in flight", Unit::Throughput);
    for (window, most) in windows.into_iter().zip(&mut most) {
        let bytes = ROUND.max(window * 2);
        let mut options = Options::new(window);
        options.acknowledges_soon = true;
        let (mut pair, message) = (Pair::<Drywire>::new(&options), message(length));
        while pair.most_in_flight < window / 10 * 9 && pair.transferred() < 64 * window {
            pair.transfer(&message, window);
        }
        row = row.rival(&in_flight_name(window), move |watch| {
            watch.time(|| pair.transfer(&message, bytes));
            *most = pair.most_in_flight;
            u32::try_from(bytes).expect("a size")
        });
        let mut copies = Copies::new(window);
        row = row.rival(&copies_name(window), move |watch| {
            watch.time(|| copies.transfer(bytes));
            u32::try_from(bytes).expect("a size")
        });
    }
    let row = row.measure();
    report.add(&row);
    println!("    in flight were at most {:?} KiB", most.map(|bytes| bytes / KIB));
    let rate =
        |name: String| row.rivals().find(|entry| entry.name == name).map_or(f64::NAN, |entry| entry.best);
    // Nanoseconds per kilobyte.
    let cost = |window| 1e6 / rate(in_flight_name(window));
    let copies = |window| 1e6 / rate(copies_name(window));
    let own = |window| cost(window) - (copies(window) - copies(windows[0]));
    let worst = |cost: &dyn Fn(usize) -> f64| {
        windows.map(|window| ratio(cost(window), cost(windows[0]))).into_iter().fold(0.0, f64::max)
    };
    let (all, own) = (worst(&cost), worst(&own));
    report.goal(
        "SCTP alone: a byte costs at most 1.15x of that at 64 KiB in flight, up to 64 MiB",
        own <= 1.15,
        format!("{own:.2}x beside what the copies alone cost more, {all:.2}x with that"),
    );
}

fn in_flight_name(window: usize) -> String {
    format!("{} KiB", window / KIB)
}

fn copies_name(window: usize) -> String {
    format!("{} KiB, copies alone", window / KIB)
}

/// What the machine does for bytes that are in flight, without a protocol: into a datagram, and into a message.
struct Copies {
    pool: Pool,
    queue: VecDeque<BytesMut>,
    source: Vec<u8>,
    message: Vec<u8>,
    window: usize,
}

impl Copies {
    const DATAGRAM: usize = 1160;

    fn new(window: usize) -> Self {
        Self {
            pool: Pool::default(),
            queue: VecDeque::new(),
            source: vec![0x5a; 16 * KIB],
            message: Vec::new(),
            window,
        }
    }

    fn transfer(&mut self, bytes: usize) {
        let mut left = bytes;
        while left > 0 {
            let flight = left.min(self.window);
            for _ in 0..flight / Self::DATAGRAM {
                self.pool.out.clear();
                self.pool.out.extend_from_slice(&self.source[..Self::DATAGRAM]);
                let queue = &mut self.queue;
                self.pool.split(Self::DATAGRAM, |datagram| queue.push_back(datagram));
            }
            while let Some(datagram) = self.queue.pop_front() {
                if self.message.len() > 15 * KIB {
                    self.message.clear();
                }
                self.message.extend_from_slice(&datagram);
            }
            left -= flight;
        }
    }
}

/// The cost of a byte must not grow with the channels that share them.
fn channels<E: Engine>(report: &mut Report, what: &str) {
    let length = 4 * KIB;
    let counts = [1_u16, 100, 10_000];
    let mut row = Row::new(format!("{what}, 4 KiB messages, over channels"), Unit::Throughput);
    for count in counts {
        let mut options = Options::new(WINDOW);
        options.channels = count;
        row =
            row.rival(&format!("{count} channels"), round(Pair::<E>::new(&options), length, 10_000 * length));
    }
    let row = row.measure();
    report.add(&row);
    let rates: Vec<_> = row.rivals().map(|entry| entry.best).collect();
    let (most, least) =
        (rates.iter().copied().fold(0.0, f64::max), rates.iter().copied().fold(f64::INFINITY, f64::min));
    let worst = ratio(most, least);
    report.goal(
        format!("{what}: a byte costs at most 1.15x with 1, 100 and 10,000 channels"),
        worst <= 1.15,
        format!("{worst:.2}x"),
    );
}
