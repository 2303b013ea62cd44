//! Setting local descriptions (RFC 9429 sections 5.5, 5.7 and 5.9).

use drywire_sdp::{Direction, MaxMessageSize, Mid, SctpInit, SctpPort, Sctpmap, SessionDescription};

use crate::changes::Changes;
use crate::codec::NegotiatedCodec;
use crate::data::DataSection;
use crate::error::LocalDescriptionError as Error;
use crate::plan::{Body, Plan, PlannedRtp};
use crate::session::{OpenOffer, Session, State};
use crate::signaling::{DescriptionType, Side};
use crate::slot::{Occupant, Slot};
use crate::transceiver::{LocalSide, Negotiated, Section};
use crate::transport::RemoteTransport;

/// What a peer takes that does not say how much (RFC 8841 section 6.1).
const DEFAULT_MAX_MESSAGE_SIZE: u64 = 65_536;
/// The SCTP port that is meant when an old form names none.
const DEFAULT_SCTP_PORT: u16 = 5000;

impl Session {
    /// Sets the description that was created last, or takes the open offer back (then `description` is not looked at).
    ///
    /// # Errors
    /// When the signaling state does not allow it, the description is another one, or the type is not supported yet.
    /// Nothing has changed then.
    pub fn set_local_description(
        &mut self,
        kind: DescriptionType,
        description: &SessionDescription,
    ) -> Result<Changes, Error> {
        let state = self.state.signaling;
        let after = state.after(Side::Local, kind).ok_or(Error::State(state, kind))?;
        match kind {
            DescriptionType::Rollback => return Ok(self.rollback()),
            DescriptionType::Pranswer => return Err(Error::Unsupported(kind)),
            DescriptionType::Offer | DescriptionType::Answer => {}
        }
        let created =
            self.created.take_if(|created| created.kind == kind && created.description == *description);
        let plan = created.ok_or(Error::Modified)?.plan;
        let mut changes = Changes::default();
        if kind == DescriptionType::Offer {
            self.apply_local_offer(plan, description);
        } else {
            self.apply_local_answer(plan, description, &mut changes);
        }
        self.state.signaling = after;
        if let Some(origin) = description.origin() {
            self.state.session_version = origin.session_version();
        }
        tracing::debug!(%kind, sections = description.media_len(), "local description set");
        Ok(changes)
    }

    fn apply_local_offer(&mut self, plan: Plan, description: &SessionDescription) {
        // A second offer replaces the first; what to go back to stays the same.
        let before = match self.state.open.take() {
            Some(open) => open.before,
            None => Box::new(self.state.clone()),
        };
        let state = &mut self.state;
        state.initiator.get_or_insert(true);
        state.occupy(&plan);
        state.cryptex = plan.cryptex;
        for extension in plan.rtp().flat_map(|rtp| &rtp.extensions) {
            state.keep_extension_id(extension.id, &extension.uri, extension.encrypted);
        }
        state.note_restart(description);
        state.local.pending = Some(description.clone());
        state.open = Some(OpenOffer { plan: Some(plan), before });
        for slot in &self.state.slots {
            self.next_mid = self.next_mid.max(mid_after(&slot.mid));
        }
    }

    fn apply_local_answer(&mut self, plan: Plan, description: &SessionDescription, changes: &mut Changes) {
        let Some(offer) = self.state.remote.pending.take() else { return };
        let section = plan.transport_section();
        if section.is_some() {
            // The role was checked when the answer was created from this offer.
            self.state.dtls_role = self.answer_role(&offer, &plan).ok().or(self.state.dtls_role);
        }
        if section != self.state.transport_section {
            // The application rejected the section that was to lead.
            let cryptex = self.state.remote_transport.as_ref().is_some_and(|remote| remote.cryptex);
            self.state.remote_transport = match self.read_transport(&offer, section) {
                Some(Ok((transport, _))) => Some(RemoteTransport { cryptex, ..transport }),
                _ => self.state.open.take().and_then(|open| open.before.remote_transport),
            };
            self.state.transport_section = section;
        }
        let state = &mut self.state;
        if let Some(transport) = &mut state.remote_transport {
            transport.dtls_role = state.dtls_role;
        }
        state.occupy(&plan);
        state.cryptex = plan.cryptex;
        for (index, section) in plan.sections.iter().enumerate() {
            let mid = section.mid.clone();
            match &section.body {
                Some(Body::Rtp(rtp)) => {
                    let codecs = rtp.codecs.iter().map(|codec| NegotiatedCodec {
                        payload_type: codec.payload_type,
                        send_payload_type: codec.payload_type,
                        name: codec.name.clone(),
                        clock_rate: codec.clock_rate,
                        channels: codec.channels.unwrap_or(1),
                        fmtp: codec.remote_fmtp.clone(),
                        feedback: codec.feedback.clone(),
                    });
                    let negotiated = Negotiated {
                        codecs: codecs.collect(),
                        extensions: rtp.extensions.clone(),
                        rtcp_reduced_size: rtp.reduced_size,
                        local: LocalSide {
                            direction: rtp.direction,
                            remote_direction: rtp.remote_direction,
                            offered: false,
                            streams: rtp.streams.clone(),
                        },
                    };
                    state.agree(rtp, negotiated, rtp.direction, changes);
                }
                Some(Body::Data(_)) => {
                    if let Some(offered) = offer.media_section(index) {
                        let tells_init = tells_init(Some(description), index);
                        state.open_data(mid, &offered, tells_init, changes);
                    }
                }
                None => state.reject(index, changes),
            }
        }
        state.note_restart(description);
        state.local.current = Some(description.clone());
        state.local.pending = None;
        state.remote.current = Some(offer);
        state.open = None;
    }
}

