//! Two sessions that are connected to each other.

use super::*;
use crate::{CandidateTarget, TransceiverId};

fn ids(session: &Session) -> Vec<TransceiverId> {
    session.transceivers().map(Transceiver::id).collect()
}

fn directions(session: &Session) -> Vec<Option<Direction>> {
    session.transceivers().map(Transceiver::current_direction).collect()
}

#[test]
fn audio_video_and_data() {
    let (mut a, mut b) = (session(1), session(2));
    assert!(!a.negotiation_needed());
    a.add_track(MediaKind::Audio, vec!["stream".to_owned()]).unwrap();
    a.add_transceiver(
        MediaKind::Video,
        TransceiverInit { direction: Direction::SendOnly, ..Default::default() },
    )
    .unwrap();
    a.enable_data();
    assert!(a.negotiation_needed());
    let (offer, answer) = negotiate(&mut a, &mut b);
    assert!(
        offer.as_str().contains("a=group:BUNDLE 0 1 2\r\n")
            && answer.as_str().contains("a=group:BUNDLE 0 1 2\r\n")
    );
    assert_eq!(directions(&a), [Some(Direction::SendOnly), Some(Direction::SendOnly)]);
    assert_eq!(directions(&b), [Some(Direction::RecvOnly), Some(Direction::RecvOnly)]);
    assert_eq!((a.dtls_role(), b.dtls_role()), (Some(DtlsRole::Server), Some(DtlsRole::Client)));
    assert_eq!((a.is_initiator(), b.is_initiator()), (Some(true), Some(false)));
    assert_eq!(b.transceivers().next().unwrap().remote().streams, ["stream"]);
    let ssrcs: Vec<u32> = a.transceivers().map(Transceiver::ssrc).collect();
    assert_eq!(b.transceivers().flat_map(|t| t.remote().ssrcs.clone()).collect::<Vec<_>>(), ssrcs);
    assert_eq!(b.data_section().unwrap().remote_max_message_size, 262_144);
    for (x, y) in a.transceivers().zip(b.transceivers()) {
        let (x, y) = (x.negotiated().unwrap(), y.negotiated().unwrap());
        assert_eq!(x.extensions, y.extensions);
        let types = |codecs: &[crate::NegotiatedCodec]| {
            codecs.iter().map(|c| (c.payload_type, c.name.clone())).collect::<Vec<_>>()
        };
        assert_eq!(types(&x.codecs), types(&y.codecs));
        assert!(!x.codecs.is_empty());
    }
    assert!(!a.negotiation_needed() && !b.negotiation_needed());

    // The same again changes nothing, not even the version.
    let again = a.create_offer(&transport("alice")).unwrap();
    assert_eq!(again, a.create_offer(&transport("alice")).unwrap());
    let (second, _) = negotiate(&mut a, &mut b);
    assert_eq!(second.to_string(), offer.to_string());
    assert_eq!(second.origin(), offer.origin());

    // The answerer sends too, from the next negotiation on, which it offers.
    let video = ids(&b)[0];
    b.set_direction(video, Direction::SendRecv).unwrap();
    assert!(b.negotiation_needed());
    b.restart_ice();
    let offer = b.create_offer(&transport("bobb")).unwrap();
    b.set_local_description(DescriptionType::Offer, &offer).unwrap();
    a.set_remote_description(DescriptionType::Offer, &offer).unwrap();
    let answer = a.create_answer(&transport("alice")).unwrap();
    a.set_local_description(DescriptionType::Answer, &answer).unwrap();
    b.set_remote_description(DescriptionType::Answer, &answer).unwrap();
    // The DTLS roles stay (RFC 8842), as the ICE ones do.
    assert_eq!((a.dtls_role(), b.dtls_role()), (Some(DtlsRole::Server), Some(DtlsRole::Client)));
    assert_eq!((a.is_initiator(), b.is_initiator()), (Some(true), Some(false)));
    assert_eq!(section(&answer, 0).setup(), Some(drywire_sdp::Setup::Passive));
    assert_eq!(directions(&a)[0], Some(Direction::SendRecv));
    assert_eq!(a.transceivers().next().unwrap().remote().ssrcs, [b.transceiver(video).unwrap().ssrc()]);
    // Payload types and extension numbers are those of the first negotiation.
    assert_eq!(section(&offer, 1).media_line().format_list(), section(&second, 1).media_line().format_list());
}

