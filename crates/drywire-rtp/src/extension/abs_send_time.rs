use drywire_core::{Duration, Reader};

/// When a packet left its sender: 24 bits, 6 of seconds and 18 of fraction. It wraps around every 64 seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AbsSendTime(u32);

impl AbsSendTime {
    /// The name in `a=extmap`.
    pub const URI: &'static str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";

    /// Reads the value of an element.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        Reader::new(value).u24().ok().map(Self)
    }

    /// The time `since` any fixed moment of the sender's choice, rounded down.
    #[must_use]
    pub fn from_duration(since: Duration) -> Self {
        let fraction = (u64::from(since.subsec_nanos()) << 18) / 1_000_000_000;
        let ticks = ((since.as_secs() % 64) << 18) | fraction;
        Self(u32::try_from(ticks).unwrap_or(0))
    }

    /// The time in units of 2^-18 seconds, modulo 2^24.
    #[must_use]
    pub const fn ticks(self) -> u32 {
        self.0
    }

    /// The value of the element.
    #[must_use]
    pub const fn value(self) -> [u8; 3] {
        let [_, a, b, c] = self.0.to_be_bytes();
        [a, b, c]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_seconds_modulo_64() {
        let time = AbsSendTime::from_duration(Duration::from_millis(65_500));
        assert_eq!(time.ticks(), (1 << 18) + (1 << 17));
        assert_eq!(AbsSendTime::parse(&time.value()), Some(time));
        assert_eq!(AbsSendTime::parse(&[1, 2]), None);
    }
}
