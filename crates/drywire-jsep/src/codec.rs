//! Codecs, and when two of them are the same (RFC 3264 section 6.1: each payload format says which of its parameters
//! must be equal).

mod h264;

use drywire_sdp::{Fmtp, MediaSection, PayloadType, RtcpFb, Rtpmap};

use crate::plan::PlannedCodec;

/// A codec that this side can negotiate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Codec {
    /// The name in the registry of RTP payload formats.
    pub name: String,
    /// The number to use in offers, if no other codec has it.
    pub payload_type: PayloadType,
    /// Ticks of the RTP timestamp per second.
    pub clock_rate: u32,
    /// Audio channels; `None` is one, and none is written.
    pub channels: Option<u16>,
    /// The parameters, as `minptime=10;useinbandfec=1`; empty writes none.
    pub fmtp: String,
    /// The kinds of feedback, as `nack pli`.
    pub feedback: Vec<String>,
}

/// A codec that both sides agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NegotiatedCodec {
    /// The payload type in packets that this side receives.
    pub payload_type: PayloadType,
    /// The payload type in packets that this side sends. It may differ (RFC 3264 section 6.1).
    pub send_payload_type: PayloadType,
    /// The name in the registry of RTP payload formats.
    pub name: String,
    /// Ticks of the RTP timestamp per second.
    pub clock_rate: u32,
    /// Audio channels.
    pub channels: u16,
    /// The parameters of the peer: how it wants to receive.
    pub fmtp: String,
    /// The kinds of feedback that both understand, as `nack pli`.
    pub feedback: Vec<String>,
}

/// A codec as a remote section describes it.
#[derive(Debug, Clone)]
pub(crate) struct RemoteCodec<'a> {
    pub(crate) payload_type: PayloadType,
    pub(crate) name: &'a str,
    pub(crate) clock_rate: u32,
    pub(crate) channels: Option<u16>,
    pub(crate) fmtp: &'a str,
    feedback: Vec<&'a str>,
}

impl RemoteCodec<'_> {
    /// Whether the peer understands this kind of feedback.
    pub(crate) fn understands(&self, feedback: &str) -> bool {
        self.feedback.contains(&feedback)
    }
}

/// How many kinds of feedback of one codec are read.
const MAX_FEEDBACK: usize = 32;

/// The codecs of a section in the order of its line `m=`, read in one pass.
pub(crate) fn read<'a>(section: &MediaSection<'a>) -> Vec<RemoteCodec<'a>> {
    let mut table: Vec<Option<RemoteCodec<'a>>> = vec![None; 128];
    let slot = |payload_type: PayloadType| usize::from(payload_type.value());
    for map in section.all::<Rtpmap<'a>>() {
        if let Some(entry) = table.get_mut(slot(map.payload_type())) {
            entry.get_or_insert(RemoteCodec {
                payload_type: map.payload_type(),
                name: map.encoding(),
                clock_rate: map.clock_rate(),
                channels: map.channels(),
                fmtp: "",
                feedback: Vec::new(),
            });
        }
    }
    let payload_types: Vec<PayloadType> = section.media_line().payload_types().take(128).collect();
    for payload_type in &payload_types {
        if let Some(entry @ None) = table.get_mut(slot(*payload_type)) {
            *entry = static_codec(*payload_type);
        }
    }
    for fmtp in section.all::<Fmtp<'a>>() {
        if let Some(Some(entry)) = fmtp.payload_type().and_then(|pt| table.get_mut(slot(pt))) {
            entry.fmtp = fmtp.parameters();
        }
    }
    for line in section.all::<RtcpFb<'a>>() {
        let mut add = |entry: &mut Option<RemoteCodec<'a>>| {
            if let Some(entry) = entry.as_mut().filter(|entry| entry.feedback.len() < MAX_FEEDBACK) {
                entry.feedback.push(line.feedback());
            }
        };
        match line.payload_type() {
            Some(payload_type) => table.get_mut(slot(payload_type)).into_iter().for_each(add),
            None => table.iter_mut().for_each(&mut add),
        }
    }
    // A payload type that is listed twice counts once.
    payload_types.iter().filter_map(|payload_type| table.get_mut(slot(*payload_type))?.take()).collect()
}

/// The payload types that RFC 3551 section 6 fixes and that need no `a=rtpmap`.
fn static_codec(payload_type: PayloadType) -> Option<RemoteCodec<'static>> {
    let (name, clock_rate) = match payload_type.value() {
        0 => ("PCMU", 8_000),
        3 => ("GSM", 8_000),
        8 => ("PCMA", 8_000),
        9 => ("G722", 8_000),
        13 => ("CN", 8_000),
        _ => return None,
    };
    Some(RemoteCodec { payload_type, name, clock_rate, channels: None, fmtp: "", feedback: Vec::new() })
}

