//! Writes a plan down as a session description (RFC 9429 sections 5.2 and 5.3).

use std::net::SocketAddr;

use drywire_sdp::{
    Attribute, Builder, Candidate, CandidateKind, Connection, Direction, Extmap, Fingerprint, Fmtp, Group,
    IceOptions, IcePwd, IceUfrag, Invalid, MaxMessageSize, MediaKind, MediaLine, Msid, Origin, PayloadType,
    RtcpFb, Rtpmap, SctpInit, SctpPort, Sctpmap, SessionDescription, Setup, Ssrc, TlsId, Transport,
};

use crate::plan::{Body, DataForm, Plan, PlannedRtp, PlannedSection};
use crate::transport::LocalTransport;

/// What the whole description has in common.
pub(crate) struct Frame<'a> {
    pub(crate) session_id: u64,
    pub(crate) session_version: u64,
    pub(crate) transport: &'a LocalTransport,
    /// Whether DTLS inside STUN is offered, or agreed on.
    pub(crate) sped: bool,
    /// Whether numbered nominations are offered, or agreed on.
    pub(crate) renomination: bool,
    pub(crate) setup: Setup,
    /// The name of the DTLS association, in an answer only if the offer has one (RFC 8842 section 5.3).
    pub(crate) tls_id: Option<&'a str>,
    pub(crate) cname: &'a str,
    pub(crate) sctp_port: u16,
    pub(crate) max_message_size: u64,
    /// The INIT chunk in Base64, if it is told.
    pub(crate) sctp_init: Option<String>,
}

pub(crate) fn write(plan: &Plan, frame: &Frame<'_>) -> Result<SessionDescription, Invalid> {
    let mut builder = Builder::new(&Origin::new(frame.session_id, frame.session_version));
    let mids: Vec<&str> = plan
        .bundle
        .iter()
        .filter_map(|index| plan.sections.get(*index))
        .map(|section| section.mid.as_str())
        .collect();
    if !mids.is_empty() {
        builder.attribute(&Group::bundle(&mids.join(" "))?)?;
    }
    if plan.allow_mixed {
        builder.flag(Extmap::ALLOW_MIXED)?;
    }
    if frame.transport.ice_lite {
        builder.flag("ice-lite")?;
    }
    let tagged = plan
        .bundle
        .first()
        .copied()
        .or_else(|| plan.sections.iter().position(|section| section.body.is_some()));
    let default = default_destination(&frame.transport.candidates);
    for (index, section) in plan.sections.iter().enumerate() {
        match &section.body {
            Some(body) => {
                begin(&mut builder, section, body, frame, default)?;
                shared(&mut builder, section, frame)?;
                if plan.cryptex {
                    // In each section of the bundle (RFC 9335 section 4).
                    builder.flag("cryptex")?;
                }
                match body {
                    Body::Rtp(rtp) => media(&mut builder, rtp, frame)?,
                    Body::Data(form) => data(&mut builder, *form, frame)?,
                }
                // Only the tagged section of a bundle lists candidates (RFC 9143 section 7.1.3).
                if tagged == Some(index) {
                    candidates(&mut builder, frame.transport)?;
                }
            }
            None => rejected(&mut builder, section, frame)?,
        }
    }
    Ok(builder.build())
}

/// The default destination is the candidate that is most likely to work with a peer without ICE: a relayed one, then
/// a server-reflexive one, then one of the host (RFC 8445 section 5.1.4); IPv4 before IPv6.
pub(crate) fn default_destination(candidates: &[Candidate]) -> Option<SocketAddr> {
    let rank = |candidate: &Candidate| {
        let kind = match candidate.kind() {
            CandidateKind::Relayed => 3,
            CandidateKind::ServerReflexive => 2,
            CandidateKind::Host => 1,
            _ => 0,
        };
        (kind, candidate.socket_addr().is_some_and(|address| address.is_ipv4()), candidate.priority())
    };
    candidates
        .iter()
        // Of equals the last one wins here, and the first one should.
        .rev()
        .filter(|candidate| candidate.transport() == Transport::Udp && candidate.socket_addr().is_some())
        .max_by_key(|candidate| rank(candidate))
        .and_then(Candidate::socket_addr)
}

fn begin(
    builder: &mut Builder,
    section: &PlannedSection,
    body: &Body,
    frame: &Frame<'_>,
    default: Option<SocketAddr>,
) -> Result<(), Invalid> {
    let formats;
    let formats = match body {
        Body::Rtp(rtp) => {
            formats =
                rtp.codecs.iter().map(|codec| codec.payload_type.to_string()).collect::<Vec<_>>().join(" ");
            &formats
        }
        Body::Data(DataForm::Current) => &section.formats,
        Body::Data(DataForm::Sctpmap) => {
            formats = frame.sctp_port.to_string();
            &formats
        }
    };
    let port = default.map_or(9, |address| address.port());
    builder.media(&MediaLine::new(&section.media, port, &section.protocol, formats)?)?;
    builder.connection(&default.map_or(Connection::UNSPECIFIED, Connection::new))?;
    Ok(())
}

