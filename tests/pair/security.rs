//! What is negotiated about certificates, keys and encrypted headers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use drywire::crypto::{CertificateOptions, CertifiedKey, HashAlgorithm, KeyAlgorithm, SignatureScheme};
use drywire::jsep::DescriptionType::{Answer, Offer};
use drywire::jsep::{EncryptionPolicy, HeaderExtension, MediaKind, TransceiverId, TransceiverInit};
use drywire::rtp::extension::AudioLevel;
use drywire::rtp::{PayloadType, SequenceNumber};
use drywire::sdp::SessionDescription;
use drywire::{Config, Event, Extensions, RtpPacket, dtls};
use drywire_sim::{Link, Network, NodeId};

use crate::harness::{Manner, Peer, address, call_with, config, connected, open, pass, text};

fn audio(peer: &mut Peer) -> TransceiverId {
    let init = TransceiverInit::default();
    peer.connection.add_transceiver(drywire_sim::origin(), MediaKind::Audio, init).expect("a transceiver")
}

fn packet(n: u16) -> RtpPacket {
    let mut extensions = Extensions::default();
    extensions.audio_level = Some(AudioLevel { voice: true, below_overload: 42 });
    RtpPacket {
        payload_type: PayloadType::new(111).expect("that of Opus"),
        marker: false,
        sequence_number: SequenceNumber(n),
        timestamp: u32::from(n) * 960,
        extensions,
        payload: Bytes::from_static(&[7; 80]),
    }
}

/// What is "defined by profile" in front of the header extensions on the wire, and the level behind it if it can be read.
type Header = ([u8; 2], bool);

/// A call in which ten packets go round; gives what an observer saw of their headers.
fn ten_packets(offerer: &Arc<Config>, answerer: &Arc<Config>) -> (Network<Peer>, [NodeId; 2], Vec<Header>) {
    let (mut network, offering, answering, id) =
        call_with(offerer, answerer, [60; 32], |peer, _| audio(peer));
    connected(&mut network, offering);
    connected(&mut network, answering);
    let seen = Arc::<Mutex<Vec<Header>>>::default();
    let observer = seen.clone();
    network.set_filter(move |_, _, datagram| {
        if datagram.first() == Some(&0x90) {
            // RFC 8285: an element of one byte has length 0; V and the level follow.
            let end = 16 + 4 * usize::from(datagram[15]);
            let level = datagram[16..end].windows(2).any(|two| two[0] & 15 == 0 && two[1] == 0x80 | 42);
            observer.lock().expect("nobody panicked").push(([datagram[12], datagram[13]], level));
        }
        true
    });
    let now = network.now();
    for n in 0..10 {
        network[offering].connection.write_rtp(now, id, packet(n)).expect("room");
    }
    pass(&mut network, Duration::from_secs(1));
    // Whatever is on the wire, all comes back as it was.
    let packets: Vec<_> = network[offering].packets.iter().map(|(_, packet)| packet.clone()).collect();
    assert_eq!(packets, (0..10).map(packet).collect::<Vec<_>>());
    let seen = std::mem::take(&mut *seen.lock().expect("nobody panicked"));
    assert_eq!(seen.len(), 20);
    (network, [offering, answering], seen)
}

fn with(change: impl FnOnce(&mut Config)) -> Arc<Config> {
    let mut config = config();
    change(&mut config);
    Arc::new(config)
}

const PROFILES: [dtls::SrtpProfile; 4] = [
    dtls::SrtpProfile::Aes128CmSha1_80,
    dtls::SrtpProfile::Aes128CmSha1_32,
    dtls::SrtpProfile::AeadAes128Gcm,
    dtls::SrtpProfile::AeadAes256Gcm,
];

#[test]
fn cryptex_hides_headers_with_every_profile() {
    for profile in PROFILES {
        for cryptex in [EncryptionPolicy::Negotiate, EncryptionPolicy::Off] {
            let negotiates = with(|config| config.dtls_mut().srtp_profiles = vec![profile]);
            let other = with(|config| {
                config.dtls_mut().srtp_profiles = vec![profile];
                config.negotiation_mut().cryptex = cryptex;
            });
            let (network, ids, seen) = ten_packets(&negotiates, &other);
            let both = cryptex != EncryptionPolicy::Off;
            for (kind, readable) in seen {
                assert_eq!(kind, if both { [0xC0, 0xDE] } else { [0xBE, 0xDE] });
                assert!(both || readable);
            }
            for id in ids {
                let stats = network[id].connection.stats();
                assert_eq!(stats.dtls.and_then(|info| info.srtp_profile), Some(profile));
                let count = if both { 10 } else { 0 };
                let transport = stats.transport;
                assert_eq!(
                    (transport.cryptex_packets_received, transport.cryptex_packets_sent),
                    (count, count)
                );
            }
        }
    }
}

