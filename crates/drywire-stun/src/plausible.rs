use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Whether `there`, which a message names, is where one may send to from `here` because of it: the same family, an
/// address that somebody can have, and not into a host of its own from outside. Whoever writes a message must not
/// make its reader knock at any door.
pub(crate) fn is_plausible(there: SocketAddr, here: SocketAddr) -> bool {
    let ip = there.ip().to_canonical();
    there.is_ipv4() == here.is_ipv4()
        && there.port() != 0
        && !ip.is_unspecified()
        && !ip.is_multicast()
        && ip != IpAddr::V4(Ipv4Addr::BROADCAST)
        && (!ip.is_loopback() || here.ip().to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doors_that_are_not_knocked_at() {
        let check = |there: &str, here: &str| is_plausible(there.parse().unwrap(), here.parse().unwrap());
        assert!(check("192.0.2.2:1", "192.0.2.1:1"));
        assert!(check("[2001:db8::2]:1", "[2001:db8::1]:1"));
        assert!(check("127.0.0.2:1", "127.0.0.1:1"));
        for there in
            ["192.0.2.2:0", "0.0.0.0:1", "224.0.0.1:1", "255.255.255.255:1", "127.0.0.1:1", "[::2]:1"]
        {
            assert!(!check(there, "192.0.2.1:1"), "{there}");
        }
        for there in ["[::1]:1", "[::]:1", "[ff02::1]:1", "[::ffff:127.0.0.1]:1", "192.0.2.1:1"] {
            assert!(!check(there, "[2001:db8::1]:1"), "{there}");
        }
    }
}
