//! Chromium, through `browser/echo.mjs`.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::peer::{absent, artifacts, repository, run, runs};
use crate::server::Server;

#[test]
fn chromium_gets_back_what_it_sends() {
    let chromium = std::env::var("CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".to_owned());
    if !Path::new(&chromium).exists() {
        return absent(&format!("there is no browser at {chromium}"));
    }
    if !runs("node") {
        return absent("node does not run");
    }
    if !repository("tests/interop/browser/node_modules/playwright-core").exists() {
        return absent("playwright-core is not installed: run `npm ci` in tests/interop/browser");
    }
    let server = Server::start();
    let finished = run(
        Command::new("node")
            .arg(repository("tests/interop/browser/echo.mjs"))
            .arg(&server.url)
            .arg(artifacts().join("page.png")),
        Duration::from_secs(180),
    );
    println!("{}{}", finished.stderr, finished.stdout);
    assert!(finished.status.success(), "see the output above");
}
