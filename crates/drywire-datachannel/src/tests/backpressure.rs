use super::link::{Link, binary, events, read_all};
use crate::{ChannelOptions, Config, Event, Message, SendError};

#[test]
fn full_is_followed_by_low() {
    let mut link = Link::connected();
    let (here, there) = link.open(ChannelOptions::new(""));
    let (mut sent, mut got) = (0, 0);
    while got < 100 {
        loop {
            if sent == 100 {
                break;
            }
            match link.a.write(link.now, here, binary(60_000, sent)) {
                Ok(()) => sent += 1,
                Err(SendError::Full) => break,
                Err(error) => panic!("{error}"),
            }
        }
        let full = sent < 100;
        link.run_until(|link| {
            for message in read_all(&mut link.b, there) {
                assert!(message == binary(60_000, got));
                got += 1;
            }
            got == 100 || full && events(&mut link.a).contains(&Event::BufferedAmountLow(here))
        });
    }
    assert_eq!(link.a.buffered_amount(here), 0);
}

#[test]
fn full_before_connecting_is_followed_by_low() {
    let config = Config { max_queued: 1000, ..Config::default() };
    let mut link = Link::idle(config, Config::default(), 4);
    let now = link.now;
    let here = link.a.open(now, ChannelOptions::new("")).unwrap();
    assert_eq!(link.a.write(now, here, binary(1001, 0)), Err(SendError::TooLarge { limit: 1000 }));
    link.a.write(now, here, binary(600, 0)).unwrap();
    assert_eq!(link.a.write(now, here, binary(600, 0)), Err(SendError::Full));
    assert_eq!(link.a.buffered_amount(here), 600);
    link.connect();
    link.settle();
    assert!(events(&mut link.a).contains(&Event::BufferedAmountLow(here)));
    assert_eq!(link.a.write(link.now, here, binary(60_000, 0)), Ok(()));
}

#[test]
fn unread_messages_hold_the_writer_back() {
    let mut link = Link::connected();
    let (here, there) = link.open(ChannelOptions::new(""));
    let mut sent = 0_usize;
    for _ in 0..200 {
        while link.a.write(link.now, here, binary(60_000, sent)).is_ok() {
            sent += 1;
        }
        link.run_for(std::time::Duration::from_millis(100));
    }
    // Twice a window of four megabytes would be 140 of them.
    assert!(sent < 140, "{sent} messages were taken");
    let mut got = 0;
    link.run_until(|link| {
        for message in read_all(&mut link.b, there) {
            assert!(message == binary(60_000, got));
            got += 1;
        }
        got == sent
    });
}

#[test]
fn the_buffered_amount_is_of_user_bytes() {
    let mut link = Link::connected();
    let here = link.a.open(link.now, ChannelOptions::new("a label")).unwrap();
    assert_eq!(link.a.buffered_amount(here), 0);
    link.a.write(link.now, here, Message::text("")).unwrap();
    assert_eq!(link.a.buffered_amount(here), 0);
    link.a.write(link.now, here, binary(1000, 0)).unwrap();
    link.a.write(link.now, here, Message::binary(Vec::new())).unwrap();
    assert_eq!(link.a.buffered_amount(here), 1000);
    link.settle();
    assert_eq!(link.a.buffered_amount(here), 0);
    assert!(events(&mut link.a).contains(&Event::BufferedAmountLow(here)));
    // Empty messages do not count, and so nothing falls.
    link.a.write(link.now, here, Message::text("")).unwrap();
    link.settle();
    assert!(events(&mut link.a).is_empty());
}

#[test]
fn low_is_told_at_the_threshold() {
    let mut link = Link::connected();
    let (here, there) = link.open(ChannelOptions::new(""));
    link.a.set_buffered_amount_low_threshold(here, 100_000);
    link.a.write(link.now, here, binary(100_000, 0)).unwrap();
    link.settle();
    read_all(&mut link.b, there);
    assert!(events(&mut link.a).is_empty(), "never above the threshold");
    link.a.write(link.now, here, binary(200_000, 0)).unwrap();
    link.run_until(|link| events(&mut link.a) == [Event::BufferedAmountLow(here)]);
    assert!(link.a.buffered_amount(here) > 0);
    link.settle();
    assert!(events(&mut link.a).is_empty());
}

#[test]
fn a_busy_channel_does_not_hold_up_another() {
    let mut link = Link::connected();
    let (busy, _) = link.open(ChannelOptions::new("busy"));
    let (quiet, there) = link.open(ChannelOptions::new("quiet"));
    while link.a.write(link.now, busy, binary(60_000, 0)).is_ok() {}
    link.a.write(link.now, quiet, Message::text("hello")).unwrap();
    link.run_until(|link| read_all(&mut link.b, there) == [Message::text("hello")]);
    assert!(link.a.buffered_amount(busy) > 500_000);
}

#[test]
fn a_threshold_belongs_to_its_channel() {
    let mut link = Link::idle(Config::default(), Config::default(), 5);
    let now = link.now;
    let early = link.a.open(now, ChannelOptions::new("")).unwrap();
    link.a.set_buffered_amount_low_threshold(early, 50_000);
    for salt in 0..3 {
        link.a.write(now, early, binary(60_000, salt)).unwrap();
    }
    link.connect();
    link.run_until(|link| events(&mut link.a).contains(&Event::BufferedAmountLow(early)));
    link.settle();
    link.a.close(link.now, early);
    let there = link.b.channels().next().unwrap().0;
    read_all(&mut link.b, there);
    link.settle();
    events(&mut link.a);
    events(&mut link.b);
    // The next channel on the stream begins at zero.
    let (next, _) = link.open(ChannelOptions::new(""));
    assert_eq!(link.a.channel(next).unwrap().stream(), Some(0));
    link.a.write(link.now, next, binary(40_000, 0)).unwrap();
    link.settle();
    assert_eq!(events(&mut link.a), [Event::BufferedAmountLow(next)]);
}

#[test]
fn a_channel_that_is_not_read_stalls_all_or_is_closed() {
    for limit in [None, Some(200_000)] {
        let config = Config { max_unread: limit, ..Config::default() };
        let mut link = Link::idle(Config::default(), config, 9);
        link.connect();
        link.settle();
        let (slow, slow_there) = link.open(ChannelOptions::new("slow"));
        let (quick, quick_there) = link.open(ChannelOptions::new("quick"));
        let mut got = 0;
        for _ in 0..200 {
            let now = link.now;
            while link.a.write(now, slow, binary(60_000, 1)).is_ok() {}
            let _ = link.a.write(now, quick, binary(60_000, 2));
            for _ in 0..50 {
                link.run_for(std::time::Duration::from_millis(2));
                got += read_all(&mut link.b, quick_there).len();
            }
        }
        if limit.is_none() {
            assert!(got < 100, "the window of all is full of what is unread: {got}");
            assert!(!read_all(&mut link.b, slow_there).is_empty());
        } else {
            assert_eq!(got, 200);
            assert!(events(&mut link.b).contains(&Event::Closed(slow_there)));
            let error = link.b.channel(slow_there).and_then(crate::Channel::error);
            assert_eq!(error, Some(crate::ChannelError::Unread));
            assert_eq!(link.b.channel(quick_there).and_then(crate::Channel::error), None);
            assert!(events(&mut link.a).contains(&Event::Closed(slow)));
            assert_eq!(link.b.stats().channels_failed, 1);
        }
    }
}
