/// Appends numbers in network byte order to a buffer.
///
/// What was in the buffer before is never touched; [`len`](Self::len) counts from where the writer began.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
}

impl<'a> Writer<'a> {
    /// Begins at the end of `out`.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        let start = out.len();
        Self { out, start }
    }

    /// How many bytes this writer has appended.
    #[must_use]
    pub fn len(&self) -> usize {
        self.out.len().saturating_sub(self.start)
    }

    /// Whether nothing was appended yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What this writer has appended so far.
    #[must_use]
    pub fn written(&self) -> &[u8] {
        self.out.get(self.start..).unwrap_or_default()
    }

    /// What this writer has appended so far, to patch it.
    pub fn written_mut(&mut self) -> &mut [u8] {
        self.out.get_mut(self.start..).unwrap_or_default()
    }

    /// Appends bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.out.extend_from_slice(bytes);
        self
    }

    /// Appends `count` zero bytes.
    pub fn zeros(&mut self, count: usize) -> &mut Self {
        self.out.resize(self.out.len() + count, 0);
        self
    }

    /// Appends one byte.
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.out.push(value);
        self
    }

    /// Appends 16 bits.
    pub fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    /// Appends the lowest 24 bits.
    pub fn u24(&mut self, value: u32) -> &mut Self {
        let [_, rest @ ..] = value.to_be_bytes();
        self.bytes(&rest)
    }

    /// Appends 32 bits.
    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    /// Appends the lowest 48 bits.
    pub fn u48(&mut self, value: u64) -> &mut Self {
        let [_, _, rest @ ..] = value.to_be_bytes();
        self.bytes(&rest)
    }

    /// Appends 64 bits.
    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    /// Appends what `body` writes, with its length in one byte before it. A body past 255 bytes is cut there:
    /// callers bound their bodies.
    pub fn prefixed_u8(&mut self, body: impl FnOnce(&mut Writer<'_>)) -> &mut Self {
        self.prefixed::<1>(body)
    }

    /// Appends what `body` writes, with its length in two bytes before it. A body past 65,535 bytes is cut there:
    /// callers bound their bodies.
    pub fn prefixed_u16(&mut self, body: impl FnOnce(&mut Writer<'_>)) -> &mut Self {
        self.prefixed::<2>(body)
    }

    /// Appends what `body` writes, with its length in three bytes before it. A body past 2^24 - 1 bytes is cut there:
    /// callers bound their bodies.
    pub fn prefixed_u24(&mut self, body: impl FnOnce(&mut Writer<'_>)) -> &mut Self {
        self.prefixed::<3>(body)
    }

    fn prefixed<const N: usize>(&mut self, body: impl FnOnce(&mut Writer<'_>)) -> &mut Self {
        let at = self.out.len();
        self.zeros(N);
        body(&mut Writer::new(self.out));
        let most = (1_usize << (8 * N)) - 1;
        self.out.truncate(at + N + most);
        let len = u32::try_from(self.out.len().saturating_sub(at + N)).unwrap_or(u32::MAX);
        if let Some(prefix) = self.out.get_mut(at..at + N) {
            let length = len.to_be_bytes();
            prefix.copy_from_slice(length.get(4 - N..).unwrap_or_default());
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reader;
    use proptest::prelude::*;

    #[test]
    fn appends_and_prefixes() {
        let mut out = vec![0xff];
        let mut writer = Writer::new(&mut out);
        writer.u8(1).prefixed_u16(|inner| {
            inner.u16(2).prefixed_u8(|innermost| {
                innermost.u24(3);
            });
        });
        assert_eq!(writer.len(), 9);
        writer.written_mut()[0] = 7;
        assert_eq!(out, [0xff, 7, 0, 6, 0, 2, 3, 0, 0, 3]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(a in any::<u8>(), b in any::<u16>(), c in 0_u32..1 << 24, d in any::<u32>(), e in 0_u64..1 << 48, f in any::<u64>()) {
            let mut out = Vec::new();
            Writer::new(&mut out).u8(a).u16(b).u24(c).u32(d).u48(e).u64(f);
            let mut reader = Reader::new(&out);
            prop_assert_eq!(reader.u8(), Ok(a));
            prop_assert_eq!(reader.u16(), Ok(b));
            prop_assert_eq!(reader.u24(), Ok(c));
            prop_assert_eq!(reader.u32(), Ok(d));
            prop_assert_eq!(reader.u48(), Ok(e));
            prop_assert_eq!(reader.u64(), Ok(f));
            prop_assert!(reader.is_empty());
        }
    }
}
