//! libsrtp, the SRTP of browsers, through `libsrtp/srtp.py`: random packets of all profiles. Both protect them to the same
//! bytes, and of what a bad network makes of these bytes, both accept the same.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use bytes::BytesMut;
use drywire_core::Rng;
use drywire_rtp::{HeaderFields, PayloadType, SequenceNumber, Ssrc, is_rtcp, write_padding};
use drywire_srtp::{Inbound, Outbound, Profile};

use crate::peer::{absent, artifacts, repository, run};

/// How many packets there are of each profile. Their payloads have all lengths from 0 to 1,400.
const PACKETS: usize = 1401;

const STREAMS: u32 = 3;

#[test]
fn libsrtp_protects_and_accepts_the_same() {
    let python = std::env::var_os("DRYWIRE_AIORTC_PYTHON")
        .map_or_else(|| repository("target/interop/venv/bin/python"), PathBuf::from);
    let import = Command::new(&python).args(["-c", "import pylibsrtp"]).output();
    if !import.is_ok_and(|output| output.status.success()) {
        return absent(&format!("{} has no pylibsrtp: see tests/interop/README.md", python.display()));
    }
    let seed = std::env::var("DRYWIRE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1_u32);
    println!("DRYWIRE_SEED={seed}");

    let (mut commands, mut expected) = (String::new(), Vec::new());
    for profile in Profile::ALL {
        let mut random = Rng::new(std::array::from_fn(|at| seed.to_be_bytes()[at % 4]));
        Exchange::new(profile, &mut random).write(&mut commands, &mut expected, &mut random);
    }
    let path = artifacts().join("libsrtp-commands.txt");
    std::fs::write(&path, commands).expect("the commands are written");
    let finished = run(
        Command::new(&python).arg(repository("tests/interop/libsrtp/srtp.py")).arg(&path),
        Duration::from_secs(60),
    );
    assert!(finished.status.success(), "{}", finished.stderr);

    let answers: Vec<&str> = finished.stdout.lines().collect();
    assert_eq!(answers.len(), expected.len());
    let mut accepted = 0;
    for (answer, (what, ours)) in answers.iter().zip(&expected) {
        let theirs = answer.strip_prefix("ok ");
        assert_eq!(theirs, ours.as_deref(), "{what}: libsrtp says {answer}");
        accepted += usize::from(theirs.is_some());
    }
    let refused = answers.len() - accepted;
    println!("{accepted} packets with the same result, {refused} refused by both");
    assert!(accepted > 3 * PACKETS * Profile::ALL.len() / 2 && refused > 100);
}

/// The packets of one profile, and our contexts for them.
struct Exchange {
    profile: Profile,
    key: Vec<u8>,
    salt: Vec<u8>,
    plain: Vec<Vec<u8>>,
    outbound: Outbound,
    inbound: Inbound,
}

impl Exchange {
    fn new(profile: Profile, random: &mut Rng) -> Self {
        let (key, salt) = (bytes(random, profile.key_len()), bytes(random, profile.salt_len()));
        let provider = drywire_crypto_aws_lc::provider();
        let outbound = Outbound::new(&*provider, profile, &key, &salt).expect("keys");
        let inbound = Inbound::new(&*provider, profile, &key, &salt).expect("keys");
        // The streams begin shortly before, at and after a wrap of the sequence number, and wrap around again.
        let mut next = [65_500, 0, random.u32() % 65_536];
        let mut plain = Vec::new();
        for len in 0..PACKETS {
            let stream = random.below(STREAMS);
            plain.push(rtp(random, stream, next[usize_of(stream)], len));
            next[usize_of(stream)] += 1 + if random.below(3) == 0 { random.below(1200) } else { 0 };
            if random.below(8) == 0 {
                plain.push(rtcp(random));
            }
        }
        assert!(next.iter().all(|next| *next > 65_536));
        Self { profile, key, salt, plain, outbound, inbound }
    }

    /// Writes what libsrtp shall do, and what we did.
    fn write(
        mut self,
        commands: &mut String,
        expected: &mut Vec<(String, Option<String>)>,
        random: &mut Rng,
    ) {
        let profile = self.profile;
        let key = hex(&[&self.key[..], &self.salt].concat());
        for direction in ["out", "in"] {
            writeln!(commands, "context {profile}-{direction} {profile} {key} {direction}").expect("memory");
        }
        let mut protected = Vec::new();
        for plain in &self.plain {
            let mut out = plain.clone();
            let (command, result) = match is_rtcp(plain) {
                true => ("protect_rtcp", self.outbound.protect_rtcp(&mut out, 0)),
                false => ("protect", self.outbound.protect_rtp(&mut out, 0)),
            };
            result.expect("packets in order");
            writeln!(commands, "{command} {profile}-out {}", hex(plain)).expect("memory");
            expected.push((format!("{profile} {command} {}", hex(plain)), Some(hex(&out))));
            protected.push(out);
        }
        for packet in disturb(&protected, random) {
            let mut received = BytesMut::from(&packet[..]);
            let (command, accepted) = match is_rtcp(&packet) {
                true => ("unprotect_rtcp", self.inbound.unprotect_rtcp(&mut received).is_ok()),
                false => ("unprotect", self.inbound.unprotect_rtp(&mut received).is_ok()),
            };
            writeln!(commands, "{command} {profile}-in {}", hex(&packet)).expect("memory");
            let result = accepted.then(|| hex(&received));
            expected.push((format!("{profile} {command} {}", hex(&packet)), result));
        }
    }
}

/// What a network makes of packets: some are lost, come again, come late, or are damaged.
fn disturb(packets: &[Vec<u8>], random: &mut Rng) -> Vec<Vec<u8>> {
    let mut arriving = Vec::new();
    for (at, packet) in packets.iter().enumerate() {
        let at = u32::try_from(at).expect("few packets");
        if at < 20 {
            // The first ones of all streams arrive: when those before a wrap are lost, libsrtp does not find the
            // rollover counter (and we do).
            arriving.push((at, packet.clone()));
            continue;
        }
        let copies = match random.below(10) {
            0 => 0,
            1 => 2,
            _ => 1,
        };
        for _ in 0..copies {
            let delay = if random.below(4) == 0 { random.below(120) } else { 0 };
            arriving.push((at + delay, packet.clone()));
        }
        if random.below(10) == 0 {
            let mut damaged = packet.clone();
            // Not the first byte: what is not an RTP packet any more is not asked about.
            let byte = 1 + usize_of(random.below(u32::try_from(packet.len() - 1).expect("a short packet")));
            damaged[byte] ^= 1 << random.below(8);
            if is_rtcp(&damaged) == is_rtcp(packet) {
                arriving.push((at, damaged));
            }
        }
    }
    // Stable: what arrives at the same time keeps its order.
    arriving.sort_by_key(|(at, _)| *at);
    arriving.into_iter().map(|(_, packet)| packet).collect()
}

fn rtp(random: &mut Rng, stream: u32, number: u32, payload: usize) -> Vec<u8> {
    let csrcs: Vec<Ssrc> = (0..random.below(16)).map(|_| Ssrc(random.u32())).collect();
    let padding = if random.below(4) == 0 { u8::try_from(1 + random.below(255)).expect("a byte") } else { 0 };
    let fields = HeaderFields {
        payload_type: PayloadType::new(u8::try_from(96 + random.below(32)).expect("a byte"))
            .unwrap_or_default(),
        marker: random.below(2) == 0,
        sequence_number: SequenceNumber(u16::try_from(number % 65_536).expect("16 bits")),
        timestamp: random.u32(),
        ssrc: Ssrc(0x1000 + stream),
        csrcs: if random.below(2) == 0 { &csrcs } else { &[] },
        padding: padding > 0,
    };
    // No elements, some with one-byte headers, some with two-byte headers.
    let (count, ids, longest) = [(0, 1, 1), (4, 14, 16), (4, 255, 60)][usize_of(random.below(3))];
    let elements: Vec<(u8, Vec<u8>)> = (0..random.below(count + 1))
        .map(|_| {
            let id = u8::try_from(1 + random.below(ids)).expect("a byte");
            let len = 1 + usize_of(random.below(longest));
            (id, bytes(random, len))
        })
        .collect();
    let elements: Vec<(u8, &[u8])> = elements.iter().map(|(id, value)| (*id, &value[..])).collect();
    let mut packet = Vec::new();
    fields.write(&mut packet, &elements).expect("a valid header");
    packet.extend(bytes(random, payload));
    write_padding(&mut packet, padding);
    packet
}

/// An RTCP packet of any type with any content: SRTCP looks at nothing but the SSRC. It is always the same, because libsrtp
/// counts the packets of each, and we count those of all.
fn rtcp(random: &mut Rng) -> Vec<u8> {
    let words = 1 + random.below(40);
    let kind = u8::try_from(200 + random.below(8)).expect("a byte");
    let mut packet = vec![0x80, kind];
    packet.extend_from_slice(&u16::try_from(words).expect("few words").to_be_bytes());
    packet.extend_from_slice(&0x1000_u32.to_be_bytes());
    packet.extend(bytes(random, usize_of(4 * (words - 1))));
    packet
}

fn bytes(random: &mut Rng, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    random.fill(&mut bytes);
    bytes
}

fn usize_of(number: u32) -> usize {
    usize::try_from(number).expect("a small number")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").expect("memory");
        out
    })
}
