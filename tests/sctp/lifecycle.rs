//! How associations end and begin anew.

use drywire_core::{Duration, Rng};
use drywire_sctp::SendOptions;

use crate::messages::{Sent, assert_come, body, has_come};
use crate::side::{Letter, News};
use crate::world::{Case, World};

fn send_some(world: &mut World, side: usize, sent: &mut Sent, rng: &mut Rng) {
    for _ in 0..10 {
        let stream = u16::try_from(rng.below(4)).unwrap();
        let options =
            if stream.is_multiple_of(2) { SendOptions::ordered() } else { SendOptions::unordered() };
        let len = usize::try_from(1 + rng.below(10_000)).unwrap();
        let data = body(rng, len);
        sent.entry(stream).or_default().push(data.clone());
        world.side(side).send(Letter { stream, data, options });
    }
}

/// Runs until both sides are closed, in good order.
fn run_to_the_end(world: &mut World) {
    world.run_until(|sides| sides.sides().iter().all(|side| side.news.contains(&News::Closed)));
    for side in 0..2 {
        assert_eq!(world.side(side).news, [News::Connected, News::Closed]);
    }
}

/// One side ends in good order, and what both have sent before is delivered.
pub(crate) fn shutdown_delivers_everything_first(case: &Case) {
    let mut rng = case.rng();
    let mut setup = case.setup();
    // The last word of a shutdown may be lost; who waits for it gives up in time.
    setup.link = setup.link.loss(drywire_sim::Probability::percent(5));
    let mut world = case.connected(&setup);
    let mut sent = [Sent::new(), Sent::new()];
    for (side, sent) in sent.iter_mut().enumerate() {
        send_some(&mut world, side, sent, &mut rng);
    }
    // Theirs takes what is lost for delivered (`dcsctp` 0.1.16: SHUTDOWN ACK while chunks wait to be sent again).
    world.run_until(|sides| has_come(&sent[1], sides.sides()[0]));
    let first = usize::try_from(rng.below(2)).unwrap();
    world.side(first).shutdown();
    if rng.below(3) == 0 {
        let wait = Duration::from_millis(u64::from(rng.below(200)));
        world.run_for(wait);
        world.side(1 - first).shutdown();
    }
    run_to_the_end(&mut world);
    assert_come(&sent[0], world.theirs());
    assert_come(&sent[1], world.ours());
}

/// An abort ends the other side, too.
pub(crate) fn an_abort_is_heard(case: &Case) {
    let mut rng = case.rng();
    let mut setup = case.setup();
    // It is said once, and again only when the other side speaks.
    setup.link = setup.link.loss(drywire_sim::Probability::NEVER);
    let mut world = case.connected(&setup);
    let side = usize::try_from(rng.below(2)).unwrap();
    send_some(&mut world, 1 - side, &mut Sent::new(), &mut rng);
    let wait = Duration::from_millis(u64::from(rng.below(300)));
    world.run_for(wait);
    world.side(side).abort();
    world.run_until(|sides| sides.sides()[1 - side].news.contains(&News::Aborted));
}

/// One side loses all that it knows, and begins anew: the other one notices, and messages flow.
pub(crate) fn who_forgets_everything_begins_anew(case: &Case) {
    let mut rng = case.rng();
    let setup = case.setup();
    let mut world = case.connected(&setup);
    let side = usize::try_from(rng.below(2)).unwrap();
    let mut lost = [Sent::new(), Sent::new()];
    // Theirs goes on with what it had begun to send, but with numbers that do not fit (`dcsctp` 0.1.16): it has sent nothing.
    for from in [0].into_iter().chain((side == 1).then_some(1)) {
        send_some(&mut world, from, &mut lost[from], &mut rng);
    }
    // Theirs takes up the association of before when an echo of its cookie still comes: its cookies are good for every socket.
    let least = if side == 1 { 200 } else { 0 };
    let wait = Duration::from_millis(u64::from(least + rng.below(300)));
    world.run_for(wait);
    world.forget(case, &setup, side);
    world.side(side).connect();
    world.run_until(|sides| {
        sides.sides()[side].news.contains(&News::Connected)
            && sides.sides()[1 - side].news.contains(&News::Restarted)
    });
    let mut sent = [Sent::new(), Sent::new()];
    for (side, sent) in sent.iter_mut().enumerate() {
        send_some(&mut world, side, sent, &mut rng);
    }
    world.run_for(Duration::from_secs(600));
    // Of the association before, some may have come.
    for (from, sent) in sent.iter().enumerate() {
        let inbox = &mut world.side(1 - from).inbox;
        for (stream, came) in inbox {
            let Some(of_before) = lost[from].get(stream) else { continue };
            came.retain(|data| !of_before.contains(data));
        }
        assert_come(sent, world.side(1 - from));
    }
}
