/// When a message that was not delivered is given up (RFC 8831, section 6.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reliability {
    /// Never.
    #[default]
    Reliable,
    /// After this many retransmissions.
    MaxRetransmits(u16),
    /// After this many milliseconds.
    MaxPacketLifeTime(u16),
}

/// What a new channel is to be. The default is ordered, reliable, and announced to the peer.
///
/// ```
/// use drywire_datachannel::ChannelOptions;
///
/// let options = ChannelOptions { ordered: false, ..ChannelOptions::new("positions") };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelOptions {
    /// A name for people; need not be unique. At most 65,535 bytes of UTF-8.
    pub label: String,
    /// The subprotocol; at most 65,535 bytes of UTF-8.
    pub protocol: String,
    /// Whether messages arrive in the order in which they were sent. Default: true.
    pub ordered: bool,
    /// When a message is given up. Default: never.
    pub reliability: Reliability,
    /// The priority, which is told to the peer, too (RFC 8831, section 6.4): 128 below normal, 256 normal, 512 high, 1024
    /// extra high. Twice as much is twice the bandwidth when several channels have more to send than can be sent; see
    /// [`Scheduler`](drywire_sctp::Scheduler). Default: 256.
    pub priority: u16,
    /// The stream, 0 to 65534, if both sides agreed upon it by other means: nothing is announced then, and both
    /// sides open the channel themselves. Default: none.
    pub negotiated: Option<u16>,
}

impl ChannelOptions {
    /// A channel with a label, and otherwise the default.
    pub fn new(label: impl Into<String>) -> Self {
        Self { label: label.into(), ..Self::default() }
    }
}

impl Default for ChannelOptions {
    fn default() -> Self {
        Self {
            label: String::new(),
            protocol: String::new(),
            ordered: true,
            reliability: Reliability::Reliable,
            priority: 256,
            negotiated: None,
        }
    }
}
