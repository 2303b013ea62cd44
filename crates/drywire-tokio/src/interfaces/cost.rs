//! What it costs to use an interface, as far as its kind tells.

/// Its costs are those of libwebrtc, which compares them with its own: 0 Ethernet, 10 Wi-Fi, 50 unknown, 900 cellular, 999 at
/// most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ethernet,
    WiFi,
    Cellular,
    Tunnel,
    Loopback,
    Unknown,
}

impl Kind {
    const fn cost(self) -> u16 {
        match self {
            Self::Ethernet => 0,
            Self::WiFi => 10,
            Self::Unknown => 50,
            // A detour over an interface that is unknown as well.
            Self::Tunnel => 51,
            Self::Cellular => 900,
            // It leads nowhere but here.
            Self::Loopback => 999,
        }
    }

    /// By its name, as systems choose names.
    fn of_name(name: &str) -> Self {
        const PREFIXES: [(&str, Kind); 18] = [
            ("lo", Kind::Loopback),
            ("eth", Kind::Ethernet),
            ("en", Kind::Ethernet),
            ("em", Kind::Ethernet),
            ("wlan", Kind::WiFi),
            ("wl", Kind::WiFi),
            ("Wi-Fi", Kind::WiFi),
            ("Ethernet", Kind::Ethernet),
            ("wwan", Kind::Cellular),
            ("rmnet", Kind::Cellular),
            ("pdp_ip", Kind::Cellular),
            ("clat", Kind::Cellular),
            ("v4-rmnet", Kind::Cellular),
            ("tun", Kind::Tunnel),
            ("tap", Kind::Tunnel),
            ("utun", Kind::Tunnel),
            ("wg", Kind::Tunnel),
            ("ipsec", Kind::Tunnel),
        ];
        // "wwan" and "wlan" before "wl"; a name like "lowpan" or "enclave" is not one of these.
        let of = |(prefix, kind): &(&str, Self)| {
            let rest = name.strip_prefix(prefix)?;
            // "enp3s0", "wlx0a1b…", "eno1": the ways of systemd to name what has a place or an address.
            let is_placed = matches!(*prefix, "en" | "wl") && rest.starts_with(['p', 'o', 's', 'x', 'P']);
            let is_numbered = rest.trim_start_matches(' ').chars().all(|c| c.is_ascii_digit() || c == '_');
            (is_numbered || is_placed).then_some(*kind)
        };
        PREFIXES.iter().find_map(of).unwrap_or(Self::Unknown)
    }
}

/// The cost of the interface `name`.
pub(super) fn cost(name: &str) -> u16 {
    driver_kind(name).unwrap_or_else(|| Kind::of_name(name)).cost()
}

/// By what its driver says: Wi-Fi under a name that somebody has made up is Wi-Fi, too.
#[cfg(target_os = "linux")]
fn driver_kind(name: &str) -> Option<Kind> {
    let uevent = std::fs::read_to_string(format!("/sys/class/net/{name}/uevent")).ok()?;
    let kind = uevent.lines().find_map(|line| line.strip_prefix("DEVTYPE="))?;
    match kind {
        "wlan" => Some(Kind::WiFi),
        "wwan" => Some(Kind::Cellular),
        "wireguard" => Some(Kind::Tunnel),
        _ => None,
    }
}

#[cfg(not(target_os = "linux"))]
const fn driver_kind(_name: &str) -> Option<Kind> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_kind() {
        for (kind, names) in [
            (Kind::Ethernet, &["eth0", "en0", "enp3s0", "eno1", "enx001122334455", "Ethernet 2"][..]),
            (Kind::WiFi, &["wlan0", "wlp2s0", "wlx001122334455", "Wi-Fi"]),
            (Kind::Cellular, &["wwan0", "rmnet_0", "pdp_ip0"]),
            (Kind::Tunnel, &["tun0", "utun3", "wg0"]),
            (Kind::Loopback, &["lo", "lo0"]),
            (Kind::Unknown, &["docker0", "veth12ab", "br-1", "lowpan0", "enclave", "near", ""]),
        ] {
            for name in names {
                assert_eq!(Kind::of_name(name), kind, "{name}");
            }
        }
    }
}
