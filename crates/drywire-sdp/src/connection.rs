use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::error::Invalid;
use crate::grammar::{Words, is_word};

/// The line `c=` (RFC 8866 section 5.7): the address of the default destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection<'a> {
    network: &'a str,
    address_type: &'a str,
    address: Address<'a>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Address<'a> {
    Text(&'a str),
    Ip(IpAddr),
}

impl<'a> Connection<'a> {
    /// The address to write while none is known yet: `IN IP4 0.0.0.0` (RFC 9429 section 5.2.1).
    pub const UNSPECIFIED: Connection<'static> = Connection {
        network: "IN",
        address_type: "IP4",
        address: Address::Ip(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
    };

    /// The line for the address of the default candidate (RFC 8839 section 4.2.1.2).
    #[must_use]
    pub fn new(address: SocketAddr) -> Connection<'static> {
        let address_type = if address.is_ipv4() { "IP4" } else { "IP6" };
        Connection { network: "IN", address_type, address: Address::Ip(address.ip()) }
    }

    pub(crate) fn parse(value: &'a str) -> Result<Self, Invalid> {
        let mut words = Words::new(value);
        let mut read = || {
            let network = words.next().filter(|word| is_word(word))?;
            let address_type = words.next().filter(|word| is_word(word))?;
            let address = words.next().filter(|word| is_word(word))?;
            words.is_empty().then_some(Self { network, address_type, address: Address::Text(address) })
        };
        read().ok_or(Invalid::Line('c'))
    }

    /// The address, unless it is a name or has a multicast scope.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match &self.address {
            Address::Ip(ip) => Some(*ip),
            Address::Text(text) => text.parse().ok(),
        }
    }
}

impl fmt::Display for Connection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.network, self.address_type)?;
        match &self.address {
            Address::Ip(ip) => ip.fmt(f),
            Address::Text(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        for text in ["IN IP4 0.0.0.0", "IN IP6 2001:db8::2", "IN IP4 233.252.0.1/127"] {
            assert_eq!(Connection::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Connection::new("[2001:db8::2]:9".parse().unwrap()).to_string(), "IN IP6 2001:db8::2");
        assert!(Connection::parse("IN IP4").is_err());
    }
}
