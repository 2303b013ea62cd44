use drywire_core::{Duration, Instant};

/// How a key frame is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyframeRequest {
    /// PLI: something was lost and the decoder cannot go on (RFC 4585, section 6.3.1).
    Pli,
    /// FIR: somebody joined who has nothing to start from (RFC 5104, section 4.3.1).
    Fir,
}

/// Lets requests for one stream pass at most once in an interval. Those in between become one, which waits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Throttle {
    closed_until: Option<Instant>,
    waiting: Option<KeyframeRequest>,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It passed.
    Pass,
    /// It waits; it is to be [released](Throttle::release) at this time.
    Wait(Instant),
    /// It joined one that waits already.
    Joined,
}

impl Throttle {
    pub(crate) fn ask(&mut self, now: Instant, request: KeyframeRequest, interval: Duration) -> Outcome {
        if let Some(waiting) = &mut self.waiting {
            *waiting = request.max(*waiting);
            return Outcome::Joined;
        }
        match self.closed_until {
            Some(until) if until > now => {
                self.waiting = Some(request);
                Outcome::Wait(until)
            }
            _ => {
                self.closed_until = now.checked_add(interval);
                Outcome::Pass
            }
        }
    }

    /// Takes the request that waited.
    pub(crate) fn release(&mut self, now: Instant, interval: Duration) -> Option<KeyframeRequest> {
        let request = self.waiting.take()?;
        self.closed_until = now.checked_add(interval);
        Some(request)
    }

    /// When the request that waits, if any, is to be released.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.waiting.and(self.closed_until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods, reason = "tests may read a clock")]
    fn one_request_passes_in_an_interval_and_none_is_lost() {
        let interval = Duration::from_millis(300);
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut throttle = Throttle::default();
        assert_eq!(throttle.ask(at(0), KeyframeRequest::Pli, interval), Outcome::Pass);
        assert_eq!(throttle.release(at(0), interval), None);
        assert_eq!(throttle.ask(at(100), KeyframeRequest::Fir, interval), Outcome::Wait(at(300)));
        assert_eq!(throttle.ask(at(200), KeyframeRequest::Pli, interval), Outcome::Joined);
        assert_eq!(throttle.deadline(), Some(at(300)));
        assert_eq!(throttle.release(at(300), interval), Some(KeyframeRequest::Fir));
        assert_eq!(throttle.deadline(), None);
        assert_eq!(throttle.ask(at(599), KeyframeRequest::Pli, interval), Outcome::Wait(at(600)));
        assert_eq!(throttle.release(at(600), interval), Some(KeyframeRequest::Pli));
        assert_eq!(throttle.ask(at(900), KeyframeRequest::Pli, interval), Outcome::Pass);
    }
}
