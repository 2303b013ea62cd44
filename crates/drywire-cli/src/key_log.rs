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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_added_to_a_file_of_the_owner() {
        let path = std::env::temp_dir().join(format!("drywire-key-log-{}", std::process::id()));
        for secret in [[0xAB; 48], [0x01; 48]] {
            KeyLogFile::open(&path).unwrap().log("CLIENT_RANDOM", &[0x0F; 32], &secret);
        }
        let text = std::fs::read_to_string(&path).unwrap();
        #[cfg(unix)]
        {
            let mode =
                std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
            assert_eq!(mode & 0o777, 0o600);
        }
        std::fs::remove_file(&path).unwrap();
        let line = |byte: &str| format!("CLIENT_RANDOM {} {}\n", "0f".repeat(32), byte.repeat(48));
        assert_eq!(text, [line("ab"), line("01")].concat());
    }

    #[test]
    fn nothing_is_opened_in_a_folder_that_is_not_there() {
        assert!(KeyLogFile::open(Path::new("/there/is/no/such/folder/keys")).is_err());
    }
}
