//! `a=candidate` (RFC 8839 section 5.1), with the names of RFC 6544 (TCP) and of the mDNS draft.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use crate::attribute::Attribute;
use crate::error::Invalid;
use crate::grammar::{Words, is_ice_string, is_token, is_word, number};

const INVALID: Invalid = Invalid::Attribute("candidate");

/// A candidate of ICE.
///
/// `FromStr` takes the value of the attribute, also with `candidate:` or `a=candidate:` before it; `Display` writes
/// it with `candidate:`, as the W3C `RTCIceCandidate` has it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Candidate {
    foundation: String,
    component: u16,
    transport: Transport,
    priority: u32,
    address: CandidateAddress,
    port: u16,
    kind: CandidateKind,
    related: Option<(CandidateAddress, u16)>,
    tcp_type: Option<TcpType>,
    ufrag: Option<String>,
    extensions: String,
}

/// The transport protocol of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transport {
    /// UDP.
    Udp,
    /// TCP (RFC 6544).
    Tcp,
    /// One that this crate does not know; a candidate with it is not used.
    Other,
}

/// Where a candidate was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CandidateKind {
    /// An address of the host.
    Host,
    /// An address that a STUN server saw.
    ServerReflexive,
    /// An address that a peer saw.
    PeerReflexive,
    /// An address on a TURN server.
    Relayed,
    /// A kind that this crate does not know; a candidate of it is not used.
    Other,
}

/// Which side of a TCP candidate connects (RFC 6544 section 4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TcpType {
    /// It connects.
    Active,
    /// It is connected to.
    Passive,
    /// Both connect at once.
    SimultaneousOpen,
}

/// The address of a candidate.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CandidateAddress {
    /// An IP address.
    Ip(IpAddr),
    /// A domain name; one that ends in `.local` is for mDNS.
    Name(String),
}

impl CandidateAddress {
    fn parse(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Ip)
    }

    /// Whether it is an IP address, or a word that may be a name.
    fn check(text: &str) -> bool {
        text.len() <= 255 && is_word(text)
    }
}

impl Candidate {
    /// A UDP candidate for component 1, as a max-bundle session with RTCP multiplexed has it.
    ///
    /// # Errors
    /// [`Invalid::Attribute`] when the foundation is not 1 to 32 letters, digits, `+` or `/`.
    pub fn udp(
        foundation: &str,
        priority: u32,
        address: SocketAddr,
        kind: CandidateKind,
        related: Option<SocketAddr>,
    ) -> Result<Self, Invalid> {
        if foundation.is_empty() || foundation.len() > 32 || !is_ice_string(foundation) {
            return Err(INVALID);
        }
        Ok(Self {
            foundation: foundation.to_owned(),
            component: 1,
            transport: Transport::Udp,
            priority,
            address: CandidateAddress::Ip(address.ip()),
            port: address.port(),
            kind,
            related: related.map(|related| (CandidateAddress::Ip(related.ip()), related.port())),
            tcp_type: None,
            ufrag: None,
            extensions: String::new(),
        })
    }

    /// The same candidate over TCP (RFC 6544 section 4.5).
    #[must_use]
    pub fn with_tcp_type(mut self, tcp_type: TcpType) -> Self {
        self.transport = Transport::Tcp;
        self.tcp_type = Some(tcp_type);
        self
    }

    /// The same candidate with a name in the place of its address, as that of an mDNS candidate.
    ///
    /// # Errors
    /// [`Invalid::Attribute`] when the name is no word of at most 255 bytes.
    pub fn with_name(mut self, name: &str) -> Result<Self, Invalid> {
        if !CandidateAddress::check(name) {
            return Err(INVALID);
        }
        self.address = CandidateAddress::parse(name);
        Ok(self)
    }

    /// The same candidate with the user name fragment of its generation, which tells it from those before a restart
    /// when it is signalled alone (RFC 8839 section 5.1, RFC 8838 section 4.1).
    ///
    /// # Errors
    /// [`Invalid::Attribute`] when it is not 4 to 256 letters, digits, `+` or `/`.
    pub fn with_ufrag(mut self, ufrag: &str) -> Result<Self, Invalid> {
        if !(4..=256).contains(&ufrag.len()) || !is_ice_string(ufrag) {
            return Err(INVALID);
        }
        self.ufrag = Some(ufrag.to_owned());
        Ok(self)
    }

