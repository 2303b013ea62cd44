//! Chromium, through the scripts in `browser/`.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::peer::{absent, artifacts, repository, run, runs};
use crate::server::Server;

/// Says what is missing to run a browser, if anything is.
fn missing() -> Option<String> {
    let chromium = std::env::var("CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".to_owned());
    if !Path::new(&chromium).exists() {
        return Some(format!("there is no browser at {chromium}"));
    }
    if !runs("node") {
        return Some("node does not run".to_owned());
    }
    if !repository("tests/interop/browser/node_modules/playwright-core").exists() {
        return Some("playwright-core is not installed: run `npm ci` in tests/interop/browser".to_owned());
    }
    None
}

/// Runs a script against a server.
fn script(name: &str, server: &Server, arguments: &[&Path]) {
    let finished = run(
        Command::new("node")
            .arg(repository("tests/interop/browser").join(name))
            .arg(&server.url)
            .args(arguments),
        Duration::from_secs(180),
    );
    println!("{}{}", finished.stderr, finished.stdout);
    assert!(finished.status.success(), "see the output above");
}

#[test]
fn chromium_gets_back_what_it_sends() {
    if let Some(reason) = missing() {
        return absent(&reason);
    }
    script("echo.mjs", &Server::start(), &[&artifacts().join("page.png")]);
}

#[test]
fn chromium_does_its_handshake_inside_stun() {
    if let Some(reason) = missing() {
        return absent(&reason);
    }
    script("sped.mjs", &Server::start_with(&["--sped"]), &[]);
}

#[test]
fn chromium_encrypts_headers() {
    if let Some(reason) = missing() {
        return absent(&reason);
    }
    script("headers.mjs", &Server::start(), &[]);
}
