//! What one address may cost: every connection is charged before a byte of it is read, a refused
//! credential is dear, and what is dear to check is not checked by many at once.

use std::{
    io::Read,
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use bevy_bouncer::*;

use crate::support::*;

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn status(game: &mut Game, request: &str) -> u16 {
    game.raw(request).unwrap().status
}

fn guess(game: &mut Game) -> u16 {
    status(game, &upgrade(&["Authorization: Bearer guess"]))
}

#[test]
fn p09_malformed_and_silent_connections_are_charged() {
    let mut game = Game::limited(|limits| limits.handshakes_per_ip_per_minute = 3);
    assert_eq!(status(&mut game, "nonsense\r\n\r\n"), 400);
    assert_eq!(status(&mut game, "GET / HTTP/1.1\r\n\r\n"), 400);
    drop(TcpStream::connect(game.address).unwrap());
    assert_eq!(status(&mut game, &upgrade(&[])), 429);
    assert_eq!(status(&mut game, "nonsense\r\n\r\n"), 429, "not read");
}

#[test]
fn p09_connections_past_those_of_the_address_are_charged() {
    let mut game = Game::limited(|limits| {
        limits.connections_per_ip = 1;
        limits.handshakes_per_ip_per_minute = 4;
    });
    let player = game.join("player-1");
    let retry_after = |game: &mut Game| {
        let answer = game.raw(upgrade(&[])).unwrap();
        assert_eq!(answer.status, 429, "let in, as if nothing had come before");
        answer
            .header("Retry-After")
            .unwrap()
            .parse::<u32>()
            .unwrap()
    };
    for _ in 0..3 {
        assert_eq!(retry_after(&mut game), 1, "as many connections as it may");
    }
    drop(player);
    let deadline = Instant::now() + PATIENCE;
    while retry_after(&mut game) == 1 {
        assert!(Instant::now() < deadline, "the place is never free");
    }
}

#[test]
fn p09_a_refused_refresh_is_as_dear_as_a_refused_handshake() {
    let mut game = Game::limited(|limits| {
        limits.refresh_pause = Duration::ZERO;
        limits.handshakes_per_ip_per_minute = 10;
        limits.failed_handshake_price = 5;
    });
    let mut player = game.join("player-1");
    let connection = game.bouncer.players()[0].connection;
    let bouncer = game.bouncer.clone();
    let refresh = |token: &str| {
        let given = Credential::new(token);
        block_on(bouncer.refresh(connection, &given)).map_err(|refusal| refusal.kind())
    };
    for _ in 0..8 {
        refresh(&token("player-1")).expect("good ones are free");
    }
    assert_eq!(refresh("guess"), Err(RefusalKind::Unauthorized));
    assert_eq!(guess(&mut game), 401, "takes the last five");
    assert_eq!(refresh("guess"), Err(RefusalKind::TooManyAttempts));
    assert_eq!(game.connect(&token("player-9")).err().unwrap().status, 429);
    player.settle();
}

#[test]
fn p09_whose_budget_is_used_up_is_not_listened_to_for_long() {
    let mut game = Game::limited(|limits| {
        limits.handshakes_per_ip_per_minute = 1;
        limits.head_timeout = PATIENCE * 2;
        limits.handshake_timeout = PATIENCE * 2;
    });
    assert_eq!(status(&mut game, &upgrade(&[])), 401);
    let address = game.address;
    let answer = game.during(move || {
        let mut silent = TcpStream::connect(address).unwrap();
        silent.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut answer = Vec::new();
        silent.read_to_end(&mut answer).unwrap();
        Answer::parse(&answer).unwrap()
    });
    assert_eq!(answer.status, 429);
}

#[test]
fn p09_health_checks_have_a_budget_of_their_own() {
    let limits = |limits: &mut Limits| {
        limits.handshakes_per_ip_per_minute = 2;
        limits.health_checks_per_ip_per_minute = 5;
    };
    let mut game = Game::limited(limits);
    for _ in 0..2 {
        assert_eq!(status(&mut game, &upgrade(&[])), 401);
    }
    assert_eq!(status(&mut game, &upgrade(&[])), 429);
    for _ in 0..5 {
        assert_eq!(status(&mut game, HEALTH), 200, "throttled by handshakes");
    }
    assert_eq!(status(&mut game, HEALTH), 429);
    let alike = HEALTH.replace("healthz", "healthz-of-mine");
    assert_eq!(status(&mut game, &alike), 429);

    let mut game = Game::limited(limits);
    for _ in 0..5 {
        assert_eq!(status(&mut game, HEALTH), 200);
    }
    for _ in 0..2 {
        assert_eq!(status(&mut game, &upgrade(&[])), 401, "charged for health");
    }
    assert_eq!(status(&mut game, HEALTH), 429);
}

#[test]
fn p09_a_health_check_too_many_counts_as_a_handshake() {
    let mut game = Game::limited(|limits| {
        limits.handshakes_per_ip_per_minute = 2;
        limits.health_checks_per_ip_per_minute = 1;
    });
    assert_eq!(status(&mut game, HEALTH), 200);
    for _ in 0..2 {
        assert_eq!(status(&mut game, HEALTH), 429);
    }
    assert_eq!(status(&mut game, &upgrade(&[])), 429);
}

#[test]
fn p09_a_refused_credential_is_dear_and_a_good_one_is_not() {
    let limits = |limits: &mut Limits| {
        limits.handshakes_per_ip_per_minute = 6;
        limits.failed_handshake_price = 4;
    };
    let mut game = Game::limited(limits);
    let mut players: Vec<Client> = (0..2).map(|n| game.join(&format!("player-{n}"))).collect();
    assert_eq!(guess(&mut game), 401, "takes the last four");
    assert_eq!(game.connect(&token("player-9")).err().unwrap().status, 429);

    let mut game = Game::limited(limits);
    players.extend((0..6).map(|n| game.join(&format!("player-{n}"))));
    assert_eq!(game.connect(&token("player-9")).err().unwrap().status, 429);

    let mut game = Game::limited(limits);
    for _ in 0..6 {
        assert_eq!(status(&mut game, &upgrade(&[])), 401, "nothing was guessed");
    }
    assert_eq!(status(&mut game, &upgrade(&[])), 429);
}

#[test]
fn p09_every_way_of_guessing_is_dear() {
    let no_token = upgrade(&["Authorization: Basic dXNlcjpwYXNz"]);
    let garbage = upgrade(&["Sec-WebSocket-Protocol: game.v1, bearer.a.b.c"]);
    let unknown_user = upgrade(&[&format!("Authorization: Bearer {}", token("nobody"))]);
    let preflight = unknown_user.replace("/ws", "/ws/preflight");
    for request in [no_token, garbage, unknown_user, preflight] {
        let mut game = Game::limited(|limits| {
            limits.handshakes_per_ip_per_minute = 6;
            limits.failed_handshake_price = 1000;
        });
        assert_eq!(status(&mut game, &request), 401);
        assert_eq!(status(&mut game, &request), 429);
    }
}

/// A directory that counts who looks at once, and waits while it is stuck.
#[derive(Clone, Default)]
struct Slow {
    stuck: Arc<AtomicBool>,
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

/// Counts itself out also when the lookup is given up.
struct Looking(Arc<AtomicUsize>);

impl Drop for Looking {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl UserDirectory for Slow {
    async fn find(&self, claims: &Claims) -> Result<Standing, DirectoryError> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        let _looking = Looking(self.now.clone());
        self.most.fetch_max(now, Ordering::SeqCst);
        if self.stuck.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        // Long enough for the others to arrive.
        tokio::time::sleep(Duration::from_millis(300)).await;
        Ok(Standing::active(User::new(claims.subject().clone(), "A")?))
    }
}

fn slow_game(directory: Slow, change: impl FnOnce(&mut Limits)) -> Game {
    let mut config = config();
    change(&mut config.limits);
    let tokens = JwtAuthenticator::hs256(SECRET).unwrap().users(directory);
    Game::open(BouncerPlugin::bind(config, tokens).unwrap())
}

#[test]
fn p09_lookups_at_once_are_limited_and_the_others_wait() {
    let directory = Slow::default();
    let mut game = slow_game(directory.clone(), |limits| {
        limits.lookups_at_once = 2;
        limits.lookup_timeout = PATIENCE;
    });
    let address = game.address;
    let players: Vec<_> = (0..8)
        .map(|n| thread::spawn(move || Client::connect(address, &token(&format!("player-{n}")))))
        .collect();
    game.until("all of them", |game| game.players() == 8);
    assert_eq!(directory.most.load(Ordering::SeqCst), 2);
    for player in players {
        assert!(player.join().unwrap().is_ok());
    }
}

#[test]
fn p09_who_waits_for_a_lookup_too_long_gets_a_503() {
    let directory = Slow::default();
    directory.stuck.store(true, Ordering::SeqCst);
    let mut game = slow_game(directory.clone(), |limits| {
        limits.lookups_at_once = 1;
        limits.lookup_timeout = Duration::from_secs(1);
        limits.handshake_timeout = PATIENCE;
    });
    let started = Instant::now();
    let address = game.address;
    let answers = game.during(move || {
        let tries: Vec<_> = (0..4)
            .map(|n| {
                thread::spawn(move || Client::connect(address, &token(&format!("player-{n}"))))
            })
            .collect();
        let answers = tries.into_iter().map(|one| one.join().unwrap());
        answers
            .map(|answer| answer.err().unwrap())
            .collect::<Vec<_>>()
    });
    for answer in answers {
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (503, "unavailable")
        );
    }
    assert!(started.elapsed() < PATIENCE / 2, "all at the same time");
    directory.stuck.store(false, Ordering::SeqCst);
    game.join("player-1");
}

#[test]
fn p09_what_a_directory_answers_is_not_remembered() {
    let users = MapDirectory::default();
    let tokens = JwtAuthenticator::hs256(SECRET)
        .unwrap()
        .users(users.clone());
    let mut game = Game::open(BouncerPlugin::bind(config(), tokens).unwrap());
    let token = token("player-1");
    assert_eq!(game.connect(&token).err().unwrap().status, 401);
    users.insert(User::new("player-1", "Ann").unwrap());
    assert!(game.connect(&token).is_ok());
}
