//! An allocation that somebody before us has left on our 5-tuple: the program, which uses a fixed port and was started again, or
//! a client that had lost its server for a while.

use drywire_core::Protocol;

use super::request::Purpose;
use super::{Client, FailureReason, State};

impl Client {
    /// 437 to Allocate. RFC 8656 (section 7.4) has the client take another address of its own. But which one it is is not ours to
    /// choose, and nobody else can use an allocation that belongs to this one: if it is our user's, it is deleted, once.
    ///
    /// This needs no proof of who said so: coturn answers so before it asks for a password. If it was not the server, the
    /// server has nothing to delete, says so, and is asked again.
    ///
    /// Not where nobody is sure to be alone: a server that sent us to another one may have sent us to where another client of
    /// the same socket is. And not over a stream, as each connection is a new 5-tuple.
    pub(super) fn mismatched(&mut self) {
        let is_alone = self.path == self.config.path && self.path.protocol == Protocol::Udp;
        if self.has_replaced || !is_alone {
            return self.fail(FailureReason::AllocationMismatch);
        }
        tracing::debug!("an allocation was left on these addresses: it is deleted");
        self.has_replaced = true;
        self.state = State::Replacing;
        self.request(Purpose::Refresh { lifetime: 0 });
    }

    /// What the server says to that. Success, and 437, which means the same when nothing is to be kept (RFC 8656, section 8.3),
    /// make the way free. 441 says that the allocation is another user's, who keeps it.
    ///
    /// A server may take its time to delete (coturn: a second). Its errors meanwhile are not signed, so that the request is
    /// sent again as if it had been lost.
    pub(super) fn predecessor_deleted(&mut self, code: Option<u16>) {
        match code {
            None | Some(437) => {
                self.state = State::Allocating;
                self.request(Purpose::Allocate);
            }
            Some(_) => self.fail(FailureReason::AllocationMismatch),
        }
    }
}
