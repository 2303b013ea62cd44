//! What clients ask: authentication, and one answer for each request.

use std::net::SocketAddr;

use bytes::BytesMut;
use drywire_core::{Instant, Path, Protocol};
use drywire_stun::attributes::{ErrorCode, Lifetime, MobilityTicket, UnknownAttributes};
use drywire_stun::{
    AttributeType, Class, IntegrityAlgorithm, Message, MessageBuilder, Method, Rejection, TransactionId,
    binding,
};

use super::allocate::Allocation;
use super::event::AllocationId;
use super::users::Account;
use super::{Server, Timer};

/// The comprehension-required attributes that this server understands in requests and Send indications, besides
/// DONT-FRAGMENT.
const KNOWN: &[AttributeType] = &[
    AttributeType::USERNAME,
    AttributeType::MESSAGE_INTEGRITY,
    AttributeType::MESSAGE_INTEGRITY_SHA256,
    AttributeType::REALM,
    AttributeType::NONCE,
    AttributeType::USERHASH,
    AttributeType::PASSWORD_ALGORITHM,
    AttributeType::CHANNEL_NUMBER,
    AttributeType::LIFETIME,
    AttributeType::XOR_PEER_ADDRESS,
    AttributeType::DATA,
    AttributeType::REQUESTED_ADDRESS_FAMILY,
    AttributeType::REQUESTED_TRANSPORT,
    AttributeType::EVEN_PORT,
    AttributeType::RESERVATION_TOKEN,
    AttributeType::CONNECTION_ID,
];

/// Who sent a request, and how the answer is to be signed.
#[derive(Clone, Debug)]
pub(super) struct Requester {
    account: Account,
    integrity: IntegrityAlgorithm,
}

impl Requester {
    pub(super) fn username(&self) -> &str {
        self.account.username()
    }

    /// Whom quotas count for.
    pub(super) fn holder(&self) -> &str {
        self.account.holder()
    }

    /// A response to this requester.
    pub(super) fn response(
        &self,
        class: Class,
        method: Method,
        id: TransactionId,
        fill: impl FnOnce(&mut MessageBuilder<'_>),
    ) -> Vec<u8> {
        let mut response = Vec::new();
        let mut builder = MessageBuilder::new(&mut response, class, method, id);
        fill(&mut builder);
        builder.integrity(self.account.as_ref(), self.integrity).fingerprint();
        // What answers hold is bounded far below 65,535 bytes; a failure leaves nothing, and nothing is sent.
        let _ = builder.finish();
        response
    }
}

impl Server {
    /// Takes one message of a client.
    pub(super) fn take(&mut self, now: Instant, path: Path, message: BytesMut) {
        if message.first().is_some_and(|first| first & 0xC0 == 0x40) {
            return self.take_channel_data(now, path, message);
        }
        let Ok(view) = Message::parse(&message) else {
            self.stats.malformed += 1;
            return;
        };
        if view.check_fingerprint() == Some(false) {
            self.stats.malformed += 1;
            return;
        }
        match (view.class(), view.method()) {
            (Class::Request, Method::BINDING) => self.take_binding(now, path, &view),
            (
                Class::Request,
                Method::ALLOCATE
                | Method::REFRESH
                | Method::CREATE_PERMISSION
                | Method::CHANNEL_BIND
                | Method::CONNECT
                | Method::CONNECTION_BIND,
            ) => self.take_request(now, path, &view),
            (Class::Indication, Method::SEND) if self.unknown(&view).is_empty() => {
                if let Some((peer, at, len)) = super::relay::sent(&view) {
                    self.take_send(now, path, peer, message, at, len);
                } else {
                    self.stats.malformed += 1;
                }
            }
            // A keepalive.
            (Class::Indication, Method::BINDING) => {}
            _ => self.stats.unexpected += 1,
        }
    }

    /// Answers without credentials (RFC 8656, section 7.1). Behaviour discovery may be answered from another address.
    fn take_binding(&mut self, now: Instant, path: Path, request: &Message<'_>) {
        let mut response = Vec::new();
        let discovery = self.config.discovery.filter(|responder| {
            path.protocol == Protocol::Udp && responder.addresses().contains(&path.local)
        });
        let answered = match discovery {
            Some(responder) => {
                responder.respond(path, request, None, &mut response).map(|transmit| transmit.path)
            }
            None => binding::respond(request, path.remote, None, &mut response).map(|_| path),
        };
        if let Some(path) = answered {
            self.stats.bindings += 1;
            self.reply_unproven(now, path, response);
        }
    }

    /// What must be understood and is not (RFC 8489, section 6.3).
    fn unknown(&self, message: &Message<'_>) -> UnknownAttributes {
        let fragments = !self.config.dont_fragment;
        message
            .unknown_required(KNOWN)
            .filter(|attribute| fragments || *attribute != AttributeType::DONT_FRAGMENT)
            .collect()
    }

    /// Who sent a request.
    fn authenticate(&self, now: Instant, path: Path, request: &Message<'_>) -> Result<Requester, Rejection> {
        let allocation = self.table.client(&path).and_then(|id| self.table.get(id));
        let known = allocation.map(|allocation| &allocation.requester.account);
        let authenticated =
            self.validator.validate(now, nonce_holder(path), request, |user, algorithm| {
                self.users.find(now, user, algorithm, request, known)
            })?;
        Ok(Requester { account: authenticated.account, integrity: authenticated.integrity })
    }

