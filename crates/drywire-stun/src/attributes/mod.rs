//! The attributes of STUN, ICE and TURN: one file each.
//!
//! ```text
//!   0                   1                   2                   3
//!   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//!  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//!  |         Type                  |            Length             |
//!  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//!  |                Value (variable), padding to 4 bytes        ....
//!  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```
//!
//! The three attributes that protect a message (MESSAGE-INTEGRITY, MESSAGE-INTEGRITY-SHA256, FINGERPRINT) are not
//! values but procedures: see [`Message`](crate::Message) and [`MessageBuilder`](crate::MessageBuilder).

mod additional_address_family;
mod address;
mod address_error_code;
mod address_family;
mod alternate_domain;
mod alternate_server;
mod change_request;
mod channel_number;
mod connection_id;
mod data;
mod dont_fragment;
mod dtls_in_stun_ack;
mod dtls_in_stun_data;
mod error_code;
mod even_port;
mod ice_controlled;
mod ice_controlling;
mod icmp;
mod lifetime;
mod mapped_address;
mod mobility_ticket;
mod network_cost;
mod nomination;
mod nonce;
mod other_address;
mod padding;
mod password_algorithm;
mod priority;
mod realm;
mod requested_address_family;
mod requested_transport;
mod reservation_token;
mod response_origin;
mod response_port;
mod software;
mod unknown_attributes;
mod use_candidate;
mod user_hash;
mod username;
mod xor_mapped_address;
mod xor_peer_address;
mod xor_relayed_address;

use std::fmt;

use drywire_core::Writer;

use crate::TransactionId;

pub use additional_address_family::AdditionalAddressFamily;
pub use address_error_code::AddressErrorCode;
pub use address_family::AddressFamily;
pub use alternate_domain::AlternateDomain;
pub use alternate_server::AlternateServer;
pub use change_request::ChangeRequest;
pub use channel_number::ChannelNumber;
pub use connection_id::ConnectionId;
pub use data::Data;
pub use dont_fragment::DontFragment;
pub use dtls_in_stun_ack::DtlsInStunAck;
pub use dtls_in_stun_data::DtlsInStunData;
pub use error_code::ErrorCode;
pub use even_port::EvenPort;
pub use ice_controlled::IceControlled;
pub use ice_controlling::IceControlling;
pub use icmp::Icmp;
pub use lifetime::Lifetime;
pub use mapped_address::MappedAddress;
pub use mobility_ticket::MobilityTicket;
pub use network_cost::NetworkCost;
pub use nomination::Nomination;
pub use nonce::{Nonce, SecurityFeatures};
pub use other_address::OtherAddress;
pub use padding::Padding;
pub use password_algorithm::{PasswordAlgorithm, PasswordAlgorithmAttribute, PasswordAlgorithms};
pub use priority::Priority;
pub use realm::Realm;
pub use requested_address_family::RequestedAddressFamily;
pub use requested_transport::RequestedTransport;
pub use reservation_token::ReservationToken;
pub use response_origin::ResponseOrigin;
pub use response_port::ResponsePort;
pub use software::Software;
pub use unknown_attributes::UnknownAttributes;
pub use use_candidate::UseCandidate;
pub use user_hash::UserHash;
pub use username::Username;
pub use xor_mapped_address::XorMappedAddress;
pub use xor_peer_address::XorPeerAddress;
pub use xor_relayed_address::XorRelayedAddress;

/// An attribute with a value.
pub trait Attribute<'a>: Sized {
    /// Its number.
    const TYPE: AttributeType;

    /// Reads the value, without header and padding. `None` when it is malformed.
    fn parse(value: &'a [u8], id: TransactionId) -> Option<Self>;

    /// Writes the value, without header and padding.
    fn write(&self, id: TransactionId, value: &mut Writer<'_>);
}

/// A value that is text, of at most `most` bytes.
fn text(value: &[u8], most: usize) -> Option<&str> {
    if value.len() > most { None } else { str::from_utf8(value).ok() }
}

/// The number of an attribute (RFC 8489, section 18.3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttributeType(u16);

macro_rules! attribute_types {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)*) => {
        impl AttributeType {
            $($(#[$doc])* pub const $name: Self = Self($number);)*

            /// The name in the RFC, of those that this crate knows.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => Some($text),)*
                    _ => None,
                }
            }
        }
    };
}

