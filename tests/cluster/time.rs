//! Sessions that last, are lost, or have to move, over nodes.

use std::{net::Shutdown, thread, time::Duration};

use bevy_bouncer::*;

use crate::{fleet::*, support::*};

/// With limits that let a session last.
pub fn lasting(limits: &mut Limits) {
    limits.refresh_pause = Duration::ZERO;
    limits.resume_window = Duration::from_secs(3600);
}

fn token_of(user: &str, id: &str) -> String {
    let mut claims = claims(user);
    claims["jti"] = id.into();
    sign(&claims)
}

fn refresh(game: &mut Game, token: String) -> Result<(), Refusal> {
    let connection = game.bouncer.players()[0].connection;
    let bouncer = game.bouncer.clone();
    let refreshed = game.during(move || {
        let token = Credential::new(token);
        block_on(bouncer.refresh(connection, &token))
    });
    refreshed.map(drop)
}

/// A token that was revoked on one node is none on the other from the acknowledgement on; one that was
/// replaced before ends nothing.
pub fn a_refresh_knows_what_other_nodes_decided(fleet: &mut Fleet) {
    let mut client = fleet.b.connect(&token_of("player-1", "one")).unwrap();
    for round in 0..20 {
        let barred = format!("barred-{round}");
        let receipt = fleet.a.bouncer.revoke(Revocation::token(barred.as_str()));
        fleet.during(move || block_on(receipt)).expect("stored");
        // The log may be late: the list says it.
        let refused = refresh(&mut fleet.b, token_of("player-1", &barred)).unwrap_err();
        assert_eq!(refused.kind(), RefusalKind::Unauthorized);
    }
    refresh(&mut fleet.b, token_of("player-1", "two")).expect("a good one");
    let receipt = fleet.a.bouncer.revoke(Revocation::token("one"));
    fleet.during(move || block_on(receipt)).expect("stored");
    catch_up(&mut fleet.b);
    client.settle();
    assert_eq!(fleet.b.entities(), 1, "it lasts on another token by now");
    let receipt = fleet.a.bouncer.revoke(Revocation::token("two"));
    fleet.during(move || block_on(receipt)).expect("stored");
    assert_eq!(fleet.close_of(&mut client).0, 4101);
}

/// Breaks the connection without a Close.
fn lose(game: &mut Game, client: Client) {
    client.socket.get_ref().shutdown(Shutdown::Both).unwrap();
    drop(client);
    game.until("the link is lost", |game| {
        let players = game.bouncer.players();
        players.iter().all(|player| !player.is_connected)
    });
}

/// Where a new login replaces the old one, that is also true of a player whose connection is lost.
pub fn who_is_lost_here_and_comes_back_elsewhere_is_one_player(fleet: &mut Fleet) {
    let client = fleet.a.join("player-1");
    lose(&mut fleet.a, client);
    assert_eq!(fleet.a.entities(), 1, "the entity is kept");
    let mut client = fleet.b.join("player-1");
    fleet.until("the kept one leaves", |fleet| fleet.a.entities() == 0);
    assert_eq!(fleet.a.seen().left[0].1, DisconnectReason::Replaced);
    client.settle();
    assert_eq!(fleet.b.entities(), 1);
}

/// Where a second login is rejected, a lost connection is no reason to reject the player elsewhere.
pub fn who_is_lost_here_is_not_rejected_elsewhere(fleet: &mut Fleet) {
    let client = fleet.a.join("player-1");
    lose(&mut fleet.a, client);
    let back = fleet.a.join("player-1");
    assert_eq!(fleet.a.seen().joined.len(), 1, "the same entity");
    assert_eq!(
        fleet.b.connect(&token("player-1")).err().unwrap().status,
        409
    );
    lose(&mut fleet.a, back);
    fleet.until("there is a seat", |fleet| {
        thread::sleep(Duration::from_millis(5));
        fleet.b.connect(&token("player-1")).is_ok()
    });
}

/// A revocation elsewhere ends also whoever is kept without a connection.
pub fn who_is_lost_here_and_revoked_elsewhere_is_gone(fleet: &mut Fleet) {
    let client = fleet.a.join("player-2");
    lose(&mut fleet.a, client);
    let receipt = fleet.b.bouncer.revoke(user("player-2"));
    fleet.during(move || block_on(receipt)).expect("stored");
    fleet.until("the kept one leaves", |fleet| fleet.a.entities() == 0);
    let left = &fleet.a.seen().left;
    assert_eq!(left.last().unwrap().1, DisconnectReason::Revoked);
    for game in [&mut fleet.a, &mut fleet.b] {
        assert_eq!(game.connect(&token("player-2")).err().unwrap().status, 401);
    }
    let receipt = fleet.b.bouncer.restore(user("player-2"));
    fleet.during(move || block_on(receipt)).expect("stored");
}

/// Players of a node that is drained are at home on the other one.
pub fn a_drained_node_gives_its_players_away(fleet: &mut Fleet) {
    let mut client = fleet.a.join("player-3");
    fleet.a.bouncer.drain(Drain::within(Duration::from_secs(2)));
    assert_eq!(fleet.close_of(&mut client).0, 4000);
    drop(client);
    let mut moved = None;
    fleet.until("the other node takes the player", |fleet| {
        moved = fleet.b.connect(&token("player-3")).ok();
        moved.is_some()
    });
    fleet.until("the first node is empty", |fleet| fleet.a.entities() == 0);
    assert!(!fleet.a.bouncer.is_ready() && fleet.b.bouncer.is_ready());
    moved.unwrap().settle();
}
