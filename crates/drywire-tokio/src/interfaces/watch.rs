use std::sync::Arc;

use drywire::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::Host;
use crate::network::Notice;

/// Changes of a network come several at once; and whoever asks all the time is not to be answered all the time.
const SETTLING: Duration = Duration::from_millis(100);

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

/// Looks every `period`, and `soon` after it is told to, what addresses this host has, and tells when they are others than
/// those `known`. Ends with the receiver.
pub(crate) async fn watch(
    mut known: Host,
    period: Duration,
    soon: Arc<Notify>,
    changes: mpsc::Sender<Notice>,
) {
    loop {
        tokio::select! {
            () = sleep(period) => {}
            () = soon.notified() => sleep(SETTLING).await,
            () = changes.closed() => return,
        }
        match spawn_blocking(Host::look).await {
            Ok(Ok(host)) if host != known => {
                known = host.clone();
                if changes.send(Notice::Host(host)).await.is_err() {
                    return;
                }
            }
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the interfaces cannot be listed"),
            Err(error) => tracing::warn!(%error, "the interfaces cannot be listed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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

    /// What a host that has nothing but an address that this one has not is told, by and by.
    fn watched(period: Duration, soon: Arc<Notify>) -> (mpsc::Receiver<Notice>, tokio::task::JoinHandle<()>) {
        let (sender, changes) = mpsc::channel(1);
        (changes, tokio::spawn(watch(Host::default(), period, soon, sender)))
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
        let (mut changes, _watching) = watched(Duration::from_secs(3_600), soon.clone());
        soon.notify_one();
        assert!(matches!(changes.recv().await, Some(Notice::Host(_))));
    }
}
