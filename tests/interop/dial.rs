//! `drywire dial` against `drywire serve`.

use std::process::Command;
use std::time::Duration;

use crate::peer::run;
use crate::server::{Server, program};

#[test]
fn dial_gets_back_what_it_sends() {
    let server = Server::start();
    let url = format!("{}/offer", server.url);
    let finished =
        run(Command::new(program()).args(["dial", &url, "--timeout", "20"]), Duration::from_secs(30));
    println!("{}{}", finished.stderr, finished.stdout);
    let report: serde_json::Value =
        serde_json::from_str(finished.stdout.trim_end()).expect("one line of JSON");
    assert_eq!(report["result"], "ok");
    assert_eq!(report["dtls_version"], "DTLS 1.3");
    assert_eq!(report["group"], "X25519MLKEM768");
    assert!(finished.status.success());
}
