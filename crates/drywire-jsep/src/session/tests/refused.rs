//! Remote descriptions that break a rule change nothing (attacks F04, F05, F06).

use super::*;

const HEAD: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";
const TRANSPORT: &str = "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=fingerprint:sha-256 AA:BB\r\n\
                         a=setup:actpass\r\na=rtcp-mux\r\n";
const AUDIO: &str = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\n";
const DATA: &str = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=sctp-port:5000\r\n";

fn parse(text: &str) -> SessionDescription {
    text.parse().unwrap()
}

fn offered(text: &str) -> Result<Session, RemoteError> {
    let mut session = session(1);
    match session.set_remote_description(DescriptionType::Offer, &parse(text)) {
        Ok(_) => Ok(session),
        Err(error) => {
            assert_eq!(session.signaling_state(), SignalingState::Stable);
            assert!(session.transceivers().next().is_none() && session.remote_description().is_none());
            assert_eq!(session.is_initiator(), None);
            Err(error)
        }
    }
}

#[test]
fn offers() {
    let two = |first: &str, second: &str, group: &str| {
        format!("{HEAD}{group}{AUDIO}{TRANSPORT}{first}{AUDIO}{TRANSPORT}{second}")
    };
    let extmap = "a=extmap:3 urn:a\r\n";
    let cases = [
        (two("a=mid:0\r\n", "a=mid:0\r\n", ""), RemoteError::DuplicateMid),
        (two("a=mid:0\r\n", "a=mid:1\r\n", "a=group:BUNDLE 0 1 2\r\n"), RemoteError::BundleMid),
        (two("a=mid:0\r\n", "a=mid:1\r\n", "a=group:BUNDLE 0 0 1\r\n"), RemoteError::BundleMid),
        (
            two("a=mid:0\r\n", "a=mid:1\r\n", "a=group:BUNDLE 0 1\r\na=group:BUNDLE 1\r\n"),
            RemoteError::BundleMid,
        ),
        (format!("{HEAD}{AUDIO}{TRANSPORT}{extmap}a=extmap:3 urn:b\r\n"), RemoteError::ExtensionId(0)),
        (format!("{HEAD}{AUDIO}{TRANSPORT}{extmap}{extmap}"), RemoteError::ExtensionId(0)),
        (
            two(&format!("a=mid:0\r\n{extmap}"), "a=mid:1\r\na=extmap:3 urn:b\r\n", "a=group:BUNDLE 0 1\r\n"),
            RemoteError::ExtensionId(1),
        ),
        (format!("{HEAD}{AUDIO}a=rtcp-mux\r\n"), RemoteError::IceCredentials),
        (
            format!("{HEAD}{AUDIO}{}", TRANSPORT.replace("a=fingerprint:sha-256 AA:BB\r\n", "")),
            RemoteError::Fingerprint,
        ),
        (format!("{HEAD}{AUDIO}{}", TRANSPORT.replace("actpass", "holdconn")), RemoteError::Setup),
        ("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n".to_owned(), RemoteError::Fragment),
        (format!("{HEAD}{}", AUDIO.repeat(1025)), RemoteError::TooManySections),
    ];
    for (text, error) in cases {
        assert_eq!(offered(&text).map(|session| session.signaling_state()).unwrap_err(), error, "{text}");
    }
}

/// What can be rejected section by section is no error.
#[test]
fn sections_that_cannot_be_used_are_rejected() {
    let cases = [
        // Without RTCP multiplexing.
        format!("{HEAD}{AUDIO}{}", TRANSPORT.replace("a=rtcp-mux\r\n", "")),
        // Without a codec in common.
        format!("{HEAD}{}{TRANSPORT}", AUDIO.replace("opus", "speex")),
        // Of an unknown kind or protocol.
        format!("{HEAD}m=text 9 RTP/SAVPF 98\r\n{TRANSPORT}"),
        format!("{HEAD}m=audio 9 RTP/UNKNOWN 111\r\n{TRANSPORT}"),
        format!("{HEAD}m=application 9 UDP/BFCP *\r\n{TRANSPORT}"),
        format!("{HEAD}m=application 9 DTLS/SCTP 5000\r\n{TRANSPORT}"),
    ];
    for text in cases {
        let mut session = offered(&text).unwrap();
        let answer = answer(&mut session);
        assert_eq!(section(&answer, 0).media_line().port(), 0, "{text}");
        assert_eq!(session.signaling_state(), SignalingState::Stable);
        assert_eq!(session.dtls_role(), None);
        assert!(!session.negotiation_needed());
    }
}

