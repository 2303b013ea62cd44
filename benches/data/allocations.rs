//! Allocations for each datagram, of both sides together, in the steady state. The datagrams are received into a buffer
//! that is used again, as an application does; what that costs is in the figures, too.

use crate::drywire_sctp::Drywire;
use crate::drywire_stack::DrywireStack;
use crate::engine::{Engine, Options};
use crate::measure::Report;
use crate::pair::Pair;
use crate::rtc_sctp::RtcSctp;
use crate::rtc_stack::RtcStack;
use crate::sctp_proto::SctpProto;
use crate::str0m_stack::Str0mStack;
use crate::{KIB, MIB, message};

/// The payload of a usual datagram.
const PAYLOAD: usize = 1160;

pub(crate) fn measure(report: &mut Report) {
    for length in [16 * KIB, KIB] {
        let ours = each::<DrywireStack>(length);
        let theirs =
            [(RtcStack::NAME, each::<RtcStack>(length)), (Str0mStack::NAME, each::<Str0mStack>(length))];
        let row = format!("allocations, whole stack, {} KiB messages", length / KIB);
        report.count(&row, "per 1160 B", ours, &theirs, None);
        if length > KIB {
            let what = "whole stack, 16 KiB messages: less than 0.1 allocations per 1,160 bytes";
            report.require_goal(what, ours < 0.1, format!("{ours:.4}"));
        }
    }
    let ours = each::<Drywire>(16 * KIB);
    let theirs = [(RtcSctp::NAME, each::<RtcSctp>(16 * KIB)), (SctpProto::NAME, each::<SctpProto>(16 * KIB))];
    report.count("allocations, SCTP alone, 16 KiB messages", "per 1160 B", ours, &theirs, None);
    let what = "SCTP alone, 16 KiB messages: less than 0.1 allocations per 1,160 bytes";
    report.require_goal(what, ours < 0.1, format!("{ours:.4}"));
    sending(report);
}

/// Sending alone: what the receiver and the application do is not in it.
fn sending(report: &mut Report) {
    let mut pair = Pair::<Drywire>::new(&Options::new(256 * KIB));
    let (message, bytes) = (message(16 * KIB), 2 * MIB);
    pair.transfer(&message, 2 * bytes);
    pair.sides()[0].sending_allocations = Some(0);
    pair.transfer(&message, bytes);
    let count = pair.sides()[0].sending_allocations.unwrap_or(u64::MAX);
    report.require_goal("SCTP alone: no allocation to send a datagram", count == 0, format!("{count}"));
}

fn each<E: Engine>(length: usize) -> f64 {
    let mut pair = Pair::<E>::new(&Options::new(256 * KIB));
    let (message, bytes) = (message(length), 2 * MIB);
    // What grows once has grown.
    pair.transfer(&message, 2 * bytes);
    let info = allocation_counter::measure(|| pair.transfer(&message, bytes));
    let count = u32::try_from(info.count_total).map_or(f64::INFINITY, f64::from);
    count * f64::from(u32::try_from(PAYLOAD).unwrap_or(0)) / f64::from(u32::try_from(bytes).unwrap_or(1))
}
