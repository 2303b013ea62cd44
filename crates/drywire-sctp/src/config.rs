use drywire_core::Duration;

/// The settings of an association.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Our SCTP port, as in the session description. 5000 everywhere.
    pub local_port: u16,
    /// The peer's SCTP port.
    pub remote_port: u16,
    /// How many streams the peer may send on, 1 to 65535.
    pub max_inbound_streams: u16,
    /// How many streams we may send on, 1 to 65535.
    pub max_outbound_streams: u16,
    /// How many bytes the peer may send ahead of what was read, its chunks' overhead included. Raised to twice
    /// [`max_message_size`](Self::max_message_size), so that every message fits. A peer that interleaves messages may have
    /// begun many at once: while none of them is complete, their parts may take twice as much, or
    /// 4 MiB if that is more.
    pub receive_window: u32,
    /// How many bytes of messages may wait to be read on one stream, with 64 for each message, until
    /// [`Event::UnreadLimit`](crate::Event::UnreadLimit) tells of it. `None`, the default, tells of nothing: what is unread
    /// fills the one window of all streams, and so in the end stops the peer on all of them.
    pub unread_limit: Option<usize>,
    /// How many bytes one stream queues. A message is taken whole when the stream holds less than this.
    pub send_buffer: usize,
    /// The longest message that is received, in bytes; what `a=max-message-size` announces (RFC 8841, section 6).
    pub max_message_size: usize,
    /// The longest message that is sent, in bytes.
    pub max_outgoing_message_size: usize,
    /// The largest SCTP packet, common header included, in bytes; rounded down to a multiple of four. The default
    /// leaves room for DTLS 1.2 and 1.3 in a UDP payload of 1200 bytes.
    pub mtu: usize,
    /// The largest SCTP packet to look for, in bytes, with probes that do no harm (RFC 8899). Where such packets pass, they are
    /// used, until they do not arrive any more. The sockets must not let them be fragmented. The default looks for none: it is
    /// [`mtu`](Self::mtu).
    pub max_mtu: usize,
    /// The retransmission timeout before a round trip was measured (RFC 9260, section 6.3.1).
    pub rto_initial: Duration,
    /// The least retransmission timeout. RFC 9260 proposes 1 s, browsers use 400 ms and less.
    pub rto_min: Duration,
    /// The greatest retransmission timeout.
    pub rto_max: Duration,
    /// How long an acknowledgement waits for a second packet, at most 500 ms (RFC 9260, section 6.2). There are peers that send
    /// nothing new before the last packet of a message is acknowledged.
    pub sack_delay: Duration,
    /// How long the association must be idle before a heartbeat is sent; `None` sends none (RFC 9260, section 8.3).
    pub heartbeat_interval: Option<Duration>,
    /// Whether packets may do without a checksum, if the peer agrees: only over DTLS, which detects errors itself (RFC
    /// 9653). Data channels do so. Default: false.
    pub zero_checksum: bool,
    /// Whether messages may be interrupted by others, if the peer agrees, so that a long one does not hold up all others (RFC
    /// 8260). Data channels do so. Default: false.
    pub interleaving: bool,
    /// Whose turn it is among the streams.
    pub scheduler: Scheduler,
    /// What decides how much may be in flight.
    pub congestion_control: CongestionControl,
    /// How many times INIT and COOKIE ECHO are repeated (RFC 9260, section 16: Max.Init.Retransmits).
    pub max_init_retransmits: u32,
    /// How many unanswered retransmissions in a row end the association (RFC 9260: Association.Max.Retrans).
    pub max_retransmits: u32,
    /// How long a state cookie can be used (RFC 9260: Valid.Cookie.Life).
    pub cookie_lifetime: Duration,
    /// The first TSN, for tests of its wrap-around; random if `None`.
    pub initial_tsn: Option<u32>,
    /// The first message identifier, for tests of its wrap-around: both sides must have the same. Its low half is the
    /// first stream sequence number. Zero in RFC 9260 and RFC 8260.
    #[doc(hidden)]
    pub initial_mid: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            local_port: 5000,
            remote_port: 5000,
            max_inbound_streams: u16::MAX,
            max_outbound_streams: u16::MAX,
            receive_window: 4 << 20,
            unread_limit: None,
            send_buffer: 1 << 20,
            max_message_size: 256 << 10,
            max_outgoing_message_size: 1 << 30,
            mtu: 1160,
            max_mtu: 1160,
            rto_initial: Duration::from_secs(1),
            rto_min: Duration::from_millis(300),
            rto_max: Duration::from_secs(10),
            sack_delay: Duration::from_millis(20),
            heartbeat_interval: Some(Duration::from_secs(30)),
            zero_checksum: false,
            interleaving: false,
            scheduler: Scheduler::WeightedFair,
            congestion_control: CongestionControl::NewReno,
            max_init_retransmits: 8,
            max_retransmits: 10,
            cookie_lifetime: Duration::from_secs(60),
            initial_tsn: None,
            initial_mid: 0,
        }
    }
}

impl Config {
    /// The usual settings of WebRTC: ports 5000, all streams, messages up to 256 KiB.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

/// Whose turn it is among the streams that have something to send (RFC 8260, section 3). With
/// [interleaving](Config::interleaving) it is decided after each message, and within one after a few packets: the more, the
/// larger the congestion window, 8 KiB at most; and when a stream that was idle gets something to send. Else it is decided
/// after each message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scheduler {
    /// One after the other, whatever they weigh and send (section 3.2, and 3.3 with interleaving).
    RoundRobin,
    /// The stream with the highest weight, as long as it has anything; those of the same weight in turn (section 3.4).
    Priority,
    /// All at once, each with a part of the bandwidth that is proportional to its weight (section 3.6).
    #[default]
    WeightedFair,
}

/// What decides how much may be in flight. All of them pace what leaves, so that a window that opens is no burst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CongestionControl {
    /// As RFC 9260 has it (section 7.2): half after a loss, a packet more each round trip. Fair to all others like it, and slow
    /// on long paths that lose packets.
    #[default]
    NewReno,
    /// CUBIC (RFC 9438): what most of the Internet's hosts use. It fills long fast paths sooner.
    Cubic,
    /// A model of the path, after the ideas of BBR (draft-ietf-ccwg-bbr): for paths that lose packets without being full, such
    /// as wireless ones. Where a queue overflows it makes room as the others do; on short queues it takes somewhat more than its
    /// share.
    Bbr,
}
