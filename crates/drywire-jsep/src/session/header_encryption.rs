//! What was agreed on about encrypted headers (RFC 9335, RFC 6904).

use crate::plan::{Body, Plan};
use crate::session::{Session, State};
use crate::transceiver::NegotiatedExtension;

/// How the headers of RTP packets may be encrypted, in one direction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeaderEncryption {
    /// With Cryptex (RFC 9335): contributing sources and all header extensions.
    pub cryptex: bool,
    /// The numbers of the header extensions whose values are encrypted (RFC 6904) in packets without Cryptex.
    pub extensions: Vec<u8>,
}

impl Session {
    /// How the headers of packets are encrypted that this side sends: what both sides agreed on. A peer that says in a
    /// later offer that it no longer receives Cryptex is believed at once.
    #[must_use]
    pub fn outgoing_header_encryption(&self) -> HeaderEncryption {
        let state = &self.state;
        let remote = state.remote_transport.as_ref().is_some_and(|remote| remote.cryptex);
        HeaderEncryption { cryptex: state.cryptex && remote, extensions: state.encrypted_extensions() }
    }

    /// How the headers of packets may be encrypted that this side receives: what it said that it can receive. After an
    /// offer that may come before the answer.
    #[must_use]
    pub fn incoming_header_encryption(&self) -> HeaderEncryption {
        let state = &self.state;
        let mut extensions = state.encrypted_extensions();
        let plan = state.open.as_ref().and_then(|open| open.plan.as_ref());
        extensions.extend(plan.into_iter().flat_map(Plan::encrypted_extensions));
        extensions.sort_unstable();
        extensions.dedup();
        HeaderEncryption { cryptex: state.cryptex, extensions }
    }
}

impl State {
    pub(super) fn set_remote_cryptex(&mut self, cryptex: bool) {
        if let Some(remote) = &mut self.remote_transport {
            remote.cryptex = cryptex;
        }
    }

    fn encrypted_extensions(&self) -> Vec<u8> {
        let negotiated = self.transceivers.iter().filter_map(|transceiver| transceiver.negotiated.as_ref());
        let mut ids: Vec<u8> = encrypted(negotiated.flat_map(|negotiated| &negotiated.extensions)).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

impl Plan {
    fn encrypted_extensions(&self) -> impl Iterator<Item = u8> {
        encrypted(self.sections.iter().flat_map(|section| match &section.body {
            Some(Body::Rtp(rtp)) => rtp.extensions.as_slice(),
            _ => &[],
        }))
    }
}

fn encrypted<'a>(extensions: impl Iterator<Item = &'a NegotiatedExtension>) -> impl Iterator<Item = u8> {
    extensions.filter(|extension| extension.encrypted).map(|extension| extension.id)
}