#[test]
fn sections_are_added_stopped_and_used_again() {
    let (mut a, mut b) = (session(1), session(2));
    let audio = a.add_transceiver(MediaKind::Audio, TransceiverInit::default()).unwrap();
    let video = a.add_transceiver(MediaKind::Video, TransceiverInit::default()).unwrap();
    let (first, _) = negotiate(&mut a, &mut b);
    a.stop_transceiver(audio).unwrap();
    assert!(a.negotiation_needed());
    assert!(!a.transceiver(audio).unwrap().is_stopped());
    let (second, answer) = negotiate(&mut a, &mut b);
    assert_eq!(second.origin().unwrap().session_version(), first.origin().unwrap().session_version() + 1);
    assert_eq!((section(&second, 0).media_line().port(), section(&answer, 0).media_line().port()), (0, 0));
    assert!(second.as_str().contains("a=group:BUNDLE 1\r\n"));
    assert!(a.transceiver(audio).unwrap().is_stopped() && b.transceivers().next().unwrap().is_stopped());
    assert!(!a.negotiation_needed() && !b.negotiation_needed());
    // Data comes behind, and the next media section takes the free place with a new mid.
    a.enable_data();
    let again = a.add_transceiver(MediaKind::Video, TransceiverInit::default()).unwrap();
    let (third, _) = negotiate(&mut a, &mut b);
    assert_eq!(third.media_len(), 3);
    assert_eq!(section(&third, 0).mid(), Some("2"));
    assert_eq!(section(&third, 2).mid(), Some("3"));
    assert!(a.transceiver(audio).is_none());
    assert_eq!(a.transceiver(again).unwrap().mid().unwrap().as_str(), "2");
    assert_eq!(ids(&a), [video, again]);
    assert_eq!(b.transceivers().count(), 2);
    assert!(!a.negotiation_needed() && !b.negotiation_needed());
}

#[test]
fn only_transceivers_of_add_track_take_a_remote_section() {
    let (mut a, mut b) = (session(1), session(2));
    a.add_transceiver(MediaKind::Audio, TransceiverInit::default()).unwrap();
    a.add_transceiver(
        MediaKind::Audio,
        TransceiverInit { direction: Direction::SendOnly, ..Default::default() },
    )
    .unwrap();
    let own = b.add_transceiver(MediaKind::Audio, TransceiverInit::default()).unwrap();
    let track = b.add_track(MediaKind::Audio, Vec::new()).unwrap();
    // It has nothing to send yet, so `add_track` used the transceiver that was there.
    assert_eq!(track, own);
    let track = b.add_track(MediaKind::Audio, Vec::new()).unwrap();
    let late = b.add_track(MediaKind::Audio, Vec::new()).unwrap();
    negotiate(&mut a, &mut b);
    let mid = |id| b.transceiver(id).unwrap().mid().map(|mid| mid.as_str().to_owned());
    assert_eq!(mid(own), None);
    assert_eq!(mid(track).as_deref(), Some("0"));
    // The second section is sendonly, where there is nothing to send a track on.
    assert_eq!(mid(late), None);
    assert_eq!(b.transceivers().count(), 4);
    assert!(b.negotiation_needed());
}

#[test]
fn glare_is_solved_by_a_rollback() {
    let (mut a, mut b) = (session(1), session(2));
    a.add_transceiver(MediaKind::Audio, TransceiverInit::default()).unwrap();
    let video = b.add_transceiver(MediaKind::Video, TransceiverInit::default()).unwrap();
    let offer_a = a.create_offer(&transport("alice")).unwrap();
    let offer_b = b.create_offer(&transport("bobb")).unwrap();
    a.set_local_description(DescriptionType::Offer, &offer_a).unwrap();
    b.set_local_description(DescriptionType::Offer, &offer_b).unwrap();
    assert_eq!(b.transceiver(video).unwrap().mid().unwrap().as_str(), "0");
    assert_eq!(b.is_initiator(), Some(true));
    let changes = b.set_remote_description(DescriptionType::Offer, &offer_a).unwrap();
    assert!(changes.rolled_back && changes.added.len() == 1);
    assert_eq!(b.transceiver(video).unwrap().mid(), None);
    assert_eq!(b.is_initiator(), Some(false));
    let answer = answer(&mut b);
    a.set_remote_description(DescriptionType::Answer, &answer).unwrap();
    assert!(b.negotiation_needed());
    let offer = b.create_offer(&transport("bobb")).unwrap();
    assert_eq!(offer.media_len(), 2);
    b.set_local_description(DescriptionType::Offer, &offer).unwrap();
    a.set_remote_description(DescriptionType::Offer, &offer).unwrap();
    assert_eq!(a.transceivers().count(), 2);
}

