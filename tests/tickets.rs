//! Single-use tickets, from outside: whom they let in, how often, for how long, and whom they do not.

#[path = "support/mod.rs"]
mod support;

use std::{
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};

use bevy_bouncer::*;
use bevy_ecs::prelude::*;
use serde_json::json;
use support::*;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

/// A ticket for the user of this token.
fn exchange(game: &Game, token: &str) -> Result<Ticket, Refusal> {
    block_on(game.bouncer.issue_ticket(&Credential::new(token)))
}

#[track_caller]
fn ticket_for(game: &Game, user: &str) -> String {
    exchange(game, &token(user)).unwrap().expose().to_owned()
}

fn with_ticket(address: std::net::SocketAddr, ticket: &str) -> Result<Client, Answer> {
    let url = format!("ws://{address}/ws?ticket={ticket}");
    Client::with_request(address, url.into_client_request().unwrap())
}

fn enter(game: &mut Game, ticket: &str) -> Result<Client, Answer> {
    let (address, ticket) = (game.address, ticket.to_owned());
    game.during(move || with_ticket(address, &ticket))
}

#[track_caller]
fn refused(game: &mut Game, ticket: &str) -> (u16, String) {
    let answer = enter(game, ticket).err().expect("nobody came in");
    (answer.status, answer.error())
}

fn preflight(game: &mut Game, ticket: &str) -> u16 {
    let request = format!("GET /ws/preflight?ticket={ticket} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    game.raw(request).unwrap().status
}

fn unauthorized() -> (u16, String) {
    (401, "unauthorized".to_owned())
}

/// A game whose users can change.
fn with_users(users: &MapDirectory) -> Game {
    let tokens = JwtAuthenticator::hs256(SECRET)
        .unwrap()
        .users(users.clone());
    Game::open(BouncerPlugin::bind(config(), tokens).unwrap())
}

#[test]
fn a_ticket_lets_its_user_in_once() {
    let mut game = Game::start();
    let ticket = exchange(&game, &token("player-1")).unwrap();
    assert_eq!(ticket.user().as_str(), "player-1");
    assert_eq!(ticket.expires_in(), Duration::from_secs(30));
    assert!(ticket.expose().len() >= 22, "128 bits");
    assert_eq!(game.bouncer.occupied(), 0, "nobody is in by that");

    let player = enter(&mut game, ticket.expose()).unwrap();
    assert_eq!(game.bouncer.players()[0].user.name(), "Name of player-1");
    assert_eq!(refused(&mut game, ticket.expose()), unauthorized());
    drop(player);
    game.until("the end", |game| game.entities() == 0);
    assert_eq!(refused(&mut game, ticket.expose()), unauthorized());
    assert_eq!(game.seen().joined.len(), 1);
}

#[test]
fn of_many_who_come_with_a_ticket_at_once_one_comes_in() {
    const CLIENTS: usize = 16;
    let mut game = Game::limited(|limits| {
        limits.duplicate_login = DuplicateLogin::Allow;
        limits.connections_per_user = CLIENTS;
    });
    for _ in 0..5 {
        let (ticket, address) = (ticket_for(&game, "player-1"), game.address);
        let together = Arc::new(Barrier::new(CLIENTS));
        let results: Vec<_> = game.during(move || {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|_| {
                    let (ticket, together) = (ticket.clone(), together.clone());
                    thread::spawn(move || {
                        together.wait();
                        with_ticket(address, &ticket)
                    })
                })
                .collect();
            clients
                .into_iter()
                .map(|client| client.join().unwrap())
                .collect()
        });
        let (inside, outside): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        assert_eq!(inside.len(), 1);
        assert!(
            outside
                .into_iter()
                .all(|one| one.err().unwrap().status == 401)
        );
        drop(inside);
        game.until("the end", |game| game.entities() == 0);
    }
}

#[test]
fn preflight_checks_a_ticket_and_does_not_take_it() {
    let mut game = Game::start();
    let ticket = ticket_for(&game, "player-1");
    for _ in 0..3 {
        assert_eq!(preflight(&mut game, &ticket), 204);
    }
    let _player = enter(&mut game, &ticket).unwrap();
    assert_eq!(preflight(&mut game, &ticket), 401);
    let ticket = ticket_for(&game, "player-2");
    drop(
        game.bouncer
            .revoke(Revocation::user(user("player-2")).ban()),
    );
    assert_eq!(preflight(&mut game, &ticket), 403);
}

