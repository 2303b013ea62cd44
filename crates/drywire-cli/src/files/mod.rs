//! Files over data channels: the folder that they are kept in, the server's end, and the client's.

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
