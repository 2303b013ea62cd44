//! What is relayed, on its way out: datagrams that go the same way leave together.
//!
//! To send a datagram costs the kernel far more than to take one in, and nearly as much as to send a whole train of them
//! (UDP GSO). So what the server finds waiting at once, of many clients mixed, is put together by destination before it is
//! sent. Nothing waits for more to come: a server without much to do sends each datagram by itself.

use std::net::IpAddr;

use drywire::{Path, Protocol, Transmit};

/// The most datagrams in a train: what UDP segmentation offload takes (`UDP_MAX_SEGMENTS` of older kernels).
const DATAGRAMS: usize = 64;
/// The most bytes of datagrams that are joined.
const BYTES: usize = 64_000;
/// A train of so many bytes is worth a system call, and memory that was written just now is still in the cache.
const ENOUGH: usize = 32_000;
/// The largest datagram that is joined to others: an Ethernet frame without the headers of IPv6 and UDP. The kernel refuses
/// a train of datagrams that its link does not carry, and older ones do so as if they had no segmentation offload at all.
const LARGEST: usize = 1_452;
/// The most trains that wait.
const TRAINS: usize = 128;
/// Where to look for the train of a path: far more than trains, so that two paths seldom share one.
const PLACES: usize = 1024;

/// Trains that wait until what has come at once is relayed, in their order.
#[derive(Default)]
pub(super) struct Trains {
    /// Those behind the first `used` are kept for their memory.
    trains: Vec<Train>,
    used: usize,
    /// The newest train of the paths that have this place. Two paths that share one take it from each other: they send more
    /// and shorter trains, still in order.
    places: Vec<u8>,
}

/// What became of the front of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relayed {
    /// There was nothing more to relay.
    Nothing,
    /// It waits for what goes the same way.
    Waits,
    /// All that waits should be sent now.
    Enough,
}

#[derive(Debug)]
struct Train {
    /// The path on which its datagrams came.
    from: Path,
    transmit: Transmit,
    count: usize,
    /// The size of each datagram, the last one excepted.
    segment: usize,
    /// Another datagram may follow: the last one is as long as the others.
    is_open: bool,
    bytes: Vec<u8>,
}

impl Trains {
    pub(super) fn new() -> Self {
        Self { trains: Vec::new(), used: 0, places: vec![0; PLACES] }
    }

    /// Has `write` append what becomes of the first datagrams of `len` bytes, in pieces of `size`, that came on one path: to
    /// the train that was begun for those before them if it is likely to fit, so that it is not copied again.
    pub(super) fn relay(
        &mut self,
        from: &Path,
        len: usize,
        size: usize,
        write: impl FnOnce(&mut Vec<u8>) -> Option<Transmit>,
    ) -> Relayed {
        let place = place(from);
        let known = self.places.get(place).map(|index| usize::from(*index)).filter(|index| {
            let train = self.trains.get(*index).filter(|_| *index < self.used);
            train.is_some_and(|train| train.from == *from && train.expects(len, size))
        });
        let index = known.unwrap_or(self.used);
        self.prepare(index, *from);
        let Some(train) = self.trains.get_mut(index) else { return Relayed::Nothing };
        let start = train.bytes.len();
        let Some(transmit) = write(&mut train.bytes) else {
            train.bytes.truncate(start);
            return Relayed::Nothing;
        };
        let index = if known.is_none() {
            train.begin(transmit);
            self.used += 1;
            index
        } else if train.join(&transmit) {
            index
        } else {
            // It goes another way than what came before it on its path.
            self.split(index, start, transmit)
        };
        if let (Some(place), Ok(index)) = (self.places.get_mut(place), u8::try_from(index)) {
            *place = index;
        }
        let is_enough = self.trains.get(index).is_none_or(Train::is_enough) || self.used >= TRAINS;
        if is_enough { Relayed::Enough } else { Relayed::Waits }
    }