/// The attributes of the transport. Browsers repeat them in each section of a bundle, and so do we for peers that
/// look there only.
fn shared(builder: &mut Builder, section: &PlannedSection, frame: &Frame<'_>) -> Result<(), Invalid> {
    if section.signalled {
        builder.attribute(&section.mid)?;
    }
    builder.attribute(&IceUfrag::parse(&frame.transport.ice_ufrag)?)?;
    builder.attribute(&IcePwd::parse(&frame.transport.ice_pwd)?)?;
    let mut options = String::from("trickle ice2");
    if frame.renomination {
        options.push_str(" renomination");
    }
    if frame.sped {
        options.push_str(" sped googspedv1");
    }
    builder.attribute(&IceOptions::parse(&options)?)?;
    for fingerprint in &frame.transport.fingerprints {
        builder.attribute(&Fingerprint::new(fingerprint)?)?;
    }
    builder.attribute(&frame.setup)?;
    if let Some(id) = frame.tls_id {
        builder.attribute(&TlsId::parse(id)?)?;
    }
    Ok(())
}

fn media(builder: &mut Builder, rtp: &PlannedRtp, frame: &Frame<'_>) -> Result<(), Invalid> {
    builder.flag(rtp.direction.name())?;
    builder.flag("rtcp-mux")?;
    if rtp.reduced_size {
        builder.flag("rtcp-rsize")?;
    }
    for extension in &rtp.extensions {
        let direction = (extension.direction != Direction::SendRecv).then_some(extension.direction);
        let extmap = if extension.encrypted { Extmap::encrypted } else { Extmap::new };
        builder.attribute(&extmap(extension.id.into(), direction, &extension.uri)?)?;
    }
    for codec in &rtp.codecs {
        let payload_type = codec.payload_type;
        builder.attribute(&Rtpmap::new(payload_type, &codec.name, codec.clock_rate, codec.channels)?)?;
        if !codec.fmtp.is_empty() {
            builder.attribute(&Fmtp::new(payload_type, &codec.fmtp)?)?;
        }
        for feedback in &codec.feedback {
            builder.attribute(&RtcpFb::new(Some(payload_type), feedback)?)?;
        }
    }
    if rtp.direction.sends() {
        for stream in &rtp.streams {
            builder.attribute(&Msid::new(stream, Some(&rtp.track))?)?;
        }
        if rtp.streams.is_empty() {
            builder.attribute(&Msid::new("-", Some(&rtp.track))?)?;
        }
        builder.attribute(&Ssrc::cname(rtp.ssrc, frame.cname)?)?;
    }
    Ok(())
}

fn data(builder: &mut Builder, form: DataForm, frame: &Frame<'_>) -> Result<(), Invalid> {
    match form {
        DataForm::Current => builder.attribute(&SctpPort(frame.sctp_port))?,
        DataForm::Sctpmap => builder.attribute(&Sctpmap::data_channels(frame.sctp_port))?,
    };
    builder.attribute(&MaxMessageSize(frame.max_message_size))?;
    if let Some(init) = &frame.sctp_init {
        builder.attribute(&SctpInit::parse(init)?)?;
    }
    Ok(())
}

fn candidates(builder: &mut Builder, transport: &LocalTransport) -> Result<(), Invalid> {
    for candidate in &transport.candidates {
        builder.attribute(candidate)?;
    }
    if transport.end_of_candidates {
        builder.flag("end-of-candidates")?;
    }
    Ok(())
}

fn rejected(builder: &mut Builder, section: &PlannedSection, frame: &Frame<'_>) -> Result<(), Invalid> {
    let line = MediaLine::new(&section.media, 0, &section.protocol, &section.formats)?;
    // Nobody looks at the formats of a rejected section (RFC 3264 section 6), but some peers want a line `a=rtpmap` for
    // each of them. So it lists one that every peer knows, as Firefox does.
    let stand_in = match line.kind() {
        MediaKind::Audio if line.is_rtp() => Some(("0", "PCMU", 8_000)),
        MediaKind::Video if line.is_rtp() => Some(("120", "VP8", 90_000)),
        _ => None,
    };
    match stand_in {
        Some((format, _, _)) => {
            builder.media(&MediaLine::new(&section.media, 0, &section.protocol, format)?)?
        }
        None => builder.media(&line)?,
    };
    builder.connection(&Connection::UNSPECIFIED)?;
    // aiortc wants the attributes of the transport in every section, and Chromium writes them there too.
    shared(builder, section, frame)?;
    builder.flag(Direction::Inactive.name())?;
    if line.is_rtp() {
        builder.flag("rtcp-mux")?;
    }
    if let Some((format, encoding, clock_rate)) = stand_in
        && let Some(payload_type) = format.parse().ok().and_then(PayloadType::new)
    {
        builder.attribute(&Rtpmap::new(payload_type, encoding, clock_rate, None)?)?;
    }
    Ok(())
}
