//! The game moderates in a user's name or the house's: by the same rules, and it learns what came of it.

use std::time::Duration;

use bevy_app::Update;
use bevy_bouncer::UserId;
use bevy_bouncer_chat::*;
use bevy_ecs::prelude::*;
use serde_json::json;

use crate::{fleet::Fleet, support::*, talker::*};

#[derive(Resource, Default)]
struct Trail {
    results: Vec<ModerationResult>,
    done: Vec<Moderated>,
}

fn read(
    mut results: MessageReader<ModerationResult>,
    mut done: MessageReader<Moderated>,
    mut trail: ResMut<Trail>,
) {
    trail.results.extend(results.read().cloned());
    trail.done.extend(done.read().cloned());
}

fn watched(mut game: Game) -> Game {
    game.app.init_resource::<Trail>().add_systems(Update, read);
    game
}

fn queue(game: &mut Game, by: Option<&str>, action: Moderation) {
    let by = by.map(user);
    let reason = Some("because".to_owned());
    let moderate = Moderate { by, action, reason };
    game.world().commands().queue(moderate);
    game.world().flush();
}

/// Asks, and returns what came of it.
#[track_caller]
fn moderate(game: &mut Game, by: Option<&str>, action: Moderation) -> Result<(), ErrorCode> {
    let before = game.world().resource::<Trail>().results.len();
    queue(game, by, action.clone());
    game.until("it is decided", |game| {
        game.world().resource::<Trail>().results.len() > before
    });
    let result = game.world().resource::<Trail>().results[before].clone();
    assert_eq!((result.by, result.action), (by.map(user), action));
    assert_eq!(result.reason.as_deref(), Some("because"));
    result.result
}

fn mute(id: &str) -> Moderation {
    Moderation::Mute(user(id), MutedIn::Everywhere, 60)
}

/// Everything that is about a user.
fn all_about(id: UserId) -> [Moderation; 7] {
    [
        Moderation::Mute(id.clone(), MutedIn::Everywhere, 60),
        Moderation::Unmute(id.clone(), MutedIn::Everywhere),
        Moderation::Kick(id.clone()),
        Moderation::Ban(id.clone(), None),
        Moderation::LogOut(id.clone()),
        Moderation::Revoke(id.clone()),
        Moderation::Restore(id),
    ]
}

#[test]
fn p16_in_a_moderators_name_the_game_touches_nobody_whom_the_moderator_could_not() {
    let mut game = watched(start());
    let _moderator = Talker::join(&mut game, "mod-1");
    let _admin = Talker::join(&mut game, "admin-1");
    // Who decides may be here or away, and so may the target.
    for by in ["mod-1", "mod-2"] {
        for target in ["admin-1", "admin-2", "mod-1", "mod-3", "ann-unknown"] {
            for action in all_about(user(target)) {
                let result = moderate(&mut game, Some(by), action.clone());
                assert_eq!(result, Err(ErrorCode::Forbidden), "{by} {action:?}");
            }
        }
    }
    for action in all_about(user("ann")) {
        for nobody in ["bob", "ann-unknown", "ann-broken"] {
            let result = moderate(&mut game, Some(nobody), action.clone());
            assert_eq!(result, Err(ErrorCode::Forbidden), "{nobody} {action:?}");
        }
        let result = moderate(&mut game, Some("never-there"), action);
        assert_eq!(result, Err(ErrorCode::UnknownUser));
    }
    assert_eq!(game.players(), 2);
    assert!(game.world().resource::<Trail>().done.is_empty());
    for action in all_about(user("ann")) {
        assert_eq!(moderate(&mut game, Some("mod-2"), action), Ok(()));
    }
    let done = &game.world().resource::<Trail>().done;
    let actions: Vec<_> = done.iter().map(|it| it.action.clone()).collect();
    assert_eq!(actions, all_about(user("ann")));
    assert!(done.iter().all(|it| it.by == Some(user("mod-2"))));
    assert!(done.iter().all(|it| it.player.is_none()));
}

