//! What a packet costs once an association runs.

use bytes::{Bytes, BytesMut};
use drywire_core::Duration;

use super::link::Pair;
use crate::{Config, Ppid, SendOptions, StreamId};

#[test]
fn sending_data_allocates_nothing_and_receiving_it_once_for_each_message() {
    let mut pair = Pair::connected([Config::default(), Config::default()], 1);
    let payload = Bytes::from(vec![7; 16_384]);
    let (stream, mut out) = (StreamId(0), Vec::with_capacity(2_000));
    let mut arrived: Vec<Bytes> = Vec::with_capacity(4_000);
    let (mut sent, mut written, mut sending, mut receiving) = (0_u64, 0_u64, 0, 0);
    for round in 0..60 {
        if round == 40 {
            (sent, written, sending, receiving) = (0, 0, 0, 0);
        }
        let now = pair.now;
        let [a, b] = &mut pair.sides;
        for _ in 0..64 {
            let counted = allocation_counter::measure(|| {
                let taken = a.write(now, stream, Ppid(53), payload.clone(), SendOptions::ordered());
                written += u64::from(taken.is_ok());
            });
            sending += counted.count_total;
        }
        loop {
            out.clear();
            let mut more = false;
            sending +=
                allocation_counter::measure(|| more = a.poll_transmit(now, &mut out).is_some()).count_total;
            if !more {
                break;
            }
            sent += 1;
            arrived.push(BytesMut::from(&out[..]).freeze());
        }
        let counted = allocation_counter::measure(|| {
            for packet in arrived.drain(..) {
                b.handle_input(now, packet);
            }
            while b.read(stream).is_some() {}
        });
        receiving += counted.count_total;
        out.clear();
        while b.poll_transmit(now, &mut out).is_some() {
            let packet = Bytes::copy_from_slice(&out);
            sending += allocation_counter::measure(|| a.handle_input(now, packet)).count_total;
            out.clear();
        }
        while a.poll_event().is_some() || b.poll_event().is_some() {}
        pair.now += Duration::from_millis(1);
    }
    assert!(sent > 10_000, "{sent}");
    assert_eq!(sending, 0, "for {sent} packets");
    // `Bytes` allocates its reference count when a slice is first taken of a packet; the rest is one buffer a message.
    assert!(receiving <= sent + written + 100, "{receiving} for {sent} packets and {written} messages");
}
