use drywire_crypto::InvalidKey;
use drywire_rtp::ParseError;
use thiserror::Error;

/// The keys do not fit the profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The master key or master salt has another length than the profile says.
    #[error("the length of the master key or salt does not fit the profile")]
    Length,
    /// The cryptographic provider refused a key.
    #[error(transparent)]
    Provider(#[from] InvalidKey),
}

/// Why a rollover counter was not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RolloverError {
    /// A packet of the stream was protected or accepted before. The counter goes on from there by itself.
    #[error("the stream has begun")]
    Begun,
    /// There are as many streams as the limit allows.
    #[error("too many streams")]
    TooManyStreams,
}

/// Why a packet was not protected. Nothing of it is left in the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProtectError {
    /// It is not an RTP or RTCP packet.
    #[error("not an RTP or RTCP packet")]
    Malformed,
    /// A packet with the same SSRC and sequence number was protected before, or it is so old that it may have been.
    /// To encrypt another one with the same number would reveal both, and with GCM the authentication key.
    #[error("the sequence number was used before")]
    Reused,
    /// As many streams are sent as the limit allows. Their state cannot be forgotten, see [`Reused`](Self::Reused).
    #[error("too many streams")]
    TooManyStreams,
    /// 2^48 RTP or 2^31 RTCP packets were protected with these keys (RFC 3711, section 9.2). New keys are needed.
    #[error("the keys are used up")]
    KeyExhausted,
    /// Cryptex was agreed on, and the header extension of the packet is not of the kinds that it encrypts, those of RFC
    /// 8285 without application bits (RFC 9335, section 5.1). It is not sent in the clear instead.
    #[error("the header extension cannot be encrypted")]
    HeaderExtension,
    /// The packet is too long for the cipher.
    #[error("the packet is too long")]
    TooLong,
}

/// Why a packet was not accepted. Its bytes are unspecified and must not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UnprotectError {
    /// It is no RTP or RTCP packet, or too short for this profile.
    #[error("malformed packet")]
    Malformed,
    /// The header, or after decryption the padding, cannot be read.
    #[error(transparent)]
    Header(#[from] ParseError),
    /// The packet was accepted before, or is too old to tell.
    #[error("replayed packet")]
    Replayed,
    /// The tag is wrong: the packet was forged or damaged, or has other keys.
    #[error("authentication failed")]
    Authentication,
}
