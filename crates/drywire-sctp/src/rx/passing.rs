use std::collections::BTreeMap;

use drywire_core::Serial;

use super::OVERHEAD;
use super::reassembly::Fragment;
use crate::StreamId;

/// The messages of a peer that interleaves them (RFC 8260) which are read while they come: the fragments of each, as far as
/// they follow one another.
#[derive(Debug, Default)]
pub(crate) struct Passing {
    /// By stream: the ordered message whose turn it is.
    messages: BTreeMap<StreamId, Open>,
    /// What is to be read.
    parts: Vec<Fragment>,
    /// What those are charged that wait for others.
    charged: usize,
}

/// A message that is read while it comes.
#[derive(Debug)]
struct Open {
    mid: u32,
    /// The number of the next fragment.
    next: u32,
    /// Fragments that came before it.
    early: BTreeMap<u32, Fragment>,
}

impl Passing {
    /// What those fragments are charged that wait for others.
    pub(crate) const fn charged(&self) -> usize {
        self.charged
    }

    /// Whether this is the message of `stream` that is read as it comes.
    pub(crate) fn is(&self, stream: StreamId, mid: u32) -> bool {
        self.messages.get(&stream).is_some_and(|open| open.mid == mid)
    }

    /// What is to be read.
    pub(crate) fn parts(&mut self) -> &mut Vec<Fragment> {
        &mut self.parts
    }

    /// Takes a fragment of the message whose turn it is.
    pub(crate) fn take(&mut self, fsn: u32, fragment: Fragment) {
        let (stream, mid) = (fragment.stream, fragment.mid);
        if !self.is(stream, mid) {
            self.reset(stream);
        }
        let open =
            self.messages.entry(stream).or_insert_with(|| Open { mid, next: 0, early: BTreeMap::new() });
        // What came before under the same number is left as it is.
        if fsn > open.next && !open.early.contains_key(&fsn) {
            self.charged += fragment.data.len() + OVERHEAD;
            open.early.insert(fsn, fragment.detach());
        } else if fsn == open.next {
            let mut following = Some(fragment);
            while let Some(fragment) = following {
                let ends = fragment.flags.is_ending();
                self.parts.push(fragment.detach());
                if ends {
                    return self.reset(stream);
                }
                open.next = open.next.wrapping_add(1);
                following = open.early.remove(&open.next);
                self.charged -= following.as_ref().map_or(0, |next| next.data.len() + OVERHEAD);
            }
        }
    }

    /// The ordered messages of `stream` up to `mid` are over.
    pub(crate) fn skip(&mut self, stream: StreamId, mid: u32) {
        if self.messages.get(&stream).is_some_and(|open| Serial(open.mid) <= Serial(mid)) {
            self.reset(stream);
        }
    }

    /// The stream begins anew, or its message is over.
    pub(crate) fn reset(&mut self, stream: StreamId) {
        if let Some(open) = self.messages.remove(&stream) {
            self.charged -= open.early.values().map(|early| early.data.len() + OVERHEAD).sum::<usize>();
        }
    }
}
