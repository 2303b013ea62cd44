use drywire_core::Writer;

use super::{Attribute, AttributeType};
use crate::TransactionId;

/// USE-CANDIDATE: the controlling agent nominates the pair of this check (RFC 8445, section 7.1.2). A flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UseCandidate;

impl Attribute<'_> for UseCandidate {
    const TYPE: AttributeType = AttributeType::USE_CANDIDATE;

    fn parse(_: &[u8], _: TransactionId) -> Option<Self> {
        Some(Self)
    }

    fn write(&self, _: TransactionId, _: &mut Writer<'_>) {}
}
