use std::io::{self, Write};
use std::net::{IpAddr, Ipv6Addr};

use drywire_core::{Duration, Path, Writer};

/// Link type of packets that begin with an IP header.
const LINKTYPE_RAW: u32 = 101;
const IPV4_HEADER: usize = 20;
const UDP_HEADER: usize = 8;
const PROTOCOL_UDP: u8 = 17;

/// Writes datagrams to a capture file that Wireshark and tcpdump read (the classic pcap format, nanoseconds).
///
/// Every datagram gets an IP and a UDP header with right lengths and checksums.
#[derive(Debug)]
pub struct PcapWriter<W> {
    sink: W,
    packet: Vec<u8>,
}

impl<W: Write> PcapWriter<W> {
    /// Begins a capture by writing the file header to `sink`.
    ///
    /// # Errors
    /// What `sink` reports.
    pub fn new(mut sink: W) -> io::Result<Self> {
        let mut header = Vec::new();
        // Magic number of nanosecond resolution, version 2.4, no time zone, no accuracy, longest packet.
        Writer::new(&mut header)
            .u32(0xa1b2_3c4d)
            .u16(2)
            .u16(4)
            .u32(0)
            .u32(0)
            .u32(0x0004_0000)
            .u32(LINKTYPE_RAW);
        sink.write_all(&header)?;
        Ok(Self { sink, packet: Vec::new() })
    }

    /// Writes one datagram that went along `path` at `at` since the epoch of the capture.
    ///
    /// # Errors
    /// What the sink reports; and `InvalidInput` when the datagram is too long for an IP packet.
    pub fn write(&mut self, at: Duration, path: Path, datagram: &[u8]) -> io::Result<()> {
        let too_long = |_| io::Error::from(io::ErrorKind::InvalidInput);
        let udp_len = u16::try_from(datagram.len() + UDP_HEADER).map_err(too_long)?;
        let udp = udp(path, udp_len, datagram);
        self.packet.clear();
        match (path.local.ip(), path.remote.ip()) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let len = u16::try_from(datagram.len() + UDP_HEADER + IPV4_HEADER).map_err(too_long)?;
                let mut header = Vec::with_capacity(IPV4_HEADER);
                // Version and header length, no DSCP; no identification, don't fragment; a TTL of 64.
                Writer::new(&mut header).u8(0x45).u8(0).u16(len).u16(0).u16(0x4000).u8(64).u8(PROTOCOL_UDP);
                let sum = checksum([&header, &source.octets()[..], &destination.octets()[..]]);
                Writer::new(&mut header).u16(sum).bytes(&source.octets()).bytes(&destination.octets());
                self.packet.extend_from_slice(&header);
            }
            (source, destination) => {
                let mut writer = Writer::new(&mut self.packet);
                writer.u32(0x6000_0000).u16(udp_len).u8(PROTOCOL_UDP).u8(64);
                writer.bytes(&v6(source).octets()).bytes(&v6(destination).octets());
            }
        }
        self.packet.extend_from_slice(&udp);
        self.packet.extend_from_slice(datagram);

        let len = u32::try_from(self.packet.len()).map_err(too_long)?;
        let seconds = u32::try_from(at.as_secs()).unwrap_or(u32::MAX);
        let mut record = Vec::with_capacity(16);
        Writer::new(&mut record).u32(seconds).u32(at.subsec_nanos()).u32(len).u32(len);
        self.sink.write_all(&record)?;
        self.sink.write_all(&self.packet)
    }

    /// Ends the capture and gives the sink back.
    pub fn into_inner(self) -> W {
        self.sink
    }
}

/// The UDP header (RFC 768), with a checksum over the pseudo-header (RFC 8200, section 8.1, for IPv6).
fn udp(path: Path, len: u16, datagram: &[u8]) -> Vec<u8> {
    let mut pseudo = Vec::new();
    for address in [path.local.ip(), path.remote.ip()] {
        match address {
            IpAddr::V4(address) => pseudo.extend_from_slice(&address.octets()),
            IpAddr::V6(address) => pseudo.extend_from_slice(&address.octets()),
        }
    }
    Writer::new(&mut pseudo).u16(u16::from(PROTOCOL_UDP)).u16(len);
    let mut header = Vec::with_capacity(UDP_HEADER);
    Writer::new(&mut header).u16(path.local.port()).u16(path.remote.port()).u16(len);
    let sum = match checksum([&pseudo, &header, datagram]) {
        0 => 0xffff, // Zero would say "no checksum".
        sum => sum,
    };
    Writer::new(&mut header).u16(sum);
    header
}

fn v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// The internet checksum (RFC 1071) over parts of which all but the last have an even length.
fn checksum<const N: usize>(parts: [&[u8]; N]) -> u16 {
    let mut sum = 0_u32;
    for part in parts {
        for pair in part.chunks(2) {
            let word = match pair {
                [high, low] => u16::from_be_bytes([*high, *low]),
                [high] => u16::from_be_bytes([*high, 0]),
                _ => 0,
            };
            sum += u32::from(word);
            sum = (sum & 0xffff) + (sum >> 16);
        }
    }
    !u16::try_from(sum).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_headers_that_check_out() {
        let mut pcap = PcapWriter::new(Vec::new()).unwrap();
        let v4 = Path::udp("192.0.2.1:1000".parse().unwrap(), "192.0.2.2:2000".parse().unwrap());
        let v6 = Path::udp("[2001:db8::1]:1000".parse().unwrap(), "[2001:db8::2]:2000".parse().unwrap());
        pcap.write(Duration::from_nanos(1_000_000_007), v4, b"odd").unwrap();
        pcap.write(Duration::from_secs(2), v6, b"even").unwrap();
        assert!(pcap.write(Duration::ZERO, v4, &[0; 65_536]).is_err());
        let bytes = pcap.into_inner();
        assert_eq!(bytes.len(), 24 + (16 + 20 + 8 + 3) + (16 + 40 + 8 + 4));
        assert_eq!(bytes[24..40], [0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 31, 0, 0, 0, 31]);
        let ip = &bytes[40..71];
        assert_eq!(ip[0], 0x45);
        // A header that contains its own checksum sums to zero.
        assert_eq!(checksum([&ip[..20]]), 0);
        assert_eq!(checksum([&ip[12..20], &[0, 17, 0, 11], &ip[20..]]), 0);
        let ip = &bytes[87..];
        assert_eq!(ip[0], 0x60);
        assert_eq!(checksum([&ip[8..40], &[0, 17, 0, 12], &ip[40..]]), 0);
    }
}
