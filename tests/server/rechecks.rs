//! Who is in is checked again, now and then: for what changed where the server does not look.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bevy_bouncer::*;

use crate::support::*;

const INTERVAL: Duration = Duration::from_millis(300);

fn open(tokens: impl Authenticator, change: impl FnOnce(&mut Limits)) -> Game {
    let mut config = config();
    config.limits.recheck_interval = INTERVAL;
    change(&mut config.limits);
    Game::open(BouncerPlugin::bind(config, tokens).unwrap())
}

fn tokens() -> JwtAuthenticator {
    JwtAuthenticator::hs256(SECRET).unwrap()
}

fn active(id: &UserId) -> Standing {
    Standing::active(User::new(id.clone(), "Somebody").unwrap())
}

/// Ticks until this one was told why it has to leave.
#[track_caller]
fn close_of(game: &mut Game, mut client: Client) -> u16 {
    game.during(move || client.close_code())
}

#[test]
fn a_user_who_was_deleted_or_disabled_does_not_stay() {
    let gone = Arc::new(Mutex::new(Vec::<(&str, Standing)>::new()));
    let known = gone.clone();
    let directory = move |claims: &Claims| {
        let known = known.lock().unwrap();
        let changed = known
            .iter()
            .find(|(id, _)| *id == claims.subject().as_str());
        Ok(changed.map_or_else(|| active(claims.subject()), |(_, now)| now.clone()))
    };
    let mut game = open(tokens().users(directory), |_| ());
    let deleted = game.join("player-deleted");
    let disabled = game.join("player-disabled");
    let mut other = game.join("player-other");

    gone.lock().unwrap().extend([
        ("player-deleted", Standing::Missing),
        ("player-disabled", Standing::Barred),
    ]);
    assert_eq!(close_of(&mut game, deleted), 4404);
    assert_eq!(close_of(&mut game, disabled), 4403);
    game.until("the entities are gone", |game| game.entities() == 1);
    let reasons: Vec<_> = game.seen().left.iter().map(|(_, reason)| *reason).collect();
    assert_eq!(reasons.len(), 2);
    assert!(reasons.contains(&DisconnectReason::UserGone));
    assert!(reasons.contains(&DisconnectReason::Banned));
    game.during(move || other.settle());
}

#[test]
fn a_directory_that_fails_ends_no_session_and_is_asked_again() {
    let (failing, missing) = (Arc::new(AtomicBool::new(false)), AtomicBool::new(false));
    let failures = Arc::new(AtomicUsize::new(0));
    let missing = Arc::new(missing);
    let directory = {
        let (failing, failures, missing) = (failing.clone(), failures.clone(), missing.clone());
        move |claims: &Claims| {
            if failing.load(Ordering::SeqCst) {
                failures.fetch_add(1, Ordering::SeqCst);
                return Err(DirectoryError::Failed("no answer".into()));
            }
            Ok(if missing.load(Ordering::SeqCst) {
                Standing::Missing
            } else {
                active(claims.subject())
            })
        }
    };
    let mut game = open(tokens().users(directory), |_| ());
    let player = game.join("player-1");
    failing.store(true, Ordering::SeqCst);
    game.until("several failures", |_| failures.load(Ordering::SeqCst) >= 5);
    assert_eq!(game.players(), 1);
    assert!(game.seen().left.is_empty());

    missing.store(true, Ordering::SeqCst);
    failing.store(false, Ordering::SeqCst);
    assert_eq!(close_of(&mut game, player), 4404);
}

#[test]
fn the_directory_gets_the_same_claims_again() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let directory = {
        let seen = seen.clone();
        move |claims: &Claims| {
            let facts = (claims.get("guild").cloned(), claims.token_id().is_some());
            seen.lock().unwrap().push((facts, claims.expires_at()));
            Ok(active(claims.subject()))
        }
    };
    let mut game = open(tokens().users(directory), |_| ());
    let mut claims = claims("player-1");
    claims["guild"] = "the 7 äpples".into();
    let _player = game.connect(&sign(&claims)).unwrap();
    game.until("two more looks", |_| seen.lock().unwrap().len() >= 3);
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0].0.0, Some(claims["guild"].clone()));
    assert!(seen.iter().all(|facts| *facts == seen[0]));
}

