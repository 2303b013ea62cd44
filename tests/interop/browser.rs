//! Chromium, through the scripts in `browser/`.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::peer::{absent, artifacts, heavy, repository, run, runs};
use crate::relay::Relay;
use crate::server::{Server, free_port};
use crate::turn::{TurnServer, USER};

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
fn script<A: AsRef<OsStr>>(name: &str, server: &Server, arguments: &[A]) {
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
    script::<&str>("sped.mjs", &Server::start_with(&["--sped"]), &[]);
}

#[test]
fn chromium_begins_channels_without_a_handshake() {
    if let Some(reason) = missing() {
        return absent(&reason);
    }
    script::<&str>("snap.mjs", &Server::start_with(&["--snap"]), &[]);
}

#[test]
fn chromium_encrypts_headers() {
    if let Some(reason) = missing() {
        return absent(&reason);
    }
    script::<&str>("headers.mjs", &Server::start(), &[]);
}

#[test]
fn chromium_and_the_server_restart_ice_while_everything_flows() {
    if let Some(reason) = missing() {
        return absent(&reason);
    }
    script::<&str>("restart.mjs", &Server::start(), &[]);
}

#[test]
fn chromium_and_the_server_tell_each_other_names_only() {
    if let Some(reason) = missing() {
        return absent(&reason);
    }
    script::<&str>("names.mjs", &Server::start_with(&["--hide-addresses"]), &[]);
}

#[test]
fn chromium_without_udp_connects_over_tcp() {
    if let Some(reason) = missing() {
        return absent(&reason);
    }
    script::<&str>("tcp.mjs", &Server::start_with(&["--tcp", "0.0.0.0:0"]), &[]);
}

#[test]
fn chromium_connects_by_relays_of_ours_only() {
    if let Some(reason) = missing() {
        return absent(&reason);
    }
    let turn = TurnServer::start();
    let arguments = [[USER.0, USER.1].map(ToOwned::to_owned).to_vec(), turn.urls().to_vec()].concat();
    script("relay.mjs", &Server::start(), &arguments);
}

#[test]
fn chromium_gets_back_a_large_file() {
    if let Some(reason) = missing() {
        return absent(&reason);
    }
    let _alone = heavy();
    script("files.mjs", &Server::start(), &["100"]);
}

#[test]
fn chromium_gets_back_a_large_file_that_was_kept() {
    if let Some(reason) = missing() {
        return absent(&reason);
    }
    let _alone = heavy();
    let folder = std::env::temp_dir().join(format!("drywire-{}-chromium-files", std::process::id()));
    let path = folder.to_str().expect("a plain name");
    script("files.mjs", &Server::start_with(&["--files", path]), &["30", path]);
    std::fs::remove_dir_all(folder).expect("our own folder");
}

#[test]
fn chromium_uses_channels_in_numbers_and_under_loss() {
    if let Some(reason) = missing() {
        return absent(&reason);
    }
    let _alone = heavy();
    let port = free_port();
    let server = Server::start_with(&["--udp", &format!("0.0.0.0:{port}")]);
    // One in thirty: with the two ways of an echo, about 7 % of the messages.
    let relay = Relay::start(port, 30, 1);
    script("channels.mjs", &server, &[relay.port.to_string()]);
    let (passed, lost) = relay.counts();
    println!("the relay passed {passed} datagrams and lost {lost}");
    assert!(lost > 50, "only {lost} datagrams were lost: nothing was tested");
}
