//! RTP: what is read lies within the packet, and what was read can be written and read again.

use drywire_rtp::extension::{
    AbsSendTime, AudioLevel, Mid, RepairedRid, Rid, TransportSequenceNumber, VideoOrientation,
};
use drywire_rtp::{HeaderFields, RtpHeader, RtpPacket, Ssrc, write_padding};

/// The input is a packet.
pub fn run(data: &[u8]) {
    if let Ok(header) = RtpHeader::parse_encrypted(data) {
        assert_eq!(header.header_len() + header.payload_len(), data.len());
        assert_eq!(header.padding_len(), 0);
    }
    let Ok(packet) = RtpPacket::parse(data) else { return };
    let header = packet.header();
    let parts = header.header_len() + packet.payload().len() + usize::from(header.padding_len());
    assert_eq!(parts, data.len(), "the parts are not the packet");

    let csrcs: Vec<Ssrc> = packet.csrcs().collect();
    let elements: Vec<(u8, &[u8])> = packet.extensions().collect();
    for (id, value) in &elements {
        assert!(*id != 0 && value.len() <= 255);
        let first = elements.iter().find(|(other, _)| other == id).map(|(_, value)| *value);
        assert_eq!(packet.extension(*id), first);
        interpret(value);
    }

    let fields = HeaderFields {
        payload_type: header.payload_type(),
        marker: header.marker(),
        sequence_number: header.sequence_number(),
        timestamp: header.timestamp(),
        ssrc: header.ssrc(),
        csrcs: &csrcs,
        padding: header.padding_len() > 0,
    };
    let mut out = b"before".to_vec();
    let before = out.len();
    let len = fields.write(&mut out, &elements);
    assert_eq!(len, Ok(out.len() - before), "what was read cannot be written");
    out.extend_from_slice(packet.payload());
    write_padding(&mut out, header.padding_len());
    assert!(out.starts_with(b"before"), "the caller's bytes were changed");

    let again =
        RtpPacket::parse(out.get(before..).unwrap_or_default()).expect("what was written can be read");
    assert_eq!(again.header().payload_type(), header.payload_type());
    assert_eq!(again.header().marker(), header.marker());
    assert_eq!(again.header().sequence_number(), header.sequence_number());
    assert_eq!(again.header().timestamp(), header.timestamp());
    assert_eq!(again.header().ssrc(), header.ssrc());
    assert_eq!(again.header().padding_len(), header.padding_len());
    assert!(again.csrcs().eq(csrcs));
    assert!(again.extensions().eq(elements));
    assert_eq!(again.payload(), packet.payload());
}

/// Every element is read as every kind: which one it is, is the negotiation's matter.
fn interpret(value: &[u8]) {
    assert!(Mid::parse(value).is_none_or(|mid| !mid.as_str().is_empty()));
    assert!(Rid::parse(value).is_none_or(|rid| !rid.as_str().is_empty()));
    assert!(RepairedRid::parse(value).is_none_or(|rid| !rid.as_str().is_empty()));
    if let Some(level) = AudioLevel::parse(value) {
        assert_eq!(AudioLevel::parse(&level.value()), Some(level));
    }
    if let Some(orientation) = VideoOrientation::parse(value) {
        assert_eq!(VideoOrientation::parse(&orientation.value()), Some(orientation));
    }
    if let Some(time) = AbsSendTime::parse(value) {
        assert_eq!(AbsSendTime::parse(&time.value()), Some(time));
    }
    if let Some(number) = TransportSequenceNumber::parse(value) {
        assert_eq!(TransportSequenceNumber::parse(&number.value()), Some(number));
    }
}
