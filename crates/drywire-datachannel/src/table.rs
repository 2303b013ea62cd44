//! The channels by their names.

use crate::Channel;

/// The name of a channel on this side, from the moment it is opened: the stream comes later.
///
/// The name of a channel that is closed and forgotten is never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId {
    index: u32,
    generation: u32,
}

/// A table of channels whose places are used again, under another generation.
///
/// The places lie in blocks, without a pointer for each: of ten thousand channels the one that is looked up
/// is in no cache, so that every line of memory counts.
#[derive(Debug, Default)]
pub(crate) struct Channels {
    /// All of them but the last one are full.
    blocks: Vec<Vec<Place>>,
    free: Vec<u32>,
    len: usize,
}

/// How many places a block has.
const BLOCK: usize = 64;

/// It begins where a cache line does, and is two of them long.
#[derive(Debug)]
#[repr(align(64))]
struct Place {
    generation: u32,
    channel: Option<Channel>,
}

impl Channels {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// `None` when there is no name left.
    pub(crate) fn insert(&mut self, channel: Channel) -> Option<ChannelId> {
        let index = match self.free.pop() {
            Some(index) => index,
            None => self.add_place()?,
        };
        let place = self.place_mut(index)?;
        place.channel = Some(channel);
        let generation = place.generation;
        self.len += 1;
        Some(ChannelId { index, generation })
    }

    fn add_place(&mut self) -> Option<u32> {
        if self.blocks.last().is_none_or(|block| block.len() == BLOCK) {
            self.blocks.push(Vec::new());
        }
        let before = (self.blocks.len() - 1) * BLOCK;
        let block = self.blocks.last_mut()?;
        let index = u32::try_from(before + block.len()).ok()?;
        block.push(Place { generation: 0, channel: None });
        Some(index)
    }

    pub(crate) fn get(&self, id: ChannelId) -> Option<&Channel> {
        let index = usize::try_from(id.index).ok()?;
        let place = self.blocks.get(index / BLOCK)?.get(index % BLOCK)?;
        place.channel.as_ref().filter(|_| place.generation == id.generation)
    }

    pub(crate) fn get_mut(&mut self, id: ChannelId) -> Option<&mut Channel> {
        let place = self.place_mut(id.index)?;
        let generation = place.generation;
        place.channel.as_mut().filter(|_| generation == id.generation)
    }

    pub(crate) fn remove(&mut self, id: ChannelId) {
        if self.get(id).is_none() {
            return;
        }
        let Some(place) = self.place_mut(id.index) else { return };
        place.channel = None;
        self.len -= 1;
        // A place whose generations are used up stays empty, so that no name comes twice.
        if let Some(place) = self.place_mut(id.index)
            && let Some(next) = place.generation.checked_add(1)
        {
            place.generation = next;
            self.free.push(id.index);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (ChannelId, &Channel)> {
        (0_u32..).zip(self.blocks.iter().flatten()).filter_map(|(index, place)| {
            let channel = place.channel.as_ref()?;
            Some((ChannelId { index, generation: place.generation }, channel))
        })
    }

    fn place_mut(&mut self, index: u32) -> Option<&mut Place> {
        let index = usize::try_from(index).ok()?;
        self.blocks.get_mut(index / BLOCK)?.get_mut(index % BLOCK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ChannelOptions;

    #[test]
    fn names_are_not_used_twice() {
        let mut channels = Channels::default();
        let channel = |label: &str| Channel::new(ChannelOptions::new(label));
        let a = channels.insert(channel("a")).unwrap();
        let b = channels.insert(channel("b")).unwrap();
        channels.remove(a);
        channels.remove(a);
        assert_eq!(channels.len(), 1);
        let c = channels.insert(channel("c")).unwrap();
        assert!(channels.get(a).is_none() && channels.get_mut(a).is_none());
        assert_eq!(channels.get(c).map(Channel::label), Some("c"));
        let all: Vec<_> = channels.iter().map(|(id, channel)| (id, channel.label())).collect();
        assert_eq!(all, [(c, "c"), (b, "b")]);
    }

    #[cfg(target_pointer_width = "64")]
    #[test]
    fn a_place_is_two_lines_of_memory() {
        assert_eq!(size_of::<Place>(), 128);
    }

    #[test]
    fn blocks_follow_one_another() {
        let mut channels = Channels::default();
        let label = |n: usize| format!("{n}");
        let ids: Vec<_> = (0..3 * BLOCK + 1)
            .map(|n| channels.insert(Channel::new(ChannelOptions::new(label(n)))).unwrap())
            .collect();
        assert_eq!(channels.len(), ids.len());
        for (n, id) in ids.iter().enumerate() {
            assert_eq!(channels.get(*id).map(Channel::label), Some(&*label(n)));
        }
        for id in &ids[..2 * BLOCK] {
            channels.remove(*id);
        }
        assert_eq!(channels.iter().map(|(id, _)| id).collect::<Vec<_>>(), ids[2 * BLOCK..]);
    }
}
