use std::fmt;

use crate::attributes::{
    candidate, direction::Direction, extmap::Extmap, fingerprint::Fingerprint, fmtp::Fmtp, group::Group,
    ice::IceOptions, ice::IcePwd, ice::IceUfrag, mid::Mid, msid::Msid, rid::Rid, rtcp::Rtcp, rtcp_fb::RtcpFb,
    rtpmap::Rtpmap, sctp::MaxMessageSize, sctp::SctpInit, sctp::SctpPort, sctp::Sctpmap, setup::Setup,
    simulcast::Simulcast, ssrc::Ssrc, ssrc::SsrcGroup,
};
use crate::error::Invalid;

/// An attribute `a=NAME:value` that can be read from a section and written by a [`Builder`](crate::Builder).
///
/// Implement it for an attribute of your own, and the same methods read and write it.
pub trait Attribute<'a>: Sized {
    /// The name, in the case of the registry.
    const NAME: &'static str;

    /// Reads the value, which is what stands behind the colon (empty without one).
    ///
    /// # Errors
    /// [`Invalid::Attribute`] when it does not follow the grammar.
    fn parse(value: &'a str) -> Result<Self, Invalid>;

    /// Writes the value.
    ///
    /// # Errors
    /// Those of `out`.
    fn write_value(&self, out: &mut dyn fmt::Write) -> fmt::Result;
}

/// Checks the value of an attribute that this crate knows against its grammar. Unknown ones are all right.
pub(crate) fn check(name: &str, value: &str) -> Result<(), Invalid> {
    fn of<'a, A: Attribute<'a>>(value: &'a str) -> Result<(), Invalid> {
        A::parse(value).map(drop)
    }
    match name {
        "candidate" => candidate::check(value),
        "extmap" => of::<Extmap<'_>>(value),
        "fingerprint" => of::<Fingerprint<'_>>(value),
        "fmtp" => of::<Fmtp<'_>>(value),
        "group" => of::<Group<'_>>(value),
        "ice-options" => of::<IceOptions<'_>>(value),
        "ice-pwd" => of::<IcePwd<'_>>(value),
        "ice-ufrag" => of::<IceUfrag<'_>>(value),
        "max-message-size" => of::<MaxMessageSize>(value),
        "mid" => Mid::check(value),
        "msid" => of::<Msid<'_>>(value),
        "rid" => of::<Rid<'_>>(value),
        "rtcp" => of::<Rtcp<'_>>(value),
        "rtcp-fb" => of::<RtcpFb<'_>>(value),
        "rtpmap" => of::<Rtpmap<'_>>(value),
        "sctp-init" => of::<SctpInit<'_>>(value),
        "sctp-port" => of::<SctpPort>(value),
        "sctpmap" => of::<Sctpmap<'_>>(value),
        "setup" => of::<Setup>(value),
        "simulcast" => of::<Simulcast<'_>>(value),
        "ssrc" => of::<Ssrc<'_>>(value),
        "ssrc-group" => of::<SsrcGroup<'_>>(value),
        "sendrecv" | "sendonly" | "recvonly" | "inactive" if !value.is_empty() => {
            Err(Invalid::Attribute(Direction::name_of(name)))
        }
        _ => Ok(()),
    }
}
