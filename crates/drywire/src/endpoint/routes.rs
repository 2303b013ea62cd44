use std::collections::HashMap;

use drywire_core::{Path, Protocol};
use drywire_stun::{Class, Message};

use super::PeerId;

/// The most paths remembered for one peer connection: ICE makes at most 100 candidate pairs (RFC 8445,
/// section 6.1.2.5).
const MAX_PATHS_PER_PEER: usize = 128;

/// Which peer connection a datagram belongs to.
#[derive(Default)]
pub(super) struct Routes {
    by_path: HashMap<Path, PeerId>,
    by_ufrag: HashMap<String, PeerId>,
}

/// The routes that lead to one peer connection; its slot holds them.
#[derive(Default)]
pub(super) struct PeerRoutes {
    paths: Vec<Path>,
    /// The latest last, and the one of before an ICE restart.
    ufrags: Vec<String>,
    /// The path noted last: what is noted again and again costs one comparison.
    latest: Option<Path>,
}

impl PeerRoutes {
    pub(super) fn is_latest(&self, path: Path) -> bool {
        self.latest == Some(path)
    }

    /// The TCP connections among the paths.
    pub(super) fn connections(&self) -> impl Iterator<Item = Path> {
        self.paths.iter().copied().filter(|path| path.protocol == Protocol::Tcp)
    }

    pub(super) fn knows_ufrag(&self, ufrag: &str) -> bool {
        self.ufrags.last().is_some_and(|last| last == ufrag)
    }
}

impl Routes {
    /// The peer connection that a datagram belongs to.
    ///
    /// A STUN request goes by the first half of its user name, which is our fragment (RFC 8445, section 7.2.2): only
    /// so a browser that comes back from a port that it used before reaches its new connection. All else goes by path.
    pub(super) fn find(&self, path: Path, datagram: &[u8]) -> Option<PeerId> {
        if drywire_stun::is_stun(datagram)
            && let Ok(message) = Message::parse(datagram)
            && message.class() == Class::Request
        {
            let (ufrag, _) = message.username()?.split_once(':')?;
            return self.by_ufrag.get(ufrag).copied();
        }
        self.owner(path)
    }

    pub(super) fn owner(&self, path: Path) -> Option<PeerId> {
        self.by_path.get(&path).copied()
    }

    /// Notes the credentials that are signalled now. Those of before stay good: the ones `in_use`, if a restart is under way,
    /// however often it is begun anew; else the ones that were signalled last.
    pub(super) fn add_ufrag(&mut self, id: PeerId, peer: &mut PeerRoutes, ufrag: &str, in_use: Option<&str>) {
        let kept = in_use.map(str::to_owned).or_else(|| peer.ufrags.last().cloned());
        for known in peer.ufrags.drain(..) {
            if Some(&known) != kept.as_ref() {
                self.by_ufrag.remove(&known);
            }
        }
        peer.ufrags.extend(kept.filter(|kept| kept != ufrag));
        peer.ufrags.push(ufrag.to_owned());
        self.by_ufrag.insert(ufrag.to_owned(), id);
    }

    /// Notes that `path` leads to the peer connection `id`.
    pub(super) fn add_path(&mut self, id: PeerId, peer: &mut PeerRoutes, path: Path) {
        peer.latest = Some(path);
        if self.by_path.insert(path, id) == Some(id) {
            return;
        }
        if peer.paths.len() >= MAX_PATHS_PER_PEER {
            let oldest = peer.paths.remove(0);
            self.remove_path(id, oldest);
        }
        peer.paths.push(path);
    }

    pub(super) fn remove_peer(&mut self, id: PeerId, peer: &PeerRoutes) {
        for path in &peer.paths {
            self.remove_path(id, *path);
        }
        for ufrag in &peer.ufrags {
            self.by_ufrag.remove(ufrag);
        }
    }

    /// Notes that the peer connection that `path` led to has lost it to another one. When it sends along the path again, it is
    /// noted anew.
    pub(super) fn lose_path(peer: &mut PeerRoutes, path: Path) {
        peer.latest = peer.latest.filter(|latest| *latest != path);
        peer.paths.retain(|known| *known != path);
    }

    /// Forgets a path, unless it leads to another peer connection by now.
    fn remove_path(&mut self, id: PeerId, path: Path) {
        if self.owner(path) == Some(id) {
            self.by_path.remove(&path);
        }
    }
}
