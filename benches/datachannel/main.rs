//! What a data channel costs: the whole stack of both sides on one thread, beside str0m's, and SCTP alone.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench may print and fail"
)]

mod drywire_pair;
#[path = "../measure/mod.rs"]
mod measure;
mod sctp_pair;
mod str0m_pair;

use drywire_pair::DrywirePair;
use measure::{Report, Row, Unit};
use sctp_pair::SctpPair;
use str0m_pair::Str0mPair;

/// The length of a message in bytes.
const MESSAGE: u32 = 16 * 1024;
/// Messages in a round. What warms up (slow start, growing buffers) is the first round's.
const MESSAGES: u32 = 256;
const KIB: usize = 1024;
/// Datagrams are received into blocks of this size, as an application does that reads many from its socket.
const POOL: usize = 256 * KIB;

fn main() {
    let mut report = Report::new("datachannel");
    for window in [128 * KIB, 1024 * KIB] {
        let (mut single, mut batched) = (DrywirePair::new(window, false), DrywirePair::new(window, true));
        let mut str0m = Str0mPair::new(window);
        let row =
            Row::new(format!("whole stack, 16 KiB messages, window {} KiB", window / KIB), Unit::Throughput)
                .drywire(|watch| {
                    watch.time(|| single.transfer(MESSAGES));
                    MESSAGE * MESSAGES
                })
                .rival("str0m 0.25", |watch| {
                    // As many bytes as take about as long.
                    watch.time(|| str0m.transfer(MESSAGES / 8));
                    MESSAGE * (MESSAGES / 8)
                })
                .measure();
        report.add(&row);
        let rival =
            row.rivals().find(|entry| entry.name.starts_with("str0m")).map_or(f64::NAN, |entry| entry.best);
        let factor = row.ours().map_or(0.0, |entry| entry.best) / rival;
        println!("    {factor:.1}x of str0m");
        let name = format!("whole stack, read in batches, 16 KiB messages, window {} KiB", window / KIB);
        let row = Row::new(name, Unit::Throughput).drywire(|watch| {
            watch.time(|| batched.transfer(MESSAGES));
            MESSAGE * MESSAGES
        });
        report.add(&row.measure());
    }
    for window in [64 * KIB, 1024 * KIB, 4096 * KIB] {
        let mut pair = SctpPair::new(window);
        let row =
            Row::new(format!("SCTP alone, 16 KiB messages, window {} KiB", window / KIB), Unit::Throughput)
                .drywire(|watch| {
                    watch.time(|| pair.transfer(MESSAGES));
                    MESSAGE * MESSAGES
                })
                .measure();
        report.add(&row);
    }
    allocations(&mut report);
    report.finish();
}

/// Allocations for each datagram, of both sides together, in the steady state. The datagrams are received into a
/// buffer that is used again, as an application does; what that costs is in the figures, too.
fn allocations(report: &mut Report) {
    let window = 256 * KIB;
    let mut stack = DrywirePair::new(window, false);
    let ours = per_datagram(&mut stack, |pair| pair.datagrams, DrywirePair::transfer);
    let mut sctp = SctpPair::new(window);
    let alone = per_datagram(&mut sctp, |pair| pair.datagrams, SctpPair::transfer);
    let before = sctp.datagrams;
    sctp.counts_sending = true;
    sctp.transfer(MESSAGES);
    let sending = u32::try_from(sctp.sending_allocations).map_or(f64::INFINITY, f64::from);
    let sending = sending / f64::from((sctp.datagrams - before).max(1));
    let mut str0m = Str0mPair::new(window);
    let theirs = per_datagram(&mut str0m, |pair| pair.datagrams, Str0mPair::transfer);
    report.count("allocations, whole stack", "per datagram", ours, &[("str0m 0.25", theirs)], None);
    report.count("allocations, SCTP alone", "per datagram", alone, &[], None);
    report.count("allocations, SCTP sending", "per datagram", sending, &[], None);
    report.require(
        sending == 0.0,
        format!("SCTP: no allocation for a datagram that is sent, are {sending:.3}"),
    );
    report.require(
        ours <= 0.2,
        format!("whole stack: at most 0.2 allocations for each datagram, are {ours:.3}"),
    );
    report.require(
        alone <= 0.2,
        format!("SCTP alone: at most 0.2 allocations for each datagram, are {alone:.3}"),
    );
}

fn per_datagram<P>(pair: &mut P, datagrams: impl Fn(&P) -> u32, transfer: impl Fn(&mut P, u32)) -> f64 {
    transfer(pair, MESSAGES);
    let before = datagrams(pair);
    let info = allocation_counter::measure(|| transfer(pair, MESSAGES));
    let sent = datagrams(pair) - before;
    u32::try_from(info.count_total).map_or(f64::INFINITY, f64::from) / f64::from(sent.max(1))
}
