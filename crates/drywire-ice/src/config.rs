use std::net::SocketAddr;
use std::sync::Arc;

use drywire_core::Duration;
use drywire_crypto::Provider;

use crate::{Credentials, Role};

/// How an agent behaves. The defaults are those of the RFCs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Where HMACs come from.
    pub provider: Arc<dyn Provider>,
    /// The role to begin with: the offerer controls, unless it is lite and the answerer is not
    /// (RFC 8445, section 6.1.1).
    pub role: Role,
    /// Our credentials; `None` draws fresh ones from the seed.
    pub local_credentials: Option<Credentials>,
    /// A lite agent (RFC 8445, section 2.5) sends no checks, only answers them. For servers on public addresses.
    /// Two lite agents do not find each other.
    pub lite: bool,
    /// The time between two checks of the checklist, `Ta` (RFC 8445, section 14.2). Default 50 ms, at least 5 ms.
    pub pace: Duration,
    /// How many checks that answer the peer's may go out ahead of the pace; they are made up for afterwards.
    /// Default 4.
    pub triggered_burst: u32,
    /// The least time to the first retransmission of a check, `RTO` (RFC 8445, section 14.3). Default 500 ms.
    pub rto: Duration,
    /// How often a check is sent before its pair fails, `Rc`. Default 7.
    pub max_sent: u32,
    /// The wait after the last time, in multiples of `RTO`, `Rm`. Default 16.
    pub last_wait: u32,
    /// The time between two consent checks; each is drawn from 0.8 to 1.2 of it (RFC 7675, section 5.1). Default 5 s.
    pub consent_interval: Duration,
    /// How long consent lasts after the last answer (RFC 7675, section 5.1). Default 30 s.
    pub consent_timeout: Duration,
    /// How soon an unanswered consent check is followed by another. Default 500 ms.
    pub consent_retry: Duration,
    /// How long consent checks stay unanswered before the state is `Disconnected`. Default 2 s.
    pub silence: Duration,
    /// How long to wait for a first pair, whatever the checks say (RFC 8863, section 4), and how often the checks of a
    /// restart that fail are made anew while the old path works. Default 39.5 s.
    pub patience: Duration,
    /// Whether nominations are numbered (draft-thatcher-ice-renomination-01) if the peer says that it knows that; to be
    /// signalled as `renomination` among the `a=ice-options`. Default no.
    pub renomination: bool,
    /// The most pairs in the checklist (RFC 8445, section 6.1.2.5). Default 100.
    pub max_pairs: usize,
    /// The most local candidates. Default 50.
    pub max_local_candidates: usize,
    /// The most remote candidates. Default 100.
    pub max_remote_candidates: usize,
    /// Whether checks may be sent to a remote address, beyond what is never allowed (multicast, unspecified,
    /// broadcast, port 0). The default allows all others.
    pub accept_remote: fn(SocketAddr) -> bool,
}

impl Config {
    /// The defaults, in a role.
    #[must_use]
    pub fn new(provider: Arc<dyn Provider>, role: Role) -> Self {
        Self {
            provider,
            role,
            local_credentials: None,
            lite: false,
            pace: Duration::from_millis(50),
            triggered_burst: 4,
            rto: Duration::from_millis(500),
            max_sent: 7,
            last_wait: 16,
            consent_interval: Duration::from_secs(5),
            consent_timeout: Duration::from_secs(30),
            consent_retry: Duration::from_millis(500),
            silence: Duration::from_secs(2),
            patience: Duration::from_millis(39_500),
            renomination: false,
            max_pairs: 100,
            max_local_candidates: 50,
            max_remote_candidates: 100,
            accept_remote: |_| true,
        }
    }

    /// The same with every value in the range where the agent keeps its promises.
    pub(crate) fn bounded(mut self) -> Self {
        let least = Duration::from_millis(5);
        // RFC 8445, section 14.2: Ta MUST NOT be below 5 ms.
        for time in [&mut self.pace, &mut self.rto, &mut self.consent_interval, &mut self.consent_retry] {
            *time = (*time).clamp(least, Duration::from_secs(3600));
        }
        for time in [&mut self.consent_timeout, &mut self.silence, &mut self.patience] {
            *time = (*time).clamp(least, Duration::from_secs(86_400));
        }
        self.max_pairs = self.max_pairs.clamp(1, 1000);
        self.max_remote_candidates = self.max_remote_candidates.clamp(1, 1000);
        self
    }
}