#[test]
fn rollback_removes_what_the_offer_made() {
    let (mut a, mut b) = (session(1), session(2));
    a.add_transceiver(MediaKind::Audio, TransceiverInit::default()).unwrap();
    a.add_transceiver(MediaKind::Video, TransceiverInit::default()).unwrap();
    let offer = a.create_offer(&transport("alice")).unwrap();
    b.set_remote_description(DescriptionType::Offer, &offer).unwrap();
    let kept = b.add_track(MediaKind::Video, Vec::new()).unwrap();
    let changes = b.set_remote_description(DescriptionType::Rollback, &offer).unwrap();
    assert_eq!((changes.removed.len(), ids(&b).as_slice()), (1, [kept].as_slice()));
    assert_eq!(b.signaling_state(), SignalingState::Stable);
    assert!(b.remote_description().is_none() && b.remote_transport().is_none());
    // The next offer of the peer takes it, as a track waits on it.
    b.set_remote_description(DescriptionType::Offer, &offer).unwrap();
    assert_eq!(b.transceiver(kept).unwrap().mid().unwrap().as_str(), "1");
    answer(&mut b);
    assert_eq!(b.transceiver(kept).unwrap().current_direction(), Some(Direction::SendRecv));
}

#[test]
fn dtls_inside_stun_is_agreed_on_by_both_or_not_at_all() {
    for (alice, bob) in [(true, true), (true, false), (false, true), (false, false)] {
        let (mut a, mut b) = (session(1), session(2));
        a.add_transceiver(MediaKind::Audio, TransceiverInit::default()).unwrap();
        let local = LocalTransport { sped: alice, ..transport("alice") };
        let offer = a.create_offer(&local).unwrap();
        a.set_local_description(DescriptionType::Offer, &offer).unwrap();
        b.set_remote_description(DescriptionType::Offer, &offer).unwrap();
        assert_eq!(b.remote_transport().unwrap().sped, alice);
        let local = LocalTransport { sped: bob, ..transport("bobb") };
        let answer = b.create_answer(&local).unwrap();
        b.set_local_description(DescriptionType::Answer, &answer).unwrap();
        a.set_remote_description(DescriptionType::Answer, &answer).unwrap();
        assert_eq!(a.remote_transport().unwrap().sped, alice && bob);
        for (description, has) in [(&offer, alice), (&answer, alice && bob)] {
            let options = section(description, 0).ice_options().unwrap();
            for option in ["sped", "googspedv1"] {
                assert_eq!(options.has(option), has, "{description}");
            }
            assert!(options.has("trickle"));
        }
    }
}

#[test]
fn numbered_nominations_are_agreed_on_by_both_or_not_at_all() {
    for (alice, bob) in [(true, true), (true, false), (false, true), (false, false)] {
        let (mut a, mut b) = (session(1), session(2));
        a.enable_data();
        let local = LocalTransport { renomination: alice, ..transport("alice") };
        let offer = a.create_offer(&local).unwrap();
        a.set_local_description(DescriptionType::Offer, &offer).unwrap();
        b.set_remote_description(DescriptionType::Offer, &offer).unwrap();
        let local = LocalTransport { renomination: bob, ..transport("bobb") };
        let answer = b.create_answer(&local).unwrap();
        b.set_local_description(DescriptionType::Answer, &answer).unwrap();
        a.set_remote_description(DescriptionType::Answer, &answer).unwrap();
        let (of_alice, of_bob) = (b.remote_transport().unwrap(), a.remote_transport().unwrap());
        assert_eq!((of_alice.renomination, of_bob.renomination), (alice, alice && bob));
        assert!(of_alice.trickle && of_alice.ice2 && of_bob.trickle && of_bob.ice2);
    }
}

