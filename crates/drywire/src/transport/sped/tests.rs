use std::net::SocketAddr;

use drywire_core::Path;
use proptest::prelude::*;

use super::*;

/// A datagram that looks like one of DTLS.
fn datagram(number: u8) -> Vec<u8> {
    vec![22, 254, 253, number]
}

fn carrier(is_valid: bool) -> Carrier {
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    Carrier { path: Path::udp(address, address), is_valid }
}

/// What rides next: the number of the datagram, and what is acknowledged.
fn ride(sped: &mut Sped) -> Option<(Option<u8>, Vec<u32>)> {
    let attachment = sped.attach(carrier(true))?;
    Some((attachment.payload.last().copied(), attachment.received.iter().collect()))
}

fn message(payload: Option<&[u8]>, acknowledged: Option<&[&[u8]]>) -> ReceivedAttachment {
    let checksums = |list: &[&[u8]]| list.iter().map(|datagram| DtlsInStunAck::checksum(datagram)).collect();
    ReceivedAttachment { payload: payload.map(BytesMut::from), acknowledged: acknowledged.map(checksums) }
}

fn with_flight(numbers: &[u8]) -> Sped {
    let mut sped = Sped::new();
    sped.replace(numbers.iter().map(|number| datagram(*number)).collect());
    sped
}

#[test]
fn a_flight_rides_in_turn_until_it_is_acknowledged() {
    let mut sped = with_flight(&[1, 2, 3]);
    let turns = |sped: &mut Sped, count| (0..count).map(|_| ride(sped).unwrap().0).collect::<Vec<_>>();
    assert_eq!(turns(&mut sped, 4), [Some(1), Some(2), Some(3), Some(1)]);
    sped.receive(message(Some(&[]), Some(&[&datagram(1)])));
    assert_eq!(turns(&mut sped, 3), [Some(2), Some(3), Some(2)]);
    sped.receive(message(None, Some(&[&datagram(3), &datagram(9)])));
    assert_eq!(turns(&mut sped, 2), [Some(2), Some(2)]);
    sped.receive(message(None, Some(&[&datagram(2)])));
    // Nothing is left, but the peer is told that we would take something.
    assert_eq!(turns(&mut sped, 1), [None]);
    assert_eq!(sped.sent_count, 9);
    // A new flight stands for the old one.
    sped.replace(vec![datagram(7)]);
    sped.replace(vec![datagram(8)]);
    sped.replace(Vec::new());
    assert_eq!(turns(&mut sped, 2), [Some(8), Some(8)]);
}

#[test]
fn what_was_not_sent_yet_goes_first_and_beside_stun_once() {
    let mut sped = with_flight(&[1, 2]);
    assert_eq!(sped.attach(carrier(false)).unwrap().again, Some(Duration::ZERO));
    assert_eq!(sped.next_direct(), Some(&datagram(2)[..]));
    assert_eq!(sped.next_direct(), None);
    assert_eq!(sped.attach(carrier(false)).unwrap().again, Some(PATIENCE));
    assert_eq!(sped.attach(carrier(true)).unwrap().again, None);
    let mut sped = with_flight(&[1, 2]);
    assert_eq!(sped.next_direct(), Some(&datagram(1)[..]));
    assert_eq!(ride(&mut sped).unwrap().0, Some(2));
    assert_eq!(sped.next_direct(), None);
}

#[test]
fn each_datagram_reaches_dtls_once_and_the_last_four_are_acknowledged() {
    let mut sped = Sped::new();
    for number in [1, 1, 2, 3, 2, 4, 5] {
        let new = sped.receive(message(Some(&datagram(number)), Some(&[])));
        let repeated = sped.receive(message(Some(&datagram(number)), None));
        assert_eq!(repeated, None);
        assert!(new.is_none_or(|new| new == datagram(number)));
    }
    assert_eq!(sped.received_count, 14);
    let expected: Vec<u32> = (2..=5).map(|number| DtlsInStunAck::checksum(&datagram(number))).collect();
    assert_eq!(ride(&mut sped), Some((None, expected)));
    // One that came beside STUN is acknowledged, too, and is nothing new on a check.
    assert!(sped.note(&datagram(6)));
    assert_eq!(sped.receive(message(Some(&datagram(6)), None)), None);
    // What does not look like DTLS does not get there.
    for junk in [&b"drop me"[..], &[19], &[64], &[]] {
        assert_eq!(sped.receive(message(Some(junk), None)), None);
    }
    assert_eq!(sped.received_count, 15);
}

