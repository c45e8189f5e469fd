//! What happens when a user connects twice.

use bevy_bouncer::*;
use bevy_ecs::prelude::*;

use crate::support::*;

#[test]
fn kick_old_replaces_with_4409_before_the_new_one_joins() {
    #[derive(Resource, Default)]
    struct Order(Vec<&'static str>);
    let mut game = Game::start();
    game.app
        .init_resource::<Order>()
        .add_observer(|_: On<Disconnected>, mut order: ResMut<Order>| order.0.push("left"))
        .add_observer(|_: On<Add<User>>, mut order: ResMut<Order>| order.0.push("joined"));
    let mut old = game.join("player-1");
    let first = game.entity_of("player-1");
    let mut new = game.join("player-1");
    assert_eq!(old.close_code(), 4409);
    assert_eq!(game.seen().left, [(first, DisconnectReason::Replaced)]);
    assert_eq!(
        game.world().resource::<Order>().0,
        ["joined", "left", "joined"]
    );
    assert_eq!(game.entities(), 1);
    game.run(|mut outbox: Outbox| outbox.broadcast("for the new one").unwrap());
    game.tick();
    assert_eq!(new.hear(), Heard::Text("for the new one".into()));
}

#[test]
fn a_veto_leaves_the_old_session_alone() {
    let mut game = Game::start();
    let mut old = game.join("player-1");
    let entity = game.entity_of("player-1");
    game.app.add_observer(move |mut arriving: On<Arriving>| {
        assert_eq!(arriving.replaces(), [entity]);
        arriving.refuse(Refusal::forbidden("not now"));
    });
    assert_eq!(game.connect(&token("player-1")).err().unwrap().status, 403);
    game.run(|mut outbox: Outbox| outbox.broadcast("still here").unwrap());
    game.tick();
    assert_eq!(old.hear(), Heard::Text("still here".into()));
}

#[test]
fn a_refused_credential_never_kicks_anybody() {
    let mut game = Game::start();
    let mut old = game.join("player-1");
    let mut expired = claims("player-1");
    expired["exp"] = (unix_now() - 100).into();
    assert_eq!(game.connect(&sign(&expired)).err().unwrap().status, 401);
    game.run(|mut outbox: Outbox| outbox.broadcast("still here").unwrap());
    game.tick();
    assert_eq!(old.hear(), Heard::Text("still here".into()));
}

#[test]
fn reject_new_answers_409() {
    let mut game = Game::limited(|limits| limits.duplicate_login = DuplicateLogin::RejectNew);
    let first = game.join("player-1");
    let answer = game.connect(&token("player-1")).err().unwrap();
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (409, "already_connected")
    );
    drop(first);
    game.until("the end", |game| game.entities() == 0);
    game.join("player-1");
}

#[test]
fn allow_takes_as_many_as_configured() {
    let mut game = Game::limited(|limits| {
        limits.duplicate_login = DuplicateLogin::Allow;
        limits.connections_per_user = 2;
    });
    let _first = game.join("player-1");
    let _second = game.join("player-1");
    assert_eq!(
        game.world()
            .resource::<Players>()
            .of(&user("player-1"))
            .len(),
        2
    );
    assert_eq!(game.connect(&token("player-1")).err().unwrap().status, 409);
}

#[test]
fn flapping_is_answered_with_429() {
    let mut game = Game::limited(|limits| limits.replacements_per_minute = 3);
    let mut clients: Vec<_> = (0..4).map(|_| game.join("player-1")).collect();
    let answer = game.connect(&token("player-1")).err().unwrap();
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (429, "too_many_attempts")
    );
    assert!(answer.json()["retry_after_ms"].as_u64().unwrap() > 0);
    // The last one stays, and somebody else is not concerned.
    game.run(|mut outbox: Outbox| outbox.broadcast("here").unwrap());
    game.tick();
    assert_eq!(
        clients.last_mut().unwrap().hear(),
        Heard::Text("here".into())
    );
    game.join("player-2");
}

#[test]
fn many_at_once_leave_one() {
    let mut game = Game::limited(|limits| limits.replacements_per_minute = 1000);
    let address = game.address;
    let joins = game.during(move || {
        let threads: Vec<_> = (0..16)
            .map(|_| {
                let token = token("player-1");
                std::thread::spawn(move || Client::connect(address, &token).is_ok())
            })
            .collect();
        threads
            .into_iter()
            .filter(|_| true)
            .map(|thread| thread.join().unwrap())
            .filter(|ok| *ok)
            .count()
    });
    assert!(joins > 0);
    assert!(game.players() <= 1);
    game.until("the ends", |game| game.entities() == game.players());
    let (joined, left) = (game.seen().joined.len(), game.seen().left.len());
    assert_eq!(joined - left, game.players());
}

#[test]
fn there_are_never_two_of_a_user_who_comes_back_at_once() {
    #[derive(Resource, Default)]
    struct Most(usize);
    let mut game = Game::limited(|limits| limits.replacements_per_minute = 1000);
    game.app.init_resource::<Most>().add_observer(
        |_: On<Add<User>>, players: Res<Players>, mut most: ResMut<Most>| {
            most.0 = most.0.max(players.of(&user("player-1")).len());
        },
    );
    for _ in 0..100 {
        drop(game.join("player-1"));
    }
    assert_eq!(game.world().resource::<Most>().0, 1);
}

#[test]
fn flapping_is_seen_also_when_all_come_at_once() {
    let mut game = Game::limited(|limits| limits.replacements_per_minute = 3);
    let address = game.address;
    let clients: Vec<_> = (0..20)
        .map(|_| {
            std::thread::spawn(move || {
                Client::connect(address, &token("player-1")).map_err(|answer| answer.status)
            })
        })
        .collect();
    // All of them are admitted before the first one enters.
    let bouncer = game.bouncer.clone();
    let deadline = std::time::Instant::now() + PATIENCE;
    while bouncer.occupied() < 20 && std::time::Instant::now() < deadline {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    game.until("all", |_| clients.iter().all(|client| client.is_finished()));
    let refused: Vec<_> = clients
        .into_iter()
        .filter_map(|client| client.join().unwrap().err())
        .collect();
    let replaced = DisconnectReason::Replaced;
    let left = &game.seen().left;
    assert_eq!(
        left.iter()
            .filter(|(_, reason)| *reason == replaced)
            .count(),
        3
    );
    assert_eq!(refused, [429; 16]);
}
