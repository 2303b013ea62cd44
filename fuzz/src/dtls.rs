//! DTLS: a handshake message in any state of the part that is not protected, and arbitrary datagrams to both roles.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use drywire_crypto::{CertificateOptions, CertifiedKey};
use drywire_dtls::{Config, Connection, Event, Role, State, Version};

/// The most that a connection may write for one input: twice the longest flight.
const MAX_OUTPUT: usize = 16 * 1024;

fn config(version: Option<Version>) -> Arc<Config> {
    static CERTIFICATE: OnceLock<Arc<CertifiedKey>> = OnceLock::new();
    let provider = drywire_crypto_aws_lc::provider();
    let certificate = CERTIFICATE.get_or_init(|| {
        let options = CertificateOptions::new(Duration::from_secs(1_750_000_000));
        Arc::new(CertifiedKey::self_signed(&*provider, &options).expect("a key and a name"))
    });
    let mut config = Config::new(Arc::clone(&provider), Arc::clone(certificate));
    if let Some(version) = version {
        (config.min_version, config.max_version) = (version, version);
    }
    Arc::new(config)
}

fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}

/// Takes all output; what the connection must keep, it keeps.
fn drain(connection: &mut Connection, now: Instant) -> Vec<Vec<u8>> {
    let mut datagrams = Vec::new();
    let mut total = 0;
    let mut out = Vec::new();
    while let Some(len) = connection.poll_transmit(now, &mut out) {
        assert_eq!(len, out.len());
        total += len;
        assert!(total <= MAX_OUTPUT, "{total} bytes at once");
        datagrams.push(std::mem::take(&mut out));
    }
    while let Some(event) = connection.poll_event() {
        // Nobody here was told the right fingerprint.
        assert!(matches!(event, Event::Held | Event::Closed { .. }), "{event:?}");
    }
    assert!(!connection.is_connected() && connection.info().is_none());
    datagrams
}

/// Feeds datagrams (each with its length in one byte, in units of 8 bytes, before it) to one end.
fn feed(role: Role, data: &[u8]) {
    let mut now = start();
    let mut connection = Connection::new(config(None), role, now, [1; 32]);
    drain(&mut connection, now);
    let mut rest = data;
    for _ in 0..64 {
        let Some((&len, tail)) = rest.split_first() else {
            break;
        };
        let (datagram, tail) = tail.split_at(tail.len().min(8 * usize::from(len)));
        rest = tail;
        connection.handle_input(now, BytesMut::from(datagram));
        drain(&mut connection, now);
        now += Duration::from_millis(300);
        if connection.poll_timeout().is_some_and(|at| at <= now) {
            connection.handle_timeout(now);
            assert!(connection.poll_timeout().is_none_or(|at| at > now));
        }
        drain(&mut connection, now);
    }
}

/// Arbitrary datagrams to a client.
pub fn dtls_client(data: &[u8]) {
    feed(Role::Client, data);
}

/// Arbitrary datagrams to a server.
pub fn dtls_server(data: &[u8]) {
    feed(Role::Server, data);
}

/// A handshake in which, at a place of the fuzzer's choice, its own message takes the place of an honest one: the first
/// byte chooses the version, the end and the place, the second the type of the message; the rest is the body.
pub fn dtls_handshake_message(data: &[u8]) {
    let [choice, kind, body @ ..] = data else {
        return;
    };
    let version = if choice & 1 == 0 { Version::Dtls12 } else { Version::Dtls13 };
    let (victim, place) = (usize::from(choice >> 1 & 1), u16::from(choice >> 2 & 7));
    let now = start();
    let mut ends = [
        Connection::new(config(Some(version)), Role::Client, now, [1; 32]),
        Connection::new(config(Some(version)), Role::Server, now, [2; 32]),
    ];
    for _ in 0..4 {
        for from in 0..2 {
            for datagram in drain(&mut ends[from], now) {
                if 1 - from != victim {
                    ends[1 - from].handle_input(now, BytesMut::from(&datagram[..]));
                    continue;
                }
                // The honest messages come up to the place; then comes the fuzzer's.
                ends[victim].handle_input(now, BytesMut::from(&record(place, *kind, body)[..]));
                ends[victim].handle_input(now, BytesMut::from(&datagram[..]));
                drain(&mut ends[victim], now);
            }
        }
    }
    assert!(ends.iter().all(|end| end.state() != State::Connected));
}

/// A record with one message in one fragment.
fn record(message_seq: u16, kind: u8, body: &[u8]) -> Vec<u8> {
    let body = &body[..body.len().min(8192)];
    let len = u32::try_from(body.len()).unwrap_or(0).to_be_bytes();
    let mut record = vec![22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 9];
    record.extend_from_slice(&u16::try_from(body.len() + 12).unwrap_or(0).to_be_bytes());
    record.push(kind);
    record.extend_from_slice(&len[1..]);
    record.extend_from_slice(&message_seq.to_be_bytes());
    record.extend_from_slice(&[0; 3]);
    record.extend_from_slice(&len[1..]);
    record.extend_from_slice(body);
    record
}
