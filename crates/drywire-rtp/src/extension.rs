//! Elements of the RTP header extension (RFC 8285).
//!
//! Which identifier stands for which element is negotiated with `a=extmap`; the types here know the content only. Each
//! has its `URI`, a `parse` of the element's value and its value for writing.

use drywire_core::Writer;

use crate::WriteError;

mod abs_send_time;
mod audio_level;
mod corruption_detection;
mod mid;
mod rid;
mod transport_sequence_number;
mod video_orientation;

pub use abs_send_time::AbsSendTime;
pub use audio_level::AudioLevel;
pub use corruption_detection::CorruptionDetection;
pub use mid::Mid;
pub use rid::{RepairedRid, Rid};
pub use transport_sequence_number::TransportSequenceNumber;
pub use video_orientation::{Rotation, VideoOrientation};

const ONE_BYTE_PROFILE: u16 = 0xBEDE;
const TWO_BYTE_PROFILE: u16 = 0x1000;

/// The two forms of the headers of elements (RFC 8285, sections 4.2 and 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    OneByte,
    TwoByte,
}

impl Form {
    /// The shortest form in which these elements can be written, `None` when there are none.
    pub(crate) fn of(elements: &[(u8, &[u8])]) -> Result<Option<Self>, WriteError> {
        let mut form = None;
        let mut total = 0_usize;
        for (id, value) in elements {
            if *id == 0 {
                return Err(WriteError::ExtensionId);
            }
            let fits_one_byte = *id < 15 && (1..=16).contains(&value.len());
            if u8::try_from(value.len()).is_err() {
                return Err(WriteError::ExtensionTooLong);
            }
            total += 2 + value.len();
            form = match form {
                None | Some(Self::OneByte) if fits_one_byte => Some(Self::OneByte),
                _ => Some(Self::TwoByte),
            };
        }
        // The length counts 32-bit words in 16 bits; even padded, this many bytes fit.
        if total > 4 * usize::from(u16::MAX) {
            return Err(WriteError::ExtensionTooLong);
        }
        Ok(form)
    }

    /// Writes the header extension with its profile and length. The elements must have passed [`of`](Self::of).
    pub(crate) fn write(self, writer: &mut Writer<'_>, elements: &[(u8, &[u8])]) {
        writer.u16(match self {
            Self::OneByte => ONE_BYTE_PROFILE,
            Self::TwoByte => TWO_BYTE_PROFILE,
        });
        let value_lens: usize = elements.iter().map(|(_, value)| value.len()).sum();
        let head = match self {
            Self::OneByte => 1,
            Self::TwoByte => 2,
        };
        let len = value_lens + head * elements.len();
        writer.u16(u16::try_from(len.div_ceil(4)).unwrap_or(u16::MAX));
        for (id, value) in elements {
            let value_len = u8::try_from(value.len()).unwrap_or(u8::MAX);
            match self {
                Self::OneByte => writer.u8((id << 4) | (value_len.wrapping_sub(1) & 0x0F)),
                Self::TwoByte => writer.u8(*id).u8(value_len),
            };
            writer.bytes(value);
        }
        writer.zeros(len.next_multiple_of(4) - len);
    }
}

/// The elements of a header extension: identifier and value of each, in order.
///
/// Tolerant as RFC 8285 demands: padding is skipped, the reserved identifiers of the one-byte form end the list, and
/// so does an element that reaches past the end; what stands before them is kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct Elements<'a> {
    form: Option<Form>,
    rest: &'a [u8],
}

impl<'a> Elements<'a> {
    pub(crate) fn new(profile: u16, block: &'a [u8]) -> Self {
        let form = match profile {
            ONE_BYTE_PROFILE => Some(Form::OneByte),
            // The lowest four bits are for applications and are ignored (RFC 8285, section 4.3).
            _ if profile & 0xFFF0 == TWO_BYTE_PROFILE => Some(Form::TwoByte),
            _ => None,
        };
        Self { form, rest: block }
    }

    /// How many bytes follow what was read.
    pub(crate) const fn rest_len(&self) -> usize {
        self.rest.len()
    }

    /// The header of the next element: its identifier, the length of its value, and what follows.
    fn head(&self) -> Option<(u8, usize, &'a [u8])> {
        let (first, rest) = self.rest.split_first()?;
        match self.form? {
            Form::OneByte => {
                let (id, len) = (first >> 4, usize::from(first & 0x0F) + 1);
                // Identifier 15, or 0 with a length, ends the whole extension (RFC 8285, section 4.2).
                (id != 0 && id != 15).then_some((id, len, rest))
            }
            Form::TwoByte => {
                let (len, rest) = rest.split_first()?;
                Some((*first, usize::from(*len), rest))
            }
        }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while let Some((0, rest)) = self.rest.split_first() {
            self.rest = rest;
        }
        let element = self.head().and_then(|(id, len, rest)| {
            let (value, rest) = rest.split_at_checked(len)?;
            Some((id, value, rest))
        });
        let Some((id, value, rest)) = element else {
            self.rest = &[];
            return None;
        };
        self.rest = rest;
        Some((id, value))
    }
}

impl std::iter::FusedIterator for Elements<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(profile: u16, block: &[u8]) -> Vec<(u8, Vec<u8>)> {
        Elements::new(profile, block).map(|(id, value)| (id, value.to_vec())).collect()
    }

    #[test]
    fn one_byte_form_with_padding_between() {
        // The example of RFC 8285 section 4.2: lengths 1, 2 and 4, padding between and at the end.
        let block = [0x10, 0xAA, 0x21, 0xBB, 0xBC, 0, 0, 0x33, 1, 2, 3, 4];
        assert_eq!(elements(0xBEDE, &block), [(1, vec![0xAA]), (2, vec![0xBB, 0xBC]), (3, vec![1, 2, 3, 4])]);
    }

    #[test]
    fn two_byte_form_ignores_appbits_and_takes_empty_values() {
        let block = [1, 0, 2, 1, 0xBB, 0, 200, 4, 1, 2, 3, 4];
        let expected = [(1, vec![]), (2, vec![0xBB]), (200, vec![1, 2, 3, 4])];
        assert_eq!(elements(0x1000, &block), expected);
        assert_eq!(elements(0x100F, &block), expected);
    }

    #[test]
    fn reserved_identifiers_end_the_one_byte_form() {
        assert_eq!(elements(0xBEDE, &[0x10, 7, 0xF0, 8, 0x20, 9]), [(1, vec![7])]);
        assert_eq!(elements(0xBEDE, &[0x10, 7, 0x01, 8, 8, 0x20, 9]), [(1, vec![7])]);
    }

    #[test]
    fn an_element_past_the_end_is_dropped_with_what_follows() {
        assert_eq!(elements(0xBEDE, &[0x10, 7, 0x2F, 1, 2, 3]), [(1, vec![7])]);
        assert_eq!(elements(0x1000, &[1, 1, 7, 2]), [(1, vec![7])]);
        assert_eq!(elements(0x1000, &[1, 1, 7, 2, 200, 1]), [(1, vec![7])]);
    }

    #[test]
    fn other_profiles_have_no_elements() {
        assert_eq!(elements(0xABAC, &[0x10, 7, 0, 0]), []);
    }
}
