//! Attacks on the transport of a whole connection, by strangers and by those who see the packets.

use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::BytesMut;
use drywire::sdp::SessionDescription;
use drywire::{ConnectionState, Event, Path, dtls, jsep};
use drywire_sim::{Network, NodeId, Outcome};

use crate::harness::{CONFIG, Manner, Peer, address, call, call_with, config, connected, open, pass, text};

/// A DTLS 1.2 record with a ClientHello that offers only TLS_NULL_WITH_NULL_NULL.
fn null_cipher_client_hello() -> Vec<u8> {
    let mut body = vec![0xfe, 0xfd];
    body.extend_from_slice(&[7; 32]);
    // No session, no cookie, one suite, no compression.
    body.extend_from_slice(&[0, 0, 0, 2, 0, 0, 1, 0]);
    let len = u8::try_from(body.len()).unwrap();
    let mut message = vec![1, 0, 0, len, 0, 0, 0, 0, 0, 0, 0, len];
    message.append(&mut body);
    let len = u8::try_from(message.len()).unwrap();
    let mut record = vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, len];
    record.append(&mut message);
    record
}

fn sent_to(network: &Network<Peer>, host: u8) -> usize {
    network.trace().iter().filter(|entry| entry.path.remote == address(host)).count()
}

#[test]
fn a16_a_client_hello_of_a_stranger_does_not_disturb_the_handshake() {
    let (mut network, offerer, answerer, _) = call(16, |peer, now| open(peer, now, "data", true));
    network.record_trace();
    let junk = null_cipher_client_hello();
    let storm = |network: &mut Network<Peer>| {
        for host in [1, 2] {
            network.inject(Path::udp(address(99), address(host)), &junk);
        }
    };
    storm(&mut network);
    let mut steps = 0;
    while !(network[offerer].is_connected() && network[answerer].is_connected()) {
        steps += 1;
        assert!(steps < 5_000, "the handshake did not complete");
        let begin = network.now();
        // One thing happens, then the stranger has a turn.
        let _ = network.run_until(|network| network.now() > begin, Duration::from_millis(10));
        storm(&mut network);
    }
    storm(&mut network);
    pass(&mut network, Duration::from_secs(10));
    for id in [offerer, answerer] {
        assert!(network[id].is_connected());
    }
    assert_eq!(sent_to(&network, 99), 0, "the stranger was answered");
}

#[test]
fn a19_genuine_packets_from_another_source_do_not_move_the_path() {
    let captured = Arc::new(Mutex::new(Vec::new()));
    let (mut network, offerer, answerer, id) = call(19, |peer, now| open(peer, now, "data", true));
    network.record_trace();
    connected(&mut network, offerer);
    pass(&mut network, Duration::from_secs(2));
    let before = network[answerer].connection.path().expect("a path");
    // Takes what the offerer sends off the wire, so that it is new to the receiver when it comes from elsewhere.
    let take = captured.clone();
    network.set_filter(move |_, path, datagram| {
        let media = path.local == address(1) && datagram.first().is_some_and(|byte| *byte >= 20);
        if media {
            take.lock().unwrap().push(datagram.to_vec());
        }
        !media
    });
    let now = network.now();
    network[offerer].send(now, id, text("from somewhere else"));
    pass(&mut network, Duration::from_secs(2));
    network.clear_filter();
    for datagram in captured.lock().unwrap().iter() {
        network.inject(Path::udp(address(99), address(2)), datagram);
    }
    pass(&mut network, Duration::from_secs(2));
    assert_eq!(network[answerer].connection.path(), Some(before));
    assert_eq!(sent_to(&network, 99), 0, "the source was believed");
    assert!(network[answerer].is_connected());
}

/// A call in which the description on its way to `victim` was changed.
fn tampered(
    seed: u8,
    victim: jsep::DescriptionType,
    change: fn(&str) -> String,
) -> (Network<Peer>, [NodeId; 2]) {
    let now = drywire_sim::origin();
    let mut offerer = Peer::new(&CONFIG, Manner::Keep, 1, [seed; 32], now);
    let mut answerer = Peer::new(&CONFIG, Manner::Echo, 2, [!seed; 32], now);
    open(&mut offerer, now, "data", true);
    let deliver = |kind, description: &SessionDescription| {
        if kind == victim {
            SessionDescription::from_str(&change(&description.to_string())).expect("still a description")
        } else {
            description.clone()
        }
    };
    let offer = offerer.connection.create_offer(now).expect("an offer");
    offerer.connection.set_local_description(now, jsep::DescriptionType::Offer, &offer).expect("our offer");
    let answer = answerer
        .connection
        .accept_offer(now, &deliver(jsep::DescriptionType::Offer, &offer))
        .expect("an answer");
    let answer = deliver(jsep::DescriptionType::Answer, &answer);
    offerer
        .connection
        .set_remote_description(now, jsep::DescriptionType::Answer, &answer)
        .expect("its answer");
    let mut network = Network::new(now, [seed; 32]);
    let offerer = network.add(offerer, &[address(1)]);
    let answerer = network.add(answerer, &[address(2)]);
    (network, [offerer, answerer])
}

