//! From options to the configuration of a server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use drywire::stun::discovery::Responder;
use drywire_tokio::turn::{Config, RelayHost};
use drywire_tokio::wall_clock;
use drywire_turn::{TimeLimited, server};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::error::TurnError;
use super::options::TurnOptions;

/// The port of TURN and STUN (RFC 8656, section 3).
const PORT: u16 = 3478;

/// Adds what the configuration file says.
pub(super) fn with_file(options: TurnOptions) -> Result<TurnOptions, TurnError> {
    let Some(path) = options.config.clone() else { return Ok(options) };
    let text = std::fs::read_to_string(&path)
        .map_err(|error| TurnError::ReadConfig { path: path.clone(), error })?;
    let file = toml::from_str(&text).map_err(|error| TurnError::ParseConfig { path, error })?;
    Ok(options.or(file))
}

pub(super) fn config(options: &TurnOptions) -> Result<Config, TurnError> {
    if options.user.is_empty() && options.secret.is_empty() {
        return Err(TurnError::NoUsers);
    }
    let realm = options.realm.as_deref().unwrap_or("drywire");
    let mut machine = server::Config::new(drywire::default_provider(), realm);
    machine.users = options.user.iter().map(|user| user.0.clone()).collect();
    if !options.secret.is_empty() {
        machine.time_limited =
            Some(TimeLimited { secrets: options.secret.clone(), wall_clock: wall_clock() });
    }
    machine.peers.allow_loopback = options.allow_loopback_peers;
    machine.peers.allow_private = options.allow_private_peers;
    machine.peers.denied =
        options.deny_peers.iter().map(|network| (network.address, network.prefix)).collect();
    machine.max_allocations = options.max_allocations.unwrap_or(machine.max_allocations);
    machine.max_allocations_per_user =
        options.max_allocations_per_user.unwrap_or(machine.max_allocations_per_user);
    machine.max_allocations_per_source =
        options.max_allocations_per_source.unwrap_or(machine.max_allocations_per_source);
    machine.max_bytes_per_second = options.max_bandwidth;
    machine.max_user_bytes_per_second = options.max_bandwidth_per_user;
    machine.tcp_allocations = options.tcp_allocations;
    machine.mobility = options.mobility;
    // Who follows RFC 5766 only, as older clients do, has channels that are others' now.
    machine.legacy_channels = true;

    let listen = match &options.listen[..] {
        [] => vec![SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT))],
        given => given.to_vec(),
    };
    machine.discovery = match (listen.first(), options.alternate) {
        (Some(primary), Some(alternate)) => Some(Responder { primary: *primary, alternate }),
        _ => None,
    };
    let mut config = Config::new(machine);
    (config.udp, config.tcp) = (listen.clone(), listen);
    config.tls.clone_from(&options.tls_listen);
    config.tls_config = tls(options)?;
    config.relays = relays(&options.relay, &options.external)?;
    config.relay_ports = options.relay_ports.clone().map_or(config.relay_ports, |ports| ports.0);
    config.max_connections = options.max_connections.unwrap_or(config.max_connections);
    config.max_peer_connections = options.max_peer_connections.unwrap_or(config.max_peer_connections);
    Ok(config)
}

fn relays(relays: &[IpAddr], external: &[IpAddr]) -> Result<Vec<RelayHost>, TurnError> {
    let of_version =
        |list: &[IpAddr], ip: IpAddr| list.iter().copied().find(|other| other.is_ipv4() == ip.is_ipv4());
    if let Some(lost) = external.iter().find(|external| of_version(relays, **external).is_none()) {
        return Err(TurnError::External(*lost));
    }
    Ok(relays
        .iter()
        .map(|address| RelayHost { address: *address, external: of_version(external, *address) })
        .collect())
}

fn tls(options: &TurnOptions) -> Result<Option<Arc<rustls::ServerConfig>>, TurnError> {
    let (cert, key) = match (options.tls_listen.is_empty(), &options.cert, &options.key) {
        (true, None, None) => return Ok(None),
        (true, ..) => return Err(TurnError::NoTls),
        (false, Some(cert), Some(key)) => (cert, key),
        (false, ..) => return Err(TurnError::NoCertificate),
    };
    let chain = certificates(cert)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| TurnError::Pem {
        what: "a private key",
        path: key.clone(),
        error,
    })?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(Some(Arc::new(config)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TurnError> {
    let failed = |error| TurnError::Pem { what: "a certificate", path: path.to_owned(), error };
    let chain: Vec<_> =
        CertificateDer::pem_file_iter(path).map_err(failed)?.collect::<Result<_, _>>().map_err(failed)?;
    if chain.is_empty() { Err(TurnError::EmptyCertificate(path.to_owned())) } else { Ok(chain) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> TurnOptions {
        TurnOptions { user: vec!["alice:secret".parse().unwrap()], ..TurnOptions::default() }
    }

    fn message(options: &TurnOptions) -> String {
        config(options).unwrap_err().to_string()
    }

    #[test]
    fn the_usual_port_on_all_addresses_of_ipv4() {
        let config = config(&options()).unwrap();
        assert_eq!(config.udp, ["0.0.0.0:3478".parse().unwrap()]);
        assert_eq!(config.tcp, config.udp);
        assert!(config.tls.is_empty() && config.machine.discovery.is_none());
        assert!(!config.machine.tcp_allocations && !config.machine.mobility);
    }

    #[test]
    fn what_is_switched_on_is_on() {
        let options =
            TurnOptions { tcp_allocations: true, mobility: true, max_peer_connections: Some(7), ..options() };
        let config = config(&options).unwrap();
        assert!(config.machine.tcp_allocations && config.machine.mobility);
        assert_eq!(config.max_peer_connections, 7);
    }

    #[test]
    fn mistakes_are_told_with_what_to_do() {
        assert!(message(&TurnOptions::default()).contains("--user NAME:PASS"));
        let tls_listen = vec!["127.0.0.1:0".parse().unwrap()];
        assert!(
            message(&TurnOptions { tls_listen: tls_listen.clone(), ..options() }).contains("--cert FILE")
        );
        let cert = Some("/no/such.pem".into());
        assert!(message(&TurnOptions { cert: cert.clone(), ..options() }).contains("--tls-listen"));
        let missing = TurnOptions { tls_listen, key: cert.clone(), cert, ..options() };
        assert!(message(&missing).contains("/no/such.pem"));
        let external = vec!["198.51.100.7".parse().unwrap()];
        assert!(message(&TurnOptions { external, ..options() }).contains("--relay IP"));
        let no_file = TurnOptions { config: Some("/no/such.toml".into()), ..options() };
        assert!(with_file(no_file).unwrap_err().to_string().contains("/no/such.toml"));
    }

    #[test]
    fn external_addresses_belong_to_relays_of_their_version() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let hosts = relays(&[ip("::1"), ip("10.0.0.1")], &[ip("198.51.100.7")]).unwrap();
        assert_eq!(hosts[0], RelayHost { address: ip("::1"), external: None });
        assert_eq!(hosts[1], RelayHost { address: ip("10.0.0.1"), external: Some(ip("198.51.100.7")) });
    }
}
