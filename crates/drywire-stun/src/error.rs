//! The errors of this crate: one for bytes, one for an attribute's value, one for authentication, one for building.

use thiserror::Error;

use crate::{AttributeType, HEADER_LEN};

/// Why bytes are not a STUN message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ParseError {
    /// Shorter than the header of 20 bytes, or without the zero bits and the magic cookie (RFC 8489, section 5).
    #[error("not a STUN message")]
    NotStun,
    /// The length in the header is not a multiple of four, or does not lead to the end of the datagram.
    #[error("the header counts {declared} bytes of attributes, the datagram has {actual}")]
    WrongLength {
        /// What the header says.
        declared: usize,
        /// What follows the header.
        actual: usize,
    },
    /// An attribute is longer than the message.
    #[error("the attribute at byte {offset} is longer than the message")]
    Truncated {
        /// Where the attribute begins, in bytes from the start of the message.
        offset: usize,
    },
}

impl ParseError {
    /// Why the header of a datagram is not that of a message which fills it.
    #[cold]
    pub(crate) fn of_header(datagram: &[u8]) -> Self {
        let Some(([_, _, high, low, ..], rest)) = datagram.split_first_chunk::<HEADER_LEN>() else {
            return Self::NotStun;
        };
        let (declared, actual) = (usize::from(u16::from_be_bytes([*high, *low])), rest.len());
        if declared != actual || !declared.is_multiple_of(4) {
            Self::WrongLength { declared, actual }
        } else {
            Self::NotStun
        }
    }
}

/// An attribute's value does not have the form that its type asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the value of attribute {attribute} is malformed")]
pub struct InvalidAttribute {
    /// The attribute's type.
    pub attribute: AttributeType,
}

/// Why a message is not authentic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum IntegrityError {
    /// It carries neither MESSAGE-INTEGRITY nor MESSAGE-INTEGRITY-SHA256.
    #[error("the message carries no integrity attribute")]
    Missing,
    /// It was made with another key, or changed on its way.
    #[error("the message was not made with this key")]
    Mismatch,
}

/// Why a message could not be built. What was appended of it is removed from the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BuildError {
    /// An attribute or the message is longer than its 16-bit length field can say.
    #[error("the message is longer than 65,535 bytes")]
    TooLong,
    /// An attribute was added after the one that protects the message, where nobody would believe it
    /// (RFC 8489, sections 14.5 to 14.7).
    #[error("an attribute follows the integrity or fingerprint attribute")]
    AfterIntegrity,
}

/// Why a user name, a realm or a password cannot be hashed (RFC 8265, section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OpaqueStringError {
    /// There is nothing in it.
    #[error("the string is empty")]
    Empty,
    /// It has a character that the OpaqueString profile disallows.
    #[error("the string has a character that is not allowed")]
    Disallowed,
}

/// Why a credential cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CredentialError {
    /// The user name is not an OpaqueString.
    #[error("user name: {0}")]
    Username(OpaqueStringError),
    /// The user name has more than 508 bytes (RFC 8489, section 14.3).
    #[error("the user name is longer than 508 bytes")]
    UsernameTooLong,
    /// The password is not an OpaqueString.
    #[error("password: {0}")]
    Password(OpaqueStringError),
}

/// Why a request with long-term credentials failed for good (RFC 8489, sections 9.2.5 and 10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The server does not know the user, or the password is another one.
    #[error("the server refused the credential")]
    WrongCredential,
    /// The server challenged the request again and again.
    #[error("the server challenged the request too often")]
    TooManyRetries,
    /// The challenge has no nonce or no realm.
    #[error("the server's challenge is malformed")]
    MalformedChallenge,
    /// Somebody took the password algorithms out of the challenge.
    #[error("the challenge was changed on its way")]
    BidDown,
    /// The server offers no password algorithm that is known here and allowed.
    #[error("the server offers no password algorithm that is allowed")]
    NoCommonAlgorithm,
    /// The realm cannot be hashed.
    #[error("realm: {0}")]
    Realm(OpaqueStringError),
    /// The server names no other server, or one that cannot be.
    #[error("the server redirects to nowhere")]
    BadRedirect,
    /// The servers send the client around.
    #[error("the servers redirect too often")]
    TooManyRedirects,
}

/// Why a byte stream carries no more STUN messages. The connection is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FramingError {
    /// What comes next is neither STUN nor ChannelData.
    #[error("the stream carries something else than STUN")]
    NotStun,
    /// The next message is longer than is allowed here.
    #[error("a message of {len} bytes is longer than allowed")]
    TooLong {
        /// Its length with padding.
        len: usize,
    },
}

/// Why a text is not the URI of a STUN or TURN server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UriError {
    /// It does not begin with `stun:`, `stuns:`, `turn:` or `turns:`.
    #[error("the scheme is none of stun, stuns, turn, turns")]
    Scheme,
    /// What follows is neither a name nor an address; these URIs have no `//` and no user.
    #[error("the host is neither a name nor an address")]
    Host,
    /// The port is not a number from 1 to 65,535.
    #[error("the port is not a number from 1 to 65535")]
    Port,
    /// The part behind the question mark is not `transport=`, which only TURN has.
    #[error("the only parameter is transport, and only of turn and turns")]
    Query,
    /// The transport is neither `udp` nor `tcp`.
    #[error("the transport is neither udp nor tcp")]
    Transport,
}
