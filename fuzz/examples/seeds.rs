//! Writes the seeds that are made by running our own machines: `cargo run --manifest-path fuzz/Cargo.toml --example
//! seeds`. The others are messages of the RFCs and of browsers. What is there stays.

use std::fs;
use std::path::PathBuf;

use drywire_rtp::{HeaderFields, PayloadType, SequenceNumber, Ssrc};

fn main() {
    srtp();
}

fn write(target: &str, name: &str, bytes: &[u8]) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder).expect("a corpus folder");
    fs::write(folder.join(name), bytes).expect("a seed");
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
