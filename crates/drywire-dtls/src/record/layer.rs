use bytes::{Buf as _, BytesMut};
use drywire_crypto::TAG_LEN;

use super::number::MAX_SEQUENCE;
use super::protect13::OpenFailure;
use super::replay::ReplayWindow;
use super::{
    ConnectionIds, ContentType, Header, Keys12, Keys13, MAX_PLAINTEXT, PlaintextHeader, RawRecord,
    RecordNumber,
};
use crate::agreed::RecordLimits;
use crate::{RecordError, Stats, Version};

/// How many records of DTLS 1.3 one key may protect: 2^24.5 (RFC 8446, section 5.5; RFC 9147, section 4.5.3).
const MAX_RECORDS_13: u64 = 23_726_566;
/// How many of them are protected before the key is updated.
const UPDATE_AFTER_13: u64 = 1 << 23;
/// How many blocks of 16 bytes one key of DTLS 1.2, where no key can be updated, may protect: the same number of records
/// of the largest size.
const MAX_BLOCKS_12: u64 = MAX_RECORDS_13 << 10;
/// How many forgeries are tolerated before the keys are given up (RFC 9147, section 4.5.3).
const MAX_FORGERIES: u64 = 1 << 36;

/// The keys that write the records of an epoch.
pub(crate) enum WriteKeys {
    Plaintext,
    Dtls12(Keys12),
    Dtls13(Keys13),
}

struct WriteEpoch {
    epoch: u64,
    next: u64,
    blocks: u64,
    keys: WriteKeys,
}

/// The keys that read the records of an epoch.
pub(crate) enum ReadKeys {
    Dtls12(Keys12),
    Dtls13(Keys13),
}

struct ReadEpoch {
    epoch: u64,
    window: ReplayWindow,
    keys: ReadKeys,
}

/// A record that was read.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) content: ContentType,
    pub(crate) number: RecordNumber,
    pub(crate) payload: BytesMut,
}

/// What came of reading a record.
#[derive(Debug)]
pub(crate) enum Opening {
    Opened(Opened),
    /// The keys of its epoch are not there yet.
    NoKeys(RawRecord),
    /// It is of the peer, and longer than any record may be.
    TooLong,
    Discarded,
}

/// DTLS 1.0: what stands in records before the version is known.
const OPEN_VERSION: u16 = 0xFEFF;

/// All epochs of a connection: numbers records, protects and opens them.
pub(crate) struct RecordLayer {
    /// In ascending order; the first is epoch 0 until it is retired, the last is the current one.
    write: Vec<WriteEpoch>,
    read: Vec<ReadEpoch>,
    forgeries: u64,
    /// Whether we are a client that does not know the version yet.
    version_open: bool,
    pub(crate) ids: ConnectionIds,
    /// The longest content of protected records, to the peer and from it (RFC 8449).
    max_write: usize,
    max_read: usize,
}

impl RecordLayer {
    pub(crate) fn new() -> Self {
        // Epoch 0, and in DTLS 1.3 those of the handshake and of the application.
        let mut write = Vec::with_capacity(3);
        write.push(WriteEpoch { epoch: 0, next: 0, blocks: 0, keys: WriteKeys::Plaintext });
        Self {
            write,
            read: Vec::new(),
            forgeries: 0,
            version_open: false,
            ids: ConnectionIds::default(),
            max_write: MAX_PLAINTEXT,
            max_read: MAX_PLAINTEXT,
        }
    }

    /// Limits the protected records. In DTLS 1.3 the limits count the type of the content, too (RFC 8449, section 4).
    pub(crate) fn set_limits(&mut self, version: Version, limits: RecordLimits) {
        let content_type = usize::from(version == Version::Dtls13);
        self.max_write = (usize::from(limits.write) - content_type).min(MAX_PLAINTEXT);
        self.max_read = (usize::from(limits.read) - content_type).min(MAX_PLAINTEXT);
    }

    /// Says whether the version is still open: the records of a first ClientHello name the oldest one, as all clients
    /// do so that no server takes offence (RFC 8446, section 5.1; RFC 6347, section 4.2.1).
    pub(crate) const fn set_version_open(&mut self, open: bool) {
        self.version_open = open;
    }

    /// The longest content of a record of `epoch`.
    pub(crate) fn max_plaintext(&self, epoch: u64) -> usize {
        match epoch {
            0 => MAX_PLAINTEXT,
            // With a connection identifier the type of the content counts in DTLS 1.2, too.
            1 if !self.ids.remote().is_empty() => self.max_write - 1,
            _ => self.max_write,
        }
    }

