//! `drywire send` and `drywire receive` against `drywire serve --files`.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use drywire_core::Rng;

use crate::peer::run;
use crate::server::{Server, program};

fn drywire(arguments: &[&str]) -> serde_json::Value {
    let finished = run(Command::new(program()).args(arguments), Duration::from_secs(60));
    println!("{}{}", finished.stderr, finished.stdout);
    let report: serde_json::Value =
        serde_json::from_str(finished.stdout.trim_end()).expect("one line of JSON");
    assert_eq!(report["result"] == "ok", finished.status.success());
    report
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain name")
}

#[test]
fn a_file_is_sent_and_received() {
    let folder = std::env::temp_dir().join(format!("drywire-{}-files", std::process::id()));
    let [kept, got] = ["kept", "got"].map(|name| folder.join(name));
    std::fs::create_dir_all(&got).expect("our own folder");
    let path = folder.join("data.bin");
    let mut random = Rng::new([1; 32]);
    let data: Vec<u8> = (0..5_000_000).flat_map(|_| random.u32().to_le_bytes()).collect();
    std::fs::write(&path, &data).expect("a file");

    let server = Server::start_with(&["--files", text(&kept)]);
    let url = format!("{}/offer", server.url);
    let sent = drywire(&["send", text(&path), &url]);
    assert_eq!((&sent["result"], &sent["resumed_at"]), (&"ok".into(), &0.into()));
    assert_eq!(std::fs::read(kept.join("data.bin")).expect("it is kept"), data);
    // What the server has already is not sent again.
    let again = drywire(&["send", text(&path), &url]);
    assert_eq!((&again["result"], &again["resumed_at"]), (&"ok".into(), &data.len().into()));
    assert_eq!(again["sha256"], sent["sha256"]);

    // The receiver begins with nothing; then with the part that another run has left.
    let receive = ["receive", "data.bin", &url, "--into", text(&got)];
    let received = drywire(&receive);
    assert_eq!((&received["result"], &received["resumed_at"]), (&"ok".into(), &0.into()));
    assert_eq!(received["sha256"], sent["sha256"]);
    assert_eq!(std::fs::read(got.join("data.bin")).expect("it is there"), data);
    let none = drywire(&["receive", "../kept/nothing", &url, "--into", text(&got)]);
    assert_eq!(none["error"], "the server has no such file");

    // A server that only echoes says so.
    let echo = Server::start();
    let refused = drywire(&["send", text(&path), &format!("{}/offer", echo.url)]);
    assert!(refused["error"].as_str().is_some_and(|error| error.contains("--files")), "{refused}");
    std::fs::remove_dir_all(folder).expect("our own folder");
}

/// A client that is killed in the middle leaves a part, and the next one goes on from there; the file that the part belongs to
/// is the same.
#[test]
#[allow(clippy::disallowed_methods, reason = "this waits for another program")]
fn a_transfer_that_was_killed_is_resumed() {
    let folder = std::env::temp_dir().join(format!("drywire-{}-killed", std::process::id()));
    let [kept, got] = ["kept", "got"].map(|name| folder.join(name));
    for path in [&kept, &got] {
        std::fs::create_dir_all(path).expect("our own folder");
    }
    let mut random = Rng::new([2; 32]);
    let data: Vec<u8> = (0..30_000_000).flat_map(|_| random.u32().to_le_bytes()).collect();
    std::fs::write(kept.join("large.bin"), &data).expect("a file");
    let server = Server::start_with(&["--files", text(&kept)]);
    let url = format!("{}/offer", server.url);
    let receive = ["receive", "large.bin", &url, "--into", text(&got)];

    let mut child = Command::new(program())
        .args(receive)
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("the program starts");
    let part = || {
        let entries = std::fs::read_dir(&got).expect("our own folder");
        let sizes = entries.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len()));
        sizes.max().unwrap_or(0)
    };
    for _ in 0..3000 {
        if part() > 5_000_000 {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().expect("it runs");
    child.wait().expect("it is ours");
    let len = part();
    assert!(len > 5_000_000 && len < 120_000_000, "it was killed with {len} bytes");

    let report = drywire(&receive);
    assert_eq!(report["result"], "ok");
    assert_eq!(report["resumed_at"], len);
    assert!(std::fs::read(got.join("large.bin")).expect("it is there") == data, "the file differs");
    std::fs::remove_dir_all(folder).expect("our own folder");
}
