//! Media through the whole stack, at the level of RTP packets.

use std::time::{Duration, Instant};

use bytes::Bytes;
use drywire::jsep::{Direction, MediaKind, TransceiverId, TransceiverInit};
use drywire::rtp::extension::{AudioLevel, Rotation, VideoOrientation};
use drywire::rtp::{PayloadType, SequenceNumber};
use drywire::{Event, Extensions, KeyframeRequest, RtpPacket, WriteError};
use drywire_sim::{Link, Network, NodeId, Outcome};

use crate::harness::{Peer, address, binary, call, open, pass};

fn add(peer: &mut Peer, kind: MediaKind) -> TransceiverId {
    let init = TransceiverInit { direction: Direction::SendRecv, ..TransceiverInit::default() };
    peer.connection.add_transceiver(drywire_sim::origin(), kind, init).expect("a transceiver")
}

fn payload_type(network: &Network<Peer>, peer: NodeId, id: TransceiverId) -> PayloadType {
    let transceiver = network[peer].connection.transceiver(id).expect("the transceiver");
    let codec = transceiver.negotiated().and_then(|negotiated| negotiated.codecs.first()).expect("a codec");
    PayloadType::new(codec.send_payload_type.value()).expect("a payload type")
}

fn packet(payload_type: PayloadType, n: u16, extensions: Extensions) -> RtpPacket {
    RtpPacket {
        payload_type,
        marker: n.is_multiple_of(3),
        sequence_number: SequenceNumber(n),
        timestamp: u32::from(n) * 960,
        extensions,
        payload: Bytes::from(vec![n.to_be_bytes()[1]; 100 + usize::from(n % 900)]),
    }
}

fn both_connected(network: &mut Network<Peer>, peers: [NodeId; 2]) -> Instant {
    network.set_default_link(Link::new().delay(Duration::from_millis(10)));
    let reached = network
        .run_until(|network| peers.iter().all(|id| network[*id].is_connected()), Duration::from_secs(10));
    assert_eq!(reached, Outcome::Reached);
    network.now()
}

