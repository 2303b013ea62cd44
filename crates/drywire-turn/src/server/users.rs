//! Who may use the server, and how each is known.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use drywire_core::{Instant, WallClock};
use drywire_crypto::{HashAlgorithm, HmacKey, Provider};
use drywire_stun::attributes::{PasswordAlgorithm, UserHash};
use drywire_stun::{Credential, IntegrityKey, Message, User};

use crate::{TimeLimited, time_limited};

/// The password algorithms that are offered.
const ALGORITHMS: [PasswordAlgorithm; 2] = [PasswordAlgorithm::SHA256, PasswordAlgorithm::MD5];

/// A user and the key that follows from the password by one algorithm. It never changes.
#[derive(Clone, Debug)]
pub(super) struct Account(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    username: Box<str>,
    /// Where the name of the person begins, whom quotas count for.
    holder: usize,
    algorithm: PasswordAlgorithm,
    key: IntegrityKey,
}

impl Account {
    fn new(username: &str, holder: &str, algorithm: PasswordAlgorithm, key: IntegrityKey) -> Self {
        let holder = username.len().saturating_sub(holder.len());
        Self(Arc::new(Parts { username: username.into(), holder, algorithm, key }))
    }

    /// The user name of the requests.
    pub(super) fn username(&self) -> &str {
        &self.0.username
    }

    /// Whom quotas count for: the user name, without the time in front of it.
    pub(super) fn holder(&self) -> &str {
        self.0.username.get(self.0.holder..).unwrap_or_default()
    }
}

impl AsRef<IntegrityKey> for Account {
    fn as_ref(&self) -> &IntegrityKey {
        &self.0.key
    }
}

/// Those with passwords of their own, and those who share a secret.
pub(super) struct Users {
    provider: Arc<dyn Provider>,
    realm: Box<str>,
    /// The keys of a user, in the order of [`ALGORITHMS`].
    named: BTreeMap<Box<str>, [Option<Account>; 2]>,
    hashed: BTreeMap<[u8; 32], Box<str>>,
    /// Whether users may come by the hash of their names.
    anonymity: bool,
    secrets: Vec<Box<dyn HmacKey>>,
    wall_clock: Option<WallClock>,
}

impl Users {
    /// `realm` is prepared by the OpaqueString profile.
    pub(super) fn new(
        provider: Arc<dyn Provider>,
        realm: &str,
        anonymity: bool,
        time_limited: Option<&TimeLimited>,
    ) -> Self {
        let mut users = Self {
            provider,
            realm: realm.into(),
            named: BTreeMap::new(),
            hashed: BTreeMap::new(),
            anonymity,
            secrets: Vec::new(),
            wall_clock: time_limited.map(|limited| limited.wall_clock),
        };
        if let Some(limited) = time_limited {
            users.set_secrets(&limited.secrets);
        }
        users
    }

    /// Adds a user, in place of one with the same name.
    pub(super) fn add(&mut self, credential: &Credential) {
        let (provider, name) = (&*self.provider, credential.username());
        let accounts = ALGORITHMS.map(|algorithm| {
            let key = credential.key(provider, algorithm, &self.realm)?;
            Some(Account::new(name, name, algorithm, key))
        });
        if let Some(hash) = credential.user_hash(provider, &self.realm).filter(|_| self.anonymity) {
            self.hashed.insert(hash.0, name.into());
        }
        self.named.insert(name.into(), accounts);
    }

    /// Whether there was such a user.
    pub(super) fn remove(&mut self, name: &str) -> bool {
        if let Some(hash) = UserHash::new(&*self.provider, name, &self.realm).filter(|_| self.anonymity) {
            self.hashed.remove(&hash.0);
        }
        self.named.remove(name).is_some()
    }

    /// Whether time-limited credentials are taken at all.
    pub(super) const fn has_wall_clock(&self) -> bool {
        self.wall_clock.is_some()
    }

    pub(super) fn set_secrets(&mut self, secrets: &[String]) {
        let key = |secret: &String| self.provider.hmac_key(HashAlgorithm::Sha1, secret.as_bytes());
        // With an empty one anybody could make credentials.
        self.secrets = secrets.iter().filter(|secret| !secret.is_empty()).map(key).collect();
    }

    /// Whom a request says to come from. `known` is whose allocation it is about: that account goes on while there are
    /// allocations, even after the end of its credential.
    pub(super) fn find(
        &self,
        now: Instant,
        user: User<'_>,
        algorithm: PasswordAlgorithm,
        request: &Message<'_>,
        known: Option<&Account>,
    ) -> Option<Account> {
        let name = match user {
            User::Name(name) => name,
            User::Hash(hash) => self.hashed.get(&hash.0)?,
        };
        if let Some(accounts) = self.named.get(name) {
            let index = ALGORITHMS.iter().position(|offered| *offered == algorithm)?;
            return accounts.get(index)?.clone();
        }
        let is_known = |known: &&Account| known.username() == name && known.0.algorithm == algorithm;
        if let Some(known) = known.filter(is_known) {
            return Some(known.clone());
        }
        let (end, holder) = time_limited::parse(name)?;
        if end <= self.wall_clock?.since_1970(now) {
            return None;
        }
        let account = |secret: &dyn HmacKey| {
            let password = time_limited::password(secret, name);
            let key = IntegrityKey::long_term(&*self.provider, algorithm, name, &self.realm, &password)?;
            // The right one of several secrets is the one that the request was made with.
            request.check_integrity(&key).ok()?;
            Some(Account::new(name, holder, algorithm, key))
        };
        self.secrets.iter().find_map(|secret| account(&**secret))
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (named, secrets) = (self.named.len(), self.secrets.len());
        f.debug_struct("Users").field("named", &named).field("secrets", &secrets).finish_non_exhaustive()
    }
}
