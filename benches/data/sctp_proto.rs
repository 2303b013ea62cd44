use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use drywire_core::Instant;
use sctp_proto::{
    Association, AssociationHandle, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, Event, Payload,
    PayloadProtocolIdentifier, ServerConfig, StreamEvent, TransportConfig,
};

use crate::engine::{Engine, Options, Pool};

/// `sctp-proto`, without anything around it.
pub(crate) struct SctpProto {
    endpoint: Endpoint,
    association: Option<(AssociationHandle, Association)>,
    remote: SocketAddr,
    window: usize,
    connected: bool,
    /// Where messages are read into.
    buffer: Vec<u8>,
}

impl Engine for SctpProto {
    const NAME: &'static str = "sctp-proto 0.10";
    type Packet = Bytes;

    fn pair(options: &Options, _now: Instant) -> [Self; 2] {
        let addresses: [SocketAddr; 2] = [([192, 0, 2, 1], 5000).into(), ([192, 0, 2, 2], 5000).into()];
        let transport =
            Arc::new(TransportConfig::default().with_max_receive_buffer_size(options.receive_window));
        let mut endpoint = EndpointConfig::default();
        if let Some(packet) = options.packet {
            // Without the common header and that of the chunk.
            endpoint.max_payload_size(u32::from(packet) - 28);
        }
        [0, 1].map(|side: usize| {
            let server = (side == 1).then(|| {
                let mut config = ServerConfig::new();
                config.transport = transport.clone();
                Arc::new(config)
            });
            let mut endpoint = Endpoint::new(Arc::new(endpoint.clone()), server);
            let remote = addresses[1 - side];
            let association = (side == 0).then(|| {
                let mut config = ClientConfig::new();
                config.transport = transport.clone();
                endpoint.connect(config, remote).expect("an association")
            });
            Self {
                endpoint,
                association,
                remote,
                window: options.window,
                connected: false,
                buffer: vec![0; 1 << 18],
            }
        })
    }

    fn is_connected(&self) -> bool {
        self.connected
    }

    fn write(&mut self, _now: Instant, channel: u16, message: &Bytes) -> bool {
        let Some((_, association)) = &mut self.association else { return false };
        if association.stream(channel).is_err() {
            association.open_stream(channel, PayloadProtocolIdentifier::Binary).expect("a stream");
        }
        let mut stream = association.stream(channel).expect("a stream");
        if stream.buffered_amount().unwrap_or(0) >= self.window {
            return false;
        }
        stream.write_sctp(message, PayloadProtocolIdentifier::Binary).expect("an open stream");
        true
    }

    fn read(&mut self, _now: Instant) -> usize {
        let Some((_, association)) = &mut self.association else { return 0 };
        let mut read = 0;
        while association.poll_endpoint_event().is_some() {}
        while let Some(event) = association.poll() {
            match event {
                Event::Connected => self.connected = true,
                Event::Stream(StreamEvent::Opened { .. }) => while association.accept_stream().is_some() {},
                Event::Stream(StreamEvent::Readable { id }) => {
                    let Ok(mut stream) = association.stream(id) else { continue };
                    while let Ok(Some(chunks)) = stream.read_sctp() {
                        read += chunks.read(&mut self.buffer).expect("a message that fits");
                    }
                }
                Event::AssociationLost { .. } | Event::HandshakeFailed { .. } => panic!("lost"),
                _ => {}
            }
        }
        read
    }

    fn handle_input(&mut self, now: Instant, packet: Bytes) {
        match self.endpoint.handle(now, self.remote, None, None, packet) {
            Some((handle, DatagramEvent::NewAssociation(association))) => {
                self.association = Some((handle, association));
            }
            Some((_, DatagramEvent::AssociationEvent(event))) => {
                if let Some((_, association)) = &mut self.association {
                    association.handle_event(event);
                }
            }
            None => {}
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if let Some((_, association)) = &mut self.association {
            association.handle_timeout(now);
        }
    }

    fn transmit(&mut self, now: Instant, _pool: &mut Pool, sent: &mut VecDeque<Bytes>) -> bool {
        while let Some(transmit) = self.endpoint.poll_transmit() {
            if let Payload::RawEncode(packets) = transmit.payload {
                sent.extend(packets);
            }
        }
        let Some((_, association)) = &mut self.association else { return false };
        let Some(transmit) = association.poll_transmit(now) else { return false };
        if let Payload::RawEncode(packets) = transmit.payload {
            sent.extend(packets);
        }
        true
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.association.as_ref().and_then(|(_, association)| association.poll_timeout())
    }
}
