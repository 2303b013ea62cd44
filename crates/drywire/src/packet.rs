use bytes::Bytes;
use drywire_rtp::extension::{AudioLevel, CorruptionDetection, VideoOrientation};
use drywire_rtp::{PayloadType, SequenceNumber};

/// An RTP packet of a transceiver, without what the peer connection sees to itself: SSRC, MID, encryption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtpPacket {
    /// The payload type, one of those negotiated for the transceiver.
    pub payload_type: PayloadType,
    /// The marker bit: its meaning is the payload format's, most often the end of a frame.
    pub marker: bool,
    /// The sequence number. Senders count up by one with each packet, from a random start.
    pub sequence_number: SequenceNumber,
    /// The media time, in units of the codec's clock rate.
    pub timestamp: u32,
    /// The values of header extensions. Those that were not negotiated for the transceiver are left out when sending.
    pub extensions: Extensions,
    /// The payload. When received, a slice of the datagram: cloning it copies nothing.
    pub payload: Bytes,
}

/// The values of header extensions (RFC 8285) that an application sees. Absent ones are `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Extensions {
    /// How loud the audio in the packet is (RFC 6464).
    pub audio_level: Option<AudioLevel>,
    /// How the picture is to be turned (3GPP TS 26.114, section 7.4.5).
    pub video_orientation: Option<VideoOrientation>,
    /// Samples of the picture, to find out whether it was decoded right. Not among the header extensions that are
    /// negotiated by default.
    pub corruption_detection: Option<CorruptionDetection>,
}
