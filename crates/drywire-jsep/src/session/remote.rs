//! Setting remote descriptions (RFC 9429 sections 5.6, 5.10 and 5.11).

use drywire_sdp::{Direction, Extmap, MediaSection, Mid, SessionDescription, Setup};

use crate::changes::Changes;
use crate::codec::{self, NegotiatedCodec};
use crate::config;
use crate::error::RemoteDescriptionError as Error;
use crate::plan::{Body, Plan, PlannedRtp};
use crate::session::judge::data_form;
use crate::session::local::{mid_after, tells_init};
use crate::session::{OpenOffer, Session, State, check};
use crate::signaling::{DescriptionType, Side, SignalingState};
use crate::slot::{Occupant, Slot};
use crate::transceiver::{
    Created, LocalSide, Negotiated, NegotiatedExtension, RemoteMedia, TransceiverId, TransceiverInit,
};
use crate::transport::{DtlsRole, RemoteTransport};

impl Session {
    /// Sets a description of the peer, or takes the open offer back (then `description` is not looked at). An offer
    /// while this side has one open takes ours back first (W3C "perfect negotiation").
    ///
    /// # Errors
    /// When the signaling state does not allow it, the description does not keep the rules, or the type is not
    /// supported yet. Nothing has changed then.
    pub fn set_remote_description(
        &mut self,
        kind: DescriptionType,
        description: &SessionDescription,
    ) -> Result<Changes, Error> {
        let state = self.state.signaling;
        let glare = (state, kind) == (SignalingState::HaveLocalOffer, DescriptionType::Offer);
        if !glare && state.after(Side::Remote, kind).is_none() {
            return Err(Error::State(state, kind));
        }
        match kind {
            DescriptionType::Rollback => return Ok(self.rollback()),
            DescriptionType::Pranswer => return Err(Error::Unsupported(kind)),
            DescriptionType::Offer | DescriptionType::Answer => {}
        }
        check::structure(description, &self.config)?;
        let before = (self.state.clone(), self.next_transceiver, self.next_mid);
        let mut changes = Changes { rolled_back: glare, ..Changes::default() };
        let applied = if kind == DescriptionType::Offer {
            self.state.roll_back(&mut changes);
            self.apply_remote_offer(description, &mut changes)
        } else {
            self.apply_remote_answer(description, &mut changes)
        };
        match applied {
            Ok(()) => {
                self.created = None;
                tracing::debug!(%kind, sections = description.media_len(), "remote description set");
                Ok(changes)
            }
            Err(error) => {
                tracing::debug!(%kind, %error, "remote description refused");
                (self.state, self.next_transceiver, self.next_mid) = before;
                Err(error)
            }
        }
    }

    fn apply_remote_offer(&mut self, offer: &SessionDescription, changes: &mut Changes) -> Result<(), Error> {
        check::offer_continues(offer, &self.state.slots)?;
        let before = Box::new(self.state.clone());
        self.state.initiator.get_or_insert(false);
        for section in offer.media_sections() {
            self.take_section(&section, changes)?;
        }
        let judgement = self.judge(offer);
        self.take_transport(offer, judgement.transport_section(), true, changes)?;
        let accepted =
            offer.media_sections().zip(&judgement.verdicts).filter(|(_, verdict)| verdict.accepts());
        let cryptex = check::cryptex(accepted.map(|(section, _)| section), &self.config)?;
        self.state.set_remote_cryptex(cryptex);
        self.state.signaling = SignalingState::HaveRemoteOffer;
        self.state.remote.pending = Some(offer.clone());
        self.state.open = Some(OpenOffer { plan: None, before });
        Ok(())
    }