    /// Adds the keys of a new epoch, which becomes the current one.
    pub(crate) fn add_write_epoch(&mut self, epoch: u64, keys: WriteKeys) {
        self.write.push(WriteEpoch { epoch, next: 0, blocks: 0, keys });
    }

    pub(crate) fn add_read_epoch(&mut self, epoch: u64, keys: ReadKeys) {
        self.read.push(ReadEpoch { epoch, window: ReplayWindow::default(), keys });
    }

    /// Sets the number of the next record that is not protected.
    pub(crate) fn set_plaintext_sequence(&mut self, sequence: u64) {
        if let Some(first) = self.write.first_mut().filter(|write| write.epoch == 0) {
            first.next = sequence;
        }
    }

    /// Forgets the keys that wrote epochs before `epoch`.
    pub(crate) fn retire_write_before(&mut self, epoch: u64) {
        self.write.retain(|write| write.epoch >= epoch);
    }

    /// Forgets the keys that read epochs before `epoch`.
    pub(crate) fn retire_read_before(&mut self, epoch: u64) {
        self.read.retain(|read| read.epoch >= epoch);
    }

    /// The epoch that is written now.
    pub(crate) fn write_epoch(&self) -> u64 {
        self.write.last().map_or(0, |write| write.epoch)
    }

    /// Whether the peer's records are protected by now: then what is not protected has no say.
    pub(crate) fn is_keyed(&self) -> bool {
        !self.read.is_empty()
    }

    /// Whether the current key should be updated (DTLS 1.3).
    pub(crate) fn wants_key_update(&self) -> bool {
        self.write
            .last()
            .is_some_and(|write| matches!(write.keys, WriteKeys::Dtls13(_)) && write.next >= UPDATE_AFTER_13)
    }

    /// Whether so many records were forged that the keys must no longer be used.
    pub(crate) const fn is_worn_out(&self) -> bool {
        self.forgeries >= MAX_FORGERIES
    }

    /// The number that the next record of `epoch` gets.
    pub(crate) fn next_number(&self, epoch: u64) -> RecordNumber {
        let write = self.write.iter().rev().find(|write| write.epoch == epoch);
        RecordNumber { epoch, sequence: write.map_or(0, |write| write.next) }
    }

    /// What stands before the plaintext in a record of `epoch`.
    pub(crate) fn header_len(&self, epoch: u64) -> usize {
        match self.write.iter().rev().find(|write| write.epoch == epoch).map(|write| &write.keys) {
            Some(WriteKeys::Dtls13(_)) => super::UnifiedHeader::LEN + self.ids.remote().len(),
            Some(WriteKeys::Dtls12(keys)) => {
                PlaintextHeader::LEN + self.ids.remote().len() + keys.explicit_nonce_len()
            }
            Some(WriteKeys::Plaintext) | None => PlaintextHeader::LEN,
        }
    }

    /// What a record of `epoch` adds to its plaintext.
    pub(crate) fn overhead(&self, epoch: u64) -> usize {
        let trailer =
            match self.write.iter().rev().find(|write| write.epoch == epoch).map(|write| &write.keys) {
                Some(WriteKeys::Dtls13(_)) => 1 + TAG_LEN,
                // With a connection identifier the type of the content stands inside (RFC 9146, section 4).
                Some(WriteKeys::Dtls12(_)) => usize::from(!self.ids.remote().is_empty()) + TAG_LEN,
                Some(WriteKeys::Plaintext) | None => 0,
            };
        self.header_len(epoch) + trailer
    }

    /// Appends a record of `epoch` to `out`.
    pub(crate) fn write(
        &mut self,
        epoch: u64,
        content: ContentType,
        parts: &[&[u8]],
        out: &mut Vec<u8>,
    ) -> Result<RecordNumber, RecordError> {
        let start = out.len();
        let header_len = self.header_len(epoch);
        out.resize(start + header_len, 0);
        for part in parts {
            out.extend_from_slice(part);
        }
        self.finish(epoch, content, out, start, header_len)
    }

    /// Completes the record at `start` of `out`: the plaintext stands after `header_len` bytes of room. On an error
    /// `out` is truncated to `start`.
    pub(crate) fn finish(
        &mut self,
        epoch: u64,
        content: ContentType,
        out: &mut Vec<u8>,
        start: usize,
        header_len: usize,
    ) -> Result<RecordNumber, RecordError> {
        let result = self.seal(epoch, content, out, start, header_len);
        if result.is_err() {
            out.truncate(start);
        }
        result
    }

