//! What serving and dialling share: sockets, and the configuration of peer connections.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use drywire::crypto::{CertificateError, CertificateOptions, CertifiedKey, RandomError};
use drywire::jsep::{EncryptionPolicy, HeaderExtension};
use drywire::{Config, Duration, Endpoint, EndpointConfig};
use drywire_tokio::{Socket, host_addresses, interfaces, now, since_epoch, wall_clock};
use thiserror::Error;

use crate::key_log::KeyLogFile;

#[derive(Debug, Error)]
pub(crate) enum NetworkError {
    #[error("UDP {address} cannot be used: {error}")]
    Bind { address: SocketAddr, error: io::Error },
    #[error("the network interfaces cannot be listed: {0}")]
    Interfaces(io::Error),
    #[error("no certificate could be made: {0}")]
    Certificate(#[from] CertificateError),
    #[error("the key log {} cannot be written: {error}", path.display())]
    KeyLog { path: PathBuf, error: io::Error },
    #[error("the system gives no randomness: {0}")]
    Random(#[from] RandomError),
}

/// An endpoint, the sockets whose addresses it knows, and the configuration for its peer connections.
pub(crate) struct Network {
    pub(crate) endpoint: Endpoint,
    pub(crate) sockets: Vec<Socket>,
    pub(crate) config: Arc<Config>,
}

/// Binds `addresses`, or a free port on everything when there are none. Secrets go to the file `key_log`, if there is one.
/// To be called within a runtime.
pub(crate) fn open(addresses: &[SocketAddr], key_log: Option<&Path>) -> Result<Network, NetworkError> {
    let provider = drywire::default_provider();
    // Valid since yesterday: the peer's clock may be behind.
    let since = since_epoch().saturating_sub(Duration::from_secs(24 * 3600));
    let certificate = CertifiedKey::self_signed(&*provider, &CertificateOptions::new(since))?;
    let mut seed = [0; 32];
    provider.random(&mut seed)?;

    let sockets = bind(addresses)?;
    let interfaces = interfaces().map_err(NetworkError::Interfaces)?;
    let mut endpoint = Endpoint::new(EndpointConfig::default(), now(), seed);
    let mut addresses: Vec<SocketAddr> =
        sockets.iter().flat_map(|socket| host_addresses(socket.local_address(), &interfaces)).collect();
    // The first address is the most preferred one: what only works within this host comes last.
    addresses.sort_by_key(|address| address.ip().is_loopback());
    for address in addresses {
        tracing::info!(%address, "receiving UDP");
        endpoint.add_local_address(now(), address);
    }
    let mut config = Config::new(provider, Arc::new(certificate), wall_clock());
    // Only on request, and then only encrypted, as browsers want it.
    let mut corruption = HeaderExtension::new(HeaderExtension::CORRUPTION_DETECTION, false, true);
    corruption.encryption = EncryptionPolicy::Require;
    config.negotiation_mut().header_extensions.push(corruption);
    if let Some(path) = key_log {
        let log =
            KeyLogFile::open(path).map_err(|error| NetworkError::KeyLog { path: path.to_owned(), error })?;
        config.dtls_mut().key_log = Some(Arc::new(log));
        tracing::warn!(path = %path.display(), "secrets are logged: captures of these sessions can be decrypted");
    }
    Ok(Network { endpoint, sockets, config: Arc::new(config) })
}

fn bind(addresses: &[SocketAddr]) -> Result<Vec<Socket>, NetworkError> {
    let try_bind = |address| Socket::bind(address).map_err(|error| NetworkError::Bind { address, error });
    if !addresses.is_empty() {
        return addresses.iter().copied().map(try_bind).collect();
    }
    let v4 = try_bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))?;
    // A system without IPv6 is served all the same.
    let v6 = match try_bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))) {
        Ok(socket) => Some(socket),
        Err(error) => {
            tracing::info!(%error, "serving IPv4 only");
            None
        }
    };
    Ok([Some(v4), v6].into_iter().flatten().collect())
}
