use super::mid::text;

/// The identification of an RTP stream within its media section (RFC 8852): the layer of a simulcast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rid<'a>(&'a str);

impl<'a> Rid<'a> {
    /// The name in `a=extmap`.
    pub const URI: &'static str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";

    /// Reads the value of an element. It is alphanumeric (RFC 8852, section 3.3); anything else is not a RID.
    #[must_use]
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        alphanumeric(value).map(Self)
    }

    /// The identification, as in `a=rid`.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

/// The identification of the RTP stream that a redundancy stream (retransmission, FEC) repairs (RFC 8852).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RepairedRid<'a>(&'a str);

impl<'a> RepairedRid<'a> {
    /// The name in `a=extmap`.
    pub const URI: &'static str = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";

    /// Reads the value of an element, as [`Rid::parse`] does.
    #[must_use]
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        alphanumeric(value).map(Self)
    }

    /// The identification, as in `a=rid`.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

/// RFC 8852 allows letters and digits only, RFC 8851 also `-` and `_`, and peers use them.
fn alphanumeric(value: &[u8]) -> Option<&str> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    text(value).filter(|text| text.bytes().all(legal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_alphanumeric() {
        assert_eq!(Rid::parse(b"hi").map(Rid::as_str), Some("hi"));
        assert_eq!(RepairedRid::parse(b"q_1").map(RepairedRid::as_str), Some("q_1"));
        assert_eq!(Rid::parse(b"a b"), None);
        assert_eq!(Rid::parse(b""), None);
    }
}
