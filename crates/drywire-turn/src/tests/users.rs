use drywire_core::{Duration, Instant, WallClock};
use drywire_sim::origin;
use drywire_stun::attributes::{
    Lifetime, PasswordAlgorithm, PasswordAlgorithms, RequestedTransport, UserHash, Username,
};
use drywire_stun::{Credential, Message, MessageBuilder, Method};

use super::world::*;
use crate::TimeLimited;
use crate::server::{Config, Event, Server};

/// What the clock on the wall shows at the beginning.
const START: Duration = Duration::from_secs(1_800_000_000);

fn transport(request: &mut MessageBuilder<'_>) {
    request.attribute(&RequestedTransport::UDP);
}

fn time_limited(now: Instant, secrets: &[&str]) -> Config {
    let mut config = server_config();
    let secrets = secrets.iter().map(|secret| (*secret).to_owned()).collect();
    config.time_limited = Some(TimeLimited { secrets, wall_clock: WallClock::new(now, START) });
    config
}

/// A client with a credential that somebody made with a secret, good for so many seconds from the beginning.
fn guest(secret: &str, name: &str, seconds: u64, port: u16) -> Raw {
    let provider = drywire_crypto_aws_lc::provider();
    let end = START + Duration::from_secs(seconds);
    let (username, password) = TimeLimited::credential(&*provider, secret, name, end);
    Raw::with(Credential::new(&username, &password).unwrap(), port)
}

fn allocate(raw: &mut Raw, server: &mut Server, now: Instant) -> Option<u16> {
    raw.ask(server, now, Method::ALLOCATE, transport).code
}

#[test]
fn the_better_algorithm_is_used() {
    let now = origin();
    let mut server = Server::new(server_config(), now, [1; 32]).unwrap();
    let mut alice = Raw::new("alice", 4000);
    assert_eq!(allocate(&mut alice, &mut server, now), None);
    assert_eq!(alice.auth.password_algorithm(), Some(PasswordAlgorithm::SHA256));
    let request = Message::parse(&alice.last).unwrap();
    assert_eq!(request.integrity(), Some(drywire_stun::IntegrityAlgorithm::Sha256));
    assert_eq!(request.attribute(), Some(PasswordAlgorithms::ALL));
    assert_eq!(request.username(), Some("alice"));
}

#[test]
fn names_hide_behind_hashes() {
    let now = origin();
    let mut config = server_config();
    config.username_anonymity = true;
    let mut server = Server::new(config, now, [1; 32]).unwrap();
    let mut alice = Raw::new("alice", 4000);
    assert_eq!(allocate(&mut alice, &mut server, now), None);
    let request = Message::parse(&alice.last).unwrap();
    assert!(request.attribute::<UserHash>().is_some() && request.attribute::<Username<'_>>().is_none());
    server.add_user(&credential("carol"));
    assert_eq!(allocate(&mut Raw::new("carol", 4001), &mut server, now), None);
    assert!(server.remove_user(now, "carol"));
    assert_eq!(allocate(&mut Raw::new("carol", 4002), &mut server, now), Some(401));
    // Names that are not known beforehand cannot be found by their hash: clients are not asked for it.
    let mut config = time_limited(now, &["north"]);
    config.username_anonymity = true;
    let mut server = Server::new(config, now, [1; 32]).unwrap();
    assert_eq!(allocate(&mut guest("north", "dave", 60, 4000), &mut server, now), None);
}

#[test]
fn users_come_and_go() {
    let now = origin();
    let mut server = Server::new(server_config(), now, [1; 32]).unwrap();
    let mut carol = Raw::new("carol", 4000);
    assert_eq!(allocate(&mut carol, &mut server, now), Some(401));
    server.add_user(&credential("carol"));
    let mut carol = Raw::new("carol", 4000);
    assert_eq!(allocate(&mut carol, &mut server, now), None);
    let mut alice = Raw::new("alice", 4001);
    let relayed = alice.allocate(&mut server, now);
    assert!(server.remove_user(now, "alice"));
    assert!(!server.remove_user(now, "alice"));
    assert_eq!(
        server.poll_event(),
        Some(Event::RelayReleased { relayed, transport: drywire_core::Protocol::Udp })
    );
    assert_eq!((server.poll_event(), server.allocations()), (None, 1));
    assert_eq!(alice.ask(&mut server, now, Method::REFRESH, |_| {}).code, Some(401));
    // Another password takes the place of the one before.
    server.add_user(&Credential::new("carol", "another").unwrap());
    assert_eq!(carol.ask(&mut server, now, Method::REFRESH, |_| {}).code, Some(401));
}

#[test]
fn credentials_end_at_their_time() {
    let now = origin();
    let mut server = Server::new(time_limited(now, &["north", "south"]), now, [1; 32]).unwrap();
    // Both secrets are taken, others are not; with a name and without.
    assert_eq!(allocate(&mut guest("north", "alice", 60, 4000), &mut server, now), None);
    assert_eq!(allocate(&mut guest("south", "", 60, 4001), &mut server, now), None);
    assert_eq!(allocate(&mut guest("west", "alice", 60, 4002), &mut server, now), Some(401));
    // Whoever has a password of their own has it still, and their name is not a guest's.
    assert_eq!(allocate(&mut Raw::new("alice", 4003), &mut server, now), None);
    let second = Duration::from_secs(1);
    let mut dave = guest("north", "dave", 60, 4004);
    assert_eq!(allocate(&mut dave, &mut server, now + 59 * second), None);
    let at_the_end = now + 60 * second;
    assert_eq!(allocate(&mut guest("north", "dave", 60, 4005), &mut server, at_the_end), Some(401));
    // What there is goes on, for who has it.
    assert_eq!(dave.ask(&mut server, at_the_end, Method::REFRESH, |_| {}).code, None);
    assert_eq!(
        guest("north", "dave", 60, 4006).ask(&mut server, at_the_end, Method::REFRESH, |_| {}).code,
        Some(401)
    );
    let mut other = guest("north", "eve", 600, 4004);
    assert_eq!(other.ask(&mut server, at_the_end, Method::REFRESH, |_| {}).code, Some(441));
    let delete = |request: &mut MessageBuilder<'_>| {
        request.attribute(&Lifetime(0));
    };
    assert_eq!(dave.ask(&mut server, at_the_end, Method::REFRESH, delete).code, None);
    assert_eq!(dave.ask(&mut server, at_the_end, Method::REFRESH, delete).code, Some(401));
}

