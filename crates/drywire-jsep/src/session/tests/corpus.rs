//! Every offer of the corpus is answered.

use super::*;

fn offers() -> Vec<(String, SessionDescription)> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/sdp");
    let mut offers: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sdp"))
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), path))
        .filter(|(name, _)| name.contains("offer") || name.contains("draft-example"))
        .map(|(name, path)| (name, std::fs::read_to_string(path).unwrap().parse().unwrap()))
        .collect();
    offers.sort_by(|a: &(String, SessionDescription), b| a.0.cmp(&b.0));
    assert!(offers.len() > 14);
    offers
}

#[test]
fn every_offer_is_answered() {
    for (name, offer) in offers() {
        let mut session = session(1);
        let changes = session
            .set_remote_description(DescriptionType::Offer, &offer)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        for id in changes.added {
            session.set_direction(id, Direction::SendRecv).unwrap();
        }
        let answer = answer(&mut session);
        assert_eq!(answer.media_len(), offer.media_len(), "{name}");
        for (offered, answered) in offer.media_sections().zip(answer.media_sections()) {
            let place = format!("{name} section {}", offered.index());
            assert_eq!(offered.mid(), answered.mid(), "{place}");
            assert_eq!(offered.media_line().protocol(), answered.media_line().protocol(), "{place}");
            assert_eq!(offered.is_rejected(), answered.is_rejected(), "{place}");
            if answered.is_rejected() {
                continue;
            }
            assert_eq!(answered.direction(), offered.direction().reversed(), "{place}");
            assert_eq!(answered.setup(), Some(drywire_sdp::Setup::Active), "{place}");
            assert_eq!(answered.has("rtcp-mux"), answered.media_line().is_rtp(), "{place}");
            for payload_type in answered.media_line().payload_types() {
                assert!(offered.media_line().payload_types().any(|pt| pt == payload_type), "{place}");
                let map = |section: MediaSection<'_>| {
                    let text = |map: drywire_sdp::Rtpmap<'_>| (map.encoding().to_owned(), map.clock_rate());
                    section
                        .all::<drywire_sdp::Rtpmap<'_>>()
                        .find(|map| map.payload_type() == payload_type)
                        .map(text)
                };
                let (offered, answered) = (map(offered), map(answered));
                assert!(offered.is_none() || offered == answered, "{place}");
            }
            for extmap in answered.all::<drywire_sdp::Extmap<'_>>() {
                let same =
                    |other: drywire_sdp::Extmap<'_>| (other.id(), other.uri()) == (extmap.id(), extmap.uri());
                assert!(offered.all().any(same), "{place}");
            }
            assert!(!answered.has("simulcast") && !answered.has("rid"), "{place}");
        }
        let remote = session.remote_transport().unwrap();
        assert_eq!(Some(remote.ice_ufrag.as_str()), section(&offer, 0).ice_ufrag(), "{name}");
        assert_eq!(remote.dtls_role, Some(crate::DtlsRole::Client));
        assert_eq!(session.is_initiator(), Some(false));
        // And this side can go on from there.
        let offer = session.create_offer(&transport("bobb")).unwrap();
        session.set_local_description(DescriptionType::Offer, &offer).unwrap();
    }
}

/// The answer to Chromium, word by word.
#[test]
fn the_answer_to_chromium() {
    let (_, offer) = offers().into_iter().find(|(name, _)| name == "chromium-156-offer-av-gathered").unwrap();
    let mut session = session(1);
    let changes = session.set_remote_description(DescriptionType::Offer, &offer).unwrap();
    for id in changes.added {
        session.set_direction(id, Direction::SendRecv).unwrap();
    }
    let local = LocalTransport {
        candidates: vec![candidate(5000), candidate(5001)],
        end_of_candidates: true,
        ..transport("bobb")
    };
    let answer = session.create_answer(&local).unwrap();
    session.set_local_description(DescriptionType::Answer, &answer).unwrap();
    let text = answer.as_str().replace('\r', "");
    assert_eq!(text, include_str!("corpus/chromium-answer.txt"));
    let remote = session.remote_transport().unwrap();
    // Those of the tagged section; the ones of the second belong to ports that close.
    assert_eq!(remote.candidates.len(), 4);
    let audio = session.transceivers().next().unwrap();
    assert_eq!(audio.remote().ssrcs, [1_902_890_360]);
    assert_eq!(audio.remote().streams, ["1a7d6cbd-af93-42a5-9903-ed14ec48e61a"]);
    assert_eq!(audio.current_direction(), Some(Direction::SendRecv));
    let video = session.transceivers().nth(1).unwrap();
    // The source of the retransmissions is not counted.
    assert_eq!(video.remote().ssrcs, [2_742_381_482]);
    let h264 = video.negotiated().unwrap().codecs.iter().find(|codec| codec.name == "H264").unwrap();
    assert_eq!((h264.payload_type.value(), h264.feedback.len()), (102, 2));
}

/// A stopped section stays in its place with the port 0, and a recycled one gets a new transceiver.
#[test]
fn stopped_and_recycled_sections() {
    let all = offers();
    let find = |name: &str| all.iter().find(|offer| offer.0 == name).map(|offer| &offer.1).unwrap();
    let mut session = session(1);
    session
        .set_remote_description(DescriptionType::Offer, find("chromium-156-offer-stopped-icerestart"))
        .unwrap();
    let answer = answer(&mut session);
    assert_eq!(section(&answer, 1).media_line().port(), 0);
    assert_eq!(session.transceivers().count(), 1);
    assert_eq!(session.data_section().map(|data| data.mid.as_str()), Some("2"));

    let mut session = super::session(2);
    session.set_remote_description(DescriptionType::Offer, find("firefox-153-offer-mline-recycled")).unwrap();
    let answer = super::answer(&mut session);
    assert!(answer.as_str().contains("a=group:BUNDLE 0 3 2\r\n"));
    assert_eq!(session.data_section().map(|data| data.remote_max_message_size), Some(1_073_741_823));
}
