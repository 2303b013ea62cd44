//! Which sections of a remote offer this side accepts (RFC 9429 section 5.3.1).

use std::collections::BTreeMap;

use drywire_sdp::{Direction, Extmap, Group, MediaSection, Sctpmap, SessionDescription};

use crate::codec;
use crate::config::EncryptionPolicy;
use crate::plan::{DataForm, PlannedCodec};
use crate::session::offer::DATA_CHANNEL;
use crate::session::{Session, State};
use crate::slot::Occupant;
use crate::transceiver::{MediaKind, NegotiatedExtension, TransceiverId};

/// What becomes of an offered section.
#[derive(Debug)]
pub(super) enum Verdict {
    Reject,
    Rtp { transceiver: TransceiverId, codecs: Vec<PlannedCodec>, extensions: Vec<NegotiatedExtension> },
    Data(DataForm),
}

impl Verdict {
    pub(super) fn accepts(&self) -> bool {
        !matches!(self, Self::Reject)
    }
}

/// All verdicts, and which sections share the transport.
#[derive(Debug)]
pub(super) struct Judgement {
    pub(super) verdicts: Vec<Verdict>,
    /// The accepted sections in the order of the bundle of the offer; empty without a bundle.
    pub(super) bundle: Vec<usize>,
}

impl Judgement {
    /// The section whose transport counts: the first of the bundle that is accepted (RFC 9143 section 7.3).
    pub(super) fn transport_section(&self) -> Option<usize> {
        self.bundle.first().copied().or_else(|| self.verdicts.iter().position(Verdict::accepts))
    }
}

/// The bundles of a description as lists of section indices. Unknown mids were refused before.
pub(super) fn bundles(description: &SessionDescription) -> Vec<Vec<usize>> {
    let mut mids = BTreeMap::new();
    for section in description.media_sections() {
        if let Some(mid) = section.mid() {
            mids.insert(mid, section.index());
        }
    }
    let groups = description.session().all::<Group<'_>>().filter(|group| group.semantics() == Group::BUNDLE);
    groups.map(|group| group.mids().filter_map(|mid| mids.get(mid).copied()).collect()).collect()
}