#[test]
fn packets_come_back_unchanged_on_their_section() {
    let (mut network, offerer, echo, [audio, video]) =
        call(40, |peer, _| [add(peer, MediaKind::Audio), add(peer, MediaKind::Video)]);
    let now = both_connected(&mut network, [offerer, echo]);
    let mut audio_extensions = Extensions::default();
    audio_extensions.audio_level = Some(AudioLevel { voice: true, below_overload: 37 });
    let mut video_extensions = Extensions::default();
    let turned = VideoOrientation { rotation: Rotation::Clockwise90, ..VideoOrientation::default() };
    video_extensions.video_orientation = Some(turned);

    let mut sent = Vec::new();
    for n in 65_500_u16..=65_535 {
        for (id, extensions) in [(audio, audio_extensions), (video, video_extensions)] {
            let packet = packet(payload_type(&network, offerer, id), n, extensions);
            network[offerer].connection.write_rtp(now, id, packet.clone()).expect("room");
            sent.push((id, packet));
        }
    }
    pass(&mut network, Duration::from_secs(1));
    assert_eq!(network[offerer].packets.len(), sent.len());
    for id in [audio, video] {
        let of = |packets: &[(TransceiverId, RtpPacket)]| {
            packets
                .iter()
                .filter(|(transceiver, _)| *transceiver == id)
                .map(|(_, packet)| packet.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(of(&network[offerer].packets), of(&sent));
    }
    // Sequence numbers wrap, and the rollover counter with them.
    let after = packet(payload_type(&network, offerer, audio), 0, Extensions::default());
    let now = network.now();
    network[offerer].connection.write_rtp(now, audio, after.clone()).expect("room");
    pass(&mut network, Duration::from_secs(1));
    assert_eq!(network[offerer].packets.last(), Some(&(audio, after)));
}

#[test]
fn keyframe_requests_reach_the_sender() {
    let (mut network, offerer, echo, video) = call(41, |peer, _| add(peer, MediaKind::Video));
    let now = both_connected(&mut network, [offerer, echo]);
    let payload_type = payload_type(&network, offerer, video);
    network[offerer]
        .connection
        .write_rtp(now, video, packet(payload_type, 1, Extensions::default()))
        .expect("room");
    pass(&mut network, Duration::from_millis(100));
    for request in [KeyframeRequest::Pli, KeyframeRequest::Fir] {
        let now = network.now();
        let (at_echo, _) = network[echo].packets[0];
        network[echo].connection.request_keyframe(now, at_echo, request).expect("somebody sends");
        pass(&mut network, Duration::from_secs(2));
        let asked = Event::KeyframeRequested { transceiver: video, request };
        assert!(network[offerer].events.contains(&asked), "{request:?}");
    }
}

#[test]
fn reports_flow_and_give_the_round_trip_time() {
    let (mut network, offerer, echo, audio) = call(42, |peer, _| add(peer, MediaKind::Audio));
    both_connected(&mut network, [offerer, echo]);
    let payload_type = payload_type(&network, offerer, audio);
    for n in 0..1000 {
        let now = network.now();
        network[offerer]
            .connection
            .write_rtp(now, audio, packet(payload_type, n, Extensions::default()))
            .expect("room");
        pass(&mut network, Duration::from_millis(20));
    }
    let stats = network[offerer].connection.stats();
    let sent = stats.outbound.first().expect("a stream is sent");
    assert_eq!(sent.packets, 1000);
    let rtt = sent.remote.and_then(|report| report.round_trip_time).expect("the peer reports");
    assert!(rtt >= Duration::from_millis(19) && rtt <= Duration::from_millis(25), "{rtt:?}");
    let received = stats.inbound.first().expect("a stream is received");
    assert_eq!((received.packets, received.lost), (1000, 0));
}

#[test]
fn what_was_not_negotiated_is_refused() {
    let (mut network, offerer, echo, audio) = call(43, |peer, _| add(peer, MediaKind::Audio));
    let payload_type = payload_type(&network, offerer, audio);
    let now = network.now();
    let early =
        network[offerer].connection.write_rtp(now, audio, packet(payload_type, 1, Extensions::default()));
    assert_eq!(early, Err(WriteError::NotConnected));
    let now = both_connected(&mut network, [offerer, echo]);
    let connection = &mut network[offerer].connection;
    let mut large = packet(payload_type, 1, Extensions::default());
    large.payload = Bytes::from(vec![0; 1500]);
    assert_eq!(connection.write_rtp(now, audio, large), Err(WriteError::TooLarge));
    let other = PayloadType::new(1).expect("a payload type");
    assert_eq!(
        connection.write_rtp(now, audio, packet(other, 1, Extensions::default())),
        Err(WriteError::PayloadType)
    );
    let mut result = Ok(());
    for n in 0..10_000 {
        result = result.and(connection.write_rtp(now, audio, packet(payload_type, n, Extensions::default())));
    }
    assert_eq!(result, Err(WriteError::Full));
}

/// Consent has expired, and much waits to be sent: nothing of it goes out, and nobody asks all the time whether it could.
#[test]
fn what_waits_for_a_path_is_no_busy_loop() {
    let (mut network, offerer, echo, (audio, channel)) =
        call(44, |peer, now| (add(peer, MediaKind::Audio), open(peer, now, "data", true)));
    both_connected(&mut network, [offerer, echo]);
    pass(&mut network, Duration::from_secs(2));
    let payload_type = payload_type(&network, offerer, audio);
    network.remove_address(address(2));
    for n in 0..400 {
        let now = network.now();
        network[offerer].send(now, channel, binary(20_000));
        for part in 0..3 {
            let packet = packet(payload_type, 3 * n + part, Extensions::default());
            let _ = network[offerer].connection.write_rtp(now, audio, packet);
        }
        pass(&mut network, Duration::from_millis(100));
    }
    assert!(network[offerer].connection.path().is_none());
    let sent = network.stats().sent;
    let now = network.now();
    let _ =
        network[offerer].connection.write_rtp(now, audio, packet(payload_type, 9_999, Extensions::default()));
    pass(&mut network, Duration::from_secs(3_600));
    assert_eq!(network.stats().sent, sent);
}
