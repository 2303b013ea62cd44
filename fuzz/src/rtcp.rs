//! RTCP: any datagram is walked to its end, and what was read, written again, is read the same.

use drywire_rtp::rtcp::{
    Compound, FullIntraRequest, Goodbye, Nack, Packet, ReceiverReport, SenderReport, SourceDescription,
};

/// The input is a datagram.
pub fn run(data: &[u8]) {
    let mut written = Vec::new();
    for packet in Compound::new(data) {
        let Ok(packet) = packet else { continue };
        if let Packet::SourceDescription(description) = &packet {
            describe(description, data.len());
        }
        write(&packet, &mut written);
    }
    let mut again = Vec::new();
    for packet in Compound::new(&written) {
        write(&packet.expect("what was written can be read"), &mut again);
    }
    assert_eq!(written, again, "what was written is read differently");
}

fn describe(description: &SourceDescription<'_>, len: usize) {
    let mut bytes = 0;
    for chunk in description.chunks() {
        bytes += 4;
        for (item, text) in chunk.items() {
            assert!(chunk.item(item).is_some());
            bytes += 2 + text.len();
        }
    }
    assert!(bytes <= len, "the items are longer than the datagram");
}

fn write(packet: &Packet<'_>, out: &mut Vec<u8>) {
    let before = out.len();
    let len = match packet {
        Packet::SenderReport(report) => SenderReport::write(out, &report.info, report.reports),
        Packet::ReceiverReport(report) => ReceiverReport::write(out, report.sender, report.reports),
        Packet::Goodbye(goodbye) => Goodbye::write(out, goodbye.sources()),
        Packet::Nack(nack) => {
            assert!(nack.sequence_numbers().count() > 0);
            Nack::write(out, nack.sender, nack.media, nack.sequence_numbers())
        }
        Packet::PictureLossIndication(pli) => pli.write(out),
        Packet::FullIntraRequest(fir) => FullIntraRequest::write(out, fir.sender, fir.entries()),
        Packet::Unknown(unknown) => unknown.write(out),
        _ => 0,
    };
    assert_eq!(len, out.len() - before);
}
