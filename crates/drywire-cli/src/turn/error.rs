use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use drywire_tokio::turn::BindError;
use thiserror::Error;

/// Why there is no server: what, where, and what to do.
#[derive(Debug, Error)]
pub(crate) enum TurnError {
    #[error("the configuration file {} cannot be read: {error}", path.display())]
    ReadConfig { path: PathBuf, error: io::Error },
    #[error("in the configuration file {}: {error}", path.display())]
    ParseConfig { path: PathBuf, error: toml::de::Error },
    #[error(
        "nobody is let in: give a user with --user NAME:PASS, or a secret with --secret SECRET; or, in the file of --config, \
         user = [\"NAME:PASS\"] or secret = [\"SECRET\"]"
    )]
    NoUsers,
    #[error("--tls-listen needs a certificate and its key: give both --cert FILE and --key FILE")]
    NoCertificate,
    #[error("--cert and --key are for TLS: say with --tls-listen ADDR:PORT where to take it")]
    NoTls,
    #[error("{what} cannot be read from {}: {error}", path.display())]
    Pem { what: &'static str, path: PathBuf, error: rustls::pki_types::pem::Error },
    #[error("there is no certificate in {}", .0.display())]
    EmptyCertificate(PathBuf),
    #[error("the certificate of --cert and the key of --key are of no use together: {0}")]
    Tls(#[from] rustls::Error),
    #[error("--external {0} has no address of its IP version to stand for: give that with --relay IP")]
    External(IpAddr),
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error("metrics cannot be served on {address}: {error}. Give another address with --metrics ADDR:PORT")]
    Metrics { address: SocketAddr, error: io::Error },
}
