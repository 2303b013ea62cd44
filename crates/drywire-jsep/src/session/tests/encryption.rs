//! Encrypted headers: Cryptex (RFC 9335) and chosen extensions (RFC 6904); and the name of the DTLS association.

use super::*;
use crate::EncryptionPolicy::{self, Negotiate, Off, Require};
use crate::HeaderExtension;

fn with_cryptex(policy: EncryptionPolicy, seed: u8) -> Session {
    Session::new(Config { cryptex: policy, ..Config::default() }, [seed; 32])
}

fn cryptex(session: &Session) -> (bool, bool) {
    (session.outgoing_header_encryption().cryptex, session.incoming_header_encryption().cryptex)
}

fn lines(description: &SessionDescription, line: &str) -> usize {
    description.as_str().lines().filter(|other| *other == line).count()
}

fn with_everything(mut session: Session) -> Session {
    session.add_track(MediaKind::Audio, Vec::new()).unwrap();
    session.add_track(MediaKind::Video, Vec::new()).unwrap();
    session.enable_data();
    session
}

#[test]
fn cryptex_is_used_when_both_sides_want_it() {
    for (offerer, answerer) in [
        (Negotiate, Negotiate),
        (Negotiate, Off),
        (Off, Negotiate),
        (Require, Negotiate),
        (Negotiate, Require),
    ] {
        let (mut a, mut b) = (with_everything(with_cryptex(offerer, 1)), with_cryptex(answerer, 2));
        let (offer, answer) = negotiate(&mut a, &mut b);
        let both = offerer != Off && answerer != Off;
        assert_eq!((cryptex(&a), cryptex(&b)), ((both, offerer != Off), (both, both)));
        // All sections of the bundle have it, or none has; and an answer only if the offer does.
        assert_eq!(lines(&offer, "a=cryptex"), if offerer == Off { 0 } else { 3 });
        assert_eq!(lines(&answer, "a=cryptex"), if both { 3 } else { 0 });
    }
}

#[test]
fn who_requires_cryptex_takes_no_media_without() {
    let (mut a, mut b) = (with_everything(with_cryptex(Off, 1)), with_cryptex(Require, 2));
    let offer = a.create_offer(&transport("alice")).unwrap();
    let set = b.set_remote_description(DescriptionType::Offer, &offer);
    assert_eq!(set, Err(RemoteError::Cryptex(0)));
    assert_eq!(b.signaling_state(), SignalingState::Stable);

    let (mut a, mut b) = (with_everything(with_cryptex(Require, 1)), with_cryptex(Off, 2));
    let offer = a.create_offer(&transport("alice")).unwrap();
    a.set_local_description(DescriptionType::Offer, &offer).unwrap();
    b.set_remote_description(DescriptionType::Offer, &offer).unwrap();
    let answer = answer(&mut b);
    let set = a.set_remote_description(DescriptionType::Answer, &answer);
    assert_eq!(set, Err(RemoteError::Cryptex(0)));

    // Data channels have no such headers.
    let (mut a, mut b) = (with_cryptex(Off, 1), with_cryptex(Require, 2));
    a.enable_data();
    negotiate(&mut a, &mut b);
    assert_eq!(cryptex(&b), (false, false));
}

#[test]
fn cryptex_may_stand_at_the_session_level_but_not_in_some_sections_only() {
    type Change = fn(&str) -> String;
    let changes: [(Change, bool); 4] = [
        (|text: &str| text.replacen("a=cryptex\r\n", "", 1), false),
        (|text: &str| text.replace("a=cryptex\r\n", ""), false),
        (|text: &str| text.replace("a=cryptex\r\n", "").replacen("m=audio", "a=cryptex\r\nm=audio", 1), true),
        // The data section carries no media.
        (
            |text: &str| {
                let (media, data) = text.split_at(text.find("m=application").unwrap());
                format!("{media}{}", data.replace("a=cryptex\r\n", ""))
            },
            true,
        ),
    ];
    for (change, expected) in changes {
        let (mut a, mut b) = (with_everything(with_cryptex(Negotiate, 1)), with_cryptex(Negotiate, 2));
        let offer = a.create_offer(&transport("alice")).unwrap();
        let offer = change(offer.as_str()).parse().unwrap();
        b.set_remote_description(DescriptionType::Offer, &offer).unwrap();
        answer(&mut b);
        assert_eq!(cryptex(&b), (expected, expected), "{offer}");
    }
}