#[test]
fn one_transport_only() {
    // The third section is in no bundle, the second in that of the first.
    let text = format!(
        "{HEAD}a=group:BUNDLE a b\r\n{AUDIO}{TRANSPORT}a=mid:a\r\n{DATA}a=mid:b\r\n{AUDIO}{TRANSPORT}a=mid:c\r\n"
    );
    let mut session = offered(&text).unwrap();
    let answer = answer(&mut session);
    let ports: Vec<u16> = answer.media_sections().map(|section| section.media_line().port()).collect();
    assert_eq!(ports, [9, 9, 0]);
    assert!(answer.as_str().contains("a=group:BUNDLE a b\r\n"));
    // Without a bundle only the first one counts; without mids none is written.
    let mut session = offered(&format!("{HEAD}{AUDIO}{TRANSPORT}{AUDIO}{TRANSPORT}")).unwrap();
    let answer = super::answer(&mut session);
    let ports: Vec<u16> = answer.media_sections().map(|section| section.media_line().port()).collect();
    assert_eq!(ports, [9, 0]);
    assert!(!answer.as_str().contains("BUNDLE") && !answer.as_str().contains("a=mid"));
}

#[test]
fn the_old_form_of_data_channels() {
    let text = format!(
        "{HEAD}m=application 9 DTLS/SCTP 6000\r\na=sctpmap:6000 webrtc-datachannel 1024\r\n{TRANSPORT}a=mid:data\r\n"
    );
    let mut session = offered(&text).unwrap();
    let answer = answer(&mut session);
    assert!(answer.as_str().contains("m=application 9 DTLS/SCTP 5000\r\n"));
    assert!(answer.as_str().contains("a=sctpmap:5000 webrtc-datachannel "));
    let data = session.data_section().unwrap();
    assert_eq!((data.remote_sctp_port, data.remote_max_message_size), (6000, 65_536));
    // The size 0 is any size.
    let text = format!("{HEAD}{DATA}{TRANSPORT}a=max-message-size:0\r\n");
    let mut session = offered(&text).unwrap();
    super::answer(&mut session);
    assert_eq!(session.data_section().unwrap().remote_max_message_size, u64::MAX);
}

/// Attack F05 and the order of the sections: what a second offer may not change.
#[test]
fn renegotiation() {
    let text =
        format!("{HEAD}a=group:BUNDLE a b\r\n{AUDIO}{TRANSPORT}a=mid:a\r\n{DATA}{TRANSPORT}a=mid:b\r\n");
    let cases = [
        (text.replace("AA:BB", "AA:BC"), RemoteError::FingerprintChanged),
        (text.replace("abcd\r\n", "abce\r\n"), RemoteError::IceCredentialsHalfChanged),
        (text.replace("uvwx\r\n", "uvwy\r\n"), RemoteError::IceCredentialsHalfChanged),
        (text.replace("actpass", "active"), RemoteError::Setup),
        (text.replace("a=mid:a", "a=mid:c").replace("BUNDLE a b", "BUNDLE c b"), RemoteError::MidChanged(0)),
        (
            format!("{HEAD}a=group:BUNDLE a b\r\n{DATA}{TRANSPORT}a=mid:b\r\n{AUDIO}{TRANSPORT}a=mid:a\r\n"),
            RemoteError::MidChanged(0),
        ),
        (format!("{HEAD}a=group:BUNDLE a\r\n{AUDIO}{TRANSPORT}a=mid:a\r\n"), RemoteError::SectionCount),
        (text.replace("m=audio", "m=video"), RemoteError::KindChanged(0)),
        (text.replace("BUNDLE a b", "BUNDLE a"), RemoteError::Setup),
    ];
    for (changed, error) in cases {
        let mut session = offered(&text).unwrap();
        answer(&mut session);
        assert_eq!(session.dtls_role(), Some(DtlsRole::Client));
        let before = session.local_description().cloned();
        let result = session.set_remote_description(DescriptionType::Offer, &parse(&changed));
        if error == RemoteError::Setup && changed.contains("BUNDLE a\r\n") {
            // Taking a section out of the bundle rejects it, which is no error.
            result.unwrap();
            assert_eq!(section(&answer(&mut session), 1).media_line().port(), 0);
            assert!(session.data_section().is_none());
            continue;
        }
        assert_eq!(result.unwrap_err(), error);
        assert_eq!(session.signaling_state(), SignalingState::Stable);
        assert_eq!(session.local_description().cloned(), before);
        // The right one still goes.
        session.set_remote_description(DescriptionType::Offer, &parse(&text)).unwrap();
        answer(&mut session);
    }
}

