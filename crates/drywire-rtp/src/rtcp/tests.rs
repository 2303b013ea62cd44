use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::{NtpTime, ParseErrorKind, SequenceNumber, Ssrc};

fn one(bytes: &[u8]) -> Packet<'_> {
    let mut compound = Compound::new(bytes);
    let packet = compound.next().unwrap().unwrap();
    assert!(compound.next().is_none());
    packet
}

fn block(ssrc: u32, lost: i32) -> ReportBlock {
    ReportBlock {
        ssrc: Ssrc(ssrc),
        fraction_lost: 12,
        cumulative_lost: lost,
        highest_sequence_number: 0x0001_fffe,
        jitter: 77,
        last_sender_report: 0x1234_5678,
        delay_since_last_sender_report: 65_536,
    }
}

#[test]
fn rtcp_is_told_by_the_second_byte() {
    assert!(is_rtcp(&[0x80, 200, 0, 0]) && is_rtcp(&[0x81, 192]) && is_rtcp(&[0xA0, 223]));
    assert!(!is_rtcp(&[0x80, 191]) && !is_rtcp(&[0x80, 224]) && !is_rtcp(&[0x80, 96]));
    assert!(!is_rtcp(&[0x80]) && !is_rtcp(&[]) && !is_rtcp(&[0x40, 200]));
}

/// SR, SDES and PLI in one datagram, written out by hand after the diagrams of the RFCs.
#[test]
fn reads_a_compound() {
    #[rustfmt::skip]
    let bytes = [
        0x81, 200, 0, 12,
        0, 0, 0, 1, // sender
        0xb4, 0x4d, 0xb7, 0x05, 0x20, 0, 0, 0, // NTP time
        0, 0, 0, 9, 0, 0, 0, 10, 0, 0, 0, 11, // timestamp, packets, octets
        0, 0, 0, 2, 5, 0xff, 0xff, 0xfe, 0, 1, 0, 7, 0, 0, 0, 3, 1, 2, 3, 4, 0, 1, 0, 0, // block
        0x81, 202, 0, 3,
        0, 0, 0, 1, 1, 2, b'a', b'b', 0, 0, 0, 0,
        0x81, 206, 0, 2,
        0, 0, 0, 1, 0, 0, 0, 2,
    ];
    let mut compound = Compound::new(&bytes);
    let Some(Ok(Packet::SenderReport(mut report))) = compound.next() else { panic!() };
    assert_eq!(
        report.info,
        SenderInfo {
            ssrc: Ssrc(1),
            ntp_time: NtpTime(0xb44d_b705_2000_0000),
            rtp_timestamp: 9,
            packet_count: 10,
            octet_count: 11
        }
    );
    let first = report.reports.next().unwrap();
    assert_eq!((first.ssrc, first.fraction_lost, first.cumulative_lost), (Ssrc(2), 5, -2));
    assert_eq!((first.highest_sequence_number, first.jitter), (0x0001_0007, 3));
    assert_eq!((first.last_sender_report, first.delay_since_last_sender_report), (0x0102_0304, 65_536));
    assert!(report.reports.next().is_none());
    let Some(Ok(Packet::SourceDescription(description))) = compound.next() else { panic!() };
    let chunk = description.chunks().next().unwrap();
    assert_eq!((chunk.source, chunk.item(ItemType::CNAME)), (Ssrc(1), Some(&b"ab"[..])));
    assert_eq!(chunk.items().count(), 1);
    let Some(Ok(Packet::PictureLossIndication(pli))) = compound.next() else { panic!() };
    assert_eq!(pli, PictureLossIndication { sender: Ssrc(1), media: Ssrc(2) });
    assert!(compound.next().is_none());

    let mut written = Vec::new();
    SenderReport::write(&mut written, &report.info, [first]);
    SourceDescription::write_cnames(&mut written, [(Ssrc(1), "ab")]);
    pli.write(&mut written);
    assert_eq!(written, bytes);
}

