use super::*;
use crate::record::RecordNumber;
use crate::{CloseReason, RecordError, State};

#[test]
fn c06_keys_are_updated_before_their_limit() {
    let mut pair = Pair::new(config(0), config(1), 1, Link::default());
    pair.connect();
    for end in [CLIENT, SERVER] {
        pair.ends[end].handshake.records.set_written((1 << 23) - 2, 0);
        pair.ends[1 - end].handshake.records.set_read((1 << 23) - 2);
        for _ in 0..4 {
            let record = pair.write(end, b"on and on");
            pair.carry(end, &record);
        }
        pair.settle();
        assert_eq!(pair.ends[end].handshake.records.write_epoch(), 4);
        assert_eq!(pair.data(1 - end).len(), 4);
    }
    pair.check();
}

#[test]
fn c06_spent_keys_write_nothing_more() {
    for version in [Version::Dtls12, Version::Dtls13] {
        let mut pair = Pair::new(only(config(0), version), config(1), 1, Link::default());
        pair.connect();
        match version {
            Version::Dtls12 => pair.ends[CLIENT].handshake.records.set_written(5, 23_726_566 << 10),
            Version::Dtls13 => pair.ends[CLIENT].handshake.records.set_written(23_726_566, 0),
        }
        let mut out = vec![1, 2, 3];
        assert_eq!(pair.ends[CLIENT].write(b"one too many", &mut out), Err(RecordError::KeyLimit));
        assert_eq!(out, [1, 2, 3]);
        pair.drain();
        assert_eq!(pair.ends[CLIENT].state(), State::Failed);
        assert_eq!(pair.events[CLIENT].last(), Some(&Event::Closed { reason: CloseReason::KeyLimit }));
    }
}

#[test]
fn c06_sequence_numbers_do_not_wrap() {
    let mut pair = Pair::new(only(config(0), Version::Dtls12), config(1), 1, Link::default());
    pair.connect();
    pair.ends[CLIENT].handshake.records.set_written((1 << 48) - 1, 0);
    let last = pair.write(CLIENT, b"last");
    pair.carry(CLIENT, &last);
    assert_eq!(pair.ends[CLIENT].write(b"after", &mut Vec::new()), Err(RecordError::KeyLimit));
    pair.settle();
    assert_eq!(pair.data(SERVER), [b"last".to_vec()]);
}

#[test]
fn c06_updates_of_both_sides_at_once_and_over_a_bad_link() {
    for seed in 0..40 {
        let (mut client, mut server) = (config(0), config(1));
        (client.handshake_timeout, server.handshake_timeout) = (None, None);
        let link = Link { loss: 20, duplicate: 10, jitter: 50 };
        let mut pair = Pair::new(client, server, seed, link);
        pair.connect();
        for round in 1..4 {
            pair.ends[CLIENT].update_keys();
            pair.ends[SERVER].update_keys();
            pair.ends[SERVER].update_keys();
            let record = pair.write(CLIENT, b"meanwhile");
            pair.carry(CLIENT, &record);
            let updated = |pair: &Pair| pair.ends.iter().all(|end| end.stats().key_updates == 2 * round);
            assert!(
                pair.run_until(updated),
                "{seed} {round} {:?}",
                pair.ends.each_ref().map(|end| end.stats().clone())
            );
            pair.settle();
        }
        pair.check();
    }
}

#[test]
fn c05_c07_each_record_is_accepted_once() {
    for version in [Version::Dtls12, Version::Dtls13] {
        let mut pair = Pair::new(only(config(0), version), config(1), 1, Link::default());
        pair.connect();
        let records: Vec<_> = (0..200_u8).map(|at| pair.write(CLIENT, &[at])).collect();
        // Out of order by up to 50 places: well within the window.
        let order: Vec<usize> = (0..4).flat_map(|block| (block * 50..block * 50 + 50).rev()).collect();
        for at in order.iter().chain(&order) {
            let record = BytesMut::from(&records[*at][..]);
            pair.ends[SERVER].handle_input(pair.now, record);
        }
        pair.drain();
        let mut data: Vec<_> = pair.data(SERVER).concat();
        data.sort_unstable();
        assert_eq!(data, (0..200).collect::<Vec<u8>>());
        assert_eq!(pair.ends[SERVER].stats().records_replayed, 200);
    }
}

