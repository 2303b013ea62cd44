//! Any call, any order, any bytes.

use proptest::prelude::*;

use super::*;
use crate::State;

#[derive(Clone, Debug)]
enum Op {
    Step(u8),
    Input(usize, Vec<u8>),
    Mangle { from: usize, at: usize, bits: u8, cut: usize },
    Timeout(usize, u64),
    Back(usize),
    Fingerprints(usize, bool),
    Write(usize, usize),
    BeginOnly(usize),
    Update(usize),
    Mtu(usize, usize),
    Rtt(usize, u64),
    Close(usize),
    Poll(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let end = 0_usize..2;
    prop_oneof![
        8 => (0_u8..6).prop_map(Op::Step),
        2 => (end.clone(), proptest::collection::vec(any::<u8>(), 0..80)).prop_map(|(end, bytes)| Op::Input(end, bytes)),
        3 => (end.clone(), any::<usize>(), any::<u8>(), any::<usize>())
            .prop_map(|(from, at, bits, cut)| Op::Mangle { from, at, bits, cut }),
        2 => (end.clone(), 0_u64..5000).prop_map(|(end, ms)| Op::Timeout(end, ms)),
        1 => end.clone().prop_map(Op::Back),
        2 => (end.clone(), any::<bool>()).prop_map(|(end, right)| Op::Fingerprints(end, right)),
        2 => (end.clone(), 0_usize..20_000).prop_map(|(end, len)| Op::Write(end, len)),
        1 => end.clone().prop_map(Op::BeginOnly),
        1 => end.clone().prop_map(Op::Update),
        1 => (end.clone(), any::<usize>()).prop_map(|(end, mtu)| Op::Mtu(end, mtu)),
        1 => (end.clone(), any::<u64>()).prop_map(|(end, ms)| Op::Rtt(end, ms)),
        1 => end.clone().prop_map(Op::Close),
        1 => end.prop_map(Op::Poll),
    ]
}

fn apply(pair: &mut Pair, op: Op) {
    match op {
        Op::Step(times) => {
            for _ in 0..times {
                pair.step();
            }
        }
        Op::Input(end, bytes) => pair.ends[end].handle_input(pair.now, BytesMut::from(&bytes[..])),
        Op::Mangle { from, at, bits, cut } => {
            let mut out = Vec::new();
            if pair.ends[from].poll_transmit(pair.now, &mut out).is_some() {
                let len = out.len();
                let mut mangled = out.clone();
                mangled[at % len] ^= bits;
                mangled.truncate(cut % (len + 1));
                pair.ends[1 - from].handle_input(pair.now, BytesMut::from(&mangled[..]));
                pair.carry(from, &out);
            }
        }
        Op::Timeout(end, ms) => {
            pair.now += Duration::from_millis(ms);
            pair.ends[end].handle_timeout(pair.now);
        }
        Op::Back(end) => {
            pair.ends[end].handle_timeout(start());
            pair.ends[end].poll_transmit(start(), &mut Vec::new());
        }
        Op::Fingerprints(end, right) => pair.announce(end, if right { 1 - end } else { 2 }),
        Op::Write(end, len) => {
            let mut out = Vec::new();
            if pair.ends[end].write(&vec![1; len], &mut out).is_ok() {
                pair.carry(end, &out);
            } else {
                assert!(out.is_empty());
            }
        }
        Op::BeginOnly(end) => {
            let mut out = Vec::new();
            drop(pair.ends[end].begin_record(&mut out));
        }
        Op::Update(end) => pair.ends[end].update_keys(),
        Op::Mtu(end, mtu) => pair.ends[end].set_mtu(mtu),
        Op::Rtt(end, ms) => pair.ends[end].set_initial_rtt(pair.now, Duration::from_millis(ms)),
        Op::Close(end) => pair.ends[end].close(pair.now),
        Op::Poll(end) => {
            pair.ends[end].poll_event();
            let _ = pair.ends[end].poll_timeout();
            let _ = pair.ends[end].info();
            let _ = pair.ends[end].srtp_keying_material();
            let _ = pair.ends[end].record_overhead();
            let _ = pair.ends[end].export_keying_material("label", None, &mut [0; 9000]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_order_of_calls(seed in any::<u64>(), old in any::<bool>(), ops in proptest::collection::vec(op(), 0..60)) {
        let client = if old { only(config(0), Version::Dtls12) } else { config(0) };
        let mut pair = Pair::strangers(client, config(1), seed, Link { loss: 5, duplicate: 5, jitter: 30 });
        for op in ops {
            apply(&mut pair, op);
            for end in [CLIENT, SERVER] {
                // Connected only with the right fingerprint, whatever happens.
                if pair.ends[end].is_connected() {
                    prop_assert!(pair.ends[end].info().is_some());
                    let certificate = certificate(1 - end);
                    prop_assert_eq!(pair.ends[end].peer_certificate(), Some(certificate.certificate()));
                }
            }
        }
        // It comes to rest.
        pair.link = Link { loss: 100, ..Link::default() };
        pair.run_until(|_| false);
        for end in &pair.ends {
            prop_assert!(end.state() != State::Connecting || end.poll_timeout().is_none() || end.stats().datagrams_sent < 2000);
        }
    }

    #[test]
    fn any_datagrams_do_not_stop_a_server(datagrams in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 0..40)) {
        let mut pair = Pair::new(config(0), config(1), 1, Link::default());
        for bytes in datagrams {
            pair.ends[SERVER].handle_input(pair.now, BytesMut::from(&bytes[..]));
        }
        prop_assert!(pair.run_until(Pair::both_connected));
    }
}

#[test]
fn a_connection_can_be_sent_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<Connection>();
}

#[test]
fn the_same_seed_sends_the_same_hello_but_for_its_shares() {
    let mut config = only(config(0), Version::Dtls12);
    config.handshake_timeout = None;
    let hello = |seed| {
        let mut client = Connection::new(Arc::new(config.clone()), Role::Client, start(), [seed; 32]);
        let mut out = Vec::new();
        client.poll_transmit(start(), &mut out);
        out
    };
    assert_eq!(hello(1), hello(1));
    assert_ne!(hello(1), hello(2));
}
