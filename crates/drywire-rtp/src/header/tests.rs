use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::RtpPacket;

/// An Opus packet in the shape of Chromium's: abs-send-time (2), transport-wide number (3), MID (4), audio level (1).
const OPUS: &[u8] = &[
    0x90, 0xEF, 0x48, 0x5A, 0x0A, 0xA2, 0x1C, 0x40, 0x8E, 0x2F, 0x11, 0xD3, 0xBE, 0xDE, 0x00, 0x03, 0x22,
    0x9A, 0x41, 0x06, 0x31, 0x00, 0x01, 0x40, 0x30, 0x10, 0xB0, 0x00, 0xFC, 0xFF, 0xFE,
];

#[test]
fn reads_a_browsers_packet() {
    let packet = RtpPacket::parse(OPUS).unwrap();
    let header = packet.header();
    assert!(header.marker());
    assert_eq!(header.payload_type().value(), 111);
    assert_eq!(header.sequence_number(), SequenceNumber(0x485A));
    assert_eq!(header.timestamp(), 0x0AA2_1C40);
    assert_eq!(header.ssrc(), Ssrc(0x8E2F_11D3));
    assert_eq!(header.header_len(), 28);
    assert_eq!(packet.payload(), [0xFC, 0xFF, 0xFE]);
    let ids: Vec<u8> = packet.extensions().map(|(id, _)| id).collect();
    assert_eq!(ids, [2, 3, 4, 1]);
    assert_eq!(packet.extension(4), Some(&b"0"[..]));
    assert_eq!(packet.extension(9), None);
}

/// D06: no combination of length, sources and extension length makes the header reach past the packet.
#[test]
fn d06_every_short_length_is_an_error_or_a_header_inside_the_packet() {
    for len in 0..=64_usize {
        for csrc_count in 0..=15_u8 {
            for words in [0, 1, 2, 13, 0xFFFF_u16] {
                for extended in [false, true] {
                    let mut packet = vec![0_u8; len];
                    let bits = 0x80 | csrc_count | if extended { 0x10 } else { 0 };
                    if let Some(first) = packet.first_mut() {
                        *first = bits;
                    }
                    let at = 12 + 4 * usize::from(csrc_count);
                    if let Some(length) = packet.get_mut(at + 2..at + 4) {
                        length.copy_from_slice(&words.to_be_bytes());
                    }
                    let needed = at + if extended { 4 + 4 * usize::from(words) } else { 0 };
                    match RtpHeader::parse(&packet) {
                        Ok(header) => {
                            assert_eq!(header.header_len(), needed);
                            assert!(needed <= len);
                        }
                        Err(error) => {
                            assert!(len < needed, "{len} {csrc_count} {words} {extended}");
                            assert_eq!(error.kind, ParseErrorKind::UnexpectedEnd);
                        }
                    }
                }
            }
        }
    }
}

/// D07: the count of padding is checked against the payload, after decryption.
#[test]
fn d07_padding_stays_within_the_payload() {
    let padded = |payload: &[u8]| {
        let mut packet = Vec::new();
        HeaderFields { padding: true, ..HeaderFields::default() }.write(&mut packet, &[]).unwrap();
        packet.extend_from_slice(payload);
        RtpHeader::parse(&packet).map(|header| header.payload(&packet).to_vec())
    };
    let invalid = Err(ParseErrorKind::Padding);
    assert_eq!(padded(&[]).map_err(|error| error.kind), invalid);
    assert_eq!(padded(&[1, 2, 0]).map_err(|error| error.kind), invalid);
    assert_eq!(padded(&[1, 2, 4]).map_err(|error| error.kind), invalid);
    assert_eq!(padded(&[1, 2, 15]).map_err(|error| error.kind), invalid);
    assert_eq!(padded(&[1, 2, 255]).map_err(|error| error.kind), invalid);
    assert_eq!(padded(&[1, 2, 3]), Ok(vec![]));
    assert_eq!(padded(&[1, 2, 1]), Ok(vec![1, 2]));
}

#[test]
fn an_encrypted_packet_keeps_its_padding_until_it_is_decrypted() {
    let mut packet = Vec::new();
    HeaderFields { padding: true, ..HeaderFields::default() }.write(&mut packet, &[]).unwrap();
    packet.extend_from_slice(&[9, 9]);
    write_padding(&mut packet, 3);
    let tagged: Vec<u8> = packet.iter().copied().chain([0; 10]).collect();
    let header = RtpHeader::parse_encrypted(&tagged).unwrap();
    assert_eq!(header.payload_len(), 15);
    let header = header.decrypted(&packet).unwrap();
    assert_eq!((header.payload(&packet), header.padding_len()), (&[9, 9][..], 3));
}