/// The numbers of records, and with them the nonces, are never used twice, whatever is sent again (attack C05).
#[test]
fn c05_no_record_number_is_used_twice() {
    let mut repeated = 0;
    for seed in 0..20 {
        let (mut client, mut server) = (only(config(0), Version::Dtls12), config(1));
        (client.handshake_timeout, server.handshake_timeout) = (None, None);
        let mut pair = Pair::new(client, server, seed, Link { loss: 40, ..Link::default() });
        let mut seen = [std::collections::HashSet::new(), std::collections::HashSet::new()];
        let mut note = |end: usize, datagram: &[u8]| {
            let mut rest = datagram;
            while let Some((header, header_len, len)) = crate::record::PlaintextHeader::parse(rest, 0) {
                assert!(seen[end].insert((header.epoch, header.sequence)), "{header:?}");
                rest = &rest[header_len + len..];
            }
        };
        let mut out = Vec::new();
        for _ in 0..60 {
            for end in [CLIENT, SERVER] {
                while pair.ends[end].poll_transmit(pair.now, &mut out).is_some() {
                    note(end, &out);
                    pair.carry(end, &out);
                    out.clear();
                }
                if pair.ends[end].is_connected() {
                    let record = pair.write(end, b"data");
                    note(end, &record);
                }
            }
            pair.step();
        }
        repeated += pair.ends.iter().map(|end| end.stats().retransmissions).sum::<u64>();
    }
    assert!(repeated > 20, "{repeated}");
}

#[test]
fn c07_a_forged_record_far_ahead_moves_no_window() {
    for version in [Version::Dtls12, Version::Dtls13] {
        let mut pair = Pair::new(only(config(0), version), config(1), 1, Link::default());
        pair.connect();
        let honest = pair.write(CLIENT, b"honest");
        for at in 0..honest.len() {
            for bit in [0x01, 0x80] {
                let mut forged = honest.clone();
                forged[at] ^= bit;
                pair.ends[SERVER].handle_input(pair.now, BytesMut::from(&forged[..]));
            }
        }
        if version == Version::Dtls12 {
            let mut forged = honest.clone();
            forged[5..11].fill(0xFF);
            pair.ends[SERVER].handle_input(pair.now, BytesMut::from(&forged[..]));
        }
        pair.drain();
        assert!(pair.data(SERVER).is_empty());
        pair.ends[SERVER].handle_input(pair.now, BytesMut::from(&honest[..]));
        pair.drain();
        assert_eq!(pair.data(SERVER), [b"honest".to_vec()]);
        assert_eq!(pair.ends[SERVER].state(), State::Connected);
    }
}

#[test]
fn several_records_in_one_datagram() {
    for version in [Version::Dtls12, Version::Dtls13] {
        let mut pair = Pair::new(only(config(0), version), config(1), 1, Link::default());
        pair.connect();
        let mut datagram = Vec::new();
        for data in [&b"a"[..], b"", b"ccc"] {
            pair.ends[SERVER].write(data, &mut datagram).unwrap();
        }
        datagram.extend_from_slice(b"junk");
        pair.ends[CLIENT].handle_input(pair.now, BytesMut::from(&datagram[..]));
        pair.drain();
        assert_eq!(pair.data(CLIENT), [b"a".to_vec(), Vec::new(), b"ccc".to_vec()]);
    }
}

#[test]
fn records_are_checked_when_they_are_finished() {
    let mut pair = Pair::new(config(0), config(1), 1, Link::default());
    pair.connect();
    let client = &mut pair.ends[CLIENT];
    let mut out = vec![9];
    let record = client.begin_record(&mut out).unwrap();
    out.clear();
    assert_eq!(client.finish_record(&mut out, record), Err(RecordError::WrongBuffer));
    let record = client.begin_record(&mut out).unwrap();
    out.resize(out.len() + 16_385, 0);
    assert_eq!(client.finish_record(&mut out, record), Err(RecordError::TooLong));
    assert!(out.is_empty());
    let record = client.begin_record(&mut out).unwrap();
    out.resize(out.len() + 16_384, 0);
    assert_eq!(client.finish_record(&mut out, record), Ok(16_384 + client.record_overhead()));
    pair.ends[SERVER].handle_input(pair.now, BytesMut::from(&out[..]));
    pair.drain();
    assert_eq!(pair.data(SERVER), [vec![0; 16_384]]);
}

#[test]
fn record_numbers_are_ordered_by_epoch() {
    let (a, b) = (RecordNumber { epoch: 2, sequence: 9 }, RecordNumber { epoch: 3, sequence: 0 });
    assert!(a < b);
}
