use std::net::{IpAddr, SocketAddr};

use base64ct::{Base64Unpadded, Encoding};
use drywire_core::{Duration, Instant};
use drywire_crypto::{Digest, HashAlgorithm, HmacKey, Provider};

use crate::attributes::{Nonce, SecurityFeatures};

/// How many bytes of the code go into a nonce: 112 bits cannot be guessed.
const CODE_LEN: usize = 14;
/// The time in seconds and the code, as bytes and as base64.
const BODY_LEN: usize = 4 + CODE_LEN;
const TEXT_LEN: usize = BODY_LEN / 3 * 4;

/// Nonces without state: a nonce is the time it was made at and a code over that time, the features and the client's
/// address, under a key that only this server has. Whoever asks, nothing is remembered.
pub(crate) struct NonceSource {
    key: Box<dyn HmacKey>,
    prefix: [u8; 13],
    start: Instant,
    lifetime: Duration,
}

/// The bytes of a nonce: all ASCII.
#[derive(Clone, Copy)]
pub(crate) struct NonceText([u8; 13 + TEXT_LEN]);

impl NonceText {
    pub(crate) fn as_nonce(&self) -> Nonce<'_> {
        Nonce(str::from_utf8(&self.0).unwrap_or_default())
    }
}

impl NonceSource {
    pub(crate) fn new(
        provider: &dyn Provider,
        features: SecurityFeatures,
        lifetime: Duration,
        start: Instant,
        secret: &[u8; 32],
    ) -> Self {
        let key = provider.hmac_key(HashAlgorithm::Sha256, secret);
        Self { key, prefix: features.nonce_prefix(), start, lifetime }
    }

    /// A nonce for the client at `source`. RFC 8489, section 9.2.4: never the same for two clients.
    pub(crate) fn make(&self, now: Instant, source: SocketAddr) -> NonceText {
        let seconds = self.seconds(now).to_be_bytes();
        let mut body = [0; BODY_LEN];
        for (to, from) in body
            .iter_mut()
            .zip(seconds.iter().chain(self.code(seconds, source).as_bytes().iter().take(CODE_LEN)))
        {
            *to = *from;
        }
        let mut encoded = [b'A'; TEXT_LEN];
        // It fits: nothing can go wrong here.
        let _ = Base64Unpadded::encode(&body, &mut encoded);
        let mut text = [0; 13 + TEXT_LEN];
        for (to, from) in text.iter_mut().zip(self.prefix.iter().chain(&encoded)) {
            *to = *from;
        }
        NonceText(text)
    }

    /// Whether `nonce` was made here, for the client at `source`, and not too long ago.
    pub(crate) fn is_valid(&self, now: Instant, source: SocketAddr, nonce: Nonce<'_>) -> bool {
        let mut body = [0; BODY_LEN];
        let decoded = nonce
            .0
            .as_bytes()
            .strip_prefix(&self.prefix)
            .and_then(|text| Base64Unpadded::decode(text, &mut body).ok());
        let Some((made, code)) = decoded.and_then(|body| body.split_first_chunk::<4>()) else { return false };
        let age = self.seconds(now).checked_sub(u32::from_be_bytes(*made));
        code.len() == CODE_LEN
            && age.is_some_and(|age| u64::from(age) <= self.lifetime.as_secs())
            && self.code(*made, source).starts_with(code)
    }

    fn code(&self, seconds: [u8; 4], source: SocketAddr) -> Digest {
        let ip = match source.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        self.key.sign(&[&self.prefix, &seconds, &ip.octets(), &source.port().to_be_bytes()])
    }

    /// The time since the server's start, in seconds: enough for 136 years.
    fn seconds(&self, now: Instant) -> u32 {
        u32::try_from(now.saturating_duration_since(self.start).as_secs()).unwrap_or(u32::MAX)
    }
}
