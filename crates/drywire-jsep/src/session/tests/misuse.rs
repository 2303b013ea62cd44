//! Any call, in any order, on two sessions that hear each other or not.

use proptest::prelude::*;

use super::*;
use crate::CandidateTarget;

#[derive(Debug, Clone)]
enum Op {
    AddTransceiver {
        video: bool,
        direction: u8,
    },
    AddTrack {
        video: bool,
    },
    RemoveTrack(prop::sample::Index),
    Direction(prop::sample::Index, u8),
    Stop(prop::sample::Index),
    Data,
    Restart,
    /// One whole exchange, with a look for glare: both may have an offer open.
    Negotiate,
    /// An offer that is set and never sent, or sent and never answered.
    OfferOnly {
        deliver: bool,
    },
    AnswerOnly,
    Rollback,
    Candidate,
    /// Sets the last description of either side once more, as any type.
    Replay {
        local: bool,
        kind: u8,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        2 => (any::<bool>(), 0u8..4).prop_map(|(video, direction)| Op::AddTransceiver { video, direction }),
        2 => any::<bool>().prop_map(|video| Op::AddTrack { video }),
        1 => index().prop_map(Op::RemoveTrack),
        2 => (index(), 0u8..4).prop_map(|(at, direction)| Op::Direction(at, direction)),
        2 => index().prop_map(Op::Stop),
        1 => Just(Op::Data),
        1 => Just(Op::Restart),
        4 => Just(Op::Negotiate),
        1 => any::<bool>().prop_map(|deliver| Op::OfferOnly { deliver }),
        1 => Just(Op::AnswerOnly),
        1 => Just(Op::Rollback),
        1 => Just(Op::Candidate),
        1 => (any::<bool>(), 0u8..4).prop_map(|(local, kind)| Op::Replay { local, kind }),
    ]
}

fn direction(number: u8) -> Direction {
    Direction::new(number & 1 != 0, number & 2 != 0)
}

struct Peer {
    session: Session,
    name: &'static str,
    restarts: u32,
}

impl Peer {
    fn new(name: &'static str, seed: u8) -> Self {
        Self { session: session(seed), name, restarts: 0 }
    }

    fn transport(&self) -> LocalTransport {
        transport(&format!("{}{}", self.name, self.restarts))
    }

    /// That of an offer: with new credentials if a restart is wanted.
    fn offering(&mut self) -> LocalTransport {
        let current = self.session.current_local_description().and_then(ufrag);
        if self.session.ice_restart_wanted()
            && current.is_some_and(|current| current == self.transport().ice_ufrag)
        {
            self.restarts += 1;
        }
        self.transport()
    }

    fn pick(&self, at: prop::sample::Index) -> Option<TransceiverId> {
        let count = self.session.transceivers().count();
        (count > 0).then(|| self.session.transceivers().nth(at.index(count)).unwrap().id())
    }

    fn apply(&mut self, other: &mut Self, op: Op) {
        let kind = |video| if video { MediaKind::Video } else { MediaKind::Audio };
        match op {
            Op::AddTransceiver { video, direction: number } => {
                let init = TransceiverInit { direction: direction(number), ..Default::default() };
                self.session.add_transceiver(kind(video), init).unwrap();
            }
            Op::AddTrack { video } => _ = self.session.add_track(kind(video), vec!["s".to_owned()]).unwrap(),
            Op::RemoveTrack(at) => _ = self.pick(at).map(|id| self.session.remove_track(id)),
            Op::Direction(at, number) => {
                _ = self.pick(at).map(|id| self.session.set_direction(id, direction(number)))
            }
            Op::Stop(at) => _ = self.pick(at).map(|id| self.session.stop_transceiver(id)),
            Op::Data => self.session.enable_data(),
            Op::Restart => self.session.restart_ice(),
            Op::Negotiate => exchange(self, other),
            Op::OfferOnly { deliver } => {
                let transport = self.offering();
                if let Ok(offer) = self.session.create_offer(&transport) {
                    self.session.set_local_description(DescriptionType::Offer, &offer).unwrap();
                    if deliver {
                        let _ = other.session.set_remote_description(DescriptionType::Offer, &offer);
                    }
                }
            }
            Op::AnswerOnly => _ = self.session.create_answer(&self.transport()),
            Op::Rollback => _ = self.session.rollback(),
            Op::Candidate => {
                let target = CandidateTarget { index: Some(0), ..Default::default() };
                let _ = self.session.add_remote_candidate(target, candidate(7));
            }
            Op::Replay { local, kind } => {
                let kind = [
                    DescriptionType::Offer,
                    DescriptionType::Answer,
                    DescriptionType::Pranswer,
                    DescriptionType::Rollback,
                ][usize::from(kind)];
                let from = if local { &self.session } else { &other.session };
                if let Some(description) = from.local_description().cloned() {
                    if local {
                        let _ = self.session.set_local_description(kind, &description);
                    } else if kind != DescriptionType::Answer {
                        // A stale answer that happens to fit would bring the two apart.
                        let _ = self.session.set_remote_description(kind, &description);
                    }
                }
            }
        }
    }
}

fn ufrag(description: &SessionDescription) -> Option<String> {
    description.media_sections().find_map(|section| section.ice_ufrag().map(str::to_owned))
}

