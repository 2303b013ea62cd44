use std::fmt;

use bytes::Bytes;
use drywire_sctp::Rest;

use crate::InvalidText;

/// Whether a message is text or bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MessageKind {
    /// UTF-8 text.
    Text,
    /// Bytes.
    Binary,
}

/// A message of a data channel. It may be empty.
///
/// Text is UTF-8 from the moment the message exists: it is made from a `String`, or checked.
///
/// ```
/// use drywire_datachannel::{Message, MessageKind};
///
/// let hello = Message::text("hello");
/// assert_eq!((hello.kind(), hello.as_text()), (MessageKind::Text, Some("hello")));
/// assert_eq!(Message::binary(vec![1, 2, 3]).data().len(), 3);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    kind: MessageKind,
    data: Bytes,
}

/// A part of a message of a channel that is [read in parts](crate::Transport::read_in_parts), or all of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessagePart {
    /// What the message is. That text is UTF-8 is not checked, and a part may end within a character.
    pub kind: MessageKind,
    /// The bytes; none in an empty message, and where the rest is lost.
    pub data: Bytes,
    /// What follows of the message, unless the channel is closed before.
    pub rest: Rest,
}

impl MessagePart {
    /// A message that is whole, and text only if it is UTF-8.
    pub(crate) const fn whole(kind: MessageKind, data: Bytes) -> Self {
        Self { kind, data, rest: Rest::None }
    }
}

impl Message {
    /// What is whole, and was checked when it came.
    pub(crate) fn from_whole(part: MessagePart) -> Self {
        Self { kind: part.kind, data: part.data }
    }

    /// A text message.
    pub fn text(text: impl Into<String>) -> Self {
        Self { kind: MessageKind::Text, data: Bytes::from(text.into()) }
    }

    /// A text message of bytes that are checked to be UTF-8, without copying them.
    pub fn from_utf8(text: impl Into<Bytes>) -> Result<Self, InvalidText> {
        let data = text.into();
        match std::str::from_utf8(&data) {
            Ok(_) => Ok(Self { kind: MessageKind::Text, data }),
            Err(_) => Err(InvalidText),
        }
    }

    /// A binary message.
    pub fn binary(data: impl Into<Bytes>) -> Self {
        Self { kind: MessageKind::Binary, data: data.into() }
    }

    /// Whether it is text or bytes.
    #[must_use]
    pub const fn kind(&self) -> MessageKind {
        self.kind
    }

    /// The bytes of it; UTF-8 if it is text.
    #[must_use]
    pub const fn data(&self) -> &Bytes {
        &self.data
    }

    /// The bytes of it, without copying them.
    #[must_use]
    pub fn into_data(self) -> Bytes {
        self.data
    }

    /// The text, if it is a text message.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self.kind {
            MessageKind::Text => std::str::from_utf8(&self.data).ok(),
            MessageKind::Binary => None,
        }
    }
}

/// The kind and the length only: messages are the users' business, and can be long.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({:?}, {} bytes)", self.kind, self.data.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_utf_8() {
        assert_eq!(Message::text("grün").as_text(), Some("grün"));
        assert_eq!(Message::from_utf8(&b"gr\xc3\xbcn"[..]), Ok(Message::text("grün")));
        assert_eq!(Message::from_utf8(&b"gr\xfcn"[..]), Err(InvalidText));
        assert_eq!(Message::binary(&b"gr\xfcn"[..]).as_text(), None);
        assert_eq!(Message::text("").into_data(), Bytes::new());
    }
}
