use std::net::SocketAddr;

use drywire_core::{Path, Transmit};

use crate::attributes::{
    ChangeRequest, ErrorCode, MappedAddress, OtherAddress, Padding, ResponseOrigin, ResponsePort, Software,
    UnknownAttributes, XorMappedAddress,
};
use crate::{AttributeType, Class, Message, MessageBuilder, Method, binding};

/// The server of NAT behaviour discovery (RFC 5780, section 6): Binding on two addresses with two ports each. It
/// keeps no state.
///
/// The same four sockets serve plain Binding requests too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Responder {
    /// The first address and the first port.
    pub primary: SocketAddr,
    /// The second address and the second port; both differ from the primary ones.
    pub alternate: SocketAddr,
}

impl Responder {
    /// The four addresses that the server listens on.
    #[must_use]
    pub const fn addresses(&self) -> [SocketAddr; 4] {
        let (primary, alternate) = (self.primary, self.alternate);
        [
            primary,
            SocketAddr::new(primary.ip(), alternate.port()),
            SocketAddr::new(alternate.ip(), primary.port()),
            alternate,
        ]
    }

    /// Appends the response to a request that came along `path`, and says from where to where it is to be sent.
    /// `None` when nothing is to be answered, or when `path.local` is none of [`addresses`](Self::addresses).
    pub fn respond(
        &self,
        path: Path,
        request: &Message<'_>,
        software: Option<&str>,
        out: &mut Vec<u8>,
    ) -> Option<Transmit> {
        if request.class() != Class::Request
            || request.method() != Method::BINDING
            || request.check_fingerprint() == Some(false)
            || !self.addresses().contains(&path.local)
        {
            return None;
        }
        let unknown: UnknownAttributes =
            request.unknown_required(binding::KNOWN).filter(|attribute| !KNOWN.contains(attribute)).collect();
        if !unknown.is_empty() {
            let len = binding::respond_unknown(request, &unknown, out).ok()?;
            return Some(Transmit::datagram(path, len));
        }
        let change = request.find::<ChangeRequest>();
        let port = request.find::<ResponsePort>();
        let padding = request.attribute::<Padding>();
        // PADDING and RESPONSE-PORT together would send much to a port that did not ask.
        let (Ok(change), Ok(port)) = (change, port) else { return bad_request(path, request, out) };
        if padding.is_some() && port.is_some() {
            return bad_request(path, request, out);
        }
        let other = self.other(path.local);
        let change = change.unwrap_or_default();
        let origin = SocketAddr::new(
            if change.ip { other.ip() } else { path.local.ip() },
            if change.port { other.port() } else { path.local.port() },
        );
        let destination = SocketAddr::new(path.remote.ip(), port.map_or(path.remote.port(), |port| port.0));
        let mut response =
            MessageBuilder::new(out, Class::Success, request.method(), request.transaction_id());
        // The plain address too: a gateway that rewrites addresses in packets shows by the difference (section 3.6).
        response
            .attribute(&MappedAddress(path.remote))
            .attribute(&XorMappedAddress(path.remote))
            .attribute(&ResponseOrigin(origin))
            .attribute(&OtherAddress(other));
        if let Some(padding) = padding {
            response.attribute(&padding);
        }
        if let Some(software) = software {
            response.attribute(&Software(software));
        }
        response.fingerprint();
        let len = response.finish().ok()?;
        Some(Transmit::datagram(Path { local: origin, remote: destination, ..path }, len))
    }

    /// The address with both parts changed.
    fn other(&self, local: SocketAddr) -> SocketAddr {
        let ip = if local.ip() == self.primary.ip() { self.alternate.ip() } else { self.primary.ip() };
        let port =
            if local.port() == self.primary.port() { self.alternate.port() } else { self.primary.port() };
        SocketAddr::new(ip, port)
    }
}

/// The comprehension-required attributes that are known here, besides those of Binding.
const KNOWN: &[AttributeType] =
    &[AttributeType::CHANGE_REQUEST, AttributeType::RESPONSE_PORT, AttributeType::PADDING];

fn bad_request(path: Path, request: &Message<'_>, out: &mut Vec<u8>) -> Option<Transmit> {
    let mut response = MessageBuilder::new(out, Class::Error, request.method(), request.transaction_id());
    response.attribute(&ErrorCode::BAD_REQUEST).fingerprint();
    let len = response.finish().ok()?;
    Some(Transmit::datagram(path, len))
}