impl Session {
    pub(super) fn judge(&self, offer: &SessionDescription) -> Judgement {
        let bundles = bundles(offer);
        let mut bundle_of: Vec<Option<usize>> = vec![None; offer.media_len()];
        for (bundle, members) in bundles.iter().enumerate() {
            for index in members {
                if let Some(entry) = bundle_of.get_mut(*index) {
                    *entry = Some(bundle);
                }
            }
        }
        let bundle_of = |index: usize| bundle_of.get(index).copied().flatten();
        // The attributes of the transport may stand in the first section of a bundle only (RFC 9143 section 7.1.3).
        let muxed: Vec<bool> = bundles
            .iter()
            .map(|members| {
                members.iter().filter_map(|index| offer.media_section(*index)).any(|s| s.has("rtcp-mux"))
            })
            .collect();
        let multiplexes = |section: &MediaSection<'_>| {
            let bundled =
                bundle_of(section.index()).and_then(|bundle| muxed.get(bundle)).is_some_and(|muxed| *muxed);
            bundled || section.has("rtcp-mux")
        };
        let mut has_data = false;
        let mut verdicts: Vec<Verdict> = offer
            .media_sections()
            .map(|section| {
                let verdict = self.judge_section(&section, &multiplexes);
                let second = matches!(verdict, Verdict::Data(_)) && std::mem::replace(&mut has_data, true);
                if second { Verdict::Reject } else { verdict }
            })
            .collect();
        // One transport: that of the first section which is worth it, and of the sections bundled with it.
        let first = verdicts.iter().position(Verdict::accepts);
        let chosen = first.and_then(bundle_of);
        for (index, verdict) in verdicts.iter_mut().enumerate() {
            if Some(index) != first && (chosen.is_none() || bundle_of(index) != chosen) {
                *verdict = Verdict::Reject;
            }
        }
        let accepts = |index: &usize| verdicts.get(*index).is_some_and(Verdict::accepts);
        let members = chosen.and_then(|bundle| bundles.get(bundle)).map_or(&[][..], Vec::as_slice);
        let bundle = members.iter().copied().filter(|index| accepts(index)).collect();
        Judgement { verdicts, bundle }
    }

    fn judge_section(
        &self,
        section: &MediaSection<'_>,
        multiplexes: &dyn Fn(&MediaSection<'_>) -> bool,
    ) -> Verdict {
        let Some(slot) = self.state.slots.get(section.index()).filter(|_| !section.is_rejected()) else {
            return Verdict::Reject;
        };
        match slot.occupant {
            Occupant::Transceiver(id) => match self.state.transceiver(id) {
                Some(transceiver) if !transceiver.is_stopping() && multiplexes(section) => {
                    let codecs = self.common_codecs(section, transceiver.kind);
                    if codecs.is_empty() {
                        return Verdict::Reject;
                    }
                    let extensions = self.common_extensions(section, transceiver.kind);
                    Verdict::Rtp { transceiver: id, codecs, extensions }
                }
                _ => Verdict::Reject,
            },
            Occupant::Data => data_form(section).map_or(Verdict::Reject, Verdict::Data),
            Occupant::None => Verdict::Reject,
        }
    }

    /// The codecs of the offer that this side has, under the numbers and in the order of the offer
    /// (RFC 3264 section 6.1).
    fn common_codecs(&self, section: &MediaSection<'_>, kind: MediaKind) -> Vec<PlannedCodec> {
        let own = self.config.codecs(kind);
        let offered = codec::read(section);
        offered
            .iter()
            .filter_map(|offered| {
                let codec = own.iter().find(|codec| codec.matches(offered))?;
                Some(PlannedCodec {
                    payload_type: offered.payload_type,
                    name: codec.name.clone(),
                    clock_rate: codec.clock_rate,
                    channels: codec.channels,
                    fmtp: codec.answer_fmtp(offered.fmtp),
                    remote_fmtp: offered.fmtp.to_owned(),
                    feedback: codec
                        .feedback
                        .iter()
                        .filter(|kind| offered.understands(kind))
                        .cloned()
                        .collect(),
                })
            })
            .collect()
    }

    /// The header extensions of a remote section that this side has, seen from this side.
    pub(super) fn common_extensions(
        &self,
        section: &MediaSection<'_>,
        kind: MediaKind,
    ) -> Vec<NegotiatedExtension> {
        let mut common: Vec<NegotiatedExtension> = Vec::new();
        let own = || self.config.header_extensions.iter().filter(|extension| extension.is_for(kind));
        for extmap in section.all::<Extmap<'_>>() {
            // 15 has no meaning in the one-byte header, and above 14 only the two-byte header would fit
            // (RFC 8285 section 4.2). Numbers from 4096 on only stand for later ones.
            let Some(id) = u8::try_from(extmap.id()).ok().filter(|id| (1..=14).contains(id)) else {
                continue;
            };
            let (uri, encrypted) = (extmap.extension(), extmap.is_encrypted());
            let fits =
                |policy: EncryptionPolicy| if encrypted { policy.allows() } else { !policy.requires() };
            let known = own().any(|extension| extension.uri == uri && fits(extension.encryption));
            let direction = extmap.direction().unwrap_or_default().reversed();
            if !known || direction == Direction::Inactive {
                continue;
            }
            match common.iter_mut().find(|other| other.uri == uri) {
                None => common.push(NegotiatedExtension { id, uri: uri.to_owned(), direction, encrypted }),
                // RFC 6904 section 4: of two that are offered only one is taken.
                Some(plain) if encrypted && !plain.encrypted => {
                    plain.id = id;
                    plain.direction = direction;
                    plain.encrypted = true;
                }
                Some(_) => {}
            }
        }
        common
    }
}

/// Whether the section is one for data channels, and how it says so.
pub(super) fn data_form(section: &MediaSection<'_>) -> Option<DataForm> {
    let line = section.media_line();
    if line.kind() != drywire_sdp::MediaKind::Application {
        return None;
    }
    match line.protocol() {
        "UDP/DTLS/SCTP" | "TCP/DTLS/SCTP" if line.formats().any(|format| format == DATA_CHANNEL) => {
            Some(DataForm::Current)
        }
        "DTLS/SCTP" | "UDP/DTLS/SCTP" => {
            let port = line.formats().next()?.parse::<u16>().ok()?;
            let map = section.all::<Sctpmap<'_>>().find(|map| map.port() == port);
            map.filter(|map| map.application() == DATA_CHANNEL).map(|_| DataForm::Sctpmap)
        }
        _ => None,
    }
}

/// Whether media of this protocol can be carried: DTLS-SRTP is meant by all of them (RFC 9429 section 5.1.2).
pub(super) fn is_media_protocol(protocol: &str) -> bool {
    matches!(
        protocol,
        "UDP/TLS/RTP/SAVPF"
            | "UDP/TLS/RTP/SAVP"
            | "TCP/DTLS/RTP/SAVPF"
            | "TCP/DTLS/RTP/SAVP"
            | "RTP/SAVPF"
            | "RTP/SAVP"
            | "RTP/AVPF"
            | "RTP/AVP"
    )
}

impl State {
    /// The kind of the transceiver that a remote section wants, if this side understands it.
    pub(super) fn media_kind(section: &MediaSection<'_>) -> Option<MediaKind> {
        let line = section.media_line();
        MediaKind::from_sdp(line.kind()).filter(|_| is_media_protocol(line.protocol()))
    }
}
