//! Sockets of multicast DNS (RFC 6762): on each interface, and for each IP version, one that hears the group and one that
//! speaks. Few datagrams come there, so that each has a task of its own that waits for them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::sync::Arc;

use bytes::BytesMut;
use drywire::Path;
use drywire::ice::mdns::Interface;
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockRef, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use crate::network::Notice;

const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xFF02, 0, 0, 0, 0, 0, 0, 0xFB);
/// The longest datagram of multicast DNS (RFC 6762, section 17), and more than that.
const LONGEST: usize = 9_216;

/// Multicast DNS on one interface with one IP version.
#[derive(Debug)]
pub(crate) struct Multicast {
    pub(crate) interface: Interface,
    speaker: Arc<UdpSocket>,
    /// Ends the tasks when it is dropped.
    _open: mpsc::Receiver<()>,
}

impl Multicast {
    /// Joins the group on `interface`, and gives what is heard there to `heard`.
    pub(crate) fn join(interface: Interface, heard: &mpsc::Sender<Notice>) -> io::Result<Self> {
        let listener = Arc::new(listener(&interface)?);
        let speaker = Arc::new(speaker(&interface)?);
        let (open, _open) = mpsc::channel(1);
        for socket in [listener, speaker.clone()] {
            tokio::spawn(hear(socket, interface.address, heard.clone(), open.clone()));
        }
        Ok(Self { interface, speaker, _open })
    }

    /// Sends a datagram. One that finds no room is lost, as on the link.
    pub(crate) fn send(&self, to: SocketAddr, datagram: &[u8]) {
        // A group of IPv6 is one of a link; where our address is not, it does not tell which.
        let to = match to {
            SocketAddr::V6(v6) if v6.ip().is_multicast() => {
                SocketAddrV6::new(*v6.ip(), v6.port(), 0, self.interface.index).into()
            }
            to => to,
        };
        // Not by way of tokio, which does not know yet that a new socket has room.
        if let Err(error) = SockRef::from(&*self.speaker).send_to(datagram, &to.into()) {
            tracing::debug!(%to, %error, "a datagram of multicast DNS was not sent");
        }
    }
}

/// Hears what is sent to the group. It is bound to the group, where the system lets us, so that it takes no datagram away from
/// the responder that the system may have itself: of unicast ones, only one socket gets each.
fn listener(interface: &Interface) -> io::Result<UdpSocket> {
    let socket = shared(interface.address)?;
    let port = interface.address.port();
    let (group, any): (SocketAddr, SocketAddr) = match interface.address {
        SocketAddr::V4(_) => ((GROUP_V4, port).into(), (Ipv4Addr::UNSPECIFIED, port).into()),
        SocketAddr::V6(_) => (
            SocketAddrV6::new(GROUP_V6, port, 0, interface.index).into(),
            SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, port, 0, 0).into(),
        ),
    };
    socket.bind(&if cfg!(windows) { any } else { group }.into())?;
    match interface.address.ip() {
        IpAddr::V4(ip) => {
            let by = if cfg!(any(target_os = "linux", target_os = "android")) {
                InterfaceIndexOrAddress::Index(interface.index)
            } else {
                InterfaceIndexOrAddress::Address(ip)
            };
            socket.join_multicast_v4_n(&GROUP_V4, &by)?;
        }
        IpAddr::V6(_) => socket.join_multicast_v6(&GROUP_V6, interface.index)?,
    }
    // Else Linux gives each what came in on other interfaces, too.
    #[cfg(target_os = "linux")]
    if interface.address.is_ipv4() {
        socket.set_multicast_all_v4(false)?;
    } else {
        socket.set_multicast_all_v6(false)?;
    }
    UdpSocket::from_std(socket.into())
}

/// Speaks, and hears what is sent to this address alone: answers of those that were asked to answer so (RFC 6762,
/// section 5.4).
fn speaker(interface: &Interface) -> io::Result<UdpSocket> {
    let socket = shared(interface.address)?;
    socket.bind(&interface.address.into())?;
    // Another program on this host may be the peer. A TTL of 255 shows that a datagram comes from the link (section 11).
    match interface.address.ip() {
        IpAddr::V4(ip) => {
            socket.set_multicast_if_v4(&ip)?;
            socket.set_multicast_loop_v4(true)?;
            socket.set_multicast_ttl_v4(255)?;
            socket.set_ttl_v4(255)?;
        }
        IpAddr::V6(_) => {
            socket.set_multicast_if_v6(interface.index)?;
            socket.set_multicast_loop_v6(true)?;
            socket.set_multicast_hops_v6(255)?;
            socket.set_unicast_hops_v6(255)?;
        }
    }
    UdpSocket::from_std(socket.into())
}

/// A socket whose port others may have, too: the system's responder, browsers (RFC 6762, section 15.1).
fn shared(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

async fn hear(
    socket: Arc<UdpSocket>,
    local: SocketAddr,
    heard: mpsc::Sender<Notice>,
    open: mpsc::Sender<()>,
) {
    let mut buffer = vec![0; LONGEST];
    loop {
        let received = tokio::select! {
            received = socket.recv_from(&mut buffer) => received,
            () = open.closed() => return,
            () = heard.closed() => return,
        };
        match received {
            Ok((len, remote)) => {
                let datagram = BytesMut::from(buffer.get(..len).unwrap_or_default());
                if heard.send(Notice::Heard(Path::udp(local, remote), datagram)).await.is_err() {
                    return;
                }
            }
            // The other side of something sent before; or the interface has gone, which is told elsewhere.
            Err(error) => {
                tracing::debug!(%local, %error, "multicast DNS was not received");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::interfaces::Host;

    /// A port that nothing else speaks multicast DNS on.
    fn free_port() -> u16 {
        std::net::UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port()
    }

    #[tokio::test]
    async fn two_of_one_host_hear_each_other() {
        let port = free_port();
        let interfaces = Host::look().unwrap().multicast(port);
        let (left_sender, _left_heard) = mpsc::channel(16);
        let (right_sender, mut right_heard) = mpsc::channel(16);
        for interface in interfaces {
            // Two of one host may have the same port, and the same address.
            let left = Multicast::join(interface, &left_sender);
            let right = Multicast::join(interface, &right_sender);
            let (Ok(left), Ok(right)) = (left, right) else {
                println!("skipped: no multicast on {interface:?}");
                continue;
            };
            let group = match interface.address {
                SocketAddr::V4(_) => SocketAddr::from((GROUP_V4, port)),
                SocketAddr::V6(address) => SocketAddrV6::new(GROUP_V6, port, 0, address.scope_id()).into(),
            };
            left.send(group, b"who is there");
            let heard = tokio::time::timeout(Duration::from_secs(5), right_heard.recv()).await;
            let Ok(heard) = heard else {
                println!("skipped: the network does not carry multicast of {}", interface.address);
                continue;
            };
            let Some(Notice::Heard(path, datagram)) = heard else { panic!("{heard:?}") };
            assert_eq!(&datagram[..], b"who is there");
            assert_eq!(path.local, interface.address);
            assert_eq!(path.remote.ip(), left.interface.address.ip());
            assert_eq!(path.remote.port(), port);
            drop(right);
        }
    }
}
