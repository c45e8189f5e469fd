//! A client that has received 101 has its entity, and a veto of the game becomes an HTTP status.

use bevy_bouncer::*;
use bevy_ecs::prelude::*;

use crate::support::*;

#[derive(Component)]
struct Guild(u32);

#[test]
fn p02_the_entity_exists_when_the_101_arrives() {
    let mut game = Game::start();
    for number in 0..20 {
        let id = format!("player-{number}");
        let _client = game.join(&id);
        // No tick since the client's 101.
        let entity = game.entity_of(&id);
        let world = game.world();
        assert_eq!(world.get::<User>(entity).unwrap().id().as_str(), id);
        assert!(world.get::<Connection>(entity).is_some());
        assert_eq!(
            world.get::<Name>(entity).unwrap().as_str(),
            format!("Name of {id}")
        );
    }
}

#[test]
fn p02_a_veto_becomes_a_status_and_no_entity() {
    let mut game = Game::start();
    game.app.add_observer(|mut arriving: On<Arriving>| {
        if arriving.user().id().as_str() == "player-2" {
            arriving.refuse(Refusal::forbidden("for members only"));
        }
    });
    let _first = game.join("player-1");
    let answer = game.connect(&token("player-2")).err().unwrap();
    assert_eq!(answer.status, 403);
    assert_eq!(answer.json()["message"], "for members only");
    assert_eq!(game.entities(), 1);
    assert_eq!(game.seen().joined.len(), 1);
}

#[test]
fn p02_a_full_match_asks_to_come_back() {
    let mut game = Game::start();
    game.app
        .add_observer(|mut arriving: On<Arriving>, players: Res<Players>| {
            assert!(arriving.peer().ip().is_loopback());
            if !players.is_empty() {
                arriving.refuse(Refusal::full("this match is full"));
            }
        });
    let _first = game.join("player-1");
    let answer = game.connect(&token("player-2")).err().unwrap();
    assert_eq!(answer.status, 503);
    let body = answer.json();
    assert_eq!(body["error"], "capacity");
    assert_eq!(body["message"], "this match is full");
    assert!(body["retry_after_ms"].as_u64().unwrap() >= 1000);
}

#[test]
fn p02_the_game_sees_what_the_player_will_have_before_it_lets_it_in() {
    #[derive(Component, Clone, PartialEq)]
    struct Rank(u32);
    #[derive(Component)]
    struct Level;
    struct Members;
    impl Authenticator for Members {
        async fn authenticate(&self, _: &HandshakeRequest) -> Result<Admission, Refusal> {
            let admission = Admission::new(User::new("player-1", "Ann").unwrap()).with(Guild(6));
            Ok(admission.with(Guild(7)).with_owned(Rank(3)))
        }
    }
    let mut game = Game::open(BouncerPlugin::bind(config(), Members).unwrap());
    game.app.add_observer(|mut arriving: On<Arriving>| {
        assert_eq!(arriving.get::<Guild>().map(|guild| guild.0), Some(7));
        assert!(arriving.get::<Level>().is_none());
        if arriving.get::<Rank>().is_some_and(|rank| rank.0 < 4) {
            arriving.refuse(Refusal::forbidden("not yet"));
        }
    });
    let answer = game.connect("any").err().unwrap();
    assert_eq!(answer.json()["message"], "not yet");
}

#[test]
fn p02_without_a_tick_nobody_gets_a_101_and_a_late_tick_admits_nobody() {
    let mut game = Game::limited(|limits| {
        limits.handshake_timeout = std::time::Duration::from_secs(2);
    });
    let (address, token) = (game.address, token("player-1"));
    // The game does not tick while the client waits.
    let answer = Client::connect(address, &token).err().unwrap();
    assert_eq!(answer.status, 503);
    game.tick();
    game.tick();
    assert_eq!(game.entities(), 0);
    assert_eq!(game.seen().hooks, 0);
}

#[test]
fn p02_components_of_the_game_are_there_before_the_user() {
    struct Guests;
    impl Authenticator for Guests {
        async fn authenticate(&self, _: &HandshakeRequest) -> Result<Admission, Refusal> {
            let user = User::new("player-1", "Ann").unwrap();
            Ok(Admission::new(user).with(Guild(7)))
        }
    }
    #[derive(Resource, Default)]
    struct Found(Option<u32>);

    let mut game = Game::open(BouncerPlugin::bind(config(), Guests).unwrap());
    game.app.init_resource::<Found>().add_observer(
        |joined: On<Add<User>>, guilds: Query<&Guild>, mut found: ResMut<Found>| {
            found.0 = guilds.get(joined.entity).ok().map(|guild| guild.0);
        },
    );
    let _client = game.connect("anything").unwrap();
    assert_eq!(game.world().resource::<Found>().0, Some(7));
}

#[test]
fn p02_who_hangs_up_while_waiting_never_becomes_an_entity() {
    use std::{io::Write, net::TcpStream, time::Duration};
    // The hang-up has to be noticed by itself, long before the deadline.
    let mut game = Game::limited(|limits| limits.handshake_timeout = PATIENCE * 10);
    let mut stream = TcpStream::connect(game.address).unwrap();
    let request = upgrade(&[&format!("Authorization: Bearer {}", token("player-1"))]);
    stream.write_all(request.as_bytes()).unwrap();
    drop(stream);
    // Either the game is first and the departure follows, or nobody ever was there.
    let counted = game.bouncer.clone();
    let deadline = std::time::Instant::now() + PATIENCE;
    while counted.counters().refused == 0 && std::time::Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(counted.counters().refused, 1);
    game.tick();
    assert_eq!(game.seen().hooks, 0);
}

#[test]
fn p02_an_observer_may_despawn_a_player_who_is_not_complete_yet() {
    #[derive(Component)]
    struct Level;
    struct Guests;
    impl Authenticator for Guests {
        async fn authenticate(&self, _: &HandshakeRequest) -> Result<Admission, Refusal> {
            let user = User::new("player-1", "Ann").unwrap();
            Ok(Admission::new(user).with(Guild(7)).with(Level))
        }
    }
    let mut game = Game::open(BouncerPlugin::bind(config(), Guests).unwrap());
    game.app
        .add_observer(|added: On<Add<Guild>>, mut commands: Commands| {
            commands.entity(added.entity).despawn();
        });
    let _ = game.connect("anything");
    game.tick();
    assert_eq!(game.entities(), 0);
    assert_eq!(game.players(), 0);
    assert!(game.seen().joined.is_empty());
}
