//! What rides on checks: both ways, only with authentic messages, and within bounds.

use bytes::BytesMut;
use drywire_core::{Duration, Instant, Path};
use drywire_ice::{Agent, Attach, Attachment, Carrier, ReceivedAttachment, Role};
use drywire_stun::attributes::{DtlsInStunAck, DtlsInStunData, Priority, Username};
use drywire_stun::{Class, IntegrityAlgorithm, IntegrityKey, Message, MessageBuilder, Method, TransactionId};

use crate::net::{address, config, host, start};

/// Numbers its payloads, and remembers what carried them.
#[derive(Default)]
struct Numbered {
    count: u8,
    payload: [u8; 1],
    carriers: Vec<Carrier>,
    again: Option<Duration>,
}

impl Attach for Numbered {
    fn attach(&mut self, carrier: Carrier) -> Option<Attachment<'_>> {
        self.carriers.push(carrier);
        self.payload = [self.count];
        self.count += 1;
        Some(Attachment { payload: &self.payload, received: [77].into_iter().collect(), again: self.again })
    }
}

fn pair() -> (Instant, Agent, Agent) {
    let now = start();
    let mut agents = [(Role::Controlling, 1), (Role::Controlled, 2)].map(|(role, seed)| {
        let mut agent = Agent::new(config(role), now, [seed; 32]);
        agent.add_local_candidate(now, host(&format!("10.0.0.{seed}:5000"))).unwrap();
        agent
    });
    let [a, b] = &mut agents;
    a.set_remote_credentials(now, b.local_credentials().clone()).unwrap();
    b.set_remote_credentials(now, a.local_credentials().clone()).unwrap();
    a.add_remote_candidate(now, host("10.0.0.2:5000")).unwrap();
    let [a, b] = agents;
    (now, a, b)
}

/// A payload and the checksums beside it.
type Carried = (Option<Vec<u8>>, Option<Vec<u32>>);

fn carried(agent: &mut Agent) -> Vec<Carried> {
    std::iter::from_fn(|| agent.poll_attachment())
        .map(|received| {
            let acknowledged = received.acknowledged.map(|list| list.iter().collect());
            (received.payload.map(|payload| payload.to_vec()), acknowledged)
        })
        .collect()
}

#[test]
fn payloads_ride_on_checks_and_on_responses() {
    let (now, mut a, mut b) = pair();
    b.want_attachments(true);
    let mut numbered = Numbered::default();
    let mut out = Vec::new();
    let request = a.poll_transmit_with(now, &mut out, &mut numbered).unwrap();
    assert!(!numbered.carriers[0].is_valid && numbered.carriers[0].path == request.path);
    b.handle_input(now, request.path.reversed(), BytesMut::from(&out[..]));
    assert_eq!(carried(&mut b), [(Some(vec![0]), Some(vec![77]))]);
    // The response says nothing about attachments; that is told as well, to who wants to know.
    for (wanted, expected) in [(true, &[(None, None)][..]), (false, &[])] {
        let mut a = pair_of_same(&request.path, &mut out);
        a.0.want_attachments(wanted);
        let mut response = Vec::new();
        let transmit = a.1.poll_transmit(now, &mut response).unwrap();
        a.0.handle_input(now, transmit.path.reversed(), BytesMut::from(&response[..]));
        assert_eq!(carried(&mut a.0), expected);
    }
    // Now one that does, along a path that our check has not proved.
    a.want_attachments(true);
    let (mut response, mut other) = (Vec::new(), Numbered { count: 9, ..Numbered::default() });
    let transmit = b.poll_transmit_with(now, &mut response, &mut other).unwrap();
    assert_eq!(Message::parse(&response).unwrap().class(), Class::Success);
    assert!(!other.carriers[0].is_valid);
    a.handle_input(now, transmit.path.reversed(), BytesMut::from(&response[..]));
    assert_eq!(carried(&mut a), [(Some(vec![9]), Some(vec![77]))]);
    assert!(a.is_valid_path(request.path));
}

/// A pair as [`pair`], of which the second has received the first check of the first, which is in `out`.
fn pair_of_same(path: &Path, out: &mut Vec<u8>) -> (Agent, Agent) {
    let (now, mut a, mut b) = pair();
    out.clear();
    a.poll_transmit(now, out).unwrap();
    b.handle_input(now, path.reversed(), BytesMut::from(&out[..]));
    (a, b)
}

