use drywire_core::{Duration, Instant};
use drywire_stun::TransactionId;

use crate::{Config, Role};

/// The peer's consent to receive on the selected path (RFC 7675), which is liveness check and NAT keepalive in one.
///
/// Answered checks go out every `consent_interval`; an unanswered one is followed by another after `consent_retry`,
/// each with a fresh transaction id. Only an authenticated answer to one of the latest checks renews consent
/// (attack A11).
#[derive(Clone, Debug)]
pub(crate) struct Consent {
    /// When the next check is to be sent.
    next: Instant,
    /// When consent was last given.
    renewed: Instant,
    /// When consent ends.
    expires: Instant,
    /// When the first check after the last answer was sent.
    unanswered_since: Option<Instant>,
    /// The latest checks, in a ring.
    sent: [Option<(TransactionId, Instant, Role)>; 8],
    at: usize,
    /// Whether the other pairs were called upon in this silence.
    pub(crate) called_for_help: bool,
}

impl Consent {
    /// Consent that an answer at `answered` gave.
    pub(crate) fn new(config: &Config, answered: Instant, interval: Duration) -> Self {
        Self {
            next: answered + interval,
            renewed: answered,
            expires: answered + config.consent_timeout,
            unanswered_since: None,
            sent: [None; 8],
            at: 0,
            called_for_help: false,
        }
    }

    pub(crate) const fn next(&self) -> Instant {
        self.next
    }

    pub(crate) const fn expires(&self) -> Instant {
        self.expires
    }

    pub(crate) const fn renewed(&self) -> Instant {
        self.renewed
    }

    pub(crate) const fn unanswered_since(&self) -> Option<Instant> {
        self.unanswered_since
    }

    pub(crate) fn is_expired(&self, now: Instant) -> bool {
        now >= self.expires
    }

    /// The next check goes at once, unless the path has just been answered, or a check waits for its answer already. RFC
    /// 7675, section 5.1, wants 5 s between checks of a path that works, so as not to load it; this is the exception for one
    /// that may have ceased to, and whatever the peer does, no more than one in `consent_retry` comes of it. Without it a
    /// peer behind a translator that forgot its mapping is noticed up to 6 s later.
    pub(crate) fn hurry(&mut self, config: &Config, now: Instant) {
        if self.unanswered_since.is_none() {
            self.next = self.next.min(now.max(self.renewed + config.consent_retry));
        }
    }

    /// When other pairs are asked, if no answer comes: early enough for their answers to be there when the path counts
    /// as silent. Half of that time is two checks without an answer and two round trips at least, which loss alone brings
    /// about now and then; the price is one check of each pair, at the pace of RFC 8445, section 14.2, and the path in use
    /// stays in use. Without it the state is `Disconnected` for a round trip each time that another path takes over.
    pub(crate) fn help_at(&self, config: &Config, rtt: Option<Duration>) -> Option<Instant> {
        let since = self.unanswered_since?;
        let silent = self.silent_at(config, rtt)?;
        Some(since + silent.saturating_duration_since(since) / 2)
    }

    /// When the path counts as silent, if no answer comes.
    pub(crate) fn silent_at(&self, config: &Config, rtt: Option<Duration>) -> Option<Instant> {
        let patience =
            config.silence.max(rtt.unwrap_or_default().saturating_mul(4).min(config.consent_timeout));
        self.unanswered_since.map(|since| since + patience)
    }

    pub(crate) fn is_silent(&self, config: &Config, rtt: Option<Duration>, now: Instant) -> bool {
        self.silent_at(config, rtt).is_some_and(|at| at <= now)
    }

    /// A check was sent. The retries slow down once the silence is known.
    pub(crate) fn sent(
        &mut self,
        config: &Config,
        id: TransactionId,
        role: Role,
        rtt: Option<Duration>,
        now: Instant,
    ) {
        let since = *self.unanswered_since.get_or_insert(now);
        let silent = now.saturating_duration_since(since) > config.silence;
        let retry = config.consent_retry.max(rtt.unwrap_or_default().saturating_mul(2));
        self.next = now + if silent { retry.saturating_mul(2) } else { retry }.min(config.consent_interval);
        self.at = (self.at + 1) % self.sent.len();
        if let Some(slot) = self.sent.get_mut(self.at) {
            *slot = Some((id, now, role));
        }
    }

    /// Whether `id` is one of the latest checks.
    pub(crate) fn is_awaiting(&self, id: TransactionId) -> bool {
        self.sent.iter().flatten().any(|(sent, ..)| *sent == id)
    }

    /// Forgets the check `id`, which was refused. Returns the role that it claimed.
    pub(crate) fn refused(&mut self, id: TransactionId) -> Option<Role> {
        self.take(id).map(|(.., role)| role)
    }

    /// The check `id` was answered: consent is renewed. Returns the round-trip time, and the role that the check
    /// claimed.
    pub(crate) fn answered(
        &mut self,
        config: &Config,
        id: TransactionId,
        interval: Duration,
        now: Instant,
    ) -> Option<(Duration, Role)> {
        let (_, sent_at, role) = self.take(id)?;
        self.renew(config, interval, now);
        Some((now.saturating_duration_since(sent_at), role))
    }

    /// The peer gave a sign of consent.
    pub(crate) fn renew(&mut self, config: &Config, interval: Duration, now: Instant) {
        self.renewed = now;
        self.expires = now + config.consent_timeout;
        self.next = now + interval;
        self.unanswered_since = None;
        self.called_for_help = false;
    }

    fn take(&mut self, id: TransactionId) -> Option<(TransactionId, Instant, Role)> {
        self.sent.iter_mut().find(|slot| slot.is_some_and(|(sent, ..)| sent == id))?.take()
    }
}
