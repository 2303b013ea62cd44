use proptest::prelude::*;

use super::*;
use crate::{Candidate, Direction, Fingerprint, MediaKind, Setup};

fn corpus() -> Vec<(String, String)> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/sdp");
    let mut files: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sdp"))
        .map(|path| (path.display().to_string(), std::fs::read_to_string(path).unwrap()))
        .collect();
    files.sort();
    assert!(files.len() > 20);
    files
}

fn parse(text: &str) -> SessionDescription {
    text.parse().unwrap()
}

const HEAD: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";

#[test]
fn the_corpus_comes_back_byte_by_byte() {
    for (name, text) in corpus() {
        let description: SessionDescription = text.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(description.to_string(), text, "{name}");
        let lines = description.session().lines().count()
            + description.media_sections().map(|section| section.lines().count()).sum::<usize>();
        assert_eq!(lines, text.lines().count(), "{name}");
        assert_eq!(description.media_len(), text.matches("\nm=").count(), "{name}");
        assert_eq!(description.is_fragment(), name.contains("frag"), "{name}");
    }
}

#[test]
fn lone_line_feeds_and_a_missing_end_are_kept() {
    for text in [
        HEAD.replace('\r', ""),
        HEAD.trim_end().to_owned(),
        format!("{HEAD}\r\n\n"),
        HEAD.replacen('\r', "", 1),
    ] {
        assert_eq!(parse(&text).to_string(), text);
        assert_eq!(parse(&text).session().lines().count(), 4);
    }
}

