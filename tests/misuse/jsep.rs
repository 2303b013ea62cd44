//! Offer/answer is not a machine on a wire, so it has a driver of its own: two sessions, descriptions that arrive late,
//! twice, damaged or never, and commands at any time.

use std::str::FromStr;

use drywire_core::Rng;
use drywire_jsep::{
    Candidate, CandidateTarget, Config, DescriptionType, Direction, LocalTransport, MediaKind, Session,
    SessionDescription, SignalingState, TransceiverInit,
};

const KINDS: [DescriptionType; 4] =
    [DescriptionType::Offer, DescriptionType::Answer, DescriptionType::Pranswer, DescriptionType::Rollback];

struct Jsep {
    sides: [Session; 2],
    /// What each side has sent and the other one was not given yet; and all there ever was.
    waiting: [Vec<(DescriptionType, String)>; 2],
    seen: Vec<(DescriptionType, String)>,
    rng: Rng,
    answered: u32,
}

fn transport(ufrag: &str) -> LocalTransport {
    LocalTransport {
        ice_ufrag: ufrag.to_owned(),
        // A restart changes both (RFC 8839, section 4.4.1.1.1).
        ice_pwd: ufrag.repeat(6),
        fingerprints: vec!["sha-256 6A:CA".to_owned()],
        ..LocalTransport::default()
    }
}

