//! STUN and TURN servers as applications name them: by URLs, whose names are looked up.

mod resolve;

use std::fmt;

use drywire::stun::{Host, ServerUri, UriError};
use drywire::{IceServer, IceServerError};
use thiserror::Error;

pub(crate) use self::resolve::{Resolved, Resolver};

/// STUN or TURN servers with the credential for them (W3C webrtc-pc, `RTCIceServer`).
///
/// ```
/// use drywire_tokio::IceServerConfig;
///
/// let open = IceServerConfig::new(["stun:stun.example.org"]);
/// let relays = IceServerConfig::new(["turn:turn.example.org", "turns:turn.example.org:443?transport=tcp"])
///     .credential("alice", "wonderland");
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct IceServerConfig {
    /// Where they are: `stun:HOST[:PORT]` (RFC 7064) or `turn[s]:HOST[:PORT][?transport=udp|tcp]` (RFC 7065).
    pub urls: Vec<String>,
    /// The user name, for TURN.
    pub username: String,
    /// The password, for TURN.
    pub credential: String,
}

impl IceServerConfig {
    /// Servers that want no credential.
    #[must_use]
    pub fn new(urls: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { urls: urls.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// The same servers, with the user name and the password that they want.
    #[must_use]
    pub fn credential(mut self, username: impl Into<String>, password: impl Into<String>) -> Self {
        (self.username, self.credential) = (username.into(), password.into());
        self
    }

    /// The servers, still without the addresses of those that are named.
    pub(crate) fn servers(&self) -> Result<Vec<IceServer>, IceServerConfigError> {
        if self.urls.is_empty() {
            return Err(IceServerConfigError::NoUrl);
        }
        self.urls.iter().map(|url| self.server(url)).collect()
    }

    fn server(&self, url: &str) -> Result<IceServer, IceServerConfigError> {
        let uri: ServerUri =
            url.parse().map_err(|error| IceServerConfigError::Url { url: shortened(url), error })?;
        if uri.scheme.is_turn() && (self.username.is_empty() || self.credential.is_empty()) {
            return Err(IceServerConfigError::NoCredential { uri });
        }
        if uri.scheme.is_secure()
            && !(uri.scheme.is_turn() && uri.transport() == drywire::stun::UriTransport::Tcp)
        {
            return Err(IceServerConfigError::Unsupported { uri });
        }
        let addresses = match uri.host {
            Host::Ip(ip) => vec![(ip, uri.port()).into()],
            Host::Name(_) => Vec::new(),
        };
        Ok(IceServer::turn(uri, addresses, self.username.as_str(), self.credential.as_str()))
    }
}

impl fmt::Debug for IceServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceServerConfig")
            .field("urls", &self.urls)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// Why a server is not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IceServerConfigError {
    /// There is no URL.
    #[error("a server needs at least one URL, for example stun:stun.example.org")]
    NoUrl,
    /// A URL is none, or not one of STUN or TURN.
    #[error(
        "\"{url}\" is no URL of a STUN or TURN server: {error}. Write stun:HOST[:PORT] or \
         turn[s]:HOST[:PORT][?transport=udp|tcp]"
    )]
    Url {
        /// What was given, or how it begins.
        url: Box<str>,
        /// What is wrong with it.
        error: UriError,
    },
    /// A TURN server without a user name and a password: none relays for everybody.
    #[error("{uri} is a TURN server, which needs a user name and a password")]
    NoCredential {
        /// The server.
        uri: ServerUri,
    },
    /// STUN over TLS, or a server over DTLS.
    #[error("{uri} is not supported: of encrypted servers, TURN over TLS is (turns:HOST?transport=tcp)")]
    Unsupported {
        /// The server.
        uri: ServerUri,
    },
    /// The endpoint does not take it.
    #[error(transparent)]
    Endpoint(#[from] IceServerError),
}

fn shortened(url: &str) -> Box<str> {
    const LONGEST: usize = 100;
    match url.char_indices().nth(LONGEST).and_then(|(at, _)| url.get(..at)) {
        Some(begin) => format!("{begin}…").into(),
        None => url.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_server_is_said() {
        let with = |url: &str| IceServerConfig::new([url]).credential("user", "pass");
        for (config, said) in [
            (IceServerConfig::default(), "at least one URL"),
            (with("http://example.org"), "\"http://example.org\" is no URL of a STUN or TURN server"),
            (with("stun://example.org"), "Write stun:HOST[:PORT]"),
            (with("turn:example.org?transport=sctp"), "transport"),
            (with(&"x".repeat(5_000)), "xxx…"),
            (with("turns:example.org?transport=udp"), "not supported"),
            (with("stuns:example.org"), "not supported"),
            (IceServerConfig::new(["turn:example.org"]), "needs a user name and a password"),
            (IceServerConfig::new(["turn:example.org"]).credential("user", ""), "needs a user name"),
        ] {
            let message = config.servers().unwrap_err().to_string();
            assert!(message.contains(said), "{message}");
            assert!(message.len() < 500, "{message}");
        }
    }

    #[test]
    fn names_are_looked_up_and_addresses_are_not() {
        let config = IceServerConfig::new(["stun:192.0.2.1", "stun:[2001:db8::1]:7", "stun:example.org"]);
        let addresses: Vec<_> =
            config.servers().unwrap().into_iter().map(|server| server.addresses).collect();
        assert_eq!(addresses[0], ["192.0.2.1:3478".parse().unwrap()]);
        assert_eq!(addresses[1], ["[2001:db8::1]:7".parse().unwrap()]);
        assert!(addresses[2].is_empty());
    }

    #[test]
    fn the_password_is_not_printed() {
        let config = IceServerConfig::new(["turn:example.org"]).credential("alice", "wonderland");
        let text = format!("{config:?}");
        assert!(text.contains("alice") && !text.contains("wonderland"), "{text}");
    }
}
