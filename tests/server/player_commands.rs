//! What the game asks for about one player.

use bevy_bouncer::*;
use bevy_ecs::prelude::*;

use crate::support::*;

/// Two sessions of the first player, and one of the second.
fn three_sessions() -> (Game, [Client; 3], Entity) {
    let mut game = Game::limited(|limits| {
        limits.duplicate_login = DuplicateLogin::Allow;
        limits.connections_per_user = 2;
    });
    let first = game.join("player-1");
    let player = game.entity_of("player-1");
    let clients = [first, game.join("player-1"), game.join("player-2")];
    (game, clients, player)
}

fn is_served(game: &mut Game, client: &mut Client) {
    game.run(|mut outbox: Outbox| outbox.broadcast("still here").unwrap());
    game.tick();
    assert_eq!(client.hear(), Heard::Text("still here".into()));
}

#[test]
fn disconnect_ends_one_session_in_order_and_says_why() {
    let (mut game, [mut first, mut second, _other], player) = three_sessions();
    game.run(move |mut commands: Commands, mut outbox: Outbox| {
        outbox.send(player, "well played").unwrap();
        let mut player = commands.entity(player);
        player.disconnect(DisconnectReason::BadProtocol, Some("the match is over"));
    });
    game.tick();
    assert_eq!(first.hear(), Heard::Text("well played".into()));
    let words = "bad_protocol: the match is over".to_owned();
    assert_eq!(first.hear(), Heard::Closed(4400, words));
    is_served(&mut game, &mut second);
    assert_eq!(
        game.seen().left,
        [(player, DisconnectReason::BadProtocol)],
        "once"
    );
}

#[test]
fn kick_ends_all_sessions_of_the_players_user() {
    let (mut game, [mut first, mut second, mut other], player) = three_sessions();
    game.command(player, |player| _ = player.kick(Some("be nice")));
    game.tick();
    let kicked = Heard::Closed(4004, "kicked: be nice".into());
    assert_eq!(first.hear(), kicked);
    assert_eq!(second.hear(), kicked);
    is_served(&mut game, &mut other);
    game.join("player-1");
}

#[test]
fn revoke_bars_the_players_user_without_a_query() {
    let (mut game, [mut first, mut second, mut other], player) = three_sessions();
    game.run(move |mut commands: Commands| {
        let mut player = commands.entity(player);
        player.revoke(|user| user.ban().reason("cheating"));
    });
    game.tick();
    assert_eq!(first.close_code(), 4403);
    assert_eq!(second.close_code(), 4403);
    is_served(&mut game, &mut other);
    let Err(refused) = game.connect(&token("player-1")) else {
        panic!("let in");
    };
    assert_eq!((refused.status, refused.error().as_str()), (403, "banned"));
}

#[test]
fn commands_about_no_player_harm_nobody() {
    let (mut game, [mut client, _second, _third], player) = three_sessions();
    let stranger = game.world().spawn_empty().id();
    let gone = game.world().spawn_empty().id();
    game.world().despawn(gone);
    for entity in [stranger, gone] {
        game.run(move |mut commands: Commands| {
            let Ok(mut entity) = commands.get_entity(entity) else {
                return;
            };
            entity.disconnect(DisconnectReason::Kicked, None);
            entity.kick(None).revoke(Revocation::ban);
            entity.refresh(Credential::new("nonsense"));
        });
    }
    // Gone between the call and its effect.
    game.run(move |mut commands: Commands| {
        let mut soon_gone = commands.spawn_empty();
        soon_gone.despawn();
        let soon_gone = soon_gone.id();
        commands
            .entity(soon_gone)
            .kick(None)
            .revoke(Revocation::ban);
    });
    game.tick();
    is_served(&mut game, &mut client);
    assert!(game.seen().left.is_empty());
    assert!(game.world().get::<User>(player).is_some());
}

#[test]
fn a_message_to_no_player_is_an_error_that_is_not_counted() {
    let mut game = Game::start();
    let stranger = game.world().spawn_empty().id();
    let answer = game.run(move |mut outbox: Outbox| outbox.send(stranger, "hello"));
    assert_eq!(answer, Err(SendError::NotAPlayer));
    let answer = game.run(move |mut outbox: Outbox| outbox.send_to([stranger], "hello"));
    assert_eq!(answer, Ok(()), "those who are not there are left out");
    assert_eq!(game.bouncer.counters().refused_sends, 0);
}
