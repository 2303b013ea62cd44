use std::collections::BTreeMap;

use drywire_rtp::Ssrc;

use crate::MAX_STREAMS;

/// What is known of each stream, by SSRC; at most [`MAX_STREAMS`]. The stream that was asked for last is found without
/// a search: packets come in runs.
#[derive(Debug)]
pub(crate) struct Table<T> {
    entries: Vec<Entry<T>>,
    positions: BTreeMap<Ssrc, usize>,
    last: usize,
    clock: u64,
}

#[derive(Debug)]
struct Entry<T> {
    ssrc: Ssrc,
    used: u64,
    stream: T,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), positions: BTreeMap::new(), last: 0, clock: 0 }
    }
}

impl<T> Table<T> {
    /// The number of streams.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The stream with this SSRC.
    pub(crate) fn get(&self, ssrc: Ssrc) -> Option<&T> {
        self.entries.get(*self.positions.get(&ssrc)?).map(|entry| &entry.stream)
    }

    /// The stream with this SSRC. Looking at it does not count as use.
    pub(crate) fn get_mut(&mut self, ssrc: Ssrc) -> Option<&mut T> {
        if self.entries.get(self.last).is_none_or(|entry| entry.ssrc != ssrc) {
            self.last = *self.positions.get(&ssrc)?;
        }
        self.entries.get_mut(self.last).map(|entry| &mut entry.stream)
    }

    /// Marks the stream that was found last as used now.
    pub(crate) fn touch_last(&mut self) {
        self.clock += 1;
        if let Some(entry) = self.entries.get_mut(self.last) {
            entry.used = self.clock;
        }
    }

    /// Adds a stream, or gives it back when there are [`MAX_STREAMS`].
    pub(crate) fn insert(&mut self, ssrc: Ssrc, stream: T) -> Result<(), T> {
        if self.entries.len() >= MAX_STREAMS {
            return Err(stream);
        }
        self.clock += 1;
        self.positions.insert(ssrc, self.entries.len());
        self.entries.push(Entry { ssrc, used: self.clock, stream });
        Ok(())
    }

    /// Adds a stream; when there are [`MAX_STREAMS`], in place of the least recently used one. Returns whether one was
    /// displaced.
    pub(crate) fn insert_or_replace(&mut self, ssrc: Ssrc, stream: T) -> bool {
        let Err(stream) = self.insert(ssrc, stream) else { return false };
        let oldest = self.entries.iter_mut().enumerate().min_by_key(|(_, entry)| entry.used);
        if let Some((position, entry)) = oldest {
            self.clock += 1;
            self.positions.remove(&entry.ssrc);
            self.positions.insert(ssrc, position);
            *entry = Entry { ssrc, used: self.clock, stream };
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_stream_is_displaced() {
        let mut table = Table::default();
        for ssrc in 0..1024 {
            assert!(!table.insert_or_replace(Ssrc(ssrc), ssrc));
        }
        assert_eq!(table.insert(Ssrc(9999), 9999), Err(9999));
        assert_eq!(table.get_mut(Ssrc(0)), Some(&mut 0));
        table.touch_last();
        assert_eq!(table.get_mut(Ssrc(1)), Some(&mut 1)); // looked at, not used
        assert!(table.insert_or_replace(Ssrc(5000), 5000));
        assert_eq!(table.get_mut(Ssrc(1)), None);
        assert_eq!(table.get_mut(Ssrc(0)), Some(&mut 0));
        assert_eq!(table.get_mut(Ssrc(5000)), Some(&mut 5000));
        assert_eq!(table.len(), 1024);
    }
}
