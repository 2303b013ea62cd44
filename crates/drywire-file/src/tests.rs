//! Whole transfers: a sender and a receiver with a channel between them that can be cut at any moment.

use std::collections::VecDeque;

use bytes::Bytes;
use proptest::prelude::*;

use crate::*;

const ID: TransferId = TransferId([7; 16]);

fn file(len: usize) -> Bytes {
    (0..len).map(|i| (i.wrapping_mul(31) % 251).to_le_bytes()[0]).collect::<Vec<_>>().into()
}

fn offer(len: usize) -> Offer {
    Offer::new(ID, u64::try_from(len).unwrap(), FileName::sanitized("name.bin")).unwrap()
}

fn prefix(bytes: &[u8]) -> Prefix {
    let mut prefix = Prefix::new(&*drywire_crypto_aws_lc::provider());
    prefix.update(bytes);
    prefix
}

/// Both ends, and what is on its way.
struct World {
    file: Bytes,
    sender: Sender,
    receiver: Receiver,
    to_receiver: VecDeque<Message>,
    to_sender: VecDeque<Message>,
    stored: Vec<u8>,
    /// How many bytes of data were sent.
    sent: usize,
    sender_events: Vec<SenderEvent>,
    receiver_events: Vec<ReceiverEvent>,
}

impl World {
    fn new(len: usize) -> Self {
        Self {
            file: file(len),
            sender: Sender::new(&*drywire_crypto_aws_lc::provider(), offer(len)),
            receiver: Receiver::new(),
            to_receiver: VecDeque::new(),
            to_sender: VecDeque::new(),
            stored: Vec::new(),
            sent: 0,
            sender_events: Vec::new(),
            receiver_events: Vec::new(),
        }
    }

    fn connect(&mut self, max_message_size: usize) {
        self.to_receiver.clear();
        self.to_sender.clear();
        self.sender.connected(max_message_size);
    }

    fn cut(&mut self) {
        self.to_receiver.clear();
        self.to_sender.clear();
        self.sender.disconnected();
        self.receiver.disconnected();
    }

    /// The sender's channel takes one message. Supplies at most `most` bytes, which may be fewer than wanted.
    fn send(&mut self, most: usize) {
        if let Some(wanted) = self.sender.wanted() {
            let start = usize::try_from(wanted.offset).unwrap();
            self.sender.supply(self.file.slice(start..start + wanted.len.min(most)));
        }
        if let Some(message) = self.sender.poll_transmit() {
            if let Message::Data(data) = &message {
                assert!(!data.is_empty());
                self.sent += data.len();
            }
            self.to_receiver.push_back(message);
        }
        self.sender_events.extend(std::iter::from_fn(|| self.sender.poll_event()));
    }

    /// One message arrives at the receiver.
    fn receive(&mut self) {
        match self.to_receiver.pop_front() {
            Some(Message::Text(text)) => self.receiver.handle_text(&text),
            Some(Message::Data(data)) => {
                if let Some(chunk) = self.receiver.handle_data(data) {
                    assert_eq!(usize::try_from(chunk.offset).unwrap(), self.stored.len(), "a gap");
                    self.stored.extend_from_slice(&chunk.data);
                }
            }
            None => {}
        }
        while let Some(event) = self.receiver.poll_event() {
            if let ReceiverEvent::Offered(_) = event {
                self.receiver.accept(prefix(&self.stored)).unwrap();
            }
            self.receiver_events.push(event);
        }
        self.to_sender.extend(std::iter::from_fn(|| self.receiver.poll_transmit()));
    }

    /// One message arrives at the sender.
    fn answer(&mut self) {
        match self.to_sender.pop_front() {
            Some(Message::Text(text)) => self.sender.handle_text(&text),
            Some(Message::Data(_)) => panic!("a receiver sends no data"),
            None => {}
        }
    }