#[test]
fn the_loss_is_signed_and_clamped_to_24_bits() {
    for (lost, read) in [(-1, -1), (8_388_607, 8_388_607), (i32::MAX, 8_388_607), (i32::MIN, -8_388_608)] {
        let mut out = Vec::new();
        ReceiverReport::write(&mut out, Ssrc(1), [block(2, lost)]);
        let Packet::ReceiverReport(mut report) = one(&out) else { panic!() };
        assert_eq!(report.reports.next().unwrap().cumulative_lost, read);
    }
}

#[test]
fn counts_are_bounded_by_five_bits() {
    let mut out = Vec::new();
    ReceiverReport::write(&mut out, Ssrc(1), (0..40).map(|ssrc| block(ssrc, 0)));
    let Packet::ReceiverReport(report) = one(&out) else { panic!() };
    assert_eq!(report.reports.len(), 31);
    out.clear();
    Goodbye::write(&mut out, (0..40).map(Ssrc));
    let Packet::Goodbye(goodbye) = one(&out) else { panic!() };
    assert_eq!(goodbye.sources().count(), 31);
    out.clear();
    SourceDescription::write_cnames(&mut out, (0..40).map(|ssrc| (Ssrc(ssrc), "name")));
    let Packet::SourceDescription(description) = one(&out) else { panic!() };
    assert_eq!(description.chunks().count(), 31);
}

#[test]
fn nack_lists_packet_and_bitmask() {
    #[rustfmt::skip]
    let bytes = [0x81, 205, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0xff, 0xfe, 0x80, 0x05, 0x12, 0x34, 0, 0];
    let Packet::Nack(nack) = one(&bytes) else { panic!() };
    let missing: Vec<u16> = nack.sequence_numbers().map(|number| number.0).collect();
    assert_eq!((nack.sender, nack.media), (Ssrc(1), Ssrc(2)));
    assert_eq!(missing, [0xfffe, 0xffff, 1, 14, 0x1234]);
    let mut out = Vec::new();
    Nack::write(&mut out, Ssrc(1), Ssrc(2), missing.into_iter().map(SequenceNumber));
    assert_eq!(out, bytes);
    assert_eq!(Nack::write(&mut out, Ssrc(1), Ssrc(2), []), 0);
    assert_eq!(out, bytes);
}

#[test]
fn a_flood_of_losses_is_cut_to_one_packet() {
    let mut out = Vec::new();
    let len = Nack::write(&mut out, Ssrc(1), Ssrc(2), (0..3000).map(|n| SequenceNumber(n * 20)));
    assert!(len < 1200 && len == out.len());
    let Packet::Nack(nack) = one(&out) else { panic!() };
    assert_eq!(nack.sequence_numbers().count(), 256);
}

#[test]
fn fir_carries_numbered_commands() {
    let entries = [
        FullIntraRequestEntry { media: Ssrc(2), command: 7 },
        FullIntraRequestEntry { media: Ssrc(3), command: 8 },
    ];
    let mut out = Vec::new();
    assert_eq!(FullIntraRequest::write(&mut out, Ssrc(1), entries), 28);
    assert_eq!(out[..12], [0x84, 206, 0, 6, 0, 0, 0, 1, 0, 0, 0, 0]);
    let Packet::FullIntraRequest(fir) = one(&out) else { panic!() };
    assert_eq!(fir.entries().collect::<Vec<_>>(), entries);
}

