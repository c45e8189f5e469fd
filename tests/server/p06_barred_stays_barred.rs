//! A revoked identity cannot come in again until it is restored.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use bevy_app::prelude::*;
use bevy_bouncer::*;
use bevy_ecs::prelude::*;

use crate::support::*;

#[test]
fn p06_a_revoked_user_is_refused_until_restored() {
    let mut game = Game::start();
    let _client = game.join("player-1");
    drop(game.bouncer.revoke(user("player-1")));
    for _ in 0..3 {
        let answer = game.connect(&token("player-1")).err().unwrap();
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (401, "unauthorized")
        );
    }
    drop(game.bouncer.restore(user("player-1")));
    game.join("player-1");
}

#[test]
fn p06_a_ban_is_told_with_its_reason_and_ends_at_its_time() {
    let mut game = Game::start();
    let ban = Revocation::user(user("player-1")).ban().reason("cheating");
    drop(game.bouncer.revoke(ban.clone()));
    let answer = game.connect(&token("player-1")).err().unwrap();
    assert_eq!((answer.status, answer.error().as_str()), (403, "banned"));
    assert_eq!(answer.json()["message"], "cheating");
    drop(game.bouncer.restore(user("player-1")));

    drop(game.bouncer.revoke(ban.until(unix_now() + 1)));
    assert_eq!(game.connect(&token("player-1")).err().unwrap().status, 403);
    game.until("the end of the ban", |_| unix_now() > 0);
    let deadline = std::time::Instant::now() + PATIENCE;
    while game.connect(&token("player-1")).is_err() {
        assert!(std::time::Instant::now() < deadline, "the ban does not end");
    }
}

#[test]
fn p06_logging_out_everywhere_bars_older_tokens_only() {
    let mut game = Game::start();
    let now = unix_now();
    let issued = |at: u64| {
        let mut claims = claims("player-1");
        claims["iat"] = at.into();
        sign(&claims)
    };
    let mut live = game.connect(&issued(now - 5)).unwrap();
    let log_out = Revocation::user(user("player-1")).issued_before(now - 10);
    assert_eq!(
        game.bouncer.revoke(log_out).cut(),
        1,
        "live sessions end whatever their token"
    );
    assert_eq!(live.close_code(), 4101);
    assert_eq!(game.connect(&issued(now - 10)).err().unwrap().status, 401);
    let mut without_iat = claims("player-1");
    without_iat.as_object_mut().unwrap().remove("iat");
    // Without iat a token counts as issued at 0 (and its lifetime as too long to accept, or barred).
    assert_eq!(game.connect(&sign(&without_iat)).err().unwrap().status, 401);
    game.connect(&issued(now - 9)).expect("a younger token");
}

#[test]
fn p06_a_revocation_in_a_file_holds_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("revocations.db");
    let door = || {
        BouncerPlugin::bind(config(), authenticator())
            .unwrap()
            .revocations(SqliteRevocations::open(&file).unwrap())
            .unwrap()
    };
    let game = Game::open(door());
    let receipt = game.bouncer.revoke(user("player-1"));
    block_on(receipt).expect("stored");
    drop(game);

    let mut game = Game::open(door());
    assert_eq!(game.connect(&token("player-1")).err().unwrap().status, 401);
    block_on(game.bouncer.restore(user("player-1"))).expect("stored");
    drop(game);

    let mut game = Game::open(door());
    game.join("player-1");
}

#[test]
fn p06_a_handshake_in_flight_does_not_slip_through() {
    let mut game = Game::start();
    let (address, token) = (game.address, token("player-1"));
    // Verified and waiting for the game's word, which comes after the revocation.
    let client = thread::spawn(move || Client::connect(address, &token));
    let deadline = std::time::Instant::now() + PATIENCE;
    while game.bouncer.occupied() == 0 {
        assert!(std::time::Instant::now() < deadline);
        thread::sleep(Duration::from_millis(1));
    }
    drop(game.bouncer.revoke(user("player-1")));
    for _ in 0..5 {
        game.tick();
    }
    let answer = client.join().unwrap().err().expect("refused");
    assert_eq!(answer.status, 401);
    assert_eq!(game.seen().hooks, 0);
}