#[test]
fn one_header_extension_is_encrypted() {
    for profile in PROFILES {
        let encrypts = with(|config| {
            config.dtls_mut().srtp_profiles = vec![profile];
            config.negotiation_mut().cryptex = EncryptionPolicy::Off;
            for extension in &mut config.negotiation_mut().header_extensions {
                if extension.uri == HeaderExtension::AUDIO_LEVEL {
                    extension.encryption = EncryptionPolicy::Negotiate;
                }
            }
        });
        let (_, _, seen) = ten_packets(&encrypts, &encrypts);
        // In the clear it is all twenty; of random bytes, one in 256 looks like the right one.
        let readable = seen.iter().filter(|(_, readable)| *readable).count();
        assert!(readable < 10, "{readable} of 20 are in the clear");
        assert!(seen.iter().all(|(kind, _)| *kind == [0xBE, 0xDE]));
    }
}

#[test]
fn who_requires_cryptex_refuses_a_peer_without_it() {
    let requires = with(|config| config.negotiation_mut().cryptex = EncryptionPolicy::Require);
    let without = with(|config| config.negotiation_mut().cryptex = EncryptionPolicy::Off);
    let now = drywire_sim::origin();
    let mut offering = Peer::new(&without, Manner::Keep, 1, [1; 32], now);
    audio(&mut offering);
    let offer = offering.connection.create_offer(now).expect("an offer");
    let mut answering = Peer::new(&requires, Manner::Echo, 2, [2; 32], now);
    assert!(answering.connection.set_remote_description(now, Offer, &offer).is_err());
    ten_packets(&requires, &with(|_| {}));
}

/// Another certificate, with a key of this kind.
fn certificate(config: &Config, algorithm: KeyAlgorithm) -> Arc<CertifiedKey> {
    let provider = &*config.provider;
    let key = provider.generate_signing_key(algorithm).expect("a key");
    let options = CertificateOptions::new(Duration::from_secs(1_760_000_000));
    Arc::new(CertifiedKey::self_signed_with(provider, key, &options).expect("a certificate"))
}

#[test]
fn all_certificates_are_announced_and_the_fitting_one_is_shown() {
    let several = with(|config| {
        let p384 = certificate(config, KeyAlgorithm::EcdsaP384);
        config.dtls_mut().certificates.insert(0, p384);
        config.fingerprint_hashes = vec![HashAlgorithm::Sha256, HashAlgorithm::Sha512, HashAlgorithm::Sha1];
    });
    for schemes in [SignatureScheme::EcdsaP256Sha256, SignatureScheme::EcdsaP384Sha384] {
        let picky = with(|config| config.dtls_mut().signature_schemes = vec![schemes]);
        for version in [dtls::Version::Dtls12, dtls::Version::Dtls13] {
            let picky = with(|config| {
                config.dtls = picky.dtls.clone();
                config.dtls_mut().max_version = version;
                config.dtls_mut().groups.push(drywire::crypto::NamedGroup::Secp384r1);
            });
            let (mut network, offering, answering, _) =
                call_with(&several, &picky, [61; 32], |peer, now| open(peer, now, "data", true));
            let offer = network[offering].connection.create_offer(drywire_sim::origin());
            let offer = offer.map(|offer| offer.to_string());
            let count = |hash: &str| {
                let text = offer.as_deref().unwrap_or_default();
                text.lines().filter(|line| line.starts_with(&format!("a=fingerprint:{hash} "))).count()
            };
            assert_eq!(["sha-1", "sha-256", "sha-384", "sha-512"].map(count), [0, 2, 0, 2]);
            connected(&mut network, offering);
            connected(&mut network, answering);
        }
    }
}

#[test]
fn a_certificate_of_the_user_is_used() {
    let generated = config().dtls.certificates[0].clone();
    let own = with(|config| {
        let (certificate, key) = (generated.certificate_pem(), generated.key_pem());
        let (certificate, key) = (certificate.expect("PEM"), key.expect("PEM"));
        let read = CertifiedKey::from_pem(&*config.provider, &certificate, &key).expect("as it was written");
        config.dtls_mut().certificates = vec![Arc::new(read)];
    });
    let (mut network, offering, answering, _) =
        call_with(&own, &with(|_| {}), [62; 32], |peer, now| open(peer, now, "data", true));
    connected(&mut network, answering);
    let offer = network[offering].connection.create_offer(drywire_sim::origin()).expect("an offer");
    assert!(offer.to_string().contains(&generated.fingerprint(&*own.provider).to_string()));
}

#[test]
fn the_protocol_of_webrtc_is_agreed_on() {
    let named = with(|config| config.dtls_mut().alpn = vec![b"webrtc".to_vec(), b"c-webrtc".to_vec()]);
    let (mut network, offering, answering, _) =
        call_with(&named, &named, [63; 32], |peer, now| open(peer, now, "data", true));
    for id in [offering, answering] {
        connected(&mut network, id);
        let info = network[id].connection.stats().dtls.expect("connected");
        assert_eq!(info.alpn.as_deref(), Some(&b"webrtc"[..]));
    }
}

