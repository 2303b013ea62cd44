//! STUN and TURN servers as flags name them.

use std::str::FromStr;

use drywire::stun::ServerUri;
use drywire_tokio::IceServerConfig;

/// The value of `--ice-server`: a URL, of TURN servers possibly with a user name and a password in it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct IceServerFlag {
    uri: ServerUri,
    credential: Option<(String, String)>,
}

impl IceServerFlag {
    pub(crate) const fn is_turn(&self) -> bool {
        self.uri.scheme.is_turn()
    }

    /// The server, with `credential` if it is a TURN server without one of its own.
    pub(crate) fn config(&self, credential: Option<(&str, &str)>) -> IceServerConfig {
        let config = IceServerConfig::new([self.uri.to_string()]);
        let own = self.credential.as_ref().map(|(name, password)| (name.as_str(), password.as_str()));
        match own.or(credential) {
            Some((name, password)) if self.is_turn() => config.credential(name, password),
            _ => config,
        }
    }
}

impl std::fmt::Debug for IceServerFlag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IceServerFlag").field("uri", &self.uri).finish_non_exhaustive()
    }
}

impl FromStr for IceServerFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const WANTED: &str =
            "stun:HOST[:PORT] or turn[s]:[NAME:PASSWORD@]HOST[:PORT][?transport=udp|tcp] is wanted";
        let Some((scheme, rest)) = text.split_once(':') else { return Err(WANTED.to_owned()) };
        // A password may have an @ in it, a host has none.
        let (credential, host) = match rest.rsplit_once('@') {
            Some((credential, host)) => (Some(credential), host),
            None => (None, rest),
        };
        let uri: ServerUri =
            format!("{scheme}:{host}").parse().map_err(|error| format!("{error}; {WANTED}"))?;
        let credential = match credential {
            None => None,
            Some(_) if !uri.scheme.is_turn() => {
                return Err("a STUN server takes no user name; turn: does".to_owned());
            }
            Some(credential) => {
                let (name, password) = credential
                    .split_once(':')
                    .filter(|(name, password)| !name.is_empty() && !password.is_empty())
                    .ok_or("before the @ there must be NAME:PASSWORD, with %3A for a : in the name")?;
                Some((unescaped(name)?, unescaped(password)?))
            }
        };
        Ok(Self { uri, credential })
    }
}

/// Undoes the percent-encoding of URLs (RFC 3986, section 2.1).
fn unescaped(text: &str) -> Result<String, String> {
    let wrong = || "% must be followed by two hexadecimal digits; write %25 for %".to_owned();
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).ok_or_else(wrong)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| wrong())?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).map_err(|_| "what follows % is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flag(text: &str) -> Result<IceServerConfig, String> {
        text.parse::<IceServerFlag>().map(|flag| flag.config(Some(("user", "pass"))))
    }

    #[test]
    fn a_credential_is_taken_out_of_a_url() {
        for (text, url, name, password) in [
            ("stun:example.org", "stun:example.org", "", ""),
            ("turn:example.org:7", "turn:example.org:7", "user", "pass"),
            ("turn:alice:pw@example.org", "turn:example.org", "alice", "pw"),
            ("turns:alice:p@w:x@[::1]:7?transport=tcp", "turns:[::1]:7?transport=tcp", "alice", "p@w:x"),
            ("turn:1700000000%3Aalice:a%25b@192.0.2.1", "turn:192.0.2.1", "1700000000:alice", "a%b"),
        ] {
            let config = flag(text).unwrap();
            assert_eq!(config.urls, [url]);
            assert_eq!((config.username.as_str(), config.credential.as_str()), (name, password), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, said) in [
            ("example.org", "wanted"),
            ("http://example.org", "wanted"),
            ("turn:", "wanted"),
            ("stun:alice:pw@example.org", "takes no user name"),
            ("turn:alice@example.org", "NAME:PASSWORD"),
            ("turn:alice:@example.org", "NAME:PASSWORD"),
            ("turn:alice:%zz@example.org", "hexadecimal"),
            ("turn:alice:%4@example.org", "hexadecimal"),
            ("turn:alice:%ü@example.org", "hexadecimal"),
            ("turn:alice:%ff@example.org", "UTF-8"),
        ] {
            let error = flag(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn the_password_is_not_printed() {
        let flag: IceServerFlag = "turn:alice:wonderland@example.org".parse().unwrap();
        assert!(!format!("{flag:?}").contains("wonderland"));
    }
}
