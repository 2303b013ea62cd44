use std::collections::VecDeque;

use bytes::Bytes;
use drywire_core::{Duration, Instant};
use drywire_sctp::{Association, Config, Event, Ppid, SendError, SendOptions, StreamId};

use crate::engine::{Engine, Options, Pool};

/// SCTP of drywire, without anything around it.
pub(crate) struct Drywire {
    association: Association,
    connected: bool,
    /// How often sending has allocated memory, if that is counted.
    pub(crate) sending_allocations: Option<u64>,
}

impl Drywire {
    pub(crate) fn config(options: &Options) -> Config {
        let mut config = Config::new();
        config.send_buffer = options.window;
        config.receive_window = options.receive_window;
        if let Some(packet) = options.packet {
            config.mtu = packet.into();
        }
        if options.acknowledges_soon {
            config.sack_delay = Duration::from_millis(1);
        }
        config.zero_checksum = options.zero_checksum;
        config
    }

    pub(crate) fn pair_of(configs: [Config; 2], options: &Options, now: Instant) -> [Self; 2] {
        let [ours, theirs] = configs;
        let [a, b] = options.seeds();
        [(ours, a), (theirs, b)].map(|(config, seed)| {
            let mut association = Association::new(config, now, seed);
            association.connect(now);
            Self { association, connected: false, sending_allocations: None }
        })
    }
}

impl Engine for Drywire {
    const NAME: &'static str = "drywire";
    type Packet = Bytes;

    fn pair(options: &Options, now: Instant) -> [Self; 2] {
        Self::pair_of([Self::config(options), Self::config(options)], options, now)
    }

    fn is_connected(&self) -> bool {
        self.connected
    }

    fn write(&mut self, now: Instant, channel: u16, message: &Bytes) -> bool {
        let written =
            self.association.write(now, StreamId(channel), Ppid(53), message.clone(), SendOptions::default());
        match written {
            Ok(()) => true,
            Err(SendError::Full) => false,
            Err(error) => panic!("the association is not open: {error}"),
        }
    }

    fn read(&mut self, _now: Instant) -> usize {
        let mut read = 0;
        while let Some(event) = self.association.poll_event() {
            match event {
                Event::Connected => self.connected = true,
                Event::Readable(stream) => {
                    while let Some(message) = self.association.read(stream) {
                        read += message.data.len();
                    }
                }
                Event::Closed { .. } => panic!("closed"),
                _ => {}
            }
        }
        read
    }

    fn handle_input(&mut self, now: Instant, packet: Bytes) {
        self.association.handle_input(now, packet);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.association.handle_timeout(now);
    }

    fn transmit(&mut self, now: Instant, pool: &mut Pool, sent: &mut VecDeque<Bytes>) -> bool {
        pool.out.clear();
        let mut len = None;
        let mut poll = || len = self.association.poll_transmit(now, &mut pool.out);
        match &mut self.sending_allocations {
            Some(count) => *count += allocation_counter::measure(poll).count_total,
            None => poll(),
        }
        let Some(len) = len else { return false };
        pool.split(len, |datagram| sent.push_back(datagram.freeze()));
        true
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.association.poll_timeout()
    }
}
