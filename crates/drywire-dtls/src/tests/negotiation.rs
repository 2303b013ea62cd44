//! Any two configurations: either both ends are connected and agree on everything, or both know that they are not.

use std::net::SocketAddr;

use drywire_crypto::SignatureScheme;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::certificates::{p384, rsa};
use super::*;
use crate::{Authentication, Cookies, SrtpProfile, State};

/// Three certificates, of a kind each.
fn kinds() -> &'static [Arc<CertifiedKey>; 3] {
    static KINDS: OnceLock<[Arc<CertifiedKey>; 3]> = OnceLock::new();
    KINDS.get_or_init(|| [certificate(0), p384(), rsa()])
}

/// All of `all` in any order, or some of them.
fn some<T: Clone + std::fmt::Debug + 'static>(all: Vec<T>, least: usize) -> impl Strategy<Value = Vec<T>> {
    let len = all.len();
    prop_oneof![
        1 => Just(all.clone()).boxed(),
        1 => Just(all.clone()).prop_shuffle().boxed(),
        2 => subsequence(all, least..=len).prop_shuffle().boxed(),
    ]
}

fn any_config() -> impl Strategy<Value = Config> {
    use Version::{Dtls12, Dtls13};
    let versions = select(vec![(Dtls12, Dtls13), (Dtls12, Dtls13), (Dtls12, Dtls12), (Dtls13, Dtls13)]);
    let shown = prop_oneof![
        2 => Just(vec![0]),
        3 => some(vec![0, 1, 2], 1),
        1 => some(vec![0, 1, 2], 0),
    ];
    let names: Vec<_> = ["webrtc", "c-webrtc", "x"].iter().map(|name| name.as_bytes().to_vec()).collect();
    let profiles = vec![
        SrtpProfile::AeadAes128Gcm,
        SrtpProfile::AeadAes256Gcm,
        SrtpProfile::Aes128CmSha1_80,
        SrtpProfile::Aes128CmSha1_32,
    ];
    let first = (
        versions,
        some(CipherSuite::ALL.to_vec(), 1),
        some(GROUPS.to_vec(), 1),
        shown,
        prop_oneof![2 => Just(SignatureScheme::ALL.to_vec()), 1 => some(SignatureScheme::ALL.to_vec(), 0)],
        prop_oneof![
            3 => Just(Authentication::Mutual),
            1 => Just(Authentication::ClientOptional),
            1 => Just(Authentication::ServerOnly),
        ],
    );
    let second = (
        prop_oneof![2 => Just(Vec::new()), 1 => some(names, 0)],
        some(profiles, 0),
        prop::option::weighted(0.4, 0_u8..40),
        prop::option::weighted(0.3, prop_oneof![0_u16..200, Just(64_u16), 200..u16::MAX]),
        200_usize..2000,
        any::<bool>(),
    );
    (first, second).prop_map(|(first, second)| {
        let mut config = config(0);
        let (versions, suites, groups, certificates, schemes, authentication) = first;
        (config.min_version, config.max_version) = versions;
        config.cipher_suites = suites;
        config.groups = groups;
        config.certificates = certificates.into_iter().map(|at: usize| Arc::clone(&kinds()[at])).collect();
        config.signature_schemes = schemes;
        config.authentication = authentication;
        let (alpn, profiles, id, limit, mtu, asks) = second;
        config.alpn = alpn;
        config.srtp_profiles = profiles;
        config.connection_id = id;
        config.record_size_limit = limit;
        config.mtu = mtu;
        config.cookies = asks.then(|| Cookies::new(&*provider(), start()).unwrap());
        config
    })
}

/// What the application does with the fingerprints of the peer.
#[derive(Clone, Copy, Debug)]
enum Trust {
    Early,
    Late,
    Wrong,
}

fn trust() -> impl Strategy<Value = Trust> {
    prop_oneof![4 => Just(Trust::Early), 2 => Just(Trust::Late), 1 => Just(Trust::Wrong)]
}