    /// Makes a train that is not in use ready to be one.
    fn prepare(&mut self, index: usize, from: Path) {
        if index < self.used {
            return;
        }
        match self.trains.get_mut(index) {
            Some(train) => {
                train.bytes.clear();
                train.from = from;
            }
            None => self.trains.push(Train::new(from)),
        }
    }

    /// Moves the bytes behind `start` to a train of their own.
    fn split(&mut self, index: usize, start: usize, transmit: Transmit) -> usize {
        let last = self.used;
        let Some(from) = self.trains.get(index).map(|train| train.from) else { return index };
        self.prepare(last, from);
        if let Some((before, [train, ..])) = self.trains.split_at_mut_checked(last) {
            if let Some(other) = before.get_mut(index) {
                train.bytes.extend_from_slice(other.bytes.get(start..).unwrap_or_default());
                other.bytes.truncate(start);
            }
            train.begin(transmit);
            self.used += 1;
        }
        last
    }

    /// Lets all that waits go to `send`, in order.
    pub(super) fn flush(&mut self, mut send: impl FnMut(&Transmit, &[u8])) {
        for train in self.trains.iter().take(std::mem::take(&mut self.used)) {
            send(&train.transmit(), &train.bytes);
        }
    }
}

impl Train {
    const fn new(from: Path) -> Self {
        Self {
            from,
            transmit: Transmit::datagram(from, 0),
            count: 0,
            segment: 0,
            is_open: false,
            bytes: Vec::new(),
        }
    }

    fn begin(&mut self, transmit: Transmit) {
        self.segment = transmit.segment_size.unwrap_or(transmit.len);
        self.count = transmit.len.div_ceil(self.segment.max(1)).max(1);
        let is_even = self.segment > 0 && transmit.len.is_multiple_of(self.segment);
        self.is_open = is_even && self.segment <= LARGEST && transmit.path.protocol == Protocol::Udp;
        self.transmit = transmit;
    }

    /// Whether it would take what becomes of so many bytes, as far as can be told before.
    fn expects(&self, len: usize, size: usize) -> bool {
        self.is_open && self.bytes.len() + len <= BYTES && self.count + len.div_ceil(size.max(1)) <= DATAGRAMS
    }

    /// Counts in what was appended to its bytes. `false`: it is not of this train.
    fn join(&mut self, transmit: &Transmit) -> bool {
        let size = transmit.segment_size.unwrap_or(transmit.len);
        let count = transmit.len.div_ceil(size.max(1));
        // Only the last datagram of a train is shorter.
        let fits = size == self.segment || (count == 1 && (1..self.segment).contains(&size));
        let joins = self.is_open
            && fits
            && self.transmit.path == transmit.path
            && self.transmit.ecn == transmit.ecn
            && self.count + count <= DATAGRAMS
            && self.bytes.len() <= BYTES;
        if joins {
            self.count += count;
            self.is_open = transmit.len.is_multiple_of(self.segment);
        }
        joins
    }

    fn is_enough(&self) -> bool {
        // What waits for a connection is written at once anyway.
        self.bytes.len() >= ENOUGH || self.count >= DATAGRAMS || self.transmit.path.protocol != Protocol::Udp
    }

    fn transmit(&self) -> Transmit {
        let segment_size = (self.count > 1).then_some(self.segment);
        Transmit { len: self.bytes.len(), segment_size, ..self.transmit }
    }
}

/// Clients differ in their address or port, relayed addresses in their port.
fn place(path: &Path) -> usize {
    let last = match path.remote.ip() {
        IpAddr::V4(ip) => {
            let [_, _, third, last] = ip.octets();
            u16::from_be_bytes([last, third])
        }
        IpAddr::V6(ip) => ip.segments().iter().fold(0, |mixed, part| mixed ^ part),
    };
    let mixed = path.remote.port() ^ path.local.port().rotate_left(3) ^ last.rotate_left(5);
    usize::from(mixed ^ (mixed >> 10)) % PLACES
}

#[cfg(test)]
mod tests;
