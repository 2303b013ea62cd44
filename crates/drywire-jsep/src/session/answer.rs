//! Creating answers (RFC 9429 section 5.3).

use drywire_sdp::{Extmap, SessionDescription};

use crate::error::CreateError;
use crate::plan::{Body, Plan, PlannedRtp, PlannedSection};
use crate::session::Session;
use crate::session::judge::Verdict;
use crate::signaling::{DescriptionType, SignalingState};
use crate::transport::{DtlsRole, LocalTransport};

impl Session {
    /// Creates the answer to the open remote offer. Nothing changes until it is set.
    ///
    /// # Errors
    /// When there is no such offer, or the transport does not fit a description.
    pub fn create_answer(&mut self, transport: &LocalTransport) -> Result<SessionDescription, CreateError> {
        let state = self.state.signaling;
        let wrong = CreateError::State(state);
        if !matches!(state, SignalingState::HaveRemoteOffer | SignalingState::HaveLocalPranswer) {
            return Err(wrong);
        }
        let offer = self.state.remote.pending.as_ref().ok_or(wrong)?;
        let plan = self.plan_answer(offer);
        let role = self.answer_role(offer, &plan).map_err(|_| wrong)?;
        self.create(DescriptionType::Answer, plan, transport, role.setup())
    }

    fn plan_answer(&self, offer: &SessionDescription) -> Plan {
        let judgement = self.judge(offer);
        let sections = offer
            .media_sections()
            .zip(&self.state.slots)
            .zip(judgement.verdicts)
            .map(|((offered, slot), verdict)| {
                let line = offered.media_line();
                PlannedSection {
                    mid: slot.mid.clone(),
                    signalled: slot.signalled,
                    media: line.media().to_owned(),
                    // The protocol of the answer is that of the offer (RFC 9429 section 5.1.2).
                    protocol: line.protocol().to_owned(),
                    formats: line.format_list().to_owned(),
                    occupant: slot.occupant,
                    body: match verdict {
                        Verdict::Reject => None,
                        Verdict::Data(form) => Some(Body::Data(form)),
                        Verdict::Rtp { transceiver, codecs, extensions } => {
                            self.state.transceiver(transceiver).map(|transceiver| {
                                let remote_direction = offered.direction();
                                Body::Rtp(PlannedRtp {
                                    transceiver: transceiver.id,
                                    direction: transceiver
                                        .direction
                                        .intersection(remote_direction.reversed()),
                                    remote_direction,
                                    codecs,
                                    extensions,
                                    reduced_size: self.config.rtcp_reduced_size && offered.has("rtcp-rsize"),
                                    streams: transceiver.streams.clone(),
                                    track: transceiver.track.clone(),
                                    ssrc: transceiver.ssrc,
                                })
                            })
                        }
                    },
                }
            })
            .collect();
        let allow_mixed = offer.session().has(Extmap::ALLOW_MIXED)
            || (offer.media_len() > 0
                && offer.media_sections().all(|section| section.has(Extmap::ALLOW_MIXED)));
        // RFC 9335 section 4: an answer has it if the offer does.
        let cryptex = self.config.cryptex.allows()
            && self.state.remote_transport.as_ref().is_some_and(|remote| remote.cryptex);
        Plan { sections, bundle: judgement.bundle, allow_mixed, cryptex }
    }

    /// The DTLS role that an answer with this plan takes.
    pub(super) fn answer_role(
        &self,
        offer: &SessionDescription,
        plan: &Plan,
    ) -> Result<DtlsRole, crate::RemoteDescriptionError> {
        let offered = match self.read_transport(offer, plan.transport_section()) {
            Some(read) => read?.1,
            None => None,
        };
        DtlsRole::resolve(offered, self.state.dtls_role, true)
    }
}

impl Plan {
    /// The section whose transport counts.
    pub(super) fn transport_section(&self) -> Option<usize> {
        self.bundle
            .first()
            .copied()
            .or_else(|| self.sections.iter().position(|section| section.body.is_some()))
    }
}