fn announce(pair: &mut Pair, end: usize, trust: Trust) {
    let fingerprints = match trust {
        Trust::Early | Trust::Late => kinds().iter().map(|one| one.fingerprint(&*provider())).collect(),
        Trust::Wrong => vec![certificate(2).fingerprint(&*provider())],
    };
    pair.ends[end].set_remote_fingerprints(pair.now, fingerprints);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn both_or_none(
        client in any_config(),
        server in any_config(),
        seed in any::<u64>(),
        bad in any::<bool>(),
        short in prop::bool::weighted(0.2),
        trusts in (trust(), trust()),
    ) {
        let link = if bad { Link { loss: 15, duplicate: 15, jitter: 60 } } else { Link::default() };
        let mut pair = Pair::strangers(client, server, seed, link);
        if short {
            pair.longest = 600;
        }
        pair.ends[SERVER].set_peer_address(SocketAddr::from(([192, 0, 2, 1], 4000)));
        let trusts = [trusts.0, trusts.1];
        for end in [CLIENT, SERVER] {
            if !matches!(trusts[end], Trust::Late) {
                announce(&mut pair, end, trusts[end]);
            }
        }
        let decided = |state: State| matches!(state, State::Connected | State::Closed | State::Failed);
        for _ in 0..20_000 {
            for end in [CLIENT, SERVER] {
                if matches!(trusts[end], Trust::Late) && pair.events[end].last() == Some(&Event::Held) {
                    announce(&mut pair, end, Trust::Late);
                }
            }
            // Somebody who is connected has something to say: so it finds out whether the other one is, too.
            if pair.ends.iter().all(|end| decided(end.state())) && !pair.both_connected() {
                for end in [CLIENT, SERVER] {
                    if pair.ends[end].is_connected() {
                        let record = pair.write(end, b"?");
                        pair.carry(end, &record);
                        pair.now += Duration::from_millis(300);
                    }
                }
            }
            let settled = pair.ends.iter().all(|end| decided(end.state()));
            let states = pair.ends.each_ref().map(Connection::state);
            if settled && (pair.both_connected() || !states.contains(&State::Connected)) {
                break;
            }
            if !pair.step() && !states.contains(&State::Connected) {
                break;
            }
        }
        pair.drain();
        let states = pair.ends.each_ref().map(Connection::state);
        if pair.both_connected() {
            let [client, server] = &pair.ends;
            let (ours, theirs) = (client.info().unwrap(), server.info().unwrap());
            prop_assert_eq!(ours.version, theirs.version);
            prop_assert_eq!(ours.cipher_suite, theirs.cipher_suite);
            prop_assert_eq!(ours.group, theirs.group);
            prop_assert_eq!(ours.srtp_profile, theirs.srtp_profile);
            prop_assert_eq!(&ours.alpn, &theirs.alpn);
            for end in [CLIENT, SERVER] {
                let written = pair.ends[1 - end].remote_connection_id();
                prop_assert_eq!(pair.ends[end].local_connection_ids().next(), written);
                let anonymous = pair.ends[end].peer_certificate().is_none();
                prop_assert!(!matches!(trusts[end], Trust::Wrong) || anonymous);
                prop_assert!(!anonymous || end == SERVER);
            }
            pair.settle();
            pair.longest = usize::MAX;
            pair.check_short();
        } else {
            // A server that was not reached has nothing to tell.
            let fair = |state: State| matches!(state, State::Failed | State::Closed);
            prop_assert!(fair(states[CLIENT]), "{:?} {:?}", states, pair.events);
            prop_assert!(fair(states[SERVER]) || states[SERVER] == State::New, "{:?} {:?}", states, pair.events);
            for end in [CLIENT, SERVER] {
                prop_assert!(pair.ends[end].info().is_none() && pair.ends[end].srtp_keying_material().is_none());
                let closed = pair.events[end].iter().filter(|event| matches!(event, Event::Closed { .. })).count();
                prop_assert_eq!(closed, usize::from(states[end] != State::New));
            }
        }
    }
}
