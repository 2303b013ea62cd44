//! The `drywire` program.

mod arguments;
mod dial;
mod echo;
mod files;
mod http;
mod ice_servers;
mod interrupt;
mod key_log;
mod network;
mod serve;
mod signalling;
mod stun;
mod turn;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use self::arguments::{Arguments, Command};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Standard output carries results; what happens meanwhile goes to standard error.
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn")))
        .with_writer(io::stderr)
        .init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failure(&format!("the asynchronous runtime does not start: {error}")),
    };
    match arguments.command() {
        Command::Serve(options) => match runtime.block_on(serve::run(options)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failure(&error.to_string()),
        },
        Command::Turn(options) => match runtime.block_on(turn::run(*options)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failure(&error.to_string()),
        },
        Command::Stun(options) => {
            let report = runtime.block_on(stun::run(&options));
            let printed = print_line(&stun::render(&options, &report));
            match &report.error {
                Some(error) => failure(error),
                None if report.is_ok() && printed => ExitCode::SUCCESS,
                None => ExitCode::FAILURE,
            }
        }
        Command::Dial(options) => {
            let report = runtime.block_on(dial::run(&options));
            let printed = print_line(&report.to_json());
            if report.is_ok() && printed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Command::Send(options) => finish(&runtime.block_on(files::send(&options))),
        Command::Receive(options) => finish(&runtime.block_on(files::receive(&options))),
    }
}

fn finish(report: &files::Report) -> ExitCode {
    let printed = print_line(&report.to_json());
    if report.is_ok() && printed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn failure(message: &str) -> ExitCode {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(io::stderr(), "drywire: {message}");
    ExitCode::FAILURE
}

/// Prints a line of results; a reader that has gone away is no reason to panic.
fn print_line(line: &str) -> bool {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).is_ok()
}

/// Milliseconds to a microsecond's precision.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
