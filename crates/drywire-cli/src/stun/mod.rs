//! `drywire stun`: where a server sees us, and what the NAT between does.

mod options;
mod query;
mod report;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use drywire::stun::Host;
use thiserror::Error;
use tokio::time::timeout;

pub(crate) use self::options::StunOptions;
use self::options::Way;
use self::report::Report;

#[derive(Debug, Error)]
enum StunError {
    #[error("the name {host} cannot be looked up: {error}")]
    Lookup { host: String, error: io::Error },
    #[error("{host} has no address of {version}")]
    NoAddress { host: String, version: &'static str },
    #[error("no connection: {0}")]
    Connect(io::Error),
    #[error("the network failed: {0}")]
    Network(io::Error),
    #[error("the root certificates cannot be read from {}: {error}", path.display())]
    Roots { path: PathBuf, error: rustls::pki_types::pem::Error },
    #[error("no TLS is possible: {0}")]
    Tls(io::Error),
    #[error("{0} is no name that a certificate can have")]
    Name(String),
    #[error("the server did not answer: it may not be one of STUN, or something on the way drops {0}")]
    NoAnswer(Way),
    #[error("the server closed the connection instead of answering")]
    Closed,
    #[error("the server answered with something else than STUN")]
    NoStun,
    #[error("the server refused the request with error {0}")]
    Refused(u16),
    #[error("the system gives no randomness: {0}")]
    Random(#[from] drywire::crypto::RandomError),
}

/// Asks the server, and says what came of it.
pub(crate) async fn run(options: &StunOptions) -> Report {
    let mut report = Report {
        server: options.server.0.to_string(),
        transport: options.way().to_string(),
        ..Report::default()
    };
    let asked = timeout(options.timeout, ask(options, &mut report)).await;
    report.error = match asked {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!(
            "not done within {} s; --timeout SECONDS allows more",
            options.timeout.as_secs_f64()
        )),
    };
    report
}

/// The report as the user wants it.
pub(crate) fn render(options: &StunOptions, report: &Report) -> String {
    if options.json { report.to_json() } else { report.to_text() }
}

async fn ask(options: &StunOptions, report: &mut Report) -> Result<(), StunError> {
    let server = look_up(options).await?;
    report.address = Some(server);
    match options.way() {
        Way::Udp => query::udp(server, report).await,
        Way::Tcp => query::tcp(server, report).await,
        Way::Tls => {
            let name = options.server.0.host.to_string();
            query::tls(server, name.trim_matches(['[', ']']), options.ca.as_deref(), report).await
        }
    }
}

async fn look_up(options: &StunOptions) -> Result<SocketAddr, StunError> {
    let port = options.port();
    let host = &options.server.0.host;
    let addresses: Vec<SocketAddr> = match host {
        Host::Ip(ip) => vec![SocketAddr::new(*ip, port)],
        Host::Name(name) => tokio::net::lookup_host((&**name, port))
            .await
            .map_err(|error| StunError::Lookup { host: host.to_string(), error })?
            .collect(),
    };
    let is_wanted =
        |address: &&SocketAddr| (!options.ipv4 || address.is_ipv4()) && (!options.ipv6 || address.is_ipv6());
    let version = match (options.ipv4, options.ipv6) {
        (true, _) => "IPv4",
        (_, true) => "IPv6",
        _ => "any IP version",
    };
    let found = addresses.iter().find(is_wanted).copied();
    found.ok_or_else(|| StunError::NoAddress { host: host.to_string(), version })
}
