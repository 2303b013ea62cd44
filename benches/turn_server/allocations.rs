//! The memory of very many allocations, and whether it grows when they are replaced.

use std::net::SocketAddr;

use crate::client::Allocated;
use crate::measure::Report;
use crate::program::Program;

const COUNT: u16 = 10_000;

pub(crate) fn measure(report: &mut Report, ours: &Program) {
    let before = ours.memory();
    let first = allocate(ours.address);
    let with = ours.memory();
    first.into_iter().for_each(Allocated::close);
    let second = allocate(ours.address);
    let again = ours.memory();
    second.into_iter().for_each(Allocated::close);
    let each = (with - before) / f64::from(COUNT);
    let growth = again / with;
    println!(
        "\n  {COUNT} allocations [memory of the program]\n    {:.1} MB before, {:.1} MB with them ({each:.0} B each), \
         {:.1} MB when each was replaced",
        before / 1e6,
        with / 1e6,
        again / 1e6
    );
    report.record("memory of an allocation", "B", each, &[], None);
    report.goal(
        "10,000 allocations with flat memory",
        growth < 1.05,
        format!("{growth:.3}x after all were replaced"),
    );
}

/// From very many addresses: who has proven nothing yet is told little in a second.
fn allocate(server: SocketAddr) -> Vec<Allocated> {
    (0..COUNT)
        .map(|index| {
            let [high, low] = index.to_be_bytes();
            Allocated::new(server, SocketAddr::from(([127, 1, high, low], 0)))
        })
        .collect()
}
