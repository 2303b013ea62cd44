//! The reset of streams (RFC 6525): ours, one request at a time, and the peer's.

use drywire_core::{Instant, Serial};

use crate::association::MAX_EVENTS;
use crate::packet::{Chunk, OutgoingReset, ParameterType, Parameters, ResetResponse, ResetResult};
use crate::state::Phase;
use crate::timer::Timer;
use crate::tx::ResetStage;
use crate::{Association, Event, StreamId};

/// How many streams one request names at most.
const MAX_STREAMS: usize = 256;
/// How many requests of one chunk are answered (section 3.1 allows two parameters).
const MAX_PARAMETERS: usize = 2;
/// How often a request that the peer cannot take yet is made again.
const MAX_RETRIES: u32 = 20;

/// Our request that is not answered.
#[derive(Debug)]
struct Request {
    number: Serial<u32>,
    streams: Vec<StreamId>,
    last_tsn: Serial<u32>,
    /// The peer said that it cannot yet: the request is made anew when the timer expires.
    again: bool,
    retries: u32,
}

/// A request of the peer that waits for data.
#[derive(Debug)]
struct Deferred {
    streams: Vec<StreamId>,
    last_tsn: Serial<u32>,
}

/// What is known of resets in both directions.
#[derive(Debug)]
pub(crate) struct Reset {
    next_number: Serial<u32>,
    /// Streams that are reset once they are drained.
    wanted: Vec<StreamId>,
    request: Option<Request>,
    /// The number of the peer's next request.
    expected: Serial<u32>,
    last_result: Option<ResetResult>,
    deferred: Option<Deferred>,
    /// What was reset after the peer was told to wait: it asks again, perhaps with a number of its own, and must not be
    /// served twice.
    performed: Option<Deferred>,
    responses: Vec<ResetResponse>,
    /// The request must be sent.
    due: bool,
}

impl Reset {
    pub(crate) const fn new(local_tsn: Serial<u32>) -> Self {
        Self {
            next_number: local_tsn,
            wanted: Vec::new(),
            request: None,
            expected: Serial(0),
            last_result: None,
            deferred: None,
            performed: None,
            responses: Vec::new(),
            due: false,
        }
    }

    /// The numbers of requests begin at the initial TSNs (section 4.1).
    pub(crate) fn begin(&mut self, local_tsn: Serial<u32>, peer_tsn: Serial<u32>) {
        let wanted = std::mem::take(&mut self.wanted);
        *self = Self { wanted, expected: peer_tsn, ..Self::new(local_tsn) };
    }

    /// The streams of which a reset is asked or wished, which is forgotten.
    pub(crate) fn take_wishes(&mut self) -> Vec<StreamId> {
        let mut streams = self.request.take().map_or_else(Vec::new, |request| request.streams);
        streams.append(&mut self.wanted);
        streams
    }

    /// Whether a chunk must be sent.
    pub(crate) fn is_due(&self) -> bool {
        self.due || !self.responses.is_empty()
    }

    /// Whether data on `stream` must wait for a reset (section 5.2.2, E2): it belongs to the time after it.
    pub(crate) fn holds_back(&self, stream: StreamId, tsn: Serial<u32>) -> bool {
        self.deferred.as_ref().is_some_and(|deferred| {
            tsn > deferred.last_tsn && (deferred.streams.is_empty() || deferred.streams.contains(&stream))
        })
    }

    /// Appends what is due, as far as `space` allows; whether anything was appended.
    pub(crate) fn write(&mut self, out: &mut Vec<u8>, space: usize) -> bool {
        let start = out.len();
        if !self.responses.is_empty() && space >= 4 + 12 * self.responses.len() {
            ResetResponse::write(out, &self.responses);
            self.responses.clear();
        }
        let left = space.saturating_sub(out.len() - start);
        if self.due
            && let Some(request) = &self.request
            && left >= 8 + OutgoingReset::LEN + 2 * request.streams.len()
        {
            let answered = self.expected.sub(1);
            OutgoingReset::write(out, request.number, answered, request.last_tsn, &request.streams);
            self.due = false;
        }
        out.len() > start
    }

