use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use dcsctp::api::{DcSctpSocket, Message, Options as DcOptions, PpId, SendError, SendOptions, SocketEvent};
use dcsctp::api::{
    SocketTime, StreamId, ZERO_CHECKSUM_ALTERNATE_ERROR_DETECTION_METHOD_LOWER_LAYER_DTLS as OVER_DTLS,
};
use drywire_core::Instant;

use crate::engine::{Engine, Options, Pool};

/// `dcsctp`, without anything around it. As it is published, it writes every packet as a hexadecimal string before it
/// asks whether that is to be logged: that costs most of its time.
pub(crate) struct Dcsctp {
    socket: Box<dyn DcSctpSocket>,
    start: Instant,
    now: Instant,
    window: usize,
    connected: bool,
    /// What waits to be sent.
    sending: VecDeque<Vec<u8>>,
}

/// A datagram as a vector.
pub(crate) struct Packet(Vec<u8>);

impl AsRef<[u8]> for Packet {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<BytesMut> for Packet {
    fn from(datagram: BytesMut) -> Self {
        Self(datagram.into())
    }
}

impl Dcsctp {
    fn advance(&mut self, now: Instant) {
        if now > self.now {
            self.now = now;
            self.socket.advance_time(SocketTime::zero() + now.duration_since(self.start));
        }
    }

    fn take_events(&mut self) {
        while let Some(event) = self.socket.poll_event() {
            match event {
                SocketEvent::SendPacket(packet) => self.sending.push_back(packet),
                SocketEvent::OnConnected() => self.connected = true,
                SocketEvent::OnAborted(..) | SocketEvent::OnClosed() => panic!("closed"),
                _ => {}
            }
        }
    }
}

impl Engine for Dcsctp {
    const NAME: &'static str = "dcsctp 0.1 as published";
    type Packet = Packet;

    fn pair(options: &Options, now: Instant) -> [Self; 2] {
        let mut config = DcOptions {
            max_receiver_window_buffer_size: usize::try_from(options.receive_window).expect("a size"),
            max_send_buffer_size: options.window,
            per_stream_send_queue_limit: options.window,
            ..DcOptions::default()
        };
        if let Some(packet) = options.packet {
            config.mtu = packet.into();
        }
        if options.zero_checksum {
            config.zero_checksum_alternate_error_detection_method = OVER_DTLS;
        }
        [0, 1].map(|side| {
            let mut socket = dcsctp::new_socket("bench", &config);
            if side == 0 {
                socket.connect();
            }
            Self {
                socket,
                start: now,
                now,
                window: options.window,
                connected: false,
                sending: VecDeque::new(),
            }
        })
    }

    fn is_connected(&self) -> bool {
        self.connected
    }

    fn write(&mut self, now: Instant, channel: u16, message: &Bytes) -> bool {
        self.advance(now);
        if self.socket.buffered_amount(StreamId(channel)) >= self.window {
            return false;
        }
        let message = Message::new(StreamId(channel), PpId(53), message.to_vec());
        match self.socket.send(message, &SendOptions::default()) {
            Ok(()) => true,
            Err(SendError::ResourceExhaustion) => false,
            Err(error) => panic!("the association is not open: {error}"),
        }
    }

    fn read(&mut self, _now: Instant) -> usize {
        self.take_events();
        let mut read = 0;
        while let Some(message) = self.socket.get_next_message() {
            read += message.payload.len();
        }
        read
    }

    fn handle_input(&mut self, now: Instant, packet: Packet) {
        self.advance(now);
        self.socket.handle_input(packet.as_ref());
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
    }

    fn transmit(&mut self, _now: Instant, _pool: &mut Pool, sent: &mut VecDeque<Packet>) -> bool {
        self.take_events();
        let any = !self.sending.is_empty();
        sent.extend(self.sending.drain(..).map(Packet));
        any
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let at = self.socket.poll_timeout();
        (at != SocketTime::infinite_future()).then(|| self.start + (at - SocketTime::zero()))
    }
}
