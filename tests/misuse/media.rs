use bytes::BytesMut;
use drywire_core::{Duration, Instant, Path, Rng};
use drywire_media::{Config, Format, KeyframeRequest, Kind, Streams, WallClock};
use drywire_rtp::{HeaderFields, RtpHeader, SequenceNumber, Ssrc, is_rtcp};

use crate::drive::Drive;
use crate::machine::Machine;

struct Media(Streams);

fn format(rng: &mut Rng) -> Format {
    let kind = if rng.below(2) == 0 { Kind::Audio } else { Kind::Video };
    // Zero is what a broken description says.
    let clock_rate = [0, 1, 8_000, 48_000, 90_000, u32::MAX][usize::try_from(rng.below(6)).unwrap()];
    Format { kind, clock_rate }
}

fn header(rng: &mut Rng) -> RtpHeader {
    let sequence_number = if rng.below(8) == 0 { rng.u32() } else { rng.below(50) };
    let fields = HeaderFields {
        ssrc: Ssrc(if rng.below(8) == 0 { rng.u32() } else { rng.below(6) }),
        sequence_number: SequenceNumber(u16::try_from(sequence_number & 0xffff).unwrap()),
        timestamp: rng.u32(),
        ..HeaderFields::default()
    };
    let mut packet = Vec::new();
    fields.write(&mut packet, &[]).unwrap();
    RtpHeader::parse(&packet).unwrap()
}

impl Machine for Media {
    fn handle_input(&mut self, now: Instant, _path: Path, datagram: BytesMut) {
        if is_rtcp(&datagram) {
            self.0.handle_rtcp(now, &datagram);
        } else if let Ok(header) = RtpHeader::parse(&datagram) {
            self.0.handle_rtp(now, &header, Format { kind: Kind::Audio, clock_rate: 48_000 });
        } else {
            self.0.handle_rtcp(now, &datagram);
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.0.handle_timeout(now);
    }

    fn command(&mut self, now: Instant, rng: &mut Rng) {
        let ssrc = Ssrc(rng.below(6));
        match rng.below(12) {
            0..=3 => self.0.handle_rtp(now, &header(rng), format(rng)),
            4 | 5 => {
                let _ = self.0.add_sender(now, ssrc, Kind::Video);
            }
            6 => {
                let _ = self.0.remove_sender(now, ssrc);
            }
            7..=9 => {
                let _ = self.0.handle_sent(now, &header(rng), format(rng));
            }
            10 => {
                let request = if rng.below(2) == 0 { KeyframeRequest::Pli } else { KeyframeRequest::Fir };
                let _ = self.0.request_keyframe(now, ssrc, request);
            }
            _ => {
                let _ = (self.0.receivers().count(), self.0.senders().count());
                self.0.set_reduced_size(rng.below(2) == 0);
                if rng.below(50) == 0 {
                    self.0.close(now);
                }
            }
        }
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<(Option<Path>, usize)> {
        self.0.poll_transmit(now, out).map(|len| (None, len))
    }

    fn poll_event(&mut self, _now: Instant) -> bool {
        self.0.poll_event().is_some()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.0.poll_timeout()
    }

    fn arrived(&self) -> bool {
        self.0.stats().rtcp_datagrams_received > 0
    }
}

fn pair(seed: u64) -> Drive<Media> {
    let start = drywire_sim::origin();
    let side = |side: u8| {
        let config = Config::new("cname", WallClock::new(start, Duration::from_secs(1_700_000_000)));
        Media(Streams::new(config, start, [side; 32]))
    };
    Drive::new([side(1), side(2)], start, seed)
}

#[test]
fn any_order_of_calls() {
    crate::drive::run_all(crate::seeds(200), 500, pair);
}

#[test]
fn a_flood_does_not_fill_the_memory() {
    let mut drive = pair(1);
    drive.run(300);
    let first = drive.flood(0, 20_000);
    let second = drive.flood(0, 20_000);
    assert!(first < 2_000_000 && second < 200_000, "grew by {first}, then by {second} bytes");
}
