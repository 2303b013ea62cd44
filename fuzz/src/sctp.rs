//! SCTP: packets that are read hold together, and no packet harms an association.

use std::time::{Duration, Instant};

use bytes::Bytes;
use drywire_sctp::packet::{
    Causes, Chunk, ChunkType, CookieEcho, Data, ForwardTsn, GapBlock, Header, Heartbeat, IData, IForwardTsn,
    Init, OutgoingReset, Packet, Parameters, ResetResponse, Sack, Shutdown,
};
use drywire_sctp::{Association, Config, Ppid, SendOptions, StreamId};

/// The chunks of a packet, without the common header.
pub fn sctp_packet(data: &[u8]) {
    let mut packet = Vec::new();
    Header { source_port: 5000, destination_port: 5000, verification_tag: 7 }.write(&mut packet);
    packet.extend_from_slice(data);
    Header::seal(&mut packet, 0);
    let parsed = Packet::parse(&packet).expect("header and checksum are right");
    let mut read = 0;
    for chunk in parsed.chunks().flatten() {
        read += chunk.whole.len();
        read_chunk(&chunk);
    }
    assert!(read <= data.len(), "chunks overlap");
}

fn read_chunk(chunk: &Chunk<'_>) {
    let mut out = Vec::new();
    match chunk.kind {
        ChunkType::DATA => {
            let Ok(data) = Data::parse(chunk) else { return };
            data.write(&mut out);
            assert_eq!(out.get(..chunk.whole.len()), Some(chunk.whole));
        }
        ChunkType::I_DATA => {
            let Ok(data) = IData::parse(chunk) else { return };
            data.write(&mut out);
            // The reserved field is not kept.
            assert_eq!(out.get(..10), chunk.whole.get(..10));
            assert_eq!(out.get(12..chunk.whole.len()), chunk.whole.get(12..));
        }
        ChunkType::I_FORWARD_TSN => {
            let Ok(forward) = IForwardTsn::parse(chunk) else { return };
            IForwardTsn::write(&mut out, forward.cumulative, forward.skipped());
            assert_eq!(out.len(), chunk.whole.len());
            let Ok(again) = IForwardTsn::parse(&Chunk { value: out.get(4..).unwrap_or_default(), ..*chunk })
            else {
                panic!("what was written can be read")
            };
            assert!(again.skipped().eq(forward.skipped()));
        }
        ChunkType::INIT | ChunkType::INIT_ACK => {
            let Ok(init) = Init::parse(chunk) else { return };
            assert!(init.parameters.iter().count() <= chunk.value.len() / 4 + 1);
            init.write(&mut out, chunk.kind, |_| ());
            assert_eq!(out.get(4..20), chunk.whole.get(4..20));
            // The padding of the last parameter may have been counted, and may have been anything.
            let len = out.get(2..4).and_then(|len| len.first_chunk().copied()).map_or(0, u16::from_be_bytes);
            let len = usize::from(len);
            let Ok(again) = Init::parse(&Chunk { value: out.get(4..len).unwrap_or_default(), ..*chunk })
            else {
                panic!("what was written can be read")
            };
            let parameters = |init: &Init<'_>| -> Vec<_> {
                let known = init.parameters.iter().map_while(Result::ok);
                known.map(|parameter| (parameter.kind, parameter.value.to_vec())).collect()
            };
            assert_eq!(parameters(&again), parameters(&init));
        }
        ChunkType::FORWARD_TSN => {
            let Ok(forward) = ForwardTsn::parse(chunk) else { return };
            ForwardTsn::write(&mut out, forward.cumulative, forward.skipped());
            assert_eq!(out.get(4..), chunk.whole.get(4..out.len()));
        }
        ChunkType::SACK => {
            let Ok(sack) = Sack::parse(chunk) else { return };
            let gaps: Vec<GapBlock> = sack.gaps().collect();
            let duplicates: Vec<_> = sack.duplicates().collect();
            assert!(4 * (gaps.len() + duplicates.len()) <= chunk.value.len());
            Sack::write(&mut out, sack.cumulative, sack.window, gaps.into_iter(), &duplicates);
            assert_eq!(out.get(4..), chunk.whole.get(4..out.len()));
        }
        ChunkType::HEARTBEAT | ChunkType::HEARTBEAT_ACK => {
            if let Ok(heartbeat) = Heartbeat::parse(chunk) {
                assert!(heartbeat.info.len() < chunk.value.len());
            }
        }
        ChunkType::SHUTDOWN => {
            let _ = Shutdown::parse(chunk);
        }
        ChunkType::COOKIE_ECHO => assert_eq!(CookieEcho::parse(chunk).cookie, chunk.value),
        ChunkType::ABORT | ChunkType::ERROR => {
            assert!(Causes::parse(chunk).iter().count() <= chunk.value.len() / 4);
        }
        _ => {
            for parameter in Parameters::new(chunk.value).iter().flatten() {
                if let Ok(reset) = OutgoingReset::parse(parameter.value) {
                    assert_eq!(2 * reset.streams().count() + 12, parameter.value.len());
                }
                let _ = ResetResponse::parse(parameter.value);
            }
        }
    }
}

