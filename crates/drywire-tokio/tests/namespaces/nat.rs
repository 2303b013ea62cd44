//! What stands between a site and the Internet: the rules of nftables.

use std::fmt;

/// What a site's router does with what passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nat {
    /// Nothing: the host has an address of its own.
    Open,
    /// One port for all destinations, open to everybody.
    FullCone,
    /// [`FullCone`](Self::FullCone), also for those who are behind it themselves (RFC 4787, section 6).
    Hairpinning,
    /// One port for all destinations, open to addresses that something was sent to.
    AddressRestricted,
    /// One port for all destinations, open to addresses and ports that something was sent to.
    PortRestricted,
    /// A port of its own for each destination, open to that.
    Symmetric,
    /// [`PortRestricted`](Self::PortRestricted), and no UDP passes, in no direction.
    UdpBlocked,
    /// [`PortRestricted`](Self::PortRestricted), and nothing passes but TCP connections to port 443.
    OnlyTcp443,
}

impl fmt::Display for Nat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Open => "no NAT",
            Self::FullCone => "a full cone NAT",
            Self::Hairpinning => "a full cone NAT that hairpins",
            Self::AddressRestricted => "an address-restricted NAT",
            Self::PortRestricted => "a port-restricted NAT",
            Self::Symmetric => "a symmetric NAT",
            Self::UdpBlocked => "a NAT that drops UDP",
            Self::OnlyTcp443 => "a NAT that lets only TCP to port 443 out",
        };
        f.write_str(name)
    }
}

impl Nat {
    /// By the name that is used by hand.
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "open" => Self::Open,
            "full-cone" => Self::FullCone,
            "hairpinning" => Self::Hairpinning,
            "address-restricted" => Self::AddressRestricted,
            "port-restricted" => Self::PortRestricted,
            "symmetric" => Self::Symmetric,
            "udp-blocked" => Self::UdpBlocked,
            "only-tcp-443" => Self::OnlyTcp443,
            _ => panic!("no NAT is called {name}"),
        }
    }

    /// The rules for a router between `wan` and one or more interfaces whose names begin with `lan`. `public` is its address on the
    /// former.
    ///
    /// The kernel's own NAT keeps the port where it can, and lets in what answers: a port-restricted NAT. For the wider ones, what
    /// goes out is noted in sets, and what comes in is sent on by them. IPv6 is not translated, but only answers are let in (RFC 6092).
    pub(crate) fn rules(self, public: &str) -> String {
        // What comes for the router itself is dropped without a word. Otherwise it would be a flow that the kernel knows,
        // and a host's packet to where that came from would get another port.
        let closed = "chain input { type filter hook input priority filter; policy drop;
            iifname != \"wan\" accept
            meta l4proto { icmp, ipv6-icmp } accept
        }";
        let fewer = match self {
            Self::UdpBlocked => "meta l4proto udp drop",
            Self::OnlyTcp443 => {
                "iifname \"lan*\" tcp dport != 443 drop
                iifname \"lan*\" meta l4proto != { tcp, icmp, ipv6-icmp } drop"
            }
            _ => "",
        };
        let (note, open) = match self {
            Self::FullCone | Self::Hairpinning => ("", format!("ip daddr {public}")),
            Self::AddressRestricted => (
                "update @allowed { udp sport . ip daddr }",
                format!("ip daddr {public} udp dport . ip saddr @allowed"),
            ),
            _ => ("", String::new()),
        };
        let from = if self == Self::Hairpinning { "" } else { "iifname \"wan\"" };
        let (note, inward) = if open.is_empty() {
            (String::new(), String::new())
        } else {
            (
                format!(
                    "iifname \"lan*\" meta nfproto ipv4 meta l4proto udp update @mappings {{ udp sport : ip saddr }} {note}"
                ),
                format!("{from} {open} dnat ip to udp dport map @mappings"),
            )
        };
        let outward = match self {
            Self::Open => String::new(),
            Self::Symmetric => "oifname \"wan\" meta nfproto ipv4 masquerade fully-random".to_owned(),
            // RFC 4787, REQ-9: who is called by the public address sees the caller's public one.
            Self::Hairpinning => format!(
                "oifname \"wan\" meta nfproto ipv4 masquerade
                oifname \"lan*\" ct status dnat iifname \"lan*\" snat ip to {public}"
            ),
            _ => "oifname \"wan\" meta nfproto ipv4 masquerade".to_owned(),
        };
        let inbound = if self == Self::Open { "accept" } else { "drop" };
        format!(
            "table inet site {{
                map mappings {{ type inet_service : ipv4_addr; flags dynamic, timeout; timeout 2m; }}
                set allowed {{ type inet_service . ipv4_addr; flags dynamic, timeout; timeout 2m; }}
                {closed}
                chain forward {{ type filter hook forward priority filter; policy {inbound};
                    {fewer}
                    {note}
                    iifname \"lan*\" accept
                    ct state established,related accept
                    ct status dnat accept
                }}
                chain inward {{ type nat hook prerouting priority dstnat; {inward}
                }}
                chain outward {{ type nat hook postrouting priority srcnat; {outward}
                }}
            }}"
        )
    }
}
