//! ICMP errors for what a UDP socket has sent.

use std::io;
use std::net::SocketAddr;

use drywire::stun::attributes::Icmp;
use tokio::net::UdpSocket;

/// An ICMP error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IcmpError {
    /// Where that was sent which could not be delivered.
    pub(crate) peer: SocketAddr,
    pub(crate) icmp: Icmp,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) use linux::{next, report};

/// Has the system keep errors for [`next`]. From then on it also lets single calls on the socket fail, which are to be repeated.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn report(_: &UdpSocket) -> io::Result<()> {
    Ok(())
}

/// Takes an error. Other systems than Linux give none without a raw socket.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn next(_: &UdpSocket) -> io::Result<Option<IcmpError>> {
    Ok(None)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux {
    use std::io::IoSliceMut;
    use std::os::fd::AsRawFd;

    use nix::errno::Errno;
    use nix::libc::{EMSGSIZE, SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6, SO_EE_ORIGIN_LOCAL, sock_extended_err};
    use nix::sys::socket::sockopt::{Ipv4RecvErr, Ipv6RecvErr};
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt};

    use super::{Icmp, IcmpError, SocketAddr, UdpSocket, io};

    /// Room for an error and the address of the host that tells of it.
    const CONTROL: usize = 256;

    pub(crate) fn report(socket: &UdpSocket) -> io::Result<()> {
        if socket.local_addr()?.is_ipv4() {
            setsockopt(socket, Ipv4RecvErr, &true)?;
        } else {
            setsockopt(socket, Ipv6RecvErr, &true)?;
        }
        Ok(())
    }

    pub(crate) fn next(socket: &UdpSocket) -> io::Result<Option<IcmpError>> {
        loop {
            // The datagram itself is of no interest.
            let (mut byte, mut control) = ([0; 1], [0; CONTROL]);
            let mut slices = [IoSliceMut::new(&mut byte)];
            let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
            let fd = socket.as_raw_fd();
            let message = match recvmsg::<SockaddrStorage>(fd, &mut slices, Some(&mut control), flags) {
                Err(Errno::EAGAIN) => return Ok(None),
                result => result?,
            };
            let Some(peer) = message.address.as_ref().and_then(address) else { continue };
            let icmp = message.cmsgs()?.find_map(|control| match control {
                ControlMessageOwned::Ipv4RecvErr(error, _) | ControlMessageOwned::Ipv6RecvErr(error, _) => {
                    icmp(&error, peer.is_ipv4())
                }
                _ => None,
            });
            if let Some(icmp) = icmp {
                return Ok(Some(IcmpError { peer, icmp }));
            }
        }
    }

    fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
        let v4 = storage.as_sockaddr_in().map(|address| SocketAddr::V4((*address).into()));
        v4.or_else(|| storage.as_sockaddr_in6().map(|address| SocketAddr::V6((*address).into())))
    }

    fn icmp(error: &sock_extended_err, is_v4: bool) -> Option<Icmp> {
        let too_big = if is_v4 { (3, 4) } else { (2, 0) };
        let (icmp_type, code) = match error.ee_origin {
            SO_EE_ORIGIN_ICMP | SO_EE_ORIGIN_ICMP6 => (error.ee_type, error.ee_code),
            // Our own link is the first one that may be too narrow.
            SO_EE_ORIGIN_LOCAL if u32::try_from(EMSGSIZE) == Ok(error.ee_errno) => too_big,
            _ => return None,
        };
        let error_data = if (icmp_type, code) == too_big { error.ee_info } else { 0 };
        Some(Icmp { icmp_type, code, error_data })
    }
}

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_where_nobody_listens_is_told_with_its_address() {
        for ip in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(socket) = UdpSocket::bind(ip).await else {
                println!("skipped: there is no {ip}");
                continue;
            };
            report(&socket).unwrap();
            let gone = UdpSocket::bind(ip).await.unwrap().local_addr().unwrap();
            assert_eq!(next(&socket).unwrap(), None);
            // On loopback the error is there when the call is over.
            socket.send_to(b"hello", gone).await.unwrap();
            let (icmp_type, code) = if gone.is_ipv4() { (3, 3) } else { (1, 4) };
            let icmp = Icmp { icmp_type, code, error_data: 0 };
            assert_eq!(next(&socket).unwrap(), Some(IcmpError { peer: gone, icmp }));
            assert_eq!(next(&socket).unwrap(), None);
            // The error is over, and the socket works.
            socket.send_to(b"hello", socket.local_addr().unwrap()).await.unwrap();
        }
    }

    #[tokio::test]
    async fn what_our_own_link_does_not_take_is_told_like_what_another_does_not() {
        // With its header it is larger than packets of the loopback interface; IPv4 has no such datagrams.
        let Ok(socket) = crate::Socket::bind("[::1]:0".parse().unwrap()) else {
            println!("skipped: there is no IPv6");
            return;
        };
        socket.report_icmp().unwrap();
        let peer = socket.local_address();
        let path = drywire::Path::udp(peer, peer);
        let contents = vec![0; 65_520];
        assert!(socket.send(&drywire::Transmit::datagram(path, contents.len()), &contents).await.is_err());
        let error = socket.next_icmp().unwrap().unwrap();
        assert_eq!((error.peer, error.icmp.icmp_type, error.icmp.code), (peer, 2, 0));
        // Less than it would have been.
        assert!((1_280..65_568).contains(&error.icmp.error_data), "{}", error.icmp.error_data);
    }
}
