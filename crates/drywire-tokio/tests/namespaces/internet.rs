//! A small Internet: two sites, each behind a router of its own, and a server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::namespace::{Namespace, Namespaces};
use crate::nat::Nat;
use crate::skipped;

/// Which addresses a site's host has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
    /// Both.
    Dual,
}

/// One end: a host, and the router before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site {
    pub(crate) nat: Nat,
    pub(crate) family: Family,
    /// Its private network: 10.0.x.0/28. `None` one that no other site has.
    pub(crate) network: Option<u8>,
}

impl Site {
    /// A site with IPv4 only.
    pub(crate) const fn behind(nat: Nat) -> Self {
        Self { nat, family: Family::V4, network: None }
    }

    /// A site with IPv4 and IPv6.
    pub(crate) const fn dual_behind(nat: Nat) -> Self {
        Self { nat, family: Family::Dual, network: None }
    }
}

/// The server's addresses. The second ones are for those who ask what their NAT does.
pub(crate) const SERVER: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2)];

pub(crate) const SERVER_V6: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2)];

const HOSTS: [&str; 2] = ["host-a", "host-b"];
const ROUTERS: [&str; 2] = ["nat-a", "nat-b"];
const PORTS: [&str; 2] = ["site-a", "site-b"];
/// A carrier's interfaces to the Internet. The second one, which it has where both sites are behind it, is not in use.
const WANS: [&str; 2] = ["wan", "unused"];

/// A NAT more, of the one who connects sites to the Internet (RFC 6888).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Carrier {
    pub(crate) nat: Nat,
    /// Whether both sites are behind it, or only the first one. They have IPv4 only.
    pub(crate) both: bool,
}

/// The name of a carrier's interface for a site.
const CARRIER_PORTS: [&str; 2] = ["lan-a", "lan-b"];

/// All of it, gone with this.
#[derive(Debug)]
pub(crate) struct Internet {
    sites: [Site; 2],
    carrier: Option<Carrier>,
    namespaces: Namespaces,
    capture: Option<Child>,
}

