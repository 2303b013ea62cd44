//! The gatherer: addresses that come and go, and what servers, or others in their name, answer.

use std::net::SocketAddr;

use bytes::BytesMut;
use drywire_core::{Duration, Instant, Path, Reader};
use drywire_ice::gather::{AddressPolicy, Config, Event, Gatherer, LocalAddress, RelayTransport, StunServer};
use drywire_stun::attributes::NetworkCost;

/// What a STUN message begins with, behind its type and length.
const COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];

/// Steps of one byte, some of which have more behind them.
#[allow(clippy::disallowed_methods, reason = "the time passes in steps from here")]
pub fn run(data: &[u8]) {
    let mut now = Instant::now();
    let mut reader = Reader::new(data);
    let mut config = Config::default();
    let choice = reader.u8().unwrap_or_default();
    config.hide_hosts = choice & 1 != 0;
    if choice & 2 != 0 {
        config.policy = AddressPolicy::DefaultRoute;
    }
    let mut machine = Gatherer::new(config, now, [0; 32]);
    let host = |number: u8| match number % 4 {
        3 => SocketAddr::new([0x2001, 0xDB8, 0, 0, 0, 0, 0, u16::from(number)].into(), 5000),
        _ => SocketAddr::from(([10, 0, 0, number], 5000)),
    };
    let (mut relays, mut asked) = (Vec::new(), Vec::<(Path, Vec<u8>)>::new());
    while let (Ok(step), Ok(value)) = (reader.u8(), reader.u8()) {
        match step % 8 {
            0 => {
                now += Duration::from_millis(u64::from(value) * 20);
                machine.handle_timeout(now);
            }
            1 => {
                let mut address = LocalAddress::new(host(value));
                address.default_route = step & 8 == 0;
                address.network = NetworkCost::new(1, u16::from(step >> 4) * 60);
                machine.add_addresses(now, &[address]);
            }
            2 => machine.remove_address(now, host(value)),
            3 => {
                let _ = machine.add_server(now, StunServer::new("stun:x", ([192, 0, 2, value], 3478).into()));
            }
            4 => relays.push(machine.expect_relayed(now, "turn:x", host(value), RelayTransport::Udp)),
            5 => {
                if let Some(id) = relays.pop() {
                    let (relayed, server) =
                        (([198, 51, 100, value], 7).into(), ([198, 51, 100, 1], 3478).into());
                    let _ = machine.add_relayed(now, id, relayed, host(value), server);
                }
            }
            6 => {
                // A response to the latest request, right but for its attributes.
                let len = usize::from(value & 0xFC).min(reader.remaining() & !3);
                let attributes = reader.take(len).expect("what remains");
                if let Some((path, request)) = asked.last() {
                    let mut message =
                        vec![1, if value & 1 == 0 { 1 } else { 0x11 }, 0, u8::try_from(len).expect("short")];
                    message.extend(COOKIE);
                    message.extend(&request[8..20]);
                    message.extend(attributes);
                    machine.handle_input(now, *path, BytesMut::from(&message[..]));
                }
            }
            _ => {
                let bytes = reader.take(usize::from(value).min(reader.remaining())).expect("what remains");
                let path = asked.last().map_or(Path::udp(host(1), host(2)), |(path, _)| *path);
                machine.handle_input(now, path, BytesMut::from(bytes));
            }
        }
        let (mut out, mut count) = (Vec::new(), 0);
        while let Some(transmit) = machine.poll_transmit(now, &mut out) {
            count += 1;
            assert!(count < 1000, "it never stops asking");
            let to = transmit.path.remote;
            assert!(!to.ip().is_loopback() && !to.ip().is_multicast() && to.port() != 0, "{to}");
            asked.push((transmit.path, std::mem::take(&mut out)));
        }
        assert!(machine.poll_timeout().is_none_or(|at| at > now), "there is something left to do");
        while let Some(event) = machine.poll_event() {
            if let Event::Candidate(gathered) = event {
                let address = gathered.candidate.address;
                assert!(address.port() != 0 && !address.ip().is_unspecified(), "{address}");
            }
        }
        assert!(machine.candidates().count() <= 1024);
        if step % 8 == 1 && step & 8 != 0 && choice & 2 != 0 {
            let base = host(value);
            assert!(machine.candidates().all(|own| own.base != base), "an address without a default route");
        }
    }
    // All servers are given up some time.
    for _ in 0..2000 {
        let Some(at) = machine.poll_timeout() else { break };
        now = now.max(at);
        machine.handle_timeout(now);
        while machine.poll_transmit(now, &mut Vec::new()).is_some() {}
    }
    assert!(machine.is_done(), "it waits for ever");
}
