//! Writes the seeds that are made by running our own machines: `cargo run --manifest-path fuzz/Cargo.toml --example
//! seeds`. The others are messages of the RFCs and of browsers. What is there stays.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use drywire_crypto::{CertificateOptions, CertifiedKey};
use drywire_dtls::{Config, Connection, Role, Version};
use drywire_rtp::{HeaderFields, PayloadType, SequenceNumber, Ssrc};
use drywire_sctp::{Association, Ppid, SendOptions, StreamId};

fn main() {
    dtls();
    sctp();
    srtp();
    file();
}

fn write(target: &str, name: &str, bytes: &[u8]) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder).expect("a corpus folder");
    let path = folder.join(name);
    if !path.exists() {
        fs::write(path, bytes).expect("a seed");
    }
}

/// The datagrams of whole handshakes for each end; and the messages that can be read, with what the target chooses by.
fn dtls() {
    let provider = drywire_crypto_aws_lc::provider();
    let options = CertificateOptions::new(Duration::from_secs(1_750_000_000));
    let certificate = Arc::new(CertifiedKey::self_signed(&*provider, &options).expect("a certificate"));
    let fingerprint = certificate.fingerprint(&*provider);
    for (name, version, choice) in [("1.2", Version::Dtls12, 0), ("1.3", Version::Dtls13, 1)] {
        let mut config = Config::new(provider.clone(), certificate.clone());
        (config.min_version, config.max_version) = (version, version);
        let config = Arc::new(config);
        let now = Instant::now();
        let mut ends = [(Role::Client, [1; 32]), (Role::Server, [2; 32])]
            .map(|(role, seed)| Connection::new(config.clone(), role, now, seed));
        for end in &mut ends {
            end.set_remote_fingerprints(now, vec![fingerprint]);
        }
        let mut seeds = [Vec::new(), Vec::new()];
        for place in 0..8 {
            for from in [0, 1] {
                let mut out = Vec::new();
                while ends[from].poll_transmit(now, &mut out).is_some() {
                    ends[1 - from].handle_input(now, BytesMut::from(&out[..]));
                    let units = out.len().div_ceil(8);
                    seeds[1 - from].push(u8::try_from(units).expect("a short datagram"));
                    seeds[1 - from].extend_from_slice(&out);
                    seeds[1 - from].resize(seeds[1 - from].len() + units * 8 - out.len(), 0);
                    // A record in the clear with a handshake message: 13 bytes of header, then 12.
                    if let [22, _, _, 0, 0, _, _, _, _, _, _, _, _, kind, rest @ ..] = &out[..] {
                        let choice = choice | u8::try_from(1 - from).unwrap_or(0) << 1 | (place & 7) << 2;
                        let body = rest.get(11..).unwrap_or_default();
                        write(
                            "dtls_handshake_message",
                            &format!("{name}-{from}-{kind}"),
                            &[&[choice, *kind], body].concat(),
                        );
                    }
                    out.clear();
                }
            }
        }
        assert!(ends.iter().all(Connection::is_connected));
        write("dtls_client", &format!("handshake-{name}"), &seeds[0]);
        write("dtls_server", &format!("handshake-{name}"), &seeds[1]);
    }
}

/// The chunks of what two associations say to each other: to be read, and to be sent to an association that is open.
fn sctp() {
    let now = Instant::now();
    let mut sides = [1, 2].map(|seed| Association::new(drywire_sctp::Config::default(), now, [seed; 32]));
    let mut number = 0;
    let mut script = Vec::new();
    for round in 0..8 {
        match round {
            0 => sides[0].connect(now),
            3 => {
                for stream in [1, 3] {
                    let data = Bytes::from(vec![0x5a; 60]);
                    let written =
                        sides[0].write(now, StreamId(stream), Ppid(53), data, SendOptions::unordered());
                    written.expect("an open association");
                }
            }
            5 => sides[0].reset_streams(now, &[StreamId(1)]),
            6 => sides[1].shutdown(now),
            _ => {}
        }
        for from in [0, 1] {
            let mut out = Vec::new();
            while sides[from].poll_transmit(now, &mut out).is_some() {
                // The common header has 12 bytes; the targets write their own.
                let chunks = out.get(12..).unwrap_or_default();
                write("sctp_packet", &format!("{number:02}-from-{from}"), chunks);
                if let Ok(len) = u8::try_from(chunks.len()) {
                    script.extend_from_slice(&[u8::try_from(1 - from).unwrap_or(0), len]);
                    script.extend_from_slice(chunks);
                    // Then both say what they have to say.
                    script.extend_from_slice(&[14, 0]);
                }
                number += 1;
                sides[1 - from].handle_input(now, Bytes::from(std::mem::take(&mut out)));
            }
        }
    }
    // FORWARD TSN for two streams, and behind a SACK.
    let forward = [192, 0, 0, 16, 0, 0, 0, 9, 0, 1, 0, 3, 0, 5, 0xff, 0xff];
    write("sctp_packet", "forward-tsn", &forward);
    let sack = [3, 0, 0, 16, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0];
    write("sctp_packet", "sack-forward-tsn", &[sack, forward].concat());
    write("sctp_association", "a-whole-life-again", &script);
    // Written, read, reset, and time that passes.
    write(
        "sctp_association",
        "commands",
        &[6, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 14, 0, 13, 0, 8, 200, 10, 0, 14, 0, 0x27, 2, 0, 0],
    );
}