impl Jsep {
    fn new(seed: u64) -> Self {
        let mut bytes = [3; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        let mut rng = Rng::new(bytes);
        let sides =
            [Session::new(Config::default(), rng.seed()), Session::new(Config::default(), rng.seed())];
        Self { sides, waiting: [Vec::new(), Vec::new()], seen: Vec::new(), rng, answered: 0 }
    }

    fn step(&mut self) {
        let side = usize::from(self.rng.below(2) == 0);
        match self.rng.below(12) {
            0 => self.offer(side),
            1 | 2 => self.answer(side),
            3..=6 => {
                if !self.waiting[1 - side].is_empty() {
                    let (kind, text) = self.waiting[1 - side].remove(0);
                    self.remote(side, kind, &text);
                }
            }
            7 => self.damaged(side),
            8 => {
                let kind = KINDS[usize::try_from(self.rng.below(4)).unwrap()];
                if let Some((_, text)) = self.any() {
                    self.local(side, kind, &text);
                }
            }
            _ => self.command(side),
        }
    }

    fn any(&mut self) -> Option<(DescriptionType, String)> {
        let count = u32::try_from(self.seen.len()).unwrap();
        (count > 0).then(|| self.seen[usize::try_from(self.rng.below(count)).unwrap()].clone())
    }

    fn send(&mut self, side: usize, kind: DescriptionType, text: String) {
        if self.seen.len() < 40 {
            self.seen.push((kind, text.clone()));
        }
        self.waiting[side].push((kind, text));
    }

    fn offer(&mut self, side: usize) {
        let ufrag = if self.rng.below(6) == 0 { "efgh" } else { "abcd" };
        let Ok(offer) = self.sides[side].create_offer(&transport(ufrag)) else { return };
        if self.sides[side].set_local_description(DescriptionType::Offer, &offer).is_ok() {
            self.send(side, DescriptionType::Offer, offer.to_string());
        }
    }

    fn answer(&mut self, side: usize) {
        let Ok(answer) = self.sides[side].create_answer(&transport("ijkl")) else { return };
        if self.sides[side].set_local_description(DescriptionType::Answer, &answer).is_ok() {
            self.answered += 1;
            self.send(side, DescriptionType::Answer, answer.to_string());
        }
    }

    fn damaged(&mut self, side: usize) {
        let Some((kind, text)) = self.any() else { return };
        let mut lines: Vec<&str> = text.split_inclusive("\r\n").collect();
        let count = u32::try_from(lines.len()).unwrap();
        for _ in 0..=self.rng.below(3) {
            let (a, b) = (self.rng.below(count), self.rng.below(count));
            let (a, b) = (usize::try_from(a).unwrap(), usize::try_from(b).unwrap());
            match self.rng.below(3) {
                0 => lines[a] = "",
                1 => lines[a] = lines[b],
                _ => lines.swap(a, b),
            }
        }
        let kind =
            if self.rng.below(4) == 0 { KINDS[usize::try_from(self.rng.below(4)).unwrap()] } else { kind };
        let text = lines.concat();
        self.remote(side, kind, &text);
    }

    fn remote(&mut self, side: usize, kind: DescriptionType, text: &str) {
        let Ok(description) = SessionDescription::from_str(text) else { return };
        let session = &mut self.sides[side];
        let before = format!("{session:?}");
        if session.set_remote_description(kind, &description).is_err() {
            assert_eq!(before, format!("{session:?}"), "a refused description changed something:\n{text}");
        }
    }

    fn local(&mut self, side: usize, kind: DescriptionType, text: &str) {
        let Ok(description) = SessionDescription::from_str(text) else { return };
        let session = &mut self.sides[side];
        let before = session.signaling_state();
        if session.set_local_description(kind, &description).is_err() {
            assert_eq!(before, session.signaling_state());
        }
    }

    fn command(&mut self, side: usize) {
        let session = &mut self.sides[side];
        let ids: Vec<_> = session.transceivers().map(|transceiver| transceiver.id()).collect();
        let id = ids.get(usize::try_from(self.rng.below(8)).unwrap()).copied();
        let kind = if self.rng.below(2) == 0 { MediaKind::Audio } else { MediaKind::Video };
        match self.rng.below(12) {
            0 => {
                let _ = session.add_transceiver(kind, TransceiverInit::default());
            }
            1 => {
                let _ = session.add_track(kind, vec!["stream".to_owned()]);
            }
            2 => {
                let broken =
                    TransceiverInit { streams: vec!["a\r\nb=c".to_owned()], ..TransceiverInit::default() };
                assert!(session.add_transceiver(kind, broken).is_err(), "a line break in a name");
            }
            3 => session.enable_data(),
            4 => session.restart_ice(),
            5 => {
                session.rollback();
            }
            6 => {
                let target = CandidateTarget { mid: Some("0"), ..CandidateTarget::default() };
                let candidate = Candidate::from_str("1 1 udp 1 192.0.2.1 9 typ host").unwrap();
                let _ = session.add_remote_candidate(target, candidate);
            }
            7 => {
                let _ = session.end_remote_candidates(CandidateTarget::default());
            }
            _ => {
                let Some(id) = id else { return };
                let _ = match self.rng.below(4) {
                    0 => session.set_direction(id, Direction::SendRecv),
                    1 => session.set_direction(id, Direction::Inactive),
                    2 => session.remove_track(id),
                    _ => session.stop_transceiver(id),
                };
            }
        }
        assert!(session.transceivers().count() <= 4_096);
    }
}

#[test]
fn any_order_of_calls() {
    let mut answered = 0;
    let seeds = crate::seeds(60);
    let count = seeds.end;
    for seed in seeds {
        println!("seed {seed}");
        let mut jsep = Jsep::new(seed);
        for _ in 0..150 {
            jsep.step();
        }
        answered += u64::from(jsep.answered > 0);
    }
    assert!(answered * 2 > count, "only {answered} of {count} runs got to an answer");
}

/// Whatever happened before: from a stable state on both sides an offer and its answer go through.
#[test]
fn a_session_can_always_go_on() {
    for seed in crate::seeds(40) {
        println!("seed {seed}");
        let mut jsep = Jsep::new(seed);
        for _ in 0..100 {
            let side = usize::from(jsep.rng.below(2) == 0);
            let quiet = jsep.waiting.iter().all(Vec::is_empty)
                && jsep.sides.iter().all(|side| side.signaling_state() == SignalingState::Stable);
            match jsep.rng.below(8) {
                // Undamaged and in order, with commands in between.
                0 if quiet => jsep.offer(side),
                1..=3 if !jsep.waiting[1 - side].is_empty() => {
                    let (kind, text) = jsep.waiting[1 - side].remove(0);
                    let description = SessionDescription::from_str(&text).unwrap();
                    let applied = jsep.sides[side].set_remote_description(kind, &description);
                    assert!(applied.is_ok(), "{kind:?} refused: {applied:?}\n{text}");
                }
                4 | 5 => jsep.answer(side),
                _ if quiet => jsep.command(side),
                _ => {}
            }
        }
        assert!(jsep.answered > 0);
    }
}
