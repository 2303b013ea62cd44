use std::collections::VecDeque;

use bytes::Bytes;

/// A message on a stream that no channel has: the channel may still come, by the application's hand (a negotiated
/// channel that the peer opened first) or by an announcement that an unordered message has overtaken.
#[derive(Debug)]
pub(crate) struct Stray {
    pub(crate) stream: u16,
    pub(crate) ppid: u32,
    pub(crate) data: Bytes,
}

/// What a message costs beside its bytes.
const COST: usize = 64;

/// The stray messages, up to a number of bytes; the oldest ones are dropped for newer ones.
#[derive(Debug, Default)]
pub(crate) struct Strays {
    messages: VecDeque<Stray>,
    cost: usize,
}

impl Strays {
    /// Holds a message; returns how many messages were dropped for it, itself included.
    pub(crate) fn hold(&mut self, stray: Stray, limit: usize) -> u64 {
        self.cost += COST + stray.data.len();
        self.messages.push_back(stray);
        let mut dropped = 0;
        while self.cost > limit
            && let Some(oldest) = self.messages.pop_front()
        {
            self.cost -= COST + oldest.data.len();
            dropped += 1;
        }
        dropped
    }

    /// Takes the messages of one stream, the oldest first.
    pub(crate) fn take(&mut self, stream: u16) -> Vec<Stray> {
        if self.messages.is_empty() {
            return Vec::new();
        }
        let (taken, kept): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.messages).into_iter().partition(|stray| stray.stream == stream);
        self.messages = kept.into();
        self.cost -= taken.iter().map(|stray| COST + stray.data.len()).sum::<usize>();
        taken
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stray(stream: u16, len: usize) -> Stray {
        Stray { stream, ppid: 53, data: Bytes::from(vec![0; len]) }
    }

    #[test]
    fn the_oldest_ones_go_first() {
        let mut strays = Strays::default();
        assert_eq!(strays.hold(stray(1, 100), 400), 0);
        assert_eq!(strays.hold(stray(2, 100), 400), 0);
        assert_eq!(strays.hold(stray(2, 50), 400), 1);
        assert!(strays.take(1).is_empty());
        assert_eq!(strays.take(2).iter().map(|stray| stray.data.len()).collect::<Vec<_>>(), [100, 50]);
        assert_eq!(strays.cost, 0);
        assert_eq!(strays.hold(stray(3, 1000), 400), 1);
        assert!(strays.take(3).is_empty());
    }
}
