use bytes::BytesMut;
use drywire_core::{Instant, Path, Rng, Transmit};
use drywire_stun::Message;
use drywire_stun::discovery::{Discovery, DiscoveryConfig, DiscoveryEvent, Responder};

use crate::drive::{Drive, path};
use crate::machine::Machine;

/// NAT behaviour discovery: the client, and the server, which keeps no state, as its peer.
enum Side {
    Client { client: Box<Discovery>, finished: u32 },
    Server { responder: Responder, answers: Vec<(Transmit, Vec<u8>)> },
}

impl Machine for Side {
    fn handle_input(&mut self, now: Instant, path: Path, datagram: BytesMut) {
        match self {
            Self::Client { client, .. } => client.handle_input(now, path, datagram),
            Self::Server { responder, answers } => {
                let mut out = Vec::new();
                let Ok(request) = Message::parse(&datagram) else { return };
                if let Some(transmit) = responder.respond(path, &request, Some("misuse"), &mut out)
                    && answers.len() < 64
                {
                    assert_eq!(transmit.len, out.len());
                    answers.push((transmit, out));
                }
            }
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if let Self::Client { client, .. } = self {
            client.handle_timeout(now);
        }
    }

    fn command(&mut self, _: Instant, _: &mut Rng) {
        if let Self::Client { client, .. } = self {
            let _ = client.stats();
        }
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<(Option<Path>, usize)> {
        match self {
            Self::Client { client, .. } => {
                client.poll_transmit(now, out).map(|transmit| (Some(transmit.path), transmit.len))
            }
            Self::Server { answers, .. } => answers.pop().map(|(transmit, bytes)| {
                out.extend(bytes);
                (Some(transmit.path), transmit.len)
            }),
        }
    }

    fn poll_event(&mut self, _: Instant) -> bool {
        let Self::Client { client, finished } = self else { return false };
        let Some(DiscoveryEvent::Finished(report)) = client.poll_event() else { return false };
        *finished += 1;
        assert_eq!(*finished, 1, "once: {report:?}");
        true
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Client { client, .. } => client.poll_timeout(),
            Self::Server { .. } => None,
        }
    }

    fn arrived(&self) -> bool {
        match self {
            Self::Client { finished, .. } => *finished > 0,
            Self::Server { .. } => true,
        }
    }
}

fn pair(seed: u64) -> Drive<Side> {
    let start = drywire_sim::origin();
    let meeting = path(0);
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    let client = Discovery::new(DiscoveryConfig::new(meeting.local, meeting.remote), start, bytes);
    let alternate = ([192, 0, 2, 3], 2003).into();
    let sides = [
        Side::Client { client: Box::new(client), finished: 0 },
        Side::Server { responder: Responder { primary: meeting.remote, alternate }, answers: Vec::new() },
    ];
    Drive::new(sides, start, seed)
}

#[test]
fn any_order_of_calls() {
    crate::drive::run_all(crate::seeds(150), 400, pair);
}

#[test]
fn a_flood_does_not_fill_the_memory() {
    let mut drive = pair(1);
    drive.run(300);
    let grown = drive.flood(0, 20_000);
    assert!(grown < 100_000, "grew by {grown} bytes");
}
