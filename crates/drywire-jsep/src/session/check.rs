//! What a remote description must keep to, whatever it says (attacks F04 and F06).

use std::collections::{BTreeMap, BTreeSet};

use drywire_sdp::{Extmap, Group, SessionDescription};

use crate::config::Config;
use crate::error::RemoteDescriptionError as Error;
use crate::plan::Plan;
use crate::session::judge::bundles;
use crate::slot::Slot;

/// The rules for every description on its own.
pub(super) fn structure(description: &SessionDescription, config: &Config) -> Result<(), Error> {
    if description.is_fragment() {
        return Err(Error::Fragment);
    }
    if description.media_len() > config.max_media_sections {
        return Err(Error::TooManySections);
    }
    let mut mids = BTreeSet::new();
    for section in description.media_sections() {
        if section.mid().is_some_and(|mid| !mids.insert(mid)) {
            return Err(Error::DuplicateMid);
        }
    }
    let mut bundled = BTreeSet::new();
    for group in description.session().all::<Group<'_>>().filter(|group| group.semantics() == Group::BUNDLE) {
        for mid in group.mids() {
            if !mids.contains(mid) || !bundled.insert(mid) {
                return Err(Error::BundleMid);
            }
        }
    }
    extensions(description)
}

/// A number stands for one extension, in a section and in the whole bundle (RFC 9143 section 9.1).
fn extensions(description: &SessionDescription) -> Result<(), Error> {
    let mut bundle_of = BTreeMap::new();
    for (bundle, members) in bundles(description).iter().enumerate() {
        bundle_of.extend(members.iter().map(|index| (*index, bundle)));
    }
    let mut meaning: BTreeMap<(Option<usize>, usize, u16), (&str, bool)> = BTreeMap::new();
    for section in description.media_sections().filter(|section| !section.is_rejected()) {
        let index = section.index();
        let bundle = bundle_of.get(&index).copied();
        let scope = if bundle.is_some() { 0 } else { index };
        let mut here = BTreeSet::new();
        for extmap in section.all::<Extmap<'_>>() {
            let id = extmap.id();
            // From 4096 on several extensions may ask for a number (RFC 8285 section 6).
            if id >= 4096 {
                continue;
            }
            let first = here.insert(id);
            let extension = (extmap.extension(), extmap.is_encrypted());
            let same = *meaning.entry((bundle, scope, id)).or_insert(extension) == extension;
            if !first || !same {
                return Err(Error::ExtensionId(index));
            }
        }
    }
    Ok(())
}

/// Whether all accepted sections of media have `a=cryptex`: it is one for all of a bundle (RFC 9335 section 4). Where it
/// is in some only, nobody can rely on it.
pub(super) fn cryptex<'a>(
    accepted: impl Iterator<Item = drywire_sdp::MediaSection<'a>>,
    config: &Config,
) -> Result<bool, Error> {
    let mut media = accepted.filter(|section| section.media_line().is_rtp()).peekable();
    let has_media = media.peek().is_some();
    match media.find(|section| !section.cryptex()) {
        Some(section) if config.cryptex.requires() => Err(Error::Cryptex(section.index())),
        without => Ok(has_media && without.is_none()),
    }
}

/// An offer keeps the sections in their order; only a rejected one may become another (RFC 9429 section 5.2.2).
pub(super) fn offer_continues(offer: &SessionDescription, slots: &[Slot]) -> Result<(), Error> {
    if offer.media_len() < slots.len() {
        return Err(Error::SectionCount);
    }
    for (section, slot) in offer.media_sections().zip(slots) {
        let index = section.index();
        match section.mid() {
            Some(mid) if mid == slot.mid.as_str() || !slot.signalled || slot.rejected => {}
            None if !slot.signalled || slot.rejected => {}
            _ => return Err(Error::MidChanged(index)),
        }
        if !slot.rejected && section.media_line().media() != slot.media {
            return Err(Error::KindChanged(index));
        }
    }
    // A mid that is in use must not come back elsewhere.
    let known: BTreeMap<&str, usize> = (0..)
        .zip(slots)
        .filter(|(_, slot)| slot.signalled)
        .map(|(index, slot)| (slot.mid.as_str(), index))
        .collect();
    for section in offer.media_sections() {
        let before = section.mid().and_then(|mid| known.get(mid));
        if before.is_some_and(|before| *before != section.index()) {
            return Err(Error::MidChanged(section.index()));
        }
    }
    Ok(())
}

/// An answer has the sections of the offer, bundled if there are several.
pub(super) fn answer_fits(answer: &SessionDescription, plan: &Plan) -> Result<(), Error> {
    if answer.media_len() != plan.sections.len() {
        return Err(Error::SectionCount);
    }
    let accepted: Vec<usize> = answer
        .media_sections()
        .zip(&plan.sections)
        .filter(|(section, planned)| accepts(section) && planned.body.is_some())
        .map(|(section, _)| section.index())
        .collect();
    for (section, planned) in answer.media_sections().zip(&plan.sections) {
        let index = section.index();
        if section.mid().is_some_and(|mid| mid != planned.mid.as_str()) {
            return Err(Error::MidChanged(index));
        }
        if section.media_line().media() != planned.media {
            return Err(Error::KindChanged(index));
        }
    }
    let bundles = bundles(answer);
    let together = bundles.iter().any(|bundle| accepted.iter().all(|index| bundle.contains(index)));
    if accepted.len() > 1 && !together {
        return Err(Error::NotBundled);
    }
    // RFC 9429 section 5.11: RTCP is multiplexed or nothing is.
    let rtp = || answer.media_sections().filter(|section| accepted.contains(&section.index()));
    let mut rtp = rtp().filter(|section| section.media_line().is_rtp()).peekable();
    if let Some(first) = rtp.peek().map(|section| section.index())
        && !rtp.any(|section| section.has("rtcp-mux"))
    {
        return Err(Error::RtcpMux(first));
    }
    Ok(())
}

/// In an answer the port 0 always rejects (RFC 9143 section 7.3.3).
pub(super) fn accepts(section: &drywire_sdp::MediaSection<'_>) -> bool {
    section.media_line().port() != 0
}
