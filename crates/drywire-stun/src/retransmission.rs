use drywire_core::{Duration, Instant};

/// When a request is sent again over an unreliable transport, and when it is given up (RFC 8489, section 6.2.1).
///
/// The default is the RFC's: sent at 0, 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 seconds, given up at 39.5 seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetransmissionConfig {
    /// The time to the first retransmission; it doubles each time. Default 500 ms.
    pub rto: Duration,
    /// How often the request is sent, `Rc`. Default 7.
    pub max_sent: u32,
    /// The wait after the last time, in multiples of the initial `rto`, `Rm`. Default 16.
    pub last_wait: u32,
}

impl RetransmissionConfig {
    /// Over TCP and TLS nothing is sent again, and the request is given up after `Ti`, 39.5 seconds (RFC 8489,
    /// section 6.2.2).
    pub const RELIABLE: Self = Self { rto: Duration::from_millis(500), max_sent: 1, last_wait: 79 };
}

impl Default for RetransmissionConfig {
    fn default() -> Self {
        Self { rto: Duration::from_millis(500), max_sent: 7, last_wait: 16 }
    }
}

/// What an expired wait means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expired {
    /// Send the request again.
    Retransmit,
    /// No response will come.
    TimedOut,
}

/// The waits of one request that has been sent.
#[derive(Clone, Copy, Debug)]
pub struct Retransmission {
    config: RetransmissionConfig,
    sent: u32,
    wait: Duration,
    deadline: Instant,
}

impl Retransmission {
    /// The request was sent for the first time.
    #[must_use]
    pub fn start(config: RetransmissionConfig, now: Instant) -> Self {
        let rto = config.rto.max(Duration::from_millis(1));
        let mut schedule =
            Self { config: RetransmissionConfig { rto, ..config }, sent: 1, wait: rto, deadline: now };
        schedule.deadline = now + schedule.next_wait();
        schedule
    }

    /// How often the request was sent.
    #[must_use]
    pub const fn sent(&self) -> u32 {
        self.sent
    }

    /// When the current wait is over.
    #[must_use]
    pub const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// What there is to do at `now`. A retransmission counts as sent at `now`: waits that a late caller slept
    /// through do not pile up.
    pub fn expire(&mut self, now: Instant) -> Option<Expired> {
        if now < self.deadline {
            return None;
        }
        if self.sent >= self.config.max_sent {
            return Some(Expired::TimedOut);
        }
        self.sent += 1;
        self.wait = self.wait.saturating_mul(2);
        self.deadline = now + self.next_wait();
        Some(Expired::Retransmit)
    }

    fn next_wait(&self) -> Duration {
        let wait = if self.sent < self.config.max_sent {
            self.wait
        } else {
            self.config.rto.saturating_mul(self.config.last_wait)
        };
        wait.min(Duration::from_secs(3600))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods, reason = "tests may read a clock")]
    fn the_schedule_of_the_rfc() {
        let start = Instant::now();
        let mut schedule = Retransmission::start(RetransmissionConfig::default(), start);
        let mut at = Vec::new();
        loop {
            let now = schedule.deadline();
            assert_eq!(schedule.expire(now - Duration::from_millis(1)), None);
            at.push(now.duration_since(start).as_millis());
            if schedule.expire(now) == Some(Expired::TimedOut) {
                break;
            }
        }
        assert_eq!(at, [500, 1500, 3500, 7500, 15_500, 31_500, 39_500]);
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "tests may read a clock")]
    fn over_a_stream_it_is_sent_once() {
        let start = Instant::now();
        let mut schedule = Retransmission::start(RetransmissionConfig::RELIABLE, start);
        assert_eq!(schedule.deadline(), start + Duration::from_millis(39_500));
        assert_eq!(schedule.expire(schedule.deadline()), Some(Expired::TimedOut));
    }
}
