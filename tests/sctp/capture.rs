//! One capture file for many networks.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// The length of the header of a capture file.
const FILE_HEADER: usize = 24;

/// A capture file that any number of networks write to, one after the other.
#[derive(Clone)]
pub(crate) struct Capture(Arc<Mutex<Shared>>);

struct Shared {
    file: BufWriter<File>,
    has_header: bool,
}

impl Capture {
    pub(crate) fn create(path: &Path) -> Self {
        let file = BufWriter::new(File::create(path).expect("a capture file"));
        Self(Arc::new(Mutex::new(Shared { file, has_header: false })))
    }

    /// What the next network writes to.
    pub(crate) fn session(&self) -> Session {
        let mut shared = self.0.lock().expect("no panic");
        let skip = if shared.has_header { FILE_HEADER } else { 0 };
        shared.has_header = true;
        Session { capture: self.clone(), skip }
    }

    pub(crate) fn finish(&self) {
        self.0.lock().expect("no panic").file.flush().expect("the capture is written");
    }
}

/// One network's part of the file: all but the file header, which is written once.
pub(crate) struct Session {
    capture: Capture,
    skip: usize,
}

impl Write for Session {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let skipped = self.skip.min(bytes.len());
        self.skip -= skipped;
        self.capture.0.lock().expect("no panic").file.write_all(&bytes[skipped..])?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