#[test]
fn p13_every_bad_ticket_gets_the_same_bytes_as_a_bad_token() {
    let mut game = Game::start();
    let used = ticket_for(&game, "player-1");
    drop(enter(&mut game, &used));
    let expected = game.raw(upgrade(&["Authorization: Bearer guess"])).unwrap();
    for ticket in [&used, "guess", "", "not%20a%20ticket", &"A".repeat(43)] {
        let request = upgrade(&[]).replace("/ws", &format!("/ws?ticket={ticket}"));
        let answer = game.raw(request).unwrap();
        assert_eq!(
            (&answer.head, &answer.body),
            (&expected.head, &expected.body)
        );
    }
}

#[test]
fn a_ticket_is_the_only_credential() {
    let mut game = Game::start();
    let ticket = ticket_for(&game, "player-1");
    let bearer = format!("Authorization: Bearer {}", token("player-1"));
    let offer = format!(
        "Sec-WebSocket-Protocol: game.v1, bearer.{}",
        token("player-1")
    );
    for (lines, query) in [
        (vec![bearer.as_str()], format!("ticket={ticket}")),
        (vec![offer.as_str()], format!("ticket={ticket}")),
        (vec![], format!("ticket={ticket}&ticket={ticket}")),
        (vec![], format!("ticket={ticket}&a=b&ticket=")),
    ] {
        let request = upgrade(&lines).replace("/ws", &format!("/ws?{query}"));
        let answer = game.raw(request).unwrap();
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (400, "bad_request")
        );
    }
    assert!(enter(&mut game, &ticket).is_ok(), "none of them took it");
}

#[test]
fn p06_who_is_revoked_after_the_ticket_was_issued_stays_out() {
    let revocations = [
        (Revocation::user(user("player-1")), unauthorized()),
        (Revocation::token("token-of-player-1"), unauthorized()),
        (
            Revocation::user(user("player-1")).issued_before(unix_now() + 1),
            unauthorized(),
        ),
        (Revocation::new(Subject::Everyone), unauthorized()),
        (
            Revocation::user(user("player-1")).ban(),
            (403, "banned".to_owned()),
        ),
    ];
    for (revocation, expected) in revocations {
        let mut game = Game::start();
        let ticket = ticket_for(&game, "player-1");
        drop(game.bouncer.revoke(revocation.clone()));
        assert_eq!(refused(&mut game, &ticket), expected, "{revocation:?}");
        assert_eq!(game.seen().hooks, 0);
    }
}

#[test]
fn p05_a_session_from_a_ticket_is_cut_with_its_token() {
    let mut game = Game::start();
    let ticket = ticket_for(&game, "player-1");
    let mut player = enter(&mut game, &ticket).unwrap();
    let cut = game.bouncer.revoke(Revocation::token("token-of-player-1"));
    assert_eq!(cut.cut(), 1);
    assert_eq!(player.close_code(), 4101);
}

#[test]
fn p01_who_is_deleted_or_disabled_after_the_ticket_was_issued_stays_out() {
    let users = MapDirectory::new(
        ["player-1", "player-2", "player-3"].map(|id| User::new(id, "Old").unwrap()),
    );
    let mut game = with_users(&users);
    let tickets = ["player-1", "player-2", "player-3"].map(|id| ticket_for(&game, id));
    users.remove(&user("player-1"));
    users.bar(user("player-2"));
    users.insert(User::new("player-3", "New").unwrap());
    assert_eq!(preflight(&mut game, &tickets[0]), 401);
    assert_eq!(refused(&mut game, &tickets[0]), unauthorized());
    assert_eq!(refused(&mut game, &tickets[1]), (403, "banned".to_owned()));
    let _player = enter(&mut game, &tickets[2]).unwrap();
    assert_eq!(game.bouncer.players()[0].user.name(), "New");
}

