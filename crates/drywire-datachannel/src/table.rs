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
#[derive(Debug, Default)]
pub(crate) struct Channels {
    places: Vec<Place>,
    free: Vec<u32>,
    len: usize,
}

#[derive(Debug)]
struct Place {
    generation: u32,
    channel: Option<Box<Channel>>,
}

impl Channels {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// `None` when there is no name left.
    pub(crate) fn insert(&mut self, channel: Channel) -> Option<ChannelId> {
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                let index = u32::try_from(self.places.len()).ok()?;
                self.places.push(Place { generation: 0, channel: None });
                index
            }
        };
        let place = self.place_mut(index)?;
        place.channel = Some(Box::new(channel));
        let generation = place.generation;
        self.len += 1;
        Some(ChannelId { index, generation })
    }

    pub(crate) fn get(&self, id: ChannelId) -> Option<&Channel> {
        let place = self.places.get(usize::try_from(id.index).ok()?)?;
        place.channel.as_deref().filter(|_| place.generation == id.generation)
    }

    pub(crate) fn get_mut(&mut self, id: ChannelId) -> Option<&mut Channel> {
        let place = self.place_mut(id.index)?;
        let generation = place.generation;
        place.channel.as_deref_mut().filter(|_| generation == id.generation)
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
        (0_u32..).zip(&self.places).filter_map(|(index, place)| {
            let channel = place.channel.as_deref()?;
            Some((ChannelId { index, generation: place.generation }, channel))
        })
    }

    fn place_mut(&mut self, index: u32) -> Option<&mut Place> {
        self.places.get_mut(usize::try_from(index).ok()?)
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
}
