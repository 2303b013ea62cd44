//! Two hosts on one link that tell each other names in the place of their addresses.

use std::time::Duration;

use crate::internet::Family;
use crate::namespace::Namespaces;
use crate::peer::{Pair, Setup};
use crate::skipped;

const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn names_are_resolved_by_multicast() {
    if let Err(reason) = Namespaces::probe() {
        return skipped(&reason).unwrap_or_default();
    }
    let namespaces = Namespaces::new(&["near", "far"]).unwrap();
    namespaces.connect(("near", "eth0"), ("far", "eth0")).unwrap();
    let (near, far) = (namespaces.get("near"), namespaces.get("far"));
    near.ip("address add 192.0.2.1/24 dev eth0\nlink set eth0 up\n").unwrap();
    far.ip("address add 192.0.2.2/24 dev eth0\nlink set eth0 up\n").unwrap();
    let setup = || Setup { hides: true, ..Setup::new(Family::V4, &[]) };
    let mut pair = Pair::start([&near, &far], [setup(), setup()]);
    pair.connect(LIMIT);
    for number in [0, 1] {
        let description =
            pair.call(number, |now, endpoint, app| app.peer(endpoint).create_offer(now).unwrap());
        let description = description.to_string();
        let candidates: Vec<_> =
            description.lines().filter(|line| line.starts_with("a=candidate:")).collect();
        assert!(
            !candidates.is_empty() && candidates.iter().all(|line| line.contains(".local ")),
            "{description}"
        );
        assert!(!description.contains("192.0.2."), "{description}");
    }
    // A name that was resolved is no reason to show what it stands for: data flows all the same.
    pair.send(0, 1 << 20);
    pair.wait_for_all(LIMIT);
}

#[test]
fn names_are_resolved_by_multicast_of_ipv6() {
    if let Err(reason) = Namespaces::probe() {
        return skipped(&reason).unwrap_or_default();
    }
    let namespaces = Namespaces::new(&["near", "far"]).unwrap();
    namespaces.connect(("near", "eth0"), ("far", "eth0")).unwrap();
    let (near, far) = (namespaces.get("near"), namespaces.get("far"));

    near.ip("address add fd00::1/64 dev eth0 nodad\nlink set eth0 up\n").unwrap();
    far.ip("address add fd00::2/64 dev eth0 nodad\nlink set eth0 up\n").unwrap();
    let setup = || Setup { hides: true, ..Setup::new(Family::V6, &[]) };
    let mut pair = Pair::start([&near, &far], [setup(), setup()]);
    pair.connect(LIMIT);
}
