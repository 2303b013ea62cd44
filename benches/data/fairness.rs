//! Two connections over one bottleneck: what each controller leaves to NewReno, and NewReno to it.

use std::net::SocketAddr;

use bytes::BytesMut;
use drywire_core::{Duration, Instant, Path, Transmit};
use drywire_sim::{Link, Network, Node, OnPath, Pipe};

use crate::MIB;
use crate::controllers;
use crate::drywire_sctp::Drywire;
use crate::engine::Options;
use crate::flow::Flow;
use crate::goodput::RATE;
use crate::measure::Report;

const WINDOW: usize = 4 * MIB;
/// The second one begins when the first one has filled the link.
const SECOND: Duration = Duration::from_secs(10);
const TIME: Duration = Duration::from_secs(60);

/// The ends of both connections on one side: all that they send goes over the same link.
struct Ends {
    ends: Vec<OnPath<Flow<Drywire>>>,
}

impl Node for Ends {
    fn handle_input(&mut self, now: Instant, path: Path, datagram: BytesMut) {
        if let Some(end) = self.ends.iter_mut().find(|end| end.path.local == path.local) {
            end.pipe.handle_input(now, datagram);
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        for end in &mut self.ends {
            end.pipe.handle_timeout(now);
        }
    }

    fn react(&mut self, now: Instant) {
        for end in &mut self.ends {
            end.pipe.react(now);
        }
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        self.ends.iter_mut().find_map(|end| Node::poll_transmit(end, now, out))
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.ends.iter().filter_map(|end| end.pipe.poll_timeout()).min()
    }
}

/// What the queue of the bottleneck holds, in percent of the product of its rate and the round trip, and in bytes.
const QUEUES: [(u32, usize); 4] = [(50, 312_500), (100, 625_000), (200, 1_250_000), (400, 2_500_000)];

pub(crate) fn measure(report: &mut Report) {
    println!(
        "\n  two connections, 100 Mbit/s, 50 ms, the second begins after {} s: share of NewReno in {} s after that, by the \
         length of the queue in percent of rate times delay",
        SECOND.as_secs(),
        TIME.as_secs()
    );
    let all = controllers::all();
    let Some(reno) = all.first().copied() else { return };
    for (index, other) in all.into_iter().enumerate() {
        // Whoever comes second is not to be kept out.
        let orders = [(reno, other, 0), (other, reno, 1)];
        for (first, second, at) in orders.into_iter().take(if index == 0 { 1 } else { 2 }) {
            print!("    {:<18} then {:<18}", first.name(), second.name());
            let shares = QUEUES.map(|(percent, queue)| {
                let rates = run([first, second], queue);
                let share = rates[at] / (rates[0] + rates[1]) * 100.0;
                print!("  {percent:>3}: {share:>5.1} % of {:>6.0} KB/s", rates[0] + rates[1]);
                share
            });
            println!();
            let (least, most) =
                (shares.into_iter().fold(100.0, f64::min), shares.into_iter().fold(0.0, f64::max));
            let what = format!("{} then {}: nobody is starved (10 %)", first.name(), second.name());
            let figures = format!("NewReno has {least:.1} to {most:.1} %");
            report.goal(what, least >= 10.0 && most <= 90.0, figures);
        }
    }
}

/// Kilobytes per second of two connections.
fn run(controllers: [controllers::Controller; 2], queue: usize) -> [f64; 2] {
    let start = drywire_sim::origin();
    let address = |host, port| SocketAddr::from(([192, 0, 2, host], port));
    let mut sides = [Ends { ends: Vec::new() }, Ends { ends: Vec::new() }];
    for (controller, port, begins) in [(controllers[0], 5001, start), (controllers[1], 5002, start + SECOND)]
    {
        let mut options = Options::new(WINDOW);
        options.receive_window = 4 << 20;
        options.seed = if port == 5001 { 1 } else { 2 };
        let mut path = Path::udp(address(1, port), address(2, port));
        for (side, flow) in sides.iter_mut().zip(controller.pair(&options, start)) {
            side.ends.push(OnPath { pipe: flow.beginning(begins), path });
            path = path.reversed();
        }
    }
    let mut network = Network::new(start, [1; 32]);
    network.set_default_link(Link::new().delay(Duration::from_millis(25)).bandwidth(RATE, queue));
    let [senders, receivers] = sides;
    network.add(senders, &[address(1, 5001), address(1, 5002)]);
    let id = network.add(receivers, &[address(2, 5001), address(2, 5002)]);
    let _ = network.run_for(SECOND);
    let before: Vec<_> = network[id].ends.iter().map(|end| end.pipe.received).collect();
    let _ = network.run_for(TIME);
    [0, 1].map(|at: usize| {
        let received = network[id].ends[at].pipe.received - before[at];
        u32::try_from(received).map_or(f64::INFINITY, f64::from) / 1000.0 / TIME.as_secs_f64()
    })
}