#[test]
fn a_peer_that_does_not_know_it_gets_its_flight_beside_stun() {
    for by_description in [false, true] {
        let mut sped = with_flight(&[1, 2]);
        assert!(ride(&mut sped).is_some());
        if by_description {
            sped.not_negotiated();
        } else {
            assert_eq!(sped.receive(ReceivedAttachment::default()), None);
        }
        assert!(!sped.is_active());
        assert_eq!(ride(&mut sped), None);
        assert_eq!(sped.next_direct(), Some(&datagram(1)[..]));
        assert_eq!(sped.next_direct(), Some(&datagram(2)[..]));
        assert_eq!(sped.next_direct(), None);
        // It is over for good.
        assert_eq!(sped.receive(message(Some(&datagram(3)), None)), None);
        sped.handshake_complete();
        assert!(!sped.is_active());
    }
}

#[test]
fn a_peer_that_knows_it_is_believed_whatever_its_description_and_later_messages_say() {
    let mut sped = with_flight(&[1]);
    sped.receive(message(None, Some(&[])));
    sped.not_negotiated();
    sped.receive(ReceivedAttachment::default());
    assert!(sped.is_active());
}

#[test]
fn it_ends_when_both_sides_have_all() {
    // The last flight is ours: it must be acknowledged.
    let mut last = with_flight(&[3]);
    last.receive(message(Some(&datagram(2)), Some(&[])));
    last.handshake_complete();
    last.conclude();
    last.receive(message(Some(&[]), Some(&[])));
    last.conclude();
    assert!(last.is_active());
    last.receive(message(Some(&[]), Some(&[&datagram(3)])));
    last.conclude();
    assert!(!last.is_active());

    // The last flight is the peer's: it must hear that we have it.
    let mut first = with_flight(&[2]);
    first.receive(message(Some(&datagram(3)), Some(&[&datagram(2)])));
    first.handshake_complete();
    first.conclude();
    assert_eq!(ride(&mut first), Some((None, vec![DtlsInStunAck::checksum(&datagram(3))])));
    first.receive(message(None, Some(&[])));
    first.conclude();
    assert!(!first.is_active());

    // The peer has ended: it has all.
    let mut sped = with_flight(&[3]);
    sped.receive(message(Some(&datagram(2)), Some(&[])));
    sped.handshake_complete();
    sped.receive(ReceivedAttachment::default());
    assert!(!sped.is_active());
    assert_eq!(sped.next_direct(), None);
}

#[test]
fn a16_no_more_than_a_few_datagrams_go_where_the_peer_is_not_known_to_be() {
    let mut sped = with_flight(&[1, 2, 3]);
    let carried = (0..1000).filter(|_| !sped.attach(carrier(false)).unwrap().payload.is_empty()).count();
    assert_eq!(carried, 64);
    assert_eq!(sped.attach(carrier(false)).unwrap().again, None);
    assert!(!sped.attach(carrier(true)).unwrap().payload.is_empty());
    for _ in 0..100 {
        sped.hold(BytesMut::from(&datagram(1)[..]));
    }
    assert_eq!(sped.take_held().len(), 8);
}

/// What may happen to one side, in any order.
#[derive(Clone, Debug)]
enum Op {
    Replace(Vec<u8>),
    Receive(Option<u8>, Option<Vec<u8>>),
    Note(u8),
    Attach(bool),
    Direct,
    Complete,
    Conclude,
    NotNegotiated,
}

