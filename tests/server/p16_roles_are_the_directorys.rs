//! P16: name, roles and what else is the directory's follow it at every re-check, refresh and return.

use std::{
    collections::HashMap,
    net::Shutdown,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bevy_bouncer::*;
use bevy_ecs::{name::Name, prelude::*};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::support::*;

const PLAYER: &str = "player-1";

/// A directory that changes, and whose answers can be held back.
#[derive(Clone, Default)]
struct Book(Arc<Pages>);

#[derive(Default)]
struct Pages {
    standings: Mutex<HashMap<String, Standing>>,
    /// The next look waits for this one.
    gate: Mutex<Option<Arc<Semaphore>>>,
    looks: AtomicUsize,
    fails: Mutex<bool>,
}

impl Book {
    fn with(standing: Standing) -> Self {
        let book = Self::default();
        book.write(standing);
        book
    }

    fn write(&self, standing: Standing) {
        let mut standings = self.0.standings.lock().unwrap();
        standings.insert(PLAYER.to_owned(), standing);
    }

    fn looks(&self) -> usize {
        self.0.looks.load(Ordering::SeqCst)
    }

    /// The next look finds what is written now, and tells it when it is let go.
    fn hold_next(&self) -> Held {
        let gate = Arc::new(Semaphore::new(0));
        *self.0.gate.lock().unwrap() = Some(gate.clone());
        Held {
            gate,
            book: self.clone(),
        }
    }
}

struct Held {
    gate: Arc<Semaphore>,
    book: Book,
}

impl Held {
    /// Whether a look is held.
    fn has_one(&self) -> bool {
        self.book.0.gate.lock().unwrap().is_none()
    }

    fn let_go(&self) {
        self.gate.add_permits(1);
    }
}

impl UserDirectory for Book {
    async fn find(&self, claims: &Claims) -> Result<Standing, DirectoryError> {
        let found = {
            let standings = self.0.standings.lock().unwrap();
            standings.get(claims.subject().as_str()).cloned()
        };
        let gate = self.0.gate.lock().unwrap().take();
        if let Some(gate) = gate {
            let _ = gate.acquire().await.unwrap();
        }
        self.0.looks.fetch_add(1, Ordering::SeqCst);
        Ok(found.unwrap_or(Standing::Missing))
    }

    async fn look_up(&self, user: &UserId) -> Result<Known, DirectoryError> {
        if *self.0.fails.lock().unwrap() {
            return Err(DirectoryError::Failed("no answer".into()));
        }
        let standings = self.0.standings.lock().unwrap();
        Ok(match standings.get(user.as_str()) {
            None | Some(Standing::Missing) => Known::Missing,
            Some(found) => found
                .user()
                .map_or(Known::Unknown, |user| Known::User(user.clone())),
        })
    }
}

fn named(name: &str, roles: &[&str]) -> User {
    let user = User::new(PLAYER, name).unwrap();
    user.with_roles(roles.iter().copied()).unwrap()
}

fn moderator() -> User {
    named("Ann", &["moderator"])
}

/// What the game has heard of its players' users.
#[derive(Resource, Default)]
struct Heard {
    added: usize,
    removed: usize,
    inserted: usize,
    changed: Vec<UserChanged>,
    guilds: usize,
}

/// Given by the directory.
#[derive(Component, Clone, PartialEq, Debug)]
struct Guild(u32);

/// Given for the start.
#[derive(Component, Clone, PartialEq, Debug)]
struct Purse(u32);

/// Gives a purse to whoever comes in.
struct WithPurse(JwtAuthenticator<Book>);

impl Authenticator for WithPurse {
    async fn authenticate(&self, request: &HandshakeRequest) -> Result<Admission, Refusal> {
        let admission = self.0.authenticate(request).await?;
        Ok(admission.with(Purse(10)))
    }

    async fn readmit(&self, admission: Admission) -> Result<Admission, Refusal> {
        self.0.readmit(admission).await
    }

    async fn look_up(&self, user: &UserId) -> Result<Known, DirectoryError> {
        self.0.look_up(user).await
    }
}

fn open(book: &Book, change: impl FnOnce(&mut Limits)) -> Game {
    let mut config = config();
    config.limits.recheck_interval = Duration::ZERO;
    config.limits.refresh_pause = Duration::ZERO;
    change(&mut config.limits);
    let tokens = JwtAuthenticator::hs256(SECRET).unwrap();
    let door = BouncerPlugin::bind(config, WithPurse(tokens.users(book.clone()))).unwrap();
    Game::open_with(door, |app| {
        app.init_resource::<Heard>()
            .add_observer(|_: On<Add<User>>, mut heard: ResMut<Heard>| heard.added += 1)
            .add_observer(|_: On<Remove<User>>, mut heard: ResMut<Heard>| heard.removed += 1)
            .add_observer(|_: On<Insert<User>>, mut heard: ResMut<Heard>| heard.inserted += 1)
            .add_observer(|_: On<Insert<Guild>>, mut heard: ResMut<Heard>| heard.guilds += 1)
            .add_observer(|changed: On<UserChanged>, mut heard: ResMut<Heard>| {
                heard.changed.push(changed.event().clone());
            });
    })
}

/// Everybody is checked again all the time.
fn rechecking(book: &Book) -> Game {
    open(book, |limits| {
        limits.recheck_interval = Duration::from_millis(100);
    })
}

fn user_of(game: &Game, entity: Entity) -> &User {
    game.app.world().get::<User>(entity).unwrap()
}

fn heard(game: &Game) -> &Heard {
    game.app.world().resource::<Heard>()
}

fn token_called(id: &str) -> Credential {
    let mut claims = claims(PLAYER);
    claims["jti"] = json!(id);
    Credential::new(sign(&claims))
}

fn refresh(game: &Game, token: &Credential) -> Result<Option<u64>, Refusal> {
    let connection = game.bouncer.players()[0].connection;
    block_on(game.bouncer.refresh(connection, token))
}

/// Some looks later, and what they found has arrived.
fn after_looks(game: &mut Game, book: &Book) {
    let before = book.looks();
    game.until("three looks", |_| book.looks() >= before + 3);
    game.tick();
}

#[test]
fn p16_a_player_has_the_name_and_the_roles_of_the_last_recheck() {
    let book = Book::with(Standing::active(moderator()));
    let mut game = rechecking(&book);
    let _client = game.join(PLAYER);
    let entity = game.entity_of(PLAYER);
    after_looks(&mut game, &book);
    assert_eq!(heard(&game).inserted, 1, "nothing has changed yet");

    for (number, now) in [named("Ann", &[]), named("Anna", &[]), moderator()]
        .into_iter()
        .enumerate()
    {
        let before = user_of(&game, entity).clone();
        book.write(Standing::active(now.clone()));
        let expected = now.clone();
        game.until("the entity follows", move |game| {
            *user_of(game, entity) == expected
        });
        let name = game.app.world().get::<Name>(entity).unwrap();
        assert_eq!(name.as_str(), now.name());
        assert_eq!(game.entity_of(PLAYER), entity);
        assert_eq!(game.bouncer.players()[0].user, now);
        let heard = heard(&game);
        assert_eq!(
            (heard.added, heard.removed, heard.inserted),
            (1, 0, number + 2)
        );
        assert_eq!(heard.changed.last(), Some(&UserChanged { entity, before }));
    }
    after_looks(&mut game, &book);
    assert_eq!(heard(&game).changed.len(), 3, "each change once");
    assert!(game.seen().left.is_empty());
}

#[test]
fn p16_a_name_that_the_game_has_given_stays_until_the_user_has_another_one() {
    let book = Book::with(Standing::active(moderator()));
    let mut game = rechecking(&book);
    let _client = game.join(PLAYER);
    let entity = game.entity_of(PLAYER);
    game.world().entity_mut(entity).insert(Name::new("Captain"));
    let name = |game: &Game| {
        game.app
            .world()
            .get::<Name>(entity)
            .unwrap()
            .as_str()
            .to_owned()
    };
    book.write(Standing::active(named("Ann", &[])));
    game.until("the demotion", |game| {
        user_of(game, entity).roles().is_empty()
    });
    assert_eq!(name(&game), "Captain");
    book.write(Standing::active(named("Anna", &[])));
    game.until("the name", |game| name(game) == "Anna");
}

#[test]
fn p16_a_player_has_the_name_and_the_roles_of_its_last_token() {
    let book = Book::with(Standing::active(moderator()));
    let mut game = open(&book, |_| ());
    let _client = game.join(PLAYER);
    let entity = game.entity_of(PLAYER);
    book.write(Standing::active(named("Anna", &[])));
    assert!(refresh(&game, &token_called("two")).is_ok());
    game.tick();
    assert_eq!(*user_of(&game, entity), named("Anna", &[]));
    assert_eq!(heard(&game).changed.len(), 1);
}

#[test]
fn p16_the_game_sees_the_user_before_it_hears_of_the_refresh() {
    let book = Book::with(Standing::active(moderator()));
    let mut game = open(&book, |_| ());
    game.app
        .add_observer(|refreshed: On<Refreshed>, users: Query<&User>| {
            assert!(users.get(refreshed.entity).unwrap().roles().is_empty());
        });
    let _client = game.join(PLAYER);
    let entity = game.entity_of(PLAYER);
    book.write(Standing::active(named("Ann", &[])));
    game.command(entity, |player| _ = player.refresh(token_called("two")));
    game.until("the demotion", |game| {
        user_of(game, entity).roles().is_empty()
    });
    game.tick();
}

#[test]
fn p16_who_comes_back_has_the_name_and_the_roles_of_now() {
    let book = Book::with(Standing::active(moderator()).with(Guild(1)));
    let mut game = open(&book, |limits| {
        limits.resume_window = Duration::from_secs(3600)
    });
    let client = game.join(PLAYER);
    let entity = game.entity_of(PLAYER);
    game.world().entity_mut(entity).insert(Purse(3));
    client.socket.get_ref().shutdown(Shutdown::Both).unwrap();
    game.until("the link is lost", |game| {
        !game.bouncer.players()[0].is_connected
    });

    book.write(Standing::active(named("Anna", &[])).with(Guild(2)));
    let client = game.join(PLAYER);
    assert_eq!(*user_of(&game, entity), named("Anna", &[]));
    let world = game.app.world();
    assert_eq!(world.get::<Name>(entity).unwrap().as_str(), "Anna");
    assert_eq!(world.get::<Guild>(entity), Some(&Guild(2)));
    assert_eq!(
        world.get::<Purse>(entity),
        Some(&Purse(3)),
        "it was for the spawn"
    );
    assert_eq!((heard(&game).added, heard(&game).removed), (1, 0));
    assert_eq!(heard(&game).changed.len(), 1);

    client.socket.get_ref().shutdown(Shutdown::Both).unwrap();
    game.until("the link is lost", |game| {
        !game.bouncer.players()[0].is_connected
    });
    book.write(Standing::active(named("Anna", &[])));
    let _client = game.join(PLAYER);
    assert_eq!(game.app.world().get::<Guild>(entity), None, "taken away");
    assert_eq!((heard(&game).guilds, heard(&game).inserted), (2, 2));
}

#[test]
fn p16_the_directorys_components_are_inserted_again_when_they_are_others() {
    let book = Book::with(Standing::active(moderator()).with(Guild(1)));
    let mut game = rechecking(&book);
    let _client = game.join(PLAYER);
    let entity = game.entity_of(PLAYER);
    let guild = |game: &Game| game.app.world().get::<Guild>(entity).cloned();
    let purse = |game: &Game| game.app.world().get::<Purse>(entity).cloned();
    assert_eq!(
        (guild(&game), purse(&game)),
        (Some(Guild(1)), Some(Purse(10)))
    );
    game.world().entity_mut(entity).insert(Purse(3));
    after_looks(&mut game, &book);
    assert_eq!(heard(&game).guilds, 1, "it is the same");

    book.write(Standing::versioned(moderator(), 0).with(Guild(1)));
    book.write(Standing::active(moderator()).with(Guild(2)));
    game.until("another guild", |game| guild(game) == Some(Guild(2)));
    assert_eq!(heard(&game).guilds, 2);
    // It is not the game's to change.
    game.world().entity_mut(entity).insert(Guild(9));
    game.until("the directory's guild", |game| {
        guild(game) == Some(Guild(2))
    });
    book.write(Standing::active(moderator()));
    game.until("no guild", |game| guild(game).is_none());
    // What the game gives then is its own.
    game.world().entity_mut(entity).insert(Guild(7));
    after_looks(&mut game, &book);
    assert_eq!(
        (guild(&game), purse(&game)),
        (Some(Guild(7)), Some(Purse(3)))
    );
    assert_eq!(
        heard(&game).inserted,
        1,
        "the user was the same all the time"
    );
}

#[test]
fn p16_who_is_removed_leaves_at_the_next_recheck() {
    let book = Book::with(Standing::active(moderator()).with(Guild(1)));
    let mut game = rechecking(&book);
    let mut client = game.join(PLAYER);
    book.write(Standing::Missing);
    assert_eq!(game.during(move || client.close_code()), 4404);
    game.until("the entity is gone", |game| game.entities() == 0);
    assert!(heard(&game).changed.is_empty());
}

#[test]
fn p16_what_an_earlier_look_has_found_does_not_overrule_a_later_one() {
    let book = Book::with(Standing::active(moderator()));
    let mut game = open(&book, |limits| {
        limits.recheck_interval = Duration::from_millis(500);
    });
    let token = token_called("one");
    let _client = game.connect(token.expose()).unwrap();
    let entity = game.entity_of(PLAYER);
    let held = book.hold_next();
    game.until("a recheck is under way", |_| held.has_one());
    book.write(Standing::active(named("Ann", &[])));
    assert!(refresh(&game, &token).is_ok());
    game.tick();
    assert!(user_of(&game, entity).roles().is_empty());
    held.let_go();
    after_looks(&mut game, &book);
    assert_eq!(heard(&game).changed.len(), 1, "demoted, and nothing else");
}

#[test]
fn p16_an_older_token_that_is_verified_later_does_not_win() {
    let book = Book::with(Standing::active(moderator()));
    let mut game = open(&book, |_| ());
    let mut client = game.join(PLAYER);
    let entity = game.entity_of(PLAYER);
    let connection = game.bouncer.players()[0].connection;
    let held = book.hold_next();
    let bouncer = game.bouncer.clone();
    let first =
        std::thread::spawn(move || block_on(bouncer.refresh(connection, &token_called("first"))));
    game.until("the first is looked up", |_| held.has_one());
    book.write(Standing::active(named("Ann", &[])));
    assert!(refresh(&game, &token_called("second")).is_ok());
    held.let_go();
    let refused = first.join().unwrap().unwrap_err();
    assert_eq!(refused.kind(), RefusalKind::TooManyAttempts);
    game.tick();
    assert!(user_of(&game, entity).roles().is_empty());
    assert_eq!(game.bouncer.revoke(Revocation::token("first")).cut(), 0);
    assert_eq!(game.bouncer.revoke(Revocation::token("second")).cut(), 1);
    assert_eq!(game.during(move || client.close_code()), 4101);
}

#[test]
fn p16_somebody_is_known_as_a_player_who_is_in_or_as_the_directory_says() {
    let book = Book::with(Standing::active(moderator()));
    let mut game = open(&book, |limits| {
        limits.lookup_timeout = Duration::from_millis(200)
    });
    let look_up = |game: &Game, id: &str| block_on(game.bouncer.look_up(&user(id)));
    assert_eq!(look_up(&game, PLAYER), Ok(Known::User(moderator())));
    assert_eq!(look_up(&game, "nobody"), Ok(Known::Missing));
    let client = game.join(PLAYER);
    *book.0.fails.lock().unwrap() = true;
    assert!(look_up(&game, "nobody").is_err());
    assert_eq!(
        look_up(&game, PLAYER),
        Ok(Known::User(moderator())),
        "seen in the game"
    );
    drop(client);
    game.until("nobody is in", |game| game.bouncer.occupied() == 0);
    assert!(look_up(&game, PLAYER).is_err());
}
