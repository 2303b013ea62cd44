use drywire_core::{Duration, Path};

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// It will arrive after this long.
    Sent(Duration),
    /// It will arrive after this long, with bits flipped.
    Damaged(Duration),
    /// The link lost it.
    Lost,
    /// The queue before the bottleneck was full.
    QueueFull,
    /// It is larger than the link carries.
    TooLarge,
    /// The filter of the test dropped it.
    Filtered,
    /// Nobody has the address that it is sent to.
    Unroutable,
    /// The sender does not have the address that it is sent from.
    ForeignSource,
}

/// A datagram, as recorded when it was sent. A duplicate has an entry of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceEntry {
    /// The virtual time since the network began.
    pub at: Duration,
    /// The path, as the sender sees it.
    pub path: Path,
    /// Its length in bytes.
    pub len: usize,
    /// A checksum of its bytes as sent, to compare two runs by.
    pub checksum: u64,
    /// What became of it.
    pub fate: Fate,
}

/// FNV-1a, 64 bits: not for security, but short and the same everywhere.
pub(crate) fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
