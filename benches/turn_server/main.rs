//! How much a TURN server relays, and what its allocations cost: `drywire turn` beside coturn, both as programs, on loopback.
//! The server has one core and the load the other.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench may print, fail and look at the clock"
)]

mod allocations;
mod bare;
mod client;
mod load;
#[path = "../measure/mod.rs"]
mod measure;
mod program;

use std::time::Duration;

use bare::Sends;
use load::{Direction, Load};
use measure::Report;
use program::{Crowd, Program};

/// How long one round lasts.
const ROUND: Duration = Duration::from_millis(700);
const ROUNDS: usize = 5;
/// What a browser sends in a datagram, about.
const PAYLOAD: usize = 1_200;

fn main() {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some(program::BARE) {
        bare::run(arguments);
    }
    let mut report = Report::new("turn_server");
    program::pin(1);
    let ours = Program::drywire();
    let coturn = Program::coturn();
    if coturn.is_none() {
        println!("coturn is not installed: there is nothing to compare with");
    }
    for (clients, train) in [(1, 48), (20, 4), (20, 1)] {
        for direction in [Direction::ToPeers, Direction::ToClients] {
            relay(&mut report, &ours, coturn.as_ref(), clients, train, direction);
        }
    }
    for direction in [Direction::ToPeers, Direction::ToClients] {
        saturated(&mut report, &ours, coturn.as_ref(), direction);
    }
    allocations::measure(&mut report, &ours);
    report.finish();
}

/// Datagrams per second of the wall clock, and of the server's CPU.
#[derive(Clone, Copy, Debug, Default)]
struct Rate {
    wall: f64,
    cpu: f64,
}

fn relay(
    report: &mut Report,
    ours: &Program,
    coturn: Option<&Program>,
    clients: usize,
    train: usize,
    direction: Direction,
) {
    // The best round, and all rounds together: others on the machine hardly move the second.
    let (mut best, mut all) = ([Rate::default(); 2], [(0.0, 0.0); 2]);
    let programs = [Some(ours), coturn];
    // What is relayed at the end of a round must not be taken for the next one's.
    let mut loads: Vec<_> = programs
        .iter()
        .map(|program| program.map(|program| Load::new(program.address, clients, PAYLOAD)))
        .collect();
    for _ in 0..ROUNDS {
        for (index, (program, load)) in programs.iter().zip(&mut loads).enumerate() {
            let (Some(program), Some(load)) = (program, load) else { continue };
            let before = program.cpu_seconds();
            let (relayed, seconds) = load.run(direction, train, ROUND);
            best[index].wall = best[index].wall.max(relayed / seconds);
            all[index].0 += relayed;
            all[index].1 += program.cpu_seconds() - before;
        }
    }
    for (best, (relayed, seconds)) in best.iter_mut().zip(all) {
        best.cpu = relayed / seconds;
    }
    let [ours, theirs] = best;
    let what = format!("{direction}, {clients} clients, trains of {train}");
    println!(
        "\n  {PAYLOAD} B {what} [datagrams/s]\n    drywire {:>9.0}, {:>9.0} per second of CPU\n    coturn  {:>9.0}, {:>9.0} \
         per second of CPU\n    drywire is {:.2}x, {:.2}x per second of CPU",
        ours.wall,
        ours.cpu,
        theirs.wall,
        theirs.cpu,
        ours.wall / theirs.wall,
        ours.cpu / theirs.cpu,
    );
    for (unit, ours, theirs) in
        [("datagrams/s", ours.wall, theirs.wall), ("datagrams per CPU s", ours.cpu, theirs.cpu)]
    {
        let rivals: &[(&str, f64)] = if coturn.is_some() { &[("coturn", theirs)] } else { &[] };
        report.record(&what, unit, ours, rivals, None);
    }
    if coturn.is_some() && clients == 1 {
        let ratio = ours.wall / theirs.wall;
        report.goal(format!("{what}: 3x coturn"), ratio >= 3.0, format!("{ratio:.2}x"));
    }
}

/// Single datagrams of many clients to a server that has less of its core than it wants. The load's own core cannot send
/// single datagrams faster than a server relays them, so that the wall clock says little about the server: what counts is
/// how many datagrams a second of its core relays while some always wait.
fn saturated(report: &mut Report, ours: &Program, coturn: Option<&Program>, direction: Direction) {
    const CLIENTS: usize = 20;
    let _crowd = Crowd::gather();
    let mut bare = Vec::new();
    // Only one way: the other one costs the kernel the same.
    if direction == Direction::ToPeers {
        for sends in [Sends::Each, Sends::Trains] {
            let mut program = None;
            let load =
                Load::bare(CLIENTS, PAYLOAD, |pairs| program.insert(Program::bare(sends, pairs)).address);
            bare.push((program.expect("it was started"), load));
        }
    }
    let names = ["drywire", "coturn", "bare relay", "bare relay of trains"];
    let mut contestants: Vec<_> = [Some(ours), coturn]
        .into_iter()
        .map(|program| program.map(|program| (program, Load::new(program.address, CLIENTS, PAYLOAD))))
        .chain(bare.iter_mut().map(|(program, load)| Some((&*program, std::mem::take(load)))))
        .collect();
    let mut all = vec![(0.0, 0.0); contestants.len()];
    for _ in 0..ROUNDS {
        for (contestant, (relayed, seconds)) in contestants.iter_mut().zip(&mut all) {
            let Some((program, load)) = contestant else { continue };
            let before = program.cpu_seconds();
            *relayed += load.run(direction, 1, ROUND).0;
            *seconds += program.cpu_seconds() - before;
        }
    }
    let rates: Vec<f64> = all.iter().map(|(relayed, seconds)| relayed / seconds).collect();
    let what = format!("{direction}, {CLIENTS} clients, single datagrams that wait");
    println!("\n  {PAYLOAD} B {what} [datagrams per CPU s]");
    for (name, rate) in names.iter().zip(&rates).filter(|(_, rate)| rate.is_finite()) {
        println!("    {name:<22} {rate:>9.0}, drywire is {:.2}x", rates[0] / rate);
    }
    let rivals = names.into_iter().zip(rates.iter().copied()).skip(1).filter(|(_, rate)| rate.is_finite());
    let (rivals, limit) = (rivals.collect::<Vec<_>>(), rates.get(3).copied());
    report.record(&what, "datagrams per CPU s", rates[0], &rivals, limit);
    if coturn.is_some() {
        let ratio = rates[0] / rates[1];
        report.goal(format!("{what}: 3x coturn"), ratio >= 3.0, format!("{ratio:.2}x"));
    }
}