/// Two clocks may differ by the leeway, at the issue and now: so long an entry about a token is kept.
#[test]
fn p06_a_revoked_token_stays_out_for_as_long_as_it_could_be_good() {
    const LEEWAY: u64 = 3;
    let tokens = JwtAuthenticator::hs256(SECRET)
        .unwrap()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .leeway(Duration::from_secs(LEEWAY))
        .longest_lifetime(Duration::from_secs(1))
        .require_issued_at(true)
        .users(|claims: &Claims| {
            let user = User::new(claims.subject().clone(), "Ann");
            Ok(Standing::active(user.expect("a valid user")))
        });
    let mut game = Game::open(BouncerPlugin::bind(config(), tokens).unwrap());
    let now = unix_now();
    let mut claims = claims("player-1");
    claims["iat"] = (now + LEEWAY).into();
    claims["exp"] = (now + LEEWAY + 1).into();
    let token = sign(&claims);
    drop(game.connect(&token).expect("a good token"));
    drop(game.bouncer.revoke(Revocation::token("token-of-player-1")));
    while unix_now() <= now + 2 * LEEWAY + 2 {
        assert_eq!(game.connect(&token).err().unwrap().status, 401);
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn p06_a_failed_store_is_an_error_and_the_fence_stays() {
    struct Broken;
    impl RevocationStore for Broken {
        fn load(&self) -> StoreFuture<'_, Vec<Revocation>> {
            Box::pin(async { Ok(Vec::new()) })
        }
        fn replace<'a>(&'a self, _: &'a Subject, _: &'a [Revocation]) -> StoreFuture<'a, ()> {
            Box::pin(async { Err(StoreError::Failed("no disk".into())) })
        }
    }
    let door = BouncerPlugin::bind(config(), authenticator()).unwrap();
    let mut game = Game::open(door.revocations(Broken).unwrap());
    let mut client = game.join("player-1");
    let receipt = game.bouncer.revoke(user("player-1"));
    assert_eq!(receipt.cut(), 1);
    assert_eq!(client.close_code(), 4101);
    assert!(block_on(receipt).is_err());
    game.until("the event", |game| {
        let told = game
            .world()
            .resource::<bevy_ecs::message::Messages<RevocationNotStored>>();
        !told.is_empty()
    });
    assert_eq!(game.connect(&token("player-1")).err().unwrap().status, 401);
}

/// Handshakes race revocations, round after round; whoever is in after a revocation is a survivor.
#[test]
fn p06_revocations_race_handshakes_and_nobody_survives() {
    const ROUNDS: usize = 10_000;
    const CLIENTS: usize = 4;
    let mut game = Game::limited(|limits| limits.connections_per_user = 4);
    let address = game.address;
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let stop = stop.clone();
            let request = upgrade(&[&format!(
                "Authorization: Bearer {}",
                token(&format!("player-{number}"))
            )]);
            thread::spawn(move || {
                let (mut admitted, mut refused) = (0_usize, 0_usize);
                while !stop.load(Ordering::Relaxed) {
                    match attempt(address, &request) {
                        Some(true) => admitted += 1,
                        Some(false) => refused += 1,
                        None => {}
                    }
                }
                (admitted, refused)
            })
        })
        .collect();
    let bouncer = game.bouncer.clone();
    let ids: Vec<_> = (0..CLIENTS)
        .map(|number| user(&format!("player-{number}")))
        .collect();
    let mut cut = 0;
    for round in 0..ROUNDS {
        let id = &ids[round % CLIENTS];
        if round % 3 == 0 {
            game.tick();
        }
        cut += bouncer.revoke(id.clone()).cut();
        // At this moment nobody of this identity may be live, whatever is in flight.
        let survivor = bouncer
            .players()
            .into_iter()
            .find(|player| player.user.id() == id);
        assert_eq!(survivor, None, "round {round}");
        game.tick();
        let entities = game.world().resource::<Players>().of(id).len();
        assert_eq!(entities, 0, "round {round}: an entity survived");
        drop(bouncer.restore(id.clone()));
        if round % 16 == 0 {
            thread::yield_now();
        }
    }
    stop.store(true, Ordering::Relaxed);
    let mut totals = (0, 0);
    for client in clients {
        while !client.is_finished() {
            game.tick();
        }
        let (admitted, refused) = client.join().unwrap();
        totals = (totals.0 + admitted, totals.1 + refused);
    }
    println!(
        "{} admitted, {} refused, {cut} cut in {ROUNDS} rounds",
        totals.0, totals.1
    );
    assert!(
        totals.0 > 0 && totals.1 > 0 && cut > 0,
        "the race took place"
    );
    assert_eq!(
        game.seen().joined.len(),
        game.seen().left.len() + game.players(),
        "everybody who joined has left or is in"
    );
}