#[test]
fn the_house_is_above_everybody_and_admins_end_what_it_decided() {
    let mut game = watched(start());
    let mut ann = Talker::in_room(&mut game, "ann");
    let mut moderator = Talker::in_room(&mut game, "mod-1");
    let mut admin = Talker::in_room(&mut game, "admin-1");
    assert_eq!(moderate(&mut game, None, mute("ann")), Ok(()));
    assert_eq!(ann.hear(&mut game, "muted")["reason"], "because");
    assert_eq!(ann.err(&mut game, said("hi")), "muted");
    let unmute = json!({"op": "mod.unmute", "user": "ann"});
    assert_eq!(moderator.err(&mut game, unmute.clone()), "forbidden");
    admin.ack(&mut game, unmute);
    let entity = room(&mut game, "a");
    assert_eq!(
        moderate(&mut game, None, Moderation::Freeze(entity, true)),
        Ok(())
    );
    let unfreeze = json!({"op": "mod.freeze", "room": "a", "on": false});
    assert_eq!(moderator.err(&mut game, unfreeze.clone()), "forbidden");
    admin.ack(&mut game, unfreeze);
    assert_eq!(
        moderate(&mut game, None, Moderation::Kick(user("admin-1"))),
        Ok(())
    );
    assert_eq!(admin.close(&mut game), (4004, "kicked: because".into()));
    let done = &game.world().resource::<Trail>().done;
    assert!(
        done.iter()
            .all(|it| it.by.is_none() || it.by == Some(user("admin-1")))
    );
    assert_eq!(done[0].by, None);
}

#[test]
fn each_action_does_what_it_does_for_a_moderator() {
    let mut game = watched(start());
    let _moderator = Talker::join(&mut game, "mod-1");
    let by = Some("mod-1");
    let mut ann = Talker::in_room(&mut game, "ann");
    let entity = room(&mut game, "a");
    ann.say(&mut game, "rude");
    assert_eq!(
        moderate(&mut game, by, Moderation::Delete(entity, 1)),
        Ok(())
    );
    assert_eq!(ann.hear(&mut game, "chat.deleted")["seq"], 1);
    let missing = Moderation::Delete(entity, 9);
    assert_eq!(
        moderate(&mut game, by, missing),
        Err(ErrorCode::UnknownMessage)
    );
    assert_eq!(
        moderate(&mut game, by, Moderation::SlowMode(entity, 60)),
        Ok(())
    );
    let rules = game.world().get::<RoomRules>(entity).unwrap();
    assert_eq!(rules.slow_mode, Some(Duration::from_secs(60)));
    let too_slow = Moderation::SlowMode(entity, 90_000);
    assert_eq!(
        moderate(&mut game, by, too_slow),
        Err(ErrorCode::BadRequest)
    );
    // A room that is not for the moderator is not theirs to rule; what is no room is nobody's.
    let vip = room(&mut game, "vip");
    let player = game.entity_of("ann");
    for nowhere in [vip, player] {
        let freeze = Moderation::Freeze(nowhere, true);
        assert_eq!(moderate(&mut game, by, freeze), Err(ErrorCode::UnknownRoom));
    }
    assert_eq!(
        moderate(&mut game, None, Moderation::Freeze(vip, true)),
        Ok(())
    );
    let in_vip = |place: &str| Moderation::Mute(user("ann"), MutedIn::Room(place.into()), 9);
    assert_eq!(
        moderate(&mut game, by, in_vip("vip")),
        Err(ErrorCode::UnknownRoom)
    );
    assert_eq!(moderate(&mut game, by, in_vip("a")), Ok(()));
    assert_eq!(ann.err(&mut game, said("hi")), "muted");
    for (action, code, status) in [
        (Moderation::Kick(user("ann")), 4004, 101),
        (Moderation::Ban(user("ann"), None), 4403, 403),
        (Moderation::LogOut(user("ann")), 4101, 401),
        (Moderation::Revoke(user("ann")), 4101, 401),
    ] {
        assert_eq!(moderate(&mut game, by, action.clone()), Ok(()));
        assert_eq!(ann.close(&mut game).0, code, "{action:?}");
        let back = game.connect(&token("ann"));
        let answer = back.as_ref().map_or_else(|answer| answer.status, |_| 101);
        assert_eq!(answer, status, "{action:?}");
        drop(back);
        let restore = Moderation::Restore(user("ann"));
        assert_eq!(moderate(&mut game, by, restore), Ok(()));
        game.until("ann is gone", |game| game.players() == 1);
        ann = Talker::join(&mut game, "ann");
    }
    let long = Moderate {
        by: None,
        action: mute("ann"),
        reason: Some("x".repeat(101)),
    };
    game.run(move |mut commands: Commands| commands.queue(long.clone()));
    game.tick();
    let results = &game.world().resource::<Trail>().results;
    assert_eq!(results.last().unwrap().result, Err(ErrorCode::BadRequest));
}