#[test]
fn p07_no_session_outlives_the_token_of_its_ticket() {
    let mut game = Game::start();
    let mut short = claims("player-1");
    short["exp"] = json!(unix_now() + 3);
    let ticket = exchange(&game, &sign(&short)).unwrap();
    assert!(ticket.expires_in() <= Duration::from_secs(3));
    let mut player = enter(&mut game, ticket.expose()).unwrap();
    assert_eq!(player.close_code(), 4100);
    assert!(unix_now() >= short["exp"].as_u64().unwrap());
}

#[test]
fn a_ticket_is_good_for_a_moment_only() {
    let mut game = Game::limited(|limits| limits.ticket_lifetime = Duration::from_millis(200));
    let ticket = ticket_for(&game, "player-1");
    thread::sleep(Duration::from_millis(250));
    assert_eq!(preflight(&mut game, &ticket), 401);
    assert_eq!(refused(&mut game, &ticket), unauthorized());
    let mut config = config();
    config.limits.ticket_lifetime = Duration::from_secs(31);
    let error = BouncerPlugin::bind(config, authenticator()).err().unwrap();
    assert!(
        error
            .to_string()
            .starts_with("limits.ticket_lifetime_seconds: ")
    );
}

#[test]
fn p09_tickets_are_limited_and_those_that_are_out_stay_good() {
    let mut game = Game::limited(|limits| limits.tickets = 2);
    let first = ticket_for(&game, "player-1");
    let second = ticket_for(&game, "player-2");
    let refusal = exchange(&game, &token("player-3")).unwrap_err();
    assert_eq!(refusal.kind(), RefusalKind::Capacity);
    assert!(refusal.retry_delay().is_some());
    let _one = enter(&mut game, &first).unwrap();
    ticket_for(&game, "player-3");
    let _two = enter(&mut game, &second).unwrap();
}

#[test]
fn p09_guessing_tickets_is_as_dear_as_guessing_tokens() {
    let mut game = Game::limited(|limits| {
        limits.handshakes_per_ip_per_minute = 6;
        limits.failed_handshake_price = 6;
    });
    assert_eq!(refused(&mut game, &"A".repeat(43)).0, 401);
    assert_eq!(refused(&mut game, &"A".repeat(43)).0, 429);
}

#[test]
fn a_token_that_the_door_would_refuse_gets_no_ticket() {
    let mut game = Game::limited(|limits| limits.duplicate_login = DuplicateLogin::RejectNew);
    let mut expired = claims("player-1");
    expired["exp"] = json!(unix_now() - 100);
    let long = "A".repeat(5000);
    for token in [
        "",
        "garbage",
        "a b",
        &long,
        &token("nobody"),
        &sign(&expired),
    ] {
        let refusal = exchange(&game, token).unwrap_err();
        assert_eq!(refusal.kind(), RefusalKind::Unauthorized);
    }
    let barred = exchange(&game, &token("barred")).unwrap_err();
    assert_eq!(barred.kind(), RefusalKind::Banned);
    drop(game.bouncer.revoke(Revocation::token("token-of-player-1")));
    let revoked = exchange(&game, &token("player-1")).unwrap_err();
    assert_eq!(revoked.kind(), RefusalKind::Unauthorized);
    let _player = game.join("player-2");
    let twice = exchange(&game, &token("player-2")).unwrap_err();
    assert_eq!(twice.kind(), RefusalKind::AlreadyConnected);
}

#[derive(Component)]
struct Guild(u32);

/// Gives everybody a guild, and counts on nothing else.
struct Guilds;

impl Authenticator for Guilds {
    async fn authenticate(&self, request: &HandshakeRequest) -> Result<Admission, Refusal> {
        let name = request.credential().unwrap().expose();
        Ok(Admission::new(User::new(name, name).unwrap()).with(Guild(7)))
    }
}

#[test]
fn the_components_of_an_authenticator_come_in_with_the_ticket() {
    let mut game = Game::open(BouncerPlugin::bind(config(), Guilds).unwrap());
    let ticket = exchange(&game, "ann").unwrap();
    assert_eq!(preflight(&mut game, ticket.expose()), 204);
    let _player = enter(&mut game, ticket.expose()).unwrap();
    let entity = game.entity_of("ann");
    assert_eq!(game.world().get::<Guild>(entity).unwrap().0, 7);
}
