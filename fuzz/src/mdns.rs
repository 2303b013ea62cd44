//! The machine of mDNS names: datagrams from others on the link, whole or broken.

use bytes::BytesMut;
use drywire_core::{Duration, Instant, Path, Reader};
use drywire_ice::mdns::{Config, Event, Interface, Mdns};

/// Each datagram has a byte before it that says how it comes, and two with its length.
#[allow(clippy::disallowed_methods, reason = "the time passes in steps from here")]
pub fn run(data: &[u8]) {
    let mut now = Instant::now();
    let mut machine = Mdns::new(Config::default(), now, [0; 32]);
    let locals = ["192.0.2.1:5353", "[fe80::1%3]:5353"].map(|text| text.parse().expect("an address"));
    for address in locals {
        machine.add_interface(now, Interface { address, prefix: 24, index: 1 }).expect("an interface");
    }
    machine.register(now, locals[0].ip()).expect("a name");
    let wanted = "a.local".parse().expect("a name");
    machine.resolve(now, &wanted).expect("room for a query");
    let mut told = 0;
    let mut reader = Reader::new(data);
    while let (Ok(how), Ok(len)) = (reader.u8(), reader.u16()) {
        let bytes = reader.take(usize::from(len).min(reader.remaining())).expect("what remains");
        let local = locals[usize::from(how & 1)];
        let mut remote = local;
        if how & 2 != 0 {
            remote.set_port(40_000);
        }
        if how & 4 != 0 {
            remote.set_ip([198, 51, 100, 1].into());
        }
        machine.handle_input(now, Path::udp(local, remote), BytesMut::from(bytes));
        now += Duration::from_millis(u64::from(how >> 3) * 100);
        let (mut out, mut count) = (Vec::new(), 0);
        while let Some(transmit) = machine.poll_transmit(now, &mut out) {
            count += 1;
            assert!(count < 100, "it never stops talking");
            assert!(transmit.path.remote.ip().is_multicast() || transmit.path.remote == remote);
        }
        while let Some(event) = machine.poll_event() {
            told += 1;
            assert!(
                matches!(event, Event::Resolved { name, .. } | Event::Unresolved { name } if name == wanted)
            );
        }
    }
    assert!(told <= 1, "one question, one answer");
    machine.handle_timeout(now + Duration::from_secs(60));
    assert!(told + usize::from(machine.poll_event().is_some()) == 1);
}
