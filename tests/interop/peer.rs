//! Foreign programs: finding them, and running them for a bounded time.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A file of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Where screenshots and reports go.
pub(crate) fn artifacts() -> PathBuf {
    let folder = repository("target/interop");
    std::fs::create_dir_all(&folder).expect("target/interop can be made");
    folder
}

/// Says why a test is skipped, or fails when skipping is not allowed.
pub(crate) fn absent(reason: &str) {
    let required = std::env::var("DRYWIRE_REQUIRE_PEERS").is_ok_and(|value| value == "1");
    assert!(!required, "required by DRYWIRE_REQUIRE_PEERS=1, but {reason}");
    println!("skipped: {reason}");
}

/// What keeps a machine busy for long is done one after the other.
pub(crate) fn heavy() -> MutexGuard<'static, ()> {
    static HEAVY: Mutex<()> = Mutex::new(());
    // A test that failed leaves nothing behind that matters here.
    HEAVY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether `program --version` runs.
pub(crate) fn runs(program: impl AsRef<Path>) -> bool {
    Command::new(program.as_ref())
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// What a program left behind.
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `command` to its end, or kills it after `limit` and panics.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Finished {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    // Both pipes are read while the program runs: a full one would stop it.
    let stdout = read(child.stdout.take());
    let stderr = read(child.stderr.take());
    let status = wait(&mut child, limit);
    let text = |reader: std::thread::JoinHandle<String>| reader.join().unwrap_or_default();
    let (stdout, stderr) = (text(stdout), text(stderr));
    let Some(status) = status else { panic!("{command:?} ran longer than {limit:?}:\n{stderr}\n{stdout}") };
    Finished { status, stdout, stderr }
}

#[allow(clippy::disallowed_methods, reason = "this waits for another program")]
fn read(pipe: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was read before an error is what there is.
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

#[allow(clippy::disallowed_methods, reason = "this waits for another program")]
fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let end = Instant::now() + limit;
    while Instant::now() < end {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}
