//! Closing channels (RFC 8831, section 6.7): both directions of the stream are reset (RFC 6525), each by its sender.

use drywire_core::Instant;

use crate::channel::{Closing, Outward, State};
use crate::transport::{Phase, Refused, StreamUse, Transport};
use crate::{Channel, ChannelError, ChannelId, ChannelState, Event, ppid};

/// How many closed channels are remembered after their event was polled.
const REMEMBERED: usize = 64;

impl Transport {
    /// Closes a channel: what was written is delivered first. What has arrived can still be read; what arrives from
    /// now on is dropped. [`Event::Closed`] says when it is done. Closing again changes nothing.
    pub fn close(&mut self, now: Instant, id: ChannelId) {
        let now = self.clock.observe(now);
        match self.channel(id).map(Channel::state) {
            Some(ChannelState::Connecting | ChannelState::Open | ChannelState::Closing) => {
                self.hold_unread(now, id);
                self.start_closing(now, id);
                self.settle(now);
            }
            Some(ChannelState::Closed) | None => {}
        }
    }

    /// Ends all channels at once: the transport below is gone, or the application leaves. The association's ABORT is
    /// the last packet.
    pub fn abort(&mut self, now: Instant) {
        let now = self.clock.observe(now);
        if self.end() {
            self.association.abort(now);
            self.settle(now);
        }
    }

    /// Closes a channel that cannot go on, because of what the peer did on it (attacks E09, E11) or the application did not.
    /// What is unread is dropped.
    pub(crate) fn fail(&mut self, now: Instant, id: ChannelId, error: ChannelError) {
        let Some(channel) = self.channels.get_mut(id) else { return };
        if matches!(channel.state, State::Connecting | State::Open) {
            self.stats.channels_failed += 1;
            channel.error = Some(error);
        }
        channel.clear_outbox();
        channel.clear_held();
        tracing::debug!(?id, %error, "a channel failed");
        self.start_closing(now, id);
    }

    /// From now on the channel takes nothing and sends nothing new.
    fn start_closing(&mut self, now: Instant, id: ChannelId) {
        let Some(channel) = self.channels.get_mut(id) else { return };
        match &mut channel.state {
            State::Connecting | State::Open => {
                channel.state = State::Closing(Closing {
                    outgoing: Outward::Draining,
                    incoming_reset: false,
                    reset_again: false,
                    readable: false,
                });
            }
            State::Closing(closing) if closing.readable => closing.readable = false,
            // What is unread on the stream may be of the next channel.
            State::Closing(_) => return self.advance(now, id),
            State::Closed => return,
        }
        self.drop_partial(id);
        if let Some(stream) = self.stream(id) {
            self.discard_unread(stream);
        }
        self.advance(now, id);
    }

    /// Goes as far on the way to closed as is possible now.
    pub(crate) fn advance(&mut self, now: Instant, id: ChannelId) {
        let Some(channel) = self.channels.get_mut(id) else { return };
        let only_announced = channel.outbox().all(|outgoing| outgoing.ppid == ppid::DCEP);
        let all_given = channel.outbox_len() == 0;
        let State::Closing(closing) = &mut channel.state else { return };
        // Nobody but us knows of the channel: it is gone at once, unless a message waits for the peer.
        if self.phase == Phase::New && !channel.confirmed && only_announced {
            return self.finish(id);
        }
        let Some(stream) = channel.stream else { return };
        if closing.outgoing == Outward::Draining
            && all_given
            && !(closing.readable && self.association.peek(stream.into()).is_some())
        {
            closing.outgoing = Outward::Resetting;
            // What comes from now on is not of this channel any more.
            closing.readable = false;
            self.resets.push(stream);
        }
        if closing.outgoing == Outward::Reset && closing.incoming_reset {
            let reset_again = closing.reset_again;
            self.finish(id);
            self.hand_over(now, stream, reset_again);
        }
    }

    /// Our direction of a stream is reset.
    pub(crate) fn outgoing_reset(&mut self, now: Instant, stream: u16) {
        match self.streams.get_mut(stream) {
            Some(StreamUse::Channel(id)) => {
                let id = *id;
                if let Some(Channel { state: State::Closing(closing), .. }) = self.channels.get_mut(id) {
                    closing.outgoing = Outward::Reset;
                }
                self.advance(now, id);
            }
            Some(StreamUse::Refused(refused)) => {
                refused.outgoing_reset = true;
                self.release(now, stream);
            }
            None => {}
        }
    }

    /// The peer did not reset our direction of a stream, and never will: the channel is closed for us. The stream
    /// stays out of use, because the peer may still take it for the channel.
    pub(crate) fn reset_failed(&mut self, stream: u16) {
        if let Some(StreamUse::Channel(id)) = self.streams.get(stream) {
            self.finish(*id);
            self.streams.insert(stream, StreamUse::Refused(Refused::default()));
        }
    }

