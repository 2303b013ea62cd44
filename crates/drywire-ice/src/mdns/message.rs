//! Messages of the DNS (RFC 1035, section 4), as far as addresses need them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use drywire_core::{Reader, UnexpectedEnd, Writer};

use super::Name;

/// The types of records (RFC 1035, section 3.2.2; RFC 3596; RFC 4034).
pub(crate) const A: u16 = 1;
pub(crate) const AAAA: u16 = 28;
pub(crate) const NSEC: u16 = 47;
pub(crate) const ANY: u16 = 255;
/// The class of the Internet.
const IN: u16 = 1;
/// In the class of a question: answer by unicast (RFC 6762, section 5.4). In that of a record: forget what you knew
/// (section 10.2).
const TOP_BIT: u16 = 0x8000;
/// The most that one message can have (RFC 6762, section 17).
const MAX_LEN: usize = 9000;
/// The most pointers in one name. Those of honest messages have one.
const MAX_POINTERS: usize = 16;

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    End,
    TooLong,
    /// Another opcode than query, or an error code (RFC 6762, sections 18.3 and 18.11).
    Code,
    Label,
    Pointer,
}

impl From<UnexpectedEnd> for Malformed {
    fn from(_: UnexpectedEnd) -> Self {
        Self::End
    }
}

/// A message whose questions and records were all found within its bounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    bytes: &'a [u8],
    pub(crate) id: u16,
    pub(crate) is_response: bool,
    questions: u16,
    answers: u16,
    authorities: u16,
    additionals: u16,
}

/// A question.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    pub(crate) name: WireName<'a>,
    pub(crate) kind: u16,
    pub(crate) class: u16,
}

impl Question<'_> {
    pub(crate) const fn wants_unicast(&self) -> bool {
        self.class & TOP_BIT != 0
    }

    /// Whether it is about the Internet class, or about any.
    pub(crate) const fn is_internet(&self) -> bool {
        matches!(self.class & !TOP_BIT, IN | ANY)
    }
}

/// The section that a record stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Answer,
    Authority,
    Additional,
}

/// A record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    pub(crate) section: Section,
    pub(crate) name: WireName<'a>,
    kind: u16,
    class: u16,
    /// In seconds; 0: it is no longer true (RFC 6762, section 10.1).
    pub(crate) ttl: u32,
    data: &'a [u8],
}

impl Record<'_> {
    /// The address, if it is a record of one.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        if self.class & !TOP_BIT != IN {
            return None;
        }
        match self.kind {
            A => <[u8; 4]>::try_from(self.data).ok().map(|octets| Ipv4Addr::from(octets).into()),
            AAAA => <[u8; 16]>::try_from(self.data).ok().map(|octets| Ipv6Addr::from(octets).into()),
            _ => None,
        }
    }
}

impl<'a> Message<'a> {
    /// Reads all of a message once. Bytes after it are ignored (RFC 6762, section 18.14, knows them as padding).
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.len() > MAX_LEN {
            return Err(Malformed::TooLong);
        }
        let mut reader = Reader::new(bytes);
        let (id, flags) = (reader.u16()?, reader.u16()?);
        if flags & 0x780F != 0 {
            return Err(Malformed::Code);
        }
        let message = Self {
            bytes,
            id,
            is_response: flags & 0x8000 != 0,
            questions: reader.u16()?,
            answers: reader.u16()?,
            authorities: reader.u16()?,
            additionals: reader.u16()?,
        };
        for _ in 0..message.questions {
            read_question(&mut reader, bytes)?;
        }
        for _ in 0..message.record_count() {
            read_record(&mut reader, bytes, Section::Answer)?;
        }
        Ok(message)
    }

    pub(crate) fn questions(&self) -> impl Iterator<Item = Question<'a>> + use<'a> {
        let bytes = self.bytes;
        let mut reader = body(bytes);
        (0..self.questions).map_while(move |_| read_question(&mut reader, bytes).ok())
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = Record<'a>> + use<'a> {
        let message = *self;
        let mut reader = body(self.bytes);
        for _ in 0..self.questions {
            let _ = read_question(&mut reader, self.bytes);
        }
        let (answers, authorities) = (u32::from(self.answers), u32::from(self.authorities));
        (0..self.record_count()).map_while(move |index| {
            let section = match index {
                _ if index < answers => Section::Answer,
                _ if index < answers + authorities => Section::Authority,
                _ => Section::Additional,
            };
            read_record(&mut reader, message.bytes, section).ok()
        })
    }

    fn record_count(&self) -> u32 {
        u32::from(self.answers) + u32::from(self.authorities) + u32::from(self.additionals)
    }
}

/// What follows the header.
fn body(bytes: &[u8]) -> Reader<'_> {
    let mut reader = Reader::new(bytes);
    let _ = reader.skip(12);
    reader
}

fn read_question<'a>(reader: &mut Reader<'a>, bytes: &'a [u8]) -> Result<Question<'a>, Malformed> {
    Ok(Question { name: WireName::read(reader, bytes)?, kind: reader.u16()?, class: reader.u16()? })
}

fn read_record<'a>(
    reader: &mut Reader<'a>,
    bytes: &'a [u8],
    section: Section,
) -> Result<Record<'a>, Malformed> {
    let name = WireName::read(reader, bytes)?;
    let (kind, class, ttl) = (reader.u16()?, reader.u16()?, reader.u32()?);
    let len = usize::from(reader.u16()?);
    Ok(Record { section, name, kind, class, ttl, data: reader.take(len)? })
}

