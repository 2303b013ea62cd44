use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::UriError;

/// Where a STUN or TURN server is: `stun:`, `stuns:` (RFC 7064), `turn:` or `turns:` (RFC 7065).
///
/// ```
/// use drywire_stun::{Host, Scheme, ServerUri, UriTransport};
///
/// let uri: ServerUri = "turns:turn.example.org?transport=tcp".parse()?;
/// assert_eq!((uri.scheme, uri.port()), (Scheme::Turns, 5349));
/// assert_eq!(uri.host, Host::Name("turn.example.org".into()));
/// assert_eq!(uri.transport(), UriTransport::Tcp);
/// assert_eq!(uri.to_string(), "turns:turn.example.org?transport=tcp");
/// # Ok::<(), drywire_stun::UriError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServerUri {
    /// What is spoken, and whether it is encrypted.
    pub scheme: Scheme,
    /// The server.
    pub host: Host,
    /// The port, if the URI names one.
    pub explicit_port: Option<u16>,
    /// The transport, if the URI names one: only those of TURN do.
    pub explicit_transport: Option<UriTransport>,
}

/// What is spoken with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// STUN.
    Stun,
    /// STUN over TLS or DTLS.
    Stuns,
    /// TURN.
    Turn,
    /// TURN over TLS or DTLS.
    Turns,
}

impl Scheme {
    /// Its name in URIs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stun => "stun",
            Self::Stuns => "stuns",
            Self::Turn => "turn",
            Self::Turns => "turns",
        }
    }

    /// Whether TLS or DTLS is spoken below.
    #[must_use]
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::Stuns | Self::Turns)
    }

    /// Whether it is TURN.
    #[must_use]
    pub const fn is_turn(self) -> bool {
        matches!(self, Self::Turn | Self::Turns)
    }

    /// The port when the URI names none.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        if self.is_secure() { 5349 } else { 3478 }
    }
}

/// A server's name or address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name for DNS.
    Name(Box<str>),
    /// An address.
    Ip(IpAddr),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(IpAddr::V4(ip)) => ip.fmt(f),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
        }
    }
}

/// What is between the client and the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UriTransport {
    /// UDP; DTLS over it when the scheme is secure.
    Udp,
    /// TCP; TLS over it when the scheme is secure.
    Tcp,
}

impl UriTransport {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

impl ServerUri {
    /// The port: 3478, or 5349 when the scheme is secure, unless the URI names another (RFC 7064, section 3.2;
    /// RFC 7065, section 3.2).
    #[must_use]
    pub fn port(&self) -> u16 {
        self.explicit_port.unwrap_or(self.scheme.default_port())
    }

    /// The transport to begin with: the one of the URI; else TCP when the scheme is secure, and UDP when it is not
    /// (RFC 5928, section 3, without its search in DNS).
    #[must_use]
    pub fn transport(&self) -> UriTransport {
        let default = if self.scheme.is_secure() { UriTransport::Tcp } else { UriTransport::Udp };
        self.explicit_transport.unwrap_or(default)
    }
}

impl fmt::Display for ServerUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.scheme.as_str(), self.host)?;
        if let Some(port) = self.explicit_port {
            write!(f, ":{port}")?;
        }
        if let Some(transport) = self.explicit_transport {
            write!(f, "?transport={}", transport.as_str())?;
        }
        Ok(())
    }
}

impl FromStr for ServerUri {
    type Err = UriError;

    fn from_str(uri: &str) -> Result<Self, UriError> {
        let (scheme, rest) = uri.split_once(':').ok_or(UriError::Scheme)?;
        let scheme = [Scheme::Stun, Scheme::Stuns, Scheme::Turn, Scheme::Turns]
            .into_iter()
            .find(|known| known.as_str().eq_ignore_ascii_case(scheme))
            .ok_or(UriError::Scheme)?;
        let (authority, query) = match rest.split_once('?') {
            Some((authority, query)) => (authority, Some(query)),
            None => (rest, None),
        };
        let (host, port) = split_port(authority)?;
        let explicit_transport = match query {
            None => None,
            Some(_) if !scheme.is_turn() => return Err(UriError::Query),
            Some(query) => Some(transport(query)?),
        };
        Ok(Self { scheme, host: parse_host(host)?, explicit_port: port, explicit_transport })
    }
}

/// Splits `host:port`; the colons of an IPv6 address stand in brackets.
fn split_port(authority: &str) -> Result<(&str, Option<u16>), UriError> {
    let host_len = match authority.rfind(']') {
        Some(at) => at + 1,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at_checked(host_len).ok_or(UriError::Host)?;
    if port.is_empty() {
        return Ok((host, None));
    }
    let digits = port.strip_prefix(':').ok_or(UriError::Host)?;
    // `parse` would take a plus sign too.
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(UriError::Port);
    }
    match digits.parse() {
        Ok(port) if port != 0 => Ok((host, Some(port))),
        _ => Err(UriError::Port),
    }
}

