//! Every packet of every scenario, read by somebody else's dissector.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::capture::Capture;
use crate::peer::{Finished, absent, run, runs};
use crate::world::Case;
use crate::{ALL, seeds};

fn tshark(capture: &Path, filter: &str) -> Finished {
    run(
        Command::new("tshark")
            .args(["-n", "-o", "sctp.checksum:CRC 32c", "-o", "sctp.relative_tsns:FALSE", "-r"])
            .arg(capture)
            .args([
                "-Y",
                filter,
                "-T",
                "fields",
                "-e",
                "frame.number",
                "-e",
                "_ws.expert.message",
                "-e",
                "_ws.col.Info",
            ]),
        Duration::from_secs(600),
    )
}

#[test]
fn every_packet_of_every_scenario_is_well_formed() {
    if !runs("tshark") {
        return absent("tshark is not installed");
    }
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sctp.pcap");
    let capture = Capture::create(&path);
    let mut number = 0;
    for (name, scenario) in ALL {
        for seed in seeds(6) {
            println!("{name}, seed {seed}: 10.{}.{}.0", number >> 8, number & 0xff);
            scenario(&Case::captured(seed, &capture, number));
            number += 1;
        }
    }
    capture.finish();
    // A checksum of zero stands for none where both sides have agreed on it (RFC 9653); this dissector does not know.
    let wrong = "_ws.malformed || (_ws.expert.severity == error && !(sctp.checksum == 0)) || !sctp \
                 || (sctp.checksum.status == 0 && !(sctp.checksum == 0))";
    let found = tshark(&path, wrong);
    assert!(found.status.success(), "tshark failed: {}", found.stderr);
    let lines: Vec<_> = found.stdout.lines().take(20).collect();
    assert!(lines.is_empty(), "{} has packets that are wrong:\n{}", path.display(), lines.join("\n"));
}