/// The user name fragment of a description, if anything in it is to be connected.
pub(super) fn ufrag(description: &SessionDescription) -> Option<&str> {
    description.media_sections().find_map(|section| section.ice_ufrag())
}

/// The lowest number that a mid made here may have, so that it is not the same as this one.
pub(super) fn mid_after(mid: &Mid) -> u32 {
    mid.as_str().parse::<u32>().ok().filter(|number| *number < 1 << 30).map_or(0, |number| number + 1)
}

impl Plan {
    fn rtp(&self) -> impl Iterator<Item = &PlannedRtp> {
        self.sections.iter().filter_map(|section| match &section.body {
            Some(Body::Rtp(rtp)) => Some(rtp),
            _ => None,
        })
    }
}

impl State {
    /// A local description with other ICE credentials than the current one is the restart that was wanted, be it an answer to
    /// the peer's (W3C webrtc-pc, section 4.4.1.5, `LocalIceCredentialsToReplace`).
    fn note_restart(&mut self, description: &SessionDescription) {
        if let Some(current) = &self.local.current {
            let before = ufrag(current);
            self.ice_restart_wanted &= before.is_some() && before == ufrag(description);
        }
    }

    /// Makes the slots those of the plan, and associates the transceivers with their sections.
    fn occupy(&mut self, plan: &Plan) {
        for (index, section) in plan.sections.iter().enumerate() {
            let slot = Slot {
                mid: section.mid.clone(),
                signalled: section.signalled,
                media: section.media.clone(),
                protocol: section.protocol.clone(),
                formats: section.formats.clone(),
                occupant: section.occupant,
                rejected: self.slots.get(index).is_some_and(|slot| slot.rejected) && section.body.is_none(),
            };
            self.put(index, slot);
        }
    }

    /// Puts a slot in its place. A transceiver that was there before is gone with its section.
    pub(super) fn put(&mut self, index: usize, slot: Slot) {
        if let Occupant::Transceiver(id) = slot.occupant {
            let section = Section { index, mid: slot.mid.clone() };
            if let Some(transceiver) = self.transceiver_mut(id) {
                transceiver.section = Some(section);
            }
        }
        match self.slots.get_mut(index) {
            Some(old) => {
                let old = std::mem::replace(old, slot.clone());
                if let (Occupant::Transceiver(id), true) = (old.occupant, old.occupant != slot.occupant) {
                    self.transceivers.retain(|transceiver| transceiver.id != id);
                }
            }
            None => self.slots.push(slot),
        }
    }

    /// Both sides agreed on an RTP section.
    pub(super) fn agree(
        &mut self,
        rtp: &PlannedRtp,
        negotiated: Negotiated,
        current: Direction,
        changes: &mut Changes,
    ) {
        if let Some(transceiver) = self.transceiver_mut(rtp.transceiver) {
            transceiver.negotiated = Some(negotiated);
            transceiver.current_direction = Some(current);
            changes.negotiated.push(transceiver.id);
        }
    }

    /// One side rejected a section: its transceiver stops (RFC 9429 section 5.10 and 5.11).
    pub(super) fn reject(&mut self, index: usize, changes: &mut Changes) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        slot.rejected = true;
        match slot.occupant {
            Occupant::Transceiver(id) => {
                if let Some(transceiver) = self.transceiver_mut(id).filter(|transceiver| !transceiver.stopped)
                {
                    transceiver.stop();
                    changes.stopped.push(id);
                }
            }
            // A second data section is always rejected, whatever became of the first.
            Occupant::Data if self.data.as_ref().is_some_and(|data| data.mid != slot.mid) => {}
            Occupant::Data => {
                // The peer does not want it; only a new wish of the application asks again.
                self.data_wanted = false;
                changes.data_closed |= self.data.take().is_some();
            }
            Occupant::None => {}
        }
    }

    /// Both sides agreed on the data section. `tells_init` says that ours tells our INIT chunk.
    pub(super) fn open_data(
        &mut self,
        mid: Mid,
        remote: &drywire_sdp::MediaSection<'_>,
        tells_init: bool,
        changes: &mut Changes,
    ) {
        let size = remote.first::<MaxMessageSize>().map_or(DEFAULT_MAX_MESSAGE_SIZE, |size| size.0);
        let port = remote.first::<SctpPort>().map(|port| port.0);
        let port = port.or_else(|| remote.first::<Sctpmap<'_>>().map(|map| map.port()));
        let section = DataSection {
            mid,
            remote_max_message_size: if size == 0 { u64::MAX } else { size },
            remote_sctp_port: port.unwrap_or(DEFAULT_SCTP_PORT),
            remote_sctp_init: remote.first::<SctpInit<'_>>().filter(|_| tells_init).map(|init| init.decode()),
        };
        self.data_wanted = true;
        changes.data_opened |= self.data.replace(section).is_none();
    }
}

/// Whether our section with this index tells our INIT chunk.
pub(super) fn tells_init(local: Option<&SessionDescription>, index: usize) -> bool {
    let section = local.and_then(|local| local.media_section(index));
    section.is_some_and(|section| section.first::<SctpInit<'_>>().is_some())
}
