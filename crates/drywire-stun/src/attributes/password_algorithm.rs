use drywire_core::{Reader, Writer};

use super::{Attribute, AttributeType};
use crate::TransactionId;

/// How the key of a long-term credential derives from its password (RFC 8489, section 18.5). A number, so that
/// algorithms not known here survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PasswordAlgorithm(pub u16);

impl PasswordAlgorithm {
    /// MD5, the one of RFC 5389.
    pub const MD5: Self = Self(1);
    /// SHA-256.
    pub const SHA256: Self = Self(2);
}

/// PASSWORD-ALGORITHM: the algorithm that the client chose (RFC 8489, section 14.12). Neither registered algorithm
/// has parameters.
///
/// ```text
///  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///  |          Algorithm           |  Algorithm Parameters Length   |
///  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PasswordAlgorithmAttribute(pub PasswordAlgorithm);

impl Attribute<'_> for PasswordAlgorithmAttribute {
    const TYPE: AttributeType = AttributeType::PASSWORD_ALGORITHM;

    fn parse(value: &[u8], _: TransactionId) -> Option<Self> {
        let mut reader = Reader::new(value);
        let algorithm = read(&mut reader)?;
        reader.is_empty().then_some(Self(algorithm))
    }

    fn write(&self, _: TransactionId, value: &mut Writer<'_>) {
        value.u16(self.0.0).u16(0);
    }
}

/// PASSWORD-ALGORITHMS: what the server offers, best first (RFC 8489, section 14.11). The client sends the same
/// bytes back, which shows that nobody took an algorithm out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PasswordAlgorithms<'a>(&'a [u8]);

impl PasswordAlgorithms<'static> {
    /// SHA-256 first, then MD5.
    pub const ALL: Self = Self(&[0, 2, 0, 0, 0, 1, 0, 0]);
    /// Only SHA-256.
    pub const SHA256: Self = Self(&[0, 2, 0, 0]);
}

impl<'a> PasswordAlgorithms<'a> {
    /// The value of the attribute, parameters included.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// From the value of an attribute that was read before.
    pub(crate) const fn from_bytes(value: &'a [u8]) -> Self {
        Self(value)
    }

    /// The algorithms in their order.
    pub fn iter(&self) -> impl Iterator<Item = PasswordAlgorithm> + use<'a> {
        let mut reader = Reader::new(self.0);
        std::iter::from_fn(move || read(&mut reader))
    }
}

impl<'a> Attribute<'a> for PasswordAlgorithms<'a> {
    const TYPE: AttributeType = AttributeType::PASSWORD_ALGORITHMS;

    fn parse(value: &'a [u8], _: TransactionId) -> Option<Self> {
        let mut reader = Reader::new(value);
        while read(&mut reader).is_some() {}
        reader.is_empty().then_some(Self(value))
    }

    fn write(&self, _: TransactionId, value: &mut Writer<'_>) {
        value.bytes(self.0);
    }
}

/// Takes one algorithm with its parameters and their padding.
fn read(reader: &mut Reader<'_>) -> Option<PasswordAlgorithm> {
    let mut ahead = *reader;
    let (algorithm, len) = (ahead.u16().ok()?, usize::from(ahead.u16().ok()?));
    ahead.take(len.next_multiple_of(4)).ok()?;
    *reader = ahead;
    Some(PasswordAlgorithm(algorithm))
}
