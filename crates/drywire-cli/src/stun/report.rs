use std::fmt::Write as _;
use std::net::SocketAddr;

use drywire::stun::discovery::{self, Filtering, Mapping, Undetermined};
use serde::Serialize;

/// What was found out.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    /// The server as it was named.
    pub(crate) server: String,
    /// Its address.
    pub(crate) address: Option<SocketAddr>,
    pub(crate) transport: String,
    pub(crate) local: Option<SocketAddr>,
    /// Our address as the server sees it.
    pub(crate) mapped: Option<SocketAddr>,
    /// Until the first answer.
    pub(crate) rtt_ms: Option<f64>,
    pub(crate) nat: Option<Nat>,
    /// What went wrong, in words.
    pub(crate) error: Option<String>,
}

/// How the NAT behaves (RFC 5780); what could not be found out says why.
#[derive(Debug, Serialize)]
pub(crate) struct Nat {
    pub(crate) mapping: String,
    pub(crate) filtering: String,
    pub(crate) hairpinning: Option<bool>,
    /// Something on the way rewrites addresses in packets.
    pub(crate) rewrites: bool,
    /// The second address of the server.
    pub(crate) other_address: Option<SocketAddr>,
}

impl Nat {
    pub(crate) fn new(report: &discovery::Report) -> Self {
        let mapping = match report.mapping {
            Ok(Mapping::Direct) => "no NAT".to_owned(),
            Ok(Mapping::EndpointIndependent) => "endpoint-independent".to_owned(),
            Ok(Mapping::AddressDependent) => "address-dependent".to_owned(),
            Ok(Mapping::AddressAndPortDependent) => "address- and port-dependent".to_owned(),
            Err(why) => unknown(why),
        };
        let filtering = match report.filtering {
            Ok(Filtering::EndpointIndependent) => "endpoint-independent".to_owned(),
            Ok(Filtering::AddressDependent) => "address-dependent".to_owned(),
            Ok(Filtering::AddressAndPortDependent) => "address- and port-dependent".to_owned(),
            Err(why) => unknown(why),
        };
        let (hairpinning, rewrites) = (report.hairpinning, report.is_rewritten);
        Self { mapping, filtering, hairpinning, rewrites, other_address: report.other }
    }
}

fn unknown(why: Undetermined) -> String {
    match why {
        Undetermined::NoResponse => "unknown: the server did not answer".to_owned(),
        Undetermined::Unsupported => "unknown: the server has no second address to ask from".to_owned(),
        Undetermined::Refused(code) => format!("unknown: the server refused the request with error {code}"),
    }
}

impl Report {
    pub(crate) const fn is_ok(&self) -> bool {
        self.mapped.is_some() && self.error.is_none()
    }

    pub(crate) fn to_json(&self) -> String {
        // Strings and numbers only: that cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// For people.
    pub(crate) fn to_text(&self) -> String {
        let mut text = format!("server          {} over {}", self.server, self.transport);
        if let Some(address) = self.address {
            // A string takes everything, here and below.
            let _ = write!(text, ", {address}");
        }
        let mut line = |name: &str, value: &dyn std::fmt::Display| {
            let _ = write!(text, "\n{name:<15} {value}");
        };
        if let Some(local) = self.local {
            line("local address", &local);
        }
        if let Some(mapped) = self.mapped {
            line("mapped address", &mapped);
        }
        if let Some(rtt) = self.rtt_ms {
            line("first answer", &format_args!("after {rtt} ms"));
        }
        if let Some(nat) = &self.nat {
            line("NAT mapping", &nat.mapping);
            line("NAT filtering", &nat.filtering);
            if let Some(hairpinning) = nat.hairpinning {
                line("hairpinning", &if hairpinning { "yes" } else { "no" });
            }
            if nat.rewrites {
                line("rewriting", &"something on the way rewrites addresses in packets");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_and_programs_are_told_the_same() {
        let found = discovery::Report {
            mapped: Some("203.0.113.9:40000".parse().unwrap()),
            is_rewritten: false,
            other: None,
            mapping: Err(Undetermined::Unsupported),
            filtering: Ok(Filtering::AddressDependent),
            hairpinning: Some(false),
        };
        let report = Report {
            server: "stun:example.org".to_owned(),
            transport: "UDP".to_owned(),
            mapped: found.mapped,
            nat: Some(Nat::new(&found)),
            ..Report::default()
        };
        assert!(report.is_ok());
        let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
        assert_eq!(json["mapped"], "203.0.113.9:40000");
        assert_eq!(json["nat"]["filtering"], "address-dependent");
        let text = report.to_text();
        assert!(text.contains("mapped address  203.0.113.9:40000\n"), "{text}");
        assert!(text.contains("NAT mapping     unknown: the server has no second address"), "{text}");
        assert!(text.ends_with("hairpinning     no"), "{text}");
    }
}
