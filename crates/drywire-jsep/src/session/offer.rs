//! Creating offers (RFC 9429 section 5.2).

use drywire_sdp::{Direction, PayloadType, SctpInit, SessionDescription, Setup};

use crate::config;
use crate::error::CreateError;
use crate::plan::{Body, DataForm, Plan, PlannedCodec, PlannedRtp, PlannedSection};
use crate::session::{CreatedDescription, ExtensionId, Session};
use crate::signaling::{DescriptionType, SignalingState};
use crate::slot::Occupant;
use crate::transceiver::{MediaKind, NegotiatedExtension, Transceiver};
use crate::transport::{LocalTransport, RemoteTransport};
use crate::write::{self, Frame};

/// The protocol of media sections that we offer (RFC 9429 section 5.1.2).
const RTP: &str = "UDP/TLS/RTP/SAVPF";
/// The protocol of data sections that we offer (RFC 8841 section 4).
const SCTP: &str = "UDP/DTLS/SCTP";
/// The format of a data section (RFC 8841 section 4.3).
pub(super) const DATA_CHANNEL: &str = "webrtc-datachannel";

impl Session {
    /// Creates an offer. Nothing changes until it is set.
    ///
    /// # Errors
    /// When the signaling state does not allow it, or the transport does not fit a description.
    pub fn create_offer(&mut self, transport: &LocalTransport) -> Result<SessionDescription, CreateError> {
        let state = self.state.signaling;
        if !matches!(state, SignalingState::Stable | SignalingState::HaveLocalOffer) {
            return Err(CreateError::State(state));
        }
        let plan = self.plan_offer();
        // Also later offers leave the DTLS role open; the answer keeps it (RFC 8842 section 5.2).
        self.create(DescriptionType::Offer, plan, transport, Setup::ActPass)
    }

