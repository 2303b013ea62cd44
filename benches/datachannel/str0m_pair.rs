use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::channel::ChannelId;
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc};

use crate::MESSAGE;

/// Two str0m peers in memory, with one data channel.
pub(crate) struct Str0mPair {
    sides: [Side; 2],
    now: Instant,
    /// What is on the way: to whom, from where, to where, the bytes.
    queue: VecDeque<(usize, SocketAddr, SocketAddr, Vec<u8>)>,
    message: Vec<u8>,
    pub(crate) datagrams: u32,
}

struct Side {
    rtc: Rtc,
    timeout: Instant,
    channel: Option<ChannelId>,
    received: usize,
}

impl Str0mPair {
    /// Connects, with `window` bytes of send buffer.
    pub(crate) fn new(window: usize) -> Self {
        let now = drywire_sim::origin();
        let side = |address: &str| {
            let mut rtc = Rtc::builder().set_sctp_max_buffered_amount(window).build(now);
            let address: SocketAddr = address.parse().expect("an address");
            rtc.add_local_candidate(Candidate::host(address, "udp").expect("a host candidate"));
            Side { rtc, timeout: now, channel: None, received: 0 }
        };
        let mut sides = [side("192.0.2.1:1000"), side("192.0.2.2:2000")];
        let mut change = sides[0].rtc.sdp_api();
        change.add_channel("bench".to_owned());
        let (offer, pending) = change.apply().expect("a change");
        let answer = sides[1].rtc.sdp_api().accept_offer(offer).expect("an offer");
        sides[0].rtc.sdp_api().accept_answer(pending, answer).expect("an answer");
        let message = vec![0x5a; usize::try_from(MESSAGE).expect("a size")];
        let mut pair = Self { sides, now, queue: VecDeque::new(), message, datagrams: 0 };
        while pair.sides.iter().any(|side| side.channel.is_none()) {
            pair.step();
        }
        pair
    }

    /// Sends `count` messages one way, and waits for them.
    pub(crate) fn transfer(&mut self, count: u32) {
        let all = self.sides[1].received + self.message.len() * usize::try_from(count).expect("a count");
        let mut left = count;
        while self.sides[1].received < all {
            while left > 0 && self.write() {
                left -= 1;
                self.drain(0);
            }
            self.step();
        }
    }

    fn write(&mut self) -> bool {
        let Some(mut channel) = self.sides[0].channel.and_then(|id| self.sides[0].rtc.channel(id)) else {
            return false;
        };
        channel.write(true, &self.message).expect("a channel that is open")
    }

    /// Delivers what is on the way; if nothing is, lets time pass to the next timeout.
    fn step(&mut self) {
        if self.queue.is_empty() {
            self.now = self.sides.iter().map(|side| side.timeout).min().unwrap_or(self.now).max(self.now);
            for side in [0, 1] {
                self.sides[side].rtc.handle_input(Input::Timeout(self.now)).expect("time may pass");
                self.drain(side);
            }
            // As fast as the CPU allows, but not at a standstill.
            self.now += Duration::from_micros(1);
        }
        while let Some((to, source, destination, bytes)) = self.queue.pop_front() {
            let contents = bytes.as_slice().try_into().expect("a datagram");
            let receive = Receive { proto: Protocol::Udp, source, destination, contents };
            self.sides[to].rtc.handle_input(Input::Receive(self.now, receive)).expect("a datagram");
            self.drain(to);
        }
    }

    fn drain(&mut self, side: usize) {
        loop {
            match self.sides[side].rtc.poll_output().expect("it runs") {
                Output::Timeout(at) => {
                    self.sides[side].timeout = at;
                    return;
                }
                Output::Transmit(transmit) => {
                    self.datagrams += 1;
                    let (source, destination) = (transmit.source, transmit.destination);
                    self.queue.push_back((1 - side, source, destination, transmit.contents.to_vec()));
                }
                Output::Event(Event::ChannelOpen(id, _)) => self.sides[side].channel = Some(id),
                Output::Event(Event::ChannelData(data)) => self.sides[side].received += data.data.len(),
                Output::Event(_) => {}
            }
        }
    }
}
