//! The reset of streams (RFC 6525).

use drywire_core::Duration;
use drywire_sctp::SendOptions;
use drywire_sim::Probability;

use crate::messages::{Sent, assert_come, body, has_come};
use crate::side::{Letter, News};
use crate::world::Case;

const STREAMS: [u16; 3] = [0, 2, 4];

/// How many streams were reset, as `news` says.
fn count(news: &[News], which: impl Fn(&News) -> Option<&Vec<u16>>) -> usize {
    news.iter().filter_map(which).map(Vec::len).sum()
}

fn outgoing(news: &News) -> Option<&Vec<u16>> {
    match news {
        News::OutgoingReset(streams) => Some(streams),
        News::ResetFailed(_) => panic!("a reset failed"),
        _ => None,
    }
}

fn incoming(news: &News) -> Option<&Vec<u16>> {
    match news {
        News::IncomingReset(streams) => Some(streams),
        _ => None,
    }
}

/// Both sides reset the same streams at once, again and again: ours with data queued, which is delivered first; theirs
/// drops what is queued then, so it waits until all has come.
///
/// Each reset is told once, with one exception. When we were told that a reset is in progress, we ask again with a number of its own,
/// as dcSCTP and usrsctp do. If it has been performed meanwhile and that answer got lost, their side, which knows resets by
/// their numbers only, performs it once more and tells it again: [`News::IncomingResetAgain`], which is not counted here, because
/// nothing has come between.
pub(crate) fn streams_begin_anew_again_and_again(case: &Case) {
    let mut rng = case.rng();
    let mut setup = case.setup();
    if case.seed.is_multiple_of(2) {
        // Where so much is lost and late, all of that happens.
        let late = Duration::from_millis(1_500);
        setup.link = setup.link.loss(Probability::percent(30)).reorder(Probability::percent(50), late);
        // As libwebrtc sets it. Else they ask again after twice the time, without end.
        setup.theirs.max_timer_backoff_duration = Some(Duration::from_secs(3));
    }
    let mut world = case.connected(&setup);
    let mut sent = [Sent::new(), Sent::new()];
    for round in 1..=5 {
        for (side, sent) in sent.iter_mut().enumerate() {
            for stream in STREAMS {
                for _ in 0..=rng.below(4) {
                    let longest = if rng.below(4) == 0 { 30_000 } else { 900 };
                    let len = usize::try_from(1 + rng.below(longest)).unwrap();
                    let data = body(&mut rng, len);
                    sent.entry(stream).or_default().push(data.clone());
                    world.side(side).send(Letter { stream, data, options: SendOptions::ordered() });
                }
            }
        }
        let wait = Duration::from_millis(u64::from(rng.below(300)));
        world.run_for(wait);
        world.ours().reset(&STREAMS);
        world.run_until(|sides| {
            let [ours, theirs] = sides.sides();
            theirs.has_sent() && has_come(&sent[1], ours)
        });
        world.theirs().reset(&STREAMS);
        world.run_until(|sides| {
            let all = round * STREAMS.len();
            sides
                .sides()
                .iter()
                .all(|side| count(&side.news, outgoing) >= all && count(&side.news, incoming) >= all)
        });
        assert_come(&sent[0], world.theirs());
    }
    world.run_for(Duration::from_secs(60));
    assert_come(&sent[0], world.theirs());
    assert_come(&sent[1], world.ours());
    for side in 0..2 {
        let news = &world.side(side).news;
        let all = 5 * STREAMS.len();
        assert_eq!((count(news, outgoing), count(news, incoming)), (all, all), "{news:?}");
    }
}

/// Their side resets with data queued: what has come of it is a beginning of what was sent, and the stream goes on.
pub(crate) fn what_they_drop_is_not_waited_for(case: &Case) {
    let mut rng = case.rng();
    let mut world = case.connected(&case.setup());
    let mut sent = Vec::new();
    for _ in 0..20 {
        let len = usize::try_from(16 + rng.below(20_000)).unwrap();
        let data = body(&mut rng, len);
        sent.push(data.clone());
        world.theirs().send(Letter { stream: 2, data, options: SendOptions::ordered() });
    }
    let wait = Duration::from_millis(u64::from(rng.below(300)));
    world.run_for(wait);
    world.theirs().reset(&[2]);
    world.run_until(|sides| {
        let [ours, theirs] = sides.sides();
        count(&theirs.news, outgoing) > 0 && count(&ours.news, incoming) > 0
    });
    let came = world.ours().inbox.remove(&2).unwrap_or_default();
    assert!(sent.starts_with(&came));
    let data = body(&mut rng, 100);
    world.theirs().send(Letter { stream: 2, data: data.clone(), options: SendOptions::ordered() });
    world.run_until(|sides| sides.sides()[0].inbox.contains_key(&2));
    assert_eq!(world.ours().inbox[&2], [data]);
}
