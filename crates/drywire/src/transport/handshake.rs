//! Who carries the datagrams of the DTLS handshake: the path that ICE found or, if both sides know how, the checks by
//! which ICE looks for it.

use bytes::BytesMut;
use drywire_core::{Instant, Transmit};
use drywire_crypto::Fingerprint;
use drywire_dtls::{Connection, Role};

use super::{Transport, sped};

impl Transport {
    /// Takes the peer's fingerprints and our role as the descriptions gave them. DTLS begins once; renegotiation
    /// with other fingerprints is refused by the offer/answer machine.
    pub(crate) fn begin_dtls(&mut self, now: Instant, role: Role, fingerprints: Vec<Fingerprint>) {
        match &mut self.dtls {
            Some(_) if !self.provisional => return,
            // What was held of it is checked now (RFC 8827, section 6.5).
            Some(dtls) if dtls.role() == role => dtls.set_remote_fingerprints(now, fingerprints),
            // Nothing yet, or the answer wants to be the server although somebody sent a ClientHello.
            _ => self.make_dtls(now, role).set_remote_fingerprints(now, fingerprints),
        }
        (self.provisional, self.expects_client) = (false, false);
        self.replay_early(now);
        self.proceed(now);
    }

    /// We have offered, so that the peer may answer with a ClientHello, which may be here before its answer is
    /// (RFC 5763, section 5).
    pub(crate) const fn expect_client(&mut self) {
        self.expects_client = true;
    }

    /// Begins as the server if there is a ClientHello that nobody expects yet. The handshake then goes on as far as it
    /// can; it is connected when the answer has told the peer's fingerprints.
    pub(super) fn meet_client(&mut self, now: Instant, datagram: &[u8]) {
        if self.expects_client && self.dtls.is_none() && is_client_hello(datagram) {
            self.make_dtls(now, Role::Server);
            (self.provisional, self.expects_client) = (true, false);
        }
    }

    fn make_dtls(&mut self, now: Instant, role: Role) -> &mut Connection {
        let mut dtls = Connection::new(self.config.dtls.clone(), role, now, self.rng.seed());
        dtls.set_mtu(self.handshake_mtu());
        dtls.allow_early_records();
        self.timed = false;
        self.dtls.insert(dtls)
    }

    /// The peer's description says whether it takes DTLS inside STUN.
    pub(crate) fn set_remote_sped(&mut self, sped: bool) {
        if let Some(ours) = &mut self.sped
            && !sped
        {
            ours.not_negotiated();
            self.ice.want_attachments(ours.is_active());
        }
    }

    /// The longest datagram of the handshake.
    pub(super) fn handshake_mtu(&self) -> usize {
        let mtu = self.config.dtls.mtu;
        if self.has_sped() { mtu.min(sped::MTU) } else { mtu }
    }

    /// Whether DTLS is not told the time: as long as its datagrams can only ride on checks, these send them again, and
    /// what its own timers would send only took their place.
    pub(super) fn rests_dtls(&self) -> bool {
        self.has_sped() && self.path().is_none()
    }

    /// Tells DTLS the round-trip time as soon as ICE knows it, which may be before DTLS begins, or after several checks.
    pub(super) fn time_handshake(&mut self, now: Instant) {
        if !self.timed
            && let Some((dtls, rtt)) = self.dtls.as_mut().zip(self.ice.rtt())
        {
            dtls.set_initial_rtt(now, rtt);
            self.timed = true;
        }
    }

    /// Gives DTLS a datagram that came beside STUN.
    pub(super) fn take_datagram(&mut self, now: Instant, datagram: BytesMut) {
        let Some(dtls) = &mut self.dtls else { return };
        if let Some(sped) = self.sped.as_mut().filter(|sped| sped.is_active())
            && !dtls.is_connected()
        {
            sped.note(&datagram);
        }
        dtls.handle_input(now, datagram);
    }

    /// Gives DTLS what rode on messages that ICE took, and takes what it answers.
    pub(super) fn proceed(&mut self, now: Instant) {
        while self.has_sped()
            && let Some(attachment) = self.ice.poll_attachment()
        {
            let Some(datagram) = self.sped.as_mut().and_then(|sped| sped.receive(attachment)) else {
                continue;
            };
            self.meet_client(now, &datagram);
            match (&mut self.dtls, &mut self.sped) {
                (Some(dtls), _) => dtls.handle_input(now, datagram),
                (None, Some(sped)) => sped.hold(datagram),
                (None, None) => {}
            }
        }
        let Some(sped) = self.sped.as_mut().filter(|sped| sped.is_active()) else { return };
        if let Some(dtls) = &mut self.dtls {
            for datagram in sped.take_held() {
                dtls.handle_input(now, datagram);
            }
            match dtls.state() {
                // What is left to say is an alert, which goes along the path if there is one.
                drywire_dtls::State::Closed | drywire_dtls::State::Failed => sped.end(),
                // The flight that was written so far still goes out of here; the next one does not come in.
                _ if !sped.is_active() => {}
                state => {
                    sped.capture(now, dtls);
                    if state == drywire_dtls::State::Connected {
                        sped.handshake_complete();
                    }
                }
            }
        }
        sped.conclude();
        self.stats.dtls_in_stun_sent = sped.sent_count;
        self.stats.dtls_in_stun_received = sped.received_count;
        if !sped.is_active() {
            self.ice.want_attachments(false);
            if let Some(dtls) = &mut self.dtls {
                dtls.set_mtu(self.config.dtls.mtu);
            }
        }
    }

    /// The next datagram of ICE, with what rides on it.
    pub(super) fn poll_ice(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        let Some(sped) = &mut self.sped else { return self.ice.poll_transmit(now, out) };
        let transmit = self.ice.poll_transmit_with(now, out, sped);
        self.stats.dtls_in_stun_sent = sped.sent_count;
        transmit
    }

    /// The next datagram of the handshake, to be sent along the path.
    pub(super) fn poll_dtls(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        if let Some(datagram) = self.sped.as_mut().and_then(sped::Sped::next_direct) {
            out.extend_from_slice(datagram);
            return Some(datagram.len());
        }
        self.dtls.as_mut()?.poll_transmit(now, out)
    }

    /// Ends DTLS inside STUN at once.
    pub(super) fn end_sped(&mut self) {
        if let Some(sped) = &mut self.sped {
            sped.end();
            self.ice.want_attachments(false);
        }
    }

    fn has_sped(&self) -> bool {
        self.sped.as_ref().is_some_and(sped::Sped::is_active)
    }
}

/// Whether a datagram begins with a record in plaintext that has a ClientHello, or a part of one (RFC 6347, sections 4.1
/// and 4.2.2).
fn is_client_hello(datagram: &[u8]) -> bool {
    matches!((datagram.first(), datagram.get(13)), (Some(22), Some(1)))
}