#[test]
fn options_of_peers_that_know_less() {
    for (line, trickle, ice2) in [
        ("", false, false),
        ("a=ice-options:ice2\r\n", false, true),
        ("a=ice-options:trickle\r\n", true, false),
    ] {
        let (mut a, mut b) = (session(1), session(2));
        a.enable_data();
        let offer = a.create_offer(&transport("alice")).unwrap().to_string();
        let offer = offer.replace("a=ice-options:trickle ice2\r\n", line);
        b.set_remote_description(DescriptionType::Offer, &offer.parse().unwrap()).unwrap();
        let remote = b.remote_transport().unwrap();
        assert_eq!((remote.trickle, remote.ice2), (trickle, ice2), "{line}");
    }
}

#[test]
fn candidates_trickle() {
    let (mut a, mut b) = (session(1), session(2));
    a.enable_data();
    a.add_transceiver(MediaKind::Audio, TransceiverInit::default()).unwrap();
    let target = CandidateTarget { mid: Some("0"), ..Default::default() };
    assert_eq!(b.add_remote_candidate(target, candidate(1)), Err(CandidateError::NoRemoteDescription));
    negotiate(&mut a, &mut b);
    assert_eq!(b.add_remote_candidate(target, candidate(1)), Ok(true));
    assert_eq!(b.add_remote_candidate(target, candidate(1)), Ok(false));
    let by_index = CandidateTarget { index: Some(0), ufrag: Some("alice"), ..Default::default() };
    assert_eq!(b.add_remote_candidate(by_index, candidate(2)), Ok(true));
    let other_section = CandidateTarget { mid: Some("1"), ..Default::default() };
    assert_eq!(b.add_remote_candidate(other_section, candidate(3)), Ok(false));
    for (target, error) in [
        (
            CandidateTarget { mid: Some("x"), index: Some(0), ..Default::default() },
            CandidateError::UnknownSection,
        ),
        (CandidateTarget { index: Some(2), ..Default::default() }, CandidateError::UnknownSection),
        (CandidateTarget::default(), CandidateError::UnknownSection),
        (
            CandidateTarget { mid: Some("0"), ufrag: Some("nobody"), index: None },
            CandidateError::UnknownUfrag,
        ),
    ] {
        assert_eq!(b.add_remote_candidate(target, candidate(9)), Err(error));
    }
    let rtcp: Candidate = "1 2 udp 1 192.0.2.1 9 typ host".parse().unwrap();
    assert_eq!(b.add_remote_candidate(target, rtcp), Ok(false));
    assert_eq!(b.end_remote_candidates(CandidateTarget::default()), Ok(true));
    assert_eq!(b.end_remote_candidates(target), Ok(false));
    assert_eq!(b.add_remote_candidate(target, candidate(4)), Err(CandidateError::Ended));
    assert_eq!(b.remote_transport().unwrap().candidates.len(), 2);
    let lines = section(b.remote_description().unwrap(), 0).candidates().count();
    assert_eq!(lines, 2);
    for port in 1..200 {
        let _ = a.add_remote_candidate(target, candidate(port));
    }
    assert_eq!(a.remote_transport().unwrap().candidates.len(), 100);

    assert_eq!(a.add_local_candidate(&candidate(7)), Ok(true));
    assert!(a.end_local_candidates() && !a.end_local_candidates());
    let local = section(a.local_description().unwrap(), 0);
    assert!(local.candidates().count() == 1 && local.has("end-of-candidates"));
}

