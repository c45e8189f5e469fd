//! A player whose connection is lost stays for a while, and goes on as the same entity.

use std::{net::Shutdown, time::Duration};

use bevy_bouncer::*;
use bevy_ecs::prelude::*;

use crate::support::*;

/// What the game was told of links.
#[derive(Resource, Default)]
struct Links(Vec<(&'static str, Entity)>);

/// State of the game that must not be lost.
#[derive(Component, Debug, PartialEq)]
struct Score(u32);

fn game(change: impl FnOnce(&mut Limits)) -> Game {
    let mut game = Game::limited(|limits| {
        limits.resume_window = Duration::from_secs(3600);
        change(limits);
    });
    game.app
        .init_resource::<Links>()
        .add_observer(|lost: On<LinkLost>, mut links: ResMut<Links>| {
            links.0.push(("lost", lost.entity));
        })
        .add_observer(|restored: On<LinkRestored>, mut links: ResMut<Links>| {
            links.0.push(("restored", restored.entity));
        })
        .add_observer(|left: On<Disconnected>, mut links: ResMut<Links>| {
            links.0.push(("left", left.entity));
        });
    game
}

fn links(game: &Game) -> Vec<&'static str> {
    let links = game.app.world().resource::<Links>();
    links.0.iter().map(|(word, _)| *word).collect()
}

/// Breaks the connection without a Close, and waits until the game knows.
fn lose(game: &mut Game, client: Client) {
    let before = links(game).len();
    client.socket.get_ref().shutdown(Shutdown::Both).unwrap();
    drop(client);
    game.until("the link is lost", |game| links(game).len() > before);
    assert_eq!(links(game).last(), Some(&"lost"));
}

fn joined_as(game: &mut Game, user: &str) -> (Client, Entity) {
    let client = game.join(user);
    let entity = game.entity_of(user);
    game.world().entity_mut(entity).insert(Score(7));
    (client, entity)
}

#[test]
fn who_comes_back_in_time_goes_on_as_the_same_entity() {
    let mut game = game(|_| ());
    let (mut client, entity) = joined_as(&mut game, "player-1");
    let first = game.world().get::<Connection>(entity).unwrap().id();
    client.send("last words");
    lose(&mut game, client);
    // The loss may be known at the end of a tick, and the words at the start of the next.
    game.until("what came before is read", |game| {
        game.seen().frames.len() == 1
    });
    assert_eq!(game.entities(), 1);
    assert!(!game.bouncer.players()[0].is_connected);
    game.run(|mut outbox: Outbox| outbox.broadcast("while nobody listens").unwrap());
    game.tick();

    let mut client = game.join("player-1");
    assert_eq!(links(&game), ["lost", "restored"]);
    assert_eq!(game.entity_of("player-1"), entity);
    assert_eq!(game.world().get::<Score>(entity), Some(&Score(7)));
    let second = game.world().get::<Connection>(entity).unwrap().id();
    assert_ne!(first, second);
    assert!(game.bouncer.players()[0].is_connected);
    assert_eq!(game.seen().joined.len(), 1, "nobody joined twice");
    assert!(game.seen().left.is_empty());

    game.run(move |mut outbox: Outbox| outbox.send(entity, "welcome back").unwrap());
    game.tick();
    assert_eq!(client.hear(), Heard::Text("welcome back".into()));
    client.send("thank you");
    game.until("the answer", |game| game.seen().frames.len() == 2);
    assert_eq!(game.seen().frames[1].0, entity);

    game.bouncer.kick(&user("player-1"), None);
    game.until("the end", |game| game.entities() == 0);
    assert_eq!(client.close_code(), 4004);
    assert_eq!(game.seen().left, [(entity, DisconnectReason::Kicked)]);
}

#[test]
fn p04_who_does_not_come_back_leaves_once() {
    let mut game = game(|limits| limits.resume_window = Duration::from_millis(300));
    let (client, entity) = joined_as(&mut game, "player-1");
    lose(&mut game, client);
    game.until("the window closes", |game| game.entities() == 0);
    assert_eq!(links(&game), ["lost", "left"]);
    let left = &game.seen().left;
    assert_eq!(*left, [(entity, DisconnectReason::ConnectionLost)]);
    game.until("the place is free", |game| game.bouncer.occupied() == 0);

    let (_client, other) = joined_as(&mut game, "player-1");
    assert_ne!(other, entity);
    assert_eq!(game.seen().joined.len(), 2);
}

#[test]
fn who_closes_in_order_leaves_at_once() {
    let mut game = game(|_| ());
    let (mut client, _) = joined_as(&mut game, "player-1");
    client.socket.close(None).unwrap();
    client.hear();
    game.until("the end", |game| game.entities() == 0);
    assert_eq!(links(&game), ["left"]);
}

#[test]
fn p06_a_revocation_while_somebody_is_away_ends_it_in_the_same_tick() {
    for revocation in [
        Revocation::user(user("player-1")),
        Revocation::token("token-of-player-1"),
        Revocation::new(Subject::Everyone).ban(),
    ] {
        let mut game = game(|_| ());
        let (client, entity) = joined_as(&mut game, "player-1");
        lose(&mut game, client);
        let reason = match revocation.kind {
            RevocationKind::Revoke => DisconnectReason::Revoked,
            RevocationKind::Ban => DisconnectReason::Banned,
        };
        assert_eq!(game.bouncer.revoke(revocation).cut(), 1);
        game.tick();
        assert_eq!(game.entities(), 0);
        assert_eq!(game.seen().left, [(entity, reason)]);
        assert!(game.connect(&token("player-1")).is_err());
        game.until("the place is free", |game| game.bouncer.occupied() == 0);
    }
}

#[test]
fn p01_only_a_full_check_brings_somebody_back() {
    let mut game = game(|_| ());
    let (client, entity) = joined_as(&mut game, "player-1");
    lose(&mut game, client);
    let mut expired = claims("player-1");
    expired["exp"] = (unix_now() - 100).into();
    assert_eq!(game.connect(&sign(&expired)).err().unwrap().status, 401);
    let other = game.join("player-2");
    assert_ne!(game.entity_of("player-2"), entity);
    assert_eq!(links(&game), ["lost"]);
    drop(other);
}

#[test]
fn p02_a_veto_keeps_the_player_away_and_away_it_stays() {
    let mut game = game(|_| ());
    let (client, entity) = joined_as(&mut game, "player-1");
    lose(&mut game, client);
    let veto = game
        .world()
        .add_observer(move |mut arriving: On<Arriving>| {
            assert_eq!(arriving.resumes(), Some(entity));
            assert!(arriving.replaces().is_empty());
            arriving.refuse(Refusal::forbidden("not yet"));
        });
    let veto = veto.id();
    assert_eq!(game.connect(&token("player-1")).err().unwrap().status, 403);
    assert_eq!(game.entities(), 1);
    game.world().despawn(veto);
    let _client = game.join("player-1");
    assert_eq!(game.entity_of("player-1"), entity);
}

#[test]
fn p07_the_window_ends_with_the_token() {
    let mut game = game(|_| ());
    let mut claims = claims("player-1");
    claims["exp"] = (unix_now() + 5).into();
    let client = game.connect(&sign(&claims)).unwrap();
    lose(&mut game, client);
    game.until("the token's end", |game| game.entities() == 0);
    assert_eq!(links(&game), ["lost", "left"]);
}

#[test]
fn the_game_may_despawn_or_disconnect_somebody_who_is_away() {
    for despawn in [true, false] {
        let mut game = game(|_| ());
        let (client, entity) = joined_as(&mut game, "player-1");
        lose(&mut game, client);
        if despawn {
            _ = game.world().despawn(entity)
        } else {
            game.disconnect(entity, DisconnectReason::Kicked)
        }
        game.until("the end", |game| game.entities() == 0);
        assert_eq!(game.seen().left, [(entity, DisconnectReason::Kicked)]);
        game.until("the place is free", |game| game.bouncer.occupied() == 0);
        let (_client, other) = joined_as(&mut game, "player-1");
        assert_ne!(other, entity);
    }
}

#[test]
fn with_take_over_a_second_login_goes_on_as_the_same_entity() {
    let mut game = game(|limits| {
        limits.duplicate_login = DuplicateLogin::TakeOver;
        limits.resume_window = Duration::ZERO;
    });
    let (mut old, entity) = joined_as(&mut game, "player-1");
    let mut new = game.join("player-1");
    assert_eq!(old.close_code(), 4409);
    assert_eq!(links(&game), ["restored"]);
    assert_eq!(game.entity_of("player-1"), entity);
    assert_eq!(game.entities(), 1);
    assert_eq!(game.world().get::<Score>(entity), Some(&Score(7)));
    game.run(|mut outbox: Outbox| outbox.broadcast("for the new one").unwrap());
    game.tick();
    assert_eq!(new.hear(), Heard::Text("for the new one".into()));
    game.until("the old one is gone", |game| game.bouncer.occupied() == 1);
    assert!(game.seen().left.is_empty());
}

#[test]
fn reject_new_lets_the_one_back_who_is_away() {
    let mut game = game(|limits| limits.duplicate_login = DuplicateLogin::RejectNew);
    let (client, entity) = joined_as(&mut game, "player-1");
    assert_eq!(game.connect(&token("player-1")).err().unwrap().status, 409);
    lose(&mut game, client);
    let _client = game.join("player-1");
    assert_eq!(game.entity_of("player-1"), entity);
}

#[test]
fn many_who_flap_are_each_one_entity_and_leave_once() {
    const PLAYERS: usize = 20;
    const ROUNDS: usize = 5;
    let mut game = game(|limits| limits.resume_window = Duration::from_secs(3600));
    let mut entities = Vec::new();
    for round in 0..ROUNDS {
        let clients = game.join_together(PLAYERS);
        let now: Vec<_> = (0..PLAYERS)
            .map(|number| game.entity_of(&format!("player-{number}")))
            .collect();
        if round == 0 {
            entities = now;
        } else {
            assert_eq!(entities, now, "round {round}");
        }
        for client in clients {
            client.socket.get_ref().shutdown(Shutdown::Both).unwrap();
        }
        // Before the loss is known, a second log-in replaces the first one.
        game.until("all links are lost", |game| {
            let links = links(game);
            let lost = links.iter().filter(|word| **word == "lost").count();
            lost == PLAYERS * (round + 1)
        });
    }
    let everyone = Revocation::new(Subject::Everyone).issued_before(unix_now());
    assert_eq!(game.bouncer.revoke(everyone).cut(), PLAYERS);
    game.until("everybody left", |game| game.entities() == 0);
    let mut left: Vec<_> = game.seen().left.iter().map(|(entity, _)| *entity).collect();
    left.sort();
    left.dedup();
    assert_eq!((left.len(), game.seen().left.len()), (PLAYERS, PLAYERS));
    game.until("all places are free", |game| game.bouncer.occupied() == 0);
}

#[test]
fn the_app_may_exit_while_somebody_is_away() {
    let mut game = game(|_| ());
    let (client, entity) = joined_as(&mut game, "player-1");
    lose(&mut game, client);
    game.world().write_message(bevy_app::AppExit::Success);
    game.tick();
    assert_eq!(game.seen().left, [(entity, DisconnectReason::Shutdown)]);
    assert_eq!(game.bouncer.occupied(), 0);
}

/// Floods, and comes back while there is more to read than one tick takes, again and again.
#[test]
fn p10_what_the_old_link_said_comes_before_the_new_one_is_there_or_not_at_all() {
    for policy in [DuplicateLogin::KickOld, DuplicateLogin::TakeOver] {
        let mut game = game(|limits| {
            limits.duplicate_login = policy;
            limits.frames_per_tick = 3;
            limits.inbound_frames_burst = 1000;
            limits.replacements_per_minute = 1000;
        });
        game.app
            .init_resource::<Story>()
            .add_observer(|_: On<LinkRestored>, mut story: ResMut<Story>| {
                story.links += 1;
            })
            .add_systems(
                bevy_app::Update,
                |mut frames: MessageReader<ClientFrame>,
                 connections: Query<&Connection>,
                 mut story: ResMut<Story>| {
                    for frame in frames.read() {
                        let now = connections.get(frame.entity).unwrap().id();
                        assert_eq!(frame.connection, now, "it is the present link's");
                        let text = frame.payload.as_text().unwrap();
                        let (link, number) = text.split_once(' ').unwrap();
                        let links = story.links;
                        assert_eq!(link.parse::<usize>().unwrap(), links);
                        story.read.push((links, number.parse().unwrap()));
                    }
                },
            );
        let mut client = game.join("player-1");
        for link in 0..10 {
            for number in 0..20 {
                client.send(&format!("{link} {number}"));
            }
            client.settle();
            if policy == DuplicateLogin::KickOld {
                lose(&mut game, client);
            }
            client = game.join("player-1");
        }
        let story = game.world().resource::<Story>();
        assert_eq!(story.links, 10);
        let expected = (0..10).flat_map(|link| (0..20).map(move |number| (link, number)));
        // Nothing came later than the game's first look at the new arrival, so nothing was lost.
        assert_eq!(story.read, expected.collect::<Vec<_>>());
    }
}

/// What the game has read, each with the number of links that the player had had before.
#[derive(Resource, Default)]
struct Story {
    links: usize,
    read: Vec<(usize, usize)>,
}