/// A name in a message, perhaps with pointers into what came before (RFC 1035, section 4.1.4).
#[derive(Clone, Copy, Debug)]
pub(crate) struct WireName<'a> {
    bytes: &'a [u8],
    start: usize,
}

impl<'a> WireName<'a> {
    fn read(reader: &mut Reader<'a>, bytes: &'a [u8]) -> Result<Self, Malformed> {
        let start = reader.offset();
        loop {
            match reader.u8()? {
                0 => break,
                len @ 1..=63 => reader.skip(usize::from(len))?,
                0xC0.. => {
                    reader.skip(1)?;
                    break;
                }
                _ => return Err(Malformed::Label),
            }
        }
        Ok(Self { bytes, start })
    }

    /// Whether it is a name: two labels, no more.
    pub(crate) fn is(&self, name: &Name) -> bool {
        let mut labels = Labels { bytes: self.bytes, at: self.start, floor: self.start, pointers: 0 };
        match (labels.next(), labels.next(), labels.next()) {
            (Ok(Some(first)), Ok(Some(second)), Ok(None)) => name.is(first, second),
            _ => false,
        }
    }
}

/// Walks along the labels of a name. A pointer must lead before where the name, or the part that an earlier pointer
/// led to, began: so no pointers can go in a circle.
struct Labels<'a> {
    bytes: &'a [u8],
    at: usize,
    floor: usize,
    pointers: usize,
}

impl<'a> Labels<'a> {
    /// The next label; `None` at the end of the name.
    fn next(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        loop {
            let mut reader = Reader::new(self.bytes.get(self.at..).ok_or(Malformed::Pointer)?);
            match reader.u8()? {
                0 => return Ok(None),
                len @ 1..=63 => {
                    let label = reader.take(usize::from(len))?;
                    self.at += 1 + label.len();
                    return Ok(Some(label));
                }
                high @ 0xC0.. => {
                    let target = usize::from(u16::from_be_bytes([high & 0x3F, reader.u8()?]));
                    self.pointers += 1;
                    if target >= self.floor || self.pointers > MAX_POINTERS {
                        return Err(Malformed::Pointer);
                    }
                    (self.at, self.floor) = (target, target);
                }
                _ => return Err(Malformed::Label),
            }
        }
    }
}

/// Appends a query for both kinds of addresses of a name.
pub(crate) fn write_query(out: &mut Vec<u8>, name: &Name, unicast: bool) {
    let mut writer = Writer::new(out);
    // RFC 6762, section 18.1: the id SHOULD be zero.
    write_header(&mut writer, 0, 0, [2, 0, 0]);
    for kind in [A, AAAA] {
        write_name(&mut writer, name);
        writer.u16(kind).u16(IN | if unicast { TOP_BIT } else { 0 });
    }
}

/// A response about one name.
#[derive(Clone, Debug)]
pub(crate) struct Response<'a> {
    pub(crate) name: &'a Name,
    pub(crate) address: IpAddr,
    /// In seconds; 0 takes the name back.
    pub(crate) ttl: u32,
    /// Whether to tell the address.
    pub(crate) positive: bool,
    /// Whether to tell that there are no records of other types (RFC 6762, section 6.1).
    pub(crate) negative: bool,
    /// The id and the question (type, class) of a querier that knows no multicast DNS (RFC 6762, section 6.7).
    pub(crate) legacy: Option<(u16, u16, u16)>,
}

impl Response<'_> {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut writer = Writer::new(out);
        let (id, questions) = self.legacy.map_or((0, 0), |(id, ..)| (id, 1));
        // The negative answer stands among the answers if it is the only one.
        let answers = 1;
        let additionals = u16::from(self.positive && self.negative);
        // RFC 6762, section 18.4: the bit for authoritative answers MUST be set.
        write_header(&mut writer, id, 0x8400, [questions, answers, additionals]);
        if let Some((_, kind, class)) = self.legacy {
            write_name(&mut writer, self.name);
            writer.u16(kind).u16(class & !TOP_BIT);
        }
        // Section 6.7: caches of legacy queriers do not know the bit, and are not to keep the answer.
        let class = if self.legacy.is_some() { IN } else { IN | TOP_BIT };
        let ttl = if self.legacy.is_some() { self.ttl.min(10) } else { self.ttl };
        if self.positive {
            write_name(&mut writer, self.name);
            let kind = if self.address.is_ipv4() { A } else { AAAA };
            writer.u16(kind).u16(class).u32(ttl);
            match self.address {
                IpAddr::V4(ip) => writer.u16(4).bytes(&ip.octets()),
                IpAddr::V6(ip) => writer.u16(16).bytes(&ip.octets()),
            };
        }
        if self.negative {
            write_name(&mut writer, self.name);
            writer.u16(NSEC).u16(class).u32(ttl).prefixed_u16(|data| {
                write_name(data, self.name);
                // RFC 4034, section 4.1.2: window 0, and the bit of the only type that exists.
                match self.address {
                    IpAddr::V4(_) => data.bytes(&[0, 1, 0x40]),
                    IpAddr::V6(_) => data.bytes(&[0, 4, 0, 0, 0, 0x08]),
                };
            });
        }
    }
}

fn write_header(writer: &mut Writer<'_>, id: u16, flags: u16, [questions, answers, additionals]: [u16; 3]) {
    writer.u16(id).u16(flags).u16(questions).u16(answers).u16(0).u16(additionals);
}

fn write_name(writer: &mut Writer<'_>, name: &Name) {
    for label in [name.label(), "local"] {
        writer.prefixed_u8(|out| {
            out.bytes(label.as_bytes());
        });
    }
    writer.u8(0);
}
