//! The shim that BoringSSL's protocol test runner ("BoGo") drives: `drywire-dtls` behind the runner's command line and
//! its packets over TCP. The runner is a TLS implementation that can be made to misbehave in hundreds of ways.
//!
//! The shim knows no test, only flags: a test that asks for a flag, or for a value of one, that drywire has nothing for
//! ends with the exit code that says so. See `tests/bogo/run`.

mod config;
mod flags;
mod packets;
mod session;

use std::process::ExitCode;

use drywire_core::Instant;
use flags::Flags;
use packets::Packets;
use session::Session;

/// The exit code that means: this is not implemented.
const UNIMPLEMENTED: u8 = 89;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1).peekable();
    // The runner asks first whether there is a split handshaker.
    if args.peek().is_some_and(|arg| arg == "-is-handshaker-supported") {
        #[allow(clippy::print_stdout, reason = "the answer")]
        {
            println!("No");
        }
        return ExitCode::SUCCESS;
    }
    let flags = match Flags::parse(args) {
        Ok(flags) => flags,
        Err(error) => return report(&error, UNIMPLEMENTED),
    };
    let config = match config::config(&flags, drywire_crypto_aws_lc::provider()) {
        Ok(config) => config,
        Err(error @ config::ConfigError::Unsupported(_)) => return report(&error, UNIMPLEMENTED),
        Err(error) => return report(&error, 1),
    };
    let packets = match Packets::connect(&flags) {
        Ok(packets) => packets,
        Err(error) => return report(&error, 1),
    };
    #[allow(clippy::disallowed_methods, reason = "where the virtual clock begins is of no account")]
    let now = Instant::now();
    match Session::new(&flags, config, packets, now).run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&error, 1),
    }
}

#[allow(clippy::print_stderr, reason = "the runner compares it with what it expects")]
fn report(error: &dyn std::error::Error, code: u8) -> ExitCode {
    eprintln!("{error}");
    ExitCode::from(code)
}
