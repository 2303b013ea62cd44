//! What the system tells of changes of its network, so that nobody has to ask all the time.

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) use linux::Subscription;

/// Other systems are asked every now and then: here there never is one.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[derive(Debug)]
pub(crate) enum Subscription {}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl Subscription {
    pub(crate) fn new() -> std::io::Result<Self> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    pub(crate) async fn changed(&self) -> std::io::Result<()> {
        match *self {}
    }

    pub(crate) fn forget(&self) {
        match *self {}
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux {
    use std::io;
    use std::os::fd::{AsRawFd, OwnedFd};

    use nix::errno::Errno;
    use nix::sys::socket::sockopt::RcvBuf;
    use nix::sys::socket::{
        AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, setsockopt,
        socket,
    };
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    /// The groups of rtnetlink that hear of all that makes up a [`Host`](crate::interfaces::Host), by their numbers: interfaces,
    /// addresses, and, for which address is the one that leads far away, routes and the rules that choose between tables of them.
    const GROUPS: u32 = group(RTNLGRP_LINK)
        | group(RTNLGRP_IPV4_IFADDR)
        | group(RTNLGRP_IPV4_ROUTE)
        | group(RTNLGRP_IPV4_RULE)
        | group(RTNLGRP_IPV6_IFADDR)
        | group(RTNLGRP_IPV6_ROUTE)
        | group(RTNLGRP_IPV6_RULE);
    const RTNLGRP_LINK: u32 = 1;
    const RTNLGRP_IPV4_IFADDR: u32 = 5;
    const RTNLGRP_IPV4_ROUTE: u32 = 7;
    const RTNLGRP_IPV4_RULE: u32 = 8;
    const RTNLGRP_IPV6_IFADDR: u32 = 9;
    const RTNLGRP_IPV6_ROUTE: u32 = 11;
    const RTNLGRP_IPV6_RULE: u32 = 19;

    const fn group(number: u32) -> u32 {
        1 << (number - 1)
    }

    /// What the kernel may keep of messages: the least that it allows, a few of them. The others are lost, and that is told.
    const ROOM: usize = 1;
    /// More messages than there is room for.
    const DRAIN_LIMIT: usize = 64;

    /// A netlink socket that hears of changes. The messages are not read: that there is one, or that one was lost, is reason to
    /// look what the network is like now. So it does not matter who may send them, and what is in there.
    #[derive(Debug)]
    pub(crate) struct Subscription {
        socket: AsyncFd<OwnedFd>,
    }

    impl Subscription {
        /// Hears of what changes from now on. A container or a sandbox may forbid it, as Android does.
        #[allow(deprecated, reason = "sound with an `OwnedFd`, and what is to replace it is unsafe")]
        pub(crate) fn new() -> io::Result<Self> {
            let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
            let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkRoute)?;
            setsockopt(&socket, RcvBuf, &ROOM)?;
            bind(socket.as_raw_fd(), &NetlinkAddr::new(0, GROUPS))?;
            Ok(Self { socket: AsyncFd::with_interest(socket, Interest::READABLE)? })
        }

        /// Waits until something has changed since this, or [`forget`](Self::forget), was last over.
        pub(crate) async fn changed(&self) -> io::Result<()> {
            self.socket.async_io(Interest::READABLE, drain).await
        }

        /// Takes what was told until now for known.
        pub(crate) fn forget(&self) {
            // What is wrong with the socket is still wrong when it is waited for.
            let _ = drain(self.socket.get_ref());
        }
    }

    #[cfg(test)]
    impl AsRawFd for Subscription {
        fn as_raw_fd(&self) -> std::os::fd::RawFd {
            self.socket.as_raw_fd()
        }
    }

    /// Takes messages; `WouldBlock` if there were none.
    fn drain(socket: &OwnedFd) -> io::Result<()> {
        let mut result = Err(io::ErrorKind::WouldBlock.into());
        for _ in 0..DRAIN_LIMIT {
            match recv(socket.as_raw_fd(), &mut [0; 1], MsgFlags::MSG_DONTWAIT) {
                // `ENOBUFS`: messages were lost.
                Ok(_) | Err(Errno::ENOBUFS) => result = Ok(()),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => break,
                Err(error) => return Err(error.into()),
            }
        }
        result
    }
}

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
mod tests {
    use std::os::fd::AsRawFd;

    use nix::sys::socket::{NetlinkAddr, getsockname};

    use super::Subscription;

    #[tokio::test]
    async fn all_groups_are_heard() {
        let subscription = match Subscription::new() {
            Ok(subscription) => subscription,
            Err(error) => return println!("skipped: {error}"),
        };
        let address: NetlinkAddr = getsockname(subscription.as_raw_fd()).unwrap();
        let (ipv4, ipv6) = (0x10 | 0x40 | 0x80, 0x100 | 0x400 | 0x4_0000);
        assert_eq!(address.groups(), 1 | ipv4 | ipv6);
    }
}
