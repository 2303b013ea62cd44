#![allow(clippy::disallowed_methods, reason = "tests may read a clock")]

use drywire_rtp::rtcp::{
    FullIntraRequest, FullIntraRequestEntry, ItemType, Nack, PictureLossIndication, SenderInfo, SenderReport,
};
use drywire_rtp::{HeaderFields, NtpTime, SequenceNumber};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::WallClock;

const VIDEO: Format = Format { kind: Kind::Video, clock_rate: 90_000 };
const AUDIO: Format = Format { kind: Kind::Audio, clock_rate: 48_000 };

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn streams(now: Instant) -> Streams {
    let wall_clock = WallClock::new(now, Duration::from_secs(816_003_205));
    Streams::new(Config::new("the cname", wall_clock), now, [3; 32])
}

/// A packet with 100 bytes of payload.
fn header(ssrc: u32, sequence: u16, timestamp: u32) -> RtpHeader {
    let mut packet = Vec::new();
    let fields = HeaderFields {
        ssrc: Ssrc(ssrc),
        sequence_number: SequenceNumber(sequence),
        timestamp,
        ..HeaderFields::default()
    };
    fields.write(&mut packet, &[]).unwrap();
    packet.resize(packet.len() + 100, 0);
    RtpHeader::parse(&packet).unwrap()
}

/// All datagrams that are due at `now`.
fn transmits(streams: &mut Streams, now: Instant) -> Vec<Vec<u8>> {
    let mut datagrams = Vec::new();
    let mut out = vec![0xAB; 3];
    while let Some(len) = streams.poll_transmit(now, &mut out) {
        assert_eq!(out[..3], [0xAB; 3]);
        assert_eq!(out.len(), 3 + len);
        assert!(len > 0 && len <= 1180);
        datagrams.push(out.split_off(3));
    }
    datagrams
}

/// Goes to the next timeout and takes the one datagram of it.
fn next_report(streams: &mut Streams) -> (Instant, Vec<u8>) {
    let at = streams.poll_timeout().unwrap();
    streams.handle_timeout(at);
    let mut datagrams = transmits(streams, at);
    assert_eq!(datagrams.len(), 1);
    (at, datagrams.pop().unwrap())
}

fn packets(datagram: &[u8]) -> Vec<Packet<'_>> {
    Compound::new(datagram).map(Result::unwrap).collect()
}

#[test]
fn a_receiver_reports_losses_and_its_name() {
    let start = Instant::now();
    let mut streams = streams(start);
    for sequence in [10, 11, 14, 15] {
        streams.handle_rtp(start, &header(1, sequence, 0), VIDEO);
    }
    let (at, datagram) = next_report(&mut streams);
    assert!((millis(250)..=millis(750)).contains(&(at - start)));
    let [Packet::ReceiverReport(report), Packet::SourceDescription(names)] = packets(&datagram)[..] else {
        panic!()
    };
    let blocks: Vec<_> = report.reports.collect();
    assert_eq!(blocks.len(), 1);
    assert_eq!(blocks[0].ssrc, Ssrc(1));
    assert_eq!((blocks[0].fraction_lost, blocks[0].cumulative_lost), (85, 2));
    assert_eq!(blocks[0].highest_sequence_number, 15);
    assert_eq!((blocks[0].last_sender_report, blocks[0].delay_since_last_sender_report), (0, 0));
    let chunk = names.chunks().next().unwrap();
    assert_eq!((chunk.source, chunk.item(ItemType::CNAME)), (report.sender, Some(&b"the cname"[..])));
}

