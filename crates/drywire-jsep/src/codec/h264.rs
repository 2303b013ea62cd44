//! When two H.264 configurations are the same (RFC 6184 sections 8.1 and 8.2.2).

use super::parameter;

/// The profiles that `profile_idc` and `profile-iop` name (RFC 6184 section 8.1, table 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Profile {
    ConstrainedBaseline,
    Baseline,
    Main,
    Extended,
    ConstrainedHigh,
    High,
    High444Predictive,
}

/// `profile_idc`, the bits of `profile-iop` that count, their values, and the profile.
const PROFILES: [(u8, u8, u8, Profile); 10] = [
    (0x42, 0b0100_1111, 0b0100_0000, Profile::ConstrainedBaseline),
    (0x4d, 0b1000_1111, 0b1000_0000, Profile::ConstrainedBaseline),
    (0x58, 0b1100_1111, 0b1100_0000, Profile::ConstrainedBaseline),
    (0x42, 0b0100_1111, 0b0000_0000, Profile::Baseline),
    (0x58, 0b1100_1111, 0b1000_0000, Profile::Baseline),
    (0x4d, 0b1010_1111, 0b0000_0000, Profile::Main),
    (0x58, 0b1100_1111, 0b0000_0000, Profile::Extended),
    (0x64, 0b1111_1111, 0b0000_1100, Profile::ConstrainedHigh),
    (0x64, 0b1111_1111, 0b0000_0000, Profile::High),
    (0xf4, 0b1111_1111, 0b0000_0000, Profile::High444Predictive),
];

/// Baseline, level 1, is meant when there is no `profile-level-id` (RFC 6184 section 8.1).
const DEFAULT: &str = "42000a";

fn profile(fmtp: &str) -> Option<Profile> {
    let text = parameter(fmtp, "profile-level-id").unwrap_or(DEFAULT);
    if text.len() != 6 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let idc = u8::from_str_radix(text.get(..2)?, 16).ok()?;
    let iop = u8::from_str_radix(text.get(2..4)?, 16).ok()?;
    PROFILES.iter().find(|(number, mask, bits, _)| *number == idc && iop & mask == *bits).map(|entry| entry.3)
}

fn packetization_mode(fmtp: &str) -> &str {
    parameter(fmtp, "packetization-mode").unwrap_or("0")
}

/// The profile and the packetization mode must be equal; the level need not (RFC 6184 section 8.2.2).
pub(super) fn same(a: &str, b: &str) -> bool {
    packetization_mode(a) == packetization_mode(b) && profile(a).is_some_and(|own| Some(own) == profile(b))
}

/// Our parameters with the profile and level that were offered: an answer states no other profile.
pub(super) fn answer(own: &str, offered: &str) -> String {
    let level = parameter(offered, "profile-level-id").unwrap_or(DEFAULT);
    let kept =
        own.split(';').filter(|pair| !pair.trim().to_ascii_lowercase().starts_with("profile-level-id"));
    let mut answer: String = kept.flat_map(|pair| [pair, ";"]).collect();
    answer.push_str("profile-level-id=");
    answer.push_str(level);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles() {
        let of = |text: &str| profile(&format!("profile-level-id={text}"));
        assert_eq!(of("42e01f"), Some(Profile::ConstrainedBaseline));
        assert_eq!(of("42001f"), Some(Profile::Baseline));
        assert_eq!(of("4D001F"), Some(Profile::Main));
        assert_eq!(of("640c1f"), Some(Profile::ConstrainedHigh));
        assert_eq!(of("64001f"), Some(Profile::High));
        assert_eq!(of("f4001f"), Some(Profile::High444Predictive));
        assert_eq!((of("4200"), of("zz001f"), of("ff001f")), (None, None, None));
        assert_eq!(profile(""), Some(Profile::Baseline));
    }

    #[test]
    fn the_level_may_differ_but_not_the_mode() {
        assert!(same(
            "packetization-mode=1;profile-level-id=42e01f",
            "profile-level-id=42E034;packetization-mode=1"
        ));
        assert!(!same("packetization-mode=1;profile-level-id=42e01f", "profile-level-id=42e01f"));
        assert!(!same("profile-level-id=42e01f", "profile-level-id=42001f"));
        assert!(!same("profile-level-id=x", "profile-level-id=x"));
        assert_eq!(
            answer(
                "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
                "profile-level-id=42e034"
            ),
            "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e034"
        );
    }
}
