//! The runner's packets: a stream of operations over TCP, each one byte and what it carries. The runner owns the clock.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use crate::flags::Flags;

/// What the runner says.
#[derive(Debug)]
pub(crate) enum Operation {
    /// A datagram came in.
    Packet(Vec<u8>),
    /// The clock goes forward.
    AdvanceClock(Duration),
    /// The largest datagram has another size.
    SetMtu(usize),
    /// The next timeout must be this far away; `None`: there must be none.
    ExpectTimeout(Option<Duration>),
    /// The first retransmission timeout has another length.
    SetInitialTimeout(Duration),
    /// The runner has closed the connection.
    End,
}

/// The connection to the runner.
#[derive(Debug)]
pub(crate) struct Packets {
    stream: TcpStream,
}

impl Packets {
    pub(crate) fn connect(flags: &Flags) -> io::Result<Self> {
        let address = if flags.ipv6 { Ipv6Addr::LOCALHOST.into() } else { Ipv4Addr::LOCALHOST.into() };
        let mut stream = TcpStream::connect(SocketAddr::new(address, flags.port))?;
        stream.set_nodelay(true)?;
        stream.write_all(&flags.shim_id.to_le_bytes())?;
        Ok(Self { stream })
    }

    /// Sends a datagram. A runner that no longer listens is no error: what it saw is what it judges.
    pub(crate) fn send(&mut self, datagram: &[u8]) {
        let length = u32::try_from(datagram.len()).unwrap_or(u32::MAX);
        let mut packet = vec![b'P'];
        packet.extend_from_slice(&length.to_be_bytes());
        packet.extend_from_slice(datagram);
        let _ = self.stream.write_all(&packet);
    }

    /// Waits for the next operation.
    pub(crate) fn receive(&mut self) -> io::Result<Operation> {
        let Some([code]) = self.read_or_end()? else {
            return Ok(Operation::End);
        };
        Ok(match code {
            b'P' => {
                let length = u32::from_be_bytes(self.read()?);
                let mut datagram = vec![0; usize::try_from(length).unwrap_or_default()];
                self.stream.read_exact(&mut datagram)?;
                Operation::Packet(datagram)
            }
            b'T' => {
                let time = Duration::from_nanos(u64::from_be_bytes(self.read()?));
                // All that was sent before belongs to the time before.
                let _ = self.stream.write_all(b"t");
                Operation::AdvanceClock(time)
            }
            b'M' => {
                Operation::SetMtu(usize::try_from(u32::from_be_bytes(self.read()?)).unwrap_or(usize::MAX))
            }
            b'E' => {
                let nanos = u64::from_be_bytes(self.read()?);
                Operation::ExpectTimeout((nanos != u64::MAX).then(|| Duration::from_nanos(nanos)))
            }
            b'U' => {
                Operation::SetInitialTimeout(Duration::from_millis(u32::from_be_bytes(self.read()?).into()))
            }
            _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "unknown operation of the runner")),
        })
    }

    /// Says that nothing more will come, and waits until the runner has nothing more to say either: otherwise it might
    /// not read what was sent last.
    pub(crate) fn finish(mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
        let _ = io::copy(&mut self.stream, &mut io::sink());
    }

    fn read<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn read_or_end<const N: usize>(&mut self) -> io::Result<Option<[u8; N]>> {
        match self.read() {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error)
                if matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
