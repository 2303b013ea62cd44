//! Attack C16: nothing is spent on a client that has not shown that it receives what is sent to its address.

use std::net::SocketAddr;

use super::*;
use crate::{CloseReason, Cookies, State};

fn address(at: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 7], at))
}

fn cookies() -> Cookies {
    Cookies::new(&*provider(), start()).unwrap()
}

fn asking(cookies: &Cookies) -> Config {
    let mut server = config(1);
    server.cookies = Some(cookies.clone());
    server
}

/// All that an end has to say.
fn said(end: &mut Connection, now: Instant) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let mut out = Vec::new();
    while end.poll_transmit(now, &mut out).is_some() {
        all.push(std::mem::take(&mut out));
    }
    all
}

/// A fresh end, as if there had never been another one.
fn server(cookies: &Cookies, at: u16) -> Connection {
    let mut server = Connection::new(Arc::new(asking(cookies)), Role::Server, start(), [9; 32]);
    server.set_peer_address(address(at));
    server.set_remote_fingerprints(start(), vec![certificate(0).fingerprint(&*provider())]);
    server
}

fn client(version: Version, groups: &[NamedGroup]) -> Connection {
    let mut config = only(config(0), version);
    config.groups = groups.to_vec();
    let mut client = Connection::new(Arc::new(config), Role::Client, start(), [8; 32]);
    client.set_remote_fingerprints(start(), vec![certificate(1).fingerprint(&*provider())]);
    client
}

fn give(end: &mut Connection, now: Instant, datagrams: &[Vec<u8>]) {
    for datagram in datagrams {
        end.handle_input(now, BytesMut::from(&datagram[..]));
    }
}

/// With the version, the groups of the client, and whether the server has to ask for another share, too.
fn cases() -> Vec<(Version, Vec<NamedGroup>)> {
    vec![
        (Version::Dtls12, vec![NamedGroup::X25519, NamedGroup::Secp256r1]),
        (Version::Dtls13, vec![NamedGroup::X25519, NamedGroup::Secp256r1]),
        (Version::Dtls13, vec![NamedGroup::X25519MlKem768, NamedGroup::X25519]),
        // The server does not know the group of the share.
        (Version::Dtls13, vec![NamedGroup::Secp384r1, NamedGroup::X25519]),
    ]
}

#[test]
fn c16_a_server_that_forgets_its_clients_connects_them() {
    let cookies = cookies();
    for (version, groups) in cases() {
        let now = start();
        let mut client = client(version, &groups);
        let hello = said(&mut client, now);
        let mut first = server(&cookies, 1);
        give(&mut first, now, &hello);
        let request = said(&mut first, now);
        assert_eq!((first.state(), first.poll_timeout()), (State::New, None));
        assert_eq!(request.len(), 1);
        // The first one is dropped; another one takes over.
        drop(first);
        give(&mut client, now, &request);
        let mut second = server(&cookies, 1);
        for _ in 0..6 {
            let datagrams = said(&mut client, now);
            give(&mut second, now, &datagrams);
            let datagrams = said(&mut second, now);
            give(&mut client, now, &datagrams);
        }
        assert!(client.is_connected() && second.is_connected(), "{version} {groups:?} {client:?} {second:?}");
        let (mut ours, mut theirs) = ([1; 40], [2; 40]);
        client.export_keying_material("EXPERIMENTAL", None, &mut ours).unwrap();
        second.export_keying_material("EXPERIMENTAL", None, &mut theirs).unwrap();
        assert_eq!(ours, theirs);
    }
}

#[test]
fn c16_cookies_over_a_bad_link() {
    for (at, (version, groups)) in cases().into_iter().cycle().take(60).enumerate() {
        let mut client = only(config(0), version);
        client.groups = groups;
        let mut server = asking(&cookies());
        (client.handshake_timeout, server.handshake_timeout) = (None, None);
        let link = Link { loss: 20, duplicate: 20, jitter: 60 };
        let mut pair = Pair::new(client, server, u64::try_from(at).unwrap(), link);
        pair.ends[SERVER].set_peer_address(address(1));
        pair.connect();
        pair.check();
    }
}

