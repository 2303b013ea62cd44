use std::collections::{BTreeMap, VecDeque};

use drywire_rtp::extension::Mid;
use drywire_rtp::{PayloadType, RtpHeader, Ssrc};

#[cfg(test)]
mod tests;

/// The most SSRCs that are bound to a section by what came, not by what was announced.
const MAX_LATCHED: usize = 1024;

/// What the negotiation said about the packets of one media section. `K` is the caller's name for it.
#[derive(Clone, Debug)]
pub struct Section<K> {
    /// What [`Demux::route`] returns for its packets.
    pub key: K,
    /// The identification (`a=mid`).
    pub mid: String,
    /// The identifier of the MID header extension (`a=extmap`), if it was negotiated.
    pub mid_extension: Option<u8>,
    /// The sources that the peer announced (`a=ssrc`).
    pub ssrcs: Vec<Ssrc>,
    /// The payload types that the peer may send.
    pub payload_types: Vec<PayloadType>,
}

/// Which media section an RTP packet belongs to, among those that share a transport (RFC 9143, section 9.2).
///
/// In this order: the MID header extension decides, and binds the SSRC; else what the SSRC is bound to, or was announced
/// for; else the payload type, if only one section has it, which binds the SSRC, too. What no rule decides is dropped.
/// Only authentic packets may be asked about.
#[derive(Clone, Debug)]
pub struct Demux<K> {
    sections: Vec<(String, K)>,
    by_mid: BTreeMap<String, usize>,
    by_payload_type: BTreeMap<PayloadType, Option<usize>>,
    mid_extensions: Vec<u8>,
    announced: BTreeMap<Ssrc, usize>,
    latched: BTreeMap<Ssrc, usize>,
    /// The latched SSRCs in the order in which they came.
    latched_order: VecDeque<Ssrc>,
    /// Where the last packet went: packets come in runs.
    last: Option<(Ssrc, usize)>,
}

impl<K> Default for Demux<K> {
    fn default() -> Self {
        Self {
            sections: Vec::new(),
            by_mid: BTreeMap::new(),
            by_payload_type: BTreeMap::new(),
            mid_extensions: Vec::new(),
            announced: BTreeMap::new(),
            latched: BTreeMap::new(),
            latched_order: VecDeque::new(),
            last: None,
        }
    }
}

impl<K: Copy> Demux<K> {
    /// Without sections: no packet is routed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces the sections, as after a negotiation. SSRCs stay bound to sections whose MID is still there.
    pub fn set_sections(&mut self, sections: impl IntoIterator<Item = Section<K>>) {
        let before = std::mem::take(self);
        for section in sections {
            self.add(section);
        }
        for ssrc in before.latched_order {
            let section = before.latched.get(&ssrc).and_then(|section| before.sections.get(*section));
            if let Some(section) = section.and_then(|(mid, _)| self.by_mid.get(mid)) {
                self.latch(ssrc, *section);
            }
        }
    }

    /// The section of a packet, or `None` if it belongs to none and is to be dropped.
    pub fn route(&mut self, header: &RtpHeader, packet: &[u8]) -> Option<K> {
        let ssrc = header.ssrc();
        let section = match self.mid_of(header, packet) {
            // A MID that is not known is dropped, whatever the SSRC was bound to.
            Some(mid) => {
                let known = self.bound(ssrc).filter(|section| self.mid(*section) == Some(mid.as_str()));
                match known {
                    Some(section) => section,
                    None => {
                        let section = *self.by_mid.get(mid.as_str())?;
                        self.latch(ssrc, section);
                        section
                    }
                }
            }
            None => match self.bound(ssrc) {
                Some(section) => section,
                None => {
                    let section = (*self.by_payload_type.get(&header.payload_type())?)?;
                    self.latch(ssrc, section);
                    section
                }
            },
        };
        self.last = Some((ssrc, section));
        self.key(section)
    }

    /// The section that an SSRC is bound to or was announced for.
    #[must_use]
    pub fn section_of(&self, ssrc: Ssrc) -> Option<K> {
        self.bound(ssrc).and_then(|section| self.key(section))
    }

    /// Forgets what an SSRC was bound to, as after a goodbye. Announcements stay.
    pub fn forget(&mut self, ssrc: Ssrc) {
        if self.latched.remove(&ssrc).is_some() {
            self.latched_order.retain(|latched| *latched != ssrc);
        }
        self.last = None;
    }

    fn add(&mut self, section: Section<K>) {
        let position = self.sections.len();
        for ssrc in section.ssrcs {
            self.announced.entry(ssrc).or_insert(position);
        }
        for payload_type in section.payload_types {
            let entry = self.by_payload_type.entry(payload_type).or_insert(Some(position));
            // A payload type of several sections decides nothing.
            if *entry != Some(position) {
                *entry = None;
            }
        }
        if let Some(id) = section.mid_extension
            && !self.mid_extensions.contains(&id)
        {
            self.mid_extensions.push(id);
        }
        self.by_mid.entry(section.mid.clone()).or_insert(position);
        self.sections.push((section.mid, section.key));
    }

    fn mid_of<'a>(&self, header: &RtpHeader, packet: &'a [u8]) -> Option<Mid<'a>> {
        if self.mid_extensions.is_empty() {
            return None;
        }
        let mut elements = header.extensions(packet);
        elements.find_map(|(id, value)| self.mid_extensions.contains(&id).then(|| Mid::parse(value))?)
    }

    fn bound(&self, ssrc: Ssrc) -> Option<usize> {
        match self.last {
            Some((last, section)) if last == ssrc => Some(section),
            _ => self.latched.get(&ssrc).or_else(|| self.announced.get(&ssrc)).copied(),
        }
    }

    fn latch(&mut self, ssrc: Ssrc, section: usize) {
        if self.latched.insert(ssrc, section).is_none() {
            self.latched_order.push_back(ssrc);
            if self.latched_order.len() > MAX_LATCHED
                && let Some(oldest) = self.latched_order.pop_front()
            {
                self.latched.remove(&oldest);
            }
        }
    }

    fn mid(&self, section: usize) -> Option<&str> {
        self.sections.get(section).map(|(mid, _)| mid.as_str())
    }

    fn key(&self, section: usize) -> Option<K> {
        self.sections.get(section).map(|(_, key)| *key)
    }
}
