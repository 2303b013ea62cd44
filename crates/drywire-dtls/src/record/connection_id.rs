use std::collections::VecDeque;

/// The most identifiers that the peer may use, and the most spare ones of the peer's that we remember.
pub(crate) const MAX_IDS: usize = 8;

/// The connection identifiers of both directions (RFC 9146; RFC 9147, section 9). None are in use unless both sides want
/// it.
#[derive(Debug, Default)]
pub(crate) struct ConnectionIds {
    /// What the peer may write to us, all of one length. Before the negotiation: what we offer.
    local: Vec<Vec<u8>>,
    /// Whether the peer writes one of them into every protected record.
    reads: bool,
    /// What we write into every protected record; empty: nothing.
    remote: Vec<u8>,
    /// What else the peer would take.
    spare: VecDeque<Vec<u8>>,
}

impl ConnectionIds {
    /// Sets what we offer; may be empty.
    pub(crate) fn offer(&mut self, id: Vec<u8>) {
        self.local = vec![id];
    }

    /// What we offer.
    pub(crate) fn offered(&self) -> Option<&[u8]> {
        self.local.first().map(Vec::as_slice)
    }

    /// Both sides want it, and the peer wants to receive `remote`.
    pub(crate) fn agree(&mut self, remote: &[u8]) {
        self.reads = self.local_len() > 0;
        self.remote = remote.to_vec();
    }

    /// How long our own identifiers are.
    pub(crate) fn local_len(&self) -> usize {
        self.local.first().map_or(0, Vec::len)
    }

    /// What the peer writes; nothing unless it does.
    pub(crate) fn local(&self) -> impl Iterator<Item = &[u8]> {
        self.local.iter().filter(|_| self.reads).map(Vec::as_slice)
    }

    /// What we write.
    pub(crate) fn remote(&self) -> &[u8] {
        &self.remote
    }

    /// Whether a protected record with this identifier, or without one, is for us.
    pub(crate) fn is_ours(&self, id: Option<&[u8]>) -> bool {
        match id {
            Some(id) => self.local().any(|one| one == id),
            None => !self.reads,
        }
    }

    /// Adds one more that the peer may write.
    pub(crate) fn add_local(&mut self, id: Vec<u8>) {
        self.local.push(id);
    }

    /// Takes identifiers of the peer: in the order in which they came (RFC 9147, section 9).
    pub(crate) fn add_remote<'a>(&mut self, ids: impl IntoIterator<Item = &'a [u8]>, immediate: bool) {
        if immediate {
            self.spare.clear();
        }
        for id in ids {
            if self.spare.len() < MAX_IDS {
                self.spare.push_back(id.to_vec());
            }
        }
        if immediate {
            self.change();
        }
    }

    /// Writes the next spare one from now on, if there is one.
    pub(crate) fn change(&mut self) -> bool {
        let next = self.spare.pop_front();
        let changed = next.is_some();
        if let Some(next) = next {
            self.remote = next;
        }
        changed
    }
}
