//! Channels of ours are open as soon as they are announced (W3C webrtc-pc, section 6.2; RFC 8832, section 6).

use std::time::Duration;

use drywire_sctp::{Association, Event as Sctp, StreamId};

use super::link::{Link, events};
use crate::{ChannelId, ChannelOptions, ChannelState, Config, Event, Message, Role, Transport};

type WithBarePeer = Link<Transport, Association>;

/// An unordered channel on stream 1, announced to a peer that says nothing.
fn unanswered() -> (WithBarePeer, ChannelId) {
    let mut link = WithBarePeer::hostile(Config::default());
    let options = ChannelOptions { ordered: false, ..ChannelOptions::new("positions") };
    let id = link.a.open(link.now, options).unwrap();
    (link, id)
}

/// The messages that have come to the peer: whether they were sent in order, and what is in them.
fn arrived(link: &mut WithBarePeer) -> Vec<(bool, Vec<u8>)> {
    let read = std::iter::from_fn(|| link.b.read(StreamId(1)));
    read.map(|message| (message.ordered, message.data.to_vec())).collect()
}

/// What the application was told, but of what it has written.
fn told(link: &mut WithBarePeer) -> Vec<Event> {
    events(&mut link.a).into_iter().filter(|event| !matches!(event, Event::BufferedAmountLow(_))).collect()
}

#[test]
fn it_takes_the_association_and_not_the_peers_answer() {
    let mut link = Link::idle(Config::default(), Config::default(), 1);
    let now = link.now;
    let here = link.a.open(now, ChannelOptions::new("a")).unwrap();
    let back = link.b.open(now, ChannelOptions::new("b")).unwrap();
    link.connect();
    assert!(events(&mut link.a).is_empty() && events(&mut link.b).is_empty());
    link.run_until(|link| link.a.is_connected() && link.b.is_connected());
    // Each way takes five milliseconds: INIT and INIT ACK, or COOKIE ECHO and COOKIE ACK on top.
    assert!(link.now - now <= Duration::from_millis(20));
    assert_eq!(events(&mut link.a)[..2], [Event::Connected, Event::Opened(here)]);
    assert_eq!(events(&mut link.b)[..2], [Event::Connected, Event::Opened(back)]);
    let later = link.a.open(link.now, ChannelOptions::new("later")).unwrap();
    assert!(!link.a.channel(later).unwrap().acknowledged());
    assert_eq!(link.a.channel(later).unwrap().state(), ChannelState::Open);
    link.settle();
    let told = events(&mut link.a);
    assert!(told.contains(&Event::Opened(later)) && !told.contains(&Event::Opened(here)));
    assert!([here, later].iter().all(|id| link.a.channel(*id).unwrap().acknowledged()));
}

#[test]
fn messages_stay_behind_the_announcement_until_the_answer() {
    let (mut link, id) = unanswered();
    assert_eq!(told(&mut link), [Event::Opened(id)]);
    link.a.write(link.now, id, Message::text("1")).unwrap();
    // However long the answer takes, and if it never comes.
    link.run_for(Duration::from_secs(600));
    link.a.write(link.now, id, Message::text("2")).unwrap();
    link.settle();
    let before = arrived(&mut link);
    assert_eq!(before[0].1[0], 3, "the announcement");
    assert_eq!(before[1..], [(true, b"1".to_vec()), (true, b"2".to_vec())]);
    assert!(!link.a.channel(id).unwrap().acknowledged());
    assert!(told(&mut link).is_empty());
    link.inject(1, 50, vec![2]);
    assert!(link.a.channel(id).unwrap().acknowledged());
    assert!(told(&mut link).is_empty(), "it was open before");
    link.a.write(link.now, id, Message::text("3")).unwrap();
    link.settle();
    assert_eq!(arrived(&mut link), [(false, b"3".to_vec())]);
}

/// RFC 8832, section 6: any message is as good as the acknowledgement.
#[test]
fn a_message_is_an_answer_too() {
    let (mut link, id) = unanswered();
    link.settle();
    assert_eq!(arrived(&mut link).len(), 1);
    link.inject(1, 51, "hello");
    link.a.write(link.now, id, Message::text("and back")).unwrap();
    link.settle();
    assert_eq!(arrived(&mut link), [(false, b"and back".to_vec())]);
    assert_eq!(told(&mut link), [Event::Opened(id), Event::Readable(id)]);
}

#[test]
fn a_peer_that_will_not_have_it_resets_it() {
    let (mut link, id) = unanswered();
    link.a.write(link.now, id, Message::text("1")).unwrap();
    link.settle();
    link.b.reset_streams(link.now, &[StreamId(1)]);
    link.settle();
    assert_eq!(told(&mut link), [Event::Opened(id), Event::Closed(id)]);
    assert!(link.sctp_events().contains(&Sctp::IncomingStreamsReset(vec![StreamId(1)])));
    assert_eq!(link.a.channel(id).unwrap().error(), None);
}

#[test]
fn one_that_closes_before_it_could_open_is_not_told_to_be_open() {
    let mut link = Link::idle(Config::default(), Config::default(), 2);
    let here = link.a.open(link.now, ChannelOptions::new("short")).unwrap();
    link.a.write(link.now, here, Message::text("last words")).unwrap();
    link.a.close(link.now, here);
    link.connect();
    link.settle();
    assert!(!events(&mut link.a).contains(&Event::Opened(here)));
}

#[test]
fn the_role_may_be_told_last() {
    let mut link = Link::idle(Config::default(), Config::default(), 3);
    let here = link.a.open(link.now, ChannelOptions::new("late")).unwrap();
    link.a.connect(link.now);
    link.b.connect(link.now);
    link.settle();
    assert_eq!(events(&mut link.a), [Event::Connected]);
    link.a.write(link.now, here, Message::text("queued")).unwrap();
    link.a.set_role(link.now, Role::Client);
    assert_eq!(events(&mut link.a)[0], Event::Opened(here));
    link.settle();
    assert_eq!(events(&mut link.b).len(), 3);
}