/// Another fingerprint of the same form: its first digit is another one.
fn with_another_fingerprint(text: &str) -> String {
    let marker = "a=fingerprint:sha-256 ";
    let at = text.find(marker).expect("a fingerprint") + marker.len();
    let other = if text[at..].starts_with('0') { "1" } else { "0" };
    format!("{}{other}{}", &text[..at], &text[at + 1..])
}

#[test]
fn c10_a_changed_fingerprint_leaves_nothing_usable() {
    for (seed, victim) in [(1, jsep::DescriptionType::Offer), (2, jsep::DescriptionType::Answer)] {
        let (mut network, ids) = tampered(seed, victim, with_another_fingerprint);
        let cheated = if victim == jsep::DescriptionType::Offer { ids[1] } else { ids[0] };
        pass(&mut network, Duration::from_secs(150));
        let peer = &network[cheated];
        let was_connected = peer
            .events
            .iter()
            .any(|event| matches!(event, Event::ConnectionStateChanged(ConnectionState::Connected)));
        assert!(!was_connected, "connected to somebody else");
        let told =
            |event: &Event| matches!(event, Event::DataChannelOpened(_) | Event::DataChannelAnnounced(_));
        assert!(!peer.events.iter().any(told), "a channel to somebody else");
        assert!(peer.events.iter().any(|event| matches!(event, Event::Closed { .. })), "nobody was told");
    }
}

#[test]
fn c08_plaintext_alerts_do_not_end_the_session() {
    let (mut network, offerer, answerer, _) = call(8, |peer, now| open(peer, now, "data", true));
    connected(&mut network, offerer);
    connected(&mut network, answerer);
    // close_notify and a fatal handshake_failure, in the clear, from the right addresses, in both record versions.
    for alert in [[1, 0], [2, 40]] {
        for version in [[0xfe, 0xfd], [0xfe, 0xff]] {
            let record = [&[21][..], &version, &[0; 8], &[0, 2], &alert].concat();
            network.inject(Path::udp(address(1), address(2)), &record);
            network.inject(Path::udp(address(2), address(1)), &record);
        }
    }
    pass(&mut network, Duration::from_secs(5));
    assert!(network[offerer].is_connected() && network[answerer].is_connected());
}

#[test]
fn d14_media_in_the_clear_is_never_delivered() {
    let (mut network, offerer, answerer, _) = call(14, |peer, now| {
        peer.connection
            .add_transceiver(now, jsep::MediaKind::Audio, jsep::TransceiverInit::default())
            .expect("a transceiver");
    });
    let mut rtp = vec![0x80, 111, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7];
    rtp.extend_from_slice(&[0x55; 40]);
    let goodbye = [0x81, 203, 0, 1, 0, 0, 0, 7];
    let attack = |network: &mut Network<Peer>| {
        for (from, to) in [(1, 2), (2, 1)] {
            network.inject(Path::udp(address(from), address(to)), &rtp);
            network.inject(Path::udp(address(from), address(to)), &goodbye);
        }
    };
    attack(&mut network);
    connected(&mut network, offerer);
    attack(&mut network);
    pass(&mut network, Duration::from_secs(5));
    for id in [offerer, answerer] {
        assert!(network[id].packets.is_empty(), "plaintext was delivered");
        assert!(network[id].is_connected());
    }
}

#[test]
fn f09_a_clock_that_jumps_breaks_nothing() {
    let (mut network, offerer, _, id) = call(9, |peer, now| open(peer, now, "data", true));
    connected(&mut network, offerer);
    let now = network.now();
    let peer = &mut network[offerer];
    let mut out = Vec::new();
    for at in [
        now - Duration::from_millis(5),
        now,
        now + Duration::from_secs(3 * 86_400),
        now,
        now + Duration::from_secs(365 * 86_400),
    ] {
        peer.connection.handle_timeout(at);
        peer.connection.handle_input(at, Path::udp(address(1), address(2)), BytesMut::from(&[0x16; 40][..]));
        let mut polls = 0;
        while peer.connection.poll_transmit(at, &mut out).is_some() {
            polls += 1;
            assert!(polls < 1_000, "does not stop sending");
        }
        let mut idle = 0;
        while peer.connection.poll_timeout().is_some_and(|next| next <= at) {
            idle += 1;
            assert!(idle <= 16, "asks for timeouts that are due");
            peer.connection.handle_timeout(at);
            while peer.connection.poll_event().is_some() {}
            while peer.connection.poll_transmit(at, &mut out).is_some() {}
        }
        if let Some(mut channel) = peer.connection.channel(id) {
            let _ = channel.write(at, text("still here"));
        }
    }
}

/// The simulator ends a run in which a node asks for timeouts that are due at once; here with a peer that is gone.
#[test]
fn f10_waiting_for_a_vanished_peer_is_no_busy_loop() {
    let (mut network, offerer, _, _) = call(10, |peer, now| open(peer, now, "data", true));
    connected(&mut network, offerer);
    network.remove_address(address(2));
    assert!(matches!(network.run_for(Duration::from_secs(3_600)), Outcome::Limit | Outcome::Idle));
    assert!(!network[offerer].is_connected());
    assert!(network.stats().sent < 5_000, "{} datagrams to nobody", network.stats().sent);
}