#[test]
fn decisions_in_one_name_stay_in_their_order_and_too_many_are_refused() {
    let people = People::default();
    let mut game = watched(open_for(
        people.clone(),
        config(),
        ChatPlugin::new(options()).unwrap(),
    ));
    let most = options().pending_decisions;
    let gate = people.hold_next();
    let unmute = || Moderation::Unmute(user("ann"), MutedIn::Everywhere);
    for number in 0..most {
        let action = if number % 2 == 0 {
            mute("ann")
        } else {
            unmute()
        };
        queue(&mut game, Some("mod-away"), action);
    }
    queue(&mut game, Some("mod-away"), mute("ann"));
    game.tick();
    let results = std::mem::take(&mut game.world().resource_mut::<Trail>().results);
    assert_eq!(results.len(), 1);
    assert_eq!(results[0].result, Err(ErrorCode::RateLimited));
    gate.add_permits(1);
    game.until("all is decided", |game| {
        game.world().resource::<Trail>().results.len() == most
    });
    let trail = game.world().resource::<Trail>();
    assert!(trail.results.iter().all(|it| it.result.is_ok()));
    for (number, done) in trail.done.iter().enumerate() {
        let expected = if number % 2 == 0 {
            mute("ann")
        } else {
            unmute()
        };
        assert_eq!(done.action, expected, "{number}");
    }
    let users = game.world().resource::<Users>();
    assert_eq!(users.muted_for(&user("ann"), &MutedIn::Everywhere), None);
}

/// Sends away whoever says it.
fn out(speaking: On<Speaking>, mut commands: Commands) {
    if speaking.text() == "darn" {
        commands.queue(Moderate {
            by: None,
            action: Moderation::Kick(speaking.user().id().clone()),
            reason: None,
        });
    }
}

#[test]
fn p05_nothing_that_was_said_after_the_game_sent_somebody_away_counts() {
    let mut game = start();
    game.app.add_observer(out);
    let mut bob = Talker::in_room(&mut game, "bob");
    let mut ann = Talker::in_room(&mut game, "ann");
    for text in ["before", "darn", "after"] {
        ann.send(said(text));
    }
    ann.client.settle();
    assert_eq!(ann.close(&mut game).0, 4004);
    let texts = bob.texts(&mut game);
    assert!(!texts.contains(&"after".to_owned()), "{texts:?}");
}

#[test]
fn a_decision_of_the_game_holds_on_every_node_and_is_held_against_the_ranks_there() {
    let mut fleet = Fleet::start(&bevy_bouncer::InProcessBackplane::new());
    for game in &mut fleet.nodes {
        game.app.init_resource::<Trail>().add_systems(Update, read);
    }
    let mut moderator = Talker::join(&mut fleet.nodes[1], "mod-1");
    let _admin = Talker::join(&mut fleet.nodes[1], "admin-1");
    let mut bob = Talker::in_room(&mut fleet.nodes[1], "bob");
    fleet.until("the admin is known", |fleet| {
        let presence = fleet.nodes[0].world().resource::<FleetPresence>();
        presence.rank_of(&user("admin-1")).is_some()
    });
    let result = moderate(&mut fleet.nodes[0], Some("mod-1"), mute("admin-1"));
    assert_eq!(result, Err(ErrorCode::Forbidden));
    assert_eq!(moderate(&mut fleet.nodes[0], None, mute("bob")), Ok(()));
    fleet.until("it is told", |fleet| {
        let users = fleet.nodes[1].world().resource::<Users>();
        users
            .muted_for(&user("bob"), &MutedIn::Everywhere)
            .is_some()
    });
    assert_eq!(bob.err(&mut fleet.nodes[1], said("hi")), "muted");
    let unmute = json!({"op": "mod.unmute", "user": "bob"});
    assert_eq!(moderator.err(&mut fleet.nodes[1], unmute), "forbidden");
}