/// A script: each step is a byte that says what happens, a length, and the chunks of a packet for one of two
/// associations that are connected to each other.
pub fn sctp_association(data: &[u8]) {
    #[allow(clippy::disallowed_methods, reason = "a start for the virtual clock")]
    let mut now = Instant::now();
    let mut config = Config::default();
    // Small numbers are near what is expected.
    config.initial_tsn = Some(1);
    // The rest of the script decides, so that either is tried.
    config.interleaving = data.len() & 1 == 1;
    let mut sides = [Association::new(config.clone(), now, [1; 32]), Association::new(config, now, [2; 32])];
    let mut tags = [0_u32; 2];
    for side in &mut sides {
        side.connect(now);
        let _ = side.write(now, StreamId(1), Ppid(51), Bytes::from_static(b"early"), SendOptions::ordered());
    }
    for _ in 0..4 {
        exchange(&mut sides, now, &mut tags);
    }
    let mut rest = data;
    while let Some(([step, len], after)) = rest.split_first_chunk() {
        let (chunks, after) = after.split_at(usize::from(*len).min(after.len()));
        rest = after;
        let at = usize::from(step & 1);
        let Some(side) = sides.get_mut(at) else { return };
        let stream = StreamId(u16::from(step >> 5));
        match (step >> 1) & 7 {
            0..=2 => {
                let tag = tags.get(1 - at).copied().unwrap_or(0);
                let mut packet = Vec::new();
                let verification_tag = if step & 0x10 == 0 { tag } else { 0 };
                Header { source_port: 5000, destination_port: 5000, verification_tag }.write(&mut packet);
                packet.extend_from_slice(chunks);
                Header::seal(&mut packet, 0);
                side.handle_input(now, Bytes::from(packet));
            }
            3 => {
                let data = Bytes::from(vec![*step; 1 + 20 * chunks.len()]);
                // Of every length another promise.
                let options = match len % 3 {
                    0 => SendOptions::unordered(),
                    1 => SendOptions::ordered().with_max_retransmits((len % 4).into()),
                    _ => SendOptions::unordered().with_lifetime(Duration::from_millis((*len).into())),
                };
                let _ = side.write(now, stream, Ppid(53), data, options);
            }
            4 => {
                now += Duration::from_millis(10 * u64::from(*len));
                side.handle_timeout(now);
                assert!(side.poll_timeout().is_none_or(|next| next > now), "the next timeout is in the past");
            }
            5 => side.reset_streams(now, &[stream]),
            6 => {
                side.set_read_in_parts(stream, len & 1 == 1);
                while side.read(stream).is_some() {}
            }
            _ => exchange(&mut sides, now, &mut tags),
        }
    }
    for _ in 0..4 {
        exchange(&mut sides, now, &mut tags);
    }
}

/// Hands over what both sides have to send; `tags` are the verification tags that they send with.
fn exchange(sides: &mut [Association; 2], now: Instant, tags: &mut [u32; 2]) {
    let ([a, b], [tag_a, tag_b]) = (sides, tags);
    hand_over(a, b, now, tag_a);
    hand_over(b, a, now, tag_b);
}

fn hand_over(from: &mut Association, to: &mut Association, now: Instant, tag: &mut u32) {
    let mut out = Vec::new();
    for _ in 0..10_000 {
        out.clear();
        let Some(len) = from.poll_transmit(now, &mut out) else { break };
        assert_eq!(len, out.len());
        if let Ok(packet) = Packet::parse(&out)
            && packet.header.verification_tag != 0
        {
            *tag = packet.header.verification_tag;
        }
        to.handle_input(now, Bytes::copy_from_slice(&out));
    }
    while from.poll_event().is_some() {}
}
