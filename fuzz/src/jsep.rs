//! Offer/answer: an offer of a peer is refused without a trace or answered, and what this side writes holds together.

use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use drywire_jsep::{
    Config, DescriptionType, Direction, LocalTransport, Session, SessionDescription, SignalingState,
};

static CONFIG: LazyLock<Arc<Config>> = LazyLock::new(|| Arc::new(Config::default()));

/// One or more descriptions, with a line of `---` between them: an offer, and what the peer sends next.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut session = Session::new(Arc::clone(&CONFIG), [7; 32]);
    for part in text.split("---\n").take(4) {
        let Ok(description) = SessionDescription::from_str(part) else { continue };
        offered(&mut session, &description);
        answered(&mut session, &description);
    }
}

fn transport() -> LocalTransport {
    LocalTransport {
        ice_ufrag: "abcd".to_owned(),
        ice_pwd: "abcdefghijklmnopqrstuvwx".to_owned(),
        fingerprints: vec!["sha-256 6A:CA".to_owned()],
        ..LocalTransport::default()
    }
}

/// The peer offers.
fn offered(session: &mut Session, offer: &SessionDescription) {
    let before = format!("{session:?}");
    let changes = match session.set_remote_description(DescriptionType::Offer, offer) {
        Ok(changes) => changes,
        Err(_) => {
            assert_eq!(before, format!("{session:?}"), "a refused offer changed something");
            return;
        }
    };
    for id in changes.added {
        session.set_direction(id, Direction::SendRecv).expect("a new transceiver runs");
    }
    let answer = session.create_answer(&transport()).expect("an accepted offer can be answered");
    session.set_local_description(DescriptionType::Answer, &answer).expect("the answer that was created");
    assert_eq!(session.signaling_state(), SignalingState::Stable);
    assert_eq!(answer.media_len(), offer.media_len());
    for (offered, answered) in offer.media_sections().zip(answer.media_sections()) {
        assert_eq!(offered.mid(), answered.mid());
        assert_eq!(offered.media_line().media(), answered.media_line().media());
        assert!(!offered.is_rejected() || answered.is_rejected(), "a rejected section came back to life");
        if !answered.is_rejected() {
            let all = offered.media_line().payload_types().collect::<Vec<_>>();
            assert!(answered.media_line().payload_types().all(|payload_type| all.contains(&payload_type)));
        }
    }
    parses(&answer);
}

/// This side offers, and the peer answers with the description, fitting or not.
fn answered(session: &mut Session, answer: &SessionDescription) {
    session.enable_data();
    let offer = session.create_offer(&transport()).expect("a stable session can offer");
    parses(&offer);
    session.set_local_description(DescriptionType::Offer, &offer).expect("the offer that was created");
    if session.set_remote_description(DescriptionType::Answer, answer).is_err() {
        session.rollback();
    }
    assert_eq!(session.signaling_state(), SignalingState::Stable);
}

fn parses(description: &SessionDescription) {
    assert_eq!(SessionDescription::from_str(description.as_str()).as_ref(), Ok(description));
}
