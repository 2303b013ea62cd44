//! What arrives in a minute of virtual time over links that lose. The same in each run for those that draw what is random
//! from a seed.

use drywire_core::Duration;
use drywire_sim::{Link, Outcome, Probability};

use crate::MIB;
use crate::controllers::{self, Controller};
use crate::dcsctp::Dcsctp;
use crate::engine::{Engine, Options};
use crate::flow::Flow;
use crate::measure::Report;
use crate::rtc_sctp::RtcSctp;
use crate::sctp_proto::SctpProto;

/// The rate of the link: 100 Mbit/s.
pub(crate) const RATE: u64 = 100_000_000;
/// The queue before it holds 50 ms.
const QUEUE: usize = 625_000;
/// What the link carries of payload, in kilobytes per second, when 1,160 of 1,250 bytes are payload.
const IDEAL: f64 = 11_600.0;
const SEEDS: [u8; 3] = [1, 2, 3];
const TIME: Duration = Duration::from_secs(60);
const WINDOW: usize = 4 * MIB;
/// All send packets of this size: with the rules of Reno, those who send larger ones get more of a link that loses.
const PACKET: u16 = 1160;

/// A link to send over.
struct Scenario {
    name: &'static str,
    rtt: Duration,
    loss: Probability,
}

const SCENARIOS: [Scenario; 5] = [
    Scenario { name: "50 ms, no loss", rtt: Duration::from_millis(50), loss: Probability::NEVER },
    Scenario { name: "50 ms, 0.1 %", rtt: Duration::from_millis(50), loss: Probability::per_mille(1) },
    Scenario { name: "50 ms, 1 %", rtt: Duration::from_millis(50), loss: Probability::percent(1) },
    Scenario { name: "50 ms, 5 %", rtt: Duration::from_millis(50), loss: Probability::percent(5) },
    Scenario { name: "200 ms, 1 %", rtt: Duration::from_millis(200), loss: Probability::percent(1) },
];
/// Of [`SCENARIOS`].
const NO_LOSS: usize = 0;
const ONE_PERCENT: usize = 2;
const FIVE_PERCENT: usize = 3;

/// What one of those that are compared achieves in each scenario, in kilobytes per second, mean of the seeds.
type Column = [f64; SCENARIOS.len()];

pub(crate) fn measure(report: &mut Report) {
    println!(
        "\n  goodput in {} s of virtual time over 100 Mbit/s, KB/s (of what the link can)",
        TIME.as_secs()
    );
    let ours: Vec<_> = controllers::all()
        .into_iter()
        .map(|controller| {
            (controller, show(&controller.name(), |options, now| controller.pair(options, now)))
        })
        .collect();
    let theirs = [
        (RtcSctp::NAME, show(RtcSctp::NAME, Flow::<RtcSctp>::pair)),
        (SctpProto::NAME, show(SctpProto::NAME, Flow::<SctpProto>::pair)),
        (Dcsctp::NAME, show(Dcsctp::NAME, Flow::<Dcsctp>::pair)),
    ];
    for (at, scenario) in SCENARIOS.iter().enumerate() {
        let theirs = theirs.map(|(name, column)| (name, column[at]));
        for (controller, column) in &ours {
            let row = format!("goodput, {}, {}", scenario.name, controller.name());
            report.record(&row, "KB/s", column[at], &theirs, Some(IDEAL));
        }
    }
    goals(report, &ours, &theirs.map(|(_, column)| column));
}

fn goals(report: &mut Report, ours: &[(Controller, Column)], theirs: &[Column]) {
    let best = |at: usize| theirs.iter().map(|column| column[at]).fold(0.0, f64::max);
    for (controller, column) in ours {
        let name = controller.name();
        if controller.is_default() {
            let share = column[NO_LOSS] / IDEAL;
            report.require_goal(
                format!("goodput without loss, {name}: 90 % of the link"),
                share >= 0.9,
                format!("{:.1} %", share * 100.0),
            );
            for (at, loss) in [(ONE_PERCENT, 1), (FIVE_PERCENT, 5)] {
                let factor = column[at] / best(at);
                // Rivals draw from the operating system: a little of the figure is luck.
                report.goal(
                    format!("goodput at {loss} % loss, {name}: the best rival"),
                    factor >= 1.0,
                    format!("{factor:.2}x"),
                );
            }
        }
        if controller.is_model_based() {
            let share = column[ONE_PERCENT] / IDEAL;
            report.require_goal(
                format!("goodput at 1 % loss, {name}: 80 % of the link"),
                share >= 0.8,
                format!(
                    "{:.1} %, {:.1}x the best rival",
                    share * 100.0,
                    column[ONE_PERCENT] / best(ONE_PERCENT)
                ),
            );
            let factor = column[FIVE_PERCENT] / best(FIVE_PERCENT);
            report.require_goal(
                format!("goodput at 5 % loss, {name}: 3x the best rival"),
                factor >= 3.0,
                format!("{factor:.1}x, {:.1} % of the link", column[FIVE_PERCENT] / IDEAL * 100.0),
            );
        }
    }
}

/// Runs one of them in all scenarios, and prints a line.
fn show<E: Engine>(name: &str, pair: impl Fn(&Options, drywire_core::Instant) -> [Flow<E>; 2]) -> Column {
    print!("    {name:<26}");
    let column = std::array::from_fn(|at| {
        let scenario = &SCENARIOS[at];
        let runs = SEEDS.map(|seed| run(scenario, seed, &pair));
        let mean = runs.iter().sum::<f64>() / 3.0;
        print!("  {}: {mean:>6.0} ({:>4.1} %)", scenario.name, mean / IDEAL * 100.0);
        mean
    });
    println!();
    column
}

fn run<E: Engine>(
    scenario: &Scenario,
    seed: u8,
    pair: impl Fn(&Options, drywire_core::Instant) -> [Flow<E>; 2],
) -> f64 {
    let mut options = Options::new(WINDOW);
    options.receive_window = 4 << 20;
    options.packet = Some(PACKET);
    options.seed = seed;
    let start = drywire_sim::origin();
    let link = Link::new().delay(scenario.rtt / 2).loss(scenario.loss).bandwidth(RATE, QUEUE);
    let [a, b] = pair(&options, start);
    let (mut network, _, receiver) = drywire_sim::pair(a, b, start, link, [seed; 32]);
    match network.run_for(TIME) {
        Outcome::Limit | Outcome::Idle => {}
        outcome => println!("\n    {} stopped at {:?}: {outcome:?}", E::NAME, network.elapsed()),
    }
    let received = u32::try_from(network[receiver].pipe.received).map_or(f64::INFINITY, f64::from);
    received / 1000.0 / TIME.as_secs_f64()
}
