//! Acknowledgements of handshake records (RFC 9147, section 7).

use drywire_core::{Reader, Writer};

use crate::record::RecordNumber;

/// The most record numbers that are remembered, and so the most that an ACK names.
const MAX_NUMBERS: usize = 64;

/// The most record numbers that are taken from an ACK of the peer.
const MAX_TAKEN: usize = 256;

/// The record numbers that wait to be acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Acks {
    /// First those that an ACK has named already: the next one names them again, as it may have been lost.
    numbers: Vec<RecordNumber>,
    named: usize,
    due: bool,
    sent_empty: bool,
}

impl Acks {
    /// Remembers a record of the handshake. The newest are kept.
    pub(crate) fn note(&mut self, number: RecordNumber) {
        if self.numbers.contains(&number) {
            return;
        }
        if self.numbers.len() >= MAX_NUMBERS {
            self.numbers.remove(0);
            self.named = self.named.saturating_sub(1);
        }
        self.numbers.push(number);
    }

    /// Forgets a record again, of which something was not taken after all.
    pub(crate) fn forget(&mut self, number: RecordNumber) {
        if let Some(at) = self.numbers.iter().position(|one| *one == number) {
            self.numbers.remove(at);
            self.named -= usize::from(at < self.named);
        }
        self.due &= self.sent_empty || !self.numbers.is_empty();
    }

    /// Says that an ACK is to be sent with the next datagram.
    pub(crate) fn send_now(&mut self) {
        self.due = !self.numbers.is_empty();
    }

    /// Says that an ACK of nothing is to be sent with the next datagram, once: encrypted records have come, and the
    /// ServerHello that would open them has not (RFC 9147, section 7.1).
    pub(crate) const fn send_empty(&mut self) {
        self.due = !self.sent_empty;
        self.sent_empty = true;
    }

    /// Whether that was said.
    pub(crate) const fn has_sent_empty(&self) -> bool {
        self.sent_empty
    }

    /// Forgets all: our own next flight acknowledges the peer's.
    pub(crate) fn clear(&mut self) {
        self.numbers.clear();
        self.named = 0;
        self.due = false;
    }

    /// Forgets what was named already: what we say next comes after it.
    pub(crate) fn forget_named(&mut self) {
        self.numbers.drain(..self.named);
        self.named = 0;
    }

    pub(crate) const fn is_due(&self) -> bool {
        self.due
    }

    /// Whether there are records that no ACK has named.
    pub(crate) const fn has_news(&self) -> bool {
        self.named < self.numbers.len()
    }

    /// Writes the content of an ACK record of at most `max_len` bytes: the newest numbers. RFC 9147, section 7.1: those of
    /// the current flight that were acknowledged before are named again.
    ///
    /// ```text
    /// struct { uint64 epoch; uint64 sequence_number; } RecordNumber;
    /// struct { RecordNumber record_numbers<0..2^16-1>; } ACK;
    /// ```
    pub(crate) fn write(&mut self, writer: &mut Writer<'_>, max_len: usize) {
        self.numbers.sort_unstable();
        let fitting = max_len.saturating_sub(2) / 16;
        let too_many = self.numbers.len().saturating_sub(fitting);
        writer.prefixed_u16(|w| {
            for number in self.numbers.iter().skip(too_many) {
                w.u64(number.epoch).u64(number.sequence);
            }
        });
        self.named = self.numbers.len();
        self.due = false;
    }
}

/// Reads the content of an ACK record.
pub(crate) fn parse(content: &[u8]) -> Option<impl Iterator<Item = RecordNumber>> {
    let mut reader = Reader::new(content);
    let len = usize::from(reader.u16().ok()?);
    let mut list = reader.sub(len).ok()?;
    if !reader.is_empty() || !len.is_multiple_of(16) {
        return None;
    }
    let numbers = std::iter::from_fn(move || {
        Some(RecordNumber { epoch: list.u64().ok()?, sequence: list.u64().ok()? })
    });
    Some(numbers.take(MAX_TAKEN))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trip(numbers in proptest::collection::btree_set((0_u64..9, 0_u64..1 << 40), 0..40)) {
            let mut acks = Acks::default();
            let numbers: Vec<_> = numbers.into_iter().map(|(epoch, sequence)| RecordNumber { epoch, sequence }).collect();
            for number in numbers.iter().rev() {
                acks.note(*number);
            }
            let mut content = Vec::new();
            acks.write(&mut Writer::new(&mut content), 2000);
            prop_assert_eq!(parse(&content).unwrap().collect::<Vec<_>>(), numbers);
            prop_assert!(!acks.has_news() && !acks.is_due());
        }

        #[test]
        fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = parse(&bytes);
        }
    }
}
