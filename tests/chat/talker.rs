//! A game with a chat, and somebody who talks.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bevy_app::AppExit;
use bevy_bouncer::*;
use bevy_bouncer_chat::*;
use bevy_ecs::prelude::*;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::support::*;

/// Whoever is called `mod-…` is a moderator, and `admin-…` an admin, unless something else is written. Of
/// `never-…` it is known that there is no such user, of `…-unknown` nothing, and `…-broken` cannot be read.
#[derive(Clone, Default)]
pub struct People(Arc<PeopleState>);

#[derive(Default)]
struct PeopleState {
    written: Mutex<HashMap<String, User>>,
    /// The next look-up waits for this one.
    gate: Mutex<Option<Arc<Semaphore>>>,
    looked_up: AtomicU64,
}

impl People {
    pub fn write(&self, id: &str, name: &str, roles: &[&str]) {
        let user = User::new(id, name).unwrap();
        let user = user.with_roles(roles.iter().copied()).unwrap();
        self.0.written.lock().unwrap().insert(id.to_owned(), user);
    }

    fn of(&self, id: &UserId) -> User {
        let written = self.0.written.lock().unwrap().get(id.as_str()).cloned();
        written.unwrap_or_else(|| {
            let roles = match id.as_str() {
                id if id.starts_with("mod-") => vec!["moderator"],
                id if id.starts_with("admin-") => vec!["admin"],
                "vip" => vec!["vip"],
                _ => vec![],
            };
            let user = User::new(id.clone(), format!("Name of {id}")).unwrap();
            user.with_roles(roles).unwrap()
        })
    }

    /// The next who is looked up is looked up when this is let go.
    pub fn hold_next(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        *self.0.gate.lock().unwrap() = Some(gate.clone());
        gate
    }

    pub fn looked_up(&self) -> u64 {
        self.0.looked_up.load(Ordering::SeqCst)
    }

    /// Whether a look-up is held.
    pub fn is_held(&self) -> bool {
        self.0.gate.lock().unwrap().is_none()
    }
}

impl UserDirectory for People {
    async fn find(&self, claims: &Claims) -> Result<Standing, DirectoryError> {
        Ok(Standing::active(self.of(claims.subject())))
    }

    async fn look_up(&self, user: &UserId) -> Result<Known, DirectoryError> {
        let gate = self.0.gate.lock().unwrap().take();
        if let Some(gate) = gate {
            let _ = gate.acquire().await.unwrap();
        }
        self.0.looked_up.fetch_add(1, Ordering::SeqCst);
        match user.as_str() {
            id if id.starts_with("never-") => Ok(Known::Missing),
            id if id.ends_with("-unknown") => Ok(Known::Unknown),
            id if id.ends_with("-broken") => Err(DirectoryError::Failed("no answer".into())),
            _ => Ok(Known::User(self.of(user))),
        }
    }
}

pub fn authenticator() -> impl Authenticator {
    tokens_of(People::default())
}

pub fn tokens_of(people: People) -> impl Authenticator {
    JwtAuthenticator::hs256(SECRET)
        .unwrap()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .users(people)
}

/// Nobody has to wait long.
pub fn options() -> ChatOptions {
    ChatOptions {
        burst: 100,
        presence_interval: Duration::from_millis(20),
        ..Default::default()
    }
}

/// A door that does not mind many errors.
pub fn patient() -> BouncerConfig {
    let mut config = config();
    config.messages.errors = 1000;
    config
}

/// A game with the rooms "a" and "b", and "vip" for those who have the role.
pub fn open(plugin: ChatPlugin) -> Game {
    open_with(config(), plugin)
}

pub fn open_with(config: BouncerConfig, plugin: ChatPlugin) -> Game {
    open_for(People::default(), config, plugin)
}

pub fn open_for(people: People, mut config: BouncerConfig, plugin: ChatPlugin) -> Game {
    config = config.subprotocols([SUBPROTOCOL]);
    let door = BouncerPlugin::bind(config, tokens_of(people)).unwrap();
    let mut game = Game::open_with(door, |app| {
        app.add_plugins(plugin);
    });
    game.offer = Some(SUBPROTOCOL);
    let world = game.world();
    world.spawn(Room::open("a"));
    world.spawn(Room::open("b"));
    world.spawn(Room::new("vip", ByRole("vip".into())));
    game
}

pub fn chat(change: impl FnOnce(&mut ChatOptions)) -> Game {
    let mut options = options();
    change(&mut options);
    open(ChatPlugin::new(options).unwrap())
}

pub fn start() -> Game {
    chat(|_| ())
}

/// A user may be here several times.
pub fn with_sessions() -> Game {
    let mut config = config();
    config.limits.duplicate_login = DuplicateLogin::Allow;
    config.limits.connections_per_user = 3;
    open_with(config, ChatPlugin::new(options()).unwrap())
}

