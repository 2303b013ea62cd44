//! Attacks by session descriptions and candidates: what a hostile peer or a broken signalling server sends.

use std::fmt::Write as _;
use std::str::FromStr;

use drywire::sdp::{Candidate, SessionDescription};
use drywire::{PeerConnection, jsep};

use crate::harness::{CONFIG, Manner, Peer, open};

/// An offer as a browser makes it, with audio, video and data.
fn offer() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/sdp/chromium-156-offer-av-gathered.sdp");
    std::fs::read_to_string(path).expect("an offer of a browser")
}

fn peer() -> PeerConnection {
    Peer::new(&CONFIG, Manner::Keep, 1, [1; 32], drywire_sim::origin()).connection
}

/// What becomes of a description as an offer: `None` when it is not even one.
fn offered(text: &str) -> Option<Result<(), drywire::NegotiationError>> {
    let description = SessionDescription::from_str(text).ok()?;
    Some(peer().set_remote_description(drywire_sim::origin(), jsep::DescriptionType::Offer, &description))
}

fn is_refused(text: &str) -> bool {
    !matches!(offered(text), Some(Ok(())))
}

#[test]
fn the_offer_that_is_attacked_is_taken() {
    assert!(!is_refused(&offer()));
}

#[test]
fn f01_bombs_cost_no_more_than_their_size() {
    let base = offer();
    let line = format!("{base}a=bomb:{}\r\n", "x".repeat(1 << 20));
    let mut candidates = base.clone();
    let mut extensions = base.clone();
    let mut sections = base.clone();
    for number in 0..20_000_u32 {
        let (a, b) = (number / 250, number % 250);
        let _ = write!(candidates, "a=candidate:{number} 1 udp {number} 10.0.{a}.{b} 9 typ host\r\n");
        let _ = write!(extensions, "a=extmap:{} urn:bomb:{number}\r\n", number % 14 + 1);
        let _ = write!(sections, "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:bomb{number}\r\n");
    }
    for bomb in [line, candidates, extensions, sections] {
        let info = allocation_counter::measure(|| {
            let _ = SessionDescription::from_str(&bomb).map(|description| description.media_len());
        });
        let limit = 4 * u64::try_from(bomb.len()).unwrap();
        assert!(info.bytes_max <= limit, "{} bytes to read {} bytes", info.bytes_max, bomb.len());
        let mut peer = peer();
        if let Ok(description) = SessionDescription::from_str(&bomb) {
            let now = drywire_sim::origin();
            let _ = peer.set_remote_description(now, jsep::DescriptionType::Offer, &description);
            assert!(peer.transceivers().count() <= 4_096);
        }
    }
}

#[test]
fn f02_numbers_out_of_range_are_errors() {
    for (from, to) in [
        ("a=rtpmap:111 opus/48000/2", "a=rtpmap:200 opus/48000/2"),
        ("a=rtpmap:111 opus/48000/2", "a=rtpmap:111 opus/0/2"),
        ("a=rtpmap:111 opus/48000/2", "a=rtpmap:111 opus/99999999999/2"),
        ("a=rtpmap:111 opus/48000/2", "a=rtpmap:-1 opus/48000/2"),
        ("m=audio ", "m=audio 999"),
    ] {
        let text = offer();
        assert!(text.contains(from), "{from}");
        assert!(is_refused(&text.replacen(from, to, 1)), "{to} was taken");
    }
    for candidate in [
        "1 1 udp 1 192.0.2.1 65536 typ host",
        "1 1 udp 4294967296 192.0.2.1 9 typ host",
        "1 0 udp 1 192.0.2.1 9 typ host",
        "1 257 udp 1 192.0.2.1 9 typ host",
        "1 1 udp 1 192.0.2.1 -1 typ host",
        "1 1 udp 1 192.0.2.1 9 typ",
    ] {
        assert!(Candidate::from_str(candidate).is_err(), "{candidate} was taken");
    }
}

#[test]
fn f03_names_make_no_lines() {
    let now = drywire_sim::origin();
    for name in ["a\r\na=ice-lite", "a\na=x", "a\rb", "a\0b"] {
        let mut peer = peer();
        let streams = jsep::TransceiverInit { streams: vec![name.to_owned()], ..Default::default() };
        let track = jsep::TransceiverInit { track: Some(name.to_owned()), ..Default::default() };
        assert!(peer.add_transceiver(now, jsep::MediaKind::Audio, streams).is_err(), "{name:?}");
        assert!(peer.add_transceiver(now, jsep::MediaKind::Audio, track).is_err(), "{name:?}");
        let candidate = format!("candidate:1 1 udp 1 192.0.2.1 9 typ host extension {name}");
        assert!(peer.add_remote_candidate(now, None, &candidate).is_err(), "{name:?}");
    }
    // A label goes into a binary message, not into a line: anything is fine there, and nothing of it is in the offer.
    let mut caller = Peer::new(&CONFIG, Manner::Keep, 1, [1; 32], now);
    open(&mut caller, now, "a\r\na=ice-lite", true);
    let offer = caller.connection.create_offer(now).expect("an offer").to_string();
    assert!(!offer.contains("a=ice-lite"));
}

