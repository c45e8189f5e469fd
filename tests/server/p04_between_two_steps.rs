//! Ends that come between two steps of the way in or out.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::Mutex,
    time::Duration,
};

use bevy_bouncer::*;
use bevy_ecs::prelude::*;

use crate::support::*;

/// The client that hangs up as soon as its entity is there.
#[derive(Resource)]
struct Leaving(Mutex<Option<TcpStream>>);

fn ask_to_come_in(game: &Game, user: &str) -> TcpStream {
    let mut stream = TcpStream::connect(game.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let credential = format!("Authorization: Bearer {}", token(user));
    stream
        .write_all(upgrade(&[&credential]).as_bytes())
        .unwrap();
    stream
}

/// The game has taken the player in, and the client is gone before the `101` can be written.
#[test]
fn p04_a_player_whose_101_cannot_be_written_leaves_as_well() {
    for _ in 0..10 {
        let mut game = Game::start();
        let client = ask_to_come_in(&game, "player-1");
        game.world()
            .insert_resource(Leaving(Mutex::new(Some(client))));
        game.app
            .add_observer(|_: On<Add<User>>, leaving: Res<Leaving>| {
                if let Some(client) = leaving.0.lock().unwrap().take() {
                    // Dropped with this, it resets the connection, so that no byte can be written.
                    let socket = socket2::SockRef::from(&client);
                    socket.set_linger(Some(Duration::ZERO)).unwrap();
                }
            });
        game.until("the player is in", |game| !game.seen().joined.is_empty());
        game.until("the player has left", |game| game.entities() == 0);
        assert_eq!(game.seen().left.len(), 1);
        assert_eq!(game.seen().left[0].1, DisconnectReason::ConnectionLost);
        game.until("the place is free", |game| game.bouncer.occupied() == 0);
    }
}

/// A revocation that comes when the game has just taken the player in: the client hears an HTTP status.
#[test]
fn p05_a_player_who_is_revoked_before_the_101_gets_none() {
    let mut game = Game::start();
    game.app.add_observer(
        |joined: On<Add<User>>, users: Query<&User>, bouncer: Res<Bouncer>| {
            let user = users.get(joined.entity).unwrap().id().clone();
            drop(bouncer.revoke(Revocation::user(user).ban()));
        },
    );
    for _ in 0..10 {
        let mut client = ask_to_come_in(&game, "player-1");
        let answer = game.during(move || {
            let mut answer = Vec::new();
            let _ = client.read_to_end(&mut answer);
            Answer::parse(&answer).unwrap()
        });
        assert_eq!(answer.status, 403, "{answer:?}");
        drop(game.bouncer.restore(user("player-1")));
        game.until("the entity is gone", |game| game.entities() == 0);
    }
    let seen = game.seen();
    assert_eq!((seen.joined.len(), seen.left.len()), (10, 10));
}

/// The game takes a few messages in each tick, and a player says more than that and leaves.
#[test]
fn p04_the_end_is_told_after_the_last_message() {
    const MESSAGES: usize = 30;
    #[derive(Resource, Default)]
    struct Order(Vec<String>);
    let mut game = Game::limited(|limits| limits.frames_per_tick = 4);
    game.app
        .init_resource::<Order>()
        .add_systems(
            bevy_app::Update,
            |mut frames: MessageReader<ClientFrame>,
             users: Query<&User>,
             mut order: ResMut<Order>| {
                for frame in frames.read() {
                    assert!(users.contains(frame.entity), "despawned too soon");
                    order.0.push(frame.payload.as_text().unwrap().to_owned());
                }
            },
        )
        .add_observer(
            |_: On<Disconnected>, seen: Res<Seen>, mut order: ResMut<Order>| {
                // What is read in this tick is read after this.
                assert!(
                    seen.frames.len() + 4 >= MESSAGES,
                    "told after {}",
                    seen.frames.len()
                );
                order.0.push("left".into());
            },
        );
    let mut client = game.join("player-1");
    for number in 0..MESSAGES {
        client.send(&number.to_string());
    }
    client.settle();
    client.socket.close(None).unwrap();
    assert_ne!(client.hear(), Heard::Nothing);
    game.until("the despawn", |game| game.entities() == 0);
    let order = &game.world().resource::<Order>().0;
    let said: Vec<_> = order
        .iter()
        .filter(|word| *word != "left")
        .cloned()
        .collect();
    let expected: Vec<_> = (0..MESSAGES).map(|number| number.to_string()).collect();
    assert_eq!(said, expected);
    assert_eq!(game.seen().left.len(), 1);
}

/// The drain begins in the middle of a tick, while two handshakes wait for it.
#[test]
fn a_drain_that_begins_in_a_tick_lets_in_nobody_after_it() {
    for _ in 0..10 {
        let mut game = Game::start();
        game.app
            .add_observer(|_: On<Arriving>, bouncer: Res<Bouncer>| {
                bouncer.drain(Drain::within(PATIENCE));
            });
        let _both = ["player-1", "player-2"].map(|user| ask_to_come_in(&game, user));
        let bouncer = game.bouncer.clone();
        let deadline = std::time::Instant::now() + PATIENCE;
        while bouncer.occupied() < 2 {
            assert!(std::time::Instant::now() < deadline);
            std::thread::yield_now();
        }
        // Both have their place; when the network stands still, both are on the way to the game.
        drop(game.network_stands_still());
        game.tick();
        let seen = game.seen();
        assert!(seen.arriving <= 1, "the second one was let in");
        assert!(seen.joined.len() <= 1);
    }
}