/// One handshake over raw TCP: was it let in?
fn attempt(address: std::net::SocketAddr, request: &str) -> Option<bool> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).ok()?;
    // A reset rather than a wait, so that no port stays in use.
    let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    Some(&head == b"HTTP/1.1 101")
}

#[test]
fn p06_a_shorter_ban_does_not_shorten_a_longer_one() {
    let mut game = Game::start();
    let ban = Revocation::user(user("player-1")).ban();
    drop(game.bouncer.revoke(ban.clone()));
    drop(game.bouncer.revoke(ban.until(unix_now() - 1)));
    assert_eq!(game.connect(&token("player-1")).err().unwrap().status, 403);
}

/// A store that answers nothing for as long as the test lasts.
struct Stuck;

impl RevocationStore for Stuck {
    fn load(&self) -> StoreFuture<'_, Vec<Revocation>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn replace<'a>(&'a self, _: &'a Subject, _: &'a [Revocation]) -> StoreFuture<'a, ()> {
        Box::pin(std::future::pending())
    }
}

#[test]
fn p06_a_restoration_that_cannot_be_stored_is_not_carried_out_and_the_game_hears_of_it() {
    #[derive(Resource, Default)]
    struct NotStored(Vec<StoreError>);

    let mut config = config();
    config.limits.unsaved_revocations = 1;
    let door = BouncerPlugin::bind(config, authenticator()).unwrap();
    let door = door.revocations(Stuck).unwrap();
    let mut game = Game::open(door);
    game.app.init_resource::<NotStored>().add_systems(
        Update,
        |mut errors: MessageReader<RevocationNotStored>, mut heard: ResMut<NotStored>| {
            heard
                .0
                .extend(errors.read().map(|message| message.error.clone()));
        },
    );
    drop(game.bouncer.revoke(Revocation::user(user("player-1"))));
    drop(game.bouncer.revoke(Revocation::user(user("player-2"))));
    assert_eq!(
        block_on(game.bouncer.restore(user("player-3"))),
        Err(StoreError::Backlog)
    );
    game.until("the game hears of it", |game| {
        !game.app.world().resource::<NotStored>().0.is_empty()
    });
    let heard = &game.app.world().resource::<NotStored>().0;
    // The second receipt, and the restoration.
    assert_eq!(*heard, [StoreError::Backlog, StoreError::Backlog]);
    let unsaved = ["player-1", "player-2"].map(|id| Subject::User(user(id)));
    assert_eq!(game.bouncer.unsaved(), unsaved);
}

/// A log-in service that renews tokens asks the door, and not only whether the token was signed.
#[test]
fn p06_a_log_in_service_asks_what_the_door_asks() {
    let mut game = Game::limited(|limits| {
        limits.connections = 1;
        limits.duplicate_login = DuplicateLogin::RejectNew;
    });
    let _live = game.join("player-1");
    let bouncer = game.bouncer.clone();
    let check = |token: &str| block_on(bouncer.check_token(&Credential::new(token)));
    let mut with_id = claims("player-1");
    with_id["jti"] = "t-1".into();
    let good = sign(&with_id);
    // Neither is there room, nor may the user be in twice.
    assert_eq!(check(&good).unwrap().id(), &user("player-1"));
    assert_eq!(
        check("garbage").unwrap_err().kind(),
        RefusalKind::Unauthorized
    );
    assert_eq!(
        check(&token("nobody")).unwrap_err().kind(),
        RefusalKind::Unauthorized
    );
    let now = unix_now();
    let player = Subject::User(user("player-1"));
    for (entry, kind) in [
        (
            Revocation::user(user("player-1")),
            RefusalKind::Unauthorized,
        ),
        (
            Revocation::user(user("player-1")).issued_before(now),
            RefusalKind::Unauthorized,
        ),
        (Revocation::token("t-1"), RefusalKind::Unauthorized),
        (
            Revocation::new(Subject::Everyone).issued_before(now),
            RefusalKind::Unauthorized,
        ),
        (
            Revocation::user(user("player-1")).ban(),
            RefusalKind::Banned,
        ),
    ] {
        let subject = entry.subject.clone();
        drop(game.bouncer.revoke(entry.clone()));
        assert_eq!(check(&good).unwrap_err().kind(), kind, "{entry:?}");
        assert_eq!(game.bouncer.revocations_of(&subject), [entry]);
        drop(game.bouncer.restore(subject));
        assert!(check(&good).is_ok());
    }
    assert_eq!(game.bouncer.revocations_of(&player), []);
}
