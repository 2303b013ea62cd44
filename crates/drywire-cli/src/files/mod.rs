//! Files over data channels: the folder that they are kept in, the server's end, and the client's.
//!
//! Files are read and written in the task of the driver, a message at a time. That is simple: what a receiver acknowledges is
//! written, and what it has not written holds its sender back, without a queue of its own. It also holds up all sessions for as
//! long as the disk takes, which is little where the operating system has a cache before it. A server for many people, or for
//! a folder on a network, would give the files to threads instead, over a channel that is bounded.

mod courier;
mod folder;
mod incoming;
mod line;
mod outgoing;
mod transfer;
mod uploads;

pub(crate) use self::folder::Folder;
pub(crate) use self::incoming::Rules;
pub(crate) use self::transfer::{Report, receive, send};
pub(crate) use self::uploads::{FileChannel, Uploads};

#[cfg(test)]
mod tests;
