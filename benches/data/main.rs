//! What a data channel costs, and what it achieves: the whole stack and SCTP alone beside the rivals, in CPU time, memory
//! and virtual time. One file for each rival and for each question.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench may print and fail"
)]

mod allocations;
mod controllers;
mod dcsctp;
mod drywire_sctp;
mod drywire_stack;
mod engine;
mod fairness;
mod flow;
mod goodput;
mod instructions;
#[path = "../measure/mod.rs"]
mod measure;
mod memory;
mod pair;
mod rtc_sctp;
mod rtc_stack;
mod sctp_proto;
mod str0m_stack;
mod throughput;

use bytes::Bytes;
use measure::Report;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

type Question = fn(&mut Report);

/// The questions. `DRYWIRE_ROWS` names those that are asked, as in `DRYWIRE_ROWS=memory,goodput`; all at first.
const QUESTIONS: [(&str, Question); 6] = [
    ("throughput", throughput::measure),
    ("allocations", allocations::measure),
    ("instructions", instructions::measure),
    ("memory", memory::measure),
    ("goodput", goodput::measure),
    ("fairness", fairness::measure),
];

fn main() {
    if instructions::is_counted() {
        return;
    }
    let mut report = Report::new("data");
    let asked = std::env::var("DRYWIRE_ROWS").unwrap_or_default();
    for (name, measure) in QUESTIONS {
        if asked.is_empty() || asked.split(',').any(|row| row == name) {
            measure(&mut report);
        }
    }
    report.finish();
}

/// A message of this length.
fn message(length: usize) -> Bytes {
    Bytes::from(vec![0x5a; length])
}