#[test]
fn an_ice_restart_is_seen() {
    let (mut a, mut b) = (session(1), session(2));
    a.enable_data();
    negotiate(&mut a, &mut b);
    b.add_remote_candidate(CandidateTarget { index: Some(0), ..Default::default() }, candidate(1)).unwrap();
    a.restart_ice();
    assert!(a.negotiation_needed());
    let offer = a.create_offer(&transport("alice2")).unwrap();
    a.set_local_description(DescriptionType::Offer, &offer).unwrap();
    let changes = b.set_remote_description(DescriptionType::Offer, &offer).unwrap();
    assert!(changes.ice_restart);
    assert!(b.remote_transport().unwrap().candidates.is_empty());
    let old = CandidateTarget { index: Some(0), ufrag: Some("alice"), ..Default::default() };
    assert_eq!(b.add_remote_candidate(old, candidate(2)), Ok(false));
    let answer = b.create_answer(&transport("bobb2")).unwrap();
    b.set_local_description(DescriptionType::Answer, &answer).unwrap();
    assert!(a.set_remote_description(DescriptionType::Answer, &answer).unwrap().ice_restart);
    assert!(!a.negotiation_needed());
}

#[test]
fn the_default_candidate_is_written() {
    let mut a = session(1);
    a.enable_data();
    let local =
        LocalTransport { candidates: vec![candidate(5000)], end_of_candidates: true, ..transport("alice") };
    let offer = a.create_offer(&local).unwrap();
    let data = section(&offer, 0);
    assert_eq!(data.media_line().port(), 5000);
    assert_eq!(data.connection().unwrap().ip().unwrap().to_string(), "192.0.2.1");
    assert!(data.has("end-of-candidates"));
    let offer = a.create_offer(&transport("alice")).unwrap();
    assert_eq!(
        (section(&offer, 0).media_line().port(), section(&offer, 0).has("end-of-candidates")),
        (9, false)
    );
}

#[test]
fn an_asymmetric_answer_sends_with_its_own_numbers() {
    let (mut a, mut b) = (session(1), session(2));
    let audio = a.add_transceiver(MediaKind::Audio, TransceiverInit::default()).unwrap();
    let offer = a.create_offer(&transport("alice")).unwrap();
    a.set_local_description(DescriptionType::Offer, &offer).unwrap();
    b.set_remote_description(DescriptionType::Offer, &offer).unwrap();
    let answer = answer(&mut b).as_str().replace("111", "120").parse().unwrap();
    a.set_remote_description(DescriptionType::Answer, &answer).unwrap();
    let codec = &a.transceiver(audio).unwrap().negotiated().unwrap().codecs[0];
    assert_eq!((codec.payload_type.value(), codec.send_payload_type.value()), (111, 120));
}

#[test]
fn commands_in_the_wrong_state() {
    let (mut a, mut b) = (session(1), session(2));
    assert_eq!(a.create_answer(&transport("alice")).unwrap_err(), CreateError::State(SignalingState::Stable));
    a.enable_data();
    let offer = a.create_offer(&transport("alice")).unwrap();
    let other = a.create_offer(&transport("alice3")).unwrap();
    let error = a.set_local_description(DescriptionType::Offer, &offer).unwrap_err();
    assert_eq!(error, LocalDescriptionError::Modified);
    a.set_local_description(DescriptionType::Offer, &other).unwrap();
    let state = SignalingState::HaveLocalOffer;
    assert_eq!(
        a.set_local_description(DescriptionType::Answer, &other).unwrap_err(),
        LocalDescriptionError::State(state, DescriptionType::Answer)
    );
    assert_eq!(
        a.set_remote_description(DescriptionType::Pranswer, &other).unwrap_err(),
        RemoteError::Unsupported(DescriptionType::Pranswer)
    );
    assert_eq!(
        b.set_remote_description(DescriptionType::Answer, &other).unwrap_err(),
        RemoteError::State(SignalingState::Stable, DescriptionType::Answer)
    );
    let bad = LocalTransport { ice_ufrag: "x y".to_owned(), ..transport("alice") };
    assert!(matches!(a.create_offer(&bad), Err(CreateError::Invalid(_))));
    assert!(a.add_track(MediaKind::Audio, vec!["a\r\nb".to_owned()]).is_err());
    a.close();
    assert_eq!(a.signaling_state(), SignalingState::Closed);
    assert!(a.create_offer(&transport("alice")).is_err());
    assert!(a.add_transceiver(MediaKind::Audio, TransceiverInit::default()).is_err());
    assert!(!a.negotiation_needed());
}