fn op() -> impl Strategy<Value = Op> {
    let numbers = || proptest::collection::vec(0_u8..8, 0..5);
    prop_oneof![
        numbers().prop_map(Op::Replace),
        (proptest::option::of(0_u8..8), proptest::option::of(numbers()))
            .prop_map(|(payload, acknowledged)| Op::Receive(payload, acknowledged)),
        (0_u8..8).prop_map(Op::Note),
        any::<bool>().prop_map(Op::Attach),
        Just(Op::Direct),
        Just(Op::Complete),
        Just(Op::Conclude),
        Just(Op::NotNegotiated),
    ]
}

proptest! {
    #[test]
    fn any_order_of_calls_is_legal(ops in proptest::collection::vec(op(), 0..200)) {
        let mut sped = Sped::new();
        let mut flight = Vec::new();
        for op in ops {
            let was_active = sped.is_active();
            match op {
                Op::Replace(numbers) => {
                    if !numbers.is_empty() {
                        flight.clone_from(&numbers);
                    }
                    sped.replace(numbers.into_iter().map(datagram).collect());
                }
                Op::Receive(payload, acknowledged) => {
                    let payload = payload.map(datagram);
                    let acknowledged = acknowledged.map(|list| list.into_iter().map(datagram).collect::<Vec<_>>());
                    let list: Option<Vec<&[u8]>> =
                        acknowledged.as_ref().map(|list| list.iter().map(Vec::as_slice).collect());
                    let new = sped.receive(message(payload.as_deref(), list.as_deref()));
                    prop_assert!(was_active || new.is_none());
                    if let Some(new) = new {
                        prop_assert_eq!(Some(new.to_vec()), payload);
                    }
                }
                Op::Note(number) => drop(sped.note(&datagram(number))),
                Op::Attach(is_valid) => {
                    let unsent = sped.flight.iter().filter(|packet| !packet.sent).count();
                    let attachment = sped.attach(carrier(is_valid));
                    prop_assert_eq!(attachment.is_some(), was_active);
                    if let Some(attachment) = attachment {
                        // Only what is part of the flight rides, and what was not sent yet goes first.
                        if let Some(number) = attachment.payload.last() {
                            prop_assert!(flight.contains(number));
                            prop_assert_eq!(attachment.again == Some(Duration::ZERO), unsent > 1 && !is_valid);
                        }
                        prop_assert!(attachment.received.iter().count() <= 4);
                    }
                }
                Op::Direct => {
                    let unsent = sped.flight.iter().filter(|packet| !packet.sent).count();
                    prop_assert_eq!(sped.next_direct().is_some(), unsent > 0);
                }
                Op::Complete => sped.handshake_complete(),
                Op::Conclude => sped.conclude(),
                Op::NotNegotiated => sped.not_negotiated(),
            }
            // What is over stays over.
            prop_assert!(was_active || !sped.is_active());
        }
    }

    /// Two sides whose messages get lost: as long as some get through, both get each other's flight, and both end.
    #[test]
    fn both_sides_get_all_and_end(
        sizes in (1_u8..5, 1_u8..5), lost in proptest::collection::vec(any::<bool>(), 200),
    ) {
        let flights = [(1..=sizes.0).collect::<Vec<_>>(), (101..100 + sizes.1 + 1).collect()];
        let mut sides = [with_flight(&flights[0]), with_flight(&flights[1])];
        let mut got = [Vec::new(), Vec::new()];
        // After the losses there is a time without.
        for (at, lost) in lost.into_iter().chain(std::iter::repeat_n(false, 40)).enumerate() {
            let (from, to) = (at % 2, 1 - at % 2);
            let attachment = sides[from].attach(carrier(true)).map(|attachment| {
                (BytesMut::from(attachment.payload), attachment.received)
            });
            if lost {
                continue;
            }
            let (payload, acknowledged) = attachment.unzip();
            if let Some(new) = sides[to].receive(ReceivedAttachment { payload, acknowledged }) {
                got[to].push(new[3]);
            }
            got[to].sort_unstable();
            got[to].dedup();
            if got[to] == flights[from] {
                sides[to].handshake_complete();
            }
            sides[to].conclude();
        }
        prop_assert_eq!(&got, &[flights[1].clone(), flights[0].clone()]);
        prop_assert!(!sides[0].is_active() && !sides[1].is_active());
    }
}
