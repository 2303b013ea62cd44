//! What clients ask: authentication, and one answer for each request.

use bytes::BytesMut;
use drywire_core::{Instant, Path, Protocol};
use drywire_stun::attributes::{ErrorCode, Lifetime};
use drywire_stun::{AttributeType, Class, Message, MessageBuilder, Method, TransactionId, binding};

use super::Server;
use super::allocate::Allocation;
use super::event::AllocationId;

/// The comprehension-required attributes that this server understands in requests. DONT-FRAGMENT is not among them: requests
/// that insist on it get 420.
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
];

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
                Method::ALLOCATE | Method::REFRESH | Method::CREATE_PERMISSION | Method::CHANNEL_BIND,
            ) => self.take_request(now, path, &view),
            (Class::Indication, Method::SEND) if view.unknown_required(KNOWN).next().is_none() => {
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

    fn take_request(&mut self, now: Instant, path: Path, request: &Message<'_>) {
        let username = match self.authority.check(now, path.remote, request) {
            Ok(username) => username,
            Err(denied) => {
                self.stats.unauthenticated += 1;
                self.stats.refused += 1;
                let mut response = Vec::new();
                let mut builder = MessageBuilder::new(
                    &mut response,
                    Class::Error,
                    request.method(),
                    request.transaction_id(),
                );
                builder.attribute(&denied.code);
                if denied.challenge {
                    self.authority.add_challenge(now, path.remote, &mut builder);
                }
                builder.fingerprint();
                if builder.finish().is_ok() {
                    self.reply_unproven(now, path, response);
                }
                return;
            }
        };
        let unknown =
            request.unknown_required(KNOWN).collect::<drywire_stun::attributes::UnknownAttributes>();
        if !unknown.is_empty() {
            self.stats.refused += 1;
            return self.answer(path, request, username, Class::Error, |response| {
                response.attribute(&ErrorCode::UNKNOWN_ATTRIBUTE).attribute(&unknown);
            });
        }
        let result = match request.method() {
            Method::ALLOCATE => self.allocate(now, path, request, username),
            Method::REFRESH => self.refresh(now, path, request, username),
            Method::CREATE_PERMISSION => self.create_permission(now, path, request, username),
            _ => self.bind_channel(now, path, request, username),
        };
        if let Err(code) = result {
            self.refuse(path, request.method(), request.transaction_id(), username, code);
        }
    }

    /// The allocation of these addresses, if it is of this user (attack B07).
    pub(super) fn own_allocation(
        &mut self,
        path: Path,
        username: &str,
    ) -> Result<(AllocationId, &mut Allocation), ErrorCode<'static>> {
        let id = *self.by_client.get(&path).ok_or(ErrorCode::ALLOCATION_MISMATCH)?;
        let allocation = self.allocations.get_mut(&id).ok_or(ErrorCode::ALLOCATION_MISMATCH)?;
        if allocation.username != username {
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
        username: &str,
    ) -> Result<(), ErrorCode<'static>> {
        let wanted = request.find::<Lifetime>().map_err(|_| ErrorCode::BAD_REQUEST)?;
        let (id, _) = self.own_allocation(path, username)?;
        let seconds = self.lifetime(wanted);
        if wanted == Some(Lifetime(0)) {
            self.delete(id);
        } else {
            self.timers.arm(id, now + drywire_core::Duration::from_secs(seconds.into()));
        }
        let told = if wanted == Some(Lifetime(0)) { 0 } else { seconds };
        self.answer(path, request, username, Class::Success, |response| {
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
        username: &str,
        class: Class,
        fill: impl FnOnce(&mut MessageBuilder<'_>),
    ) {
        let response = self.build(class, request.method(), request.transaction_id(), username, fill);
        self.reply(path, response);
    }

    pub(super) fn build(
        &self,
        class: Class,
        method: Method,
        id: TransactionId,
        username: &str,
        fill: impl FnOnce(&mut MessageBuilder<'_>),
    ) -> Vec<u8> {
        let mut response = Vec::new();
        let mut builder = MessageBuilder::new(&mut response, class, method, id);
        fill(&mut builder);
        self.authority.sign(username, &mut builder);
        builder.fingerprint();
        // What answers hold is bounded far below 65,535 bytes; a failure leaves nothing, and nothing is sent.
        let _ = builder.finish();
        response
    }

    pub(super) fn refuse(
        &mut self,
        path: Path,
        method: Method,
        id: TransactionId,
        username: &str,
        code: ErrorCode<'static>,
    ) {
        self.stats.refused += 1;
        if code == ErrorCode::FORBIDDEN {
            self.stats.forbidden += 1;
        }
        let response = self.build(Class::Error, method, id, username, |response| {
            response.attribute(&code);
        });
        self.reply(path, response);
    }
}