#[test]
fn media_sections_inherit_from_the_session() {
    let text = format!(
        "{HEAD}a=sendonly\r\na=setup:passive\r\na=ice-ufrag:abcd\r\na=fingerprint:sha-256 AA\r\nc=IN IP4 192.0.2.1\r\n\
         m=audio 9 RTP/SAVPF 0\r\nm=video 0 RTP/SAVPF 96\r\na=recvonly\r\na=setup:active\r\na=fingerprint:sha-1 BB\r\n\
         a=fingerprint:sha-256 CC\r\na=ice-ufrag:efgh\r\nc=IN IP4 192.0.2.2\r\nb=AS:1\r\na=bundle-only\r\n"
    );
    let description = parse(&text);
    let (audio, video) = (description.media_section(0).unwrap(), description.media_section(1).unwrap());
    assert_eq!((audio.direction(), video.direction()), (Direction::SendOnly, Direction::RecvOnly));
    assert_eq!((audio.setup(), video.setup()), (Some(Setup::Passive), Some(Setup::Active)));
    assert_eq!((audio.ice_ufrag(), video.ice_ufrag()), (Some("abcd"), Some("efgh")));
    let prints = |section: crate::MediaSection<'_>| {
        section.fingerprints().map(|print| print.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(
        (prints(audio), prints(video)),
        (vec!["sha-256 AA".into()], vec!["sha-1 BB".into(), "sha-256 CC".into()])
    );
    let ip = |section: crate::MediaSection<'_>| {
        section.connection().and_then(|line| line.ip()).unwrap().to_string()
    };
    assert_eq!((ip(audio), ip(video)), ("192.0.2.1".into(), "192.0.2.2".into()));
    assert_eq!((audio.media_line().kind(), video.index()), (MediaKind::Audio, 1));
    assert!(!audio.is_rejected() && !video.is_rejected());
    assert_eq!(video.bandwidths().next().unwrap().value(), 1);
    assert!(description.session().first::<Fingerprint<'_>>().is_some());
}

#[test]
fn a_line_that_is_wrong_is_named() {
    let cases: &[(&str, usize, Invalid)] = &[
        ("", 1, Invalid::Missing('v')),
        ("{}", 1, Invalid::Form),
        ("hello", 1, Invalid::Form),
        ("v=1\r\n", 1, Invalid::Line('v')),
        ("v=0\r\n", 1, Invalid::Missing('o')),
        ("v=0\r\ns=-\r\n", 2, Invalid::Missing('o')),
        ("v=0\r\no=- 1 1 IN IP4 0\r\n", 2, Invalid::Missing('s')),
        ("v=0\r\no=- 1 1 IN IP4 0\r\ns=-\r\n", 3, Invalid::Missing('t')),
        ("o=- 1 1 IN IP4 0\r\n", 1, Invalid::Missing('v')),
    ];
    for (text, line, reason) in cases {
        assert_eq!(
            text.parse::<SessionDescription>(),
            Err(ParseError { line: *line, reason: *reason }),
            "{text:?}"
        );
    }
    let after_head: &[(&str, Invalid)] = &[
        ("v=0", Invalid::OutOfPlace('v')),
        ("s=-", Invalid::OutOfPlace('s')),
        ("a", Invalid::Form),
        ("A=b", Invalid::Form),
        ("é=b", Invalid::Form),
        ("a=b\0", Invalid::Byte),
        ("a=b\rc", Invalid::Byte),
        ("a=", Invalid::AttributeName),
        ("a=b c:d", Invalid::AttributeName),
        ("a=sendrecv:x", Invalid::Attribute("sendrecv")),
        ("a=setup:client", Invalid::Attribute("setup")),
        ("a=rtpmap:200 opus/48000", Invalid::Attribute("rtpmap")),
        ("m=audio 70000 RTP/SAVPF 0", Invalid::Line('m')),
        ("m=audio 9 RTP/SAVPF 200", Invalid::Line('m')),
        ("c=IN", Invalid::Line('c')),
        ("b=AS:x", Invalid::Line('b')),
        ("\r\na=x", Invalid::Form),
    ];
    for (line, reason) in after_head {
        let text = format!("{HEAD}{line}\r\n");
        assert_eq!(
            text.parse::<SessionDescription>(),
            Err(ParseError { line: 5, reason: *reason }),
            "{line:?}"
        );
    }
}

#[test]
fn candidates_are_added_at_the_end_of_their_section() {
    let mut description =
        parse(&format!("{HEAD}m=audio 9 RTP/SAVPF 0\r\na=mid:0\r\nm=video 9 RTP/SAVPF 96\r\na=mid:1"));
    let candidate: Candidate = "1 1 udp 1 192.0.2.1 9 typ host".parse().unwrap();
    assert_eq!(description.push_attribute(0, &candidate), Ok(true));
    assert_eq!(description.push_attribute(1, &candidate), Ok(true));
    assert_eq!(description.push_flag(0, "end-of-candidates"), Ok(true));
    let expected = format!(
        "{HEAD}m=audio 9 RTP/SAVPF 0\r\na=mid:0\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\na=end-of-candidates\r\n\
         m=video 9 RTP/SAVPF 96\r\na=mid:1\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n"
    );
    assert_eq!(description.as_str(), expected);
    assert_eq!(description, parse(&expected));
}

/// Attack F01: what is far too much is refused at once, and what is much costs no more than its length.
#[test]
fn parser_bombs() {
    let refused = |text: String| text.parse::<SessionDescription>().unwrap_err().reason();
    assert_eq!(refused("x".repeat(MAX_TEXT + 1)), Invalid::TooLong);
    assert_eq!(refused(format!("{HEAD}a={}\r\n", "x".repeat(1_000_000))), Invalid::TooLong);
    assert_eq!(refused(format!("{HEAD}{}", "m=a 9 b c\r\n".repeat(100_000))), Invalid::TooManyMediaSections);
    assert_eq!(refused(format!("{HEAD}{}", "a=b\n".repeat(100_000))), Invalid::TooManyLines);
    let candidate = "a=candidate:1 1 udp 1 1.1.1.1 1 typ host\r\n".repeat(100_000);
    assert_eq!(
        refused(format!("{HEAD}m=a 9 b c\r\n{}", &candidate[..MAX_TEXT - 100])),
        Invalid::TooManyLines
    );
    let section = format!("m=a 9 b c\r\n{}", "a=b\r\n".repeat(2047));
    let many = format!("{HEAD}{}", section.repeat(70));
    assert_eq!(refused(many), Invalid::TooManyLines);
    // The most that is read costs little more than its text.
    let many = format!("{HEAD}{}", section.repeat(60));
    let parsed = parse(&many);
    assert!(
        (parsed.lines.capacity() + parsed.media.capacity()) * 4 + parsed.text.capacity() <= 3 * many.len()
    );
    assert_eq!(parsed.to_string(), many);
}

#[test]
fn what_is_built_keeps_the_limits() {
    let mut builder = crate::Builder::new(&Origin::new(1, 1));
    assert_eq!(builder.raw_attribute("a", &"x".repeat(MAX_LINE)).err(), Some(Invalid::TooLong));
    builder.media(&MediaLine::new("a", 9, "b", "c").unwrap()).unwrap();
    let full = (0..).find_map(|_| builder.flag("b").err());
    assert_eq!(full, Some(Invalid::TooManyLines));
    let mut built = builder.build();
    assert_eq!(built.push_flag(0, "b"), Err(Invalid::TooManyLines));
    assert_eq!(parse(built.as_str()), built);
}

proptest! {
    #[test]
    fn any_text(text in "([vosatmcb]=)?[ -~\\r\\n]{0,80}") {
        if let Ok(description) = text.parse::<SessionDescription>() {
            prop_assert_eq!(description.to_string(), text);
        }
    }

    /// A description of the corpus with some bytes changed: it parses or not, and what parses comes back.
    #[test]
    fn changed_corpus(file: proptest::sample::Index, changes in proptest::collection::vec((any::<proptest::sample::Index>(), "[ -~\\r\\n]{0,3}", 0usize..4), 1..6)) {
        let corpus = corpus();
        let (_, mut text) = corpus[file.index(corpus.len())].clone();
        for (at, insert, cut) in changes {
            let at = at.index(text.len());
            let end = (at + cut).min(text.len());
            text.replace_range(at..end, &insert);
        }
        if let Ok(description) = text.parse::<SessionDescription>() {
            prop_assert_eq!(description.to_string(), text);
            for section in description.media_sections() {
                let _ = (section.mid(), section.direction(), section.media_line(), section.setup());
                let _ = (section.candidates().count(), section.fingerprints().count(), section.attributes().count());
            }
        }
    }
}

#[test]
fn passwords_and_keys_are_not_shown() {
    let text = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=ice-pwd:secretsecretsecretsecret\r\n\
                m=audio 9 RTP/SAVPF 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:secret\r\na=mid:0\r\n";
    let description: SessionDescription = text.parse().unwrap();
    let shown = format!("{description:?}");
    assert!(
        !shown.contains("secret") && shown.contains("a=ice-pwd:..") && shown.contains("a=mid:0"),
        "{shown}"
    );
    assert_eq!(description.to_string(), text);
}
