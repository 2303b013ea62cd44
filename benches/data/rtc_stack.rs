use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use drywire_core::Instant;
use rtc::data_channel::RTCDataChannelId;
use rtc::peer_connection::configuration::RTCConfigurationBuilder;
use rtc::peer_connection::configuration::setting_engine::SettingEngineBuilder;
use rtc::peer_connection::event::{RTCDataChannelEvent, RTCPeerConnectionEvent};
use rtc::peer_connection::message::{RTCMessage, TaggedRTCMessage};
use rtc::peer_connection::transport::{CandidateConfig, CandidateHostConfig, RTCDtlsRole, RTCIceCandidate};
use rtc::peer_connection::{RTCPeerConnection, RTCPeerConnectionBuilder};
use rtc::sansio::Protocol;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};

use crate::engine::{Engine, Options, Pool};

/// The whole stack of `rtc`.
pub(crate) struct RtcStack {
    peer: RTCPeerConnection,
    /// From us to the other side.
    addresses: [SocketAddr; 2],
    channels: Vec<RTCDataChannelId>,
    expected: usize,
    window: usize,
    timeout: Option<Instant>,
}

impl RtcStack {
    fn candidate(address: SocketAddr) -> RTCIceCandidate {
        let config = CandidateHostConfig {
            base_config: CandidateConfig {
                network: "udp".to_owned(),
                address: address.ip().to_string(),
                port: address.port(),
                component: 1,
                ..CandidateConfig::default()
            },
            ..CandidateHostConfig::default()
        };
        RTCIceCandidate::from(&config.new_candidate_host().expect("a host candidate"))
    }

    fn new(options: &Options, addresses: [SocketAddr; 2], now: Instant) -> Self {
        let settings = SettingEngineBuilder::new()
            .with_answering_dtls_role(RTCDtlsRole::Client)
            .with_sctp_max_receive_buffer_size(options.receive_window)
            .build();
        let mut peer = RTCPeerConnectionBuilder::new()
            .with_configuration(RTCConfigurationBuilder::new().build())
            .with_setting_engine(settings)
            .build(now)
            .expect("a peer connection");
        let candidate = Self::candidate(addresses[0]).to_json().expect("a candidate");
        peer.add_local_candidate(candidate).expect("a candidate");
        Self {
            peer,
            addresses,
            channels: Vec::new(),
            expected: options.channels.into(),
            window: options.window,
            timeout: Some(now),
        }
    }
}

impl Engine for RtcStack {
    const NAME: &'static str = "rtc 0.21";
    type Packet = BytesMut;

    fn pair(options: &Options, now: Instant) -> [Self; 2] {
        let addresses: [SocketAddr; 2] = [([192, 0, 2, 1], 1000).into(), ([192, 0, 2, 2], 2000).into()];
        let mut offerer = Self::new(options, addresses, now);
        let mut answerer = Self::new(options, [addresses[1], addresses[0]], now);
        for _ in 0..options.channels {
            offerer.peer.create_data_channel("bench", None).expect("a channel");
        }
        let offer = offerer.peer.create_offer(None).expect("an offer");
        offerer.peer.set_local_description(now, offer.clone()).expect("our offer");
        answerer.peer.set_remote_description(now, offer).expect("their offer");
        let answer = answerer.peer.create_answer(None).expect("an answer");
        answerer.peer.set_local_description(now, answer.clone()).expect("our answer");
        offerer.peer.set_remote_description(now, answer).expect("their answer");
        [offerer, answerer]
    }

    fn is_connected(&self) -> bool {
        self.channels.len() == self.expected
    }

    fn write(&mut self, now: Instant, channel: u16, message: &Bytes) -> bool {
        let id = self.channels.get(usize::from(channel)).copied();
        let Some(mut channel) = id.and_then(|id| self.peer.data_channel(id)) else { return false };
        if channel.outstanding_bytes() >= self.window {
            return false;
        }
        channel.send(now, BytesMut::from(&message[..])).expect("an open channel");
        true
    }

    fn read(&mut self, _now: Instant) -> usize {
        let mut read = 0;
        while let Some(event) = self.peer.poll_event() {
            if let RTCPeerConnectionEvent::OnDataChannel(RTCDataChannelEvent::OnOpen(id)) = event {
                self.channels.push(id);
            }
        }
        while let Some(TaggedRTCMessage { message, .. }) = self.peer.poll_read() {
            if let RTCMessage::DataChannelMessage(_, message) = message {
                read += message.data.len();
            }
        }
        read
    }

    fn handle_input(&mut self, now: Instant, packet: BytesMut) {
        let [local_addr, peer_addr] = self.addresses;
        let transport =
            TransportContext { local_addr, peer_addr, ecn: None, transport_protocol: TransportProtocol::UDP };
        let datagram = TaggedBytesMut { now, transport, message: packet };
        self.peer.handle_read(datagram).expect("a datagram");
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.peer.handle_timeout(now).expect("time may pass");
    }

    fn transmit(&mut self, _now: Instant, _pool: &mut Pool, sent: &mut VecDeque<BytesMut>) -> bool {
        let Some(datagram) = self.peer.poll_write() else {
            self.timeout = self.peer.poll_timeout();
            return false;
        };
        sent.push_back(datagram.message);
        true
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.timeout
    }
}
