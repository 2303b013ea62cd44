use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use drywire::stun::{Credential, CredentialError};
use serde::Deserialize;
use thiserror::Error;

/// The arguments of `drywire turn`, and the keys of its configuration file: one list for both.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct TurnOptions {
    /// Read options from a TOML file, whose keys have the names of the options: `listen = ["0.0.0.0:3478"]`,
    /// `user = ["alice:secret"]`, `allow-loopback-peers = true`. What is given on the command line goes before it
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    pub(crate) config: Option<PathBuf>,
    /// Take UDP and TCP here, may be repeated; port 0 lets the system choose [default: 0.0.0.0:3478]
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Vec<SocketAddr>,
    /// Take TLS here, may be repeated; the usual port is 5349. Needs --cert and --key
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) tls_listen: Vec<SocketAddr>,
    /// The certificate for TLS and those above it, as PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: Option<PathBuf>,
    /// The private key of the certificate, as PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// The realm of the credentials, mostly the domain [default: drywire]
    #[arg(long, value_name = "REALM")]
    pub(crate) realm: Option<String>,
    /// Let this user in, may be repeated. Others on this host can see the arguments of programs: better in the file
    #[arg(long, value_name = "NAME:PASS")]
    pub(crate) user: Vec<User>,
    /// Let those in who have a credential made with this secret, which ends at a time of day: the user name is
    /// that time in seconds since 1970, a colon and any name; the password is the Base64 of the HMAC-SHA-1 of the user name. May
    /// be repeated, while secrets change
    #[arg(long, value_name = "SECRET")]
    pub(crate) secret: Vec<String>,
    /// Relay from this address, one of IPv4 and one of IPv6 at most [default: what is listened on; for a wildcard the first
    /// address of an interface]
    #[arg(long, value_name = "IP")]
    pub(crate) relay: Vec<IpAddr>,
    /// The address that peers reach the relay by, behind a NAT that maps ports to themselves
    #[arg(long, value_name = "IP")]
    pub(crate) external: Vec<IpAddr>,
    /// The ports of relayed addresses [default: 49152-65535]
    #[arg(long, value_name = "FIRST-LAST")]
    pub(crate) relay_ports: Option<Ports>,
    /// A second address, with another port, with which clients find out how their NAT behaves (RFC 5780); the first one
    /// given by --listen is the other
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) alternate: Option<SocketAddr>,
    /// Relay to peers on this host by 127.0.0.0/8 and ::1: for tests only
    #[arg(long)]
    pub(crate) allow_loopback_peers: bool,
    /// Relay to peers in private networks
    #[arg(long)]
    pub(crate) allow_private_peers: bool,
    /// Do not relay to peers in this network, may be repeated
    #[arg(long, value_name = "IP/BITS")]
    pub(crate) deny_peers: Vec<Network>,
    /// Let clients that come over TCP or TLS have TCP connections to their peers, too (RFC 6062)
    #[arg(long)]
    pub(crate) tcp_allocations: bool,
    /// Let clients take their allocations along to another address of theirs (RFC 8016)
    #[arg(long)]
    pub(crate) mobility: bool,
    /// The most allocations [default: 10000]
    #[arg(long, value_name = "N")]
    pub(crate) max_allocations: Option<usize>,
    /// The most allocations of one user [default: 100]
    #[arg(long, value_name = "N")]
    pub(crate) max_allocations_per_user: Option<usize>,
    /// The most allocations of clients at one address [default: 1000]
    #[arg(long, value_name = "N")]
    pub(crate) max_allocations_per_source: Option<usize>,
    /// The most bytes that are relayed in a second, each way, for all users together [default: no limit]
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_bandwidth: Option<u64>,
    /// The most bytes that are relayed in a second, each way, for one user [default: no limit]
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_bandwidth_per_user: Option<u64>,
    /// The most TCP and TLS connections [default: 10000]
    #[arg(long, value_name = "N")]
    pub(crate) max_connections: Option<usize>,
    /// The most TCP connections to peers and from them [default: 10000]
    #[arg(long, value_name = "N")]
    pub(crate) max_peer_connections: Option<usize>,
    /// Say what was counted at http://ADDR:PORT/metrics, in the text format of Prometheus
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) metrics: Option<SocketAddr>,
    /// How long to wait for the last allocations to end after SIGTERM or ctrl-c, in seconds; a second one ends at once
    /// [default: 60]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) drain: Option<u32>,
    /// Where to send those who ask for an allocation meanwhile: another TURN server, one of IPv4 and one of IPv6
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) drain_to: Vec<SocketAddr>,
}

impl TurnOptions {
    /// These, and where they say nothing what `file` says.
    pub(crate) fn or(self, file: Self) -> Self {
        let list = |first: Vec<SocketAddr>, second| if first.is_empty() { second } else { first };
        Self {
            config: self.config,
            listen: list(self.listen, file.listen),
            tls_listen: list(self.tls_listen, file.tls_listen),
            cert: self.cert.or(file.cert),
            key: self.key.or(file.key),
            realm: self.realm.or(file.realm),
            user: [file.user, self.user].concat(),
            secret: [file.secret, self.secret].concat(),
            relay: if self.relay.is_empty() { file.relay } else { self.relay },
            external: if self.external.is_empty() { file.external } else { self.external },
            relay_ports: self.relay_ports.or(file.relay_ports),
            alternate: self.alternate.or(file.alternate),
            allow_loopback_peers: self.allow_loopback_peers || file.allow_loopback_peers,
            allow_private_peers: self.allow_private_peers || file.allow_private_peers,
            deny_peers: [file.deny_peers, self.deny_peers].concat(),
            tcp_allocations: self.tcp_allocations || file.tcp_allocations,
            mobility: self.mobility || file.mobility,
            max_allocations: self.max_allocations.or(file.max_allocations),
            max_allocations_per_user: self.max_allocations_per_user.or(file.max_allocations_per_user),
            max_allocations_per_source: self.max_allocations_per_source.or(file.max_allocations_per_source),
            max_bandwidth: self.max_bandwidth.or(file.max_bandwidth),
            max_bandwidth_per_user: self.max_bandwidth_per_user.or(file.max_bandwidth_per_user),
            max_connections: self.max_connections.or(file.max_connections),
            max_peer_connections: self.max_peer_connections.or(file.max_peer_connections),
            metrics: self.metrics.or(file.metrics),
            drain: self.drain.or(file.drain),
            drain_to: list(self.drain_to, file.drain_to),
        }
    }
}

