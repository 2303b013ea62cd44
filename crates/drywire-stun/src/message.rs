use std::fmt;

use crate::attributes::{Attribute, Priority, RawAttribute, UseCandidate, Username, XorMappedAddress};
use crate::fingerprint::checksum;
use crate::header::class_and_method;
use crate::{
    AttributeType, Class, HEADER_LEN, IntegrityAlgorithm, IntegrityError, IntegrityKey, InvalidAttribute,
    Method, ParseError, TransactionId, is_stun,
};

/// A STUN message, as a view of the bytes it came in (RFC 8489, section 5).
///
/// ```text
///   0                   1                   2                   3
///   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
///  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///  |0 0|     STUN Message Type     |         Message Length        |
///  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///  |                         Magic Cookie                          |
///  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///  |                     Transaction ID (96 bits)                  |
///  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
///
/// Parsing checks the framing of all attributes, once. Attributes that follow the integrity attribute are not part
/// of what the sender vouches for, and are invisible here (RFC 8489, sections 14.5 and 14.6).
#[derive(Clone, Copy)]
pub struct Message<'a> {
    bytes: &'a [u8],
    class: Class,
    method: Method,
    id: TransactionId,
    /// Where the visible attributes end.
    end: usize,
    sha1: Option<Protection<'a>>,
    sha256: Option<Protection<'a>>,
    fingerprint: Option<Protection<'a>>,
}

