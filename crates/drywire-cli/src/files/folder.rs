use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use drywire::crypto::{HashAlgorithm, Provider};
use drywire_file::{FileName, Offer, Prefix, TransferId};

/// What ends the name of a file that is not complete.
const INCOMPLETE: &str = ".part";

/// A folder that files are received into and sent from.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder `path`, which is made if it is not there.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        Ok(Self { path: path.to_owned() })
    }

    /// The file with this name, to be sent.
    pub(crate) fn source(&self, provider: &dyn Provider, name: &FileName) -> io::Result<Source> {
        if name.as_str().ends_with(INCOMPLETE) {
            return Err(io::ErrorKind::NotFound.into());
        }
        Source::open(provider, &self.path.join(name.as_str()))
    }

    /// Where a file is stored until it is complete. `kept` says what is in it already: with `None` it begins anew.
    pub(crate) fn part(&self, offer: &Offer, kept: Option<&mut Prefix>) -> io::Result<Part> {
        let path = self.path.join(format!("{}{INCOMPLETE}", offer.id()));
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
        let mut len = 0;
        if let Some(prefix) = kept {
            let mut buffer = vec![0; 1024 * 1024];
            // Of a part that is longer than the file nothing is right.
            while file.metadata()?.len() <= offer.len() {
                let read = file.read(&mut buffer)?;
                if read == 0 {
                    break;
                }
                prefix.update(buffer.get(..read).unwrap_or_default());
            }
            len = prefix.len();
        }
        file.set_len(len)?;
        file.seek(SeekFrom::Start(len))?;
        Ok(Part { file, path })
    }

    /// Gives a complete file its name, or one like it if that is taken. Returns the name.
    pub(crate) fn keep(&self, part: Part, name: &FileName) -> io::Result<FileName> {
        part.file.sync_all()?;
        let stem = name.as_str().rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
        let extension = name.as_str().strip_prefix(stem).unwrap_or_default();
        for number in 1..1000 {
            let candidate = match number {
                1 => name.clone(),
                _ => FileName::sanitized(&format!("{stem} ({number}){extension}")),
            };
            // A link does not replace what is there, as renaming does.
            let target = self.path.join(candidate.as_str());
            match fs::hard_link(&part.path, &target) {
                Ok(()) => {
                    fs::remove_file(&part.path)?;
                    return Ok(candidate);
                }
                // Not every file system has links.
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists && !target.exists() => {
                    fs::rename(&part.path, &target)?;
                    return Ok(candidate);
                }
                Err(_) => {}
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}

/// A file that is being received.
#[derive(Debug)]
pub(crate) struct Part {
    file: File,
    path: PathBuf,
}

impl Part {
    /// Adds the next bytes.
    pub(crate) fn append(&mut self, data: &[u8]) -> io::Result<()> {
        self.file.write_all(data)
    }

    /// Nobody wants it any more.
    pub(crate) fn remove(self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "an incomplete file was not removed");
        }
    }
}

/// A file that is being sent.
#[derive(Debug)]
pub(crate) struct Source {
    file: File,
    offer: Offer,
    /// What is read into, so that chunks share memory.
    buffer: BytesMut,
}

impl Source {
    /// A file, whose transfer is called after where and what it is: path, length and time of last change.
    pub(crate) fn open(provider: &dyn Provider, path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
        }
        let version =
            format!("{} {} {:?}", path.canonicalize()?.display(), metadata.len(), metadata.modified());
        let digest = provider.digest(HashAlgorithm::Sha256, &[version.as_bytes()]);
        let mut id = [0; 16];
        for (to, from) in id.iter_mut().zip(digest.as_bytes()) {
            *to = *from;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let offer = Offer::new(TransferId(id), metadata.len(), FileName::sanitized(&name));
        let offer = offer.ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge))?;
        Ok(Self { file, offer, buffer: BytesMut::new() })
    }

    /// The same file under another name of its transfer.
    pub(crate) fn named(mut self, id: TransferId) -> Self {
        if let Some(offer) = Offer::new(id, self.offer.len(), self.offer.name().clone()) {
            self.offer = offer;
        }
        self
    }

    pub(crate) fn offer(&self) -> &Offer {
        &self.offer
    }

    /// Up to `len` bytes from `offset` on; none at the end of the file.
    pub(crate) fn read(&mut self, offset: u64, len: usize) -> io::Result<Bytes> {
        self.file.seek(SeekFrom::Start(offset))?;
        self.buffer.resize(len, 0);
        let read = loop {
            match self.file.read(&mut self.buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.buffer.truncate(read);
        Ok(self.buffer.split().freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(id: u8, len: u64) -> Offer {
        Offer::new(TransferId([id; 16]), len, FileName::sanitized("a.tar.gz")).unwrap()
    }

    #[test]
    fn what_is_kept_replaces_nothing_and_parts_are_not_given_out() {
        let path = std::env::temp_dir().join(format!("drywire-folder-{}", std::process::id()));
        let folder = Folder::open(&path).unwrap();
        let provider = drywire::default_provider();
        for (id, expected) in [(1, "a.tar.gz"), (2, "a.tar (2).gz"), (3, "a.tar (3).gz")] {
            let mut part = folder.part(&offer(id, 3), None).unwrap();
            part.append(&[id; 3]).unwrap();
            let part_name = FileName::sanitized(&format!("{}.part", offer(id, 3).id()));
            assert!(folder.source(&*provider, &part_name).is_err());
            let name = folder.keep(part, offer(id, 3).name()).unwrap();
            assert_eq!(name.as_str(), expected);
            let mut source = folder.source(&*provider, &name).unwrap();
            assert_eq!(source.read(0, 100).unwrap(), vec![id; 3]);
            assert_eq!(source.read(2, 1).unwrap(), vec![id]);
            assert!(source.read(3, 1).unwrap().is_empty());
        }
        fs::remove_dir_all(&path).unwrap();
    }

    #[test]
    fn a_part_is_read_again_or_begun_anew() {
        let path = std::env::temp_dir().join(format!("drywire-part-{}", std::process::id()));
        let folder = Folder::open(&path).unwrap();
        let provider = drywire::default_provider();
        let kept = |len| {
            let mut prefix = Prefix::new(&*provider);
            folder.part(&offer(1, len), Some(&mut prefix)).unwrap();
            prefix
        };
        folder.part(&offer(1, 10), None).unwrap().append(b"hello").unwrap();
        let mut hello = Prefix::new(&*provider);
        hello.update(b"hello");
        assert_eq!((kept(10).len(), kept(10).hash()), (5, hello.hash()));
        // It cannot be the beginning of a shorter file.
        assert_eq!(kept(4).len(), 0);
        folder.part(&offer(1, 10), None).unwrap().append(b"hi").unwrap();
        assert_eq!(kept(10).len(), 2);
        fs::remove_dir_all(&path).unwrap();
    }
}
