use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use drywire::stun::{ServerUri, UriTransport};

use crate::arguments::seconds;

/// The arguments of `drywire stun`.
#[derive(Args, Clone, Debug)]
pub(crate) struct StunOptions {
    /// The server: HOST[:PORT], or a URI like stun:stun.example.org, stuns:stun.example.org:5349
    #[arg(value_name = "SERVER")]
    pub(crate) server: Target,
    /// Ask over TCP: tells the address only, not how a NAT behaves
    #[arg(long, conflicts_with = "tls")]
    pub(crate) tcp: bool,
    /// Ask over TLS: tells the address only, not how a NAT behaves
    #[arg(long)]
    pub(crate) tls: bool,
    /// Trust servers with certificates that these have signed, too: PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Ask by IPv4 only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub(crate) ipv4: bool,
    /// Ask by IPv6 only
    #[arg(short = '6', long)]
    pub(crate) ipv6: bool,
    /// Print one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// The time for everything together, in seconds: a NAT that lets nothing in is found out by waiting
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub(crate) timeout: Duration,
}

impl StunOptions {
    pub(crate) const fn way(&self) -> Way {
        let uri = &self.server.0;
        if self.tls || (uri.scheme.is_secure() && !self.tcp) {
            Way::Tls
        } else if self.tcp || matches!(uri.explicit_transport, Some(UriTransport::Tcp)) {
            Way::Tcp
        } else {
            Way::Udp
        }
    }

    /// The one that was given, or the usual one.
    pub(crate) fn port(&self) -> u16 {
        let usual = if self.way() == Way::Tls { 5349 } else { 3478 };
        self.server.0.explicit_port.unwrap_or(usual)
    }
}

/// How a server is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Udp,
    Tcp,
    Tls,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        })
    }
}

/// A server as people write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target(pub(crate) ServerUri);

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_uri = ["stun:", "stuns:", "turn:", "turns:"]
            .iter()
            .any(|scheme| text.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme)));
        // An IPv6 address alone has more colons than one of a port.
        let is_bare_ipv6 = text.parse::<std::net::Ipv6Addr>().is_ok();
        let uri = match (is_uri, is_bare_ipv6) {
            (true, _) => text.to_owned(),
            (false, true) => format!("stun:[{text}]"),
            (false, false) => format!("stun:{text}"),
        };
        let wanted =
            "HOST[:PORT] or stun[s]:HOST[:PORT] is wanted, like stun.example.org:3478 or [2001:db8::1]:3478";
        uri.parse().map(Self).map_err(|error| format!("{error}; {wanted}"))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        options: StunOptions,
    }

    fn parse(line: &str) -> Result<StunOptions, clap::Error> {
        Program::try_parse_from(format!("stun {line}").split_whitespace()).map(|program| program.options)
    }

    #[test]
    fn servers_are_hosts_or_uris() {
        for (line, way, port) in [
            ("stun.example.org", Way::Udp, 3478),
            ("stun.example.org:19302", Way::Udp, 19_302),
            ("stun:192.0.2.1", Way::Udp, 3478),
            ("STUNS:stun.example.org", Way::Tls, 5349),
            ("turn:turn.example.org?transport=tcp", Way::Tcp, 3478),
            ("stun.example.org --tcp", Way::Tcp, 3478),
            ("stun.example.org --tls", Way::Tls, 5349),
            ("2001:db8::1", Way::Udp, 3478),
            ("[2001:db8::1]:99", Way::Udp, 99),
        ] {
            let options = parse(line).unwrap();
            assert_eq!((options.way(), options.port()), (way, port), "{line}");
        }
    }

    #[test]
    fn mistakes_are_told() {
        for line in ["http://x", "a b", "host:port", "host --tcp --tls", "host -4 -6"] {
            assert!(parse(line).is_err(), "{line}");
        }
        let message = parse("stun://example.org").err().unwrap().to_string();
        assert!(message.contains("HOST[:PORT]"), "{message}");
    }
}