/// An attribute that protects what is before it.
#[derive(Clone, Copy)]
struct Protection<'a> {
    /// Where the attribute begins.
    at: usize,
    value: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads one datagram, which must be one message and nothing else.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, ParseError> {
        let Some((header, mut rest)) = datagram.split_first_chunk::<HEADER_LEN>() else {
            return Err(ParseError::NotStun);
        };
        let [first, second, high, low, _, _, _, _, id @ ..] = *header;
        if !is_stun(datagram) {
            let (declared, actual) = (usize::from(u16::from_be_bytes([high, low])), rest.len());
            let misfit = declared != actual || !declared.is_multiple_of(4);
            return Err(if misfit {
                ParseError::WrongLength { declared, actual }
            } else {
                ParseError::NotStun
            });
        }
        let (class, method) = class_and_method(u16::from_be_bytes([first, second]));
        let mut message = Self {
            bytes: datagram,
            class,
            method,
            id: TransactionId::new(id),
            end: datagram.len(),
            sha1: None,
            sha256: None,
            fingerprint: None,
        };
        while !rest.is_empty() {
            let at = datagram.len() - rest.len();
            let raw = RawAttribute::take(&mut rest).ok_or(ParseError::Truncated { offset: at })?;
            message.note(at, raw);
        }
        Ok(message)
    }

    /// Remembers the attributes that protect. The first of each kind counts; nothing counts after FINGERPRINT, and
    /// MESSAGE-INTEGRITY does not count after MESSAGE-INTEGRITY-SHA256.
    fn note(&mut self, at: usize, raw: RawAttribute<'a>) {
        if self.fingerprint.is_some() {
            return;
        }
        let slot = match raw.attribute {
            AttributeType::MESSAGE_INTEGRITY if self.sha256.is_none() => &mut self.sha1,
            AttributeType::MESSAGE_INTEGRITY_SHA256 => &mut self.sha256,
            AttributeType::FINGERPRINT => &mut self.fingerprint,
            _ => return,
        };
        if slot.is_none() {
            *slot = Some(Protection { at, value: raw.value });
            self.end = self.end.min(at);
        }
    }

    /// Whether it is a request, an indication, or one of the two kinds of response.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.class
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    /// The transaction that the message belongs to.
    #[must_use]
    pub const fn transaction_id(&self) -> TransactionId {
        self.id
    }

    /// The bytes of the whole message.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The attributes that the sender vouches for, in their order, without those that protect.
    pub fn attributes(&self) -> impl Iterator<Item = RawAttribute<'a>> + use<'a> {
        let mut rest = self.bytes.get(HEADER_LEN..self.end).unwrap_or_default();
        std::iter::from_fn(move || RawAttribute::take(&mut rest))
    }

    /// The first attribute of type `A`: `Ok(None)` when there is none, an error when its value is malformed.
    /// Later ones of the same type are ignored (RFC 8489, section 14).
    pub fn find<A: Attribute<'a>>(&self) -> Result<Option<A>, InvalidAttribute> {
        self.attributes()
            .find(|raw| raw.attribute == A::TYPE)
            .map(|raw| A::parse(raw.value, self.id).ok_or(InvalidAttribute { attribute: A::TYPE }))
            .transpose()
    }

    /// The first attribute of type `A`, if there is one that is well-formed.
    #[must_use]
    pub fn attribute<A: Attribute<'a>>(&self) -> Option<A> {
        self.find().ok().flatten()
    }

    /// The USERNAME. In ICE: the receiver's ufrag, a colon, the sender's ufrag.
    #[must_use]
    pub fn username(&self) -> Option<&'a str> {
        self.attribute::<Username<'a>>().map(|username| username.0)
    }

    /// The PRIORITY of an ICE check.
    #[must_use]
    pub fn priority(&self) -> Option<u32> {
        self.attribute::<Priority>().map(|priority| priority.0)
    }

    /// Whether an ICE check nominates its pair.
    #[must_use]
    pub fn has_use_candidate(&self) -> bool {
        self.attribute::<UseCandidate>().is_some()
    }

    /// The sender's address as the receiver of the request saw it.
    #[must_use]
    pub fn xor_mapped_address(&self) -> Option<std::net::SocketAddr> {
        self.attribute::<XorMappedAddress>().map(|address| address.0)
    }

    /// The comprehension-required attributes that are not in `known` (RFC 8489, section 6.3). A request that has
    /// any is answered with error 420; other messages that have any are dropped.
    pub fn unknown_required(&self, known: &[AttributeType]) -> impl Iterator<Item = AttributeType> {
        self.attributes()
            .map(|raw| raw.attribute)
            .filter(move |attribute| attribute.is_comprehension_required() && !known.contains(attribute))
    }

    /// Whether the message carries an integrity attribute, and which one a receiver goes by: SHA-256 wins.
    #[must_use]
    pub const fn integrity(&self) -> Option<IntegrityAlgorithm> {
        match (self.sha256, self.sha1) {
            (Some(_), _) => Some(IntegrityAlgorithm::Sha256),
            (None, Some(_)) => Some(IntegrityAlgorithm::Sha1),
            (None, None) => None,
        }
    }

    /// Checks the integrity attribute in constant time. `Ok` says by which algorithm the message is authentic:
    /// a response must use the same (RFC 8489, section 9.1.4).
    pub fn check_integrity(&self, key: &IntegrityKey) -> Result<IntegrityAlgorithm, IntegrityError> {
        let algorithm = self.integrity().ok_or(IntegrityError::Missing)?;
        let (protection, lengths) = match algorithm {
            IntegrityAlgorithm::Sha1 => (self.sha1, 20..=20),
            // Section 14.6: may be truncated to any multiple of four from 16 bytes on.
            IntegrityAlgorithm::Sha256 => (self.sha256, 16..=32),
        };
        let protection = protection.ok_or(IntegrityError::Missing)?;
        let len = protection.value.len();
        if !lengths.contains(&len) || !len.is_multiple_of(4) {
            return Err(IntegrityError::Mismatch);
        }
        // Sections 14.5 and 14.6: the length field covers the message up to the end of the integrity attribute.
        let length =
            u16::try_from(protection.at + 4 + len - HEADER_LEN).map_err(|_| IntegrityError::Mismatch)?;
        let protected = self.bytes.get(..protection.at).unwrap_or_default();
        // The bytes up to the end of the first block are hashed out of a copy, which has that length; so that the others are
        // hashed where they lie, block by block.
        let (first, others) = protected.split_at_checked(64).unwrap_or((protected, &[]));
        let mut patched = [0; 64];
        let Some(patched) = patched.get_mut(..first.len()) else { return Err(IntegrityError::Mismatch) };
        patched.copy_from_slice(first);
        if let Some(field) = patched.get_mut(2..4) {
            field.copy_from_slice(&length.to_be_bytes());
        }
        let digest = key.sign(algorithm, &[patched, others]);
        if digest.starts_with(protection.value) { Ok(algorithm) } else { Err(IntegrityError::Mismatch) }
    }

    /// Whether the FINGERPRINT is right: `None` when there is none. One that is not the last attribute is wrong
    /// (RFC 8489, section 14.7).
    #[must_use]
    pub fn check_fingerprint(&self) -> Option<bool> {
        let Protection { at, value } = self.fingerprint?;
        let is_last = at + 8 == self.bytes.len();
        let before = self.bytes.get(..at)?;
        Some(is_last && value == checksum(before).to_be_bytes())
    }
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?} {:?} [", self.method, self.class, self.id)?;
        for (index, raw) in self.attributes().enumerate() {
            write!(f, "{}{}", if index == 0 { "" } else { ", " }, raw.attribute)?;
        }
        f.write_str("]")
    }
}

#[cfg(test)]
mod tests;
