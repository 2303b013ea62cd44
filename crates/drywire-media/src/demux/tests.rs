use drywire_rtp::HeaderFields;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const MID_EXTENSION: u8 = 4;

fn payload_types(numbers: &[u8]) -> Vec<PayloadType> {
    numbers.iter().map(|number| PayloadType::new(*number).unwrap()).collect()
}

fn sections() -> [Section<char>; 3] {
    let section = |key, mid: &str, ssrcs: &[u32], numbers: &[u8]| Section {
        key,
        mid: mid.to_owned(),
        mid_extension: Some(MID_EXTENSION),
        ssrcs: ssrcs.iter().copied().map(Ssrc).collect(),
        payload_types: payload_types(numbers),
    };
    [
        section('a', "audio", &[100], &[111, 0]),
        section('v', "video", &[], &[96, 97]),
        section('s', "screen", &[300], &[96, 98]),
    ]
}

fn demux() -> Demux<char> {
    let mut demux = Demux::new();
    demux.set_sections(sections());
    demux
}

fn route(demux: &mut Demux<char>, ssrc: u32, payload_type: u8, mid: Option<&str>) -> Option<char> {
    let mut packet = Vec::new();
    let fields = HeaderFields {
        ssrc: Ssrc(ssrc),
        payload_type: PayloadType::new(payload_type).unwrap(),
        ..HeaderFields::default()
    };
    let element = mid.map(|mid| (MID_EXTENSION, mid.as_bytes()));
    fields.write(&mut packet, element.as_slice()).unwrap();
    demux.route(&RtpHeader::parse(&packet).unwrap(), &packet)
}

#[test]
fn the_mid_decides_and_binds_the_ssrc() {
    let mut demux = demux();
    assert_eq!(route(&mut demux, 1, 96, Some("screen")), Some('s'));
    assert_eq!(route(&mut demux, 1, 96, None), Some('s'));
    assert_eq!(demux.section_of(Ssrc(1)), Some('s'));
    // The sender may move an SSRC, even an announced one.
    assert_eq!(route(&mut demux, 1, 96, Some("video")), Some('v'));
    assert_eq!(route(&mut demux, 1, 96, None), Some('v'));
    assert_eq!(route(&mut demux, 100, 111, Some("video")), Some('v'));
    assert_eq!(route(&mut demux, 100, 111, None), Some('v'));
}

#[test]
fn an_unknown_mid_is_dropped() {
    let mut demux = demux();
    assert_eq!(route(&mut demux, 100, 111, Some("other")), None);
    assert_eq!(route(&mut demux, 5, 111, Some("other")), None);
    assert_eq!(demux.section_of(Ssrc(5)), None);
}

#[test]
fn an_announced_ssrc_needs_no_mid() {
    let mut demux = demux();
    assert_eq!(route(&mut demux, 300, 96, None), Some('s'));
    assert_eq!(route(&mut demux, 100, 0, None), Some('a'));
}

#[test]
fn an_ssrc_that_is_announced_twice_belongs_to_the_first_section() {
    let mut sections = sections();
    sections[2].ssrcs.push(Ssrc(100));
    let mut demux = Demux::new();
    demux.set_sections(sections);
    assert_eq!(demux.section_of(Ssrc(100)), Some('a'));
}

#[test]
fn the_payload_type_decides_last_and_only_if_it_is_unique() {
    let mut demux = demux();
    assert_eq!(route(&mut demux, 7, 96, None), None);
    assert_eq!(route(&mut demux, 7, 97, None), Some('v'));
    assert_eq!(route(&mut demux, 7, 96, None), Some('v'));
    assert_eq!(route(&mut demux, 8, 50, None), None);
}

#[test]
fn bindings_survive_a_negotiation_unless_their_section_goes() {
    let mut demux = demux();
    route(&mut demux, 1, 96, Some("screen"));
    route(&mut demux, 2, 97, None);
    let [audio, _, mut screen] = sections();
    screen.key = 'S';
    demux.set_sections([screen, audio]);
    assert_eq!(route(&mut demux, 1, 96, None), Some('S'));
    assert_eq!(demux.section_of(Ssrc(2)), None);
    assert_eq!(route(&mut demux, 100, 111, None), Some('a'));
}

#[test]
fn d09_bindings_are_bounded() {
    let mut demux = demux();
    for ssrc in 1000..10_000 {
        assert_eq!(route(&mut demux, ssrc, 97, None), Some('v'));
    }
    assert_eq!((demux.latched.len(), demux.latched_order.len()), (MAX_LATCHED, MAX_LATCHED));
    assert_eq!(demux.section_of(Ssrc(9999)), Some('v'));
    assert_eq!(demux.section_of(Ssrc(1000)), None);
    demux.forget(Ssrc(9999));
    assert_eq!(demux.section_of(Ssrc(9999)), None);
    assert_eq!(demux.latched_order.len(), MAX_LATCHED - 1);
}

#[test]
fn without_sections_nothing_is_routed() {
    assert_eq!(route(&mut Demux::new(), 1, 96, Some("video")), None);
}

proptest! {
    /// Whatever came before: a known MID decides, an unknown one is dropped, and what was routed stays bound.
    #[test]
    fn a_mid_always_decides(
        packets in vec((0_u32..400, 94_u8..114, proptest::option::of(0_usize..4), any::<bool>()), 0..200),
    ) {
        const MIDS: [&str; 4] = ["audio", "video", "screen", "other"];
        let mut demux = demux();
        for (ssrc, payload_type, mid, renegotiate) in packets {
            if renegotiate {
                demux.set_sections(sections());
            }
            let bound = demux.section_of(Ssrc(ssrc));
            let routed = route(&mut demux, ssrc, payload_type, mid.map(|at| MIDS[at]));
            match mid {
                Some(3) => prop_assert_eq!(routed, None),
                Some(at) => prop_assert_eq!(routed, Some(['a', 'v', 's'][at])),
                None if bound.is_some() => prop_assert_eq!(routed, bound),
                None => {}
            }
            if routed.is_some() {
                prop_assert_eq!(demux.section_of(Ssrc(ssrc)), routed);
            } else {
                prop_assert_eq!(demux.section_of(Ssrc(ssrc)), bound);
            }
            prop_assert_eq!(demux.latched.len(), demux.latched_order.len());
        }
    }
}