    /// The same candidate with the number of its network interface and what that costs, as libwebrtc signals them.
    #[must_use]
    pub fn with_network(mut self, id: u16, cost: u16) -> Self {
        let others: Vec<_> =
            self.extensions().filter(|(name, _)| !matches!(*name, "network-id" | "network-cost")).collect();
        let mut extensions = String::new();
        for (name, value) in others {
            extensions.extend([name, " ", value, " "]);
        }
        extensions.push_str(&format!("network-id {id}"));
        if cost > 0 {
            extensions.push_str(&format!(" network-cost {cost}"));
        }
        self.extensions = extensions;
        self
    }

    /// What candidates of the same kind, base and server have in common.
    #[must_use]
    pub fn foundation(&self) -> &str {
        &self.foundation
    }

    /// The component: 1 is RTP (or everything, with RTCP multiplexed), 2 is RTCP.
    #[must_use]
    pub fn component(&self) -> u16 {
        self.component
    }

    /// The transport protocol.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// The priority.
    #[must_use]
    pub fn priority(&self) -> u32 {
        self.priority
    }

    /// The address.
    #[must_use]
    pub fn address(&self) -> &CandidateAddress {
        &self.address
    }

    /// The port. An active TCP candidate has 9.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Address and port, unless the address is a name.
    #[must_use]
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        match self.address {
            CandidateAddress::Ip(ip) => Some(SocketAddr::new(ip, self.port)),
            CandidateAddress::Name(_) => None,
        }
    }

    /// Where it was found.
    #[must_use]
    pub fn kind(&self) -> CandidateKind {
        self.kind
    }

    /// The related address, `raddr` and `rport`, unless it is a name, or hidden: then an unspecified address stands in
    /// its place (RFC 8839 section 5.1).
    #[must_use]
    pub fn related(&self) -> Option<SocketAddr> {
        match self.related {
            Some((CandidateAddress::Ip(ip), port)) if !ip.is_unspecified() => Some(SocketAddr::new(ip, port)),
            _ => None,
        }
    }

    /// The number of the interface that it belongs to (`network-id` of libwebrtc).
    #[must_use]
    pub fn network_id(&self) -> Option<u16> {
        self.extension("network-id").and_then(number)
    }

    /// What it costs to use its interface, 0 to 999 (`network-cost` of libwebrtc). A peer that says more means the most.
    #[must_use]
    pub fn network_cost(&self) -> Option<u16> {
        self.extension("network-cost").and_then(number::<u16>).map(|cost| cost.min(999))
    }

    fn extension(&self, wanted: &str) -> Option<&str> {
        self.extensions().find(|(name, _)| *name == wanted).map(|(_, value)| value)
    }

    /// Which side of a TCP candidate connects.
    #[must_use]
    pub fn tcp_type(&self) -> Option<TcpType> {
        self.tcp_type
    }

    /// The user name fragment of the ICE generation that this candidate belongs to.
    #[must_use]
    pub fn ufrag(&self) -> Option<&str> {
        self.ufrag.as_deref()
    }

    /// The extensions that this crate does not know, name by name.
    pub fn extensions(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut words = Words::new(&self.extensions);
        std::iter::from_fn(move || Some((words.next()?, words.next()?)))
    }
}

/// The parts of a candidate that is not yet known to be wanted.
struct Fields<'a> {
    foundation: &'a str,
    component: u16,
    transport: Transport,
    priority: u32,
    address: &'a str,
    port: u16,
    kind: CandidateKind,
    extensions: Words<'a>,
}

impl<'a> Fields<'a> {
    fn parse(value: &'a str) -> Option<Self> {
        let mut words = Words::new(value);
        let fields = Self {
            // 32 characters at most (RFC 8839 section 5.1), but peers with longer ones are harmless.
            foundation: words.next().filter(|word| word.len() <= 255 && is_word(word))?,
            component: words.next().and_then(number).filter(|component| (1..=256).contains(component))?,
            transport: match words.next()? {
                word if word.eq_ignore_ascii_case("udp") => Transport::Udp,
                word if word.eq_ignore_ascii_case("tcp") => Transport::Tcp,
                word if is_token(word) => Transport::Other,
                _ => return None,
            },
            priority: words.next().and_then(number)?,
            address: words.next().filter(|word| CandidateAddress::check(word))?,
            port: words.next().and_then(number)?,
            kind: match (words.next()?, words.next()?) {
                ("typ", "host") => CandidateKind::Host,
                ("typ", "srflx") => CandidateKind::ServerReflexive,
                ("typ", "prflx") => CandidateKind::PeerReflexive,
                ("typ", "relay") => CandidateKind::Relayed,
                ("typ", other) if is_token(other) => CandidateKind::Other,
                _ => return None,
            },
            extensions: words,
        };
        // The known extensions are checked; unknown ones are pairs of words (RFC 8839 section 5.1).
        let mut rest = fields.extensions.clone();
        while let Some(name) = rest.next() {
            let value = rest.next().filter(|word| is_word(word))?;
            match name {
                "raddr" if !CandidateAddress::check(value) => return None,
                "rport" => drop(number::<u16>(value)?),
                "tcptype" => drop(tcp_type(value)?),
                "ufrag" if !is_ice_string(value) => return None,
                _ if !is_word(name) => return None,
                _ => {}
            }
        }
        Some(fields)
    }
}