pub fn room(game: &mut Game, name: &str) -> Entity {
    let world = game.world();
    let mut rooms = world.query::<(Entity, &Room)>();
    let mut found = rooms.iter(world).filter(|(_, room)| room.name() == name);
    found.next().unwrap().0
}

/// Ends the app as a game does.
pub fn exit(mut game: Game) {
    game.world().write_message(AppExit::Success);
    game.tick();
}

/// No id is used twice, also not by another connection of a user.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Somebody who talks.
pub struct Talker {
    pub client: Client,
    /// What was heard and not looked at.
    pub heard: Vec<Value>,
    pub closed: Option<(u16, String)>,
}

impl Talker {
    /// Comes in, and hears hello.
    #[track_caller]
    pub fn join(game: &mut Game, user: &str) -> Self {
        let mut talker = Self::arrive(game, user);
        talker.hear(game, "hello");
        talker
    }

    #[track_caller]
    pub fn arrive(game: &mut Game, user: &str) -> Self {
        Self::over(game.join(user))
    }

    pub fn over(client: Client) -> Self {
        Self {
            client,
            heard: Vec::new(),
            closed: None,
        }
    }

    /// The same, and goes into room "a".
    #[track_caller]
    pub fn in_room(game: &mut Game, user: &str) -> Self {
        let mut talker = Self::join(game, user);
        talker.ack(game, json!({"op": "room.join", "room": "a"}));
        talker
    }

    /// One tick, and whatever comes then.
    pub fn listen(&mut self, game: &mut Game) {
        game.tick();
        loop {
            match self.client.hear_within(Duration::from_millis(1)) {
                Heard::Text(text) => self.heard.push(serde_json::from_str(&text).unwrap()),
                Heard::Closed(code, reason) => self.closed = Some((code, reason)),
                Heard::Nothing | Heard::Lost | Heard::Binary(_) => return,
            }
        }
    }

    /// The next message like this, whatever else was said before it.
    #[track_caller]
    pub fn find(&mut self, game: &mut Game, what: &str, like: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(place) = self.heard.iter().position(&like) {
                return self.heard.remove(place);
            }
            assert!(
                Instant::now() < deadline && self.closed.is_none(),
                "no {what}, but {:?} {:?}",
                self.heard,
                self.closed
            );
            self.listen(game);
        }
    }

    /// The next message with this op.
    #[track_caller]
    pub fn hear(&mut self, game: &mut Game, op: &str) -> Value {
        self.find(game, op, |message| message["op"] == op)
    }

    /// Everything that has come by now, after the server has answered something.
    #[track_caller]
    pub fn all(&mut self, game: &mut Game) -> Vec<Value> {
        self.ack(game, json!({"op": "room.list"}));
        std::mem::take(&mut self.heard)
    }

    pub fn send(&mut self, request: Value) {
        self.client.send(&request.to_string());
    }

    /// Asks, and returns the answer.
    #[track_caller]
    pub fn ask(&mut self, game: &mut Game, mut request: Value) -> Value {
        if request["id"].is_null() {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            request["id"] = format!("r{number}").into();
        }
        let id = request["id"].clone();
        self.send(request);
        self.find(game, "answer", |message| message["re"] == id)
    }

    #[track_caller]
    pub fn ack(&mut self, game: &mut Game, request: Value) -> Value {
        let answer = self.ask(game, request);
        assert_eq!(answer["op"], "ack", "{answer}");
        answer
    }

    /// Asks, and returns the error.
    #[track_caller]
    pub fn err(&mut self, game: &mut Game, request: Value) -> String {
        let answer = self.ask(game, request);
        assert_eq!(answer["op"], "err", "{answer}");
        answer["code"].as_str().unwrap().to_owned()
    }

    /// Says something in room "a".
    #[track_caller]
    pub fn say(&mut self, game: &mut Game, text: &str) -> Value {
        self.ack(game, said(text))
    }

    /// What others said, in the order in which it came.
    #[track_caller]
    pub fn texts(&mut self, game: &mut Game) -> Vec<String> {
        let all = self.all(game).into_iter();
        let said = all.filter(|message| message["op"] == "chat.msg");
        said.map(|message| text_of(&message)).collect()
    }

    #[track_caller]
    pub fn close(&mut self, game: &mut Game) -> (u16, String) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(closed) = &self.closed {
                return closed.clone();
            }
            assert!(Instant::now() < deadline, "still open");
            self.listen(game);
        }
    }
}

pub fn said(text: &str) -> Value {
    json!({"op": "chat.send", "room": "a", "d": {"text": text}})
}

pub fn whispered(to: &str, text: &str) -> Value {
    json!({"op": "chat.whisper", "to": to, "d": {"text": text}})
}

pub fn text_of(message: &Value) -> String {
    message["d"]["text"]
        .as_str()
        .unwrap_or("(deleted)")
        .to_owned()
}
