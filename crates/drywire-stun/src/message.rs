use std::fmt;
use std::num::NonZeroUsize;

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
    header: &'a [u8; HEADER_LEN],
    /// The visible attributes.
    attributes: &'a [[u8; 4]],
    protections: Protections,
}

/// Where the attributes begin that protect what is before them. The first of each kind counts.
#[derive(Clone, Copy, Default)]
struct Protections {
    sha1: Option<NonZeroUsize>,
    sha256: Option<NonZeroUsize>,
    fingerprint: Option<NonZeroUsize>,
}

impl Protections {
    /// Remembers the attribute at `at`, if it protects: nothing counts after FINGERPRINT, and MESSAGE-INTEGRITY does not
    /// count after MESSAGE-INTEGRITY-SHA256.
    fn note(&mut self, attribute: AttributeType, at: usize) {
        let at = NonZeroUsize::new(at);
        match attribute {
            AttributeType::MESSAGE_INTEGRITY if self.first().is_none() => self.sha1 = at,
            AttributeType::MESSAGE_INTEGRITY_SHA256 if self.sha256.or(self.fingerprint).is_none() => {
                self.sha256 = at;
            }
            AttributeType::FINGERPRINT if self.fingerprint.is_none() => self.fingerprint = at,
            _ => {}
        }
    }

    /// The first of them.
    fn first(self) -> Option<NonZeroUsize> {
        self.sha1.or(self.sha256).or(self.fingerprint)
    }
}

impl<'a> Message<'a> {
    /// Reads one datagram, which must be one message and nothing else.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, ParseError> {
        if !is_stun(datagram) {
            return Err(ParseError::of_header(datagram));
        }
        let Some((header, rest)) = datagram.split_first_chunk::<HEADER_LEN>() else {
            return Err(ParseError::NotStun);
        };
        let (attributes, _) = rest.as_chunks();
        let mut protections = Protections::default();
        let mut rest = attributes;
        while !rest.is_empty() {
            let at = datagram.len() - size_of_val(rest);
            let raw = RawAttribute::take(&mut rest).ok_or(ParseError::Truncated { offset: at })?;
            protections.note(raw.attribute, at);
        }
        let visible = protections.first().map_or(attributes.len(), |at| (at.get() - HEADER_LEN) / 4);
        let attributes = attributes.get(..visible).unwrap_or_default();
        Ok(Self { bytes: datagram, header, attributes, protections })
    }

    /// What the attribute at `at` protects, and its value.
    fn protected_by(&self, at: NonZeroUsize) -> Option<(&'a [u8], &'a [u8])> {
        let (protected, rest) = self.bytes.split_at_checked(at.get())?;
        let (mut rest, _) = rest.as_chunks();
        RawAttribute::take(&mut rest).map(|raw| (protected, raw.value))
    }

    /// Whether it is a request, an indication, or one of the two kinds of response.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.class_and_method().0
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.class_and_method().1
    }

    /// The transaction that the message belongs to.
    #[must_use]
    pub const fn transaction_id(&self) -> TransactionId {
        let [_, _, _, _, _, _, _, _, id @ ..] = *self.header;
        TransactionId::new(id)
    }

    const fn class_and_method(&self) -> (Class, Method) {
        let [first, second, ..] = *self.header;
        class_and_method(u16::from_be_bytes([first, second]))
    }

    /// The bytes of the whole message.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The attributes that the sender vouches for, in their order, without those that protect.
    pub fn attributes(&self) -> impl Iterator<Item = RawAttribute<'a>> + use<'a> {
        let mut rest = self.attributes;
        std::iter::from_fn(move || RawAttribute::take(&mut rest))
    }

    /// The first attribute of type `A`: `Ok(None)` when there is none, an error when its value is malformed.
    /// Later ones of the same type are ignored (RFC 8489, section 14).
    pub fn find<A: Attribute<'a>>(&self) -> Result<Option<A>, InvalidAttribute> {
        self.attributes()
            .find(|raw| raw.attribute == A::TYPE)
            .map(|raw| {
                A::parse(raw.value, self.transaction_id()).ok_or(InvalidAttribute { attribute: A::TYPE })
            })
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
        match (self.protections.sha256, self.protections.sha1) {
            (Some(_), _) => Some(IntegrityAlgorithm::Sha256),
            (None, Some(_)) => Some(IntegrityAlgorithm::Sha1),
            (None, None) => None,
        }
    }

    /// Checks the integrity attribute in constant time. `Ok` says by which algorithm the message is authentic:
    /// a response must use the same (RFC 8489, section 9.1.4).
    pub fn check_integrity(&self, key: &IntegrityKey) -> Result<IntegrityAlgorithm, IntegrityError> {
        let Protections { sha1, sha256, .. } = self.protections;
        let (algorithm, at) = match (sha256, sha1) {
            (Some(at), _) => (IntegrityAlgorithm::Sha256, at),
            (None, Some(at)) => (IntegrityAlgorithm::Sha1, at),
            (None, None) => return Err(IntegrityError::Missing),
        };
        let (protected, value) = self.protected_by(at).ok_or(IntegrityError::Missing)?;
        let len = value.len();
        let fits = match algorithm {
            IntegrityAlgorithm::Sha1 => len == 20,
            // Section 14.6: may be truncated to any multiple of four from 16 bytes on.
            IntegrityAlgorithm::Sha256 => (16..=32).contains(&len) && len.is_multiple_of(4),
        };
        if !fits {
            return Err(IntegrityError::Mismatch);
        }
        // Sections 14.5 and 14.6: the length field covers the message up to the end of the integrity attribute.
        let length =
            u16::try_from(protected.len() + 4 + len - HEADER_LEN).map_err(|_| IntegrityError::Mismatch)?;
        // So four bytes stand in for the first four; all others are hashed where they lie.
        let [first, second, ..] = *self.header;
        let begin = u32::from(u16::from_be_bytes([first, second])) << 16 | u32::from(length);
        let others = protected.get(4..).unwrap_or_default();
        let digest = key.sign(algorithm, &[&begin.to_be_bytes(), others]);
        if digest.starts_with(value) { Ok(algorithm) } else { Err(IntegrityError::Mismatch) }
    }

    /// Whether the FINGERPRINT is right: `None` when there is none. One that is not the last attribute is wrong
    /// (RFC 8489, section 14.7).
    #[must_use]
    pub fn check_fingerprint(&self) -> Option<bool> {
        let at = self.protections.fingerprint?;
        let (before, [_, _, high, low, value @ ..]) = self.bytes.split_last_chunk::<8>()?;
        let is_last = before.len() == at.get() && [*high, *low] == [0, 4];
        Some(is_last && *value == checksum(before).to_be_bytes())
    }
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?} {:?} [", self.method(), self.class(), self.transaction_id())?;
        for (index, raw) in self.attributes().enumerate() {
            write!(f, "{}{}", if index == 0 { "" } else { ", " }, raw.attribute)?;
        }
        f.write_str("]")
    }
}

#[cfg(test)]
mod tests;