    fn seal(
        &mut self,
        epoch: u64,
        content: ContentType,
        out: &mut Vec<u8>,
        start: usize,
        header_len: usize,
    ) -> Result<RecordNumber, RecordError> {
        if header_len != self.header_len(epoch) {
            return Err(RecordError::WrongBuffer);
        }
        let plaintext_len = out.len().checked_sub(start).and_then(|len| len.checked_sub(header_len));
        let plaintext_len = plaintext_len.ok_or(RecordError::WrongBuffer)?;
        if plaintext_len > self.max_plaintext(epoch) {
            return Err(RecordError::TooLong);
        }
        let write = self.write.iter_mut().rev().find(|write| write.epoch == epoch);
        let write = write.ok_or(RecordError::KeyLimit)?;
        let number = RecordNumber { epoch, sequence: write.next };
        let blocks = u64::try_from(plaintext_len / 16 + 2).unwrap_or(u64::MAX);
        // A sequence number is never used twice and never wraps (RFC 9147, section 4.2.1).
        let exhausted = write.next > MAX_SEQUENCE
            || match write.keys {
                WriteKeys::Plaintext => false,
                WriteKeys::Dtls12(_) => write.blocks.saturating_add(blocks) > MAX_BLOCKS_12,
                WriteKeys::Dtls13(_) => write.next >= MAX_RECORDS_13,
            };
        if exhausted {
            return Err(RecordError::KeyLimit);
        }
        // Counted before it is used: a failure in between cannot make two records share a nonce.
        write.next += 1;
        write.blocks = write.blocks.saturating_add(blocks);
        match &write.keys {
            WriteKeys::Plaintext => {
                put_header(out, start, content, number, &[])?;
                if self.version_open
                    && let Some(version) = out.get_mut(start + 1..start + 3)
                {
                    version.copy_from_slice(&OPEN_VERSION.to_be_bytes());
                }
            }
            WriteKeys::Dtls12(keys) => {
                let id = self.ids.remote();
                let outer = if id.is_empty() {
                    content
                } else {
                    out.push(content.code());
                    ContentType::WithConnectionId
                };
                let body = start + PlaintextHeader::LEN + id.len();
                let body = out.get_mut(body..).ok_or(RecordError::WrongBuffer)?;
                let tag = keys.seal(outer, number, id, body)?;
                out.extend_from_slice(&tag);
                put_header(out, start, outer, number, id)?;
            }
            WriteKeys::Dtls13(keys) => keys.seal(content, number, self.ids.remote(), out, start)?,
        }
        Ok(number)
    }

    /// Reads a record: decrypts it in place. What is not authentic is discarded without a word (RFC 9147, section
    /// 4.5.2; RFC 6347, section 4.1.2.7).
    pub(crate) fn open(&mut self, record: RawRecord, stats: &mut Stats) -> Opening {
        match record.header {
            Header::Plaintext(header) if header.epoch == 0 => {
                let number = RecordNumber { epoch: 0, sequence: header.sequence };
                // No replay window: it could be moved by anyone. Messages have numbers of their own.
                opened(record, header.content, number, PlaintextHeader::LEN, None)
            }
            Header::Plaintext(header) => self.open12(record, header, stats),
            Header::Unified(_) => self.open13(record, stats),
        }
    }

    fn open12(&mut self, mut record: RawRecord, header: PlaintextHeader, stats: &mut Stats) -> Opening {
        let epoch = u64::from(header.epoch);
        let Some(read) = self.read.iter_mut().find(|read| read.epoch == epoch) else {
            return Opening::NoKeys(record);
        };
        let ReadKeys::Dtls12(keys) = &read.keys else {
            stats.records_discarded += 1;
            return Opening::Discarded;
        };
        // What has no identifier of ours where it must have one, or one where it must not, is not for us (RFC 9146,
        // section 3).
        let id = record.connection_id(self.ids.local_len());
        if !self.ids.is_ours(id) {
            stats.records_discarded += 1;
            return Opening::Discarded;
        }
        if !read.window.is_fresh(header.sequence) {
            stats.records_replayed += 1;
            return Opening::Discarded;
        }
        let number = RecordNumber { epoch, sequence: header.sequence };
        let (head, body) = record.bytes.split_at_mut_checked(record.header_len).unwrap_or_default();
        let id = match header.content {
            ContentType::WithConnectionId => {
                head.get(PlaintextHeader::ID_OFFSET..head.len().saturating_sub(2))
            }
            _ => None,
        };
        let Some((skip, len)) = keys.open(header.content, number, id.unwrap_or_default(), body) else {
            stats.records_forged += 1;
            self.forgeries = self.forgeries.saturating_add(1);
            return Opening::Discarded;
        };
        read.window.mark(header.sequence);
        let content_type = usize::from(header.content == ContentType::WithConnectionId);
        if len > self.max_read + content_type {
            stats.records_discarded += 1;
            return too_long(len - content_type);
        }
        let start = record.header_len + skip;
        if header.content != ContentType::WithConnectionId {
            return opened(record, header.content, number, start, Some(len));
        }
        // The true type is the last byte that is not zero; the zeros are padding (RFC 9146, section 4).
        let inner = record.bytes.get(start..start + len).unwrap_or_default();
        let at = inner.iter().rposition(|byte| *byte != 0);
        let content = at.and_then(|at| Some((at, ContentType::from_code(*inner.get(at)?)?)));
        let Some((at, content)) = content else {
            stats.records_discarded += 1;
            return Opening::Discarded;
        };
        opened(record, content, number, start, Some(at))
    }

