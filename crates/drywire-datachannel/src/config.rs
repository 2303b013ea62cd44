/// What a transport is set to. The default is fit for browsers.
#[derive(Clone, Debug)]
pub struct Config {
    /// The SCTP association below. Its `max_message_size` is the largest message that is taken from the peer, to be
    /// announced to it in `a=max-message-size`. Default: as there, but with `zero_checksum`, as DTLS is the carrier,
    /// and with `interleaving`, so that a long message does not hold up the other channels.
    pub sctp: drywire_sctp::Config,
    /// What a reader that does not keep up may do to the other channels. All channels share one window. With `None`, what one
    /// of them leaves unread fills it, and in the end the peer is stopped on all of them until it is read. With a number, a
    /// channel on which more than so many bytes wait to be read, with 64 for each message, is closed with
    /// [`ChannelError::Unread`](crate::ChannelError::Unread), and what waits on it is dropped: the others go on. It must leave
    /// room in the window, [`sctp.receive_window`](drywire_sctp::Config::receive_window). Default: `None`.
    pub max_unread: Option<usize>,
    /// The most channels at a time, of both sides together, closed ones included until their
    /// [`Closed`](crate::Event::Closed) event was polled. Default: 65,535.
    pub max_channels: usize,
    /// The most bytes of a label or of a protocol, in both directions. Default: 65,535.
    pub max_label_len: usize,
    /// The most bytes of labels and protocols of all channels that the peer opened, together. Default: 4 MiB.
    pub max_announced_text: usize,
    /// The most bytes of messages that a channel holds before it has a stream. Default: 1 MiB.
    pub max_queued: usize,
    /// The most bytes of messages that came on streams without a channel, which are held because the channel may
    /// still come. Default: 64 KiB. The oldest ones are dropped.
    pub max_stray: usize,
}

impl Default for Config {
    fn default() -> Self {
        let mut sctp = drywire_sctp::Config::default();
        sctp.zero_checksum = true;
        sctp.interleaving = true;
        Self {
            sctp,
            max_unread: None,
            max_channels: 65_535,
            max_label_len: 65_535,
            max_announced_text: 4 * 1024 * 1024,
            max_queued: 1024 * 1024,
            max_stray: 64 * 1024,
        }
    }
}
