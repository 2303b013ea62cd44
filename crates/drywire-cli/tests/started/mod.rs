use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

/// The program.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_drywire");

/// Starts the program, and waits for the first line that it prints: then it listens. What it prints next can be read on.
pub(crate) fn start(
    arguments: impl IntoIterator<Item = impl AsRef<std::ffi::OsStr>>,
) -> (Child, BufReader<ChildStdout>, String) {
    let mut child =
        Command::new(PROGRAM).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    (child, stdout, line)
}