    fn respond(&mut self, response: Serial<u32>, result: ResetResult) {
        if self.responses.len() < MAX_PARAMETERS {
            self.responses.push(ResetResponse { response, result });
        }
    }
}

impl Association {
    /// Takes the wish to reset streams.
    pub(crate) fn want_resets(&mut self, streams: &[StreamId]) {
        if matches!(self.phase, Phase::Over) {
            return;
        }
        let mut impossible = Vec::new();
        for stream in streams.iter().copied() {
            if stream.0 >= self.tx.stream_count() {
                impossible.push(stream);
            } else if self.tx.streams().reset_stage(stream) == ResetStage::None {
                self.tx.streams_mut().set_reset_stage(stream, ResetStage::Draining);
                self.reset.wanted.push(stream);
            }
        }
        if !impossible.is_empty() {
            self.events.push_back(Event::StreamResetFailed(impossible));
        }
        if self.phase.is_open() && self.phase.peer().is_some_and(|peer| !peer.extensions.resets_streams) {
            self.refuse_resets();
        }
    }

    /// The peer cannot reset streams.
    pub(crate) fn refuse_resets(&mut self) {
        let streams = std::mem::take(&mut self.reset.wanted);
        self.resets_failed(streams);
    }

    fn resets_failed(&mut self, streams: Vec<StreamId>) {
        for stream in &streams {
            self.tx.streams_mut().set_reset_stage(*stream, ResetStage::None);
        }
        if !streams.is_empty() {
            self.events.push_back(Event::StreamResetFailed(streams));
        }
    }

    /// Asks for the reset of those wanted streams that are drained (section 5.1.2).
    pub(crate) fn request_resets(&mut self, now: Instant) {
        if self.reset.wanted.is_empty() || self.reset.request.is_some() || !self.phase.sends_data() {
            return;
        }
        let queues = self.tx.streams();
        let most = MAX_STREAMS.min(self.mtu / 4);
        let streams: Vec<_> =
            self.reset.wanted.extract_if(.., |stream| queues.is_drained(*stream)).take(most).collect();
        if streams.is_empty() {
            return;
        }
        for stream in &streams {
            self.tx.streams_mut().set_reset_stage(*stream, ResetStage::Requested);
        }
        let number = self.reset.next_number;
        self.reset.next_number = number.next();
        let last_tsn = self.tx.last_tsn();
        self.reset.request = Some(Request { number, streams, last_tsn, again: false, retries: 0 });
        self.reset.due = true;
        self.timers.arm(Timer::Reset, now + self.tx.rto());
    }

    /// The request was not answered, or it is time to make it again.
    pub(crate) fn reset_timed_out(&mut self, now: Instant) {
        let Some(request) = &mut self.reset.request else { return };
        if request.again {
            request.retries += 1;
            if request.retries > MAX_RETRIES {
                if let Some(request) = self.reset.request.take() {
                    self.resets_failed(request.streams);
                }
                return;
            }
            // A number of its own: some peers answer a known number from memory.
            request.again = false;
            request.number = self.reset.next_number;
            self.reset.next_number = request.number.next();
        } else {
            self.tx.back_off();
            if self.count_error() {
                return;
            }
        }
        self.reset.due = true;
        self.timers.arm(Timer::Reset, now + self.tx.rto());
    }

    /// RE-CONFIG (section 5.2).
    pub(crate) fn handle_reconfig(&mut self, now: Instant, chunk: &Chunk<'_>) {
        if !self.phase.is_open() {
            return self.drop_chunk();
        }
        for parameter in Parameters::new(chunk.value).iter().map_while(Result::ok).take(MAX_PARAMETERS) {
            match parameter.kind {
                ParameterType::OUTGOING_RESET => match OutgoingReset::parse(parameter.value) {
                    Ok(request) => self.handle_outgoing_reset(&request),
                    Err(_) => self.drop_chunk(),
                },
                ParameterType::RESET_RESPONSE => match ResetResponse::parse(parameter.value) {
                    Ok(response) => self.handle_reset_response(now, response),
                    Err(_) => self.drop_chunk(),
                },
                // RFC 8831, section 6.7, has no use for these: the other side closes its streams itself.
                ParameterType::INCOMING_RESET
                | ParameterType::TSN_RESET
                | ParameterType::ADD_OUTGOING
                | ParameterType::ADD_INCOMING => match parameter.value.first_chunk() {
                    Some(number) => {
                        let number = Serial(u32::from_be_bytes(*number));
                        if self.is_new_request(number) {
                            self.answer(number, ResetResult::DENIED);
                        }
                    }
                    None => self.drop_chunk(),
                },
                _ => (),
            }
        }
    }