attribute_types! {
    /// MAPPED-ADDRESS (RFC 8489, section 14.1).
    MAPPED_ADDRESS = 0x0001, "MAPPED-ADDRESS";
    /// CHANGE-REQUEST (RFC 5780, section 7.2).
    CHANGE_REQUEST = 0x0003, "CHANGE-REQUEST";
    /// USERNAME (RFC 8489, section 14.3).
    USERNAME = 0x0006, "USERNAME";
    /// MESSAGE-INTEGRITY (RFC 8489, section 14.5).
    MESSAGE_INTEGRITY = 0x0008, "MESSAGE-INTEGRITY";
    /// ERROR-CODE (RFC 8489, section 14.8).
    ERROR_CODE = 0x0009, "ERROR-CODE";
    /// UNKNOWN-ATTRIBUTES (RFC 8489, section 14.13).
    UNKNOWN_ATTRIBUTES = 0x000A, "UNKNOWN-ATTRIBUTES";
    /// CHANNEL-NUMBER (RFC 8656, section 18.1).
    CHANNEL_NUMBER = 0x000C, "CHANNEL-NUMBER";
    /// LIFETIME (RFC 8656, section 18.2).
    LIFETIME = 0x000D, "LIFETIME";
    /// XOR-PEER-ADDRESS (RFC 8656, section 18.3).
    XOR_PEER_ADDRESS = 0x0012, "XOR-PEER-ADDRESS";
    /// DATA (RFC 8656, section 18.4).
    DATA = 0x0013, "DATA";
    /// REALM (RFC 8489, section 14.9).
    REALM = 0x0014, "REALM";
    /// NONCE (RFC 8489, section 14.10).
    NONCE = 0x0015, "NONCE";
    /// XOR-RELAYED-ADDRESS (RFC 8656, section 18.5).
    XOR_RELAYED_ADDRESS = 0x0016, "XOR-RELAYED-ADDRESS";
    /// REQUESTED-ADDRESS-FAMILY (RFC 8656, section 18.6).
    REQUESTED_ADDRESS_FAMILY = 0x0017, "REQUESTED-ADDRESS-FAMILY";
    /// EVEN-PORT (RFC 8656, section 18.7).
    EVEN_PORT = 0x0018, "EVEN-PORT";
    /// REQUESTED-TRANSPORT (RFC 8656, section 18.8).
    REQUESTED_TRANSPORT = 0x0019, "REQUESTED-TRANSPORT";
    /// DONT-FRAGMENT (RFC 8656, section 18.9).
    DONT_FRAGMENT = 0x001A, "DONT-FRAGMENT";
    /// MESSAGE-INTEGRITY-SHA256 (RFC 8489, section 14.6).
    MESSAGE_INTEGRITY_SHA256 = 0x001C, "MESSAGE-INTEGRITY-SHA256";
    /// PASSWORD-ALGORITHM (RFC 8489, section 14.12).
    PASSWORD_ALGORITHM = 0x001D, "PASSWORD-ALGORITHM";
    /// USERHASH (RFC 8489, section 14.4).
    USERHASH = 0x001E, "USERHASH";
    /// XOR-MAPPED-ADDRESS (RFC 8489, section 14.2).
    XOR_MAPPED_ADDRESS = 0x0020, "XOR-MAPPED-ADDRESS";
    /// RESERVATION-TOKEN (RFC 8656, section 18.10).
    RESERVATION_TOKEN = 0x0022, "RESERVATION-TOKEN";
    /// PRIORITY (RFC 8445, section 16.1).
    PRIORITY = 0x0024, "PRIORITY";
    /// USE-CANDIDATE (RFC 8445, section 16.1).
    USE_CANDIDATE = 0x0025, "USE-CANDIDATE";
    /// PADDING (RFC 5780, section 7.6).
    PADDING = 0x0026, "PADDING";
    /// RESPONSE-PORT (RFC 5780, section 7.5).
    RESPONSE_PORT = 0x0027, "RESPONSE-PORT";
    /// CONNECTION-ID (RFC 6062, section 6.2.1).
    CONNECTION_ID = 0x002A, "CONNECTION-ID";
    /// ADDITIONAL-ADDRESS-FAMILY (RFC 8656, section 18.11).
    ADDITIONAL_ADDRESS_FAMILY = 0x8000, "ADDITIONAL-ADDRESS-FAMILY";
    /// ADDRESS-ERROR-CODE (RFC 8656, section 18.12).
    ADDRESS_ERROR_CODE = 0x8001, "ADDRESS-ERROR-CODE";
    /// PASSWORD-ALGORITHMS (RFC 8489, section 14.11).
    PASSWORD_ALGORITHMS = 0x8002, "PASSWORD-ALGORITHMS";
    /// ALTERNATE-DOMAIN (RFC 8489, section 14.16).
    ALTERNATE_DOMAIN = 0x8003, "ALTERNATE-DOMAIN";
    /// ICMP (RFC 8656, section 18.13).
    ICMP = 0x8004, "ICMP";
    /// SOFTWARE (RFC 8489, section 14.14).
    SOFTWARE = 0x8022, "SOFTWARE";
    /// ALTERNATE-SERVER (RFC 8489, section 14.15).
    ALTERNATE_SERVER = 0x8023, "ALTERNATE-SERVER";
    /// FINGERPRINT (RFC 8489, section 14.7).
    FINGERPRINT = 0x8028, "FINGERPRINT";
    /// ICE-CONTROLLED (RFC 8445, section 16.1).
    ICE_CONTROLLED = 0x8029, "ICE-CONTROLLED";
    /// ICE-CONTROLLING (RFC 8445, section 16.1).
    ICE_CONTROLLING = 0x802A, "ICE-CONTROLLING";
    /// RESPONSE-ORIGIN (RFC 5780, section 7.3).
    RESPONSE_ORIGIN = 0x802B, "RESPONSE-ORIGIN";
    /// OTHER-ADDRESS (RFC 5780, section 7.4).
    OTHER_ADDRESS = 0x802C, "OTHER-ADDRESS";
    /// MOBILITY-TICKET (RFC 8016, section 5).
    MOBILITY_TICKET = 0x8030, "MOBILITY-TICKET";
    /// The network cost that Chromium sends in ICE checks.
    NETWORK_COST = 0xC057, "NETWORK-COST";
    /// NOMINATION (draft-thatcher-ice-renomination-01), by libwebrtc's number.
    NOMINATION = 0xC001, "NOMINATION";
    /// DTLS-IN-STUN-DATA (draft-hancke-webrtc-sped-00), by Chromium's number.
    DTLS_IN_STUN_DATA = 0xC070, "DTLS-IN-STUN-DATA";
    /// DTLS-IN-STUN-ACK (draft-hancke-webrtc-sped-00), by Chromium's number.
    DTLS_IN_STUN_ACK = 0xC071, "DTLS-IN-STUN-ACK";
}