#[test]
fn f04_inconsistent_sections_are_refused() {
    let text = offer();
    for (what, bad) in [
        ("two sections of one name", text.replacen("a=mid:1\r\n", "a=mid:0\r\n", 1)),
        ("an element of number 0", text.replacen("a=extmap:1 ", "a=extmap:0 ", 1)),
        ("an element of number 256", text.replacen("a=extmap:1 ", "a=extmap:256 ", 1)),
        ("two elements of one number", text.replacen("a=extmap:2 ", "a=extmap:1 ", 1)),
    ] {
        assert_ne!(bad, text, "{what}: the offer has changed its form");
        assert!(is_refused(&bad), "{what}");
    }
    // A bundle of sections that do not exist is as good as none of them.
    let unknown = text.replacen("a=group:BUNDLE 0", "a=group:BUNDLE nobody 0", 1);
    assert_ne!(unknown, text);
    let _ = offered(&unknown);

    // In a later offer sections keep their places.
    let now = drywire_sim::origin();
    let mut peer = peer();
    let first = SessionDescription::from_str(&text).expect("an offer");
    peer.accept_offer(now, &first).expect("an answer");
    let parts: Vec<&str> = text.split("\r\nm=").collect();
    let mut swapped = parts.clone();
    swapped.swap(1, 2);
    let reordered = SessionDescription::from_str(&(swapped.join("\r\nm=").trim_end().to_owned() + "\r\n"));
    if let Ok(reordered) = reordered {
        let refused = peer.set_remote_description(now, jsep::DescriptionType::Offer, &reordered);
        assert!(refused.is_err(), "sections changed their places");
    }
}

#[test]
fn f06_an_answer_without_rtcp_mux_gets_no_media() {
    let text = offer().replace("a=rtcp-mux\r\n", "");
    let description = SessionDescription::from_str(&text).expect("a description");
    // Either the offer is refused as a whole, or its sections are.
    if let Ok(answer) = peer().accept_offer(drywire_sim::origin(), &description) {
        for section in answer.media_sections().filter(|section| section.media_line().is_rtp()) {
            assert_eq!(section.media_line().port(), 0, "a section without rtcp-mux was accepted");
        }
    }
}

#[test]
fn f08_candidates_for_unknown_sections_and_generations_are_ignored() {
    let now = drywire_sim::origin();
    let mut peer = peer();
    let candidate = "candidate:1 1 udp 1 192.0.2.77 9 typ host";
    assert!(peer.add_remote_candidate(now, Some("0"), candidate).is_err(), "before any description");
    let description = SessionDescription::from_str(&offer()).expect("an offer");
    peer.accept_offer(now, &description).expect("an answer");
    assert!(peer.add_remote_candidate(now, Some("no such section"), candidate).is_err());
    let _ = peer.add_remote_candidate(now, Some("0"), &format!("{candidate} ufrag wrong"));
    peer.add_remote_candidate(now, Some("0"), "").expect("the end of candidates");
    assert!(peer.add_remote_candidate(now, Some("0"), candidate).is_err(), "after the end");
    let mut out = Vec::new();
    peer.handle_timeout(now + std::time::Duration::from_secs(1));
    while let Some(transmit) = peer.poll_transmit(now + std::time::Duration::from_secs(1), &mut out) {
        assert_ne!(transmit.path.remote.ip().to_string(), "192.0.2.77", "a check for an ignored candidate");
    }
}

#[test]
fn f05_another_identity_needs_a_restart() {
    let now = drywire_sim::origin();
    let text = offer();
    let first = SessionDescription::from_str(&text).expect("an offer");
    let value = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).expect(name);
        line[name.len()..].to_owned()
    };
    let (ufrag, pwd) = (value("a=ice-ufrag:"), value("a=ice-pwd:"));
    let fingerprint = value("a=fingerprint:sha-256 ");
    let other = fingerprint.chars().rev().collect::<String>();
    let restarted = text.replace(&ufrag, "other").replace(&pwd, "otherotherotherotherother");
    for (what, second, fine) in [
        ("the same again", text.clone(), true),
        ("a restart", restarted.clone(), true),
        ("another name fragment with the old password", text.replace(&ufrag, "other"), false),
        ("another fingerprint without a restart", text.replace(&fingerprint, &other), false),
    ] {
        let mut peer = peer();
        peer.accept_offer(now, &first).expect("an answer");
        let second = SessionDescription::from_str(&second).expect("a description");
        let taken = peer.set_remote_description(now, jsep::DescriptionType::Offer, &second);
        assert_eq!(taken.is_ok(), fine, "{what}: {taken:?}");
    }
}

