//! Who carries the datagrams of the DTLS handshake: the path that ICE found or, if both sides know how, the checks by
//! which ICE looks for it.

use bytes::BytesMut;
use drywire_core::{Instant, Transmit};

use super::{Transport, sped};

impl Transport {
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
        let Some(sped) = self.sped.as_mut().filter(|sped| sped.is_active()) else { return };
        while let Some(attachment) = self.ice.poll_attachment() {
            let Some(datagram) = sped.receive(attachment) else { continue };
            match &mut self.dtls {
                Some(dtls) => dtls.handle_input(now, datagram),
                None => sped.hold(datagram),
            }
        }
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
