//! What Linux tells of each datagram.

use std::net::SocketAddr;
use std::os::fd::AsFd;

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::{Ipv4PacketInfo, Ipv6RecvPacketInfo, ReceiveTimestampns};

/// Has the kernel not write what nobody here reads and `quinn-udp` asks for: when each datagram came, and, on a socket of one
/// address, that it came to this address. To take a datagram costs a tenth less then.
pub(super) fn unsubscribe(socket: impl AsFd, local: SocketAddr) {
    let told = |result: nix::Result<()>| {
        if let Err(error) = result {
            tracing::debug!(%error, "a socket tells more than it need");
        }
    };
    told(setsockopt(&socket, ReceiveTimestampns, &false));
    if local.ip().is_unspecified() {
        return;
    }
    told(match local {
        SocketAddr::V4(_) => setsockopt(&socket, Ipv4PacketInfo, &false),
        SocketAddr::V6(_) => setsockopt(&socket, Ipv6RecvPacketInfo, &false),
    });
}

#[cfg(test)]
mod tests {
    use nix::sys::socket::getsockopt;

    use crate::Socket;

    #[tokio::test]
    async fn only_a_wildcard_socket_is_told_where_a_datagram_came_in() {
        for (address, expected) in [("0.0.0.0:0", true), ("127.0.0.1:0", false)] {
            let socket = Socket::bind(address.parse().unwrap()).unwrap();
            assert_eq!(getsockopt(&socket.io, super::Ipv4PacketInfo), Ok(expected), "{address}");
            assert_eq!(getsockopt(&socket.io, super::ReceiveTimestampns), Ok(false));
        }
    }
}
