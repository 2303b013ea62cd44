//! Which stream a channel gets (RFC 8832, section 6), and which channel has a stream.

/// The DTLS role of this side, which decides the streams of the channels that it opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// DTLS client: even streams.
    Client,
    /// DTLS server: odd streams.
    Server,
}

impl Role {
    /// The lowest stream that this side may choose.
    pub(crate) const fn first(self) -> u16 {
        match self {
            Self::Client => 0,
            Self::Server => 1,
        }
    }

    /// Whether this side may choose `stream` for a channel that it announces.
    pub(crate) const fn chooses(self, stream: u16) -> bool {
        stream % 2 == self.first()
    }
}

/// Streams are 0 to 65534: SCTP counts them in 16 bits, and so at most 65,535 of them (RFC 8831, section 6.6).
pub(crate) const MAX_STREAM: u16 = 65_534;

const PAGE: u16 = 256;

/// What each stream is used for, in two levels, so that memory follows the streams in use.
#[derive(Debug)]
pub(crate) struct Streams<T> {
    pages: Vec<Option<Box<Page<T>>>>,
    /// No stream of the parity below its entry is free.
    lowest_free: [u16; 2],
}

#[derive(Debug)]
struct Page<T> {
    entries: Vec<Option<T>>,
    used: usize,
}

impl<T> Streams<T> {
    pub(crate) const fn new() -> Self {
        Self { pages: Vec::new(), lowest_free: [0, 1] }
    }

    pub(crate) fn get(&self, stream: u16) -> Option<&T> {
        let page = self.pages.get(usize::from(stream / PAGE))?.as_ref()?;
        page.entries.get(usize::from(stream % PAGE))?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, stream: u16) -> Option<&mut T> {
        let page = self.pages.get_mut(usize::from(stream / PAGE))?.as_mut()?;
        page.entries.get_mut(usize::from(stream % PAGE))?.as_mut()
    }

    pub(crate) fn insert(&mut self, stream: u16, value: T) {
        let index = usize::from(stream / PAGE);
        if self.pages.len() <= index {
            self.pages.resize_with(index + 1, || None);
        }
        let Some(slot) = self.pages.get_mut(index) else { return };
        let page = slot.get_or_insert_with(|| {
            let entries = (0..PAGE).map(|_| None).collect();
            Box::new(Page { entries, used: 0 })
        });
        if let Some(entry) = page.entries.get_mut(usize::from(stream % PAGE))
            && entry.replace(value).is_none()
        {
            page.used += 1;
        }
    }

    pub(crate) fn remove(&mut self, stream: u16) {
        let Some(slot) = self.pages.get_mut(usize::from(stream / PAGE)) else { return };
        let Some(page) = slot else { return };
        if let Some(entry) = page.entries.get_mut(usize::from(stream % PAGE))
            && entry.take().is_some()
        {
            page.used -= 1;
            if page.used == 0 {
                *slot = None;
            }
            if let Some(lowest) = self.lowest_free.get_mut(usize::from(stream % 2)) {
                *lowest = (*lowest).min(stream);
            }
        }
    }

    /// The streams in use.
    pub(crate) fn used(&self) -> Vec<u16> {
        let pages = (0_u16..=u16::MAX).step_by(usize::from(PAGE)).zip(&self.pages);
        pages
            .filter_map(|(first, page)| Some((first, page.as_ref()?)))
            .flat_map(|(first, page)| {
                (first..=u16::MAX)
                    .zip(&page.entries)
                    .filter(|(_, entry)| entry.is_some())
                    .map(|(stream, _)| stream)
            })
            .collect()
    }

    /// The lowest stream of `role` that is not in use.
    pub(crate) fn lowest_free(&mut self, role: Role) -> Option<u16> {
        let parity = usize::from(role.first());
        let mut stream = self.lowest_free.get(parity).copied()?;
        while stream <= MAX_STREAM && self.get(stream).is_some() {
            stream = stream.checked_add(2)?;
        }
        if let Some(lowest) = self.lowest_free.get_mut(parity) {
            *lowest = stream;
        }
        (stream <= MAX_STREAM).then_some(stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn every_stream_can_be_used_and_none_twice() {
        let mut streams = Streams::new();
        for role in [Role::Client, Role::Server] {
            let mut count = 0_u32;
            while let Some(stream) = streams.lowest_free(role) {
                assert!(role.chooses(stream));
                assert_eq!(streams.get(stream), None);
                streams.insert(stream, stream);
                count += 1;
            }
            // RFC 8831, section 6.6: 65535 is not usable.
            assert_eq!(count, if role == Role::Client { 32_768 } else { 32_767 });
        }
        streams.remove(7);
        assert_eq!(streams.lowest_free(Role::Client), None);
        assert_eq!(streams.lowest_free(Role::Server), Some(7));
    }

    proptest! {
        #[test]
        fn it_is_a_map(steps in proptest::collection::vec((any::<bool>(), prop_oneof![0_u16..20, 65_500_u16..=65_534]), 0..200)) {
            let mut streams = Streams::new();
            let mut model = BTreeMap::new();
            for (n, (insert, stream)) in steps.into_iter().enumerate() {
                if insert {
                    streams.insert(stream, n);
                    model.insert(stream, n);
                } else {
                    streams.remove(stream);
                    model.remove(&stream);
                }
                for stream in (0..20).chain(65_500..=65_534) {
                    prop_assert_eq!(streams.get(stream), model.get(&stream));
                }
                prop_assert_eq!(streams.used(), model.keys().copied().collect::<Vec<_>>());
                for role in [Role::Client, Role::Server] {
                    let lowest = (role.first()..=MAX_STREAM).step_by(2).find(|stream| !model.contains_key(stream));
                    prop_assert_eq!(streams.lowest_free(role), lowest);
                }
            }
        }
    }
}
