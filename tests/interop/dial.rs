//! `drywire dial` against `drywire serve`.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use crate::peer::run;
use crate::server::{Server, program};

#[test]
fn dial_gets_back_what_it_sends() {
    let logs = ["server", "client"]
        .map(|side| std::env::temp_dir().join(format!("drywire-{}-{side}.keys", std::process::id())));
    let [server_log, client_log] = logs.each_ref().map(|path| path.to_str().expect("a plain name"));
    let server = Server::start_with(&["--key-log", server_log]);
    let url = format!("{}/offer", server.url);
    let arguments = ["dial", &url, "--timeout", "20", "--key-log", client_log];
    let finished = run(Command::new(program()).args(arguments), Duration::from_secs(30));
    println!("{}{}", finished.stderr, finished.stdout);
    let report: serde_json::Value =
        serde_json::from_str(finished.stdout.trim_end()).expect("one line of JSON");
    assert_eq!(report["result"], "ok");
    assert_eq!(report["dtls_version"], "DTLS 1.3");
    assert_eq!(report["group"], "X25519MLKEM768");
    assert!(finished.status.success());
    // Both know the same secrets.
    let [theirs, ours] = logs.map(|path| {
        let log = std::fs::read_to_string(&path).expect("a key log");
        std::fs::remove_file(path).expect("our own file");
        log.lines().map(str::to_owned).collect::<BTreeSet<_>>()
    });
    assert_eq!(ours, theirs);
    assert_eq!(ours.len(), 5, "{ours:?}");
}