    /// Associates an offered section with a transceiver (RFC 9429 section 5.10).
    fn take_section(&mut self, section: &MediaSection<'_>, changes: &mut Changes) -> Result<(), Error> {
        let index = section.index();
        let old = self.state.slots.get(index);
        let line = section.media_line();
        // The old occupant stays, unless the section was rejected and now is used again.
        let kept = old.filter(|slot| !slot.rejected || section.is_rejected()).map(|slot| slot.occupant);
        let kept = kept.filter(|occupant| *occupant != Occupant::None);
        let old_mid = old.map(|slot| (slot.mid.clone(), slot.signalled));
        let rejected = old.is_some_and(|slot| slot.rejected) && section.is_rejected();
        let (mid, signalled) = match (section.mid(), old_mid) {
            (Some(mid), _) => (Mid::new(mid).map_err(|_| Error::MidChanged(index))?, true),
            (None, Some((mid, false))) => (mid, false),
            (None, _) => (self.unsignalled_mid().ok_or(Error::TooManySections)?, false),
        };
        self.next_mid = self.next_mid.max(mid_after(&mid));
        let occupant = match (kept, State::media_kind(section)) {
            (Some(occupant), _) => occupant,
            (None, _) if section.is_rejected() => Occupant::None,
            (None, Some(kind)) => {
                let id = match self.state.waiting_for_offer(kind, section.direction()) {
                    Some(id) => id,
                    None => {
                        let init =
                            TransceiverInit { direction: Direction::RecvOnly, ..TransceiverInit::default() };
                        let id = self
                            .create_transceiver(kind, init, Created::Remote)
                            .map_err(|_| Error::TooManySections)?;
                        changes.added.push(id);
                        id
                    }
                };
                Occupant::Transceiver(id)
            }
            (None, None) if data_form(section).is_some() => Occupant::Data,
            (None, None) => Occupant::None,
        };
        let slot = Slot {
            mid,
            signalled,
            media: line.media().to_owned(),
            protocol: line.protocol().to_owned(),
            formats: line.format_list().to_owned(),
            occupant,
            rejected,
        };
        self.state.put(index, slot);
        if let Occupant::Transceiver(id) = occupant
            && let Some(transceiver) = self.state.transceiver_mut(id)
        {
            transceiver.remote = RemoteMedia::read(section);
        }
        for extmap in section.all::<Extmap<'_>>() {
            if let Ok(id) = u8::try_from(extmap.id()) {
                self.state.keep_extension_id(id, extmap.extension(), extmap.is_encrypted());
            }
        }
        Ok(())
    }

    fn unsignalled_mid(&self) -> Option<Mid> {
        let free = |mid: &Mid| self.state.slots.iter().all(|slot| slot.mid != *mid);
        (self.next_mid..=u32::MAX).filter_map(config::mid).find(free)
    }

    fn apply_remote_answer(
        &mut self,
        answer: &SessionDescription,
        changes: &mut Changes,
    ) -> Result<(), Error> {
        let state = self.state.signaling;
        let wrong = Error::State(state, DescriptionType::Answer);
        let plan = self.state.open.take().and_then(|open| open.plan).ok_or(wrong)?;
        check::answer_fits(answer, &plan)?;
        let section = answer_section(answer, &plan);
        self.take_transport(answer, section, false, changes)?;
        let accepted = answer
            .media_sections()
            .zip(&plan.sections)
            .filter(|(section, planned)| planned.body.is_some() && check::accepts(section));
        let cryptex = check::cryptex(accepted.map(|(section, _)| section), &self.config)?;
        self.state.set_remote_cryptex(cryptex && plan.cryptex);
        for (section, planned) in answer.media_sections().zip(&plan.sections) {
            let index = section.index();
            match &planned.body {
                Some(Body::Rtp(rtp)) if check::accepts(&section) => {
                    self.agree_answer(rtp, &section, changes)?
                }
                Some(Body::Data(_)) if check::accepts(&section) && data_form(&section).is_some() => {
                    let tells_init = tells_init(self.state.local.pending.as_ref(), index);
                    self.state.open_data(planned.mid.clone(), &section, tells_init, changes);
                }
                _ => self.state.reject(index, changes),
            }
        }
        let state = &mut self.state;
        state.signaling = SignalingState::Stable;
        state.local.current = state.local.pending.take();
        state.remote.current = Some(answer.clone());
        Ok(())
    }

    /// Both sides agreed on a section that this side offered.
    fn agree_answer(
        &mut self,
        rtp: &PlannedRtp,
        section: &MediaSection<'_>,
        changes: &mut Changes,
    ) -> Result<(), Error> {
        let Some(kind) = self.state.transceiver(rtp.transceiver).map(|transceiver| transceiver.kind) else {
            return Ok(());
        };
        let own = self.config.codecs(kind);
        let mut codecs = Vec::new();
        for answered in codec::read(section) {
            let Some(codec) = own.iter().find(|codec| codec.matches(&answered)) else { continue };
            // The peer sends with the number that was offered, and receives with the one that it answered.
            let offered = |planned: &&crate::plan::PlannedCodec| codec.is_planned(planned);
            let Some(offered) = rtp.codecs.iter().find(offered) else { continue };
            codecs.push(NegotiatedCodec {
                payload_type: offered.payload_type,
                send_payload_type: answered.payload_type,
                name: codec.name.clone(),
                clock_rate: codec.clock_rate,
                channels: codec.channels.unwrap_or(1),
                fmtp: answered.fmtp.to_owned(),
                feedback: codec.feedback.iter().filter(|kind| answered.understands(kind)).cloned().collect(),
            });
        }
        if codecs.is_empty() {
            return Err(Error::Codecs(section.index()));
        }
        let mut extensions = self.common_extensions(section, kind);
        extensions.retain(|extension| {
            let name = |of: &NegotiatedExtension| (of.id, of.uri.clone(), of.encrypted);
            rtp.extensions.iter().any(|offered| name(offered) == name(extension))
        });
        let negotiated = Negotiated {
            codecs,
            extensions,
            rtcp_reduced_size: rtp.reduced_size && section.has("rtcp-rsize"),
            local: LocalSide {
                direction: rtp.direction,
                remote_direction: section.direction(),
                offered: true,
                streams: rtp.streams.clone(),
            },
        };
        let current = rtp.direction.intersection(section.direction().reversed());
        if let Some(transceiver) = self.state.transceiver_mut(rtp.transceiver) {
            transceiver.remote = RemoteMedia::read(section);
        }
        self.state.agree(rtp, negotiated, current, changes);
        Ok(())
    }

    /// Reads the transport of a description, checks it against the one before, and keeps it.
    fn take_transport(
        &mut self,
        description: &SessionDescription,
        section: Option<usize>,
        is_offer: bool,
        changes: &mut Changes,
    ) -> Result<(), Error> {
        let Some(read) = self.read_transport(description, section) else {
            // Nothing is accepted, so that there is nothing to connect to; an older transport stays for nobody.
            self.state.transport_section = None;
            return Ok(());
        };
        let (mut transport, setup) = read?;
        let role = DtlsRole::resolve(setup, self.state.dtls_role, is_offer)?;
        if !is_offer {
            self.state.dtls_role = Some(role);
        }
        transport.dtls_role = self.state.dtls_role;
        if let Some(before) = &self.state.remote_transport {
            changes.ice_restart = transport.check_change(before)?;
            if !changes.ice_restart {
                transport.keep_candidates(before);
            }
        }
        self.state.remote_transport = Some(transport);
        self.state.transport_section = section;
        Ok(())
    }

    /// The transport of this section, or of the first one of its bundle; `None` without a section.
    pub(super) fn read_transport(
        &self,
        description: &SessionDescription,
        section: Option<usize>,
    ) -> Option<Result<(RemoteTransport, Option<Setup>), Error>> {
        let section = section?;
        let bundles = super::judge::bundles(description);
        let first = bundles.iter().find(|bundle| bundle.contains(&section)).and_then(|bundle| bundle.first());
        let first = description.media_section(first.copied().unwrap_or(section))?;
        Some(RemoteTransport::read(description, &description.media_section(section)?, &first))
    }
}

/// The section of an answer whose transport counts: the first of the bundle that is accepted.
fn answer_section(answer: &SessionDescription, plan: &Plan) -> Option<usize> {
    let accepted = |index: &usize| {
        let planned = plan.sections.get(*index).is_some_and(|planned| planned.body.is_some());
        planned && answer.media_section(*index).is_some_and(|section| check::accepts(&section))
    };
    let bundled = super::judge::bundles(answer).into_iter().flatten().find(accepted);
    bundled.or_else(|| (0..answer.media_len()).find(accepted))
}

impl State {
    /// The first transceiver that may carry a section of the peer: one of `add_track` without a section, for a section
    /// in which the peer receives (RFC 9429 section 5.10).
    fn waiting_for_offer(&self, kind: crate::MediaKind, direction: Direction) -> Option<TransceiverId> {
        let waits = |transceiver: &&crate::Transceiver| {
            transceiver.created == Created::Track
                && transceiver.kind == kind
                && transceiver.section.is_none()
                && !transceiver.is_stopping()
        };
        self.transceivers
            .iter()
            .filter(|_| direction.receives())
            .find(waits)
            .map(|transceiver| transceiver.id)
    }
}
