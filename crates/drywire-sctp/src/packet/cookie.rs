use super::{Chunk, ChunkType};

/// COOKIE ECHO: returns the cookie of the INIT ACK (RFC 9260, section 3.3.11).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+-------------------------------+
/// |   type = 10   |   flags = 0   |            length             |
/// +---------------+---------------+-------------------------------+
/// |                            cookie                             |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CookieEcho<'a> {
    /// The cookie, byte by byte as it came.
    pub cookie: &'a [u8],
}

impl<'a> CookieEcho<'a> {
    /// Reads a chunk.
    #[must_use]
    pub const fn parse(chunk: &Chunk<'a>) -> Self {
        Self { cookie: chunk.value }
    }

    /// Appends the chunk.
    pub fn write(&self, out: &mut Vec<u8>) {
        Chunk::write(out, ChunkType::COOKIE_ECHO, 0, |out| out.extend_from_slice(self.cookie));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::tests::one_chunk;

    #[test]
    fn example() {
        let mut out = Vec::new();
        CookieEcho { cookie: b"dough" }.write(&mut out);
        assert_eq!(out, b"\x0a\x00\x00\x09dough\x00\x00\x00");
        assert_eq!(CookieEcho::parse(&one_chunk(&out)), CookieEcho { cookie: b"dough" });
    }
}
