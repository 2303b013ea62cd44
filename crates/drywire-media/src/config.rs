use drywire_core::{Duration, WallClock};

/// Whether a stream is audio or video. Decides how often it is reported on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Audio.
    Audio,
    /// Video.
    Video,
}

/// What a payload type stands for, as far as reports need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Format {
    /// Audio or video.
    pub kind: Kind,
    /// The rate of the clock of the RTP timestamps, in Hz: 48000 for Opus, 90000 for video.
    pub clock_rate: u32,
}

/// The parameters of [`Streams`](crate::Streams).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The canonical name of the sender (RFC 7022); streams with the same one are synchronised with each other. At
    /// most 255 bytes are sent.
    pub cname: String,
    /// The time of day.
    pub wall_clock: WallClock,
    /// How often to report while there is video, on average. Default: 1 s, as browsers do.
    pub video_report_interval: Duration,
    /// How often to report while there is only audio, on average. Default: 5 s (RFC 3550, section 6.2).
    pub audio_report_interval: Duration,
    /// The shortest time between two requests for a key frame of one stream, in each direction. A request that comes
    /// earlier waits. Default: 300 ms.
    pub keyframe_interval: Duration,
    /// The most streams that are received at a time; the one that was quiet for longest makes room for a new one.
    /// Default: 1,024.
    pub max_receivers: usize,
    /// The most streams that are sent at a time. Default: 1,024.
    pub max_senders: usize,
    /// The longest RTCP datagram to write, in bytes before protection. Default: 1,180, which leaves 20 bytes for
    /// SRTCP in a UDP payload of 1,200.
    pub max_datagram_len: usize,
    /// Whether feedback may be sent without a report before it (`a=rtcp-rsize`, RFC 5506). Default: yes.
    pub reduced_size: bool,
}

impl Config {
    /// The defaults.
    #[must_use]
    pub fn new(cname: impl Into<String>, wall_clock: WallClock) -> Self {
        Self {
            cname: cname.into(),
            wall_clock,
            video_report_interval: Duration::from_secs(1),
            audio_report_interval: Duration::from_secs(5),
            keyframe_interval: Duration::from_millis(300),
            max_receivers: 1024,
            max_senders: 1024,
            max_datagram_len: 1180,
            reduced_size: true,
        }
    }
}
