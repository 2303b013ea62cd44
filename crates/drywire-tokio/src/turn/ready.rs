//! Which of very many sockets want to be looked at, without asking each.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// A socket of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Token {
    /// Of UDP: a listener or a relayed address.
    Port(u64),
    /// A connection of a client.
    Connection(u64),
    /// A relayed address that listens for TCP.
    Listener(u64),
    /// A connection of a client and one of a peer, between which data goes.
    Splice(u32),
}

/// The sockets that woke the server since it looked last.
#[derive(Debug, Default)]
pub(super) struct ReadyList {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    tokens: Vec<Token>,
    task: Option<Waker>,
}

impl ReadyList {
    /// Exchanges the list for `taken`, which should be empty, and wakes `task` when there is more.
    pub(super) fn take(&self, task: &Waker, taken: &mut Vec<Token>) {
        let mut state = self.lock();
        std::mem::swap(&mut state.tokens, taken);
        match &mut state.task {
            Some(known) => known.clone_from(task),
            none => *none = Some(task.clone()),
        }
    }

    fn push(&self, token: Token) {
        let mut state = self.lock();
        state.tokens.push(token);
        let task = state.task.clone();
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that holds it can fail half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a socket wakes when there is something to read or room to write.
#[derive(Debug)]
pub(super) struct Source {
    token: Token,
    /// It is in the list already.
    queued: AtomicBool,
    list: Arc<ReadyList>,
}

impl Source {
    /// A source that is looked at once: only who has been looked at can wake.
    pub(super) fn new(token: Token, list: &Arc<ReadyList>) -> Arc<Self> {
        let source = Arc::new(Self { token, queued: AtomicBool::new(false), list: Arc::clone(list) });
        source.wake_by_ref();
        source
    }

    /// It is about to be looked at: what comes from now on wakes again.
    pub(super) fn begin(&self) {
        self.queued.store(false, Ordering::Release);
    }
}

impl Wake for Source {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.list.push(self.token);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_listed_once_until_it_is_looked_at() {
        let list = Arc::new(ReadyList::default());
        let source = Source::new(Token::Port(7), &list);
        let waker = Waker::from(Arc::clone(&source));
        waker.wake_by_ref();
        let mut taken = Vec::new();
        list.take(Waker::noop(), &mut taken);
        assert_eq!(taken, [Token::Port(7)]);
        taken.clear();
        waker.wake_by_ref();
        list.take(Waker::noop(), &mut taken);
        assert_eq!(taken, []);
        source.begin();
        waker.wake();
        list.take(Waker::noop(), &mut taken);
        assert_eq!(taken, [Token::Port(7)]);
    }
}
