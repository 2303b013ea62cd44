use std::str;

/// The identification of a media section, as RTP carries it (RFC 9143, section 15): which `m=` section a packet
/// belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mid<'a>(&'a str);

impl<'a> Mid<'a> {
    /// The name in `a=extmap`.
    pub const URI: &'static str = "urn:ietf:params:rtp-hdrext:sdes:mid";

    /// Reads the value of an element. An empty one, or one that is not UTF-8, is not a MID.
    #[must_use]
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        text(value).map(Self)
    }

    /// The identification, as in `a=mid`.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

/// The text of an SDES item in a header extension (RFC 7941, section 4.1): UTF-8 without terminator. Some senders
/// pad it with zero bytes, which are taken off.
pub(super) fn text(value: &[u8]) -> Option<&str> {
    let text = str::from_utf8(value).ok()?.trim_end_matches('\0');
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_text() {
        assert_eq!(Mid::parse(b"0").map(Mid::as_str), Some("0"));
        assert_eq!(Mid::parse(b"video\0\0").map(Mid::as_str), Some("video"));
        assert_eq!(Mid::parse(b""), None);
        assert_eq!(Mid::parse(b"\0"), None);
        assert_eq!(Mid::parse(&[0xFF, 0x30]), None);
    }
}
