use std::fmt;

use drywire_core::Rng;

/// The fixed value in bytes 4 to 8 of every message (RFC 8489, section 5).
pub const MAGIC_COOKIE: u32 = 0x2112_A442;

/// The length of the header in bytes.
pub const HEADER_LEN: usize = 20;

/// Whether a datagram is a STUN message by its header: the zero bits, the magic cookie and a length that fits.
///
/// It says nothing about the attributes; [`Message::parse`](crate::Message::parse) does.
#[must_use]
#[inline]
pub fn is_stun(datagram: &[u8]) -> bool {
    let Some(&[first, _, high, low, c0, c1, c2, c3]) = datagram.first_chunk::<8>() else { return false };
    let declared = usize::from(u16::from_be_bytes([high, low]));
    first & 0xC0 == 0
        && [c0, c1, c2, c3] == MAGIC_COOKIE.to_be_bytes()
        && declared.is_multiple_of(4)
        && declared + HEADER_LEN == datagram.len()
}

/// The class of a message (RFC 8489, section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Asks, and wants a response.
    Request,
    /// Tells, and wants none.
    Indication,
    /// Answers a request that was accepted.
    Success,
    /// Answers a request that was refused.
    Error,
}

/// The method of a message: 12 bits (RFC 8489, section 18.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Method(u16);

impl Method {
    /// Binding, the only method of STUN itself and of ICE.
    pub const BINDING: Self = Self(1);
    /// Allocate: asks a TURN server for a relayed address (RFC 8656, section 17).
    pub const ALLOCATE: Self = Self(3);
    /// Refresh: prolongs or deletes an allocation (RFC 8656, section 17).
    pub const REFRESH: Self = Self(4);
    /// Send: an indication with data for a peer (RFC 8656, section 17).
    pub const SEND: Self = Self(6);
    /// Data: an indication with data from a peer (RFC 8656, section 17).
    pub const DATA: Self = Self(7);
    /// CreatePermission: lets a peer's datagrams through (RFC 8656, section 17).
    pub const CREATE_PERMISSION: Self = Self(8);
    /// ChannelBind: gives a peer a channel (RFC 8656, section 17).
    pub const CHANNEL_BIND: Self = Self(9);
    /// Connect: asks for a TCP connection to a peer (RFC 6062, section 6.1).
    pub const CONNECT: Self = Self(10);
    /// ConnectionBind: takes a TCP connection over (RFC 6062, section 6.1).
    pub const CONNECTION_BIND: Self = Self(11);
    /// ConnectionAttempt: an indication of a peer's TCP connection (RFC 6062, section 6.1).
    pub const CONNECTION_ATTEMPT: Self = Self(12);

    /// The method with this number, if it fits into 12 bits.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        if number < 0x1000 { Some(Self(number)) } else { None }
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::BINDING => f.write_str("Binding"),
            Self::ALLOCATE => f.write_str("Allocate"),
            Self::REFRESH => f.write_str("Refresh"),
            Self::SEND => f.write_str("Send"),
            Self::DATA => f.write_str("Data"),
            Self::CREATE_PERMISSION => f.write_str("CreatePermission"),
            Self::CHANNEL_BIND => f.write_str("ChannelBind"),
            Self::CONNECT => f.write_str("Connect"),
            Self::CONNECTION_BIND => f.write_str("ConnectionBind"),
            Self::CONNECTION_ATTEMPT => f.write_str("ConnectionAttempt"),
            Self(number) => write!(f, "Method({number:#05x})"),
        }
    }
}

/// Class and method as they stand in the first two bytes of a message.
///
/// ```text
///   0                 1
///   2  3  4 5 6 7 8 9 0 1 2 3 4 5
///  +--+--+-+-+-+-+-+-+-+-+-+-+-+-+
///  |M |M |M|M|M|C|M|M|M|C|M|M|M|M|
///  |11|10|9|8|7|1|6|5|4|0|3|2|1|0|
///  +--+--+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
pub(crate) const fn message_type(class: Class, method: Method) -> u16 {
    let bits = match class {
        Class::Request => 0x0000,
        Class::Indication => 0x0010,
        Class::Success => 0x0100,
        Class::Error => 0x0110,
    };
    let method = method.0;
    bits | (method & 0x000F) | ((method & 0x0070) << 1) | ((method & 0x0F80) << 2)
}

/// The inverse of [`message_type`]; the two topmost bits are ignored.
pub(crate) const fn class_and_method(message_type: u16) -> (Class, Method) {
    let class = match (message_type & 0x0100 != 0, message_type & 0x0010 != 0) {
        (false, false) => Class::Request,
        (false, true) => Class::Indication,
        (true, false) => Class::Success,
        (true, true) => Class::Error,
    };
    let method = (message_type & 0x000F) | ((message_type & 0x00E0) >> 1) | ((message_type & 0x3E00) >> 2);
    (class, Method(method))
}

/// The 96 bits that tie a response to its request. They must be unpredictable (RFC 8489, section 5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId([u8; 12]);

impl TransactionId {
    /// From its bytes on the wire.
    #[must_use]
    pub const fn new(bytes: [u8; 12]) -> Self {
        Self(bytes)
    }

    /// A fresh one.
    pub fn random(rng: &mut Rng) -> Self {
        Self(rng.array())
    }

    /// The bytes on the wire.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 12] {
        &self.0
    }
}

impl fmt::Debug for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_its_class_and_method() {
        for class in [Class::Request, Class::Indication, Class::Success, Class::Error] {
            for number in 0..0x1000 {
                let method = Method::new(number).unwrap();
                let wire = message_type(class, method);
                assert_eq!(wire & 0xC000, 0);
                assert_eq!(class_and_method(wire), (class, method));
            }
        }
        assert_eq!(Method::new(0x1000), None);
        assert_eq!(message_type(Class::Error, Method::BINDING), 0x0111);
    }

    #[test]
    fn the_header_decides() {
        let mut bytes = vec![0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42];
        bytes.resize(20, 7);
        assert!(is_stun(&bytes));
        for broken in [vec![], bytes[..19].to_vec(), [&bytes[..], &[0]].concat()] {
            assert!(!is_stun(&broken));
        }
        for (at, value) in [(0, 0x40), (0, 0x80), (2, 1), (3, 2), (4, 0x20), (7, 0x43)] {
            let mut broken = bytes.clone();
            broken[at] = value;
            assert!(!is_stun(&broken), "byte {at}");
        }
    }
}