    fn run(&mut self) {
        for _ in 0..100_000 {
            self.send(usize::MAX);
            self.receive();
            self.receiver.confirm();
            self.receive();
            self.answer();
            if self.sender.outcome().is_some() && self.to_receiver.is_empty() && self.to_sender.is_empty() {
                return;
            }
        }
        panic!("it never ends: {:?} {:?}", self.sender, self.receiver);
    }

    fn assert_done(&self) {
        let done = Some(Outcome::Done(prefix(&self.file).hash()));
        assert_eq!((self.sender.outcome(), self.receiver.outcome()), (done, done));
        assert_eq!(self.stored, self.file);
        assert_eq!(self.sender.progress(), self.receiver.progress());
        let total = u64::try_from(self.file.len()).unwrap();
        assert_eq!(self.sender.progress(), Progress { transferred: total, acknowledged: total, total });
    }
}

#[test]
fn files_of_all_sizes_arrive() {
    for len in [0, 1, MAX_CHUNK - 1, MAX_CHUNK, MAX_CHUNK + 1, 1_000_000] {
        for max_message_size in [0, 16_384, 262_144] {
            let mut world = World::new(len);
            world.connect(max_message_size);
            world.run();
            world.assert_done();
            assert_eq!(world.sent, len);
        }
    }
}

#[test]
fn a_chunk_is_no_larger_than_the_peer_takes() {
    let mut world = World::new(10_000);
    world.connect(1_000);
    while world.sender.outcome().is_none() {
        world.send(usize::MAX);
        let largest = world.to_receiver.iter().map(|message| match message {
            Message::Data(data) => data.len(),
            Message::Text(_) => 0,
        });
        assert!(largest.max().unwrap_or(0) <= 1_000);
        world.receive();
        world.receiver.confirm();
        world.receive();
        world.answer();
    }
    world.assert_done();
}

#[test]
fn after_a_cut_only_the_rest_is_sent() {
    let len = 1_000_000;
    let mut world = World::new(len);
    world.connect(0);
    while world.stored.len() < len / 2 {
        world.send(usize::MAX);
        world.receive();
        world.answer();
    }
    let before = world.stored.len();
    // Three chunks are lost on the way.
    for _ in 0..3 {
        world.send(usize::MAX);
    }
    world.cut();
    world.sent = 0;
    world.connect(0);
    world.run();
    world.assert_done();
    assert_eq!(world.sent, len - before);
    let offset = u64::try_from(before).unwrap();
    assert!(world.receiver_events.contains(&ReceiverEvent::Resumed { offset }));
    assert!(world.sender_events.contains(&SenderEvent::Accepted { offset }));
}

#[test]
fn programs_started_anew_resume_by_what_is_stored() {
    let mut world = World::new(300_000);
    world.stored = world.file[..123_457].to_vec();
    world.connect(0);
    world.run();
    world.assert_done();
    assert_eq!(world.sent, 300_000 - 123_457);
    assert_eq!(world.receiver.accept(prefix(b"")), Err(AcceptError::NotOffered));
}

#[test]
fn what_is_stored_and_wrong_is_found_at_the_end() {
    let mut world = World::new(300_000);
    world.stored = vec![0; 100_000];
    world.connect(0);
    world.run();
    let failed = Some(Outcome::Failed(Failure::HashMismatch));
    assert_eq!((world.sender.outcome(), world.receiver.outcome()), (failed, failed));
}

#[test]
fn more_stored_than_offered_is_not_accepted() {
    let mut receiver = Receiver::new();
    receiver.handle_control(Control::Offer(offer(3)));
    assert_eq!(receiver.accept(prefix(b"four")), Err(AcceptError::PrefixTooLong));
    assert_eq!(receiver.accept(prefix(b"one")), Ok(()));
}

#[test]
fn a_confirmation_that_was_lost_is_given_again() {
    let mut world = World::new(100);
    world.connect(0);
    while world.receiver.outcome().is_none() {
        world.send(usize::MAX);
        world.receive();
        world.receiver.confirm();
        world.answer();
    }
    assert_eq!(world.sender.outcome(), None);
    world.cut();
    world.connect(0);
    world.run();
    world.assert_done();
    assert_eq!(world.sent, 100);
}