    pub(super) fn create(
        &mut self,
        kind: DescriptionType,
        plan: Plan,
        transport: &LocalTransport,
        setup: Setup,
    ) -> Result<SessionDescription, CreateError> {
        // RFC 8839, section 5.6: an option of an answer is agreed on, so the offer must have it.
        let remote = self.state.remote_transport.as_ref();
        let may_tell = |offered: fn(&RemoteTransport) -> bool| {
            kind == DescriptionType::Offer || remote.is_some_and(offered)
        };
        let tells_init = kind == DescriptionType::Offer
            || self.state.remote.pending.as_ref().is_some_and(|offer| {
                offer.media_sections().any(|section| section.first::<SctpInit<'_>>().is_some())
            });
        let init = transport.sctp_init.as_deref().filter(|_| tells_init);
        let named = remote.is_some_and(|remote| remote.tls_id.is_some());
        let mut frame = Frame {
            sped: transport.sped && may_tell(|remote| remote.sped),
            renomination: transport.renomination && may_tell(|remote| remote.renomination),
            session_id: self.session_id,
            session_version: self.state.session_version.saturating_add(1),
            transport,
            setup,
            tls_id: (kind == DescriptionType::Offer || named).then_some(&self.tls_id),
            cname: &self.cname,
            sctp_port: self.config.sctp_port,
            max_message_size: self.config.max_message_size,
            sctp_init: init.map(SctpInit::encode),
        };
        let mut description = write::write(&plan, &frame)?;
        // RFC 9429 section 5.2.2: the version grows only when something differs from the last local description.
        if self.state.local.latest().is_some_and(|last| body(last) == body(&description)) {
            frame.session_version = self.state.session_version;
            description = write::write(&plan, &frame)?;
        }
        self.created = Some(CreatedDescription { kind, description: description.clone(), plan });
        Ok(description)
    }

    fn plan_offer(&self) -> Plan {
        let mut numbers = Numbers::new(self);
        let cryptex = self.config.cryptex.allows();
        let mut next_mid = self.next_mid;
        let mut fresh_mid = || loop {
            let mid = config::mid(next_mid)?;
            next_mid = next_mid.checked_add(1)?;
            if self.state.slots.iter().all(|slot| slot.mid != mid) {
                return Some(mid);
            }
        };
        let mut waiting = self
            .state
            .transceivers
            .iter()
            .filter(|transceiver| transceiver.section.is_none() && !transceiver.is_stopping());
        let mut sections = Vec::new();
        for slot in &self.state.slots {
            let running = match slot.occupant {
                Occupant::Transceiver(id) => {
                    self.state.transceiver(id).filter(|transceiver| !transceiver.is_stopping())
                }
                Occupant::Data | Occupant::None => None,
            };
            let mut section = PlannedSection {
                mid: slot.mid.clone(),
                signalled: true,
                media: slot.media.clone(),
                protocol: slot.protocol.clone(),
                formats: slot.formats.clone(),
                occupant: slot.occupant,
                body: None,
            };
            if !slot.rejected {
                if let Some(transceiver) = running {
                    section.body = Some(Body::Rtp(self.plan_rtp(transceiver, &mut numbers)));
                } else if slot.occupant == Occupant::Data {
                    let legacy = !slot.formats.split(' ').any(|format| format == DATA_CHANNEL);
                    let form = if legacy { DataForm::Sctpmap } else { DataForm::Current };
                    section.body = Some(Body::Data(form));
                }
            } else if let Some(transceiver) = waiting.next() {
                // The place of a rejected section is used again, with a new mid (RFC 9429 section 5.2.2).
                match fresh_mid() {
                    Some(mid) => section = self.plan_media(transceiver, mid, &mut numbers),
                    None => return Plan { sections, bundle: Vec::new(), allow_mixed: true, cryptex },
                }
            }
            sections.push(section);
        }
        for transceiver in waiting {
            if sections.len() >= self.config.max_media_sections {
                break;
            }
            let Some(mid) = fresh_mid() else { break };
            sections.push(self.plan_media(transceiver, mid, &mut numbers));
        }
        let has_data = sections.iter().any(|section| matches!(section.body, Some(Body::Data(_))));
        if self.state.data_wanted && !has_data {
            sections.extend(fresh_mid().map(|mid| PlannedSection {
                mid,
                signalled: true,
                media: "application".to_owned(),
                protocol: SCTP.to_owned(),
                formats: DATA_CHANNEL.to_owned(),
                occupant: Occupant::Data,
                body: Some(Body::Data(DataForm::Current)),
            }));
        }
        let bundle = (0..)
            .zip(&sections)
            .filter(|(_, section)| section.body.is_some())
            .map(|(index, _)| index)
            .collect();
        Plan { sections, bundle, allow_mixed: true, cryptex }
    }

    fn plan_media(
        &self,
        transceiver: &Transceiver,
        mid: drywire_sdp::Mid,
        numbers: &mut Numbers<'_>,
    ) -> PlannedSection {
        let rtp = self.plan_rtp(transceiver, numbers);
        PlannedSection {
            mid,
            signalled: true,
            media: transceiver.kind.name().to_owned(),
            protocol: RTP.to_owned(),
            formats: rtp
                .codecs
                .iter()
                .map(|codec| codec.payload_type.to_string())
                .collect::<Vec<_>>()
                .join(" "),
            occupant: Occupant::Transceiver(transceiver.id),
            body: Some(Body::Rtp(rtp)),
        }
    }

    fn plan_rtp(&self, transceiver: &Transceiver, numbers: &mut Numbers<'_>) -> PlannedRtp {
        let kind = transceiver.kind;
        PlannedRtp {
            transceiver: transceiver.id,
            direction: transceiver.direction,
            remote_direction: Direction::Inactive,
            codecs: numbers.codecs(transceiver),
            extensions: numbers.extensions(kind),
            reduced_size: self.config.rtcp_reduced_size,
            streams: transceiver.streams.clone(),
            track: transceiver.track.clone(),
            ssrc: transceiver.ssrc,
        }
    }
}

/// The description without the lines `v=` and `o=`.
fn body(description: &SessionDescription) -> &str {
    description.as_str().splitn(3, '\n').nth(2).unwrap_or_default()
}

/// Gives out payload types and numbers of header extensions. What was negotiated keeps its number; the rest gets one
/// that stands for nothing else in the whole bundle (RFC 9143 section 9.1).
struct Numbers<'a> {
    session: &'a Session,
    /// Which payload types are in use.
    used: [bool; 128],
    /// The payload types given out here, by kind and place in the configuration.
    given: Vec<(MediaKind, usize, PayloadType)>,
    extension_ids: Vec<ExtensionId>,
}

