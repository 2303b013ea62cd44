//! Interfaces and addresses come and go while data flows, and it is the kernel that says so: nobody looks at the hosts every now
//! and then, and nothing that is sent fails.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::internet::{Internet, Site};
use crate::namespace::Namespace;
use crate::nat::Nat;
use crate::peer::Pair;
use crate::roaming::assert_survives;

const LIMIT: Duration = Duration::from_secs(40);

/// Flags of an address that no socket can have (`linux/if_addr.h`): it is not known yet, or known too well, whether another host
/// has it.
const TENTATIVE: u32 = 0x40;

/// Whether an IPv6 address is tentative; `None` if the host does not have it.
fn is_tentative(host: &Namespace, address: IpAddr) -> Option<bool> {
    let IpAddr::V6(address) = address else { return Some(false) };
    // The threads of a process are not in the same namespace.
    let read =
        || std::fs::read_to_string("/proc/thread-self/net/if_inet6").map_err(|error| error.to_string());
    let list = host.run(read).unwrap();
    let digits = address.octets().map(|octet| format!("{octet:02x}")).concat();
    let line = list.lines().find(|line| line.starts_with(&digits))?;
    let flags = line.split_whitespace().nth(4).unwrap();
    Some(u32::from_str_radix(flags, 16).unwrap() & TENTATIVE != 0)
}

/// A host gets an address of IPv6, and makes sure that nobody else has it before it can be used.
#[test]
fn an_address_comes() {
    let Some(internet) = Internet::new([Site::dual_behind(Nat::Open); 2]) else { return };
    let (host, old, address) = (internet.host(0), internet.address(0), "2001:db8:1::2".parse().unwrap());
    host.set("net/ipv6/conf/eth0/accept_dad", "1").unwrap();
    host.ip(&format!("address del {address}/64 dev eth0\n")).unwrap();
    let pair = assert_survives(Pair::between(&internet), |pair| {
        assert!(pair.stats(0).path.unwrap().local.is_ipv4());
        host.ip(&format!(
            "address add {address}/64 dev eth0
            route replace default via 2001:db8:1::1\n"
        ))
        .unwrap();
        pair.wait_until("there is a candidate of it", LIMIT, |pair| pair.has(0, address));
        // Not before anything can be sent from it.
        assert_eq!(is_tentative(&host, address), Some(false));
        // It is as good as the other one, and used when that one goes.
        host.ip(&format!("address del {old}/28 dev eth0\n")).unwrap();
        pair.wait_until("it is used", LIMIT, |pair| {
            pair.stats(0).path.is_some_and(|path| path.local.ip() == address)
        });
    });
    assert_eq!(pair.stats(1).path.unwrap().remote.ip(), address);
}

/// An address goes that nothing is sent from just then.
#[test]
fn an_address_goes() {
    let Some(internet) = Internet::new([Site::dual_behind(Nat::Open); 2]) else { return };
    let (host, address) = (internet.host(0), internet.address(0));
    assert_survives(Pair::between(&internet), |pair| {
        assert!(pair.has(0, address));
        host.ip(&format!("address del {address}/28 dev eth0\n")).unwrap();
        pair.wait_until("its candidate has gone", LIMIT, |pair| !pair.has(0, address));
    });
}

/// Another interface comes, goes down, comes up, and is removed.
#[test]
fn a_link_comes_and_goes() {
    let Some(internet) = Internet::new([Site::behind(Nat::Open); 2]) else { return };
    let (host, address) = (internet.host(0), "203.0.113.129".parse().unwrap());
    let steps = [
        (
            format!(
                "link add wlan0 type veth peer name other
                address add {address}/28 dev wlan0
                link set other up
                link set wlan0 up\n"
            ),
            true,
        ),
        ("link set wlan0 down\n".to_owned(), false),
        ("link set wlan0 up\n".to_owned(), true),
        ("link del wlan0\n".to_owned(), false),
    ];
    assert_survives(Pair::between(&internet), |pair| {
        for (commands, expected) in steps {
            host.ip(&commands).unwrap();
            pair.wait_until(&commands, LIMIT, |pair| pair.has(0, address) == expected);
        }
    });
}

/// Routes change all the time, more of them than anybody could be told of; and addresses do.
#[test]
fn an_address_comes_and_goes_among_many_routes() {
    const ROUTES: u32 = 5_000;
    let Some(internet) = Internet::new([Site::behind(Nat::Open); 2]) else { return };
    let (host, address) = (internet.host(0), internet.other_address(0));
    let routes = |verb: &str| -> String {
        let route = |number: u32| {
            let [_, a, b, c] = (number << 4).to_be_bytes();
            format!("route {verb} blackhole 11.{a}.{b}.{c}/28\n")
        };
        (0..ROUTES).map(route).collect()
    };
    let storm = routes("add") + &routes("del");
    let over = Arc::new(AtomicBool::new(false));
    let storming = std::thread::spawn({
        let (host, over) = (host.clone(), over.clone());
        move || {
            while !over.load(Ordering::Relaxed) {
                host.ip(&storm).unwrap();
            }
        }
    });
    assert_survives(Pair::between(&internet), |pair| {
        for (verb, expected) in [("add", true), ("del", false), ("add", true)] {
            host.ip(&format!("address {verb} {address}/28 dev eth0\n")).unwrap();
            pair.wait_until(verb, LIMIT, |pair| pair.has(0, address) == expected);
        }
    });
    over.store(true, Ordering::Relaxed);
    storming.join().unwrap();
}
