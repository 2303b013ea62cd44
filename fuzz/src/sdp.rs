//! Session descriptions: text that is read is written byte by byte the same, and typed values survive their own text.

use std::str::FromStr;

use drywire_sdp::{
    Candidate, Extmap, Fmtp, Group, Msid, Rid, RtcpFb, Rtpmap, SessionDescription, Simulcast, Ssrc, SsrcGroup,
};

/// The text of a description, or the value of a candidate attribute.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(candidate) = Candidate::from_str(text.trim_end()) {
        let written = candidate.to_string();
        assert_eq!(Candidate::from_str(&written).as_ref(), Ok(&candidate), "{written}");
    }
    let Ok(description) = SessionDescription::from_str(text) else { return };
    let written = description.to_string();
    assert_eq!(written, text, "not written as it was read");
    assert_eq!(SessionDescription::from_str(&written).map(|again| again.to_string()), Ok(written));
    assert_eq!(description.media_sections().count(), description.media_len());
    let _ = (description.origin(), description.is_fragment());
    let _ = description.session().all::<Group<'_>>().count();
    for section in description.media_sections() {
        let _ =
            (section.media_line().port(), section.media_line().kind(), section.mid(), section.direction());
        let _ = (section.connection(), section.setup(), section.ice_ufrag(), section.ice_pwd());
        let _ = section.media_line().payload_types().count();
        for candidate in section.candidates() {
            assert_eq!(Candidate::from_str(&candidate.to_string()), Ok(candidate));
        }
        let _ = section.fingerprints().count() + section.bandwidths().count();
        let _ = section.all::<Extmap<'_>>().count() + section.all::<Fmtp<'_>>().count();
        let _ = section.all::<Rtpmap<'_>>().count() + section.all::<RtcpFb<'_>>().count();
        let _ = section.all::<Msid<'_>>().count() + section.all::<Rid<'_>>().count();
        let _ = section.all::<Ssrc<'_>>().count() + section.all::<SsrcGroup<'_>>().count();
        let _ = section.first::<Simulcast<'_>>();
    }
}