#[test]
fn other_versions_are_not_rtp() {
    for version in [0, 1, 3_u8] {
        let mut packet = OPUS.to_vec();
        packet[0] = (packet[0] & 0x3F) | (version << 6);
        assert_eq!(RtpHeader::parse(&packet).unwrap_err().kind, ParseErrorKind::Version);
    }
}

#[test]
fn what_cannot_be_written_leaves_nothing_behind() {
    let mut out = vec![7];
    let long = [0; 256];
    let sources = [Ssrc(1); 16];
    let fields = HeaderFields::default();
    assert_eq!(fields.write(&mut out, &[(0, &[1])]), Err(WriteError::ExtensionId));
    assert_eq!(fields.write(&mut out, &[(1, &long)]), Err(WriteError::ExtensionTooLong));
    let many = vec![(1, &long[..255]); 1021];
    assert_eq!(fields.write(&mut out, &many), Err(WriteError::ExtensionTooLong));
    let fields = HeaderFields { csrcs: &sources, ..fields };
    assert_eq!(fields.write(&mut out, &[]), Err(WriteError::TooManySources));
    assert_eq!(out, [7]);
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        (payload_type, marker, sequence, timestamp, ssrc) in (0_u8..128, any::<bool>(), any::<u16>(), any::<u32>(), any::<u32>()),
        csrcs in vec(any::<u32>().prop_map(Ssrc), 0..=15),
        elements in vec((1_u8..=255, vec(any::<u8>(), 0..20)), 0..6),
        payload in vec(any::<u8>(), 0..50),
        padding in any::<u8>(),
    ) {
        let fields = HeaderFields {
            payload_type: PayloadType::new(payload_type).unwrap(),
            marker,
            sequence_number: SequenceNumber(sequence),
            timestamp,
            ssrc: Ssrc(ssrc),
            csrcs: &csrcs,
            padding: padding > 0,
        };
        let borrowed: Vec<(u8, &[u8])> = elements.iter().map(|(id, value)| (*id, &value[..])).collect();
        let mut out = vec![1, 2, 3];
        let len = fields.write(&mut out, &borrowed).unwrap();
        prop_assert_eq!(out.len(), 3 + len);
        out.extend_from_slice(&payload);
        write_padding(&mut out, padding);
        let packet = RtpPacket::parse(&out[3..]).unwrap();
        let header = packet.header();
        prop_assert_eq!(header.header_len(), len);
        prop_assert_eq!(header.payload_type(), fields.payload_type);
        prop_assert_eq!(header.marker(), marker);
        prop_assert_eq!(header.sequence_number(), fields.sequence_number);
        prop_assert_eq!(header.timestamp(), timestamp);
        prop_assert_eq!(header.ssrc(), fields.ssrc);
        prop_assert_eq!(header.padding_len(), padding);
        prop_assert_eq!(packet.csrcs().collect::<Vec<_>>(), csrcs);
        prop_assert_eq!(packet.extensions().collect::<Vec<_>>(), borrowed.clone());
        prop_assert_eq!(packet.payload(), payload);
        let (mut offset, mut walked) = (0, Vec::new());
        while let Some((id, range)) = header.next_extension(&out[3..], offset) {
            offset = range.end;
            walked.push((id, &out[3..][range]));
        }
        prop_assert_eq!(walked, borrowed);
        prop_assert!(header.csrcs_range().end <= header.extension_range().start);
        prop_assert_eq!(header.extension_profile().is_some(), !elements.is_empty());
    }

    #[test]
    fn any_bytes_give_parts_inside_the_packet(mut bytes in vec(any::<u8>(), 0..200), version in any::<bool>()) {
        if version && let Some(first) = bytes.first_mut() {
            *first = (*first & 0x3F) | 0x80;
        }
        if let Ok(packet) = RtpPacket::parse(&bytes) {
            let header = packet.header();
            prop_assert_eq!(
                header.header_len() + packet.payload().len() + usize::from(header.padding_len()),
                bytes.len()
            );
            prop_assert!(packet.csrcs().count() <= 15);
            let elements: usize = packet.extensions().map(|(_, value)| 1 + value.len()).sum();
            prop_assert!(elements <= bytes.len());
        }
    }
}