fn parse_host(host: &str) -> Result<Host, UriError> {
    if let Some(ip) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return ip.parse::<Ipv6Addr>().map(|ip| Host::Ip(ip.into())).map_err(|_| UriError::Host);
    }
    if let Ok(ip) = host.parse::<Ipv4Addr>() {
        return Ok(Host::Ip(ip.into()));
    }
    // RFC 1123, section 2.1, and underscores, which occur. Anything else, `//` above all, is a mistake.
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let labels = host.strip_suffix('.').unwrap_or(host);
    // A last label of digits would be an address that is none (RFC 1123, section 2.1).
    let ends_in_digits =
        labels.rsplit('.').next().is_some_and(|label| label.bytes().all(|b| b.is_ascii_digit()));
    if labels.len() > 253 || ends_in_digits || !labels.split('.').all(is_label) {
        return Err(UriError::Host);
    }
    Ok(Host::Name(host.into()))
}

fn transport(query: &str) -> Result<UriTransport, UriError> {
    let (name, value) = query.split_once('=').ok_or(UriError::Query)?;
    if !name.eq_ignore_ascii_case("transport") {
        return Err(UriError::Query);
    }
    [UriTransport::Udp, UriTransport::Tcp]
        .into_iter()
        .find(|known| known.as_str().eq_ignore_ascii_case(value))
        .ok_or(UriError::Transport)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(uri: &str) -> Result<ServerUri, UriError> {
        uri.parse()
    }

    /// The tables in appendix A of RFC 7064 and appendix B of RFC 7065: URI, port, transport.
    #[test]
    fn rfc7064_and_rfc7065_examples() {
        use UriTransport::{Tcp, Udp};
        for (uri, port, transport) in [
            ("stun:example.org", 3478, Udp),
            ("stuns:example.org", 5349, Tcp),
            ("stun:example.org:8000", 8000, Udp),
            ("turn:example.org", 3478, Udp),
            ("turns:example.org", 5349, Tcp),
            ("turn:example.org:8000", 8000, Udp),
            ("turn:example.org?transport=udp", 3478, Udp),
            ("turn:example.org?transport=tcp", 3478, Tcp),
            ("turns:example.org?transport=tcp", 5349, Tcp),
            ("turns:example.org?transport=udp", 5349, Udp),
            ("stun:192.0.2.1", 3478, Udp),
            ("stun:[2001:db8::1]:1", 1, Udp),
        ] {
            let parsed = parse(uri).unwrap();
            assert_eq!((parsed.port(), parsed.transport()), (port, transport), "{uri}");
            assert_eq!(parsed.to_string(), uri);
        }
        assert_eq!(parse("TURN:Example.ORG?Transport=TCP").unwrap().transport(), Tcp);
    }

    #[test]
    fn mistakes() {
        for (uri, error) in [
            ("", UriError::Scheme),
            ("example.org", UriError::Scheme),
            ("http:example.org", UriError::Scheme),
            ("stun:", UriError::Host),
            ("stun://example.org", UriError::Host),
            ("turn:user@example.org", UriError::Host),
            ("stun:exa mple.org", UriError::Host),
            ("stun:a..b", UriError::Host),
            ("stun:1.2.3", UriError::Host),
            ("stun:1.2.3.256", UriError::Host),
            ("stun:2001:db8::1", UriError::Port),
            ("stun:[2001:db8::1", UriError::Port),
            ("stun:[2001:db8::1]x", UriError::Host),
            ("stun:[192.0.2.1]", UriError::Host),
            ("stun:[fe80::1%eth0]", UriError::Host),
            ("stun:example.org:", UriError::Port),
            ("stun:example.org:0", UriError::Port),
            ("stun:example.org:+1", UriError::Port),
            ("stun:example.org:65536", UriError::Port),
            ("stun:example.org:80/path", UriError::Port),
            ("stun:example.org?transport=udp", UriError::Query),
            ("turn:example.org?", UriError::Query),
            ("turn:example.org?transport", UriError::Query),
            ("turn:example.org?x=udp", UriError::Query),
            ("turn:example.org?transport=sctp", UriError::Transport),
            ("turn:example.org?transport=udp&x=1", UriError::Transport),
        ] {
            assert_eq!(parse(uri), Err(error), "{uri}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_and_read_again(
            scheme in "(stun|turn)s?",
            host in "([a-z][a-z0-9-]{0,8}\\.){0,3}[a-z]{1,8}|\\[(([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|::1)\\]",
            port in "(:[1-9][0-9]{0,3})?",
        ) {
            let uri = parse(&format!("{scheme}:{host}{port}")).unwrap();
            prop_assert_eq!(parse(&uri.to_string()), Ok(uri));
        }

        #[test]
        fn any_text(text in "(stun|turns):\\PC{0,30}") {
            if let Ok(uri) = parse(&text) {
                prop_assert_eq!(parse(&uri.to_string()), Ok(uri));
            }
        }
    }
}