impl Drop for Internet {
    fn drop(&mut self) {
        if let Some(mut child) = self.capture.take() {
            // What it has seen last takes a moment to get to it.
            std::thread::sleep(Duration::from_millis(200));
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Internet {
    /// Makes it. `None` where this machine does not let us, which is said; a mistake in here is a panic.
    pub(crate) fn new(sites: [Site; 2]) -> Option<Self> {
        Self::with_carrier(sites, None)
    }

    /// The same, with another NAT before one or both of the sites.
    pub(crate) fn with_carrier(sites: [Site; 2], carrier: Option<Carrier>) -> Option<Self> {
        match Namespaces::probe() {
            Ok(()) => Some(Self::make(sites, carrier).unwrap()),
            Err(reason) => skipped(&reason),
        }
    }

    fn make(sites: [Site; 2], carrier: Option<Carrier>) -> Result<Self, String> {
        let [host_a, host_b] = HOSTS;
        let [nat_a, nat_b] = ROUTERS;
        let mut roles = vec!["internet", "server", nat_a, nat_b, host_a, host_b];
        roles.extend(carrier.map(|_| "carrier"));
        let namespaces = Namespaces::new(&roles)?;
        let mut this = Self { sites, carrier, namespaces, capture: None };
        this.make_core()?;
        if let Some(carrier) = carrier {
            this.make_carrier(carrier)?;
        }
        for number in [0, 1] {
            this.make_site(number)?;
        }
        if let Some(folder) = std::env::var_os("DRYWIRE_CAPTURE") {
            this.capture = Some(this.capture(Path::new(&folder))?);
        }
        Ok(this)
    }

    /// Whether there is another NAT before a site.
    fn is_behind_carrier(&self, number: usize) -> bool {
        self.carrier.is_some_and(|carrier| carrier.both || number == 0)
    }

    /// The bridge that everything hangs on, and the server.
    fn make_core(&self) -> Result<(), String> {
        let internet = self.namespaces.get("internet");
        self.namespaces.connect(("internet", "server"), ("server", "eth0"))?;
        for (number, (port, router)) in PORTS.into_iter().zip(ROUTERS).enumerate() {
            let behind = self.is_behind_carrier(number);
            self.namespaces.connect(
                ("internet", port),
                if behind { ("carrier", WANS[number]) } else { (router, "wan") },
            )?;
        }
        // It has an address, so that what is sent to nowhere goes there and gets lost.
        internet.ip("link add core type bridge stp_state 0 mcast_snooping 0
            link set server master core
            link set site-a master core
            link set site-b master core
            address add 198.51.100.254/24 dev core
            address add 2001:db8::ff/64 dev core nodad
            link set server up
            link set site-a up
            link set site-b up
            link set core up\n")?;
        self.server().ip("address add 192.0.2.1/24 dev eth0
            address add 192.0.2.2/24 dev eth0
            address add 2001:db8::1/64 dev eth0 nodad
            address add 2001:db8::2/64 dev eth0 nodad
            link set eth0 up
            route add 198.51.100.0/24 dev eth0
            route add default via 198.51.100.254
            route add default via 2001:db8::ff
            route add 203.0.113.0/28 via 198.51.100.1
            route add 203.0.113.16/28 via 198.51.100.2
            route add 2001:db8:1::/64 via 2001:db8::101
            route add 2001:db8:2::/64 via 2001:db8::102\n")
    }

    /// The NAT before the sites' routers, and their networks in between.
    fn make_carrier(&self, Carrier { nat, .. }: Carrier) -> Result<(), String> {
        let carrier = self.namespaces.get("carrier");
        carrier.set("net/ipv4/ip_forward", "1")?;
        carrier.ip("address add 198.51.100.1/24 dev wan
            link set wan up
            route add 192.0.2.0/24 dev wan
            route add 203.0.113.16/28 via 198.51.100.2
            route add default via 198.51.100.254\n")?;
        for number in [0, 1].into_iter().filter(|number| self.is_behind_carrier(*number)) {
            let (port, own) = (CARRIER_PORTS[number], number + 1);
            self.namespaces.connect(("carrier", port), (ROUTERS[number], "wan"))?;
            carrier.ip(&format!("address add 100.64.{own}.1/24 dev {port}\nlink set {port} up\n"))?;
        }
        carrier.nft(&nat.rules("198.51.100.1"))
    }

    fn make_site(&self, number: usize) -> Result<(), String> {
        let Site { nat, family, .. } = self.sites[number];
        let (router, host) = (self.router(number), self.host(number));
        self.namespaces.connect((ROUTERS[number], "lan"), (HOSTS[number], "eth0"))?;
        let (own, other) = (number + 1, 2 - number);
        let (inside, inside_host) = (self.gateway(number), self.address(number));
        let other_prefix = 16 * (1 - number);
        let behind = self.is_behind_carrier(number);
        let public = if behind { format!("100.64.{own}.2") } else { format!("198.51.100.{own}") };
        if family != Family::V6 {
            router.set("net/ipv4/ip_forward", "1")?;
            let routes = if behind {
                format!("route add default via 100.64.{own}.1\n")
            } else {
                format!(
                    "route add 192.0.2.0/24 dev wan
                    route add 203.0.113.{other_prefix}/28 via 198.51.100.{other}
                    route add default via 198.51.100.254\n"
                )
            };
            router.ip(&format!(
                "address add {public}/24 dev wan
                address add {inside}/28 dev lan
                link set wan up
                link set lan up
                {routes}"
            ))?;
            host.ip(&format!(
                "address add {inside_host}/28 dev eth0
                link set eth0 up
                route add default via {inside}\n"
            ))?;
        }
        if family != Family::V4 {
            router.set("net/ipv6/conf/all/forwarding", "1")?;
            router.ip(&format!(
                "address add 2001:db8::10{own}/64 dev wan nodad
                address add 2001:db8:{own}::1/64 dev lan nodad
                link set wan up
                link set lan up
                route add 2001:db8:{other}::/64 via 2001:db8::10{other}
                route add default via 2001:db8::ff\n"
            ))?;
            host.ip(&format!(
                "address add 2001:db8:{own}::2/64 dev eth0 nodad
                link set eth0 up
                route add default via 2001:db8:{own}::1\n"
            ))?;
        }
        router.nft(&nat.rules(&public))
    }

    /// Has what passes the bridge written to a file.
    fn capture(&self, folder: &Path) -> Result<Child, String> {
        let internet = self.namespaces.get("internet");
        let [near, far] = self.sites.map(|site| format!("{:?}", site.nat));
        let file = folder.join(format!("{}-{near}-{far}.pcap", internet.name()));
        internet.run(|| {
            std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
            Command::new("tcpdump")
                .args(["-i", "core", "--immediate-mode", "-U", "-n", "-w"])
                .arg(&file)
                .stderr(Stdio::null())
                .spawn()
                .map_err(|error| format!("no `tcpdump`: {error}"))
        })
    }

    /// What is what, for people.
    pub(crate) fn describe(&self) -> String {
        let site = |number: usize| {
            let (host, router) = (self.host(number), self.router(number));
            format!("{} behind {} ({})", host.name(), router.name(), self.sites[number].nat)
        };
        let (internet, server) = (self.namespaces.get("internet"), self.server());
        let (internet, server) = (internet.name(), server.name());
        format!("{}\n{}\n{server} and the bridge `core` in {internet}", site(0), site(1))
    }

    /// Where the servers run.
    pub(crate) fn server(&self) -> Namespace {
        self.namespaces.get("server")
    }

    /// Where a site's host is.
    pub(crate) fn host(&self, number: usize) -> Namespace {
        self.namespaces.get(HOSTS[number])
    }

    /// The router before a site's host.
    pub(crate) fn router(&self, number: usize) -> Namespace {
        self.namespaces.get(ROUTERS[number])
    }

    /// The namespace of the bridge.
    pub(crate) fn core(&self) -> Namespace {
        self.namespaces.get("internet")
    }

    /// Which addresses a site has.
    pub(crate) fn family(&self, number: usize) -> Family {
        self.sites[number].family
    }

    /// The host's first IPv4 address: behind a NAT, one that others have, too.
    pub(crate) fn address(&self, number: usize) -> IpAddr {
        self.inside(number, 2)
    }

    /// Another address that the host may take.
    pub(crate) fn other_address(&self, number: usize) -> IpAddr {
        self.inside(number, 3)
    }

    /// The router's address for its host.
    pub(crate) fn gateway(&self, number: usize) -> IpAddr {
        self.inside(number, 1)
    }

    fn inside(&self, number: usize, host: u8) -> IpAddr {
        let site = u8::try_from(number).unwrap();
        match self.sites[number].nat {
            Nat::Open => Ipv4Addr::new(203, 0, 113, 16 * site + host).into(),
            _ => Ipv4Addr::new(10, 0, self.sites[number].network.unwrap_or(site + 1), host).into(),
        }
    }
}