#[test]
fn reports_come_on_the_interval_of_the_media_and_stop_with_it() {
    for (format, interval) in [(VIDEO, 1000), (AUDIO, 5000)] {
        let start = Instant::now();
        let mut streams = streams(start);
        streams.handle_rtp(start, &header(1, 0, 0), format);
        let (mut last, _) = next_report(&mut streams);
        for sequence in 1..30 {
            streams.handle_rtp(last, &header(1, sequence, 0), format);
            let (at, _) = next_report(&mut streams);
            let waited = at - last;
            assert!((millis(interval / 2)..=millis(interval * 3 / 2)).contains(&waited), "{waited:?}");
            last = at;
        }
        // Nothing was heard since: the timer runs out once more and stops.
        let at = streams.poll_timeout().unwrap();
        streams.handle_timeout(at);
        assert_eq!(transmits(&mut streams, at), Vec::<Vec<u8>>::new());
        assert_eq!(streams.poll_timeout(), None);
        streams.handle_rtp(at, &header(1, 30, 0), format);
        assert!(streams.poll_timeout().unwrap() > at);
    }
}

#[test]
fn video_speeds_up_the_reports_of_audio() {
    let start = Instant::now();
    let mut streams = streams(start);
    streams.handle_rtp(start, &header(1, 0, 0), AUDIO);
    streams.handle_rtp(start, &header(2, 0, 0), VIDEO);
    let (at, datagram) = next_report(&mut streams);
    assert!(at - start <= millis(750));
    let Packet::ReceiverReport(report) = packets(&datagram)[0] else { panic!() };
    assert_eq!(report.reports.len(), 2);
}

#[test]
fn a_sender_tells_the_time_in_both_clocks() {
    let start = Instant::now();
    let mut streams = streams(start);
    streams.add_sender(start, Ssrc(7), Kind::Audio).unwrap();
    assert_eq!(streams.poll_timeout(), None);
    for n in 0..3_u16 {
        let at = start + millis(20) * u32::from(n);
        streams.handle_sent(at, &header(7, n, 1000 + 960 * u32::from(n)), AUDIO).unwrap();
    }
    let (at, datagram) = next_report(&mut streams);
    let [Packet::SenderReport(report), Packet::SourceDescription(_)] = packets(&datagram)[..] else {
        panic!()
    };
    let elapsed = at - start;
    assert_eq!(report.info.ssrc, Ssrc(7));
    assert_eq!(report.info.ntp_time, NtpTime::from_unix(Duration::from_secs(816_003_205) + elapsed));
    let ticks = elapsed.as_nanos() * 48_000 / 1_000_000_000;
    assert!(u128::from(report.info.rtp_timestamp).abs_diff(1000 + ticks) <= 1);
    assert_eq!((report.info.packet_count, report.info.octet_count), (3, 300));
    assert_eq!(streams.handle_sent(at, &header(8, 0, 0), AUDIO), Err(UnknownStream));
}

/// Two sides, 40 ms apart: the sender learns the round-trip time and the loss.
#[test]
fn reports_of_both_sides_measure_the_round_trip() {
    let start = Instant::now();
    let (mut a, mut b) = (streams(start), streams(start));
    a.add_sender(start, Ssrc(1), Kind::Video).unwrap();
    let delay = millis(40);
    for n in 0..400_u16 {
        let now = start + millis(10) * u32::from(n);
        if a.poll_timeout().is_some_and(|at| at <= now) {
            a.handle_timeout(now);
        }
        if b.poll_timeout().is_some_and(|at| at <= now) {
            b.handle_timeout(now);
        }
        let packet = header(1, n, 900 * u32::from(n));
        a.handle_sent(now, &packet, VIDEO).unwrap();
        if n % 4 != 3 {
            b.handle_rtp(now + delay, &packet, VIDEO);
        }
        for datagram in transmits(&mut a, now) {
            b.handle_rtcp(now + delay, &datagram);
        }
        for datagram in transmits(&mut b, now + delay) {
            a.handle_rtcp(now + delay + delay, &datagram);
        }
    }
    let remote = a.sender(Ssrc(1)).unwrap().remote.unwrap();
    let round_trip = remote.round_trip_time.unwrap();
    assert!((millis(79)..=millis(81)).contains(&round_trip), "{round_trip:?}");
    assert!((0.2..0.3).contains(&remote.fraction_lost), "{}", remote.fraction_lost);
    assert!((40..=100).contains(&remote.lost), "{}", remote.lost);
    let received = b.receiver(Ssrc(1)).unwrap();
    assert_eq!((received.packets, received.payload_bytes, received.header_bytes), (300, 30_000, 3600));
    let sent = a.sender(Ssrc(1)).unwrap();
    assert_eq!((sent.packets, sent.payload_bytes, sent.header_bytes), (400, 40_000, 4800));
    assert_eq!(received.sender_report.unwrap().info.ssrc, Ssrc(1));
    assert_eq!((b.stats().malformed, b.stats().foreign, a.stats().foreign), (0, 0, 0));
}

