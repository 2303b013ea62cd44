use bytes::BytesMut;
use drywire_core::Path;

/// The most datagrams held: a ClientHello with a post-quantum share has two.
const MAX_DATAGRAMS: usize = 8;
/// The longest datagram held: none of a handshake is longer than a packet of the network.
const MAX_LEN: usize = 1500;

/// DTLS records that came before their path was known to be valid. They wait, and are believed only if ICE then
/// validates the path that they came on; so no round trip is lost when the peer is faster than our checks.
#[derive(Debug, Default)]
pub(super) struct EarlyRecords {
    held: Vec<(Path, BytesMut)>,
}

impl EarlyRecords {
    /// Holds a datagram; when too many are held, the oldest is dropped: a peer sends its flight again.
    pub(super) fn hold(&mut self, path: Path, datagram: BytesMut) {
        if datagram.len() > MAX_LEN {
            return;
        }
        if self.held.len() >= MAX_DATAGRAMS {
            self.held.remove(0);
        }
        self.held.push((path, datagram));
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Takes the datagrams whose path is valid now, in the order that they came.
    pub(super) fn take(&mut self, is_valid: impl Fn(Path) -> bool) -> Vec<BytesMut> {
        self.held.extract_if(.., |(path, _)| is_valid(*path)).map(|(_, datagram)| datagram).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_wait_for_their_path_and_memory_is_bounded() {
        let path = |port| Path::udp(([127, 0, 0, 1], 1).into(), ([127, 0, 0, 1], port).into());
        let mut early = EarlyRecords::default();
        for n in 0..100_u8 {
            early.hold(path(u16::from(n % 2)), BytesMut::from(&[n][..]));
        }
        early.hold(path(0), BytesMut::zeroed(2000));
        let taken = early.take(|candidate| candidate == path(1));
        assert_eq!(taken, [[93], [95], [97], [99]].map(|bytes| BytesMut::from(&bytes[..])));
        assert_eq!(early.take(|_| true).len(), 4);
        assert!(early.is_empty());
    }
}
