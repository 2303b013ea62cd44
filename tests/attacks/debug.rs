//! What is shown to those who log what they have in hand.

use std::fmt::Debug;

use drywire::crypto::{NamedGroup, Secret};
use drywire::{dtls, ice};
use drywire_srtp::{Inbound, Outbound, Profile};

use crate::harness::{CONFIG, Manner, Peer, open};

/// Attack C21: neither as text nor as a list of numbers nor in hexadecimal.
fn assert_hidden(shown: &dyn Debug, secret: &[u8]) {
    for shown in [format!("{shown:?}"), format!("{shown:#?}").split_whitespace().collect()] {
        for part in secret.windows(6).step_by(6) {
            let list = format!("{part:?}");
            let hex: String = part.iter().map(|byte| format!("{byte:02x}")).collect();
            for form in [
                list.trim_matches(['[', ']']).to_owned(),
                list.trim_matches(['[', ']']).replace(' ', ""),
                hex,
                part.escape_ascii().to_string(),
            ] {
                assert!(!shown.to_lowercase().contains(&form.to_lowercase()), "{form} in {shown}");
            }
        }
    }
}

#[test]
fn c21_nothing_that_can_be_shown_shows_secrets() {
    let now = drywire_sim::origin();
    let (provider, seed) = (&CONFIG.provider, [0xE7; 32]);

    let mut peer = Peer::new(&CONFIG, Manner::Keep, 1, seed, now);
    open(&mut peer, now, "data", true);
    let offer = peer.connection.create_offer(now).expect("an offer");
    let text = offer.to_string();
    let pwd = text.lines().find_map(|line| line.strip_prefix("a=ice-pwd:")).expect("a password");
    assert_hidden(&offer, pwd.as_bytes());

    let key = CONFIG.dtls.certificates[0].key().to_pkcs8().expect("a key of ours");
    // Its end is public: it is that of the certificate, too. The secret number begins at the 36th byte (RFC 5915).
    let private = &key[36..68];
    assert_hidden(&**CONFIG, private);
    assert_hidden(&CONFIG.dtls, private);
    assert_hidden(&CONFIG.dtls.certificates[0], private);

    let agent = ice::Agent::new(CONFIG.ice.clone(), now, seed);
    let credentials = agent.local_credentials();
    assert_hidden(credentials, credentials.pwd().as_bytes());
    assert_hidden(&agent, credentials.pwd().as_bytes());
    assert_hidden(&agent, &seed);

    let dtls = dtls::Connection::new(CONFIG.dtls.clone(), dtls::Role::Client, now, seed);
    assert_hidden(&dtls, &seed);
    let association = drywire_sctp::Association::new(drywire_sctp::Config::default(), now, seed);
    assert_hidden(&association, &seed);

    let mut share = Vec::new();
    let pending = provider.start_key_exchange(NamedGroup::X25519).expect("a share");
    let secret =
        provider.answer_key_exchange(NamedGroup::X25519, pending.share(), &mut share).expect("a secret");
    assert_hidden(&secret, secret.as_bytes());
    assert_hidden(&Secret::new(&[&seed]).expect("short enough"), &seed);

    for profile in Profile::ALL {
        let (key, salt) = (&seed[..profile.key_len()], &seed[..profile.salt_len()]);
        assert_hidden(&Outbound::new(&**provider, profile, key, salt).expect("keys"), &seed);
        assert_hidden(&Inbound::new(&**provider, profile, key, salt).expect("keys"), &seed);
    }
}