#[test]
fn secrets_change_while_running() {
    let now = origin();
    let mut server = Server::new(time_limited(now, &["north"]), now, [1; 32]).unwrap();
    let mut before = guest("north", "alice", 600, 4000);
    assert_eq!(allocate(&mut before, &mut server, now), None);
    server.set_secrets(&["south".to_owned()]).unwrap();
    assert_eq!(allocate(&mut guest("north", "alice", 600, 4001), &mut server, now), Some(401));
    assert_eq!(allocate(&mut guest("south", "alice", 600, 4002), &mut server, now), None);
    assert_eq!(before.ask(&mut server, now, Method::REFRESH, |_| {}).code, None);
    // An empty secret is nobody's.
    server.set_secrets(&[String::new()]).unwrap();
    assert_eq!(allocate(&mut guest("", "alice", 600, 4005), &mut server, now), Some(401));
    let error = Server::new(time_limited(now, &["north", ""]), now, [1; 32]).map(drop).unwrap_err();
    assert_eq!(error, crate::ConfigError::EmptySecret);
    // A server that knows no time of day cannot.
    let mut server = Server::new(server_config(), now, [1; 32]).unwrap();
    assert!(server.set_secrets(&["south".to_owned()]).is_err());
    assert_eq!(allocate(&mut guest("south", "alice", 600, 4003), &mut server, now), Some(401));
}

#[test]
fn quotas_are_of_persons_not_of_credentials() {
    let now = origin();
    let mut config = time_limited(now, &["north"]);
    config.max_allocations_per_user = 2;
    let mut server = Server::new(config, now, [1; 32]).unwrap();
    let mut codes = Vec::new();
    for (index, seconds) in [60, 61, 62].into_iter().enumerate() {
        let port = 4000 + u16::try_from(index).unwrap();
        codes.push(allocate(&mut guest("north", "dave", seconds, port), &mut server, now));
    }
    assert_eq!(codes, [None, None, Some(486)]);
    assert_eq!(allocate(&mut guest("north", "erin", 60, 5000), &mut server, now), None);
}

#[test]
fn a_realm_that_cannot_be_hashed_is_refused() {
    let mut config = server_config();
    config.realm = String::new();
    let error = Server::new(config, origin(), [1; 32]).map(drop).unwrap_err();
    assert_eq!(error.to_string(), "the realm of the TURN server: the string is empty");
}
