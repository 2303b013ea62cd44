use std::future::pending;
use std::sync::Arc;

use drywire::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::{Host, Subscription};
use crate::network::Notice;
use crate::now;

/// Changes of a network come several at once; and whoever asks all the time is not to be answered all the time.
const SETTLING: Duration = Duration::from_millis(100);
/// To look at a host with thousands of interfaces takes a while; and a router is told of routes all the time. However often we
/// are told to look, looking takes no more than one part of so many of the time.
const SHARE: u32 = 20;
/// And yet we look when we are told to.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How often we look, at most, where the system tells of changes: for what it may not tell of.
const RARELY: Duration = Duration::from_secs(60);
/// How often, and how far apart, we look whether an address has become ready: the detection of duplicates takes a second, and up
/// to another one before it begins (RFC 4862, section 5.4.2). One that turns out to be a duplicate never becomes ready.
const READY_CHECKS: u8 = 10;
const READY_CHECK: Duration = Duration::from_millis(500);

/// What has changed between two lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference<T> {
    pub(crate) added: Vec<T>,
    pub(crate) removed: Vec<T>,
    /// Those that stay, as they are now.
    pub(crate) changed: Vec<T>,
}

impl<T: Clone + PartialEq> Difference<T> {
    /// What makes `after` of `before`, where two things with the same `key` are the same.
    pub(crate) fn new<K: PartialEq>(before: &[T], after: &[T], key: impl Fn(&T) -> K) -> Self {
        let find = |list: &[T], item: &T| list.iter().find(|other| key(other) == key(item)).cloned();
        let is_changed = |item: &&T| find(before, item).is_some_and(|known| known != **item);
        Self {
            added: after.iter().filter(|item| find(before, item).is_none()).cloned().collect(),
            removed: before.iter().filter(|item| find(after, item).is_none()).cloned().collect(),
            changed: after.iter().filter(is_changed).cloned().collect(),
        }
    }
}

/// Keeps an eye on the addresses of this host, and tells when they are others than those `known`. Ends with the receiver.
///
/// Looks when the system tells of a change, if there is a `subscription`, else every `period`; and whenever it is told to look
/// `soon`.
pub(crate) async fn watch(
    mut known: Host,
    period: Duration,
    mut subscription: Option<Subscription>,
    soon: Arc<Notify>,
    notices: mpsc::Sender<Notice>,
) {
    let mut pause = SETTLING;
    let mut ready_checks = READY_CHECKS;
    loop {
        let idle = match &subscription {
            _ if ready_checks > 0 && !known.is_ready() => READY_CHECK.min(period),
            Some(_) => period.max(RARELY),
            None => period,
        };
        tokio::select! {
            () = sleep(idle) => ready_checks = ready_checks.saturating_sub(1),
            () = soon.notified() => sleep(pause).await,
            () = changed(&mut subscription) => sleep(pause).await,
            () = notices.closed() => return,
        }
        if let Some(subscription) = &subscription {
            subscription.forget();
        }
        let begun = now();
        let looked = spawn_blocking(Host::look).await;
        pause = pause_after(now().saturating_duration_since(begun));
        match looked {
            Ok(Ok(host)) if host != known => {
                known = host.clone();
                ready_checks = READY_CHECKS;
                if notices.send(Notice::Host(host)).await.is_err() {
                    return;
                }
            }
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the interfaces cannot be listed"),
            Err(error) => tracing::warn!(%error, "the interfaces cannot be listed"),
        }
    }
}

/// Waits until the system tells of a change; for ever, if it tells of none.
async fn changed(subscription: &mut Option<Subscription>) {
    let Some(told) = subscription else { return pending().await };
    if let Err(error) = told.changed().await {
        tracing::debug!(%error, "the system tells of changes of the network no longer");
        *subscription = None;
    }
}

/// How long we rest before we look again, when looking takes so long.
fn pause_after(look: Duration) -> Duration {
    look.saturating_mul(SHARE).clamp(SETTLING, LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::interfaces::HostAddress;

    proptest! {
        #[test]
        fn a_difference_makes_the_one_list_of_the_other(
            before in proptest::collection::hash_map(0..20u8, any::<bool>(), 0..10),
            after in proptest::collection::hash_map(0..20u8, any::<bool>(), 0..10),
        ) {
            let (before, after): (Vec<_>, Vec<_>) = (before.into_iter().collect(), after.into_iter().collect());
            let difference = Difference::new(&before, &after, |(key, _)| *key);
            // Nothing that stays as it is is touched.
            prop_assert!(difference.removed.iter().all(|item| before.contains(item) && !after.contains(item)));
            let told = || difference.added.iter().chain(&difference.changed);
            prop_assert!(told().all(|item| after.contains(item) && !before.contains(item)));
            let has = |list: &[(u8, bool)], key| list.iter().any(|(other, _)| *other == key);
            prop_assert!(difference.removed.iter().all(|(key, _)| !has(&after, *key)));
            prop_assert!(difference.added.iter().all(|(key, _)| !has(&before, *key)));
            prop_assert!(difference.changed.iter().all(|(key, _)| has(&before, *key)));
            let mut made = before;
            made.retain(|(key, _)| !has(&difference.removed, *key) && !has(&difference.changed, *key));
            made.extend(told());
            made.sort_unstable();
            let mut after = after;
            after.sort_unstable();
            prop_assert_eq!(made, after);
        }
    }

    const HOUR: Duration = Duration::from_secs(3_600);

    /// What is told, by and by, to one who knows of no address of this host.
    fn watched(period: Duration, soon: Arc<Notify>) -> (mpsc::Receiver<Notice>, tokio::task::JoinHandle<()>) {
        let (sender, changes) = mpsc::channel(1);
        (changes, tokio::spawn(watch(Host::default(), period, None, soon, sender)))
    }

    #[tokio::test]
    async fn what_has_changed_is_told() {
        let (mut changes, watching) = watched(Duration::from_millis(1), Arc::default());
        let Some(Notice::Host(host)) = changes.recv().await else { panic!("no host") };
        assert!(!host.addresses.is_empty());
        drop(changes);
        watching.await.unwrap();
    }

    #[tokio::test]
    async fn who_is_told_to_look_does_not_wait() {
        let soon = Arc::new(Notify::new());
        let (mut changes, _watching) = watched(HOUR, soon.clone());
        soon.notify_one();
        assert!(matches!(changes.recv().await, Some(Notice::Host(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_is_not_ready_is_looked_at_soon() {
        let tentative = HostAddress {
            ip: "2001:db8::1".parse().unwrap(),
            prefix: 64,
            index: 2,
            cost: 0,
            default_route: true,
            ready: false,
        };
        let known = Host { addresses: vec![tentative] };
        let (sender, mut changes) = mpsc::channel(1);
        let begun = tokio::time::Instant::now();
        tokio::spawn(watch(known, HOUR, None, Arc::default(), sender));
        assert!(matches!(changes.recv().await, Some(Notice::Host(_))));
        assert!(begun.elapsed() < HOUR);
    }

    #[test]
    fn who_takes_long_to_look_rests_longer() {
        let pause = |millis| pause_after(Duration::from_millis(millis)).as_millis();
        assert_eq!((pause(0), pause(5), pause(20), pause(60_000)), (100, 100, 400, 2_000));
    }
}