impl<'a> Numbers<'a> {
    fn new(session: &'a Session) -> Self {
        let mut used = [false; 128];
        let mut given: Vec<(MediaKind, usize, PayloadType)> = Vec::new();
        for transceiver in &session.state.transceivers {
            let negotiated = transceiver.negotiated.as_ref().map_or(&[][..], |negotiated| &negotiated.codecs);
            for codec in negotiated {
                for payload_type in [codec.payload_type, codec.send_payload_type] {
                    if let Some(used) = used.get_mut(usize::from(payload_type.value())) {
                        *used = true;
                    }
                }
                // A codec has one number in all sections, as long as the peer does not want it otherwise.
                let kind = transceiver.kind;
                let place = session.config.codecs(kind).iter().position(|own| own.is(codec));
                if let Some(place) = place
                    && given.iter().all(|(of, at, _)| (*of, *at) != (kind, place))
                {
                    given.push((kind, place, codec.payload_type));
                }
            }
        }
        Self { session, used, given, extension_ids: session.state.extension_ids.clone() }
    }

    fn codecs(&mut self, transceiver: &Transceiver) -> Vec<PlannedCodec> {
        let session = self.session;
        let kind = transceiver.kind;
        let negotiated = transceiver.negotiated.as_ref().map_or(&[][..], |negotiated| &negotiated.codecs);
        let configured = session.config.codecs(kind).iter().enumerate();
        configured
            .filter_map(|(place, codec)| {
                let kept = negotiated.iter().find(|old| codec.is(old)).map(|old| old.payload_type);
                Some(PlannedCodec {
                    payload_type: kept.or_else(|| self.payload_type(kind, place, codec.payload_type))?,
                    name: codec.name.clone(),
                    clock_rate: codec.clock_rate,
                    channels: codec.channels,
                    fmtp: codec.fmtp.clone(),
                    remote_fmtp: String::new(),
                    feedback: codec.feedback.clone(),
                })
            })
            .collect()
    }

    /// `None` when no number is left; then the codec is not offered.
    fn payload_type(&mut self, kind: MediaKind, place: usize, preferred: PayloadType) -> Option<PayloadType> {
        if let Some((_, _, given)) = self.given.iter().find(|(of, at, _)| (*of, *at) == (kind, place)) {
            return Some(*given);
        }
        // 64 to 95 would look like RTCP (RFC 5761 section 4); 35 to 63 are for when the others are used up.
        let dynamic = (96..=127).chain(35..=63).filter_map(PayloadType::new);
        let is_static = preferred.value() < 35;
        let free = |payload_type: &PayloadType| {
            self.used.get(usize::from(payload_type.value())).is_some_and(|used| !used)
        };
        let given = std::iter::once(preferred).chain(dynamic.filter(|_| !is_static)).find(free)?;
        if let Some(used) = self.used.get_mut(usize::from(given.value())) {
            *used = true;
        }
        self.given.push((kind, place, given));
        Some(given)
    }

    fn extensions(&mut self, kind: MediaKind) -> Vec<NegotiatedExtension> {
        let session = self.session;
        let wanted = session.config.header_extensions.iter().filter(|extension| extension.is_for(kind));
        wanted
            .flat_map(|extension| {
                // RFC 6904 section 4: who would have it either way offers it both ways.
                let plain = (!extension.encryption.requires()).then_some((extension, false));
                let encrypted = extension.encryption.allows().then_some((extension, true));
                plain.into_iter().chain(encrypted)
            })
            .filter_map(|(extension, encrypted)| {
                let is_same =
                    |known: &&ExtensionId| known.uri == extension.uri && known.encrypted == encrypted;
                let known = self.extension_ids.iter().find(is_same).map(|known| known.id);
                // 1 to 14 fit the one-byte header, which every peer understands (RFC 8285 section 4.2).
                let free = || (1..=14).find(|id| self.extension_ids.iter().all(|used| used.id != *id));
                let id = known.filter(|id| *id < 15).or_else(free)?;
                let (uri, direction) = (extension.uri.clone(), Direction::SendRecv);
                if known != Some(id) {
                    self.extension_ids.push(ExtensionId { id, uri: uri.clone(), encrypted });
                }
                Some(NegotiatedExtension { id, uri, direction, encrypted })
            })
            .collect()
    }
}
