use drywire_core::Reader;

use super::{MAX_COUNT, packet_type, write_packet};
use crate::{ParseError, Ssrc};

/// What an item of a source description says about its source (RFC 3550, section 6.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ItemType(pub u8);

impl ItemType {
    /// The canonical name: the same for all streams of one sender that are to be synchronised (RFC 7022).
    pub const CNAME: Self = Self(1);
    /// The identification of the media section (RFC 9143, section 15).
    pub const MID: Self = Self(15);
}

/// SDES: who the sources are (RFC 3550, section 6.5).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |V=2|P|    SC   |  PT=SDES=202  |             length            |
/// +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
/// |                          SSRC/CSRC_1                          |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |  item type    |    length     |  text ...
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SourceDescription<'a> {
    count: u8,
    body: Reader<'a>,
}

impl<'a> SourceDescription<'a> {
    pub(super) fn parse(count: u8, body: Reader<'a>) -> Result<Self, ParseError> {
        let mut reader = body;
        for _ in 0..count {
            Chunk::read(&mut reader)?;
        }
        Ok(Self { count, body })
    }

    /// The descriptions, one of each source.
    pub fn chunks(&self) -> impl Iterator<Item = Chunk<'a>> + use<'a> {
        let mut reader = self.body;
        (0..self.count).map_while(move |_| Chunk::read(&mut reader).ok())
    }

    /// Appends a packet that gives each source its canonical name, and returns its length in bytes. At most 31 sources
    /// are written; a name is cut at 255 bytes.
    pub fn write_cnames<'b>(out: &mut Vec<u8>, cnames: impl IntoIterator<Item = (Ssrc, &'b str)>) -> usize {
        write_packet(out, packet_type::SOURCE_DESCRIPTION, |writer| {
            let mut count = 0;
            for (source, cname) in cnames.into_iter().take(MAX_COUNT) {
                writer.u32(source.0).u8(ItemType::CNAME.0).prefixed_u8(|text| {
                    text.bytes(cname.as_bytes());
                });
                // One to four zero bytes end the chunk on a whole word.
                writer.zeros(4 - writer.len() % 4);
                count += 1;
            }
            count
        })
    }
}

/// The description of one source.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a> {
    /// The source.
    pub source: Ssrc,
    items: Reader<'a>,
}

impl<'a> Chunk<'a> {
    /// Takes a chunk. Its end is a zero byte and up to three more to the next whole word; at the end of the packet
    /// they may be missing, as some senders forget them.
    fn read(reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        let source = Ssrc(reader.u32()?);
        let start = *reader;
        loop {
            match reader.peek().first() {
                None => break,
                Some(0) => {
                    let chunk_len = 4 + reader.offset() - start.offset();
                    let padding = 4 - chunk_len % 4;
                    reader.skip(padding.min(reader.remaining()))?;
                    break;
                }
                Some(_) => {
                    let (_, _) = Self::read_item(reader)?;
                }
            }
        }
        Ok(Self { source, items: start })
    }

    fn read_item(reader: &mut Reader<'a>) -> Result<(ItemType, &'a [u8]), ParseError> {
        let item = ItemType(reader.u8()?);
        let len = usize::from(reader.u8()?);
        Ok((item, reader.take(len)?))
    }

    /// The items: type and text of each. The text should be UTF-8, but nothing ensures it.
    pub fn items(&self) -> impl Iterator<Item = (ItemType, &'a [u8])> + use<'a> {
        let mut reader = self.items;
        std::iter::from_fn(move || match reader.peek().first() {
            None | Some(0) => None,
            Some(_) => Self::read_item(&mut reader).ok(),
        })
    }

    /// The text of the first item with this type.
    #[must_use]
    pub fn item(&self, item: ItemType) -> Option<&'a [u8]> {
        self.items().find_map(|(found, text)| (found == item).then_some(text))
    }
}