/// Makes an answer wrong.
type Change = fn(&str) -> String;

#[test]
fn answers() {
    let cases: [(Change, RemoteError); 9] = [
        (|text| text.replace("a=rtcp-mux\r\n", ""), RemoteError::RtcpMux(0)),
        (|text| text.replace("BUNDLE 0 1", "BUNDLE 0"), RemoteError::NotBundled),
        (
            |text| text.replace("a=mid:1", "a=mid:2").replace("BUNDLE 0 1", "BUNDLE 0 2"),
            RemoteError::MidChanged(1),
        ),
        (|text| text.replace("m=audio", "m=video"), RemoteError::KindChanged(0)),
        (|text| format!("{text}m=audio 0 RTP/AVP 0\r\n"), RemoteError::SectionCount),
        (|text| text.replace("setup:active", "setup:actpass"), RemoteError::Setup),
        (
            |text| text.replace("opus", "speex").replace("PCM", "XYZ").replace("G722", "G723"),
            RemoteError::Codecs(0),
        ),
        (|text| text.replace("a=fingerprint:", "a=no-fingerprint:"), RemoteError::Fingerprint),
        (|text| text.replace("a=ice-pwd:", "a=no-ice-pwd:"), RemoteError::IceCredentials),
    ];
    for (change, error) in cases {
        let (mut a, mut b) = (session(1), session(2));
        a.add_transceiver(MediaKind::Audio, TransceiverInit::default()).unwrap();
        a.enable_data();
        let offer = a.create_offer(&transport("alice")).unwrap();
        a.set_local_description(DescriptionType::Offer, &offer).unwrap();
        b.set_remote_description(DescriptionType::Offer, &offer).unwrap();
        let answer = answer(&mut b);
        let wrong = parse(&change(answer.as_str()));
        assert_eq!(a.set_remote_description(DescriptionType::Answer, &wrong).unwrap_err(), error);
        assert_eq!(a.signaling_state(), SignalingState::HaveLocalOffer);
        a.set_remote_description(DescriptionType::Answer, &answer).unwrap();
        // A stale answer is refused.
        assert!(a.set_remote_description(DescriptionType::Answer, &answer).is_err());
    }
}

#[test]
fn an_answer_may_reject_sections() {
    let (mut a, mut b) = (session(1), session(2));
    let audio = a.add_transceiver(MediaKind::Audio, TransceiverInit::default()).unwrap();
    a.enable_data();
    let offer = a.create_offer(&transport("alice")).unwrap();
    a.set_local_description(DescriptionType::Offer, &offer).unwrap();
    b.set_remote_description(DescriptionType::Offer, &offer).unwrap();
    let id = b.transceivers().next().unwrap().id();
    b.stop_transceiver(id).unwrap();
    let answer = answer(&mut b);
    assert!(answer.as_str().contains("a=group:BUNDLE 1\r\n"));
    let changes = a.set_remote_description(DescriptionType::Answer, &answer).unwrap();
    assert_eq!(changes.stopped, [audio]);
    assert!(changes.data_opened && a.transceiver(audio).unwrap().is_stopped());
    assert_eq!(b.remote_transport().unwrap().ice_ufrag, "alice");
    assert!(!a.negotiation_needed() && !b.negotiation_needed());
}
