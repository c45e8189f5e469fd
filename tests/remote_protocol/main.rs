//! Bevy's remote protocol can neither read, forge nor change who a player is, and the server survives the attempt.

#[path = "../support/mod.rs"]
mod support;

mod remote;

use bevy_bouncer::*;
use bevy_ecs::prelude::*;
use bevy_reflect::{Reflect, TypePath};
use serde_json::{Value, json};

use support::*;

/// A game's own component, which the protocol can reach, to see that the requests work at all.
#[derive(Component, Debug, Clone, PartialEq, Reflect)]
#[reflect(Component)]
struct Score {
    points: u32,
    owner: Option<UserId>,
}

/// A game with one player who has a score.
struct Scored {
    game: Game,
    client: Client,
    player: Entity,
    before: (User, Connection),
}

impl Scored {
    fn start() -> Self {
        let mut game = Game::start();
        game.app.register_type::<Score>();
        let client = game.join("player-1");
        let player = game.entity_of("player-1");
        let owner = Some(user("player-1"));
        let score = Score { points: 7, owner };
        game.world().entity_mut(player).insert(score);
        let before = identity(&mut game, player);
        Self {
            game,
            client,
            player,
            before,
        }
    }

    /// The player is who it was, and is served.
    #[track_caller]
    fn check_unharmed(mut self) {
        assert_eq!(identity(&mut self.game, self.player), self.before);
        let player = self.player;
        self.game
            .run(move |mut outbox: Outbox| outbox.send(player, "still here").unwrap());
        self.game.tick();
        assert_eq!(self.client.hear(), Heard::Text("still here".into()));
        self.game.join("player-2");
    }
}

fn identity(game: &mut Game, player: Entity) -> (User, Connection) {
    let player = game.world().entity(player);
    let user = player.get::<User>().unwrap().clone();
    (user, player.get::<Connection>().unwrap().clone())
}

/// What the protocol calls the components that say who a player is.
fn identity_paths() -> [&'static str; 2] {
    [User::type_path(), Connection::type_path()]
}

/// What a forger would send.
fn forged_values() -> Vec<Value> {
    vec![
        json!({}),
        json!(null),
        json!("admin"),
        json!([]),
        json!(["admin", "Admin", ["admin"]]),
        json!({ "id": "admin", "name": "Admin", "roles": ["admin"] }),
        json!({ "name": "Admin" }),
        json!({ "roles": ["admin"] }),
        json!({ "id": 1, "peer": "127.0.0.1:1" }),
    ]
}

#[test]
fn p03_the_remote_protocol_works_for_the_games_own_components() {
    let mut scored = Scored::start();
    let player = scored.player;
    let world = scored.game.world();
    // The id of a user is no value of the protocol: a component that has one cannot be read as a whole.
    assert!(remote::get(world, player, Score::type_path()).is_err());
    remote::mutate(world, player, Score::type_path(), ".points", &json!(8)).unwrap();
    assert_eq!(world.get::<Score>(player).unwrap().points, 8);
    scored.check_unharmed();
}

#[test]
fn p03_the_remote_protocol_cannot_read_an_identity() {
    let mut scored = Scored::start();
    for path in identity_paths() {
        let answer = remote::get(scored.game.world(), scored.player, path);
        assert!(answer.is_err(), "{path}: {answer:?}");
    }
    scored.check_unharmed();
}

#[test]
fn p03_the_remote_protocol_cannot_forge_an_identity() {
    let mut scored = Scored::start();
    let player = scored.player;
    for path in identity_paths() {
        for value in forged_values() {
            let world = scored.game.world();
            let answer = remote::insert(world, player, path, &value);
            assert!(answer.is_err(), "{path} = {value}");
            let answer = remote::spawn(world, path, &value);
            assert!(answer.is_err(), "{path} = {value}");
        }
    }
    assert_eq!(scored.game.entities(), 1, "no player was made");
    scored.check_unharmed();
}

#[test]
fn p03_the_remote_protocol_cannot_change_an_identity() {
    let mut scored = Scored::start();
    let player = scored.player;
    for path in identity_paths() {
        for field in ["", ".id", ".name", ".roles", ".peer", ".0", "[0]"] {
            for value in forged_values() {
                let world = scored.game.world();
                let answer = remote::mutate(world, player, path, field, &value);
                assert!(answer.is_err(), "{path}{field} = {value}");
            }
        }
    }
    scored.check_unharmed();
}

#[test]
fn p03_the_remote_protocol_cannot_make_the_id_of_a_user() {
    let mut scored = Scored::start();
    let player = scored.player;
    let world = scored.game.world();
    for value in [json!("admin"), json!(["admin"]), json!({ "Some": "admin" })] {
        let whole = json!({ "points": 1, "owner": value });
        assert!(remote::insert(world, player, Score::type_path(), &whole).is_err());
        let answer = remote::mutate(world, player, Score::type_path(), ".owner", &value);
        assert!(answer.is_err(), "{value}");
        let answer = remote::mutate(world, player, Score::type_path(), ".owner.0", &value);
        assert!(answer.is_err(), "{value}");
    }
    let owner = &world.get::<Score>(player).unwrap().owner;
    assert_eq!(*owner, Some(user("player-1")));
    scored.check_unharmed();
}

#[test]
fn p03_the_remote_protocol_cannot_tell_the_game_what_did_not_happen() {
    let mut scored = Scored::start();
    let world = scored.game.world();
    for path in [
        Arriving::type_path(),
        Disconnected::type_path(),
        DrainStarted::type_path(),
        LinkLost::type_path(),
        LinkRestored::type_path(),
        Refreshed::type_path(),
        TokenExpiring::type_path(),
    ] {
        assert!(remote::is_known(world, path), "{path}");
        assert!(!remote::can_trigger(world, path), "{path}");
    }
    for path in [ClientFrame::type_path(), RevocationNotStored::type_path()] {
        assert!(remote::is_known(world, path), "{path}");
        assert!(!remote::can_write(world, path), "{path}");
    }
    scored.check_unharmed();
}

#[test]
fn p03_a_player_whose_identity_the_remote_protocol_takes_away_leaves() {
    let mut scored = Scored::start();
    let (player, world) = (scored.player, scored.game.world());
    remote::remove(world, player, Connection::type_path()).unwrap();
    scored.game.tick();
    assert_eq!(scored.client.close_code(), 4004);
    scored.game.until("the end", |game| {
        game.players() == 0 && game.entities() == 0
    });
    scored.game.join("player-2");
}
