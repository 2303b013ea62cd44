//! Attacks on what the handshake is built of: fingerprints, key shares, roles.

use std::str::FromStr;
use std::time::Duration;

use drywire::crypto::{Fingerprint, NamedGroup};
use drywire::jsep;
use drywire::sdp::SessionDescription;

use crate::harness::{CONFIG, Manner, Peer, connected, open, pass, text};

fn fingerprint(hash: &str, len: usize) -> String {
    format!("{hash} {}", vec!["AB"; len].join(":"))
}

#[test]
fn c11_fingerprints_are_strong_and_whole() {
    for good in [
        fingerprint("sha-256", 32),
        fingerprint("SHA-256", 32),
        fingerprint("sha-384", 48),
        fingerprint("sha-512", 64),
        fingerprint("sha-256", 32).to_lowercase(),
    ] {
        assert!(Fingerprint::from_str(&good).is_ok(), "{good}");
    }
    for bad in [
        fingerprint("md5", 16),
        fingerprint("sha-1", 20),
        fingerprint("sha-224", 28),
        fingerprint("sha-256", 31),
        fingerprint("sha-256", 33),
        fingerprint("sha-256", 0),
        fingerprint("sha-512", 32),
        fingerprint("sha-256", 32).replacen("AB", "A", 1),
        fingerprint("sha-256", 32).replacen("AB", "+B", 1),
        fingerprint("sha-256", 32).replacen("AB", "GG", 1),
        fingerprint("sha-256", 32).replacen(':', "", 1),
        "sha-256".to_owned(),
        String::new(),
    ] {
        assert!(Fingerprint::from_str(&bad).is_err(), "{bad} was taken");
    }
}

/// An offer with a data section and its answer, as text.
fn negotiated() -> (Peer, String) {
    let now = drywire_sim::origin();
    let mut offerer = Peer::new(&CONFIG, Manner::Keep, 1, [1; 32], now);
    let mut answerer = Peer::new(&CONFIG, Manner::Echo, 2, [2; 32], now);
    open(&mut offerer, now, "data", true);
    let offer = offerer.connection.create_offer(now).expect("an offer");
    offerer.connection.set_local_description(now, jsep::DescriptionType::Offer, &offer).expect("our offer");
    let answer = answerer.connection.accept_offer(now, &offer).expect("an answer");
    (offerer, answer.to_string())
}

fn answered_with(text: &str) -> bool {
    let (mut offerer, _) = negotiated();
    let answer = SessionDescription::from_str(text).expect("a description");
    let now = drywire_sim::origin();
    offerer.connection.set_remote_description(now, jsep::DescriptionType::Answer, &answer).is_ok()
}

#[test]
fn c11_c18_answers_without_a_usable_fingerprint_or_role_are_refused() {
    let (_, answer) = negotiated();
    // The identities of the two runs differ, so that only the changed line decides.
    assert!(answered_with(&answer));
    assert!(answer.contains("a=setup:active\r\n"), "{answer}");
    for (what, bad) in [
        ("actpass in an answer", answer.replace("a=setup:active", "a=setup:actpass")),
        ("holdconn in an answer", answer.replace("a=setup:active", "a=setup:holdconn")),
    ] {
        assert!(!answered_with(&bad), "{what} was taken");
    }
    let lines: Vec<&str> = answer.split_inclusive("\r\n").collect();
    let without: String = lines.iter().filter(|line| !line.starts_with("a=fingerprint")).copied().collect();
    assert!(!answered_with(&without), "no fingerprint was taken");
    // One that is cut short, one of a weak hash function, one of the other's length: nothing that could be checked.
    let whole = lines.iter().find(|line| line.starts_with("a=fingerprint")).expect("a fingerprint");
    let digits = whole.trim_end().strip_prefix("a=fingerprint:sha-256 ").expect("SHA-256");
    for bad in [
        format!("a=fingerprint:sha-256 {}\r\n", &digits[..digits.len() - 3]),
        format!("a=fingerprint:sha-1 {}\r\n", &digits[..59]),
        format!("a=fingerprint:sha-512 {digits}\r\n"),
        "a=fingerprint:sha-256\r\n".to_owned(),
    ] {
        let changed = answer.replace(whole, &bad);
        assert!(
            SessionDescription::from_str(&changed).is_err() || !answered_with(&changed),
            "{bad} was taken"
        );
    }
}

