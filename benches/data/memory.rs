//! What a channel holds of memory when nothing happens: the bytes that come back when one side is dropped.

use drywire::datachannel::ChannelOptions;

use crate::drywire_stack::DrywireStack;
use crate::engine::{Engine, Options};
use crate::measure::Report;
use crate::pair::Pair;
use crate::{KIB, MIB, message};

const MOST: u32 = 65_535;

pub(crate) fn measure(report: &mut Report) {
    let (one, thousand, most) = (held(1, false), held(1_000, false), held(MOST, false));
    let each = (most - one) / f64::from(MOST - 1);
    report.count("memory of one side, one channel", "KiB", one / 1024.0, &[], None);
    report.count("memory of one side, each of 1,000 channels", "bytes", (thousand - one) / 999.0, &[], None);
    report.count("memory of one side, each of 65,535 channels", "bytes", each, &[], None);
    report.count("memory of one side, 65,535 channels", "MiB", most / 1_048_576.0, &[], None);
    let used = held(1_000, true);
    let name = "memory of one side, each of 1,000 channels that carried a message of 1 KiB";
    report.count(name, "bytes", (used - held(1, true)) / 999.0, &[], None);
    report.require_goal("an idle channel: 200 bytes on each side", each <= 200.0, format!("{each:.0}"));
    let both = 2.0 * most / 1_048_576.0;
    report.require_goal(
        "65,535 open channels: 32 MiB for both sides together",
        both <= 32.0,
        format!("{both:.1} MiB"),
    );
}

/// The bytes that one side holds with so many open channels with labels of five bytes.
fn held(channels: u32, used: bool) -> f64 {
    let mut options = Options::new(MIB);
    options.channels = 1;
    let mut pair = Pair::<DrywireStack>::new(&options);
    let now = pair.now();
    for number in 1..channels {
        // Half of the streams are of either side: the side that was the client of DTLS, here the one that
        // answered, has the even ones, one more than the other has (RFC 8832, section 6).
        let side = usize::from(number <= channels.div_ceil(2));
        let created = pair.sides()[side].peer().create_data_channel(now, ChannelOptions::new("bench"));
        created.expect("a channel");
    }
    for side in pair.sides() {
        side.expected = usize::try_from(channels).expect("a count");
    }
    pair.settle();
    if used {
        pair.spread(u16::try_from(channels).expect("a count"));
        pair.transfer(&message(KIB), KIB * usize::try_from(channels).expect("a count"));
        pair.settle();
    }
    let [side, _other] = pair.into_sides();
    assert!(side.is_connected(), "all channels are open");
    let peer = side.into_peer();
    let info = allocation_counter::measure(|| drop(peer));
    i32::try_from(-info.bytes_current).map_or(f64::INFINITY, f64::from)
}
