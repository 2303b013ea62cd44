//! The size of packets on a path of the kernel's own that swallows what is too long without a word: a link whose far end takes
//! less than the near one sends.

use std::time::Duration;

use drywire::Config;

use crate::internet::Family;
use crate::namespace::{Namespace, Namespaces};
use crate::peer::{Pair, Setup};
use crate::skipped;

const NEAR: &str = "192.0.2.1";
const FAR: &str = "192.0.2.2";
/// What the kernel adds to a UDP payload on the link: Ethernet, IPv4, UDP.
const LINK_OVERHEAD: u64 = 14 + 20 + 8;
const MIB: usize = 1 << 20;
const LIMIT: Duration = Duration::from_secs(60);

/// Bytes and packets that have come in at the far end.
fn counts(far: &Namespace) -> [u64; 2] {
    let counts = far.run(|| {
        let text = std::fs::read_to_string("/proc/thread-self/net/dev").unwrap();
        let line = text.lines().find_map(|line| line.trim().strip_prefix("eth0:")).unwrap();
        let mut numbers = line.split_whitespace().map(|number| number.parse().unwrap());
        Ok([numbers.next().unwrap(), numbers.next().unwrap()])
    });
    counts.unwrap()
}

fn adjust(config: &mut Config) {
    config.max_probed_datagram_size = 1_452;
    // A train is let through whatever its datagrams' length: the kernel takes it apart only later.
    config.max_train = 1;
}

#[test]
fn the_size_of_packets_is_found_and_found_again() {
    if let Err(reason) = Namespaces::probe() {
        return skipped(&reason).unwrap_or_default();
    }
    let namespaces = Namespaces::new(&["near", "far"]).unwrap();
    namespaces.connect(("near", "eth0"), ("far", "eth0")).unwrap();
    let (near, far) = (namespaces.get("near"), namespaces.get("far"));
    near.ip(&format!("address add {NEAR}/24 dev eth0\nlink set eth0 up\n")).unwrap();
    far.ip(&format!("address add {FAR}/24 dev eth0\nlink set eth0 up mtu 1400\n")).unwrap();
    let setup = || Setup { adjust, ..Setup::new(Family::V4, &[]) };
    let mut pair = Pair::start([&near, &far], [setup(), setup()]);
    pair.connect(LIMIT);
    // How long the datagrams are that arrive while so much is sent, on average: the payload of UDP.
    let mut send = |bytes: usize| {
        let [bytes_before, packets_before] = counts(&far);
        pair.send(0, bytes);
        pair.wait_for_all(LIMIT);
        let [bytes, packets] = counts(&far);
        (bytes - bytes_before) / (packets - packets_before) - LINK_OVERHEAD
    };

    // While the probes that are too long get lost the data goes through.
    let mut tries = 0;
    while send(MIB / 2) < 1_250 {
        tries += 1;
        assert!(tries < 200, "no more than 1,200 bytes were found to pass");
        std::thread::sleep(Duration::from_millis(200));
    }
    let wide = send(10 * MIB);
    assert!((1_250..=1_372).contains(&wide), "{wide}");

    // What has passed does not pass any more, and nobody says so.
    far.ip("link set eth0 mtu 1280\n").unwrap();
    let _ = send(MIB);
    let narrow = send(10 * MIB);
    println!("datagrams of {wide} bytes on a path of 1,400, then of {narrow} bytes on one of 1,280");
    assert!((1_050..=1_252).contains(&narrow), "{narrow}");
}
