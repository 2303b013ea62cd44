use drywire_sdp::{Candidate, CandidateKind, Direction, MediaSection, SessionDescription};

use super::*;
use crate::error::{
    CandidateError, CreateError, LocalDescriptionError, RemoteDescriptionError as RemoteError,
};
use crate::{LocalTransport, MediaKind, TransceiverInit};

mod corpus;
mod encryption;
mod misuse;
mod pair;
mod refused;

const PRINT_A: &str = "sha-256 AA:BB:CC";
const PRINT_B: &str = "sha-256 DD:EE:FF";

fn transport(ufrag: &str) -> LocalTransport {
    LocalTransport {
        ice_ufrag: ufrag.to_owned(),
        ice_pwd: format!("password-of-22-characters-{ufrag}").replace('-', "+"),
        fingerprints: vec![if ufrag.starts_with('a') { PRINT_A } else { PRINT_B }.to_owned()],
        ..LocalTransport::default()
    }
}

fn session(seed: u8) -> Session {
    Session::new(Config::default(), [seed; 32])
}

fn section(description: &SessionDescription, index: usize) -> MediaSection<'_> {
    description.media_section(index).unwrap()
}

fn candidate(port: u16) -> Candidate {
    let address = std::net::SocketAddr::from(([192, 0, 2, 1], port));
    Candidate::udp("1", 2_122_194_687, address, CandidateKind::Host, None).unwrap()
}

/// Alice offers and Bob answers; returns offer and answer.
fn negotiate(a: &mut Session, b: &mut Session) -> (SessionDescription, SessionDescription) {
    let offer = a.create_offer(&transport("alice")).unwrap();
    a.set_local_description(DescriptionType::Offer, &offer).unwrap();
    let offer: SessionDescription = offer.as_str().parse().unwrap();
    b.set_remote_description(DescriptionType::Offer, &offer).unwrap();
    let answer = answer(b);
    a.set_remote_description(DescriptionType::Answer, &answer).unwrap();
    assert_eq!((a.signaling_state(), b.signaling_state()), (SignalingState::Stable, SignalingState::Stable));
    (offer, answer)
}

fn answer(b: &mut Session) -> SessionDescription {
    let answer = b.create_answer(&transport("bobb")).unwrap();
    b.set_local_description(DescriptionType::Answer, &answer).unwrap();
    answer.as_str().parse().unwrap()
}

#[test]
fn passwords_are_not_shown() {
    let (mut offerer, mut answerer) = (session(1), session(2));
    offerer.enable_data();
    let local = transport("abcd");
    let offer = offerer.create_offer(&local).unwrap();
    answerer.set_remote_description(DescriptionType::Offer, &offer).unwrap();
    let remote = answerer.remote_transport().unwrap();
    assert!(remote.ice_pwd.starts_with("password"));
    let shown = format!("{local:?} {remote:?} {offer:?} {answerer:?}");
    assert!(shown.contains("abcd") && !shown.contains("password"), "{shown}");
}