    fn take_request(&mut self, now: Instant, path: Path, request: &Message<'_>) {
        let requester = match self.authenticate(now, path, request) {
            Ok(requester) => requester,
            Err(rejection) => {
                self.stats.refuse(match rejection {
                    Rejection::BadRequest => 400,
                    Rejection::Unauthenticated => 401,
                    Rejection::StaleNonce => 438,
                });
                let mut response = Vec::new();
                // It fails only where the realm fills a message, and then nothing is sent.
                let _ = self.validator.reject(now, nonce_holder(path), request, rejection, &mut response);
                return self.reply_unproven(now, path, response);
            }
        };
        let unknown = self.unknown(request);
        if !unknown.is_empty() {
            self.stats.refuse(ErrorCode::UNKNOWN_ATTRIBUTE.code);
            return self.answer(path, request, &requester, Class::Error, |response| {
                response.attribute(&ErrorCode::UNKNOWN_ATTRIBUTE).attribute(&unknown);
            });
        }
        let result = match request.method() {
            Method::ALLOCATE => self.allocate(now, path, request, &requester),
            Method::REFRESH => self.refresh(now, path, request, &requester),
            Method::CREATE_PERMISSION => self.create_permission(now, path, request, &requester),
            Method::CONNECT => self.connect(now, path, request, &requester),
            Method::CONNECTION_BIND => self.bind_connection(path, request, &requester),
            _ => self.bind_channel(now, path, request, &requester),
        };
        if let Err(code) = result {
            self.refuse(path, request.method(), request.transaction_id(), &requester, code);
        }
    }

    /// The allocation of these addresses, if it is of this user (attack B07).
    pub(super) fn own_allocation(
        &mut self,
        path: Path,
        requester: &Requester,
    ) -> Result<(AllocationId, &mut Allocation), ErrorCode<'static>> {
        let id = self.table.client(&path).ok_or(ErrorCode::ALLOCATION_MISMATCH)?;
        let allocation = self.table.get_mut(id).ok_or(ErrorCode::ALLOCATION_MISMATCH)?;
        if allocation.requester.username() != requester.username() {
            return Err(ErrorCode::WRONG_CREDENTIALS);
        }
        if !allocation.is_open() {
            return Err(ErrorCode::ALLOCATION_MISMATCH);
        }
        Ok((id, allocation))
    }

    /// RFC 8656, section 8.2.
    fn refresh(
        &mut self,
        now: Instant,
        path: Path,
        request: &Message<'_>,
        requester: &Requester,
    ) -> Result<(), ErrorCode<'static>> {
        if let Some(MobilityTicket(ticket)) = request.attribute() {
            return self.refresh_by_ticket(now, path, request, requester, ticket);
        }
        let wanted = request.find::<Lifetime>().map_err(|_| ErrorCode::BAD_REQUEST)?;
        let (id, _) = self.own_allocation(path, requester)?;
        let seconds = self.lifetime(wanted);
        if wanted == Some(Lifetime(0)) {
            self.delete(id);
        } else {
            self.timers.arm(Timer::Allocation(id), now + drywire_core::Duration::from_secs(seconds.into()));
        }
        let told = if wanted == Some(Lifetime(0)) { 0 } else { seconds };
        self.answer(path, request, requester, Class::Success, |response| {
            response.attribute(&Lifetime(told));
        });
        Ok(())
    }

    /// What is given for what is wanted (RFC 8656, section 7.2).
    pub(super) fn lifetime(&self, wanted: Option<Lifetime>) -> u32 {
        let least = u32::try_from(self.config.default_lifetime.as_secs()).unwrap_or(u32::MAX).max(1);
        let most = u32::try_from(self.config.max_lifetime.as_secs()).unwrap_or(u32::MAX).max(least);
        wanted.map_or(least, |wanted| wanted.0.clamp(least, most))
    }

    /// Answers a request of a known user.
    pub(super) fn answer(
        &mut self,
        path: Path,
        request: &Message<'_>,
        requester: &Requester,
        class: Class,
        fill: impl FnOnce(&mut MessageBuilder<'_>),
    ) {
        let response = requester.response(class, request.method(), request.transaction_id(), fill);
        self.reply(path, response);
    }

    pub(super) fn refuse(
        &mut self,
        path: Path,
        method: Method,
        id: TransactionId,
        requester: &Requester,
        code: ErrorCode<'static>,
    ) {
        self.stats.refuse(code.code);
        let response = requester.response(Class::Error, method, id, |response| {
            response.attribute(&code);
        });
        self.reply(path, response);
    }
}

/// For whom a nonce is good. Over streams it is for all of a host: a connection has proven by its handshake to be from where it
/// says, and the connections for data of a client (RFC 6062, section 4.3) need no challenge of their own.
fn nonce_holder(path: Path) -> SocketAddr {
    match path.protocol {
        Protocol::Udp => path.remote,
        _ => SocketAddr::new(path.remote.ip(), 0),
    }
}
