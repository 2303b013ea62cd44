use std::io;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

/// How TURN servers behind TLS are verified. The system's roots are read when they are first needed.
#[derive(Clone, Debug, Default)]
pub(super) struct Tls(Arc<OnceCell<Arc<ClientConfig>>>);

impl Tls {
    pub(super) fn new(config: Arc<ClientConfig>) -> Self {
        Self(Arc::new(OnceCell::new_with(Some(config))))
    }

    pub(super) async fn config(&self) -> io::Result<Arc<ClientConfig>> {
        let load = || async { spawn_blocking(|| tls_config(&[])).await.map_err(io::Error::other)? };
        self.0.get_or_try_init(load).await.cloned()
    }
}

/// The configuration of TLS that [`Driver`](crate::Driver) has by default: servers are verified by the roots that the system
/// trusts, and by `more_roots`, certificates in DER. Make one where a TURN server has a certificate of a root of your own.
///
/// Reads files; call it before it matters, or by `tokio::task::spawn_blocking`.
///
/// # Errors
///
/// There is no root at all, or one of `more_roots` is no certificate.
pub fn tls_config(more_roots: &[rustls::pki_types::CertificateDer<'_>]) -> io::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "some roots of the system cannot be read");
    }
    let (_, ignored) = roots.add_parsable_certificates(found.certs);
    if ignored > 0 {
        tracing::debug!(ignored, "some roots of the system are no certificates");
    }
    for root in more_roots {
        roots.add(root.clone().into_owned()).map_err(io::Error::other)?;
    }
    if roots.is_empty() {
        let message = "the system trusts no root certificate, so no server can be verified";
        return Err(io::Error::new(io::ErrorKind::NotFound, message));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
