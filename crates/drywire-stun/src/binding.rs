//! The server's side of Binding: tells a client the address it came from (RFC 8489, section 12).

use std::net::SocketAddr;

use crate::attributes::{ErrorCode, Software, UnknownAttributes, XorMappedAddress};
use crate::{AttributeType, BuildError, Class, Message, MessageBuilder, Method};

/// The comprehension-required attributes that a Binding request without ICE may carry. Credentials are understood
/// and not needed.
pub(crate) const KNOWN: &[AttributeType] = &[
    AttributeType::USERNAME,
    AttributeType::MESSAGE_INTEGRITY,
    AttributeType::MESSAGE_INTEGRITY_SHA256,
    AttributeType::REALM,
    AttributeType::NONCE,
    AttributeType::USERHASH,
    AttributeType::PASSWORD_ALGORITHM,
];

/// Appends the response to a Binding request that came from `source`; `None` when nothing is to be answered:
/// indications, responses, other methods, wrong fingerprints.
///
/// It keeps no state, as RFC 8489 (section 6.3.1) wishes: a repeated request gets the same response.
pub fn respond(
    request: &Message<'_>,
    source: SocketAddr,
    software: Option<&str>,
    out: &mut Vec<u8>,
) -> Option<usize> {
    if request.class() != Class::Request
        || request.method() != Method::BINDING
        || request.check_fingerprint() == Some(false)
    {
        return None;
    }
    let unknown: UnknownAttributes = request.unknown_required(KNOWN).collect();
    if !unknown.is_empty() {
        return respond_unknown(request, &unknown, out).ok();
    }
    let mut response = MessageBuilder::new(out, Class::Success, request.method(), request.transaction_id());
    response.attribute(&XorMappedAddress(source));
    if let Some(software) = software {
        response.attribute(&Software(software));
    }
    response.fingerprint();
    response.finish().ok()
}

/// Appends error 420 with the list of what was not understood (RFC 8489, section 6.3.1).
pub fn respond_unknown(
    request: &Message<'_>,
    unknown: &UnknownAttributes,
    out: &mut Vec<u8>,
) -> Result<usize, BuildError> {
    let mut response = MessageBuilder::new(out, Class::Error, request.method(), request.transaction_id());
    response.attribute(&ErrorCode::UNKNOWN_ATTRIBUTE).attribute(unknown).fingerprint();
    response.finish()
}
