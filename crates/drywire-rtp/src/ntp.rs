use drywire_core::Duration;

/// Seconds from the epoch of NTP (1900) to that of Unix (1970).
const UNIX_EPOCH: u64 = 2_208_988_800;

/// A wall-clock time in the format of NTP: seconds since 1900 in the upper 32 bits, the fraction in the lower
/// (RFC 3550, section 4). It wraps around in 2036.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// The time that is `since_1970` after 1970-01-01 UTC.
    #[must_use]
    pub fn from_unix(since_1970: Duration) -> Self {
        let seconds = since_1970.as_secs().wrapping_add(UNIX_EPOCH);
        let fraction = (u64::from(since_1970.subsec_nanos()) << 32) / 1_000_000_000;
        Self((seconds << 32) | fraction)
    }

    /// The middle 32 bits, which reports quote: units of 1/65536 seconds (RFC 3550, section 6.4.1).
    #[must_use]
    pub fn middle(self) -> u32 {
        let [_, _, a, b, c, d, _, _] = self.0.to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_from_1900() {
        // RFC 3550 section 6.4.1, figure 2: 10 Nov 1995 11:33:25.125 UTC is 0xb44db705:0x20000000.
        let time = NtpTime::from_unix(Duration::new(816_003_205, 125_000_000));
        assert_eq!(time, NtpTime(0xb44d_b705_2000_0000));
        assert_eq!(time.middle(), 0xb705_2000);
    }

    #[test]
    fn wraps_around_in_2036() {
        assert_eq!(NtpTime::from_unix(Duration::from_secs((1 << 32) - UNIX_EPOCH)), NtpTime(0));
    }
}