#[test]
fn a_file_that_became_shorter_ends_the_transfer() {
    let mut world = World::new(1_000);
    world.connect(0);
    world.send(0);
    world.receive();
    world.answer();
    world.sender.supply(Bytes::new());
    assert_eq!(world.sender.outcome(), Some(Outcome::Failed(Failure::Local(Reason::Storage))));
    world.run();
    assert_eq!(world.receiver.outcome(), Some(Outcome::Failed(Failure::Remote(Reason::Storage))));
}

#[test]
fn either_side_can_give_up_and_the_other_hears_why() {
    for at in 0..6 {
        let mut world = World::new(200_000);
        world.connect(0);
        for _ in 0..at {
            world.send(usize::MAX);
            world.receive();
            world.answer();
        }
        let mut other = World::new(200_000);
        other.connect(0);
        for _ in 0..at {
            other.send(usize::MAX);
            other.receive();
            other.answer();
        }
        world.sender.abandon(Reason::Cancelled);
        world.run();
        assert_eq!(world.sender.outcome(), Some(Outcome::Failed(Failure::Local(Reason::Cancelled))));
        // Whoever was offered nothing hears nothing.
        if at > 0 {
            assert_eq!(world.receiver.outcome(), Some(Outcome::Failed(Failure::Remote(Reason::Cancelled))));
            other.receiver.refuse(Reason::TooLarge);
            other.run();
            assert_eq!(other.receiver.outcome(), Some(Outcome::Failed(Failure::Local(Reason::TooLarge))));
            assert_eq!(other.sender.outcome(), Some(Outcome::Failed(Failure::Remote(Reason::TooLarge))));
        }
    }
}

#[test]
fn one_receiver_takes_one_transfer() {
    let mut world = World::new(100_000);
    world.connect(0);
    world.send(usize::MAX);
    world.receive();
    let another = Offer::new(TransferId([8; 16]), 5, FileName::sanitized("x")).unwrap();
    world.receiver.handle_control(Control::Offer(another.clone()));
    let refusal = Control::Refuse { id: another.id(), reason: Reason::Busy };
    assert_eq!(world.receiver.poll_transmit(), Some(refusal.into()));
    world.run();
    world.assert_done();
}

/// The peer is a loop: both ends are on this side. That is how the page talks to an echo.
#[test]
fn an_echo_is_a_peer() {
    let file = file(500_000);
    let mut sender = Sender::new(&*drywire_crypto_aws_lc::provider(), offer(file.len()));
    let (mut receiver, mut echo, mut stored) = (Receiver::new(), VecDeque::new(), Vec::new());
    for cut in [Some(3), Some(9), None] {
        sender.connected(0);
        let mut steps = 0;
        while sender.outcome().is_none() && cut.is_none_or(|cut| steps < cut) {
            steps += 1;
            if let Some(wanted) = sender.wanted() {
                let start = usize::try_from(wanted.offset).unwrap();
                sender.supply(file.slice(start..start + wanted.len));
            }
            echo.extend(sender.poll_transmit());
            echo.extend(std::iter::from_fn(|| receiver.poll_transmit()));
            match echo.pop_front() {
                Some(Message::Text(text)) => {
                    sender.handle_text(&text);
                    receiver.handle_text(&text);
                }
                Some(Message::Data(data)) => {
                    stored.extend(receiver.handle_data(data).into_iter().flat_map(|chunk| chunk.data));
                }
                None => {}
            }
            if let Some(ReceiverEvent::Offered(_)) = receiver.poll_event() {
                receiver.accept(prefix(b"")).unwrap();
            }
            receiver.confirm();
        }
        sender.disconnected();
        receiver.disconnected();
        echo.clear();
    }
    assert_eq!(sender.outcome(), Some(Outcome::Done(prefix(&file).hash())));
    assert_eq!(stored, file);
}

