//! `a=setup` (RFC 4145 section 4, RFC 8842 section 5).

use std::fmt;

use crate::attribute::Attribute;
use crate::error::Invalid;

/// Which side begins the DTLS handshake, seen from the side that wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Setup {
    /// The one that wrote it: it is the client.
    Active,
    /// The other one: the one that wrote it is the server.
    Passive,
    /// The other one may choose.
    ActPass,
    /// Nobody for now; RFC 8842 forbids it.
    HoldConn,
}

impl<'a> Attribute<'a> for Setup {
    const NAME: &'static str = "setup";

    fn parse(value: &'a str) -> Result<Self, Invalid> {
        Ok(match value.trim() {
            "active" => Self::Active,
            "passive" => Self::Passive,
            "actpass" => Self::ActPass,
            "holdconn" => Self::HoldConn,
            _ => return Err(Invalid::Attribute("setup")),
        })
    }

    fn write_value(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        out.write_str(match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::ActPass => "actpass",
            Self::HoldConn => "holdconn",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        for text in ["active", "passive", "actpass", "holdconn"] {
            let mut out = String::new();
            Setup::parse(text).unwrap().write_value(&mut out).unwrap();
            assert_eq!(out, text);
        }
        assert!(Setup::parse("client").is_err());
    }
}