#[test]
fn cryptex_can_come_and_go() {
    let (mut a, mut b) = (with_everything(with_cryptex(Negotiate, 1)), with_cryptex(Negotiate, 2));
    let offer = a.create_offer(&transport("alice")).unwrap();
    assert_eq!(cryptex(&a), (false, false));
    a.set_local_description(DescriptionType::Offer, &offer).unwrap();
    // The peer may send so before its answer arrives.
    assert_eq!(cryptex(&a), (false, true));
    b.set_remote_description(DescriptionType::Offer, &offer).unwrap();
    assert_eq!(cryptex(&b), (false, false));
    let first = answer(&mut b);
    assert_eq!(cryptex(&b), (true, true));
    a.set_remote_description(DescriptionType::Answer, &first).unwrap();
    assert_eq!(cryptex(&a), (true, true));

    // The peer no longer receives it: from its offer on nothing is sent so, and its rollback takes that back.
    let offer = b.create_offer(&transport("bobb")).unwrap();
    let without: SessionDescription = offer.as_str().replace("a=cryptex\r\n", "").parse().unwrap();
    a.set_remote_description(DescriptionType::Offer, &without).unwrap();
    assert_eq!(cryptex(&a), (false, true));
    a.rollback();
    assert_eq!(cryptex(&a), (true, true));
    a.set_remote_description(DescriptionType::Offer, &without).unwrap();
    let answer = a.create_answer(&transport("alice")).unwrap();
    a.set_local_description(DescriptionType::Answer, &answer).unwrap();
    assert_eq!((cryptex(&a), lines(&answer, "a=cryptex")), ((false, false), 0));
}

const LEVEL: &str = HeaderExtension::AUDIO_LEVEL;

fn with_extension(policy: EncryptionPolicy, seed: u8) -> Session {
    let mut level = HeaderExtension::new(LEVEL, true, false);
    level.encryption = policy;
    let plain = HeaderExtension::new(HeaderExtension::MID, true, true);
    let config = Config { header_extensions: vec![level, plain], cryptex: Off, ..Config::default() };
    Session::new(config, [seed; 32])
}

/// What became of the extension: its number, and whether it is encrypted.
fn level(session: &Session) -> Option<(u8, bool)> {
    let transceiver = session.transceivers().next().unwrap();
    let extensions = &transceiver.negotiated().unwrap().extensions;
    let mut found = extensions.iter().filter(|extension| extension.uri == LEVEL);
    let level = found.next().map(|extension| (extension.id, extension.encrypted));
    assert!(found.next().is_none());
    level
}

#[test]
fn an_extension_is_encrypted_when_both_sides_want_it() {
    for (offerer, answerer, expected) in [
        (Off, Off, Some((1, false))),
        (Off, Negotiate, Some((1, false))),
        (Off, Require, None),
        (Negotiate, Off, Some((1, false))),
        (Negotiate, Negotiate, Some((2, true))),
        (Negotiate, Require, Some((2, true))),
        (Require, Off, None),
        (Require, Negotiate, Some((1, true))),
        (Require, Require, Some((1, true))),
    ] {
        let (mut a, mut b) = (with_extension(offerer, 1), with_extension(answerer, 2));
        a.add_track(MediaKind::Audio, Vec::new()).unwrap();
        let (offer, answer) = negotiate(&mut a, &mut b);
        assert_eq!((level(&a), level(&b)), (expected, expected), "{offerer:?} {answerer:?}");
        let ids: Vec<u8> =
            expected.filter(|(_, encrypted)| *encrypted).map(|(id, _)| id).into_iter().collect();
        for session in [&a, &b] {
            assert_eq!(session.outgoing_header_encryption().extensions, ids);
            assert_eq!(session.incoming_header_encryption().extensions, ids);
        }
        let line = |id| format!("a=extmap:{id} urn:ietf:params:rtp-hdrext:encrypt {LEVEL}");
        assert_eq!(lines(&offer, &line(2)) + lines(&offer, &line(1)), usize::from(offerer != Off));
        assert_eq!(lines(&answer, &line(2)) + lines(&answer, &line(1)), ids.len());
        // Later offers keep the numbers.
        let (again, _) = negotiate(&mut a, &mut b);
        assert_eq!(again.as_str(), offer.as_str());
        assert_eq!(level(&b), expected);
    }
}