#[test]
fn a_sender_finds_violations() {
    let hash = FileHash([0; 32]);
    let offset = 100_001;
    let accept = |offset| Control::Accept { id: ID, offset };
    for (accept, control, violation) in [
        (None, accept(offset), Violation::Position),
        (Some(accept(100_000)), Control::Done { id: ID, hash }, Violation::Unasked),
    ] {
        let mut world = World::new(100_000);
        world.connect(0);
        world.send(usize::MAX);
        if let Some(accept) = accept {
            world.sender.handle_control(&accept);
            assert!(matches!(world.sender.poll_event(), Some(SenderEvent::Accepted { .. })));
        }
        world.sender.handle_control(&control);
        let failed = Outcome::Failed(Failure::Protocol(violation));
        assert_eq!(world.sender.outcome(), Some(failed));
        let abandon = Control::Abandon { id: ID, reason: Reason::Protocol };
        assert_eq!(world.sender.poll_transmit(), Some(abandon.into()));
        assert_eq!(world.sender.poll_event(), Some(SenderEvent::Over(failed)));
    }
    let mut world = World::new(100_000);
    world.connect(0);
    world.send(usize::MAX);
    world.receive();
    world.answer();
    world.sender.handle_control(&Control::Have { id: ID, bytes: 1 });
    assert_eq!(world.sender.outcome(), Some(Outcome::Failed(Failure::Protocol(Violation::Position))));
}

#[test]
fn a_receiver_finds_violations() {
    let hash = FileHash([0; 32]);
    type Act = fn(&mut Receiver);
    let cases: [(Act, Violation); 3] = [
        (
            |receiver| assert_eq!(receiver.handle_data(Bytes::from_static(b"1234")), None),
            Violation::TooMuchData,
        ),
        (
            |receiver| receiver.handle_control(Control::End { id: ID, hash: FileHash([0; 32]) }),
            Violation::EndTooEarly,
        ),
        (|receiver| receiver.handle_text("END of the world"), Violation::Unreadable(ParseError::WordCount)),
    ];
    for (act, violation) in cases {
        let mut receiver = Receiver::new();
        receiver.handle_control(Control::Offer(offer(3)));
        receiver.accept(prefix(b"")).unwrap();
        assert!(receiver.poll_transmit().is_some());
        act(&mut receiver);
        assert_eq!(receiver.outcome(), Some(Outcome::Failed(Failure::Protocol(violation))));
        let refuse = Control::Refuse { id: ID, reason: Reason::Protocol };
        assert_eq!(receiver.poll_transmit(), Some(refuse.into()));
    }
    let mut receiver = Receiver::new();
    receiver.handle_control(Control::Offer(offer(0)));
    receiver.accept(prefix(b"")).unwrap();
    receiver.handle_control(Control::End { id: ID, hash });
    assert_eq!(receiver.outcome(), Some(Outcome::Failed(Failure::HashMismatch)));
}

#[derive(Clone, Debug)]
enum Step {
    Send(usize),
    Receive,
    Answer,
    Confirm,
    /// Both ends notice.
    Cut,
    /// The sender is the first to notice, and there is another channel before the receiver does.
    Reconnect,
    /// A program is started anew, and knows what it has stored.
    RestartSender,
    RestartReceiver,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => prop_oneof![Just(usize::MAX), 1..5000_usize].prop_map(Step::Send),
        10 => Just(Step::Receive),
        6 => Just(Step::Answer),
        2 => Just(Step::Confirm),
        1 => Just(Step::Cut),
        1 => Just(Step::Reconnect),
        1 => Just(Step::RestartSender),
        1 => Just(Step::RestartReceiver),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_the_file_arrives_once_the_connection_lasts(
        len in prop_oneof![0..10_usize, 0..300_000_usize],
        max_message_size in prop_oneof![Just(0), 1000..100_000_usize],
        steps in prop::collection::vec(step(), 0..200),
    ) {
        let mut world = World::new(len);
        world.connect(max_message_size);
        for step in steps {
            match step {
                Step::Send(most) => world.send(most),
                Step::Receive => world.receive(),
                Step::Answer => world.answer(),
                Step::Confirm => world.receiver.confirm(),
                Step::Cut => {
                    world.cut();
                    world.connect(max_message_size);
                }
                Step::Reconnect => world.connect(max_message_size),
                Step::RestartSender => {
                    world.cut();
                    world.sender = Sender::new(&*drywire_crypto_aws_lc::provider(), offer(len));
                    world.connect(max_message_size);
                }
                Step::RestartReceiver => {
                    world.cut();
                    world.receiver = Receiver::new();
                    world.connect(max_message_size);
                }
            }
            prop_assert!(world.stored.len() <= len);
            let progress = world.sender.progress();
            prop_assert!(progress.acknowledged <= progress.transferred && progress.transferred <= progress.total);
        }
        world.run();
        prop_assert_eq!(&world.stored, &world.file);
        prop_assert_eq!(world.sender.outcome(), Some(Outcome::Done(prefix(&world.file).hash())));
    }

