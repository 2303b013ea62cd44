//! Requests for key frames, in both directions.

use drywire_core::Instant;
use drywire_rtp::Ssrc;
use drywire_rtp::rtcp::{FullIntraRequest, FullIntraRequestEntry, PictureLossIndication};

use super::Streams;
use crate::keyframe::Outcome;
use crate::{Event, KeyframeRequest, UnknownStream};

/// Which way a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Direction {
    /// We ask the peer.
    ToPeer,
    /// The peer asks us.
    FromPeer,
}

impl Streams {
    pub(super) fn ask_peer(
        &mut self,
        now: Instant,
        media: Ssrc,
        request: KeyframeRequest,
    ) -> Result<(), UnknownStream> {
        let stream = self.receivers.get_mut(&media).ok_or(UnknownStream)?;
        if let Some(queued) = &mut stream.queued_request {
            *queued = request.max(*queued);
            return Ok(());
        }
        match stream.throttle.ask(now, request, self.config.keyframe_interval) {
            Outcome::Pass => self.queue_request(media, request),
            Outcome::Wait(at) => {
                self.deferred.insert((at, Direction::ToPeer, media));
            }
            Outcome::Joined => {}
        }
        Ok(())
    }

    pub(super) fn peer_asks(&mut self, now: Instant, ssrc: Ssrc, request: KeyframeRequest) {
        let Some(stream) = self.senders.get_mut(&ssrc) else { return };
        match stream.throttle.ask(now, request, self.config.keyframe_interval) {
            Outcome::Pass => self.push_request(ssrc, request),
            Outcome::Wait(at) => {
                self.deferred.insert((at, Direction::FromPeer, ssrc));
            }
            Outcome::Joined => {}
        }
    }

    /// Lets the requests pass whose interval is over.
    pub(super) fn release_keyframe_requests(&mut self, now: Instant) {
        let interval = self.config.keyframe_interval;
        while let Some((at, direction, ssrc)) = self.deferred.first().copied()
            && at <= now
        {
            self.deferred.pop_first();
            match direction {
                Direction::ToPeer => {
                    let stream = self.receivers.get_mut(&ssrc);
                    if let Some(request) = stream.and_then(|stream| stream.throttle.release(now, interval)) {
                        self.queue_request(ssrc, request);
                    }
                }
                Direction::FromPeer => {
                    let stream = self.senders.get_mut(&ssrc);
                    if let Some(request) = stream.and_then(|stream| stream.throttle.release(now, interval)) {
                        self.push_request(ssrc, request);
                    }
                }
            }
        }
    }

    /// Forgets a request that waits, with its stream.
    pub(super) fn forget_waiting(&mut self, deadline: Option<Instant>, direction: Direction, ssrc: Ssrc) {
        if let Some(at) = deadline {
            self.deferred.remove(&(at, direction, ssrc));
        }
    }

    /// Queues a request to be sent. Each stream is in the queue once.
    fn queue_request(&mut self, media: Ssrc, request: KeyframeRequest) {
        let Some(stream) = self.receivers.get_mut(&media) else { return };
        if stream.queued_request.replace(request).is_none() {
            self.requests.push_back(media);
        }
    }

    /// Queues an event. Each stream has one at most.
    fn push_request(&mut self, ssrc: Ssrc, request: KeyframeRequest) {
        let Some(stream) = self.senders.get_mut(&ssrc) else { return };
        if stream.request_pending {
            return;
        }
        stream.request_pending = true;
        self.events.push_back(Event::KeyframeRequested { ssrc, request });
    }

    /// Appends a datagram with the requests that are queued.
    pub(super) fn write_keyframe_requests(&mut self, out: &mut Vec<u8>) -> Option<usize> {
        self.requests.front()?;
        let start = out.len();
        let sender = self.senders.keys().next().copied().unwrap_or(self.reporter);
        if !self.config.reduced_size {
            self.write_empty_report(sender, out);
        }
        let prefix = out.len();
        // A FIR with one command is the longest request.
        let full = self.config.max_datagram_len.saturating_sub(20);
        while out.len() == prefix || out.len() - start <= full {
            let Some(media) = self.requests.pop_front() else { break };
            let Some(stream) = self.receivers.get_mut(&media) else { continue };
            match stream.queued_request.take() {
                Some(KeyframeRequest::Pli) => {
                    PictureLossIndication { sender, media }.write(out);
                }
                Some(KeyframeRequest::Fir) => {
                    stream.intra_command = stream.intra_command.wrapping_add(1);
                    let command = stream.intra_command;
                    FullIntraRequest::write(out, sender, [FullIntraRequestEntry { media, command }]);
                }
                None => {}
            }
        }
        if out.len() == prefix {
            out.truncate(start);
            return None;
        }
        Some(out.len() - start)
    }
}