#[test]
fn encrypted_values_may_come_before_the_answer() {
    let mut a = with_extension(Negotiate, 1);
    a.add_track(MediaKind::Audio, Vec::new()).unwrap();
    let offer = a.create_offer(&transport("alice")).unwrap();
    a.set_local_description(DescriptionType::Offer, &offer).unwrap();
    assert_eq!(a.incoming_header_encryption().extensions, [2]);
    assert!(a.outgoing_header_encryption().extensions.is_empty());
    a.rollback();
    assert!(a.incoming_header_encryption().extensions.is_empty());
}

#[test]
fn a_number_stands_for_an_extension_either_encrypted_or_not() {
    let mut a = with_extension(Negotiate, 1);
    a.add_track(MediaKind::Audio, Vec::new()).unwrap();
    a.add_track(MediaKind::Audio, Vec::new()).unwrap();
    let offer = a.create_offer(&transport("alice")).unwrap();
    // The second section has the two numbers the other way round.
    let at = offer.as_str().rfind("m=audio").unwrap();
    let (first, second) = offer.as_str().split_at(at);
    let second = second.replace("a=extmap:1 ", "a=extmap:x ").replace("a=extmap:2 ", "a=extmap:1 ");
    let swapped: SessionDescription =
        format!("{first}{}", second.replace("a=extmap:x ", "a=extmap:2 ")).parse().unwrap();
    let mut b = with_extension(Negotiate, 2);
    assert!(b.set_remote_description(DescriptionType::Offer, &offer).is_ok());
    let mut b = with_extension(Negotiate, 2);
    let set = b.set_remote_description(DescriptionType::Offer, &swapped);
    assert_eq!(set, Err(RemoteError::ExtensionId(1)));
}

/// RFC 8842, sections 5.2 to 5.5.
#[test]
fn the_association_has_a_name_that_stays() {
    let (mut a, mut b) = (with_everything(session(1)), session(2));
    let (offer, answer) = negotiate(&mut a, &mut b);
    let name =
        |description: &SessionDescription| section(description, 0).tls_id().map(|id| id.as_str().to_owned());
    let (a_name, b_name) = (name(&offer).unwrap(), name(&answer).unwrap());
    assert_ne!(a_name, b_name);
    assert_eq!(b.remote_transport().unwrap().tls_id.as_ref(), Some(&a_name));
    let offer = b.create_offer(&transport("bobb")).unwrap();
    b.set_local_description(DescriptionType::Offer, &offer).unwrap();
    a.set_remote_description(DescriptionType::Offer, &offer).unwrap();
    let answer = a.create_answer(&transport("alice")).unwrap();
    a.set_local_description(DescriptionType::Answer, &answer).unwrap();
    b.set_remote_description(DescriptionType::Answer, &answer).unwrap();
    assert_eq!((name(&offer), name(&answer)), (Some(b_name), Some(a_name.clone())));

    // Another one asks for another association; an offer without any is about the one that is there.
    let offer = a.create_offer(&transport("alice")).unwrap();
    let other: SessionDescription =
        offer.as_str().replace(&a_name, "another-name-of-20-chars").parse().unwrap();
    let set = b.set_remote_description(DescriptionType::Offer, &other);
    assert_eq!(set, Err(RemoteError::TlsIdChanged));
    let silent: String =
        offer.as_str().split_inclusive("\r\n").filter(|line| !line.contains("tls-id")).collect();
    b.set_remote_description(DescriptionType::Offer, &silent.parse().unwrap()).unwrap();
    // The answer has a name if the offer has one.
    assert_eq!(name(&super::answer(&mut b)), None);
}