/// A name and a password.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct User(pub(crate) Credential);

impl FromStr for User {
    type Err = UserError;

    fn from_str(text: &str) -> Result<Self, UserError> {
        match text.split_once(':') {
            Some((name, password)) if !name.is_empty() && !password.is_empty() => {
                Ok(Self(Credential::new(name, password)?))
            }
            // The text is not shown: it may be the password.
            _ => Err(UserError::Form),
        }
    }
}

#[derive(Debug, Error)]
pub(crate) enum UserError {
    #[error("a user is NAME:PASS, a name and a password with a colon between them")]
    Form,
    #[error(transparent)]
    Credential(#[from] CredentialError),
}

/// A range of ports.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Ports(pub(crate) RangeInclusive<u16>);

impl FromStr for Ports {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let range = text.split_once('-').and_then(|(first, last)| {
            let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
            (first != 0 && first <= last).then_some(first..=last)
        });
        range.map(Self).ok_or("ports are FIRST-LAST, like 49152-65535, both from 1 to 65535")
    }
}

/// The addresses that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Network {
    pub(crate) address: IpAddr,
    pub(crate) prefix: u8,
}

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let network = address.parse::<IpAddr>().ok().and_then(|address| {
            let longest = if address.is_ipv4() { 32 } else { 128 };
            let prefix = prefix.map_or(Some(longest), |prefix| prefix.parse().ok())?;
            (prefix <= longest).then_some(Self { address, prefix })
        });
        network.ok_or("a network is IP/BITS, like 203.0.113.0/24 or 2001:db8::/32, or one address")
    }
}

/// What is parsed on the command line is a string in the file.
macro_rules! from_string {
    ($($type:ty),*) => {$(
        impl TryFrom<String> for $type {
            type Error = <Self as FromStr>::Err;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }
    )*};
}

from_string!(User, Ports, Network);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_may_have_colons() {
        let user: User = "alice:se:cret".parse().unwrap();
        assert_eq!(user.0.username(), "alice");
        assert!(!format!("{user:?}").contains("cret"));
        for wrong in ["alice", "alice:", ":secret", ""] {
            assert!(wrong.parse::<User>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn ranges_and_networks() {
        assert_eq!("50000-50009".parse(), Ok(Ports(50_000..=50_009)));
        for wrong in ["50009-50000", "0-9", "5", "1-65536", "a-b"] {
            assert!(wrong.parse::<Ports>().is_err(), "{wrong}");
        }
        assert_eq!("::1".parse(), Ok(Network { address: "::1".parse().unwrap(), prefix: 128 }));
        assert_eq!("10.0.0.0/8".parse(), Ok(Network { address: "10.0.0.0".parse().unwrap(), prefix: 8 }));
        for wrong in ["10.0.0.0/33", "10.0.0/8", "/8", "::/129"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_file_has_the_names_of_the_options_and_the_options_go_first() {
        let file = r#"
            listen = ["127.0.0.1:3478", "[::1]:3478"]
            tls-listen = ["127.0.0.1:5349"]
            cert = "cert.pem"
            key = "key.pem"
            realm = "example.org"
            user = ["alice:secret"]
            relay = ["127.0.0.1"]
            external = ["198.51.100.7"]
            relay-ports = "50000-50009"
            alternate = "127.0.0.2:3479"
            allow-loopback-peers = true
            tcp-allocations = true
            mobility = true
            max-peer-connections = 9
            secret = ["north"]
            max-allocations-per-source = 3
            max-bandwidth = 125000000
            max-bandwidth-per-user = 1250000
            drain-to = ["192.0.2.9:3478"]
            deny-peers = ["203.0.113.0/24"]
            max-allocations = 5
            metrics = "127.0.0.1:9100"
            drain = 7
        "#;
        let file: TurnOptions = toml::from_str(file).unwrap();
        let given = TurnOptions {
            realm: Some("other".to_owned()),
            user: vec!["bob:pass".parse().unwrap()],
            max_allocations: Some(6),
            ..TurnOptions::default()
        };
        let all = given.or(file);
        assert_eq!((all.realm.as_deref(), all.max_allocations, all.drain), (Some("other"), Some(6), Some(7)));
        assert_eq!(all.user.iter().map(|user| user.0.username()).collect::<Vec<_>>(), ["alice", "bob"]);
        assert!(all.allow_loopback_peers && !all.allow_private_peers && all.listen.len() == 2);
        assert!(all.tcp_allocations && all.mobility && all.max_peer_connections == Some(9));
    }

    #[test]
    fn a_key_that_nobody_knows_is_a_mistake() {
        let error = toml::from_str::<TurnOptions>("reelm = \"x\"").unwrap_err().to_string();
        assert!(error.contains("reelm") && error.contains("realm"), "{error}");
    }
}
