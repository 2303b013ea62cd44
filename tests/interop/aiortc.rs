//! aiortc, a WebRTC stack in Python that speaks DTLS 1.2, through `aiortc/echo.py`.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::peer::{absent, heavy, repository, run};
use crate::relay::Relay;
use crate::server::{Server, free_port};

/// The interpreter, or what is missing.
fn python() -> Result<PathBuf, String> {
    let python = std::env::var_os("DRYWIRE_AIORTC_PYTHON")
        .map_or_else(|| repository("target/interop/venv/bin/python"), PathBuf::from);
    let import = Command::new(&python).args(["-c", "import aiortc"]).output();
    if import.is_ok_and(|output| output.status.success()) {
        Ok(python)
    } else {
        Err(format!("{} has no aiortc: see tests/interop/README.md", python.display()))
    }
}

#[test]
fn aiortc_gets_back_what_it_sends() {
    let python = match python() {
        Ok(python) => python,
        Err(reason) => return absent(&reason),
    };
    let server = Server::start();
    let finished = run(
        Command::new(&python).arg(repository("tests/interop/aiortc/echo.py")).arg(&server.url),
        Duration::from_secs(90),
    );
    println!("{}{}", finished.stderr, finished.stdout);
    assert!(finished.status.success(), "see the output above");
}

/// A file both ways, 1,000 channels, and channels under loss. The file has as many MiB as `DRYWIRE_AIORTC_MEBIBYTES` says.
#[test]
fn aiortc_sends_files_and_uses_channels_in_numbers_and_under_loss() {
    let python = match python() {
        Ok(python) => python,
        Err(reason) => return absent(&reason),
    };
    let _alone = heavy();
    let mebibytes = std::env::var("DRYWIRE_AIORTC_MEBIBYTES").unwrap_or_else(|_| "100".to_owned());
    let folder = std::env::temp_dir().join(format!("drywire-{}-aiortc-files", std::process::id()));
    let port = free_port();
    let path = folder.to_str().expect("a plain name");
    let server = Server::start_with(&["--udp", &format!("0.0.0.0:{port}"), "--files", path]);
    let relay = Relay::start(port, 30, 2);
    let finished = run(
        Command::new(&python).arg(repository("tests/interop/aiortc/data.py")).args([
            &server.url,
            &relay.port.to_string(),
            &mebibytes,
        ]),
        Duration::from_secs(900),
    );
    println!("{}{}", finished.stderr, finished.stdout);
    assert!(finished.status.success(), "see the output above");
    let (passed, lost) = relay.counts();
    println!("the relay passed {passed} datagrams and lost {lost}");
    assert!(lost > 50, "only {lost} datagrams were lost: nothing was tested");
    std::fs::remove_dir_all(folder).expect("our own folder");
}
