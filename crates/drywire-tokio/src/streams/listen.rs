use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use drywire::{Duration, Path, Protocol};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::connect::prepare;
use super::connection::{Connection, Patience};
use super::{StreamEvent, Tasks};

/// The most accepted connections, of all listeners together.
const LIMIT: usize = 1_000;
/// The most of them from one address: nobody alone keeps all others out.
const LIMIT_PER_ADDRESS: usize = 100;
/// A peer connects in order to send a check at once, which is answered, whatever we think of it; then it says something every
/// few seconds (RFC 7675, section 5.1; RFC 8445, section 11).
const PATIENCE: Patience = Patience { unanswered: Duration::from_secs(10), silent: Duration::from_secs(60) };
/// How long to wait when the system has nothing left to accept a connection with.
const RETRY: Duration = Duration::from_millis(100);

/// How many connections are accepted from where.
#[derive(Clone, Debug, Default)]
pub(super) struct Accepted(Arc<Mutex<HashMap<IpAddr, usize>>>);

impl Accepted {
    /// Counts one more, if there is room for it, until what is returned is dropped.
    fn admit(&self, from: IpAddr) -> Option<Admission> {
        let mut counts = self.lock();
        if counts.values().sum::<usize>() >= LIMIT {
            return None;
        }
        let count = counts.entry(from).or_default();
        if *count >= LIMIT_PER_ADDRESS {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(Admission { accepted: self.clone(), from })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Admission {
    accepted: Accepted,
    from: IpAddr,
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut counts = self.accepted.lock();
        if let Some(count) = counts.get_mut(&self.from) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.from);
            }
        }
    }
}

/// Accepts connections until the driver has gone.
pub(super) async fn accept(listener: TcpListener, accepted: Accepted, tasks: Tasks) {
    loop {
        let result = tokio::select! {
            result = listener.accept() => result,
            () = tasks.events.closed() => return,
        };
        match result {
            Ok((stream, remote)) => match accepted.admit(remote.ip().to_canonical()) {
                Some(admission) => {
                    if let Err(error) = begin(stream, remote, admission, &tasks) {
                        tracing::debug!(%remote, %error, "a connection ended before it began");
                    }
                }
                None => tracing::debug!(%remote, "too many connections: this one is closed"),
            },
            Err(error) => {
                tracing::debug!(%error, "a connection was not accepted");
                sleep(RETRY).await;
            }
        }
    }
}

fn begin(stream: TcpStream, remote: SocketAddr, admission: Admission, tasks: &Tasks) -> io::Result<()> {
    prepare(&stream);
    // A listener for both IP versions tells IPv4 addresses in their IPv6-mapped form, which no candidate has
    // (RFC 8445, section 5.1.1.1).
    let canonical = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    let (local, remote) = (canonical(stream.local_addr()?), canonical(remote));
    let path = Path { protocol: Protocol::Tcp, local, remote };
    let connection = Connection::new(stream, path, PATIENCE, tasks.clone());
    let (serial, outbox) = connection.queue();
    tokio::spawn(async move {
        let _admission = admission;
        connection.run(StreamEvent::Accepted { path, serial, outbox }).await;
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_alone_takes_all_the_room() {
        let accepted = Accepted::default();
        let from = |n: u8| IpAddr::from([192, 0, 2, n]);
        let mut admissions = Vec::new();
        for n in 0..20 {
            while let Some(admission) = accepted.admit(from(n)) {
                admissions.push(admission);
            }
            assert_eq!(admissions.len(), LIMIT.min((usize::from(n) + 1) * LIMIT_PER_ADDRESS));
        }
        assert!(accepted.admit(from(99)).is_none());
        drop(admissions.pop());
        assert!(accepted.admit(from(99)).is_some());
        drop(admissions);
        assert!(accepted.lock().is_empty());
    }
}
