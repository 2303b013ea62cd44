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
    write("sctp_association", "a-whole-life-again", &script);
    // Written, read, reset, and time that passes.
    write(
        "sctp_association",
        "commands",
        &[6, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 14, 0, 13, 0, 8, 200, 10, 0, 14, 0, 0x27, 2, 0, 0],
    );
}

/// RTP packets with the kinds of header extension there are.
fn packets() -> Vec<(&'static str, Vec<u8>)> {
    let long = b"a rather long element of a header extension";
    let kinds: [(&str, &[(u8, &[u8])]); 3] = [
        ("plain", &[]),
        ("extensions", &[(1, b"0"), (2, b"hi"), (3, &[0x91]), (4, &[0, 1, 2])]),
        ("two-byte-extensions", &[(17, long), (1, b"0")]),
    ];
    let packet = |elements| {
        let fields = HeaderFields {
            marker: true,
            payload_type: PayloadType::new(111).unwrap_or_default(),
            sequence_number: SequenceNumber(65_535),
            timestamp: 960,
            ssrc: Ssrc(0xcafe_babe),
            ..HeaderFields::default()
        };
        let mut packet = Vec::new();
        fields.write(&mut packet, elements).expect("a valid header");
        packet.extend_from_slice(&[0xfc; 60]);
        packet
    };
    kinds.map(|(name, elements)| (name, packet(elements))).into()
}

/// Two bytes of choice, then the packet.
fn srtp() {
    for (name, packet) in packets() {
        for (choice, kind) in [([0, 0], "gcm-forged"), ([1, 0], "cm-forged"), ([0, 1], "gcm"), ([1, 1], "cm")]
        {
            write("srtp", &format!("rtp-{name}-{kind}"), &[&choice[..], &packet].concat());
        }
    }
    // A receiver report with one block, and a picture loss indication.
    let mut rtcp = vec![0x81, 201, 0, 7, 0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 9];
    rtcp.extend_from_slice(&[0; 20]);
    rtcp.extend_from_slice(&[0x81, 206, 0, 2, 0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 9]);
    for (choice, kind) in [([0, 0], "gcm-forged"), ([0, 1], "gcm"), ([1, 1], "cm")] {
        write("srtp", &format!("rtcp-{kind}"), &[&choice[..], &rtcp].concat());
    }
}
