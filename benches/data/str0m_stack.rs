use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use drywire_core::Instant;
use str0m::channel::ChannelId;
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc};

use crate::engine::{Engine, Options, Pool};

/// The whole stack of str0m. It has one queue of output, so that everything is taken out of it at once.
pub(crate) struct Str0mStack {
    rtc: Rtc,
    addresses: [SocketAddr; 2],
    timeout: Instant,
    channels: Vec<ChannelId>,
    expected: usize,
    received: usize,
    sending: VecDeque<Packet>,
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

impl Str0mStack {
    /// It wants to be polled after each input, before the next one.
    fn poll(&mut self) {
        loop {
            match self.rtc.poll_output().expect("it runs") {
                Output::Timeout(at) => {
                    self.timeout = at;
                    return;
                }
                Output::Transmit(transmit) => self.sending.push_back(Packet(transmit.contents.into())),
                Output::Event(Event::ChannelOpen(id, _)) => self.channels.push(id),
                Output::Event(Event::ChannelData(data)) => self.received += data.data.len(),
                Output::Event(_) => {}
            }
        }
    }
}

impl Engine for Str0mStack {
    const NAME: &'static str = "str0m 0.25";
    type Packet = Packet;

    fn pair(options: &Options, now: Instant) -> [Self; 2] {
        let addresses: [SocketAddr; 2] = [([192, 0, 2, 1], 1000).into(), ([192, 0, 2, 2], 2000).into()];
        let mut sides = [0, 1].map(|side: usize| {
            let mut rtc = Rtc::builder().set_sctp_max_buffered_amount(options.window).build(now);
            rtc.add_local_candidate(Candidate::host(addresses[side], "udp").expect("a host candidate"));
            Self {
                rtc,
                addresses: [addresses[side], addresses[1 - side]],
                timeout: now,
                channels: Vec::new(),
                expected: options.channels.into(),
                received: 0,
                sending: VecDeque::new(),
            }
        });
        let mut change = sides[0].rtc.sdp_api();
        for _ in 0..options.channels {
            change.add_channel("bench".to_owned());
        }
        let (offer, pending) = change.apply().expect("a change");
        let answer = sides[1].rtc.sdp_api().accept_offer(offer).expect("an offer");
        sides[0].rtc.sdp_api().accept_answer(pending, answer).expect("an answer");
        sides
    }

    fn is_connected(&self) -> bool {
        self.channels.len() == self.expected
    }

    fn write(&mut self, _now: Instant, channel: u16, message: &Bytes) -> bool {
        let id = self.channels.get(usize::from(channel)).copied();
        let Some(mut channel) = id.and_then(|id| self.rtc.channel(id)) else { return false };
        let written = channel.write(true, message).expect("a channel that is open");
        if written {
            self.poll();
        }
        written
    }

    fn read(&mut self, _now: Instant) -> usize {
        std::mem::take(&mut self.received)
    }

    fn handle_input(&mut self, now: Instant, packet: Packet) {
        let [destination, source] = self.addresses;
        let contents = packet.as_ref().try_into().expect("a datagram");
        let receive = Receive { proto: Protocol::Udp, source, destination, contents };
        self.rtc.handle_input(Input::Receive(now, receive)).expect("a datagram");
        self.poll();
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.rtc.handle_input(Input::Timeout(now)).expect("time may pass");
        self.poll();
    }

    fn transmit(&mut self, _now: Instant, _pool: &mut Pool, sent: &mut VecDeque<Packet>) -> bool {
        let any = !self.sending.is_empty();
        sent.append(&mut self.sending);
        any
    }

    fn poll_timeout(&self) -> Option<Instant> {
        Some(self.timeout)
    }
}
