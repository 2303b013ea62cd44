use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use bytes::BytesMut;
use drywire_core::{Duration, Instant, Path};
use proptest::prelude::*;

use super::message::{A, AAAA, ANY, Message};
use super::*;

#[allow(clippy::disallowed_methods, reason = "tests may read a clock")]
fn start() -> Instant {
    Instant::now()
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn interface(text: &str, prefix: u8, index: u32) -> Interface {
    Interface { address: address(text), prefix, index }
}

/// Machines on one link: what goes to a group reaches all on it, the sender too, as sockets have it.
struct Link {
    now: Instant,
    machines: Vec<Mdns>,
    /// What was sent: by whom, where, what.
    sent: Vec<(usize, Path, Vec<u8>)>,
    lose: fn(usize, &Path) -> bool,
}

impl Link {
    fn new(count: u8) -> Self {
        let now = start();
        let mut machines = Vec::new();
        for index in 1..=count {
            let mut machine = Mdns::new(Config::default(), now, [index; 32]);
            machine.add_interface(now, interface(&format!("192.0.2.{index}:5353"), 24, 1)).unwrap();
            machines.push(machine);
        }
        Self { now, machines, sent: Vec::new(), lose: |_, _| false }
    }

    fn carry(&mut self) {
        loop {
            let mut flying = Vec::new();
            for (by, machine) in self.machines.iter_mut().enumerate() {
                let mut out = Vec::new();
                while let Some(transmit) = machine.poll_transmit(self.now, &mut out) {
                    assert_eq!(transmit.len, out.len());
                    flying.push((by, transmit.path, std::mem::take(&mut out)));
                }
                assert!(machine.poll_timeout().is_none_or(|at| at > self.now), "drained, and yet due");
            }
            if flying.is_empty() {
                return;
            }
            for (by, path, bytes) in flying {
                let lost = (self.lose)(by, &path);
                for machine in self.machines.iter_mut().filter(|_| !lost) {
                    let locals: Vec<_> =
                        machine.interfaces.iter().map(|interface| interface.address).collect();
                    for local in locals {
                        let same = local.is_ipv4() == path.remote.is_ipv4();
                        if same && (path.remote.ip().is_multicast() || path.remote == local) {
                            let path = Path::udp(local, path.local);
                            machine.handle_input(self.now, path, BytesMut::from(&bytes[..]));
                        }
                    }
                }
                self.sent.push((by, path, bytes));
            }
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.carry();
            let next = self.machines.iter().filter_map(Mdns::poll_timeout).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = next;
            for machine in &mut self.machines {
                machine.handle_timeout(self.now);
            }
        }
        self.now = end;
    }

    fn sent_by(&self, who: usize) -> usize {
        self.sent.iter().filter(|(by, ..)| *by == who).count()
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn a_name_is_announced_twice_and_resolved_at_once() {
    let mut link = Link::new(2);
    let name = link.machines[1].register(link.now, ip("192.0.2.2")).unwrap();
    assert_eq!(link.machines[1].register(link.now, ip("192.0.2.2")), Ok(name.clone()));
    link.run(Duration::from_secs(10));
    assert_eq!(link.sent_by(1), 2);
    assert!(link.sent.iter().all(|(_, path, _)| path.remote == address("224.0.0.251:5353")));

    link.sent.clear();
    link.machines[0].resolve(link.now, &name).unwrap();
    let asked_at = link.now;
    link.carry();
    let event = Event::Resolved { name: name.clone(), address: ip("192.0.2.2") };
    assert_eq!(link.machines[0].poll_event(), Some(event.clone()));
    assert_eq!(link.now, asked_at);
    // The first question asks for a unicast answer, and as the name was announced lately, gets nothing else.
    let (query, answer) = (&link.sent[0], &link.sent[1]);
    assert!(Message::parse(&query.2).unwrap().questions().all(|question| question.wants_unicast()));
    assert_eq!((answer.0, answer.1.remote), (1, address("192.0.2.1:5353")));
    assert_eq!(link.sent.len(), 2);

    // Known now: nobody is asked.
    link.machines[0].resolve(link.now, &name).unwrap();
    link.carry();
    assert_eq!((link.machines[0].poll_event(), link.sent.len()), (Some(event), 2));
    // Until the answer is outdated.
    link.run(Duration::from_secs(120));
    link.machines[0].resolve(link.now, &name).unwrap();
    assert_eq!(link.machines[0].poll_event(), None);
    link.carry();
    assert!(link.machines[0].poll_event().is_some());
}

#[test]
fn a_name_that_nobody_owns_fails_silently_and_in_time() {
    let mut link = Link::new(2);
    let name: Name = "d4df7acb-4c9f-4dc0-8396-275c234b4555.local".parse().unwrap();
    let begun = link.now;
    link.machines[0].resolve(begun, &name).unwrap();
    link.machines[0].resolve(begun, &name).unwrap();
    link.run(Duration::from_millis(4999));
    assert_eq!(link.machines[0].poll_event(), None);
    // At 0, 1 and 3 seconds; those after the first may be answered to all.
    assert_eq!(link.sent_by(0), 3);
    let unicast: Vec<_> = link
        .sent
        .iter()
        .map(|(_, _, bytes)| {
            Message::parse(bytes).unwrap().questions().all(|question| question.wants_unicast())
        })
        .collect();
    assert_eq!(unicast, [true, false, false]);
    link.run(Duration::from_millis(1));
    assert_eq!(link.machines[0].poll_event(), Some(Event::Unresolved { name }));
    assert_eq!((link.machines[0].poll_event(), link.machines[0].poll_timeout()), (None, None));
    assert_eq!(link.sent_by(1), 0);
}

#[test]
fn a_lost_query_is_repeated() {
    let mut link = Link::new(2);
    let name = link.machines[1].register(link.now, ip("192.0.2.2")).unwrap();
    link.run(Duration::from_secs(60));
    link.lose = |by, _| by == 0;
    link.machines[0].resolve(link.now, &name).unwrap();
    link.run(Duration::from_millis(900));
    link.lose = |_, _| false;
    assert_eq!(link.machines[0].poll_event(), None);
    link.run(Duration::from_millis(100));
    assert!(matches!(link.machines[0].poll_event(), Some(Event::Resolved { .. })));
}

#[test]
fn both_ip_versions_of_one_interface() {
    let mut link = Link::new(2);
    for index in 0..2 {
        let six = interface(&format!("[fe80::{}%7]:5353", index + 1), 64, 1);
        link.machines[index].add_interface(link.now, six).unwrap();
    }
    // What is asked over IPv6 only is answered with the IPv4 address of the interface.
    link.machines[0].remove_interface(link.now, address("192.0.2.1:5353"));
    let name = link.machines[1].register(link.now, ip("192.0.2.2")).unwrap();
    link.run(Duration::from_secs(3));
    link.machines[0].resolve(link.now, &name).unwrap();
    link.carry();
    let event = Event::Resolved { name, address: ip("192.0.2.2") };
    assert_eq!(link.machines[0].poll_event(), Some(event));
    let groups: std::collections::BTreeSet<_> =
        link.sent.iter().map(|(_, path, _)| path.remote).filter(|to| to.ip().is_multicast()).collect();
    assert_eq!(
        groups.into_iter().collect::<Vec<_>>(),
        [address("224.0.0.251:5353"), address("[ff02::fb%7]:5353")]
    );
}

#[test]
fn an_address_is_told_only_on_its_own_link() {
    let mut link = Link::new(2);
    let other = interface("198.51.100.2:5353", 24, 2);
    link.machines[1].add_interface(link.now, other).unwrap();
    link.machines[1].register(link.now, ip("198.51.100.2")).unwrap();
    link.run(Duration::from_secs(5));
    assert!(link.sent.iter().all(|(_, path, _)| path.local == other.address));
    // A host candidate of an address that no interface has is nobody's business.
    link.sent.clear();
    link.machines[1].register(link.now, ip("203.0.113.5")).unwrap();
    link.run(Duration::from_secs(5));
    assert_eq!(link.sent.len(), 0);
}

/// The port of a bridge and the bridge have one address, as a rule.
#[test]
fn an_address_that_two_interfaces_have_is_told_by_its_scope() {
    let now = start();
    let scoped = |scope| {
        let ip = "fe80::1".parse().unwrap();
        let address = std::net::SocketAddrV6::new(ip, 5353, 0, scope).into();
        Interface { address, prefix: 64, index: scope }
    };
    let mut machine = Mdns::new(Config::default(), now, [1; 32]);
    for scope in [1, 2] {
        machine.add_interface(now, scoped(scope)).unwrap();
    }
    let name = machine.register(now, ip("fe80::1")).unwrap();
    // Both announcements on both.
    for seconds in [0, 1] {
        assert_eq!(answers(&mut machine, now + Duration::from_secs(seconds)).len(), 2);
    }
    let now = now + Duration::from_secs(60);
    for scope in [1, 2] {
        let path = Path::udp(scoped(scope).address, address("[fe80::2]:5353"));
        machine.handle_input(now, path, BytesMut::from(&query(0, &[(&name, AAAA, 1)])[..]));
        let sent = answers(&mut machine, now);
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].0.local, scoped(scope).address);
    }
}

/// A message with questions.
fn query(id: u16, questions: &[(&Name, u16, u16)]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = drywire_core::Writer::new(&mut out);
    writer.u16(id).u16(0).u16(u16::try_from(questions.len()).unwrap()).u16(0).u16(0).u16(0);
    for (name, kind, class) in questions {
        for label in name.as_str().split('.') {
            writer.prefixed_u8(|out| {
                out.bytes(label.as_bytes());
            });
        }
        writer.u8(0).u16(*kind).u16(*class);
    }
    out
}

fn answers(machine: &mut Mdns, now: Instant) -> Vec<(Path, Vec<u8>)> {
    let (mut all, mut out) = (Vec::new(), Vec::new());
    while let Some(transmit) = machine.poll_transmit(now, &mut out) {
        all.push((transmit.path, std::mem::take(&mut out)));
    }
    all
}

/// An owner of a name that was announced long ago, and the path to it from another host.
fn owner() -> (Mdns, Name, Instant, Path) {
    let mut link = Link::new(1);
    let name = link.machines[0].register(link.now, ip("192.0.2.1")).unwrap();
    link.run(Duration::from_secs(300));
    let path = Path::udp(address("192.0.2.1:5353"), address("192.0.2.77:5353"));
    (link.machines.remove(0), name, link.now, path)
}

#[test]
fn answers_are_those_of_the_rfc() {
    let (mut machine, name, now, path) = owner();
    // Multicast, once a second at most (RFC 6762, section 6).
    for _ in 0..3 {
        machine.handle_input(now, path, BytesMut::from(&query(9, &[(&name, A, 1)])[..]));
    }
    let sent = answers(&mut machine, now);
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].0.remote, address("224.0.0.251:5353"));
    let bytes = &sent[0].1;
    // The header: id 0, authoritative response, one answer.
    assert_eq!(bytes[..12], [0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
    // The name, type A, class IN with the cache-flush bit, 120 seconds, the address.
    let tail = [0, 1, 0x80, 1, 0, 0, 0, 120, 0, 4, 192, 0, 2, 1];
    assert_eq!(bytes[12 + 1 + 36 + 1 + 5 + 1..], tail);
    machine.handle_input(now, path, BytesMut::from(&query(9, &[(&name, A, 1)])[..]));
    assert_eq!(answers(&mut machine, now).len(), 0);
    assert_eq!(answers(&mut machine, now + Duration::from_secs(1)).len(), 1);

    // Long after the last time a unicast answer is accompanied by a multicast one.
    let now = now + Duration::from_secs(60);
    machine.handle_input(now, path, BytesMut::from(&query(9, &[(&name, A, 0x8001)])[..]));
    let to: Vec<_> = answers(&mut machine, now).into_iter().map(|(path, _)| path.remote).collect();
    assert_eq!(to, [path.remote, address("224.0.0.251:5353")]);

    // Who asks from another port is no multicast querier: id and question come back, and a short life.
    let legacy = Path { remote: address("192.0.2.77:40000"), ..path };
    machine.handle_input(now, legacy, BytesMut::from(&query(0x1234, &[(&name, ANY, 1)])[..]));
    let sent = answers(&mut machine, now);
    assert_eq!((sent.len(), sent[0].0.remote), (1, legacy.remote));
    assert_eq!(sent[0].1[..12], [0x12, 0x34, 0x84, 0, 0, 1, 0, 1, 0, 0, 0, 0]);
    assert_eq!(sent[0].1[sent[0].1.len() - 14..], [0, 1, 0, 1, 0, 0, 0, 10, 0, 4, 192, 0, 2, 1]);

    // There is no IPv6 address: NSEC says so (section 6.1).
    machine.handle_input(now, path, BytesMut::from(&query(0, &[(&name, AAAA, 0x8001)])[..]));
    let sent = answers(&mut machine, now);
    assert_eq!(sent.len(), 1);
    assert!(sent[0].1.ends_with(&[0, 1, 0x40]));

    // What the querier knows already is not told (section 7.1).
    let mut known = query(0, &[(&name, A, 0x8001)]);
    known[7] = 1;
    known.extend_from_slice(&bytes[12..]);
    machine.handle_input(now, path, BytesMut::from(&known[..]));
    assert_eq!(answers(&mut machine, now).len(), 0);
}

#[test]
fn names_of_others_are_not_answered() {
    let (mut machine, name, now, path) = owner();
    let other: Name = "printer.local".parse().unwrap();
    machine.handle_input(now, path, BytesMut::from(&query(0, &[(&other, ANY, 0x8001)])[..]));
    // Nor the own one in another class, or to another link.
    machine.handle_input(now, path, BytesMut::from(&query(0, &[(&name, A, 3)])[..]));
    let far = Path { remote: address("198.51.100.9:5353"), ..path };
    machine.handle_input(now, far, BytesMut::from(&query(0, &[(&name, A, 0x8001)])[..]));
    assert_eq!(answers(&mut machine, now).len(), 0);
    assert_eq!(machine.stats().refused, 1);
    let flood = query(0, &[(&name, A, 0x8001)]);
    for _ in 0..1000 {
        machine.handle_input(now, path, BytesMut::from(&flood[..]));
    }
    assert!(answers(&mut machine, now).len() <= 66);
    assert!(machine.stats().responses_dropped > 900);
}

#[test]
fn a_name_taken_back_is_forgotten() {
    let mut link = Link::new(2);
    let name = link.machines[1].register(link.now, ip("192.0.2.2")).unwrap();
    link.machines[0].resolve(link.now, &name).unwrap();
    link.run(Duration::from_secs(2));
    assert!(link.machines[0].poll_event().is_some());
    link.machines[1].unregister(link.now, ip("192.0.2.2"));
    link.carry();
    link.machines[0].resolve(link.now, &name).unwrap();
    link.run(Duration::from_secs(6));
    assert_eq!(link.machines[0].poll_event(), Some(Event::Unresolved { name }));
}

#[test]
fn answers_that_nobody_asked_for_are_not_believed() {
    let mut link = Link::new(2);
    let name = link.machines[1].register(link.now, ip("192.0.2.2")).unwrap();
    link.run(Duration::from_secs(2));
    assert!(link.machines[0].cache.is_empty());
    // An answer from another port, or to an address that nobody may send to, is none.
    let asker = &mut link.machines[0];
    asker.resolve(link.now, &name).unwrap();
    let response = |address: IpAddr| {
        let mut out = Vec::new();
        message::Response { name: &name, address, ttl: 120, positive: true, negative: false, legacy: None }
            .write(&mut out);
        BytesMut::from(&out[..])
    };
    let path = Path::udp(address("192.0.2.1:5353"), address("192.0.2.66:6666"));
    asker.handle_input(link.now, path, response(ip("192.0.2.66")));
    let path = Path { remote: address("192.0.2.66:5353"), ..path };
    asker.handle_input(link.now, path, response(ip("224.0.0.251")));
    asker.handle_input(link.now, path, response(ip("0.0.0.0")));
    assert_eq!(asker.poll_event(), None);
    asker.handle_input(link.now, path, response(ip("192.0.2.66")));
    assert!(asker.poll_event().is_some());
}

#[test]
fn all_is_bounded() {
    let mut link = Link::new(1);
    let now = link.now;
    let machine = &mut link.machines[0];
    let mut results = BTreeMap::new();
    for index in 0..100_u8 {
        let name: Name = format!("n{index}.local").parse().unwrap();
        *results.entry(machine.resolve(now, &name).is_ok()).or_insert(0) += 1;
    }
    assert_eq!(results, BTreeMap::from([(true, 32), (false, 68)]));
    link.run(Duration::from_secs(6));
    // Events that nobody polls count: none of them is lost.
    let machine = &mut link.machines[0];
    assert_eq!(machine.resolve(link.now, &"x.local".parse().unwrap()), Err(ResolveError::TooMany));
    assert_eq!(std::iter::from_fn(|| machine.poll_event()).count(), 32);
    for index in 0..100_u8 {
        let _ = machine.register(link.now, IpAddr::from([192, 0, 2, index]));
        let _ = machine.add_interface(link.now, interface(&format!("192.0.2.{index}:5353"), 24, 1));
    }
    assert_eq!((machine.names().count(), machine.interfaces.len()), (64, 32));
}

#[test]
fn compression_is_followed_and_loops_are_not() {
    let name: Name = "aa.local".parse().unwrap();
    let message =
        |body: &[u8], answers: u8| [&[0, 0, 0x84, 0, 0, 0, 0, answers, 0, 0, 0, 0][..], body].concat();
    let tail = [0, 1, 0x80, 1, 0, 0, 0, 120, 0, 4, 192, 0, 2, 9];
    let named = |bytes: &[u8]| {
        let message = Message::parse(bytes).unwrap();
        message.records().filter(|record| record.name.is(&name)).filter_map(|record| record.address()).count()
    };
    let plain = [&b"\x02aa\x05local\0"[..], &tail].concat();
    assert_eq!(named(&message(&plain, 1)), 1);
    // The second record's name is a pointer to the first one's; the third's, a label and a pointer to `local`.
    let pointers = [&plain[..], &[0xC0, 12], &tail, b"\x02AA", &[0xC0, 15], &tail].concat();
    assert_eq!(named(&message(&pointers, 3)), 3);
    // To itself, forward, and in a circle.
    for loops in [[0xC0, 12], [0xC0, 14], [0xC0, 200]] {
        assert_eq!(named(&message(&[&loops[..], &tail].concat(), 1)), 0);
    }
    let circle = [&[1, b'a', 0xC0, 14][..], &tail, &[0xC0, 12], &tail].concat();
    assert_eq!(named(&message(&circle, 2)), 0);
    // A chain of pointers, each to the one before, as long as it gets.
    let mut chain = message(&plain, 200);
    for _ in 0..199 {
        let at = u16::try_from(chain.len()).unwrap();
        let before = if at == 36 { 12 } else { at - 16 };
        chain.extend_from_slice(&(0xC000 | before).to_be_bytes());
        chain.extend_from_slice(&tail);
    }
    assert_eq!(named(&chain), 17);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200), header in any::<bool>()) {
        let bytes = if header { [&[0, 0, 0x84, 0, 0, 1, 0, 3, 0, 0, 0, 0][..], &bytes].concat() } else { bytes };
        if let Ok(message) = Message::parse(&bytes) {
            let name: Name = "a.local".parse().unwrap();
            let _ = message.questions().filter(|question| question.name.is(&name)).count();
            let _ = message.records().filter(|record| record.name.is(&name)).count();
        }
    }

    #[test]
    fn altered_messages_and_any_order(steps in proptest::collection::vec((0..10_u8, any::<u8>(), any::<u8>()), 1..120)) {
        let mut link = Link::new(2);
        let mut names = vec!["nobody.local".parse::<Name>().unwrap()];
        let mut last = query(0, &[(&names[0], A, 1)]);
        for (step, a, b) in steps {
            let who = usize::from(a & 1);
            let now = link.now;
            let machine = &mut link.machines[who];
            match step {
                0 => names.extend(machine.register(now, ip(&format!("192.0.2.{}", b & 3)))),
                1 => machine.unregister(now, ip(&format!("192.0.2.{}", b & 3))),
                2 => drop(machine.resolve(now, &names[usize::from(b) % names.len()])),
                3 => machine.cancel(now, &names[usize::from(b) % names.len()]),
                4 => drop(machine.add_interface(now, interface(&format!("192.0.2.{}:5353", b & 7), 24, 1))),
                5 => machine.remove_interface(now, address(&format!("192.0.2.{}:5353", b & 7))),
                6 => {
                    let mut bytes = last.clone();
                    let at = usize::from(b) % bytes.len();
                    bytes[at] ^= a;
                    let path = Path::udp(address("192.0.2.1:5353"), address("192.0.2.9:5353"));
                    machine.handle_input(now, path, BytesMut::from(&bytes[..]));
                }
                7 => while machine.poll_event().is_some() {},
                8 => link.run(Duration::from_millis(u64::from(b) * 40)),
                _ => {
                    machine.handle_timeout(now.checked_sub(Duration::from_secs(1)).unwrap_or(now));
                    link.carry();
                }
            }
            if let Some((_, _, bytes)) = link.sent.last() {
                last.clone_from(bytes);
            }
            for machine in &link.machines {
                prop_assert!(machine.queries.len() + machine.events.len() <= 32);
                prop_assert!(machine.cache.len() <= 64 && machine.replies.len() <= 64);
            }
        }
        // The time passes, and all comes to rest.
        link.run(Duration::from_secs(60));
        prop_assert!(link.machines.iter().all(|machine| machine.poll_timeout().is_none()));
    }
}