#[test]
fn many_streams_are_reported_once_each_in_datagrams_that_fit() {
    let start = Instant::now();
    let mut streams = streams(start);
    for ssrc in 0..200 {
        streams.add_sender(start, Ssrc(1000 + ssrc), Kind::Video).unwrap();
        streams.handle_sent(start, &header(1000 + ssrc, 0, 0), VIDEO).unwrap();
        streams.handle_rtp(start, &header(ssrc, 0, 0), VIDEO);
    }
    let at = streams.poll_timeout().unwrap();
    streams.handle_timeout(at);
    let datagrams = transmits(&mut streams, at);
    let (mut senders, mut received) = (Vec::new(), Vec::new());
    for datagram in &datagrams {
        for packet in packets(datagram) {
            match packet {
                Packet::SenderReport(report) => {
                    senders.push(report.info.ssrc.0);
                    received.extend(report.reports.map(|block| block.ssrc.0));
                }
                Packet::ReceiverReport(report) => received.extend(report.reports.map(|block| block.ssrc.0)),
                Packet::SourceDescription(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(senders, (1000..1200).collect::<Vec<_>>());
    assert_eq!(received, (0..200).collect::<Vec<_>>());
    assert!(datagrams.len() < 20, "{}", datagrams.len());
}

#[test]
fn requests_for_key_frames_go_out_at_once() {
    let start = Instant::now();
    let mut streams = streams(start);
    assert_eq!(streams.request_keyframe(start, Ssrc(1), KeyframeRequest::Pli), Err(UnknownStream));
    streams.handle_rtp(start, &header(1, 0, 0), VIDEO);
    streams.handle_rtp(start, &header(2, 0, 0), VIDEO);
    streams.add_sender(start, Ssrc(7), Kind::Video).unwrap();
    streams.request_keyframe(start, Ssrc(1), KeyframeRequest::Pli).unwrap();
    streams.request_keyframe(start, Ssrc(2), KeyframeRequest::Fir).unwrap();
    let datagrams = transmits(&mut streams, start);
    assert_eq!(datagrams.len(), 1);
    let [Packet::PictureLossIndication(pli), Packet::FullIntraRequest(fir)] = packets(&datagrams[0])[..]
    else {
        panic!()
    };
    assert_eq!(pli, PictureLossIndication { sender: Ssrc(7), media: Ssrc(1) });
    let entries: Vec<_> = fir.entries().collect();
    assert_eq!(entries, [FullIntraRequestEntry { media: Ssrc(2), command: 1 }]);
    // The next command of the same stream has the next number.
    let later = start + millis(300);
    streams.request_keyframe(later, Ssrc(2), KeyframeRequest::Fir).unwrap();
    let datagrams = transmits(&mut streams, later);
    let Packet::FullIntraRequest(fir) = packets(&datagrams[0])[0] else { panic!() };
    assert_eq!(fir.entries().next().unwrap().command, 2);
}

#[test]
fn without_reduced_size_feedback_follows_a_report() {
    let start = Instant::now();
    let mut streams = streams(start);
    streams.set_reduced_size(false);
    streams.handle_rtp(start, &header(1, 0, 0), VIDEO);
    streams.request_keyframe(start, Ssrc(1), KeyframeRequest::Pli).unwrap();
    let datagrams = transmits(&mut streams, start);
    assert!(matches!(
        packets(&datagrams[0])[..],
        [Packet::ReceiverReport(_), Packet::SourceDescription(_), Packet::PictureLossIndication(_)]
    ));
}

/// D11: however often it is asked, one request goes out in an interval, and the last one is not lost.
#[test]
fn d11_requests_for_key_frames_are_bounded() {
    let start = Instant::now();
    let mut streams = streams(start);
    streams.handle_rtp(start, &header(1, 0, 0), AUDIO);
    let mut sent = 0;
    for n in 0..10_000 {
        let now = start + Duration::from_micros(100) * n;
        streams.request_keyframe(now, Ssrc(1), KeyframeRequest::Pli).unwrap();
        if streams.poll_timeout().is_some_and(|at| at <= now) {
            streams.handle_timeout(now);
        }
        sent += transmits(&mut streams, now).len();
    }
    assert_eq!(sent, 4); // at 0, 300, 600 and 900 ms
    let at = start + millis(1200);
    assert_eq!(streams.poll_timeout(), Some(at));
    streams.handle_timeout(at);
    assert_eq!(transmits(&mut streams, at).len(), 1);
}

/// D11: a storm of requests from the peer gives few events, whether they are polled or not.
#[test]
fn d11_events_for_key_frames_are_bounded() {
    let start = Instant::now();
    let mut streams = streams(start);
    streams.add_sender(start, Ssrc(1), Kind::Video).unwrap();
    let mut datagram = Vec::new();
    PictureLossIndication { sender: Ssrc(9), media: Ssrc(1) }.write(&mut datagram);
    let mut events = 0;
    for n in 0..10_000 {
        let now = start + Duration::from_micros(100) * n;
        streams.handle_rtcp(now, &datagram);
        streams.handle_timeout(now);
        if n < 5000 {
            events += std::iter::from_fn(|| streams.poll_event()).count();
        }
    }
    assert_eq!(events, 2); // at 0 and 300 ms
    let expected = Event::KeyframeRequested { ssrc: Ssrc(1), request: KeyframeRequest::Pli };
    assert_eq!(streams.poll_event(), Some(expected));
    assert_eq!(streams.poll_event(), None);
    assert_eq!(streams.sender(Ssrc(1)).unwrap().plis, 10_000);
}

#[test]
fn a_repeated_full_intra_request_asks_for_nothing_new() {
    let start = Instant::now();
    let mut streams = streams(start);
    streams.add_sender(start, Ssrc(1), Kind::Video).unwrap();
    let mut at = start;
    for (sender, command, new) in [(9, 1, true), (9, 1, false), (9, 2, true), (8, 2, true)] {
        let mut datagram = Vec::new();
        FullIntraRequest::write(
            &mut datagram,
            Ssrc(sender),
            [FullIntraRequestEntry { media: Ssrc(1), command }],
        );
        streams.handle_rtcp(at, &datagram);
        assert_eq!(streams.poll_event().is_some(), new);
        at += millis(300);
    }
    assert_eq!(streams.sender(Ssrc(1)).unwrap().firs, 3);
}

/// D12: RTCP about streams that are not of this transport changes nothing.
#[test]
fn d12_feedback_about_foreign_streams_is_ignored() {
    let start = Instant::now();
    let mut streams = streams(start);
    streams.add_sender(start, Ssrc(1), Kind::Video).unwrap();
    streams.handle_sent(start, &header(1, 0, 0), VIDEO).unwrap();
    streams.handle_rtp(start, &header(2, 0, 0), VIDEO);
    let mut datagram = Vec::new();
    let foreign = Ssrc(77);
    let block = ReportBlock { ssrc: foreign, fraction_lost: 200, ..ReportBlock::default() };
    SenderReport::write(&mut datagram, &SenderInfo { ssrc: foreign, ..SenderInfo::default() }, [block]);
    PictureLossIndication { sender: Ssrc(2), media: foreign }.write(&mut datagram);
    let entry = FullIntraRequestEntry { media: foreign, command: 1 };
    FullIntraRequest::write(&mut datagram, Ssrc(2), [entry]);
    Nack::write(&mut datagram, Ssrc(2), foreign, [SequenceNumber(1)]);
    // Our own stream is not the peer's to end.
    Goodbye::write(&mut datagram, [foreign, Ssrc(1)]);
    streams.handle_rtcp(start, &datagram);
    assert_eq!(streams.poll_event(), None);
    assert_eq!(streams.stats().foreign, 7);
    assert!(streams.sender(Ssrc(1)).unwrap().remote.is_none());
    assert!(streams.receiver(Ssrc(2)).is_some());
    assert_eq!((streams.receivers().count(), streams.senders().count()), (1, 1));
}

#[test]
fn a_goodbye_ends_a_received_stream() {
    let start = Instant::now();
    let mut streams = streams(start);
    streams.handle_rtp(start, &header(2, 0, 0), VIDEO);
    streams.request_keyframe(start, Ssrc(2), KeyframeRequest::Pli).unwrap();
    let mut datagram = Vec::new();
    Goodbye::write(&mut datagram, [Ssrc(2)]);
    streams.handle_rtcp(start, &datagram);
    streams.handle_rtcp(start, &datagram);
    assert_eq!(streams.poll_event(), Some(Event::Goodbye { ssrc: Ssrc(2) }));
    assert_eq!(streams.poll_event(), None);
    assert!(streams.receiver(Ssrc(2)).is_none());
    assert_eq!(transmits(&mut streams, start), Vec::<Vec<u8>>::new());
}

#[test]
fn we_say_goodbye_to_what_was_sent() {
    let start = Instant::now();
    let mut streams = streams(start);
    for ssrc in 1..=3 {
        streams.add_sender(start, Ssrc(ssrc), Kind::Audio).unwrap();
    }
    assert_eq!(streams.add_sender(start, Ssrc(1), Kind::Audio), Err(StreamError::InUse));
    streams.handle_sent(start, &header(1, 0, 0), AUDIO).unwrap();
    streams.handle_sent(start, &header(2, 0, 0), AUDIO).unwrap();
    streams.remove_sender(start, Ssrc(1)).unwrap();
    assert_eq!(streams.remove_sender(start, Ssrc(1)), Err(UnknownStream));
    let datagrams = transmits(&mut streams, start);
    let [Packet::ReceiverReport(report), Packet::SourceDescription(_), Packet::Goodbye(goodbye)] =
        packets(&datagrams[0])[..]
    else {
        panic!()
    };
    assert_eq!(report.sender, Ssrc(1));
    assert_eq!(goodbye.sources().collect::<Vec<_>>(), [Ssrc(1)]);
    // The third was announced and never sent: nobody knows it.
    streams.close(start);
    let datagrams = transmits(&mut streams, start);
    assert_eq!(datagrams.len(), 1);
    let Packet::Goodbye(goodbye) = packets(&datagrams[0])[2] else { panic!() };
    assert_eq!(goodbye.sources().collect::<Vec<_>>(), [Ssrc(2)]);
    assert_eq!(streams.poll_timeout(), None);
    assert_eq!(streams.add_sender(start, Ssrc(4), Kind::Audio), Err(StreamError::Closed));
    streams.handle_rtp(start, &header(9, 0, 0), AUDIO);
    assert_eq!(streams.receivers().count(), 0);
}

#[test]
fn a_stream_that_comes_back_at_once_is_not_said_goodbye_to() {
    let start = Instant::now();
    let mut streams = streams(start);
    for _ in 0..2 {
        streams.add_sender(start, Ssrc(1), Kind::Audio).unwrap();
        streams.handle_sent(start, &header(1, 0, 0), AUDIO).unwrap();
        streams.remove_sender(start, Ssrc(1)).unwrap();
    }
    streams.add_sender(start, Ssrc(1), Kind::Audio).unwrap();
    assert_eq!(transmits(&mut streams, start), Vec::<Vec<u8>>::new());
}

#[test]
fn the_stronger_of_two_requests_is_sent() {
    let start = Instant::now();
    let mut streams = streams(start);
    streams.handle_rtp(start, &header(1, 0, 0), VIDEO);
    for request in [KeyframeRequest::Pli, KeyframeRequest::Fir, KeyframeRequest::Pli] {
        streams.request_keyframe(start, Ssrc(1), request).unwrap();
    }
    let datagrams = transmits(&mut streams, start);
    assert_eq!(datagrams.len(), 1);
    assert!(matches!(packets(&datagrams[0])[..], [Packet::FullIntraRequest(_)]));
}

#[test]
fn what_waits_goes_with_its_stream() {
    let start = Instant::now();
    let mut streams = streams(start);
    streams.handle_rtp(start, &header(1, 0, 0), VIDEO);
    streams.add_sender(start, Ssrc(2), Kind::Video).unwrap();
    let (mut pli, mut bye) = (Vec::new(), Vec::new());
    PictureLossIndication { sender: Ssrc(1), media: Ssrc(2) }.write(&mut pli);
    Goodbye::write(&mut bye, [Ssrc(1)]);
    for _ in 0..2 {
        streams.request_keyframe(start, Ssrc(1), KeyframeRequest::Pli).unwrap();
        streams.handle_rtcp(start, &pli);
        transmits(&mut streams, start);
        assert!(streams.poll_event().is_some() || streams.deferred.len() == 2);
    }
    assert_eq!(streams.poll_timeout(), Some(start + millis(300)).min(streams.report_at));
    streams.handle_rtcp(start, &bye);
    streams.remove_sender(start, Ssrc(2)).unwrap();
    assert!(streams.deferred.is_empty());
    assert_eq!(streams.poll_timeout(), streams.report_at);
}

/// Telephone events share an SSRC with the audio and may have another clock (RFC 7160).
#[test]
fn another_payload_type_may_have_another_clock() {
    let start = Instant::now();
    let mut streams = streams(start);
    let events = Format { kind: Kind::Audio, clock_rate: 8000 };
    for n in 0..100_u16 {
        let at = start + millis(20) * u32::from(n);
        let (format, step) = if n < 50 { (AUDIO, 960) } else { (events, 160) };
        streams.handle_rtp(at, &header(1, n, step * u32::from(n)), format);
    }
    let received = streams.receiver(Ssrc(1)).unwrap();
    assert_eq!((received.jitter, received.lost, received.packets), (Duration::ZERO, 0, 100));
}

/// D09: streams are bounded; the one that was quiet for longest goes.
#[test]
fn d09_received_streams_are_bounded() {
    let start = Instant::now();
    let mut streams = streams(start);
    for n in 0..5000 {
        let now = start + millis(1) * n;
        streams.handle_rtp(now, &header(n, 0, 0), VIDEO);
        streams.handle_rtp(now, &header(0, u16::try_from(n).unwrap(), 0), VIDEO);
    }
    assert_eq!(streams.receivers().count(), 1024);
    assert_eq!(streams.stats().displaced_receivers, 5000 - 1024);
    assert!(streams.receiver(Ssrc(0)).is_some() && streams.receiver(Ssrc(1)).is_none());
}

#[test]
fn streams_can_move_between_threads() {
    fn assert_send<T: Send>(_: &T) {}
    assert_send(&streams(Instant::now()));
}

#[derive(Clone, Debug)]
enum Call {
    Rtp(u32, u16, bool),
    Rtcp(Vec<u8>),
    Junk(Vec<u8>),
    Timeout,
    Add(u32),
    Remove(u32),
    Sent(u32, u16),
    Request(u32, bool),
    Transmit,
    Event,
    Close,
}

fn call() -> impl Strategy<Value = Call> {
    let ssrc = 0_u32..6;
    let feedback = (ssrc.clone(), ssrc.clone(), 0..5, any::<u8>()).prop_map(|(a, b, kind, command)| {
        let mut out = Vec::new();
        match kind {
            0 => PictureLossIndication { sender: Ssrc(a), media: Ssrc(b) }.write(&mut out),
            1 => FullIntraRequest::write(
                &mut out,
                Ssrc(a),
                [FullIntraRequestEntry { media: Ssrc(b), command }],
            ),
            2 => Goodbye::write(&mut out, [Ssrc(a), Ssrc(b)]),
            3 => Nack::write(&mut out, Ssrc(a), Ssrc(b), [SequenceNumber(1)]),
            _ => {
                let info = SenderInfo { ssrc: Ssrc(a), ntp_time: NtpTime(u64::MAX), ..SenderInfo::default() };
                let block = ReportBlock { ssrc: Ssrc(b), last_sender_report: 5, ..ReportBlock::default() };
                SenderReport::write(&mut out, &info, [block])
            }
        };
        Call::Rtcp(out)
    });
    prop_oneof![
        6 => (ssrc.clone(), any::<u16>(), any::<bool>()).prop_map(|(a, b, c)| Call::Rtp(a, b, c)),
        4 => feedback,
        1 => vec(any::<u8>(), 0..60).prop_map(Call::Junk),
        4 => Just(Call::Timeout),
        3 => ssrc.clone().prop_map(Call::Add),
        1 => ssrc.clone().prop_map(Call::Remove),
        4 => (ssrc.clone(), any::<u16>()).prop_map(|(a, b)| Call::Sent(a, b)),
        4 => (ssrc, any::<bool>()).prop_map(|(a, b)| Call::Request(a, b)),
        3 => Just(Call::Transmit),
        2 => Just(Call::Event),
    ]
}

proptest! {
    /// The contract: any call in any order at any time, also going back.
    #[test]
    fn any_order_of_calls_is_legal(
        calls in vec((call(), 0_u64..2000, any::<bool>()), 0..150),
        reduced in any::<bool>(),
        close in any::<bool>(),
    ) {
        let base = Instant::now() + Duration::from_secs(1000);
        let mut config = Config::new("name", WallClock::new(base, Duration::from_secs(1)));
        config.reduced_size = reduced;
        config.max_receivers = 4;
        config.max_senders = 4;
        let mut streams = Streams::new(config, base, [1; 32]);
        let mut now = base;
        let mut out = Vec::new();
        let end = close.then_some((Call::Close, 0, false));
        for (call, step, back) in calls.into_iter().chain(end) {
            let at = if back { now - millis(step) } else { now + millis(step) };
            // Taking an event tells no time.
            if !matches!(call, Call::Event) {
                now = now.max(at);
            }
            match call {
                Call::Rtp(ssrc, sequence, video) => {
                    streams.handle_rtp(at, &header(ssrc, sequence, 0), if video { VIDEO } else { AUDIO });
                }
                Call::Rtcp(datagram) | Call::Junk(datagram) => streams.handle_rtcp(at, &datagram),
                Call::Timeout => {
                    streams.handle_timeout(at);
                    prop_assert!(streams.poll_timeout().is_none_or(|next| next > now));
                }
                Call::Add(ssrc) => { let _ = streams.add_sender(at, Ssrc(ssrc), Kind::Video); },
                Call::Remove(ssrc) => { let _ = streams.remove_sender(at, Ssrc(ssrc)); },
                Call::Sent(ssrc, sequence) => { let _ = streams.handle_sent(at, &header(ssrc, sequence, 0), VIDEO); },
                Call::Request(ssrc, fir) => {
                    let request = if fir { KeyframeRequest::Fir } else { KeyframeRequest::Pli };
                    let _ = streams.request_keyframe(at, Ssrc(ssrc), request);
                }
                Call::Transmit => {
                    let before = out.len();
                    let len = streams.poll_transmit(at, &mut out);
                    prop_assert_eq!(out.len(), before + len.unwrap_or(0));
                    prop_assert!(len != Some(0));
                    prop_assert!(Compound::new(&out[before..]).all(|packet| packet.is_ok()));
                }
                Call::Event => { let _ = streams.poll_event(); },
                Call::Close => streams.close(at),
            }
            prop_assert!(streams.receivers.len() <= 4 && streams.senders.len() <= 4);
            prop_assert!(streams.requests.len() <= 4 && streams.deferred.len() <= 8);
            prop_assert!(streams.leaving.len() <= 4 && streams.events.len() <= 16);
        }
        while streams.poll_transmit(now, &mut out).is_some() {}
        while streams.poll_event().is_some() {}
        prop_assert_eq!(streams.poll_transmit(now, &mut out), None);
    }
}
