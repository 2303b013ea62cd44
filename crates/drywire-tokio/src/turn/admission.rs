//! How many connections there may be, in all and from one address.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug)]
pub(super) struct Admission {
    max: usize,
    max_per_address: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    count: usize,
    by_address: BTreeMap<IpAddr, usize>,
    refused: u64,
}

impl Admission {
    pub(super) fn new(max: usize, max_per_address: usize) -> Arc<Self> {
        Arc::new(Self { max, max_per_address, state: Mutex::default() })
    }

    /// A place for one connection, which lasts as long as the value; `None` when there is none.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Admitted> {
        let mut state = self.lock();
        let of_address = state.by_address.get(&address).copied().unwrap_or(0);
        if state.count >= self.max || of_address >= self.max_per_address {
            state.refused += 1;
            return None;
        }
        state.count += 1;
        state.by_address.insert(address, of_address + 1);
        Some(Admitted { address, admission: Arc::clone(self) })
    }

    /// How many were refused.
    pub(super) fn refused(&self) -> u64 {
        self.lock().refused
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection that was admitted.
#[derive(Debug)]
pub(super) struct Admitted {
    address: IpAddr,
    admission: Arc<Admission>,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut state = self.admission.lock();
        state.count = state.count.saturating_sub(1);
        match state.by_address.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => _ = state.by_address.remove(&self.address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back() {
        let admission = Admission::new(3, 2);
        let (one, two) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let held = [admission.admit(one), admission.admit(one)];
        assert!(held.iter().all(Option::is_some) && admission.admit(one).is_none());
        let other = admission.admit(two);
        assert!(other.is_some() && admission.admit(two).is_none());
        drop(held);
        assert!(admission.admit(one).is_some());
        drop(other);
        let state = admission.lock();
        assert_eq!((state.refused, state.count, state.by_address.len()), (2, 0, 0));
    }
}