impl AttributeType {
    /// The attribute with this number.
    #[must_use]
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// Whether a receiver that does not know the attribute must refuse the message (RFC 8489, section 14).
    #[must_use]
    pub const fn is_comprehension_required(self) -> bool {
        self.0 < 0x8000
    }
}

impl fmt::Display for AttributeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#06x}", self.0),
        }
    }
}

impl fmt::Debug for AttributeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An attribute as it stands in the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawAttribute<'a> {
    /// Its number.
    pub attribute: AttributeType,
    /// Its value, without padding.
    pub value: &'a [u8],
}

impl<'a> RawAttribute<'a> {
    /// Takes one attribute with its padding, whose bytes may be anything (RFC 8489, section 14), off the front of the
    /// words that are left. `None`, and nothing taken, when it is not all there.
    #[inline]
    pub(crate) fn take(rest: &mut &'a [[u8; 4]]) -> Option<Self> {
        let ([first, second, high, low], behind) = rest.split_first()?;
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        let (padded, others) = behind.split_at_checked(len.div_ceil(4))?;
        *rest = others;
        let value = padded.as_flattened().get(..len).unwrap_or_default();
        Some(Self { attribute: AttributeType(u16::from_be_bytes([*first, *second])), value })
    }
}

#[cfg(test)]
mod tests;
