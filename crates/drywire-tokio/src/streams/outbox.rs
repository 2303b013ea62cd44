use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The most bytes that wait for one connection. What a slow path holds here is late already: TCP has a queue of its own.
const LIMIT: usize = 256 * 1024;

/// What waits to be written to one connection: whole frames, bounded, without memory of their own.
///
/// The driver appends, the task of the connection takes everything at once. Two buffers change hands between them, so that
/// nothing is allocated once they have grown. Only one task waits for it.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    state: Mutex<State>,
    changed: Notify,
    closing: Notify,
}

#[derive(Debug, Default)]
struct State {
    queue: Vec<u8>,
    /// Taken, and not yet written as far as anybody knows.
    writing: usize,
    used: bool,
    closed: bool,
}

impl Outbox {
    /// Appends `frames`, all of them or, when they find no room, none. Returns whether they were appended.
    pub(super) fn push(&self, frames: &[u8]) -> bool {
        let mut state = self.lock();
        let waiting = state.queue.len() + state.writing;
        if state.closed || (waiting > 0 && waiting + frames.len() > LIMIT) {
            return false;
        }
        state.used = true;
        state.queue.extend_from_slice(frames);
        drop(state);
        self.changed.notify_one();
        true
    }

    /// Whether there ever was something to write.
    pub(super) fn was_used(&self) -> bool {
        self.lock().used
    }

    /// Takes no more; what waits is still to be written.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
        self.closing.notify_one();
    }

    /// Waits for something to write and swaps it into `buffer`, whose contents have been written. `false`: there is nothing
    /// left and nothing will come.
    pub(super) async fn take(&self, buffer: &mut Vec<u8>) -> bool {
        buffer.clear();
        loop {
            {
                let mut state = self.lock();
                std::mem::swap(&mut state.queue, buffer);
                state.writing = buffer.len();
                if !buffer.is_empty() {
                    return true;
                }
                if state.closed {
                    return false;
                }
            }
            self.changed.notified().await;
        }
    }

    /// Waits until [`close`](Self::close) was called.
    pub(super) async fn closed(&self) {
        self.closing.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change of the state is complete in itself, whatever became of the task that made it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_come_out_in_order_and_whole() {
        let outbox = Outbox::default();
        assert!(outbox.push(b"one "));
        assert!(outbox.push(b"two"));
        let mut buffer = b"written before".to_vec();
        assert!(outbox.take(&mut buffer).await);
        assert_eq!(buffer, b"one two");
        outbox.push(b"three");
        outbox.close();
        assert!(!outbox.push(b"four"));
        assert!(outbox.take(&mut buffer).await);
        assert_eq!(buffer, b"three");
        assert!(!outbox.take(&mut buffer).await);
    }

    #[tokio::test]
    async fn a_full_one_takes_nothing_until_what_it_holds_is_written() {
        let outbox = Outbox::default();
        let half = vec![1; LIMIT / 2];
        assert!(outbox.push(&half));
        assert!(outbox.push(&half));
        assert!(!outbox.push(b"more"));
        let mut buffer = Vec::new();
        assert!(outbox.take(&mut buffer).await);
        // Taken is not written.
        assert!(!outbox.push(b"more"));
        outbox.close();
        assert!(!outbox.take(&mut buffer).await);

        // What is longer than all the room there is goes alone.
        let outbox = Outbox::default();
        assert!(outbox.push(&vec![2; LIMIT + 1]));
        assert!(!outbox.push(b"more"));
    }
}