    /// Whether a request is the next one. One that was answered is answered the same again (section 5.2.1).
    fn is_new_request(&mut self, number: Serial<u32>) -> bool {
        if number == self.reset.expected {
            return true;
        }
        let result = match self.reset.last_result {
            Some(result) if number.next() == self.reset.expected => result,
            _ => ResetResult::BAD_SEQUENCE_NUMBER,
        };
        self.reset.respond(number, result);
        false
    }

    fn answer(&mut self, number: Serial<u32>, result: ResetResult) {
        self.reset.expected = number.next();
        self.reset.last_result = Some(result);
        self.reset.respond(number, result);
    }

    /// The peer resets its side of streams (section 5.2.2).
    fn handle_outgoing_reset(&mut self, request: &OutgoingReset<'_>) {
        if !self.is_new_request(request.request) {
            return;
        }
        let count = self.config.max_inbound_streams.max(1);
        if request.streams().any(|stream| stream.0 >= count) {
            return self.answer(request.request, ResetResult::WRONG_SSN);
        }
        let streams: Vec<_> = request.streams().collect();
        let served = self
            .reset
            .performed
            .as_ref()
            .is_some_and(|done| done.streams == streams && done.last_tsn == request.last_tsn);
        if served {
            return self.answer(request.request, ResetResult::PERFORMED);
        }
        self.reset.performed = None;
        let waiting = Deferred { streams, last_tsn: request.last_tsn };
        if !self.rx.covers(request.last_tsn) || self.events.len() >= MAX_EVENTS {
            // The data before the reset is still on its way, or nobody looks at our events.
            self.reset.deferred = Some(waiting);
            self.answer(request.request, ResetResult::IN_PROGRESS);
        } else {
            self.reset.deferred = None;
            self.perform(waiting.streams);
            self.answer(request.request, ResetResult::PERFORMED);
        }
    }

    /// Performs the reset that waited for data, if that has come.
    pub(crate) fn perform_deferred(&mut self) {
        if self.events.len() < MAX_EVENTS
            && let Some(waiting) = self.reset.deferred.take_if(|waiting| self.rx.covers(waiting.last_tsn))
        {
            self.perform(waiting.streams.clone());
            self.reset.last_result = Some(ResetResult::PERFORMED);
            self.reset.performed = Some(waiting);
        }
    }

    fn perform(&mut self, streams: Vec<StreamId>) {
        if streams.is_empty() {
            self.rx.reset_all(&mut self.events);
        }
        for stream in &streams {
            self.rx.reset(*stream, &mut self.events);
        }
        self.events.push_back(Event::IncomingStreamsReset(streams));
    }

    /// The answer to our request (section 5.2.7).
    fn handle_reset_response(&mut self, now: Instant, response: ResetResponse) {
        let Some(request) = self.reset.request.take_if(|request| request.number == response.response) else {
            return;
        };
        self.errors = 0;
        self.reset.due = false;
        match response.result {
            ResetResult::NOTHING_TO_DO | ResetResult::PERFORMED => {
                self.timers.disarm(Timer::Reset);
                for stream in &request.streams {
                    self.tx.streams_mut().restart(*stream);
                }
                self.events.push_back(Event::OutgoingStreamsReset(request.streams));
            }
            ResetResult::IN_PROGRESS | ResetResult::ALREADY_IN_PROGRESS => {
                self.reset.request = Some(Request { again: true, ..request });
                self.timers.arm(Timer::Reset, now + self.tx.rto());
            }
            _ => {
                self.timers.disarm(Timer::Reset);
                self.resets_failed(request.streams);
            }
        }
    }
}