fn tcp_type(text: &str) -> Option<TcpType> {
    Some(match text {
        "active" => TcpType::Active,
        "passive" => TcpType::Passive,
        "so" => TcpType::SimultaneousOpen,
        _ => return None,
    })
}

/// Checks the grammar without making a candidate of it.
pub(crate) fn check(value: &str) -> Result<(), Invalid> {
    Fields::parse(value).map(drop).ok_or(INVALID)
}

impl<'a> Attribute<'a> for Candidate {
    const NAME: &'static str = "candidate";

    fn parse(value: &'a str) -> Result<Self, Invalid> {
        let fields = Fields::parse(value).ok_or(INVALID)?;
        let mut candidate = Self {
            foundation: fields.foundation.to_owned(),
            component: fields.component,
            transport: fields.transport,
            priority: fields.priority,
            address: CandidateAddress::parse(fields.address),
            port: fields.port,
            kind: fields.kind,
            related: None,
            tcp_type: None,
            ufrag: None,
            extensions: String::new(),
        };
        let (mut address, mut port) = (None, None);
        let mut words = fields.extensions;
        while let (Some(name), Some(value)) = (words.next(), words.next()) {
            match name {
                "raddr" => address = Some(CandidateAddress::parse(value)),
                "rport" => port = number(value),
                "tcptype" => candidate.tcp_type = tcp_type(value),
                "ufrag" => candidate.ufrag = Some(value.to_owned()),
                _ => {
                    let extensions = &mut candidate.extensions;
                    let space = if extensions.is_empty() { "" } else { " " };
                    extensions.extend([space, name, " ", value]);
                }
            }
        }
        candidate.related = address.zip(port.or(Some(0)));
        Ok(candidate)
    }

    fn write_value(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        let transport = match self.transport {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Other => "other",
        };
        let kind = match self.kind {
            CandidateKind::Host => "host",
            CandidateKind::ServerReflexive => "srflx",
            CandidateKind::PeerReflexive => "prflx",
            CandidateKind::Relayed => "relay",
            CandidateKind::Other => "other",
        };
        write!(
            out,
            "{} {} {transport} {} {} {} typ {kind}",
            self.foundation, self.component, self.priority, self.address, self.port
        )?;
        if let Some((address, port)) = &self.related {
            write!(out, " raddr {address} rport {port}")?;
        }
        match self.tcp_type {
            Some(TcpType::Active) => out.write_str(" tcptype active")?,
            Some(TcpType::Passive) => out.write_str(" tcptype passive")?,
            Some(TcpType::SimultaneousOpen) => out.write_str(" tcptype so")?,
            None => {}
        }
        if let Some(ufrag) = &self.ufrag {
            write!(out, " ufrag {ufrag}")?;
        }
        if !self.extensions.is_empty() {
            write!(out, " {}", self.extensions)?;
        }
        Ok(())
    }
}

impl FromStr for Candidate {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let text = text.trim_matches([' ', '\t', '\r', '\n']);
        let text = text.strip_prefix("a=").unwrap_or(text);
        Self::parse(text.strip_prefix("candidate:").unwrap_or(text))
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("candidate:")?;
        self.write_value(f)
    }
}

impl fmt::Display for CandidateAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_browsers_send() {
        let text = "candidate:2337715650 1 tcp 1518214911 192.0.2.1 9 typ host tcptype active generation 0 network-id 1";
        let candidate: Candidate = text.parse().unwrap();
        assert_eq!(candidate.to_string(), text);
        assert_eq!((candidate.transport(), candidate.tcp_type()), (Transport::Tcp, Some(TcpType::Active)));
        assert_eq!(candidate.extensions().collect::<Vec<_>>(), [("generation", "0"), ("network-id", "1")]);

        let mdns: Candidate =
            "a=candidate:0 1 UDP 2122187007 d4df7acb-4c9f-4dc0-8396-275c234b4555.local 36107 typ host"
                .parse()
                .unwrap();
        assert!(matches!(mdns.address(), CandidateAddress::Name(name) if name.ends_with(".local")));
        assert_eq!((mdns.socket_addr(), mdns.transport(), mdns.port()), (None, Transport::Udp, 36_107));

