//! aiortc, a WebRTC stack in Python that speaks DTLS 1.2, through `aiortc/echo.py`.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::peer::{absent, repository, run};
use crate::server::Server;

#[test]
fn aiortc_gets_back_what_it_sends() {
    let python = std::env::var_os("DRYWIRE_AIORTC_PYTHON")
        .map_or_else(|| repository("target/interop/venv/bin/python"), PathBuf::from);
    let import = Command::new(&python).args(["-c", "import aiortc"]).output();
    if !import.is_ok_and(|output| output.status.success()) {
        return absent(&format!("{} has no aiortc: see tests/interop/README.md", python.display()));
    }
    let server = Server::start();
    let finished = run(
        Command::new(&python).arg(repository("tests/interop/aiortc/echo.py")).arg(&server.url),
        Duration::from_secs(90),
    );
    println!("{}{}", finished.stderr, finished.stdout);
    assert!(finished.status.success(), "see the output above");
}
