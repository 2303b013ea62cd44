use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use drywire_core::{Reader, Writer};

use crate::{MAGIC_COOKIE, TransactionId};

/// Reads a family, a port and an address.
///
/// ```text
///  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///  |0 0 0 0 0 0 0 0|    Family     |             Port              |
///  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
///  |             Address (4 bytes, family 1; 16 bytes, family 2)   |
///  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
pub(super) fn read(value: &[u8]) -> Option<SocketAddr> {
    let mut reader = Reader::new(value);
    // The first byte is ignored (RFC 8489, section 14.1).
    let (_, family, port) = (reader.u8().ok()?, reader.u8().ok()?, reader.u16().ok()?);
    let address = match family {
        1 => IpAddr::from(reader.array::<4>().ok()?),
        2 => IpAddr::from(reader.array::<16>().ok()?),
        _ => return None,
    };
    reader.is_empty().then_some(SocketAddr::new(address, port))
}

/// The inverse of [`read`].
pub(super) fn write(address: SocketAddr, value: &mut Writer<'_>) {
    match address.ip() {
        IpAddr::V4(ip) => value.u16(1).u16(address.port()).bytes(&ip.octets()),
        IpAddr::V6(ip) => value.u16(2).u16(address.port()).bytes(&ip.octets()),
    };
}

/// Masks an address, or unmasks it: the port with the upper half of the magic cookie, the address with the cookie
/// and the transaction id (RFC 8489, section 14.2), so that middleboxes do not "correct" it.
pub(super) fn xor(address: SocketAddr, id: TransactionId) -> SocketAddr {
    let [a, b, c, d] = MAGIC_COOKIE.to_be_bytes();
    let port = address.port() ^ u16::from_be_bytes([a, b]);
    let ip = match address.ip() {
        IpAddr::V4(ip) => IpAddr::V4(Ipv4Addr::from_bits(ip.to_bits() ^ MAGIC_COOKIE)),
        IpAddr::V6(ip) => {
            let mut mask = [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            for (to, from) in mask.iter_mut().skip(4).zip(id.as_bytes()) {
                *to = *from;
            }
            IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() ^ u128::from_be_bytes(mask)))
        }
    };
    SocketAddr::new(ip, port)
}
