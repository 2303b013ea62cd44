/// Samples of a picture as it was encoded, by which the receiver tells whether what it decoded is the same. They say
/// something about the picture, so they are only sent encrypted. What the bytes mean is the application's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CorruptionDetection {
    bytes: [u8; Self::MAX_LEN],
    len: usize,
}

impl CorruptionDetection {
    /// The name in `a=extmap`.
    pub const URI: &'static str = "http://www.webrtc.org/experiments/rtp-hdrext/corruption-detection";
    /// The longest value, in bytes: what the one-byte form can carry (RFC 8285, section 4.2).
    pub const MAX_LEN: usize = 16;

    /// Reads the value of an element: 1 to 16 bytes.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let mut bytes = [0; Self::MAX_LEN];
        bytes.get_mut(..value.len())?.copy_from_slice(value);
        (!value.is_empty()).then_some(Self { bytes, len: value.len() })
    }

    /// The value of the element.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_1_to_16_bytes() {
        for len in 0..20 {
            let value: Vec<u8> = (1..=len).collect();
            let read = CorruptionDetection::parse(&value);
            assert_eq!(read.is_some(), (1..=16).contains(&len));
            assert!(read.is_none_or(|read| read.value() == value));
        }
    }
}
