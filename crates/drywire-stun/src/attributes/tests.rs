use std::net::SocketAddr;

use proptest::prelude::*;

use super::*;

fn written<'v, A: Attribute<'v>>(attribute: &A, id: TransactionId) -> Vec<u8> {
    let mut out = Vec::new();
    attribute.write(id, &mut Writer::new(&mut out));
    out
}

/// Writes `attribute`, reads it back, and shows that every shorter value is refused without panic or is another.
macro_rules! assert_round_trip {
    ($attribute:expr, $id:expr) => {{
        let (attribute, id) = ($attribute, $id);
        let bytes = written(&attribute, id);
        prop_assert_eq!(Attribute::parse(&bytes, id), Some(attribute));
        for end in 0..bytes.len() {
            prop_assert_ne!(Attribute::parse(&bytes[..end], id), Some(attribute));
        }
    }};
}

proptest! {
    #[test]
    fn every_attribute_is_read_as_written(
        id in any::<[u8; 12]>(), v4 in any::<([u8; 4], u16)>(), v6 in any::<([u8; 16], u16)>(),
        text in "[ -~äß]{1,80}", a in any::<u32>(), b in any::<u64>(), code in 300_u16..700,
        types in proptest::collection::vec(any::<u16>(), 0..16), hash in any::<[u8; 32]>(),
    ) {
        let id = TransactionId::new(id);
        for address in [SocketAddr::from(v4), SocketAddr::from(v6)] {
            assert_round_trip!(MappedAddress(address), id);
            assert_round_trip!(XorMappedAddress(address), id);
            assert_round_trip!(AlternateServer(address), id);
            assert_round_trip!(ResponseOrigin(address), id);
            assert_round_trip!(OtherAddress(address), id);
            assert_round_trip!(XorPeerAddress(address), id);
            assert_round_trip!(XorRelayedAddress(address), id);
        }
        assert_round_trip!(AlternateDomain(&text), id);
        assert_round_trip!(ChangeRequest { ip: a & 1 != 0, port: a & 2 != 0 }, id);
        assert_round_trip!(Padding { len: usize::from(code) }, id);
        assert_round_trip!(ResponsePort(code), id);
        assert_round_trip!(Username(&text), id);
        assert_round_trip!(Realm(&text), id);
        assert_round_trip!(Nonce(&text), id);
        assert_round_trip!(Software(&text), id);
        assert_round_trip!(Priority(a), id);
        assert_round_trip!(NetworkCost(a), id);
        assert_eq!(NetworkCost::new(7, 900), NetworkCost(0x0007_0384));
        assert_eq!(NetworkCost(a).id() == 0, a < 0x1_0000);
        assert_round_trip!(Nomination(a), id);
        assert_round_trip!(IceControlled(b), id);
        assert_round_trip!(IceControlling(b), id);
        assert_round_trip!(UseCandidate, id);
        assert_round_trip!(UserHash(hash), id);
        assert_round_trip!(ErrorCode { code, reason: "Reason" }, id);
        assert_round_trip!(types.iter().copied().map(AttributeType::new).collect::<UnknownAttributes>(), id);
        assert_round_trip!(PasswordAlgorithmAttribute(PasswordAlgorithm::SHA256), id);
        assert_round_trip!(PasswordAlgorithms::ALL, id);
        assert_round_trip!(DtlsInStunData(&hash), id);
        assert_round_trip!(Lifetime(a), id);
        assert_round_trip!(ConnectionId(a), id);
        assert_round_trip!(ChannelNumber(code), id);
        assert_round_trip!(Data(&hash), id);
        assert_round_trip!(MobilityTicket(&hash), id);
        assert_round_trip!(ReservationToken(b.to_be_bytes()), id);
        assert_round_trip!(DontFragment, id);
        assert_round_trip!(RequestedTransport::UDP, id);
        assert_round_trip!(Icmp { icmp_type: 3, code: 4, error_data: a }, id);
        for family in [AddressFamily::V4, AddressFamily::V6] {
            assert_round_trip!(RequestedAddressFamily(family), id);
            assert_round_trip!(AdditionalAddressFamily(family), id);
            assert_round_trip!(AddressErrorCode { family, code, reason: "Reason" }, id);
        }
        for reserve_next in [false, true] {
            assert_round_trip!(EvenPort { reserve_next }, id);
        }
        assert_round_trip!([a, !a, a ^ 1].into_iter().collect::<DtlsInStunAck>(), id);
    }

    #[test]
    fn random_values_never_panic(value in proptest::collection::vec(any::<u8>(), 0..64)) {
        let id = TransactionId::new([7; 12]);
        let _ = (MappedAddress::parse(&value, id), XorMappedAddress::parse(&value, id), Username::parse(&value, id));
        let _ = (ErrorCode::parse(&value, id), UnknownAttributes::parse(&value, id), UserHash::parse(&value, id));
        if let Some(algorithms) = PasswordAlgorithms::parse(&value, id) {
            prop_assert!(algorithms.iter().count() <= value.len() / 4);
        }
        let _ = (PasswordAlgorithmAttribute::parse(&value, id), Priority::parse(&value, id));
        let _ = (AddressErrorCode::parse(&value, id), RequestedAddressFamily::parse(&value, id), Icmp::parse(&value, id));
        let _ = (ChannelNumber::parse(&value, id), EvenPort::parse(&value, id), Lifetime::parse(&value, id));
        if let Some(acks) = DtlsInStunAck::parse(&value, id) {
            prop_assert!(acks.iter().count() <= DtlsInStunAck::MAX.min(value.len() / 4));
        }
    }
}

#[test]
fn known_algorithms_in_order() {
    let offered: Vec<_> = PasswordAlgorithms::ALL.iter().collect();
    assert_eq!(offered, [PasswordAlgorithm::SHA256, PasswordAlgorithm::MD5]);
}

#[test]
fn a_text_past_its_limit_is_malformed() {
    let long = "x".repeat(514);
    let id = TransactionId::new([0; 12]);
    assert_eq!(Username::parse(long.as_bytes(), id), None);
    assert!(Username::parse(&long.as_bytes()[..513], id).is_some());
    assert_eq!(Username::parse(&[0xFF], id), None);
}

#[test]
fn names_and_numbers() {
    assert_eq!(AttributeType::XOR_MAPPED_ADDRESS.to_string(), "XOR-MAPPED-ADDRESS");
    assert_eq!(AttributeType::new(0x7777).to_string(), "0x7777");
    assert!(AttributeType::PRIORITY.is_comprehension_required());
    assert!(!AttributeType::ICE_CONTROLLED.is_comprehension_required());
}

proptest! {
    #[test]
    fn b11_reason_phrases_that_are_not_utf8(code in 300_u16..700, reason in proptest::collection::vec(any::<u8>(), 0..40)) {
        let [class, number] = [code / 100, code % 100].map(|digits| u8::try_from(digits).unwrap());
        let value = [&[0, 0, class, number], &reason[..]].concat();
        let parsed = ErrorCode::parse(&value, TransactionId::new([0; 12])).unwrap();
        prop_assert_eq!(parsed.code, code);
        prop_assert_eq!(parsed.reason, str::from_utf8(&reason).unwrap_or_default());
    }
}
