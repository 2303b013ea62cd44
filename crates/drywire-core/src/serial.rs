use std::cmp::Ordering;

/// A number that wraps around and is compared by serial-number arithmetic (RFC 1982): RTP sequence numbers (`u16`),
/// SCTP TSNs (`u32`).
///
/// `a < b` when `b` is less than half the number space ahead of `a`. Two numbers exactly half the space apart have no
/// order: `partial_cmp` is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Serial<T>(pub T);

macro_rules! serial {
    ($type:ty, $half:expr) => {
        impl Serial<$type> {
            /// The number `n` steps ahead.
            #[must_use]
            pub const fn add(self, n: $type) -> Self {
                Self(self.0.wrapping_add(n))
            }

            /// The number `n` steps behind.
            #[must_use]
            pub const fn sub(self, n: $type) -> Self {
                Self(self.0.wrapping_sub(n))
            }

            /// The next number.
            #[must_use]
            pub const fn next(self) -> Self {
                self.add(1)
            }

            /// How many steps `self` is ahead of `earlier`, modulo the number space.
            #[must_use]
            pub const fn distance_from(self, earlier: Self) -> $type {
                self.0.wrapping_sub(earlier.0)
            }
        }

        impl PartialOrd for Serial<$type> {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                match other.0.wrapping_sub(self.0) {
                    0 => Some(Ordering::Equal),
                    ahead if ahead < $half => Some(Ordering::Less),
                    $half => None,
                    _ => Some(Ordering::Greater),
                }
            }
        }

        impl From<$type> for Serial<$type> {
            fn from(value: $type) -> Self {
                Self(value)
            }
        }
    };
}

serial!(u16, 0x8000);
serial!(u32, 0x8000_0000);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_wraps_around() {
        assert!(Serial(u32::MAX) < Serial(0_u32));
        assert!(Serial(5_u32) > Serial(u32::MAX - 5));
        assert!(Serial(65_535_u16) < Serial(0_u16));
        assert_eq!(Serial(0_u16).partial_cmp(&Serial(0x8000)), None);
        assert_eq!(Serial(2_u16).distance_from(Serial(65_535)), 3);
        assert_eq!(Serial(u32::MAX).next(), Serial(0));
        assert_eq!(Serial(0_u32).sub(1), Serial(u32::MAX));
    }
}