/// A request to `to` with a payload, signed with `password`.
fn request(to: &Agent, password: &str, payload: &[u8], id: u8) -> Vec<u8> {
    let username = format!("{}:peer", to.local_credentials().ufrag());
    let key = IntegrityKey::short_term(&*drywire_crypto_aws_lc::provider(), password);
    let mut out = Vec::new();
    let mut message =
        MessageBuilder::new(&mut out, Class::Request, Method::BINDING, TransactionId::new([id; 12]));
    message.attribute(&Username(&username)).attribute(&Priority(1)).attribute(&DtlsInStunData(payload));
    message.integrity(&key, IntegrityAlgorithm::Sha1).fingerprint();
    message.finish().unwrap();
    out
}

fn waiting_agent() -> (Instant, Agent, Path, String) {
    let now = start();
    let mut agent = Agent::new(config(Role::Controlled), now, [1; 32]);
    agent.add_local_candidate(now, host("10.0.0.1:5000")).unwrap();
    agent.want_attachments(true);
    let password = agent.local_credentials().pwd().to_owned();
    (now, agent, Path::udp(address("10.0.0.1:5000"), address("10.0.0.9:9")), password)
}

#[test]
fn a16_only_authentic_messages_carry_anything() {
    let (now, mut agent, path, password) = waiting_agent();
    let forged = request(&agent, "not the password of the agent", b"forged", 1);
    agent.handle_input(now, path, BytesMut::from(&forged[..]));
    // What stands behind the signature is not signed.
    let mut appended = request(&agent, &password, b"", 2);
    appended.truncate(appended.len() - 8);
    let tail = [&[0xC0, 0x70, 0, 4][..], b"evil"].concat();
    appended.extend_from_slice(&tail);
    let len = u16::try_from(appended.len() - 20).unwrap();
    appended[2..4].copy_from_slice(&len.to_be_bytes());
    agent.handle_input(now, path, BytesMut::from(&appended[..]));
    // To a socket that is not ours.
    let genuine = request(&agent, &password, b"genuine", 3);
    let elsewhere = Path { local: address("10.0.0.7:7"), ..path };
    agent.handle_input(now, elsewhere, BytesMut::from(&genuine[..]));
    agent.handle_input(now, path, BytesMut::from(&genuine[..]));
    assert_eq!(carried(&mut agent), [(Some(vec![]), None), (Some(b"genuine".to_vec()), None)]);
}

#[test]
fn what_nobody_takes_is_bounded() {
    let (now, mut agent, path, password) = waiting_agent();
    for id in 0..100 {
        let genuine = request(&agent, &password, &[id], id);
        agent.handle_input(now, path, BytesMut::from(&genuine[..]));
    }
    let taken = carried(&mut agent);
    assert_eq!(taken.len(), 16);
    assert_eq!(taken[15].0, Some(vec![15]));
    // A payload that no packet of a network carries is left out.
    let long = request(&agent, &password, &[0; 1501], 200);
    agent.handle_input(now, path, BytesMut::from(&long[..]));
    assert_eq!(agent.poll_attachment(), Some(ReceivedAttachment::default()));
    // Who is no longer interested keeps nothing.
    agent.handle_input(now, path, BytesMut::from(&request(&agent, &password, b"x", 201)[..]));
    agent.want_attachments(false);
    agent.handle_input(now, path, BytesMut::from(&request(&agent, &password, b"y", 202)[..]));
    assert_eq!(agent.poll_attachment(), None);
}

#[test]
fn a_payload_that_waits_for_a_ride_gets_one_ahead_of_the_schedule() {
    for (again, after) in [(Some(0), 0), (Some(80), 80), (Some(900), 500), (None, 500)] {
        let (now, mut a, _) = pair();
        let mut numbered = Numbered { again: again.map(Duration::from_millis), ..Numbered::default() };
        let mut out = Vec::new();
        a.poll_transmit_with(now, &mut out, &mut numbered).unwrap();
        numbered.again = None;
        let at = now + Duration::from_millis(after);
        assert_eq!(a.poll_timeout(), Some(at));
        out.clear();
        a.handle_timeout(at);
        a.poll_transmit_with(at, &mut out, &mut numbered).unwrap();
        let message = Message::parse(&out).unwrap();
        assert_eq!(message.attribute::<DtlsInStunData<'_>>(), Some(DtlsInStunData(&[1])));
        assert!(message.attribute::<DtlsInStunAck>().unwrap().contains(77));
    }
}

#[test]
fn payloads_that_always_wait_do_not_break_the_pace() {
    let (start, mut a, _) = pair();
    let mut numbered = Numbered { again: Some(Duration::ZERO), ..Numbered::default() };
    let (mut now, mut out) = (start, Vec::new());
    while now < start + Duration::from_secs(1) {
        a.handle_timeout(now);
        while a.poll_transmit_with(now, &mut out, &mut numbered).is_some() {}
        now = a.poll_timeout().unwrap().max(now);
    }
    // One per 50 ms, and the burst.
    assert!(numbered.carriers.len() <= 20 + 5, "{}", numbered.carriers.len());
}
