//! The secrets of connections in a file, for tools that decrypt captures (RFC 9850).

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Mutex;

use drywire::dtls::KeyLog;

/// Appends one line for each secret.
#[derive(Debug)]
pub(crate) struct KeyLogFile {
    file: Mutex<File>,
}

impl KeyLogFile {
    /// Opens the file, or makes one that only its owner can read.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Ok(Self { file: Mutex::new(options.open(path)?) })
    }
}

impl KeyLog for KeyLogFile {
    fn log(&self, label: &'static str, client_random: &[u8; 32], secret: &[u8]) {
        let mut line = format!("{label} ");
        hex(&mut line, client_random);
        line.push(' ');
        hex(&mut line, secret);
        line.push('\n');
        // Lines of several connections must not mix: each is one write.
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Err(error) = file.write_all(line.as_bytes()) {
            tracing::warn!(%error, "a secret could not be written to the key log");
        }
    }
}

fn hex(line: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // A string takes everything.
        let _ = write!(line, "{byte:02x}");
    }
}
