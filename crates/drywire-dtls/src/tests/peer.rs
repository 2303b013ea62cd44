//! Ends that play foul: whatever they leave out or say twice, the other end is never connected (attack C09).

use super::*;
use crate::State;
use crate::handshake::Foul;
use crate::message::HandshakeType;

#[test]
fn c09_omitted_and_repeated_messages_never_connect() {
    use HandshakeType::{
        Certificate, CertificateRequest, CertificateVerify, ClientKeyExchange, EncryptedExtensions, Finished,
        ServerHello, ServerHelloDone, ServerKeyExchange,
    };
    let client12 = [Certificate, ClientKeyExchange, CertificateVerify, Finished].as_slice();
    let server12 =
        [ServerHello, Certificate, ServerKeyExchange, CertificateRequest, ServerHelloDone, Finished]
            .as_slice();
    let client13 = [Certificate, CertificateVerify, Finished].as_slice();
    let server13 =
        [ServerHello, EncryptedExtensions, CertificateRequest, Certificate, CertificateVerify, Finished]
            .as_slice();
    for (version, foul_end, kinds) in [
        (Version::Dtls12, CLIENT, client12),
        (Version::Dtls12, SERVER, server12),
        (Version::Dtls13, CLIENT, client13),
        (Version::Dtls13, SERVER, server13),
    ] {
        for &kind in kinds {
            for foul in [Foul::Omit, Foul::Repeat] {
                // A client that is asked for no certificate gives none: that is the server's loss.
                if (foul_end, kind, foul) == (SERVER, CertificateRequest, Foul::Omit) {
                    continue;
                }
                // Said twice after the end: what comes behind a Finished is of no account.
                if (kind, foul) == (Finished, Foul::Repeat) {
                    continue;
                }
                let mut pair = Pair::new(only(config(0), version), config(1), 9, Link::default());
                pair.ends[foul_end].handshake.foul = Some((kind, foul));
                let honest = 1 - foul_end;
                let connected = pair.run_until(|pair| pair.ends[honest].is_connected());
                assert!(!connected, "{version} {foul_end} {foul:?} {kind:?}");
                assert!(pair.data(honest).is_empty());
                // Failed; or closed, when the other end has lost its patience first.
                assert!(
                    matches!(pair.ends[honest].state(), State::Failed | State::Closed),
                    "{version} {foul_end} {foul:?} {kind:?}"
                );
                assert!(pair.ends[honest].srtp_keying_material().is_none());
            }
        }
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
                    body: Vec::new(),
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
