//! The servers that peers are given: STUN and TURN, over UDP, TCP and TLS, at the server's first addresses.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use drywire_tokio::rustls::pki_types::PrivateKeyDer;
use drywire_tokio::rustls::{self, ClientConfig, ServerConfig};
use drywire_tokio::{IceServerConfig, tls_config};
use rcgen::{CertifiedKey, KeyPair};

use crate::internet::{Family, SERVER, SERVER_V6};

/// The user and the password of all TURN servers here.
pub(crate) const CREDENTIAL: [&str; 2] = ["user", "password"];
pub(crate) const PORT: u16 = 3478;
/// The port that firewalls leave open.
pub(crate) const TLS_PORT: u16 = 443;

/// A server, as it is told to peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    Stun,
    TurnUdp,
    TurnTcp,
    TurnTls,
}

impl Server {
    /// For a host that has addresses of this family.
    pub(crate) fn config(self, family: Family) -> IceServerConfig {
        let [v4, v6] = [SERVER[0].to_string(), format!("[{}]", SERVER_V6[0])];
        let hosts = match family {
            Family::V4 => vec![v4],
            Family::V6 => vec![v6],
            Family::Dual => vec![v6, v4],
        };
        let urls = hosts.into_iter().map(|host| match self {
            Self::Stun => format!("stun:{host}:{PORT}"),
            Self::TurnUdp => format!("turn:{host}:{PORT}?transport=udp"),
            Self::TurnTcp => format!("turn:{host}:{PORT}?transport=tcp"),
            Self::TurnTls => format!("turns:{host}:{TLS_PORT}?transport=tcp"),
        });
        let config = IceServerConfig::new(urls);
        let [user, password] = CREDENTIAL;
        if self == Self::Stun { config } else { config.credential(user, password) }
    }
}

/// What the server proves its name with: its addresses.
pub(crate) fn certificate() -> &'static CertifiedKey<KeyPair> {
    static CERTIFICATE: LazyLock<CertifiedKey<KeyPair>> = LazyLock::new(|| {
        let names = [IpAddr::from(SERVER[0]), SERVER_V6[0].into()].map(|address| address.to_string());
        rcgen::generate_simple_self_signed(names).unwrap()
    });
    &CERTIFICATE
}

/// What the server speaks TLS with.
pub(crate) fn server_tls() -> Arc<ServerConfig> {
    let CertifiedKey { cert, signing_key } = certificate();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    Arc::new(config)
}

/// What peers know the server by.
pub(crate) fn tls() -> Arc<ClientConfig> {
    tls_config(&[certificate().cert.der().clone()]).unwrap()
}
