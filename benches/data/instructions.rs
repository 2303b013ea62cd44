//! Instructions for a datagram's payload, counted by callgrind: the bench runs itself under it, with so much to send and
//! with more, and takes the difference. It says so if valgrind is not there.

use std::io;
use std::process::Command;

use crate::drywire_sctp::Drywire;
use crate::drywire_stack::DrywireStack;
use crate::engine::{Engine, Options};
use crate::measure::Report;
use crate::pair::Pair;
use crate::rtc_sctp::RtcSctp;
use crate::sctp_proto::SctpProto;
use crate::{KIB, MIB, message};

/// What tells the bench that it is the one that is counted: whose turn it is, and how many bytes to send.
const VARIABLE: &str = "DRYWIRE_INSTRUCTIONS";
const LESS: u32 = 2 << 20;
const MORE: u32 = 6 << 20;
/// Our side without checksums: valgrind knows no AVX-512, with which they take fewer.
const WITHOUT: &str = "drywire without checksum";
/// The whole stack, with messages of 4 KiB.
const ONE_CHANNEL: &str = "1 channel";
const MANY_CHANNELS: &str = "100 channels";
const PAYLOAD: f64 = 1160.0;

/// Does what is counted, if this process is the one.
pub(crate) fn is_counted() -> bool {
    let Ok(task) = std::env::var(VARIABLE) else { return false };
    let (name, bytes) = task.split_once('=').expect("a name and a number");
    let bytes = bytes.parse().expect("a number");
    match name {
        Drywire::NAME => send::<Drywire>(bytes, false),
        WITHOUT => send::<Drywire>(bytes, true),
        ONE_CHANNEL => spread(bytes, 1),
        MANY_CHANNELS => spread(bytes, 100),
        RtcSctp::NAME => send::<RtcSctp>(bytes, false),
        SctpProto::NAME => send::<SctpProto>(bytes, false),
        _ => panic!("nobody is called {name}"),
    }
    true
}

/// Over channels of the whole stack.
fn spread(bytes: usize, channels: u16) {
    let mut options = Options::new(MIB);
    options.channels = channels;
    Pair::<DrywireStack>::new(&options).transfer(&message(4 * KIB), bytes);
}

fn send<E: Engine>(bytes: usize, zero_checksum: bool) {
    let mut options = Options::new(MIB);
    options.zero_checksum = zero_checksum;
    Pair::<E>::new(&options).transfer(&message(16 * KIB), bytes);
}

pub(crate) fn measure(report: &mut Report) {
    let names = [Drywire::NAME, WITHOUT, RtcSctp::NAME, SctpProto::NAME, ONE_CHANNEL, MANY_CHANNELS];
    let counts: io::Result<Vec<_>> = names.into_iter().map(each).collect();
    match counts.as_deref() {
        Ok([ours, without, rtc, proto, one, many]) => {
            let theirs = [(WITHOUT, *without), (RtcSctp::NAME, *rtc), (SctpProto::NAME, *proto)];
            report.count("instructions, SCTP alone, 16 KiB messages", "per 1160 B", *ours, &theirs, None);
            let what = "SCTP alone: at most 3,500 instructions for 1,160 bytes";
            report.goal(what, *ours <= 3_500.0, format!("{ours:.0}; {without:.0} without checksum"));
            let row = "instructions, whole stack, 4 KiB messages, 1 channel";
            report.count(row, "per 1160 B", *one, &[(MANY_CHANNELS, *many)], None);
        }
        Ok(_) => {}
        Err(error) => println!("\n  instructions: skipped, because valgrind does not run: {error}"),
    }
}

fn each(name: &str) -> io::Result<f64> {
    let (less, more) = (run(name, LESS)?, run(name, MORE)?);
    Ok((more - less) / f64::from(MORE - LESS) * PAYLOAD)
}

fn run(name: &str, bytes: u32) -> io::Result<f64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .env(VARIABLE, format!("{name}={bytes}"))
        .output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    // A line of callgrind: "==123== Collected : 4567".
    let count = text.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    count.filter(|_| output.status.success()).ok_or_else(|| io::Error::other("no count in its output"))
}
