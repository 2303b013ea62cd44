/// How the receiver has to turn a picture clockwise before it shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Rotation {
    /// Not at all.
    #[default]
    None,
    /// By 90 degrees.
    Clockwise90,
    /// By 180 degrees.
    Clockwise180,
    /// By 270 degrees.
    Clockwise270,
}

/// The coordination of video orientation (3GPP TS 26.114, section 7.4.5), on the last packet of a frame.
///
/// ```text
///  0                   1
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |  ID   | len=0 |0 0 0 0 C F R R|
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct VideoOrientation {
    /// Whether it comes from the camera at the back.
    pub back_camera: bool,
    /// Whether the picture is to be flipped left to right.
    pub flipped: bool,
    /// How the picture is to be turned.
    pub rotation: Rotation,
}

impl VideoOrientation {
    /// The name in `a=extmap`.
    pub const URI: &'static str = "urn:3gpp:video-orientation";

    /// Reads the value of an element; unknown bits are ignored.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let byte = value.first()?;
        Some(Self {
            back_camera: byte & 8 != 0,
            flipped: byte & 4 != 0,
            rotation: match byte & 3 {
                0 => Rotation::None,
                1 => Rotation::Clockwise90,
                2 => Rotation::Clockwise180,
                _ => Rotation::Clockwise270,
            },
        })
    }

    /// The value of the element.
    #[must_use]
    pub const fn value(self) -> [u8; 1] {
        let rotation = match self.rotation {
            Rotation::None => 0,
            Rotation::Clockwise90 => 1,
            Rotation::Clockwise180 => 2,
            Rotation::Clockwise270 => 3,
        };
        [if self.back_camera { 8 } else { 0 } | if self.flipped { 4 } else { 0 } | rotation]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_values_survive() {
        for byte in 0..16 {
            assert_eq!(VideoOrientation::parse(&[byte]).map(VideoOrientation::value), Some([byte]));
        }
        assert_eq!(VideoOrientation::parse(&[0xF1]), VideoOrientation::parse(&[0x01]));
        assert_eq!(VideoOrientation::parse(&[]), None);
    }
}