        let relayed: Candidate =
            "1 1 udp 255 192.0.2.100 12100 typ relay raddr 198.51.100.100 rport 11100 ufrag ATEn"
                .parse()
                .unwrap();
        assert_eq!(relayed.kind(), CandidateKind::Relayed);
        assert_eq!(relayed.related(), Some("198.51.100.100:11100".parse().unwrap()));
        assert_eq!(relayed.ufrag(), Some("ATEn"));

        let six: Candidate = "1 1 udp 1 2001:db8::2 47136 typ host".parse().unwrap();
        assert_eq!(six.socket_addr(), Some("[2001:db8::2]:47136".parse().unwrap()));
    }

    #[test]
    fn over_tcp_and_with_names() {
        let address = "192.0.2.1:9".parse().unwrap();
        let host = Candidate::udp("1", 7, address, CandidateKind::Host, None).unwrap();
        let tcp = host.clone().with_tcp_type(TcpType::Active);
        assert_eq!(tcp.to_string(), "candidate:1 1 tcp 7 192.0.2.1 9 typ host tcptype active");
        assert_eq!(tcp.to_string().parse(), Ok(tcp));
        let named = host.clone().with_name("d4df7acb-4c9f-4dc0-8396-275c234b4555.local").unwrap();
        assert_eq!(
            named.to_string(),
            "candidate:1 1 udp 7 d4df7acb-4c9f-4dc0-8396-275c234b4555.local 9 typ host"
        );
        assert_eq!(host.with_name("a b"), Err(INVALID));
    }

    #[test]
    fn networks_generations_and_hidden_related_addresses() {
        let text = "candidate:5 1 udp 1677729535 203.0.113.4 46154 typ srflx raddr 0.0.0.0 rport 0 generation 0 \
                    ufrag EEtu network-id 3 network-cost 10";
        let candidate: Candidate = text.parse().unwrap();
        assert_eq!((candidate.network_id(), candidate.network_cost()), (Some(3), Some(10)));
        assert_eq!((candidate.related(), candidate.ufrag()), (None, Some("EEtu")));
        let other = candidate.with_network(4, 0).with_ufrag("abcd").unwrap();
        assert!(
            other.to_string().ends_with(" raddr 0.0.0.0 rport 0 ufrag abcd generation 0 network-id 4"),
            "{other}"
        );
        assert_eq!((other.network_id(), other.network_cost()), (Some(4), None));
        assert_eq!(other.with_ufrag("a b c"), Err(INVALID));
        // What is wrong in the extensions of others costs no candidate.
        let odd: Candidate =
            "1 1 udp 1 192.0.2.1 9 typ host network-id x network-cost 70000".parse().unwrap();
        assert_eq!((odd.network_id(), odd.network_cost()), (None, None));
        let dear: Candidate = "1 1 udp 1 192.0.2.1 9 typ host network-cost 1000".parse().unwrap();
        assert_eq!(dear.network_cost(), Some(999));
    }

    #[test]
    fn out_of_range() {
        for wrong in [
            "1 1 udp 4294967296 192.0.2.1 9 typ host",
            "1 1 udp 1 192.0.2.1 65536 typ host",
            "1 0 udp 1 192.0.2.1 9 typ host",
            "1 257 udp 1 192.0.2.1 9 typ host",
            "1 1 udp -1 192.0.2.1 9 typ host",
            "1 1 udp 1 192.0.2.1 9 host",
            "1 1 udp 1 192.0.2.1 9 typ",
            "1 1 udp 1 192.0.2.1 9 typ host generation",
            "1 1 udp 1 192.0.2.1 9 typ srflx raddr 1 rport 70000",
            "1 1 udp 1 192.0.2.1 9 typ host tcptype sometimes",
            "",
        ] {
            assert_eq!(wrong.parse::<Candidate>(), Err(INVALID), "{wrong}");
        }
        let address = "192.0.2.1:9".parse().unwrap();
        assert!(Candidate::udp("a b", 1, address, CandidateKind::Host, None).is_err());
    }

    proptest! {
        #[test]
        fn round_trip(foundation in "[a-zA-Z0-9+/]{1,32}", priority: u32, ip: IpAddr, port: u16, related: Option<u16>) {
            let address = SocketAddr::new(ip, port);
            let related = related.map(|port| SocketAddr::new(ip, port));
            let candidate = Candidate::udp(&foundation, priority, address, CandidateKind::PeerReflexive, related).unwrap();
            prop_assert_eq!(candidate.to_string().parse(), Ok(candidate));
        }

        #[test]
        fn any_text(text in "\\PC{0,64}") {
            if let Ok(candidate) = text.parse::<Candidate>() {
                let _ = candidate.to_string();
            }
        }
    }
}