    fn open13(&mut self, mut record: RawRecord, stats: &mut Stats) -> Opening {
        let Header::Unified(header) = record.header else {
            return Opening::Discarded;
        };
        // The newest epoch whose lowest bits are those (RFC 9147, section 4.2.2).
        let bits = u64::from(header.epoch_bits);
        let Some(read) = self.read.iter_mut().rev().find(|read| read.epoch & 3 == bits) else {
            return Opening::NoKeys(record);
        };
        let ReadKeys::Dtls13(keys) = &read.keys else {
            stats.records_discarded += 1;
            return Opening::Discarded;
        };
        // RFC 9147, section 9: in every protected record, or in none.
        if !self.ids.is_ours(record.connection_id(self.ids.local_len())) {
            stats.records_discarded += 1;
            return Opening::Discarded;
        }
        let window = &read.window;
        let fresh = |sequence| window.is_fresh(sequence);
        match keys.open(header, record.header_len, &mut record.bytes, window.next(), fresh) {
            Ok(plaintext) => {
                let number = RecordNumber { epoch: read.epoch, sequence: plaintext.sequence };
                read.window.mark(plaintext.sequence);
                let Some(content) = ContentType::from_code(plaintext.content) else {
                    stats.records_discarded += 1;
                    return Opening::Discarded;
                };
                let header_len = record.header_len;
                // Padding counts (RFC 8449, section 4).
                let len = record.bytes.len().saturating_sub(header_len + 1 + TAG_LEN);
                if len > self.max_read {
                    stats.records_discarded += 1;
                    return too_long(len);
                }
                opened(record, content, number, header_len, Some(plaintext.len))
            }
            Err(failure) => {
                match failure {
                    OpenFailure::Malformed => stats.records_discarded += 1,
                    OpenFailure::Replayed => stats.records_replayed += 1,
                    OpenFailure::Forged => {
                        stats.records_forged += 1;
                        self.forgeries = self.forgeries.saturating_add(1);
                    }
                }
                Opening::Discarded
            }
        }
    }

    /// Sets the sequence number that is expected next.
    #[cfg(test)]
    pub(crate) fn set_read(&mut self, next: u64) {
        if let Some(read) = self.read.last_mut() {
            read.window.mark(next - 1);
        }
    }

    /// Sets how many records the current key has protected.
    #[cfg(test)]
    pub(crate) fn set_written(&mut self, records: u64, blocks: u64) {
        if let Some(write) = self.write.last_mut() {
            write.next = records;
            write.blocks = blocks;
        }
    }
}

fn put_header(
    out: &mut [u8],
    start: usize,
    content: ContentType,
    number: RecordNumber,
    id: &[u8],
) -> Result<(), RecordError> {
    let record = out.get_mut(start..).ok_or(RecordError::WrongBuffer)?;
    PlaintextHeader::put(record, content, number, id).ok_or(RecordError::WrongBuffer)
}

/// What becomes of an authentic record that is longer than it may be: beyond what a limit of ours asks for it is discarded
/// (RFC 8449, section 4), beyond what any record may hold it is an error (RFC 8446, section 5.2), and beyond what any
/// record may be with its protection it was never looked at.
const fn too_long(len: usize) -> Opening {
    if len > MAX_PLAINTEXT && len <= MAX_PLAINTEXT + 256 { Opening::TooLong } else { Opening::Discarded }
}

fn opened(
    record: RawRecord,
    content: ContentType,
    number: RecordNumber,
    skip: usize,
    len: Option<usize>,
) -> Opening {
    let mut payload = record.bytes;
    payload.advance(skip.min(payload.len()));
    if let Some(len) = len {
        payload.truncate(len);
    }
    // RFC 9147, section 4.1 and RFC 8446, section 5.1: longer records than these are not sent.
    if payload.len() > MAX_PLAINTEXT {
        return Opening::Discarded;
    }
    Opening::Opened(Opened { content, number, payload })
}