/// A whole exchange. Whatever is open before is taken back on both sides first, as the impolite peer does.
fn exchange(a: &mut Peer, b: &mut Peer) {
    a.session.rollback();
    b.session.rollback();
    let transport = a.offering();
    let offer = a.session.create_offer(&transport).unwrap();
    a.session.set_local_description(DescriptionType::Offer, &offer).unwrap();
    let offer: SessionDescription = offer.as_str().parse().unwrap();
    b.session.set_remote_description(DescriptionType::Offer, &offer).unwrap();
    let answer = b.session.create_answer(&b.transport()).unwrap();
    b.session.set_local_description(DescriptionType::Answer, &answer).unwrap();
    let answer: SessionDescription = answer.as_str().parse().unwrap();
    a.session.set_remote_description(DescriptionType::Answer, &answer).unwrap();
    consistent(&a.session, &b.session);
}

/// Both sides see the same sections, from their side.
fn consistent(a: &Session, b: &Session) {
    assert_eq!((a.signaling_state(), b.signaling_state()), (SignalingState::Stable, SignalingState::Stable));
    let view = |session: &Session, own: bool| {
        let mut view: Vec<_> = session
            .transceivers()
            .filter(|transceiver| transceiver.mid().is_some())
            .map(|transceiver| {
                let current = transceiver.current_direction();
                let codecs = transceiver.negotiated().map(|negotiated| {
                    let number = |codec: &crate::NegotiatedCodec| {
                        let (receive, send) = (codec.payload_type, codec.send_payload_type);
                        (codec.name.clone(), if own { (receive, send) } else { (send, receive) })
                    };
                    negotiated.codecs.iter().map(number).collect::<Vec<_>>()
                });
                (
                    transceiver.media_index(),
                    transceiver.mid().cloned(),
                    transceiver.kind(),
                    transceiver.is_stopped(),
                    if own { current } else { current.map(Direction::reversed) },
                    if transceiver.is_stopped() { None } else { codecs },
                )
            })
            .collect();
        view.sort_by_key(|entry| entry.0);
        view
    };
    // A section that was rejected from the start has a transceiver on the side that offered it only.
    let running = |session, own| view(session, own).into_iter().filter(|entry| !entry.3).collect::<Vec<_>>();
    assert_eq!(running(a, true), running(b, false));
    let mids: Vec<_> = view(a, true).into_iter().filter_map(|entry| entry.1).collect();
    assert_eq!(mids.iter().collect::<std::collections::BTreeSet<_>>().len(), mids.len());
    assert_eq!(a.data_section().map(|data| &data.mid), b.data_section().map(|data| &data.mid));
    assert_eq!(a.dtls_role().is_some(), b.dtls_role().is_some());
    if let (Some(x), Some(y)) = (a.dtls_role(), b.dtls_role()) {
        assert_ne!(x, y);
    }
    if let (Some(x), Some(y)) = (a.is_initiator(), b.is_initiator()) {
        assert_ne!(x, y);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// Attack F07: after any sequence two exchanges leave nothing to negotiate, and both sides agree.
    #[test]
    fn two_sessions_always_find_back(ops in prop::collection::vec((any::<bool>(), op()), 0..24)) {
        let (mut a, mut b) = (Peer::new("alice", 1), Peer::new("bobb", 2));
        for (left, op) in ops {
            if left { a.apply(&mut b, op) } else { b.apply(&mut a, op) }
        }
        exchange(&mut a, &mut b);
        exchange(&mut b, &mut a);
        exchange(&mut a, &mut b);
        prop_assert!(!a.session.negotiation_needed(), "{:?}", a.session);
        prop_assert!(!b.session.negotiation_needed(), "{:?}", b.session);
    }

    /// A changed description of a browser is answered or refused.
    #[test]
    fn changed_offers(
        file in prop::sample::select(vec![
            include_str!("../../../../../tests/data/sdp/chromium-156-offer-av-gathered.sdp"),
            include_str!("../../../../../tests/data/sdp/firefox-153-offer-mline-recycled.sdp"),
            include_str!("../../../../../tests/data/sdp/rfc9429-s7-offer-B2.sdp"),
        ]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), "[ -~]{0,2}|\\r\\nm=video 9 RTP/AVP 0\\r\\n", 0usize..3), 1..5),
        cut in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let mut lines: Vec<&str> = file.lines().collect();
        for at in cut {
            lines.remove(at.index(lines.len()));
        }
        let mut text = lines.join("\r\n") + "\r\n";
        for (at, insert, cut) in changes {
            let at = at.index(text.len());
            text.replace_range(at..(at + cut).min(text.len()), &insert);
        }
        if let Ok(offer) = text.parse::<SessionDescription>() {
            let mut session = session(1);
            if session.set_remote_description(DescriptionType::Offer, &offer).is_ok() {
                let answer = session.create_answer(&transport("bobb")).unwrap();
                session.set_local_description(DescriptionType::Answer, &answer).unwrap();
                prop_assert_eq!(answer.media_len(), offer.media_len());
                let offer = session.create_offer(&transport("bobb")).unwrap();
                session.set_local_description(DescriptionType::Offer, &offer).unwrap();
                let _ = session.set_remote_description(DescriptionType::Answer, &offer);
                let _ = session.set_remote_description(DescriptionType::Answer, &answer);
            }
        }
    }
}
