//! Ends that play foul: whatever they leave out or say twice, the other end is never connected (attack C09).

use proptest::prelude::*;

use super::*;
use crate::State;
use crate::handshake::Foul;
use crate::message::HandshakeType;

/// What an end sends in a handshake with certificates on both sides.
fn sent(version: Version, end: usize) -> &'static [HandshakeType] {
    use HandshakeType::{
        Certificate, CertificateRequest, CertificateVerify, ClientKeyExchange, EncryptedExtensions, Finished,
        ServerHello, ServerHelloDone, ServerKeyExchange,
    };
    match (version, end) {
        (Version::Dtls12, CLIENT) => &[Certificate, ClientKeyExchange, CertificateVerify, Finished],
        (Version::Dtls12, _) => {
            &[ServerHello, Certificate, ServerKeyExchange, CertificateRequest, ServerHelloDone, Finished]
        }
        (Version::Dtls13, CLIENT) => &[Certificate, CertificateVerify, Finished],
        (Version::Dtls13, _) => {
            &[ServerHello, EncryptedExtensions, CertificateRequest, Certificate, CertificateVerify, Finished]
        }
    }
}

/// What is sent of it with these fouls.
fn spoiled(kinds: &[HandshakeType], fouls: &[(HandshakeType, Foul)]) -> Vec<HandshakeType> {
    let (mut all, mut late) = (Vec::new(), None);
    for &kind in kinds {
        match fouls.iter().find(|foul| foul.0 == kind).map(|foul| foul.1) {
            Some(Foul::Omit) => continue,
            Some(Foul::Repeat) => all.push(kind),
            Some(Foul::Late) if late.is_none() => {
                late = Some(kind);
                continue;
            }
            _ => {}
        }
        all.push(kind);
        all.extend(late.take());
    }
    all
}

/// Plays a handshake with a foul end. Whatever it does, the honest one must not be connected.
fn play(version: Version, foul_end: usize, fouls: &[(HandshakeType, Foul)]) {
    let mut order = spoiled(sent(version, foul_end), fouls);
    // What is said twice after the end is of no account; and a client that is asked for no certificate gives none: that
    // is the server's loss.
    if order.ends_with(&[HandshakeType::Finished, HandshakeType::Finished]) {
        order.pop();
    }
    let fair: Vec<_> = sent(version, foul_end).to_vec();
    let unasked: Vec<_> =
        fair.iter().copied().filter(|kind| *kind != HandshakeType::CertificateRequest).collect();
    if order == fair || order == unasked {
        return;
    }
    let mut pair = Pair::new(only(config(0), version), config(1), 9, Link::default());
    pair.ends[foul_end].handshake.fouls = fouls.to_vec();
    let honest = 1 - foul_end;
    let connected = pair.run_until(|pair| pair.ends[honest].is_connected());
    assert!(!connected, "{version} {foul_end} {fouls:?}");
    assert!(pair.data(honest).is_empty());
    // Failed; or closed, when the other end has lost its patience first.
    let state = pair.ends[honest].state();
    assert!(matches!(state, State::Failed | State::Closed), "{version} {foul_end} {fouls:?}");
    assert!(pair.ends[honest].srtp_keying_material().is_none());
}

#[test]
fn c09_omitted_repeated_and_late_messages_never_connect() {
    for version in [Version::Dtls12, Version::Dtls13] {
        for foul_end in [CLIENT, SERVER] {
            for &kind in sent(version, foul_end) {
                for foul in [Foul::Omit, Foul::Repeat, Foul::Late] {
                    play(version, foul_end, &[(kind, foul)]);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Attack C09: any mixture of it.
    #[test]
    fn c09_no_spoiled_handshake_connects(
        old in any::<bool>(),
        foul_end in 0_usize..2,
        choices in proptest::collection::vec(0_u8..6, 6),
    ) {
        let version = if old { Version::Dtls12 } else { Version::Dtls13 };
        let fouls: Vec<_> = sent(version, foul_end)
            .iter()
            .zip(choices)
            .filter_map(|(kind, choice)| {
                let foul = match choice {
                    0 => Foul::Omit,
                    1 => Foul::Repeat,
                    2 => Foul::Late,
                    _ => return None,
                };
                Some((*kind, foul))
            })
            .collect();
        play(version, foul_end, &fouls);
    }
}

/// What each message does in each state, when it comes in the right epoch but with nothing in it.
#[test]
fn the_table_of_states_and_messages() {
    let kinds = [
        HandshakeType::HelloRequest,
        HandshakeType::ClientHello,
        HandshakeType::ServerHello,
        HandshakeType::HelloVerifyRequest,
        HandshakeType::NewSessionTicket,
        HandshakeType::EncryptedExtensions,
        HandshakeType::RequestConnectionId,
        HandshakeType::NewConnectionId,
        HandshakeType::Certificate,
        HandshakeType::ServerKeyExchange,
        HandshakeType::CertificateRequest,
        HandshakeType::ServerHelloDone,
        HandshakeType::CertificateVerify,
        HandshakeType::ClientKeyExchange,
        HandshakeType::Finished,
        HandshakeType::KeyUpdate,
    ];
    let stopped = |version: Version, end: usize, messages: usize, retry: bool| {
        let (mut client, mut server) = (only(config(0), version), config(1));
        for config in [&mut client, &mut server] {
            config.handshake_timeout = None;
        }
        if retry {
            client.groups = vec![NamedGroup::X25519, NamedGroup::Secp256r1];
            server.groups = vec![NamedGroup::Secp256r1];
        }
        let mut pair = Pair::new(client, server, 10, Link::default());
        pair.ends[end].patience = Some(messages);
        for _ in 0..12 {
            pair.step();
        }
        pair.ends[end].patience = None;
        pair
    };
    let mut table = String::new();
    for (version, end, retry, messages) in [
        (Version::Dtls12, CLIENT, false, 7),
        (Version::Dtls12, SERVER, false, 6),
        (Version::Dtls13, CLIENT, false, 7),
        (Version::Dtls13, SERVER, false, 5),
        (Version::Dtls13, CLIENT, true, 2),
        (Version::Dtls13, SERVER, true, 2),
    ] {
        for messages in 0..messages {
            let name = stopped(version, end, messages, retry).ends[end].machine.name();
            table.push_str(&format!("{version} after {messages}: {name}\n"));
            for kind in kinds {
                let mut pair = stopped(version, end, messages, retry);
                let machine = &mut pair.ends[end];
                let message = crate::reassembly::Message {
                    kind,
                    message_seq: machine.reassembler.next(),
                    epoch: machine.machine.expected_epoch(),
                    body: Vec::new().into(),
                };
                let before = std::mem::replace(&mut machine.machine, crate::machine::Machine::ServerStart);
                let outcome = match before.step(&mut machine.handshake, &message) {
                    Ok(next) => next.name(),
                    Err(failure) => failure.alert().to_string(),
                };
                // The rule is unexpected_message; the exceptions are what the table is for.
                if outcome != "unexpected_message" {
                    table.push_str(&format!("    {kind:?} -> {outcome}\n"));
                }
            }
        }
    }
    let expected = include_str!("state_table.txt");
    assert!(table == expected, "the table has changed:\n{table}");
}