/// RTP packets with the kinds of header extension there are, and with contributing sources.
fn packets() -> Vec<(&'static str, Vec<u8>)> {
    let long = b"a rather long element of a header extension";
    let sources = [Ssrc(1), Ssrc(0xffff_ffff)];
    let kinds: [(&str, &[Ssrc], &[(u8, &[u8])]); 6] = [
        ("plain", &[], &[]),
        ("extensions", &[], &[(1, b"0"), (2, b"hi"), (3, &[0x91]), (4, &[0, 1, 2])]),
        ("two-byte-extensions", &[], &[(17, long), (1, b"0")]),
        ("sources", &sources, &[]),
        ("sources-extensions", &sources, &[(1, b"0"), (4, &[0, 1, 2])]),
        ("sources-two-byte-extensions", &sources, &[(17, long), (20, b"")]),
    ];
    let packet = |csrcs, elements| {
        let fields = HeaderFields {
            marker: true,
            payload_type: PayloadType::new(111).unwrap_or_default(),
            sequence_number: SequenceNumber(65_535),
            timestamp: 960,
            ssrc: Ssrc(0xcafe_babe),
            csrcs,
            ..HeaderFields::default()
        };
        let mut packet = Vec::new();
        fields.write(&mut packet, elements).expect("a valid header");
        packet.extend_from_slice(&[0xfc; 60]);
        packet
    };
    kinds.map(|(name, csrcs, elements)| (name, packet(csrcs, elements))).into()
}

/// Two bytes of choice, then the packet; and the steps of a stream.
fn srtp() {
    let profiles = [(0, "gcm"), (1, "cm"), (2, "cm-32"), (3, "gcm-256")];
    let modes = [(0, ""), (1 << 2, "-cryptex"), (2 << 2, "-some"), (3 << 2, "-both")];
    for (name, packet) in packets() {
        for ((profile, kind), (mode, encrypted)) in
            profiles.into_iter().flat_map(|profile| modes.map(|mode| (profile, mode)))
        {
            let choice = profile | mode;
            write("srtp", &format!("rtp-{name}-{kind}{encrypted}"), &[&[choice, 1], &packet[..]].concat());
        }
        for (profile, kind) in profiles {
            // With everything switched on that reads the header; the marks of Cryptex, too.
            let mut marked = packet.clone();
            if let Some(at) = marked.windows(2).position(|bytes| matches!(bytes, [0xBE, 0xDE] | [0x10, 0x00]))
            {
                marked[at] = if marked[at] == 0xBE { 0xC0 } else { 0xC2 };
                marked[at + 1] = 0xDE;
            }
            let choice = profile | 3 << 2;
            write("srtp", &format!("rtp-{name}-{kind}-forged"), &[&[choice, 0], &marked[..]].concat());
        }
    }
    // A receiver report with one block, and a picture loss indication.
    let mut rtcp = vec![0x81, 201, 0, 7, 0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 9];
    rtcp.extend_from_slice(&[0; 20]);
    rtcp.extend_from_slice(&[0x81, 206, 0, 2, 0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 9]);
    for (profile, kind) in profiles {
        write("srtp", &format!("rtcp-{kind}-forged"), &[&[profile, 0], &rtcp[..]].concat());
        write("srtp", &format!("rtcp-{kind}"), &[&[profile, 1], &rtcp[..]].concat());
    }

    // Two packets before a wrap are sent, the next are lost, reordered, repeated and damaged; then far ahead.
    let wrap = [
        [0, 0],
        [1, 0],
        [0, 0],
        [0, 0],
        [0, 0],
        [1, 0],
        [1, 2],
        [1, 2],
        [1, 1],
        [7, 0],
        [0, 0],
        [11, 0],
        [1, 0],
    ];
    let ahead = [
        [0, 0],
        [1, 0],
        [192, 255],
        [1, 0],
        [192, 200],
        [192, 200],
        [1, 0],
        [1, 1],
        [64, 100],
        [1, 0],
        [1, 1],
    ];
    for ((profile, kind), (mode, encrypted)) in
        profiles.into_iter().flat_map(|profile| modes.map(|mode| (profile, mode)))
    {
        let begin = |counter| [profile | mode, counter, 0xFF, 0xFD];
        write(
            "srtp_network",
            &format!("wrap-{kind}{encrypted}"),
            &[&begin(0)[..], wrap.as_flattened()].concat(),
        );
        write(
            "srtp_network",
            &format!("ahead-{kind}{encrypted}"),
            &[&begin(3)[..], ahead.as_flattened()].concat(),
        );
    }
}

