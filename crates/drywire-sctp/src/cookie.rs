use drywire_core::{Duration, Reader, Serial, Writer};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::state::Extensions;

/// The state cookie: all that INIT and INIT ACK have said, kept by the peer instead of us (RFC 9260, section 5.1.3).
///
/// ```text
/// created (8) | local tag (4) | peer tag (4) | local TSN (4) | peer TSN (4) | peer window (4)
/// | outbound streams (2) | extensions of the peer (2) | local tie tag (4) | peer tie tag (4) | HMAC-SHA-256 (32)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cookie {
    /// When it was made, since the association came to be.
    pub(crate) created: Duration,
    pub(crate) local_tag: u32,
    pub(crate) peer_tag: u32,
    pub(crate) local_tsn: Serial<u32>,
    pub(crate) peer_tsn: Serial<u32>,
    pub(crate) peer_window: u32,
    /// How many streams we may send on.
    pub(crate) outbound_streams: u16,
    pub(crate) extensions: Extensions,
    /// The tags of the association that there was when the cookie was made, or zeros (section 5.2.2).
    pub(crate) tie_tags: (u32, u32),
}

const CONTENT_LEN: usize = 40;

/// Makes and checks cookies.
#[derive(Clone)]
pub(crate) struct CookieKey([u8; 32]);

impl std::fmt::Debug for CookieKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CookieKey(..)")
    }
}

impl CookieKey {
    pub(crate) const fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    pub(crate) fn seal(&self, cookie: &Cookie) -> Vec<u8> {
        let mut out = Vec::with_capacity(CONTENT_LEN + 32);
        let created = u64::try_from(cookie.created.as_micros()).unwrap_or(u64::MAX);
        Writer::new(&mut out)
            .u64(created)
            .u32(cookie.local_tag)
            .u32(cookie.peer_tag)
            .u32(cookie.local_tsn.0)
            .u32(cookie.peer_tsn.0)
            .u32(cookie.peer_window)
            .u16(cookie.outbound_streams)
            .u8(u8::from(cookie.extensions.resets_streams))
            .u8(u8::from(cookie.extensions.skips_messages)
                | u8::from(cookie.extensions.needs_no_checksum) << 1
                | u8::from(cookie.extensions.interleaves) << 2)
            .u32(cookie.tie_tags.0)
            .u32(cookie.tie_tags.1);
        let code = self.mac(&out).map(|mac| mac.finalize().into_bytes()).unwrap_or_default();
        out.extend_from_slice(&code);
        out
    }

    /// Reads a cookie of ours. `None` for anything else, told apart in constant time.
    pub(crate) fn open(&self, bytes: &[u8]) -> Option<Cookie> {
        let (content, code) = bytes.split_at_checked(CONTENT_LEN)?;
        self.mac(content)?.verify_slice(code).ok()?;
        let mut reader = Reader::new(content);
        let created = Duration::from_micros(reader.u64().ok()?);
        let (local_tag, peer_tag) = (reader.u32().ok()?, reader.u32().ok()?);
        let (local_tsn, peer_tsn) = (Serial(reader.u32().ok()?), Serial(reader.u32().ok()?));
        let peer_window = reader.u32().ok()?;
        let outbound_streams = reader.u16().ok()?;
        let (resets_streams, others) = (reader.u8().ok()? != 0, reader.u8().ok()?);
        let tie_tags = (reader.u32().ok()?, reader.u32().ok()?);
        Some(Cookie {
            created,
            local_tag,
            peer_tag,
            local_tsn,
            peer_tsn,
            peer_window,
            outbound_streams,
            extensions: Extensions {
                resets_streams,
                skips_messages: others & 1 != 0,
                needs_no_checksum: others & 2 != 0,
                interleaves: others & 4 != 0,
            },
            tie_tags,
        })
    }

    fn mac(&self, content: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(content);
        Some(mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e04_only_our_own_cookie_opens() {
        let cookie = Cookie {
            created: Duration::from_micros(1),
            local_tag: 2,
            peer_tag: 3,
            local_tsn: Serial(4),
            peer_tsn: Serial(5),
            peer_window: 6,
            outbound_streams: 7,
            extensions: Extensions {
                resets_streams: true,
                skips_messages: false,
                needs_no_checksum: true,
                interleaves: true,
            },
            tie_tags: (8, 9),
        };
        let key = CookieKey::new([1; 32]);
        let sealed = key.seal(&cookie);
        assert_eq!(key.open(&sealed), Some(cookie));
        assert_eq!(CookieKey::new([2; 32]).open(&sealed), None);
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut edited = sealed.clone();
                edited[at] ^= 1 << bit;
                assert_eq!(key.open(&edited), None);
            }
            assert_eq!(key.open(&sealed[..at]), None);
        }
        assert_eq!(key.open(&[&sealed[..], &[0]].concat()), None);
    }
}