/// Who is told its role takes the other one; roles that are none are no offer.
#[test]
fn c18_offers_decide_the_role_once() {
    let now = drywire_sim::origin();
    let mut offerer = Peer::new(&CONFIG, Manner::Keep, 1, [3; 32], now);
    open(&mut offerer, now, "data", true);
    let offer = offerer.connection.create_offer(now).expect("an offer").to_string();
    assert!(offer.contains("a=setup:actpass\r\n"), "{offer}");
    for (theirs, ours) in [
        ("actpass", Some("active")),
        ("active", Some("passive")),
        ("passive", Some("active")),
        ("holdconn", None),
        ("both", None),
    ] {
        let changed = offer.replace("a=setup:actpass", &format!("a=setup:{theirs}"));
        let mut answerer = Peer::new(&CONFIG, Manner::Echo, 2, [4; 32], now);
        let answer = SessionDescription::from_str(&changed)
            .ok()
            .and_then(|changed| answerer.connection.accept_offer(now, &changed).ok())
            .map(|answer| answer.to_string());
        match (ours, answer) {
            (Some(ours), Some(answer)) => {
                assert!(answer.contains(&format!("a=setup:{ours}\r\n")), "{answer}")
            }
            (None, None) => {}
            (_, answer) => panic!("{theirs}: {answer:?}"),
        }
    }
}

#[test]
fn c18_roles_do_not_flip_in_a_running_session() {
    let now = drywire_sim::origin();
    let (mut network, offerer, answerer, id) =
        crate::harness::call(18, |peer, now| open(peer, now, "data", true));
    connected(&mut network, offerer);
    let at = now + Duration::from_secs(20);
    let offer = network[offerer].connection.create_offer(at).expect("an offer");
    network[offerer]
        .connection
        .set_local_description(at, jsep::DescriptionType::Offer, &offer)
        .expect("ours");
    let answer = network[answerer].connection.accept_offer(at, &offer).expect("an answer").to_string();
    let flipped = answer.replace("a=setup:active", "a=setup:passive");
    assert_ne!(flipped, answer);
    let flipped = SessionDescription::from_str(&flipped).expect("a description");
    // Chromium writes the other role in some later answers and goes on in the old one: so refused or not, it stays.
    let _ = network[offerer].connection.set_remote_description(at, jsep::DescriptionType::Answer, &flipped);
    let now = network.now();
    network[offerer].send(now, id, text("still the same session"));
    pass(&mut network, Duration::from_secs(30));
    assert!(network[offerer].is_connected() && network[answerer].is_connected());

    // An offer that names the other role is refused: it would be a new session.
    let offer = network[offerer].connection.create_offer(at).expect("an offer").to_string();
    let flipped = SessionDescription::from_str(&offer.replace("a=setup:actpass", "a=setup:passive"));
    let flipped = flipped.expect("a description");
    let echo = &mut network[answerer].connection;
    let active = echo.set_remote_description(at, jsep::DescriptionType::Offer, &flipped).is_ok();
    let flipped = SessionDescription::from_str(&offer.replace("a=setup:actpass", "a=setup:active"));
    let flipped = flipped.expect("a description");
    let passive = echo.set_remote_description(at, jsep::DescriptionType::Offer, &flipped).is_ok();
    assert!(active != passive, "one of them is the role that it has, the other one is not");
}

#[test]
fn c13_invalid_key_shares_give_no_secret() {
    let provider = drywire::default_provider();
    let mut bad: Vec<(NamedGroup, Vec<u8>)> = Vec::new();
    // Points of small order on Curve25519 (RFC 7748, section 6.1: the result is all zeros).
    let order_8 = [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda,
        0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
    ];
    let mut one = vec![0; 32];
    one[0] = 1;
    for point in [vec![0; 32], one, order_8.to_vec(), Vec::new(), vec![9; 31], vec![9; 33]] {
        bad.push((NamedGroup::X25519, point));
    }
    // On P-256: infinity, a point that is not on the curve, a compressed one, wrong lengths.
    let mut off_curve = vec![4];
    off_curve.extend_from_slice(&[1; 64]);
    let mut compressed = vec![2];
    compressed.extend_from_slice(&[1; 32]);
    for point in [vec![0], off_curve, compressed, Vec::new(), vec![4; 64], vec![4; 66]] {
        bad.push((NamedGroup::Secp256r1, point));
    }
    // ML-KEM-768: coefficients above the modulus (FIPS 203, section 7.2), and wrong lengths.
    for share in [vec![0xff; 1184 + 32], vec![1; 1184], Vec::new()] {
        bad.push((NamedGroup::X25519MlKem768, share));
    }
    for (group, share) in bad {
        let answered = provider.answer_key_exchange(group, &share, &mut Vec::new());
        assert!(answered.is_err(), "{group:?}: the server took {share:02x?}");
        let pending = provider.start_key_exchange(group).expect("a key share");
        assert!(pending.complete(group, &share).is_err(), "{group:?}: the client took {share:02x?}");
    }
}