/// Transfers both ways as a good peer does them, and one that is cut and resumed: steps of the target.
fn file() {
    use drywire_file::{Control, FileName, Offer, Prefix, Reason};
    use drywire_fuzz::file::{ID, LEN};

    const TO_SENDER: u8 = 0;
    const TO_RECEIVER: u8 = 1;
    const DATA: u8 = 2;
    const CONNECT: u8 = 3;
    const DISCONNECT: [u8; 2] = [4, 5];
    const ACCEPT: u8 = 6;
    const CONFIRM: u8 = 7;
    const SUPPLY: u8 = 10;
    const POLL: u8 = 11;

    let step = |choice: u8, bytes: &[u8]| -> Vec<u8> {
        [&[choice, u8::try_from(bytes.len()).expect("a short message")], bytes].concat()
    };
    let say = |choice: u8, control: Control| step(choice, control.to_string().as_bytes());
    let poll = || step(POLL, b"");
    let mut prefix = Prefix::new(&*drywire_crypto_aws_lc::provider());
    for _ in 0..LEN / 100 {
        prefix.update(&[1; 100]);
    }
    let (id, hash) = (ID, prefix.hash());

    let connect = [step(CONNECT, &[0; 100]), poll()].concat();
    let supply = [step(SUPPLY, &[1; 100]), poll()].concat();
    let start = |offset| [connect.clone(), say(TO_SENDER, Control::Accept { id, offset })].concat();
    let done = say(TO_SENDER, Control::Done { id, hash });
    let all = supply.repeat(10);
    write("file", "send", &[start(0), all.clone(), poll(), done.clone()].concat());
    let have = say(TO_SENDER, Control::Have { id, bytes: 200 });
    let cut = step(DISCONNECT[0], b"");
    write(
        "file",
        "send-cut",
        &[start(0), supply.repeat(3), have, cut, start(200), all, poll(), done].concat(),
    );
    let refuse = say(TO_SENDER, Control::Refuse { id, reason: Reason::TooLarge });
    write("file", "send-refused", &[start(0), supply, refuse].concat());

    let offer = Offer::new(id, LEN, FileName::sanitized("theirs")).expect("a short file");
    let offer = say(TO_RECEIVER, Control::Offer(offer));
    let offered = [offer.clone(), step(ACCEPT, b""), poll()].concat();
    let data = step(DATA, &[1; 100]);
    let end = [say(TO_RECEIVER, Control::End { id, hash }), step(CONFIRM, b""), poll()].concat();
    write("file", "receive", &[offered.clone(), data.repeat(10), end.clone()].concat());
    let cut = step(DISCONNECT[1], b"");
    let resumed = [offered.clone(), data.repeat(3), cut, offer, poll(), data.repeat(7), end];
    write("file", "receive-cut", &resumed.concat());
    let abandon = say(TO_RECEIVER, Control::Abandon { id, reason: Reason::Storage });
    write("file", "receive-abandoned", &[offered, data, abandon].concat());
}
