use std::fmt;

/// The input ended before the field that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnexpectedEnd {
    /// Where in the whole input the reader stood, in bytes.
    pub offset: usize,
}

impl fmt::Display for UnexpectedEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the input ends within the field at byte {}", self.offset)
    }
}

impl std::error::Error for UnexpectedEnd {}

/// A cursor over bytes from the network. Every step says whether the bytes were there; none panics.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, offset: 0 }
    }

    /// Where the reader stands, in bytes from the start of the whole input.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// How many bytes are left.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Whether nothing is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What is left, without taking it.
    #[must_use]
    pub const fn peek(&self) -> &'a [u8] {
        self.rest
    }

    /// Takes all that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        let rest = std::mem::take(&mut self.rest);
        self.offset += rest.len();
        rest
    }

    /// Takes the next `len` bytes.
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], UnexpectedEnd> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(UnexpectedEnd { offset: self.offset })?;
        self.rest = rest;
        self.offset += len;
        Ok(taken)
    }

    /// Takes the next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], UnexpectedEnd> {
        let (taken, rest) =
            self.rest.split_first_chunk::<N>().ok_or(UnexpectedEnd { offset: self.offset })?;
        self.rest = rest;
        self.offset += N;
        Ok(*taken)
    }

    /// Takes the next `len` bytes as a reader of their own, which keeps counting offsets in the whole input.
    pub fn sub(&mut self, len: usize) -> Result<Self, UnexpectedEnd> {
        let offset = self.offset;
        Ok(Self { rest: self.take(len)?, offset })
    }

    /// Skips `len` bytes.
    pub fn skip(&mut self, len: usize) -> Result<(), UnexpectedEnd> {
        self.take(len).map(drop)
    }

    /// Takes one byte.
    pub fn u8(&mut self) -> Result<u8, UnexpectedEnd> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// Takes a 16-bit number in network byte order.
    pub fn u16(&mut self) -> Result<u16, UnexpectedEnd> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    /// Takes a 24-bit number in network byte order.
    pub fn u24(&mut self) -> Result<u32, UnexpectedEnd> {
        let [a, b, c] = self.array()?;
        Ok(u32::from_be_bytes([0, a, b, c]))
    }

    /// Takes a 32-bit number in network byte order.
    pub fn u32(&mut self) -> Result<u32, UnexpectedEnd> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// Takes a 48-bit number in network byte order.
    pub fn u48(&mut self) -> Result<u64, UnexpectedEnd> {
        let [a, b, c, d, e, f] = self.array()?;
        Ok(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }

    /// Takes a 64-bit number in network byte order.
    pub fn u64(&mut self) -> Result<u64, UnexpectedEnd> {
        Ok(u64::from_be_bytes(self.array()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_in_network_order_and_stops_at_the_end() {
        let mut reader = Reader::new(&[1, 0, 2, 0, 0, 3, 0, 0, 0, 4, 9, 9]);
        assert_eq!(reader.u8(), Ok(1));
        assert_eq!(reader.u16(), Ok(2));
        assert_eq!(reader.u24(), Ok(3));
        assert_eq!(reader.u32(), Ok(4));
        let mut inner = reader.sub(2).unwrap();
        assert_eq!(inner.offset(), 10);
        assert_eq!(inner.rest(), &[9, 9]);
        assert_eq!(reader.u8(), Err(UnexpectedEnd { offset: 12 }));
        assert!(reader.is_empty());
    }

    proptest! {
        #[test]
        fn a_failed_step_takes_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..64), len in 0_usize..128) {
            let mut reader = Reader::new(&bytes);
            let before = reader.remaining();
            match reader.take(len) {
                Ok(taken) => prop_assert_eq!(taken, &bytes[..len]),
                Err(_) => prop_assert_eq!(reader.remaining(), before),
            }
            prop_assert_eq!(reader.offset() + reader.remaining(), bytes.len());
        }
    }
}
