use drywire_core::Duration;

use super::Ack;

/// Leaving slow start when the round trips grow, before the queue of the bottleneck overflows: HyStart++ (RFC 9406).
#[derive(Debug, Default)]
pub(super) struct SlowStart {
    /// The least round trip of this round and of the one before.
    current: Option<Duration>,
    last: Option<Duration>,
    samples: u32,
    /// Conservative slow start: the least round trip when it began, and how many rounds it has lasted.
    conservative: Option<(Duration, u32)>,
}

/// The constants of section 4.3.
const SAMPLES: u32 = 8;
const LEAST_GROWTH: Duration = Duration::from_millis(4);
const MOST_GROWTH: Duration = Duration::from_millis(16);
const CONSERVATIVE_ROUNDS: u32 = 5;
const CONSERVATIVE_DIVISOR: usize = 4;

/// What an acknowledgement means in slow start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Growth {
    /// The window grows by this.
    By(usize),
    /// Slow start is over.
    Over,
}

impl SlowStart {
    pub(super) fn acknowledged(&mut self, ack: &Ack) -> Growth {
        if ack.round {
            self.last = self.current.take();
            self.samples = 0;
            if let Some((_, rounds)) = &mut self.conservative {
                *rounds += 1;
                if *rounds > CONSERVATIVE_ROUNDS {
                    return Growth::Over;
                }
            }
        }
        if let Some(rtt) = ack.rtt {
            self.current = Some(self.current.map_or(rtt, |current| current.min(rtt)));
            self.samples += 1;
        }
        if self.samples >= SAMPLES
            && let (Some(current), Some(last)) = (self.current, self.last)
        {
            match self.conservative {
                Some((baseline, _)) if current < baseline => self.conservative = None,
                Some(_) => (),
                None if current >= last + (last / 8).clamp(LEAST_GROWTH, MOST_GROWTH) => {
                    self.conservative = Some((current, 0));
                }
                None => (),
            }
        }
        let divisor = if self.conservative.is_some() { CONSERVATIVE_DIVISOR } else { 1 };
        Growth::By(ack.bytes / divisor)
    }
}
