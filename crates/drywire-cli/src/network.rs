//! What serving and dialling share: sockets, and the configuration of peer connections.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use drywire::crypto::{CertificateError, CertificateOptions, CertifiedKey, RandomError};
use drywire::ice::gather::AddressPolicy;
use drywire::ice::mdns;
use drywire::jsep::{EncryptionPolicy, HeaderExtension};
use drywire::{Config, Duration, Endpoint, EndpointConfig, IceGatheringState};
use drywire_tokio::rustls::pki_types::CertificateDer;
use drywire_tokio::rustls::pki_types::pem::PemObject;
use drywire_tokio::{
    Application, Driver, Handle, IceServerConfigError, Socket, now, since_epoch, tls_config, wall_clock,
};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::arguments::NetworkOptions;
use crate::ice_servers::IceServerFlag;
use crate::key_log::KeyLogFile;

/// How often it is looked whether interfaces have come or gone.
const LOOK: Duration = Duration::from_secs(2);
/// How long the names of servers, and then the servers, may take before we go on without them.
const GATHERING: Duration = Duration::from_secs(2);

#[derive(Debug, Error)]
pub(crate) enum NetworkError {
    #[error("UDP {address} cannot be used: {error}")]
    Bind { address: SocketAddr, error: io::Error },
    #[error("TCP {address} cannot be listened on: {error}")]
    Listen { address: SocketAddr, error: io::Error },
    #[error("the root certificates in {} cannot be used: {error}", path.display())]
    TlsRoot { path: PathBuf, error: io::Error },
    #[error("addresses cannot be hidden, as multicast DNS does not work here: {0}")]
    Multicast(io::Error),
    #[error("--relay-only needs a TURN server: --ice-server turn:NAME:PASSWORD@HOST")]
    NoRelay,
    #[error(transparent)]
    IceServer(#[from] IceServerConfigError),
    #[error("the network interfaces cannot be listed: {0}")]
    Interfaces(io::Error),
    #[error("no certificate could be made: {0}")]
    Certificate(#[from] CertificateError),
    #[error("the key log {} cannot be written: {error}", path.display())]
    KeyLog { path: PathBuf, error: io::Error },
    #[error("the system gives no randomness: {0}")]
    Random(#[from] RandomError),
}

/// An endpoint, sockets for it, and the configuration for its peer connections.
pub(crate) struct Network {
    pub(crate) endpoint: Endpoint,
    pub(crate) sockets: Vec<Socket>,
    pub(crate) config: Arc<Config>,
}

/// Binds the addresses of `options`, or a free port on everything when there are none. To be called within a runtime.
pub(crate) fn open(options: &NetworkOptions) -> Result<Network, NetworkError> {
    let provider = drywire::default_provider();
    // Valid since yesterday: the peer's clock may be behind.
    let since = since_epoch().saturating_sub(Duration::from_secs(24 * 3600));
    let certificate = CertifiedKey::self_signed(&*provider, &CertificateOptions::new(since))?;
    let mut seed = [0; 32];
    provider.random(&mut seed)?;

    let sockets = bind(&options.udp)?;
    let mut endpoint = EndpointConfig::default();
    endpoint.tcp = true;
    if options.relay_only {
        endpoint.gathering.policy = AddressPolicy::RelayOnly;
    }
    if options.hide_addresses {
        endpoint.gathering.hide_hosts = true;
        endpoint.multicast_dns = Some(mdns::Config::default());
    }
    let endpoint = Endpoint::new(endpoint, now(), seed);
    let mut config = Config::new(provider, Arc::new(certificate), wall_clock());
    // Only on request, and then only encrypted, as browsers want it.
    let mut corruption = HeaderExtension::new(HeaderExtension::CORRUPTION_DETECTION, false, true);
    corruption.encryption = EncryptionPolicy::Require;
    config.negotiation_mut().header_extensions.push(corruption);
    if let Some(path) = &options.key_log {
        let log =
            KeyLogFile::open(path).map_err(|error| NetworkError::KeyLog { path: path.clone(), error })?;
        config.dtls_mut().key_log = Some(Arc::new(log));
        tracing::warn!(path = %path.display(), "secrets are logged: captures of these sessions can be decrypted");
    }
    Ok(Network { endpoint, sockets, config: Arc::new(config) })
}

/// Tells the driver, before it runs, how peers are reached.
pub(crate) async fn reach<A: Application>(
    driver: &mut Driver<A>,
    options: &NetworkOptions,
) -> Result<(), NetworkError> {
    driver.watch_interfaces(LOOK).map_err(NetworkError::Interfaces)?;
    for address in &options.tcp {
        let listen = async { driver.listen(TcpListener::bind(address).await?) };
        listen.await.map_err(|error| NetworkError::Listen { address: *address, error })?;
    }
    if options.hide_addresses {
        driver.multicast_dns().map_err(NetworkError::Multicast)?;
    }
    if let Some(path) = &options.tls_root {
        let error = |error| NetworkError::TlsRoot { path: path.clone(), error };
        let read = || CertificateDer::pem_file_iter(path)?.collect::<Result<Vec<_>, _>>();
        let roots = read().map_err(|wrong| error(io::Error::other(wrong)))?;
        driver.set_tls(tls_config(&roots).map_err(error)?);
    }
    if options.relay_only && !options.ice_servers.iter().any(IceServerFlag::is_turn) {
        return Err(NetworkError::NoRelay);
    }
    let credential = options.ice_user.as_deref().zip(options.ice_password.as_deref());
    for server in &options.ice_servers {
        driver.add_ice_server(server.config(credential))?;
    }
    driver.look_up_ice_servers(GATHERING).await;
    Ok(())
}

/// Waits until all candidates are there, but not for long: a server may be out of reach.
pub(crate) async fn gathered<A: Application>(handle: &Handle<A>, options: &NetworkOptions) {
    if options.ice_servers.is_empty() {
        return;
    }
    let end = now() + GATHERING;
    while now() < end {
        // Without a driver there is nothing to wait for; what calls it next will notice.
        match handle.call(|_, endpoint, _| endpoint.ice_gathering_state()).await {
            Ok(IceGatheringState::Complete) | Err(_) => return,
            Ok(_) => sleep(Duration::from_millis(10)).await,
        }
    }
    tracing::warn!("not all servers have answered in time; what they would give is left out");
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
