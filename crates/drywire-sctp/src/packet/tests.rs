use super::*;
use crate::ParseError;
use proptest::prelude::*;

/// The chunk that fills `bytes`.
pub(super) fn one_chunk(bytes: &[u8]) -> Chunk<'_> {
    let mut chunks = Chunks::new(bytes);
    let chunk = chunks.next().unwrap().unwrap();
    assert!(chunks.next().is_none());
    chunk
}

fn packet(chunks: &[u8]) -> Vec<u8> {
    let mut out = vec![0xee; 3];
    Header { source_port: 1, destination_port: 2, verification_tag: 3 }.write(&mut out);
    out.extend_from_slice(chunks);
    Header::seal(&mut out, 3);
    out.split_off(3)
}

#[test]
fn e01_every_length_field_moves_on() {
    for length in 0_u16..16 {
        let mut bytes = vec![0xc1, 0];
        bytes.extend(length.to_be_bytes());
        bytes.extend([0xc1, 0, 0, 4]);
        let chunks: Vec<_> = Chunks::new(&bytes).collect();
        assert!(chunks.len() <= 2);
        assert_eq!(chunks[0].is_ok(), (4..=8).contains(&length), "{length}");
        assert_eq!(chunks.last().unwrap().is_ok(), (4..=8).contains(&length), "{length}");
    }
}

#[test]
fn e05_a_wrong_checksum_is_dropped() {
    let good = packet(&[11, 0, 0, 4]);
    assert_eq!(Packet::parse(&good).unwrap().chunks().count(), 1);
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            assert_eq!(Packet::parse(&bad).unwrap_err(), ParseError::Checksum);
        }
    }
    let mut zero = good.clone();
    zero[8..12].fill(0);
    assert!(Packet::parse(&zero).is_err(), "a zero checksum was not negotiated");
    for len in 0..good.len() {
        assert!(Packet::parse(&good[..len]).is_err());
    }
}

#[test]
fn unknown_types_say_what_to_do() {
    assert_eq!(ChunkType(0x3f).when_unknown(), Unknown { skip: false, report: false });
    assert_eq!(ChunkType(0x7f).when_unknown(), Unknown { skip: false, report: true });
    assert_eq!(ChunkType(0x80).when_unknown(), Unknown { skip: true, report: false });
    assert_eq!(ChunkType(0xc0).when_unknown(), Unknown { skip: true, report: true });
    assert_eq!(ParameterType(0x4000).when_unknown(), Unknown { skip: false, report: true });
    assert_eq!(ParameterType(0x8001).when_unknown(), Unknown { skip: true, report: false });
}

proptest! {
    #[test]
    fn any_bytes_are_read_to_their_end(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        let sealed = packet(&bytes);
        let mut read = 0;
        for chunk in Packet::parse(&sealed).unwrap().chunks().flatten() {
            read += chunk.whole.len();
            let _ = (Data::parse(&chunk), Init::parse(&chunk).map(|init| init.parameters.iter().count()));
            let _ = Sack::parse(&chunk).map(|sack| sack.gaps().count() + sack.duplicates().count());
            let _ = (Heartbeat::parse(&chunk), Shutdown::parse(&chunk), Causes::parse(&chunk).iter().count());
            for parameter in Parameters::new(chunk.value).iter().flatten() {
                let _ = (OutgoingReset::parse(parameter.value), ResetResponse::parse(parameter.value));
            }
        }
        prop_assert!(read <= bytes.len());
    }
}