/// D10: what broke others. Each is one packet followed by a good one, which must still be seen.
#[test]
fn d10_malformed_content_does_not_hide_what_follows() {
    let good = [0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
    let malformed: &[&[u8]] = &[
        &[0x81, 202, 0, 2, 0, 0, 0, 1, 1, 200, b'a', b'b'], // item longer than the packet
        &[0x82, 202, 0, 2, 0, 0, 0, 1, 1, 1, b'a', 0],      // a second chunk is missing
        &[0x81, 202, 0, 0],                                 // no chunk at all
        &[0x9F, 203, 0, 1, 0, 0, 0, 1],                     // 31 sources in one word
        &[0x81, 203, 0, 2, 0, 0, 0, 1, 9, b'a', b'b', b'c'], // reason longer than the packet
        &[0x82, 201, 0, 1, 0, 0, 0, 1],                     // blocks missing
        &[0x80, 200, 0, 1, 0, 0, 0, 1],                     // an SR without its numbers
        &[0x81, 205, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2],         // NACK without entries
        &[0x81, 206, 0, 1, 0, 0, 0, 1],                     // PLI too short
        &[0x84, 206, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5], // half a FIR entry
    ];
    for bytes in malformed {
        let datagram = [bytes, &good[..]].concat();
        let packets: Vec<_> = Compound::new(&datagram).collect();
        assert_eq!(packets.len(), 2, "{bytes:?}");
        assert!(packets[0].is_err(), "{bytes:?}");
        assert!(matches!(packets[1], Ok(Packet::PictureLossIndication(_))), "{bytes:?}");
    }
}

#[test]
fn a_header_that_lies_ends_the_walk() {
    for (bytes, kind) in [
        (&[0x80, 201, 0, 9, 0, 0, 0, 1][..], ParseErrorKind::UnexpectedEnd),
        (&[0x80, 201, 0][..], ParseErrorKind::UnexpectedEnd),
        (&[0x40, 201, 0, 1, 0, 0, 0, 1][..], ParseErrorKind::Version),
        (&[0xA0, 201, 0, 1, 0, 0, 0, 0][..], ParseErrorKind::Padding),
        (&[0xA0, 201, 0, 1, 0, 0, 0, 3][..], ParseErrorKind::Padding),
        (&[0xA0, 201, 0, 1, 0, 0, 0, 8][..], ParseErrorKind::Padding),
        (&[0xA0, 201, 0, 0][..], ParseErrorKind::Padding),
    ] {
        let packets: Vec<_> = Compound::new(bytes).collect();
        assert_eq!(packets.len(), 1);
        assert_eq!(packets[0].as_ref().unwrap_err().kind, kind, "{bytes:?}");
    }
}

#[test]
fn padding_is_taken_off() {
    let Packet::ReceiverReport(report) = one(&[0xA0, 201, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4]) else { panic!() };
    assert_eq!((report.sender, report.reports.len()), (Ssrc(1), 0));
}

#[test]
fn a_description_without_its_last_zeros_is_read() {
    let Packet::SourceDescription(description) = one(&[0x81, 202, 0, 2, 0, 0, 0, 1, 1, 2, b'a', b'b']) else {
        panic!()
    };
    assert_eq!(description.chunks().next().unwrap().item(ItemType::CNAME), Some(&b"ab"[..]));
}

#[test]
fn goodbye_may_say_why() {
    let Packet::Goodbye(goodbye) = one(&[0x81, 203, 0, 2, 0, 0, 0, 1, 2, b'h', b'i', 0]) else { panic!() };
    assert_eq!(goodbye.sources().collect::<Vec<_>>(), [Ssrc(1)]);
    assert_eq!(goodbye.reason, Some(&b"hi"[..]));
}

proptest! {
    #[test]
    fn unknown_packets_are_kept(packet_type in 207_u8.., count in 0_u8..32, words in vec(any::<u32>(), 0..20)) {
        let body: Vec<u8> = words.into_iter().flat_map(u32::to_be_bytes).collect();
        let unknown = UnknownPacket { packet_type, count, body: &body };
        let mut out = Vec::new();
        unknown.write(&mut out);
        let Packet::Unknown(read) = one(&out) else { panic!() };
        prop_assert_eq!(read, unknown);
    }

    #[test]
    fn reports_round_trip(
        numbers in vec((any::<u32>(), any::<u8>(), -(1 << 23)..1 << 23, any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>()), 0..31),
        (ssrc, ntp, timestamp, packets, octets) in (any::<u32>(), any::<u64>(), any::<u32>(), any::<u32>(), any::<u32>()),
    ) {
        let blocks: Vec<ReportBlock> = numbers.into_iter().map(|(ssrc, fraction_lost, cumulative_lost, highest, jitter, last, delay)| ReportBlock {
            ssrc: Ssrc(ssrc), fraction_lost, cumulative_lost, highest_sequence_number: highest, jitter,
            last_sender_report: last, delay_since_last_sender_report: delay,
        }).collect();
        let info = SenderInfo { ssrc: Ssrc(ssrc), ntp_time: NtpTime(ntp), rtp_timestamp: timestamp, packet_count: packets, octet_count: octets };
        let mut out = Vec::new();
        SenderReport::write(&mut out, &info, blocks.clone());
        let Packet::SenderReport(report) = one(&out) else { panic!() };
        prop_assert_eq!(report.info, info);
        prop_assert_eq!(report.reports.collect::<Vec<_>>(), blocks);
    }

    #[test]
    fn names_round_trip(names in vec((any::<u32>(), "\\PC{0,40}"), 0..31)) {
        let mut out = Vec::new();
        SourceDescription::write_cnames(&mut out, names.iter().map(|(ssrc, name)| (Ssrc(*ssrc), name.as_str())));
        let Packet::SourceDescription(description) = one(&out) else { panic!() };
        let read: Vec<(u32, String)> = description
            .chunks()
            .map(|chunk| (chunk.source.0, String::from_utf8(chunk.item(ItemType::CNAME).unwrap().to_vec()).unwrap()))
            .collect();
        prop_assert_eq!(read, names);
    }

    #[test]
    fn losses_round_trip(start in any::<u16>(), steps in vec(1_u16..60, 1..200)) {
        let mut number = SequenceNumber(start);
        let mut missing = vec![number];
        for step in steps {
            number = number.add(step);
            missing.push(number);
        }
        let mut out = Vec::new();
        Nack::write(&mut out, Ssrc(1), Ssrc(2), missing.iter().copied());
        let Packet::Nack(nack) = one(&out) else { panic!() };
        prop_assert_eq!(nack.sequence_numbers().collect::<Vec<_>>(), missing);
    }

    #[test]
    fn any_bytes_are_walked_to_the_end(bytes in vec(any::<u8>(), 0..300)) {
        walk(&bytes);
    }

    #[test]
    fn any_content_behind_true_headers_is_walked(
        packets in vec((0xA0_u8..=0xBF, 200_u8..208, vec(any::<u8>(), 0..40), any::<bool>()), 0..8),
    ) {
        let mut bytes = Vec::new();
        for (first, packet_type, mut body, padded) in packets {
            body.resize(body.len().next_multiple_of(4), 0);
            let words = u16::try_from(body.len() / 4).unwrap().to_be_bytes();
            bytes.extend_from_slice(&[if padded { first } else { first & 0x9F }, packet_type, words[0], words[1]]);
            bytes.extend_from_slice(&body);
        }
        walk(&bytes);
    }
}

/// Looks at everything in a datagram.
fn walk(bytes: &[u8]) {
    let mut seen = 0;
    for packet in Compound::new(bytes) {
        seen += match packet {
            Ok(Packet::SenderReport(report)) => report.reports.count(),
            Ok(Packet::ReceiverReport(report)) => report.reports.count(),
            Ok(Packet::SourceDescription(description)) => {
                description.chunks().map(|chunk| 1 + chunk.items().count()).sum()
            }
            Ok(Packet::Goodbye(goodbye)) => goodbye.sources().count(),
            Ok(Packet::Nack(nack)) => nack.sequence_numbers().count(),
            Ok(Packet::FullIntraRequest(fir)) => fir.entries().count(),
            Ok(Packet::Unknown(unknown)) => unknown.body.len(),
            Ok(Packet::PictureLossIndication(_)) | Err(_) => 1,
        };
    }
    assert!(seen <= 17 * bytes.len() + 1);
}