#[test]
fn c16_spoofed_hellos_bring_out_at_most_what_came_in() {
    let cookies = cookies();
    for (version, groups) in cases() {
        let now = start();
        let hello = said(&mut client(version, &groups), now);
        let (mut bytes_in, mut bytes_out) = (0, 0);
        let mut end = server(&cookies, 1);
        for _ in 0..1000 {
            for datagram in &hello {
                bytes_in += datagram.len();
                give(&mut end, now, std::slice::from_ref(datagram));
                bytes_out += said(&mut end, now).concat().len();
                assert!(bytes_out <= 3 * bytes_in);
            }
            assert_eq!((end.state(), end.poll_timeout()), (State::New, None));
        }
        assert!(bytes_out > 0 && bytes_out <= bytes_in, "{version} {bytes_out} {bytes_in}");
        // Nobody waits for more, and nothing is sent again.
        end.handle_timeout(now + Duration::from_secs(1000));
        assert!(said(&mut end, now + Duration::from_secs(1000)).is_empty());
        assert!(end.poll_event().is_none());
    }
}

#[test]
fn c16_a_cookie_is_worth_something_at_its_address_and_in_its_time_only() {
    let cookies = cookies().with_period(Duration::from_secs(60));
    let stranger = self::cookies();
    for (version, groups) in cases() {
        // Seconds until the second ClientHello, its address, whose cookies, and whether it is accepted.
        for (seconds, at, same, accepted) in [
            (0, 1, true, true),
            (59, 1, true, true),
            (119, 1, true, true),
            (120, 1, true, false),
            (6000, 1, true, false),
            (0, 2, true, false),
            (0, 1, false, false),
        ] {
            let now = start();
            let mut client = client(version, &groups);
            let hello = said(&mut client, now);
            let mut first = server(&cookies, 1);
            give(&mut first, now, &hello);
            give(&mut client, now, &said(&mut first, now));
            let later = now + Duration::from_secs(seconds);
            let mut second = server(if same { &cookies } else { &stranger }, at);
            give(&mut second, later, &said(&mut client, now));
            let state = if accepted { State::Connecting } else { State::New };
            assert_eq!(second.state(), state, "{version} {groups:?} {seconds} {at} {same}");
            if !accepted && version == Version::Dtls13 {
                // Told so, the client can begin again (RFC 9147, section 5.1).
                give(&mut client, later, &said(&mut second, later));
                assert!(matches!(
                    client.poll_event(),
                    Some(Event::Closed { reason: CloseReason::PeerAlert(_) })
                ));
                assert!(second.poll_event().is_none());
            }
        }
    }
}

#[test]
fn c16_changed_cookies_are_worth_nothing() {
    let cookies = cookies();
    for (version, groups) in cases() {
        let now = start();
        let mut client = client(version, &groups);
        let hello = said(&mut client, now);
        let mut first = server(&cookies, 1);
        give(&mut first, now, &hello);
        let request = said(&mut first, now).concat();
        give(&mut client, now, std::slice::from_ref(&request));
        let second = said(&mut client, now);
        // The last 32 bytes of the request are the code. It stands somewhere in the second ClientHello.
        let code = &request[request.len() - 32..];
        let found = second.iter().position(|one| one.windows(32).any(|window| window == code));
        let Some(at) = found else { continue };
        let place = second[at].windows(32).position(|window| window == code).unwrap();
        for byte in 0..32 {
            let mut changed = second.clone();
            changed[at][place + byte] ^= 1;
            let mut end = server(&cookies, 1);
            give(&mut end, now, &changed);
            assert_eq!(end.state(), State::New);
        }
    }
}

#[test]
fn c16_junk_and_hellos_without_an_address_bring_out_nothing() {
    let cookies = cookies();
    let now = start();
    let hello = said(&mut client(Version::Dtls12, &[NamedGroup::X25519, NamedGroup::Secp256r1]), now);
    let mut end = Connection::new(Arc::new(asking(&cookies)), Role::Server, now, [9; 32]);
    give(&mut end, now, &hello);
    assert!(said(&mut end, now).is_empty());
    let mut end = server(&cookies, 1);
    for cut in 1..hello[0].len() {
        let mut junk = hello[0].clone();
        junk.truncate(cut);
        give(&mut end, now, &[junk]);
        let mut junk = hello[0].clone();
        junk[cut] ^= 0x55;
        give(&mut end, now, &[junk]);
        assert!(said(&mut end, now).concat().len() <= hello[0].len());
        assert_eq!(end.state(), State::New);
    }
}
