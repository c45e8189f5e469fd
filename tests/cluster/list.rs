//! What a node makes of the shared list when the log does not say everything, and when the list itself is lost.

use std::time::Duration;

use bevy_bouncer::*;

use crate::{fleet::*, support::*};

/// Two nodes that compare their lists with the shared one this often.
pub fn comparing<P: Backplane>(backplane: impl Fn() -> P, every: Duration) -> Fleet {
    let game = |name| {
        let mut options = options(name);
        options.reconcile_interval = every;
        let mut game = node_with(backplane(), options, |_| {});
        ready(&mut game);
        game
    };
    Fleet {
        a: game("a"),
        b: game("b"),
    }
}

/// A revocation that B cannot read from the log ends its session there all the same.
pub fn what_only_the_list_says_ends_sessions(
    fleet: &mut Fleet,
    bar: impl FnOnce(&mut Fleet, Revocation),
) {
    // The log is not empty from here on.
    catch_up(&mut fleet.b);
    let mut inside = fleet.b.join("player-1");
    let mut other = fleet.b.join("player-2");
    bar(fleet, Revocation::user(user("player-1")));
    assert_eq!(fleet.close_of(&mut inside).0, 4101);
    fleet.until("the entity is gone", |fleet| fleet.b.entities() == 1);
    let answer = fleet.b.connect(&token("player-1")).err().unwrap();
    assert_eq!(answer.status, 401);
    other.settle();
}

/// A restoration that B cannot read from the log lets its user in there all the same, and takes nothing else away.
pub fn what_only_the_list_restores_comes_in(
    fleet: &mut Fleet,
    restore: impl FnOnce(&mut Fleet, Subject),
) {
    for name in ["player-1", "player-2"] {
        let receipt = fleet.a.bouncer.revoke(user(name));
        fleet.during(move || block_on(receipt)).expect("stored");
    }
    catch_up(&mut fleet.b);
    assert!(fleet.b.connect(&token("player-1")).is_err());
    restore(fleet, user("player-1").into());
    fleet.until("it comes in", |fleet| {
        fleet.b.connect(&token("player-1")).is_ok()
    });
    let answer = fleet.b.connect(&token("player-2")).err().unwrap();
    assert_eq!(answer.status, 401);
}

/// Whoever was barred stays barred on the nodes that know of it, although the backplane does not any more. They tell it
/// again, so that a node that starts later knows as well.
pub fn what_the_backplane_forgets_stays_barred<P: Backplane>(
    fleet: &mut Fleet,
    backplane: impl Fn() -> P,
    forget: impl FnOnce(),
) {
    let receipt = fleet.a.bouncer.revoke(user("player-1"));
    fleet.during(move || block_on(receipt)).expect("stored");
    let receipt = fleet
        .b
        .bouncer
        .revoke(Revocation::token("token-of-player-2").ban());
    fleet.during(move || block_on(receipt)).expect("stored");
    for game in [&mut fleet.a, &mut fleet.b] {
        catch_up(game);
    }
    forget();
    // Each node hears of two, one after the other: after the second it has compared the whole list.
    for name in ["player-3", "player-4"] {
        hears_of(&mut fleet.b, &mut fleet.a, name);
        hears_of(&mut fleet.a, &mut fleet.b, &format!("{name}-too"));
    }
    let status =
        |game: &mut Game, name| game.connect(&token(name)).err().map(|answer| answer.status);
    for game in [&mut fleet.a, &mut fleet.b] {
        assert_eq!(status(game, "player-1"), Some(401));
        assert_eq!(status(game, "player-2"), Some(403));
        game.join("player-5");
    }
    fleet.until("it is told again", |fleet| {
        let [a, b] = [&fleet.a, &fleet.b].map(|game| game.bouncer.unsaved());
        a.is_empty() && b.is_empty()
    });
    let mut late = node(backplane(), "late", |_| {});
    ready(&mut late);
    assert_eq!(status(&mut late, "player-1"), Some(401));
    assert_eq!(status(&mut late, "player-2"), Some(403));
    late.until("somebody else comes in", |late| {
        late.connect(&token("player-6")).is_ok()
    });
}

/// One node decides about a session of the other.
fn hears_of(game: &mut Game, deciding: &mut Game, name: &str) {
    let mut inside = game.join(name);
    let receipt = deciding.bouncer.revoke(user(name));
    deciding.during(move || block_on(receipt)).expect("stored");
    assert_eq!(inside.close_code(), 4101);
    game.until("it has left", |game| {
        game.seen().joined.len() == game.seen().left.len()
    });
}