#[test]
fn an_authenticator_of_ones_own_says_how_a_session_ends() {
    struct Moody(Arc<Mutex<Option<Refusal>>>);
    impl Authenticator for Moody {
        async fn authenticate(&self, _: &HandshakeRequest) -> Result<Admission, Refusal> {
            Ok(Admission::new(User::new("player-1", "Ann").unwrap()))
        }

        async fn readmit(&self, admission: Admission) -> Result<Admission, Refusal> {
            assert_eq!(admission.user().id().as_str(), "player-1");
            match self.0.lock().unwrap().take() {
                Some(refusal) => Err(refusal),
                None => Ok(admission),
            }
        }
    }
    let mood = Arc::default();
    let mut game = open(Moody(Arc::clone(&mood)), |_| ());
    for (refusal, code, text) in [
        (
            Refusal::unauthorized("another password"),
            4101,
            "token_revoked",
        ),
        (Refusal::banned("be nice"), 4403, "banned: be nice"),
        (RefusalKind::Banned.into(), 4403, "banned"),
        (
            Refusal::forbidden("not in this match"),
            4004,
            "kicked: not in this match",
        ),
        (
            Refusal::forbidden("no").disconnect_with(DisconnectReason::BadProtocol),
            4400,
            "bad_protocol: no",
        ),
    ] {
        let mut player = game.join("player-1");
        *mood.lock().unwrap() = Some(refusal.clone());
        let closed = game.during(move || player.hear());
        assert_eq!(closed, Heard::Closed(code, text.to_owned()), "{refusal}");
        game.until("the entity is gone", |game| game.entities() == 0);
    }
}

/// Takes its time for those who are looked up again.
struct Slow {
    first: AtomicUsize,
    takes: Duration,
    under_way: AtomicUsize,
    looks: Arc<Looks>,
}

#[derive(Default)]
struct Looks {
    most: AtomicUsize,
    times: Mutex<Vec<Instant>>,
}

impl Slow {
    /// When this many were let in, the rest are looked up again.
    fn after(players: usize, takes: Duration) -> Self {
        Self {
            first: AtomicUsize::new(players),
            takes,
            under_way: AtomicUsize::new(0),
            looks: Arc::default(),
        }
    }
}

impl UserDirectory for Slow {
    async fn find(&self, claims: &Claims) -> Result<Standing, DirectoryError> {
        let down = |left: usize| left.checked_sub(1);
        let order = Ordering::SeqCst;
        if self.first.fetch_update(order, order, down).is_err() {
            self.looks.times.lock().unwrap().push(Instant::now());
            let now = self.under_way.fetch_add(1, order) + 1;
            self.looks.most.fetch_max(now, order);
            tokio::time::sleep(self.takes).await;
            self.under_way.fetch_sub(1, order);
        }
        Ok(active(claims.subject()))
    }
}

/// Thirty players who came together, and the looks at them again.
fn thirty(takes: Duration, change: impl FnOnce(&mut Limits)) -> Arc<Looks> {
    let directory = Slow::after(30, takes);
    let looks = directory.looks.clone();
    let mut game = open(tokens().users(directory), |limits| {
        limits.recheck_interval = Duration::from_secs(2);
        change(limits);
    });
    let _players = game.join_together(30);
    game.until("everybody was looked up again", |_| {
        looks.times.lock().unwrap().len() >= 30
    });
    assert_eq!(game.players(), 30);
    looks
}

#[test]
fn p09_only_so_many_are_checked_again_at_once() {
    let looks = thirty(Duration::from_millis(150), |limits| {
        limits.rechecks_at_once = 3;
    });
    assert_eq!(looks.most.load(Ordering::SeqCst), 3);
}

#[test]
fn those_who_came_together_are_not_checked_together() {
    let looks = thirty(Duration::ZERO, |_| ());
    let times = looks.times.lock().unwrap();
    let spread = times[29] - times[0];
    assert!(spread > Duration::from_millis(400), "{spread:?}");
}

#[test]
fn nobody_is_checked_again_when_that_is_switched_off() {
    let looks = Arc::new(AtomicUsize::new(0));
    let counted = looks.clone();
    let directory = move |claims: &Claims| {
        counted.fetch_add(1, Ordering::SeqCst);
        Ok(active(claims.subject()))
    };
    let mut never = open(tokens().users(directory), |limits| {
        limits.recheck_interval = Duration::ZERO;
    });
    let _player = never.join("player-1");
    // Another game's rounds tell that enough time has passed.
    let rounds = Arc::new(AtomicUsize::new(0));
    let counted = rounds.clone();
    let mut always = open(
        tokens().users(move |claims: &Claims| {
            counted.fetch_add(1, Ordering::SeqCst);
            Ok(active(claims.subject()))
        }),
        |_| (),
    );
    let _other = always.join("player-1");
    always.until("three rounds", |_| rounds.load(Ordering::SeqCst) >= 4);
    assert_eq!(looks.load(Ordering::SeqCst), 1);
}