    #[test]
    fn garbage_at_any_moment_is_borne(
        steps in prop::collection::vec((step(), prop::option::of(garbage())), 0..100),
    ) {
        let mut world = World::new(5_000);
        world.connect(1_000);
        for (step, garbage) in steps {
            match step {
                Step::Send(most) => world.send(most),
                Step::Receive => {
                    world.to_sender.extend(std::iter::from_fn(|| world.receiver.poll_transmit()));
                    match world.to_receiver.pop_front() {
                        Some(Message::Text(text)) => world.receiver.handle_text(&text),
                        Some(Message::Data(data)) => drop(world.receiver.handle_data(data)),
                        None => {}
                    }
                    let _ = world.receiver.accept(prefix(b""));
                }
                Step::Answer => world.answer(),
                Step::Confirm => world.receiver.confirm(),
                Step::Cut => world.cut(),
                Step::Reconnect => world.connect(1_000),
                Step::RestartSender => world.sender.abandon(Reason::Other),
                Step::RestartReceiver => world.receiver.refuse(Reason::Other),
            }
            match garbage {
                Some(Message::Text(text)) => {
                    world.sender.handle_text(&text);
                    world.receiver.handle_text(&text);
                }
                Some(Message::Data(data)) => drop(world.receiver.handle_data(data)),
                None => {}
            }
            let progress = world.receiver.progress();
            prop_assert!(progress.transferred <= progress.total);
            prop_assert!(world.sender.progress().transferred <= 5_000);
        }
        // Nothing has piled up, whatever was not polled.
        prop_assert!(std::iter::from_fn(|| world.receiver.poll_event()).count() <= 4);
        prop_assert!(std::iter::from_fn(|| world.receiver.poll_transmit()).count() <= 3);
        prop_assert!(std::iter::from_fn(|| world.sender.poll_event()).count() <= 3);
    }
}

fn garbage() -> impl Strategy<Value = Message> {
    let number = prop_oneof![0..6_000_u64, Just(MAX_FILE_LEN)];
    let hash = prop_oneof![Just(FileHash([0; 32])), Just(prefix(&file(5_000)).hash())];
    let id = prop_oneof![4 => Just(ID), 1 => Just(TransferId([9; 16]))];
    let control = (0..8, id, number, hash).prop_map(|(verb, id, number, hash)| match verb {
        0 => Control::Offer(Offer::new(id, number, FileName::sanitized("x")).unwrap()),
        1 => Control::End { id, hash },
        2 => Control::Abandon { id, reason: Reason::Other },
        3 => Control::Accept { id, offset: number },
        4 => Control::Have { id, bytes: number },
        5 => Control::Done { id, hash },
        6 => Control::Refuse { id, reason: Reason::HashMismatch },
        _ => Control::Get(FileName::sanitized("x")),
    });
    prop_oneof![
        control.prop_map(Message::from),
        ".{0,40}".prop_map(Message::Text),
        prop::collection::vec(any::<u8>(), 0..2_000).prop_map(|data| Message::Data(data.into())),
    ]
}
