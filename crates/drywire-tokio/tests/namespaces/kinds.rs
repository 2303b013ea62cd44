//! The NATs are what they are called: our own client of RFC 5780 looks at them, from a host behind each.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::BytesMut;
use drywire::Path;
use drywire::stun::discovery::{
    Discovery, DiscoveryConfig, DiscoveryEvent, Filtering, Mapping, Report, Responder, Undetermined,
};
use drywire::stun::{Message, RetransmissionConfig};
use drywire_tokio::now;

use crate::internet::{Internet, SERVER, Site};
use crate::namespace::Namespace;
use crate::nat::Nat;

const RESPONDER: Responder = Responder {
    primary: SocketAddr::new(std::net::IpAddr::V4(SERVER[0]), 3478),
    alternate: SocketAddr::new(std::net::IpAddr::V4(SERVER[1]), 3479),
};

#[test]
fn without_a_nat() {
    assert_is(Nat::Open, Mapping::Direct, Filtering::EndpointIndependent);
}

#[test]
fn full_cone() {
    assert_is(Nat::FullCone, Mapping::EndpointIndependent, Filtering::EndpointIndependent);
}

#[test]
fn hairpinning() {
    assert_is(Nat::Hairpinning, Mapping::EndpointIndependent, Filtering::EndpointIndependent);
}

#[test]
fn address_restricted() {
    assert_is(Nat::AddressRestricted, Mapping::EndpointIndependent, Filtering::AddressDependent);
}

#[test]
fn port_restricted() {
    assert_is(Nat::PortRestricted, Mapping::EndpointIndependent, Filtering::AddressAndPortDependent);
}

#[test]
fn symmetric() {
    assert_is(Nat::Symmetric, Mapping::AddressAndPortDependent, Filtering::AddressAndPortDependent);
}

#[test]
fn no_udp() {
    for nat in [Nat::UdpBlocked, Nat::OnlyTcp443] {
        let Some(report) = report(nat) else { return };
        assert_eq!(report.mapping, Err(Undetermined::NoResponse), "{nat}");
    }
}

fn assert_is(nat: Nat, mapping: Mapping, filtering: Filtering) {
    let Some(report) = report(nat) else { return };
    assert_eq!((report.mapping, report.filtering), (Ok(mapping), Ok(filtering)), "{nat}: {report:?}");
}

/// What a host behind such a NAT finds out; `None` when there are no namespaces to be had.
fn report(nat: Nat) -> Option<Report> {
    let internet = Internet::new([Site::behind(nat), Site::behind(Nat::Open)])?;
    let responding = Responding::start(&internet.server());
    let report = internet.host(0).run(|| Ok(discover(SocketAddr::new(internet.address(0), 0)))).unwrap();
    drop(responding);
    println!("{nat}: {report:?}");
    Some(report)
}

/// Asks all there is to ask, from the calling thread's namespace.
fn discover(local: SocketAddr) -> Report {
    let socket = UdpSocket::bind(local).unwrap();
    let local = socket.local_addr().unwrap();
    // A path here takes a tenth of a millisecond, and what a NAT keeps out never comes.
    let retransmission = RetransmissionConfig { rto: Duration::from_millis(50), max_sent: 2, last_wait: 4 };
    let config = DiscoveryConfig { retransmission, ..DiscoveryConfig::new(local, RESPONDER.primary) };
    let mut client = Discovery::new(config, now(), [7; 32]);
    let mut buffer = [0; 1_500];
    loop {
        let mut out = Vec::new();
        while let Some(transmit) = client.poll_transmit(now(), &mut out) {
            // A router that does not let it out may say so; then no answer comes.
            let _ = socket.send_to(&out, transmit.path.remote);
            out.clear();
        }
        if let Some(DiscoveryEvent::Finished(report)) = client.poll_event() {
            return report;
        }
        let wait = client.poll_timeout().map_or(Duration::ZERO, |at| at.saturating_duration_since(now()));
        socket.set_read_timeout(Some(wait.max(Duration::from_millis(1)))).unwrap();
        if let Ok((len, remote)) = socket.recv_from(&mut buffer) {
            client.handle_input(now(), Path::udp(local, remote), BytesMut::from(&buffer[..len]));
        }
        client.handle_timeout(now());
    }
}

/// A STUN server with two addresses, until this is dropped.
struct Responding {
    stopped: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Responding {
    fn start(server: &Namespace) -> Self {
        let bind = || Ok(RESPONDER.addresses().map(|address| UdpSocket::bind(address).unwrap()));
        let sockets = Arc::new(server.run(bind).unwrap());
        let stopped = Arc::new(AtomicBool::new(false));
        let threads = (0..sockets.len()).map(|index| {
            let (sockets, stopped) = (Arc::clone(&sockets), Arc::clone(&stopped));
            server.spawn(move || respond(&*sockets, index, &stopped))
        });
        Self { threads: threads.collect(), stopped }
    }
}

impl Drop for Responding {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Answers what comes to one of the sockets, from the one that is asked for.
fn respond(sockets: &[UdpSocket], index: usize, stopped: &AtomicBool) {
    let socket = &sockets[index];
    let local = socket.local_addr().unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let mut buffer = [0; 1_500];
    while !stopped.load(Ordering::Relaxed) {
        let (len, remote) = match socket.recv_from(&mut buffer) {
            Ok(received) => received,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
            Err(error) => panic!("{error}"),
        };
        let request = Message::parse(&buffer[..len]).unwrap();
        let mut response = Vec::new();
        let Some(transmit) = RESPONDER.respond(Path::udp(local, remote), &request, None, &mut response)
        else {
            continue;
        };
        let sender = sockets.iter().find(|socket| socket.local_addr().unwrap() == transmit.path.local);
        // Nobody has to be there.
        let _ = sender.unwrap().send_to(&response, transmit.path.remote);
    }
}