/// Offer/answer against a model of three states: what is allowed, and where it leads.
#[test]
fn f07_glare_and_stale_descriptions_follow_the_model() {
    use jsep::DescriptionType::{Answer, Offer, Rollback};
    use jsep::SignalingState::{HaveLocalOffer, HaveRemoteOffer, Stable};
    let transport = || jsep::LocalTransport {
        ice_ufrag: "abcd".to_owned(),
        ice_pwd: "abcdefghijklmnopqrstuvwx".to_owned(),
        fingerprints: vec!["sha-256 6A:CA".to_owned()],
        ..Default::default()
    };
    let mut rng = drywire_core::Rng::new([7; 32]);
    for _ in 0..300 {
        let mut session = jsep::Session::new(jsep::Config::default(), rng.seed());
        let mut other = jsep::Session::new(jsep::Config::default(), rng.seed());
        session.enable_data();
        other.enable_data();
        // Peers that do not name their DTLS associations: each of these would be another one (RFC 8842).
        let theirs = unnamed(&other.create_offer(&transport()).expect("an offer"));
        let mut model = Stable;
        for _ in 0..40 {
            let step = rng.below(6);
            let (allowed, next, done) = match step {
                0 => {
                    let offer = session.create_offer(&transport());
                    let set = offer.is_ok_and(|offer| session.set_local_description(Offer, &offer).is_ok());
                    (model != HaveRemoteOffer, HaveLocalOffer, set)
                }
                1 => {
                    let answer = session.create_answer(&transport());
                    let set =
                        answer.is_ok_and(|answer| session.set_local_description(Answer, &answer).is_ok());
                    (model == HaveRemoteOffer, Stable, set)
                }
                // In glare the remote offer wins here: our own is taken back (RFC 9429, section 4.1.8.2).
                2 => {
                    let offer = with_mid_of(&theirs, &session);
                    (true, HaveRemoteOffer, session.set_remote_description(Offer, &offer).is_ok())
                }
                3 => {
                    // An answer to the open offer, or a stale one when there is none.
                    let mut answerer = jsep::Session::new(jsep::Config::default(), rng.seed());
                    let open = session.local_description().filter(|_| model == HaveLocalOffer).cloned();
                    let open = open.unwrap_or_else(|| theirs.clone());
                    answerer.set_remote_description(Offer, &open).expect("our own offer");
                    let answer = unnamed(&answerer.create_answer(&transport()).expect("an answer"));
                    let set = session.set_remote_description(Answer, &answer).is_ok();
                    (model == HaveLocalOffer, Stable, set)
                }
                4 => (model == HaveLocalOffer || model == HaveRemoteOffer, Stable, {
                    session.set_local_description(Rollback, &theirs).is_ok()
                }),
                // The text of an offer as an answer is an answer to nothing that was asked.
                _ => (false, model, session.set_local_description(Answer, &theirs).is_ok()),
            };
            assert_eq!(done, allowed, "step {step} in {model}");
            if allowed {
                model = next;
            }
            assert_eq!(session.signaling_state(), model);
        }
    }
}

/// The description without the name of the DTLS association.
fn unnamed(description: &SessionDescription) -> SessionDescription {
    let text = description.to_string();
    let lines = text.lines().filter(|line| !line.starts_with("a=tls-id:"));
    lines.flat_map(|line| [line, "\r\n"]).collect::<String>().parse().expect("one line less")
}

/// The offer as a peer would make it that has negotiated with `session` before: a section keeps its name.
fn with_mid_of(offer: &SessionDescription, session: &jsep::Session) -> SessionDescription {
    let mid = |description: &SessionDescription| {
        description.media_section(0).and_then(|section| section.mid().map(str::to_owned)).expect("a mid")
    };
    let Some(current) = session.current_local_description() else { return offer.clone() };
    let (old, new) = (mid(offer), mid(current));
    let text = offer.to_string();
    let text = text.replace(&format!("a=mid:{old}\r\n"), &format!("a=mid:{new}\r\n"));
    let text = text.replace(&format!("BUNDLE {old}\r\n"), &format!("BUNDLE {new}\r\n"));
    SessionDescription::from_str(&text).expect("an offer")
}

/// Names that a peer chooses (mids, stream ids, SSRCs, user name fragments) are looked up in trees, in tables of bounded
/// size, or in maps with a keyed hash: no crate brings or makes a hash without a key.
#[test]
fn f12_no_hash_without_a_key() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("crates");
    let mut folders = vec![root];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "toml") {
                files += 1;
                let text = std::fs::read_to_string(&path).expect("a text file");
                // The hasher of TURN, whose two keys come from the machine's seed.
                let text =
                    text.replace("with_hasher(seeded)", "").replace("with_hasher(Seeded::new(rng))", "");
                for name in ["BuildHasherDefault", "with_hasher", "rustc-hash", "fxhash", "nohash", "ahash"] {
                    assert!(!text.contains(name), "{}: {name}", path.display());
                }
            }
        }
    }
    assert!(files > 100);
}
