use drywire_crypto::{HashAlgorithm, InvalidKey, Provider, Secret};

use crate::ConnectionInfo;
use crate::prf::Master;
use crate::schedule;
use crate::v13::TrafficKeys;

/// What the handshake of either version leaves behind.
pub(crate) struct Session {
    pub(crate) info: ConnectionInfo,
    pub(crate) exporter: Exporter,
    /// The secrets that the next keys are made of (DTLS 1.3).
    pub(crate) traffic: Option<TrafficKeys>,
}

/// What keying material is exported from.
pub(crate) enum Exporter {
    Dtls12(Box<Master>),
    Dtls13(HashAlgorithm, Secret),
}

impl Exporter {
    pub(crate) fn export(
        &self,
        provider: &dyn Provider,
        label: &str,
        context: Option<&[u8]>,
        out: &mut [u8],
    ) -> Result<(), InvalidKey> {
        match self {
            Self::Dtls12(master) => {
                master.export(provider, label, context, out);
                Ok(())
            }
            Self::Dtls13(hash, secret) => schedule::export(provider, *hash, secret, label, context, out),
        }
    }
}