impl Codec {
    /// Whether both are the same codec, in the same configuration as far as its payload format demands.
    pub(crate) fn matches(&self, remote: &RemoteCodec<'_>) -> bool {
        let same_name = self.name.eq_ignore_ascii_case(remote.name)
            && self.clock_rate == remote.clock_rate
            && self.channels.unwrap_or(1) == remote.channels.unwrap_or(1);
        same_name && self.same_configuration(remote.fmtp)
    }

    fn same_configuration(&self, fmtp: &str) -> bool {
        let same = |name: &str, default: u32| {
            let number = |fmtp| parameter(fmtp, name).map_or(Some(default), |value| value.parse().ok());
            number(&self.fmtp).is_some_and(|own| Some(own) == number(fmtp))
        };
        match self.name.to_ascii_uppercase().as_str() {
            "H264" => h264::same(&self.fmtp, fmtp),
            // RFC 9628 section 6.
            "VP9" => same("profile-id", 0),
            // RTP payload format for AV1, section 7.2.3.
            "AV1" => same("profile", 0),
            // RFC 7798 section 7.2.2.
            "H265" => same("profile-id", 1) && same("tier-flag", 0) && same("profile-space", 0),
            _ => true,
        }
    }

    /// Whether this is the codec that was negotiated.
    pub(crate) fn is(&self, negotiated: &NegotiatedCodec) -> bool {
        self.name.eq_ignore_ascii_case(&negotiated.name)
            && self.clock_rate == negotiated.clock_rate
            && self.channels.unwrap_or(1) == negotiated.channels
            && self.same_configuration(&negotiated.fmtp)
    }

    /// Whether this is the codec that is offered.
    pub(crate) fn is_planned(&self, planned: &PlannedCodec) -> bool {
        self.name == planned.name
            && self.clock_rate == planned.clock_rate
            && self.channels == planned.channels
            && self.fmtp == planned.fmtp
    }

    /// The parameters to answer with: our own, but of H.264 the profile as it was offered (RFC 6184 section 8.2.2).
    pub(crate) fn answer_fmtp(&self, offered: &str) -> String {
        if self.name.eq_ignore_ascii_case("H264") {
            h264::answer(&self.fmtp, offered)
        } else {
            self.fmtp.clone()
        }
    }
}

/// The value of a parameter in the form `name=value;name=value`.
pub(crate) fn parameter<'a>(fmtp: &'a str, name: &str) -> Option<&'a str> {
    fmtp.split(';').find_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

#[cfg(test)]
mod tests {
    use drywire_sdp::SessionDescription;

    use super::*;
    use crate::Config;

    fn section(lines: &str) -> SessionDescription {
        format!("v=0\r\no=- 1 1 IN IP4 0\r\ns=-\r\nt=0 0\r\n{lines}").parse().unwrap()
    }

    #[test]
    fn reads_static_and_dynamic_payload_types() {
        let description = section(
            "m=audio 9 RTP/SAVPF 0 96 8 97 96\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 a=b\r\na=rtcp-fb:* nack\r\n\
             a=rtcp-fb:96 transport-cc\r\n",
        );
        let codecs = read(&description.media_section(0).unwrap());
        let names: Vec<_> = codecs.iter().map(|codec| codec.name).collect();
        assert_eq!(names, ["PCMU", "opus", "PCMA"]);
        assert_eq!(
            (codecs[1].fmtp, codecs[1].feedback.as_slice()),
            ("a=b", ["nack", "transport-cc"].as_slice())
        );
    }

    #[test]
    fn same_codec() {
        let config = Config::default();
        let find = |name: &str, fmtp: &str| {
            config.video.iter().find(|c| c.name == name && c.fmtp.contains(fmtp)).unwrap()
        };
        let remote = |name, fmtp| RemoteCodec {
            payload_type: PayloadType::new(96).unwrap(),
            name,
            clock_rate: 90_000,
            channels: None,
            fmtp,
            feedback: Vec::new(),
        };
        let vp9 = find("VP9", "profile-id=0");
        assert!(vp9.matches(&remote("vp9", "")) && vp9.matches(&remote("VP9", "max-fs=12288; profile-id=0")));
        assert!(!vp9.matches(&remote("VP9", "profile-id=2")) && !vp9.matches(&remote("VP9", "profile-id=x")));
        let av1 = find("AV1", "");
        assert!(av1.matches(&remote("AV1", "")) && !av1.matches(&remote("AV1", "profile=1")));
        let opus = &config.audio[0];
        let mono = RemoteCodec { clock_rate: 48_000, channels: None, ..remote("opus", "") };
        assert!(!opus.matches(&mono) && opus.matches(&RemoteCodec { channels: Some(2), ..mono }));
        // Firefox writes the one channel of G722.
        let g722 = RemoteCodec { clock_rate: 8_000, channels: Some(1), ..remote("G722", "") };
        assert!(config.audio[1].matches(&g722));
    }
}