    /// The peer has reset its direction of a stream. It may say so twice: it asks again, with a number of its own, when it was told
    /// to wait and our last answer got lost. A reset of a stream on which nothing has come since is the same one.
    pub(crate) fn incoming_reset(&mut self, now: Instant, stream: u16) {
        // What comes from now on is for the next channel.
        self.association.set_read_in_parts(stream.into(), false);
        // What is unread of a stream that is reset already has come since.
        let came = self.association.peek(stream.into()).is_some();
        match self.streams.get_mut(stream) {
            Some(StreamUse::Channel(id)) => {
                let id = *id;
                let Some(channel) = self.channels.get_mut(id) else { return };
                match &mut channel.state {
                    // RFC 8831, section 6.7: the other side resets its direction, too. What came before can be read
                    // first; until then the stream is not free, so that nothing mixes with it.
                    State::Connecting | State::Open => {
                        channel.state = State::Closing(Closing {
                            outgoing: Outward::Draining,
                            incoming_reset: true,
                            reset_again: false,
                            readable: true,
                        });
                    }
                    State::Closing(closing) => {
                        // While we have not reset our direction the peer cannot use the stream for another channel.
                        let used = came && closing.outgoing != Outward::Draining;
                        closing.reset_again |= closing.incoming_reset && used;
                        closing.incoming_reset = true;
                    }
                    State::Closed => {}
                }
                self.drop_partial(id);
                self.wake(id);
                self.advance(now, id);
            }
            Some(StreamUse::Refused(refused)) => {
                refused.reset_again |= refused.incoming_reset && came;
                refused.incoming_reset = true;
                self.release(now, stream);
            }
            None => {
                // A channel that only the peer knew, such as one that was negotiated and not opened here: it waits
                // for our reset.
                self.strays.take(stream);
                self.streams.insert(
                    stream,
                    StreamUse::Refused(Refused { incoming_reset: true, ..Refused::default() }),
                );
                self.resets.push(stream);
            }
        }
    }

    /// Gives a stream back that cannot become a channel.
    pub(crate) fn refuse(&mut self, now: Instant, stream: u16) {
        self.stats.announcements_refused += 1;
        self.strays.take(stream);
        self.streams.insert(stream, StreamUse::Refused(Refused::default()));
        self.resets.push(stream);
        self.take_in(now, stream);
    }

    /// Frees a refused stream when both directions are reset.
    fn release(&mut self, now: Instant, stream: u16) {
        if let Some(StreamUse::Refused(refused)) = self.streams.get(stream)
            && refused.outgoing_reset
            && refused.incoming_reset
        {
            let reset_again = refused.reset_again;
            self.streams.remove(stream);
            self.hand_over(now, stream, reset_again);
        }
    }

    /// A stream is free, and the peer may have opened another channel on it before we knew.
    fn hand_over(&mut self, now: Instant, stream: u16, reset_again: bool) {
        self.take_in(now, stream);
        if reset_again {
            self.incoming_reset(now, stream);
        }
    }

    /// Asks the association to reset our direction of streams. It delivers what waits first.
    pub(crate) fn ask_resets(&mut self, now: Instant) {
        let streams: Vec<_> = std::mem::take(&mut self.resets).into_iter().map(Into::into).collect();
        if self.phase != Phase::Ended {
            self.association.reset_streams(now, &streams);
        }
    }

    /// Everything ends. Returns whether it had not before.
    pub(crate) fn end(&mut self) -> bool {
        if self.phase == Phase::Ended {
            return false;
        }
        self.phase = Phase::Ended;
        self.finish_all();
        self.strays.clear();
        self.resets.clear();
        true
    }

    pub(crate) fn finish_all(&mut self) {
        let open: Vec<_> =
            self.channels.iter().filter(|(_, channel)| !channel.is_closed()).map(|(id, _)| id).collect();
        for id in open {
            self.finish(id);
        }
        self.unassigned.clear();
    }

    /// A channel is closed.
    pub(crate) fn finish(&mut self, id: ChannelId) {
        self.drop_partial(id);
        let Some(channel) = self.channels.get_mut(id) else { return };
        if channel.is_closed() {
            return;
        }
        channel.state = State::Closed;
        channel.clear_outbox();
        self.held_bytes += channel.held_bytes();
        if let Some(stream) = channel.stream {
            self.streams.remove(stream);
            if channel.in_parts {
                self.association.set_read_in_parts(stream.into(), false);
            }
        }
        self.unflushed.remove(&id);
        self.blocked.remove(&id);
        self.stats.channels_closed += 1;
        self.events.push_back(Event::Closed(id));
    }

    /// The application was told that a channel is closed: it is forgotten, but not at once, so that it can be looked
    /// at and what is unread can be read.
    pub(crate) fn told_closed(&mut self, id: ChannelId) {
        self.told.push_back(id);
        // Nothing new comes after the end, so that nothing has to go.
        while self.phase != Phase::Ended
            && (self.told.len() > REMEMBERED || self.held_bytes > self.config.max_queued)
            && let Some(oldest) = self.told.pop_front()
        {
            self.forget(oldest);
        }
    }

    pub(crate) fn forget(&mut self, id: ChannelId) {
        if let Some(channel) = self.channels.get(id) {
            self.held_bytes = self.held_bytes.saturating_sub(channel.held_bytes());
            self.announced_text = self.announced_text.saturating_sub(channel.announced_text());
            self.channels.remove(id);
        }
    }

    fn stream(&self, id: ChannelId) -> Option<u16> {
        self.channels.get(id)?.stream
    }
}