#[derive(Debug, Default)]
struct Lines(Mutex<Vec<String>>);

impl dtls::KeyLog for Lines {
    fn log(&self, label: &'static str, client_random: &[u8; 32], _: &[u8]) {
        self.0.lock().expect("nobody panicked").push(format!("{label} {client_random:02x?}"));
    }
}

#[test]
fn keys_are_logged_where_it_is_asked_for() {
    let lines = Arc::new(Lines::default());
    let logging = with(|config| config.dtls_mut().key_log = Some(lines.clone()));
    let (mut network, offering, _, _) =
        call_with(&logging, &logging, [64; 32], |peer, now| open(peer, now, "data", true));
    connected(&mut network, offering);
    let mut lines = lines.0.lock().expect("nobody panicked").clone();
    // Both sides write the same.
    assert_eq!(lines.len(), 10, "{lines:?}");
    lines.sort();
    lines.dedup();
    assert_eq!(lines.len(), 5);
}

/// An offerer whose peer is the client of DTLS inside STUN, and its answer, which is still on its way.
fn without_answer(
    seed: u8,
) -> (Network<Peer>, [NodeId; 2], SessionDescription, drywire::datachannel::ChannelId) {
    let config = with(|config| config.sped = true);
    let now = drywire_sim::origin();
    let mut offering = Peer::new(&config, Manner::Keep, 1, [seed; 32], now);
    let mut answering = Peer::new(&config, Manner::Echo, 2, [!seed; 32], now);
    let id = open(&mut offering, now, "data", true);
    let offer = offering.connection.create_offer(now).expect("an offer");
    offering.connection.set_local_description(now, Offer, &offer).expect("our own offer");
    let answer = answering.connection.accept_offer(now, &offer).expect("an answer");
    let mut network = Network::new(now, [seed; 32]);
    network.set_default_link(Link::new().delay(Duration::from_millis(10)));
    let ids = [network.add(offering, &[address(1)]), network.add(answering, &[address(2)])];
    (network, ids, answer, id)
}

fn told_of_data(peer: &Peer) -> bool {
    let told = |event: &Event| matches!(event, Event::DataChannelOpened(_) | Event::DataChannelAnnounced(_));
    peer.events.iter().any(told)
}

/// Both sides say as much of the handshake as fits into the checks that the answerer sends by then.
fn begun(network: &mut Network<Peer>, [offering, answering]: [NodeId; 2]) {
    pass(network, Duration::from_secs(3));
    for id in [offering, answering] {
        let transport = network[id].connection.stats().transport;
        assert!(transport.dtls_in_stun_sent > 0 && transport.dtls_in_stun_received > 0, "{transport:?}");
    }
    let peer = &network[offering];
    assert!(!peer.is_connected() && peer.connection.stats().dtls.is_none() && !told_of_data(peer));
}

/// RFC 8827, section 6.5: the peer's client begins before the answer with its fingerprint is here.
#[test]
fn a_handshake_begins_before_the_answer_and_is_complete_after_it() {
    let (mut network, [offering, answering], answer, id) = without_answer(65);
    begun(&mut network, [offering, answering]);
    let now = network.now();
    network[offering].connection.set_remote_description(now, Answer, &answer).expect("the answer");
    connected(&mut network, offering);
    connected(&mut network, answering);
    // A few round trips are all that was left to do.
    let waited = network.now() - now;
    assert!(waited <= Duration::from_millis(200), "{waited:?}");
    let now = network.now();
    network[offering].send(now, id, text("after all"));
    pass(&mut network, Duration::from_secs(1));
    assert_eq!(network[offering].messages(id), [text("after all")]);
}

/// The same with an answer of somebody else: nothing of what was held gets out.
#[test]
fn a_handshake_before_the_answer_of_somebody_else_comes_to_nothing() {
    let (mut network, [offering, answering], answer, _) = without_answer(66);
    begun(&mut network, [offering, answering]);
    let text = answer.to_string();
    let at = text.find("a=fingerprint:sha-256 ").expect("a fingerprint") + 22;
    let digit = if text[at..].starts_with('0') { "1" } else { "0" };
    let forged = format!("{}{digit}{}", &text[..at], &text[at + 1..]).parse().expect("a description");
    let now = network.now();
    network[offering].connection.set_remote_description(now, Answer, &forged).expect("the answer");
    pass(&mut network, Duration::from_secs(10));
    let peer = &network[offering];
    assert!(!told_of_data(peer) && peer.connection.stats().dtls.is_none());
    let mismatch = drywire::CloseReason::Dtls(dtls::CloseReason::FingerprintMismatch);
    assert!(peer.events.contains(&Event::Closed { reason: mismatch }), "{:?}", peer.events);
}