#[test]
fn f11_calls_after_close_are_errors_and_nothing_else() {
    let (mut network, offerer, _, id) = call(11, |peer, now| open(peer, now, "data", true));
    connected(&mut network, offerer);
    let now = network.now();
    let peer = &mut network[offerer].connection;
    let offer = peer.create_offer(now).expect("an offer");
    peer.close(now);
    peer.close(now);
    assert!(peer.create_offer(now).is_err());
    assert!(peer.create_answer(now).is_err());
    assert!(peer.set_local_description(now, jsep::DescriptionType::Offer, &offer).is_err());
    assert!(peer.set_remote_description(now, jsep::DescriptionType::Offer, &offer).is_err());
    assert!(peer.create_data_channel(now, Default::default()).is_err());
    assert!(peer.add_remote_candidate(now, None, "candidate:1 1 udp 1 192.0.2.9 9 typ host").is_err());
    if let Some(mut channel) = peer.channel(id) {
        assert!(channel.write(now, text("too late")).is_err());
    }
    peer.restart_ice(now);
    peer.handle_timeout(now);
    peer.handle_input(now, Path::udp(address(1), address(2)), BytesMut::from(&[1; 30][..]));
    let mut out = Vec::new();
    let mut farewell = 0;
    while peer.poll_transmit(now, &mut out).is_some() {
        farewell += 1;
    }
    assert!(farewell <= 4, "{farewell} datagrams of farewell");
    let closed =
        std::iter::from_fn(|| peer.poll_event()).filter(|event| matches!(event, Event::Closed { .. }));
    assert_eq!(closed.count(), 1, "the end is told once");
    assert_eq!(peer.poll_timeout(), None);
    assert_eq!(peer.connection_state(), ConnectionState::Closed);
}

/// Requests of the peer are not enough: as long as none of our own checks is answered, nothing but checks is sent.
#[test]
fn a17_no_handshake_begins_before_a_check_of_ours_is_answered() {
    let (mut network, offerer, answerer, _) = call(17, |peer, now| open(peer, now, "data", true));
    network.record_trace();
    let others = Arc::new(Mutex::new(0));
    let counted = others.clone();
    // Success responses are lost (RFC 8489, section 5: the class is two bits of the type), requests arrive.
    network.set_filter(move |_, _, datagram| match datagram {
        [0..=3, low, ..] => *low & 0x10 != 0 || datagram[0] & 1 == 0,
        _ => {
            *counted.lock().unwrap() += 1;
            true
        }
    });
    pass(&mut network, Duration::from_secs(20));
    for host in [1, 2] {
        assert!(sent_to(&network, host) > 5, "no checks were sent");
    }
    assert_eq!(*others.lock().unwrap(), 0, "datagrams that are no checks");
    assert!(!network[offerer].is_connected() && !network[answerer].is_connected());
}

/// Without keys for it media is not sent at all; what is agreed on besides lives on.
#[test]
fn c19_without_a_common_profile_no_media_passes() {
    let with = |profiles: &[dtls::SrtpProfile]| {
        let mut config = config();
        config.dtls_mut().srtp_profiles = profiles.to_vec();
        Arc::new(config)
    };
    let gcm = [dtls::SrtpProfile::AeadAes128Gcm];
    for (offerer, answerer) in [
        (with(&gcm), with(&[])),
        (with(&[]), with(&gcm)),
        (with(&gcm), with(&[dtls::SrtpProfile::Aes128CmSha1_80])),
    ] {
        let (mut network, offerer, answerer, (id, audio)) =
            call_with(&offerer, &answerer, [19; 32], |peer, now| {
                let init = jsep::TransceiverInit::default();
                let audio = peer.connection.add_transceiver(now, jsep::MediaKind::Audio, init);
                (open(peer, now, "data", true), audio.expect("a transceiver"))
            });
        let media = Arc::new(Mutex::new(0));
        let counted = media.clone();
        network.set_filter(move |_, _, datagram| {
            if matches!(datagram, [128..=191, ..]) {
                *counted.lock().unwrap() += 1;
            }
            true
        });
        connected(&mut network, offerer);
        connected(&mut network, answerer);
        let now = network.now();
        for n in 0..10 {
            let packet = drywire::RtpPacket {
                payload_type: drywire::rtp::PayloadType::new(111).expect("that of Opus"),
                marker: false,
                sequence_number: drywire::rtp::SequenceNumber(n),
                timestamp: 960 * u32::from(n),
                extensions: Default::default(),
                payload: bytes::Bytes::from_static(&[9; 100]),
            };
            // Refused or dropped: it must not be sent.
            let _ = network[offerer].connection.write_rtp(now, audio, packet);
        }
        network[offerer].send(now, id, text("data all the same"));
        pass(&mut network, Duration::from_secs(10));
        assert_eq!(*media.lock().unwrap(), 0, "packets without keys");
        assert!(network[offerer].packets.is_empty() && network[answerer].packets.is_empty());
        assert_eq!(network[offerer].messages(id), [text("data all the same")]);
    }
}
